//! `log`: lines in the proxy's own log.

use std::fmt::Write as _;

use super::bindings::wasmgate::plugin::log::{Host, Level};
use crate::plugin::instance::HostState;

/// A longer message is cut.
const MESSAGE_MAX: usize = 8 * 1024;

impl Host for HostState {
    fn log(&mut self, level: Level, message: String) {
        if !self.enabled(level) {
            return;
        }
        self.log_line(level, &message);
    }

    fn enabled(&mut self, level: Level) -> bool {
        match level {
            Level::Trace => tracing::enabled!(target: "plugin", tracing::Level::TRACE),
            Level::Debug => tracing::enabled!(target: "plugin", tracing::Level::DEBUG),
            Level::Info => tracing::enabled!(target: "plugin", tracing::Level::INFO),
            Level::Warn => tracing::enabled!(target: "plugin", tracing::Level::WARN),
            Level::Error => tracing::enabled!(target: "plugin", tracing::Level::ERROR),
        }
    }
}

impl HostState {
    /// One line by the plugin, within its allowance of lines a second.
    pub(in crate::plugin) fn log_line(&self, level: Level, message: &str) {
        if !self.allowance.take(&self.name) {
            return;
        }
        let message = printable(message);
        let id = self
            .exchange
            .as_ref()
            .map(|exchange| String::from_utf8_lossy(exchange.request_id.as_bytes()).into_owned())
            .unwrap_or_default();
        let name = &self.name;
        match level {
            Level::Trace => {
                tracing::trace!(target: "plugin", plugin = %name, request_id = %id, "{message}")
            }
            Level::Debug => {
                tracing::debug!(target: "plugin", plugin = %name, request_id = %id, "{message}")
            }
            Level::Info => {
                tracing::info!(target: "plugin", plugin = %name, request_id = %id, "{message}")
            }
            Level::Warn => {
                tracing::warn!(target: "plugin", plugin = %name, request_id = %id, "{message}")
            }
            Level::Error => {
                tracing::error!(target: "plugin", plugin = %name, request_id = %id, "{message}")
            }
        }
    }
}

/// The message on one line, without what could move a terminal's cursor or forge
/// another line, and cut at [`MESSAGE_MAX`].
fn printable(message: &str) -> String {
    let mut text = String::with_capacity(message.len().min(MESSAGE_MAX));
    for c in message.chars() {
        if text.len() >= MESSAGE_MAX {
            text.push('…');
            break;
        }
        if c.is_control() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}", c.escape_default());
        } else {
            text.push(c);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_MAX, printable};

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(printable("a\nb\u{1b}[2J"), "a\\nb\\u{1b}[2J");
    }

    #[test]
    fn a_long_message_is_cut() {
        let text = printable(&"x".repeat(MESSAGE_MAX * 2));
        assert!(text.len() <= MESSAGE_MAX + '…'.len_utf8());
    }
}
