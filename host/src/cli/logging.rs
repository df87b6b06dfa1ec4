//! The program's own log: text on standard error.

mod heard;

use std::io::IsTerminal as _;
use std::str::FromStr;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::output::Failure;
pub(super) use heard::{Heard, Kept};

const VARIABLE: &str = "WASMGATE_LOG";

/// How much is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LogLevel(String);

impl FromStr for LogLevel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
        if LEVELS.contains(&text) {
            // Of the libraries only what goes wrong: their details drown ours.
            let others = if matches!(text, "off" | "error") { text } else { "warn" };
            return Ok(Self(format!("{others},wasmgate={text},plugin={text}")));
        }
        if !text.contains(['=', ',']) {
            return Err(format!(
                "use one of {}, or directives such as `info,wasmgate::upstream=debug`",
                LEVELS.join(", ")
            ));
        }
        EnvFilter::try_new(text).map_err(|error| error.to_string())?;
        Ok(Self(text.to_owned()))
    }
}

/// Instead of [`start`]: what is by or about plugins, and warnings, for a command that
/// shows them itself.
pub(super) fn hear(level: Option<LogLevel>) -> Result<Heard, Failure> {
    let level = chosen(level)?;
    let (hear, heard) = heard::channel();
    tracing_subscriber::registry()
        .with(EnvFilter::try_new(&level.0)?)
        .with(hear)
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start the log: {error}"))?;
    Ok(heard)
}

fn chosen(level: Option<LogLevel>) -> Result<LogLevel, Failure> {
    match level {
        Some(level) => Ok(level),
        None => from_environment(),
    }
}

/// Starts the log for the life of the process.
pub(super) fn start(level: Option<LogLevel>) -> Result<(), Failure> {
    let level = chosen(level)?;
    let is_plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::try_new(&level.0)?)
        .with_writer(std::io::stderr)
        .with_ansi(!is_plain && std::io::stderr().is_terminal())
        .with_target(false)
        // They would go to standard error with a macro that panics when it is closed.
        .log_internal_errors(false)
        .try_init()
        .map_err(|error| anyhow::anyhow!("cannot start the log: {error}").into())
}

fn from_environment() -> Result<LogLevel, Failure> {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let text = if text.is_empty() { "info" } else { &text };
    text.parse().map_err(|error| anyhow::anyhow!("{VARIABLE}={text:?}: {error}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_about_wasmgate() {
        let level = |text: &str| text.parse::<LogLevel>().unwrap().0;
        assert_eq!(level("debug"), "warn,wasmgate=debug,plugin=debug");
        assert_eq!(level("error"), "error,wasmgate=error,plugin=error");
        assert_eq!(level("info,h2=trace"), "info,h2=trace");
    }

    #[test]
    fn what_is_no_level_is_refused() {
        for text in ["", "loud", "wasmgate=loud", "INFO!"] {
            assert!(text.parse::<LogLevel>().is_err(), "{text}");
        }
    }
}
