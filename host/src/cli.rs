//! The command line: what people type, and what they are told.
//!
//! Each command is a file of its own and ends in a [`Result`]; only [`main`] turns
//! that into an exit code: 0 for success, 1 for what went wrong, 2 for what is no
//! command, or a file of cases that cannot be read.

mod check;
mod compile;
mod demo;
mod logging;
mod output;
mod plugin;
mod proxy;
mod run;
mod schema;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use logging::LogLevel;
use output::{Failure, print};

/// A reverse proxy that you program with WebAssembly components.
#[derive(Debug, Parser)]
#[command(name = "wasmgate", version, propagate_version = false, after_help = EXAMPLES)]
struct Cli {
    /// What the program's own log tells: error, warn, info, debug or trace, or
    /// directives such as `info,wasmgate::upstream=debug` [env: WASMGATE_LOG] [default: info]
    #[arg(long, global = true, value_name = "LEVEL")]
    log_level: Option<LogLevel>,

    #[command(subcommand)]
    command: Command,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate demo                                                        see what it does
  wasmgate proxy --listen 127.0.0.1:8080 --to http://127.0.0.1:3000    a proxy without a file
  wasmgate run -c wasmgate.toml                                        a proxy with one
  wasmgate plugin new --lang rust guard                                begin a plugin";

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what wasmgate does: a proxy in front of two servers that it brings along
    Demo(demo::Arguments),
    /// Run a proxy that needs no configuration file
    Proxy(proxy::Arguments),
    /// Run the proxy that a configuration file describes
    Run(run::Arguments),
    /// Load a configuration file without serving, and print what would be done
    Check(check::Arguments),
    // For the proxy itself.
    #[command(hide = true)]
    Compile(compile::Arguments),
    /// Print the JSON Schema of the configuration file, for editors
    #[command(after_help = schema::EXAMPLES)]
    Schema,
    /// Make plugins, and look into them
    #[command(subcommand, after_help = plugin::EXAMPLES)]
    Plugin(plugin::Command),
    /// Print the completions for a shell
    #[command(after_help = COMPLETIONS)]
    Completions {
        /// Which shell
        shell: Shell,
    },
}

const COMPLETIONS: &str = "\
Examples:
  wasmgate completions bash > ~/.local/share/bash-completion/completions/wasmgate
  wasmgate completions zsh > ~/.zfunc/_wasmgate
  wasmgate completions fish > ~/.config/fish/completions/wasmgate.fish";

/// Does what the process's arguments say.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are errors too, and nobody may be listening.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    match cli.command.run(cli.log_level) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

impl Command {
    fn run(self, level: Option<LogLevel>) -> Result<(), Failure> {
        // Those that hear the log show it in their own way.
        if !matches!(&self, Self::Plugin(command) if command.hears()) {
            logging::start(level.clone())?;
        }
        match self {
            Self::Demo(arguments) => demo::run(&arguments),
            Self::Proxy(arguments) => proxy::run(&arguments),
            Self::Run(arguments) => run::run(arguments),
            Self::Check(arguments) => check::run(arguments),
            Self::Compile(arguments) => compile::run(&arguments),
            Self::Schema => schema::run(),
            Self::Plugin(command) => command.run(level),
            Self::Completions { shell } => completions(shell),
        }
    }
}

fn completions(shell: Shell) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "wasmgate", &mut script);
    print(&String::from_utf8_lossy(&script))
}

#[cfg(test)]
mod tests;
