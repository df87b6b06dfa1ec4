//! What wasmgate costs on real sockets, measured from outside and, where it
//! means something, as a ratio to another proxy in the same run.
//!
//! An origin and the load clients live in this process; the proxies under test
//! are programs that it starts. Nothing here links the library: what is
//! measured is the program that users run. `README.md` beside this file says
//! what each scenario measures and how.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a program for the terminal: progress on stderr, the table on stdout"
)]

use std::process::ExitCode;

use clap::Parser;
use end_to_end::options::Options;
use end_to_end::{process, report, scenario};

// Inside a module of the folder's name, so that Cargo finds one bench target
// and the files still live beside it.
mod end_to_end {
    // What the operator of the bench chooses.
    pub(crate) mod options;
    // The programs under test: how each is configured, started and stopped.
    pub(crate) mod certificate;
    pub(crate) mod guest;
    pub(crate) mod proxy;
    // What stands on either side of them.
    pub(crate) mod http1;
    pub(crate) mod http2;
    pub(crate) mod message;
    pub(crate) mod open_loop;
    pub(crate) mod origin;
    // What is read off them, and how it is compared and told.
    pub(crate) mod paired;
    pub(crate) mod process;
    pub(crate) mod report;
    // What is measured.
    pub(crate) mod scenario;
}

fn main() -> ExitCode {
    let options = Options::parse();
    process::raise_open_file_limit();
    match scenario::run(&options) {
        Ok(rows) => {
            print!("{}", report::table(&rows));
            let missed = rows.iter().filter(|row| row.missed()).count();
            if missed > 0 && !options.no_bar {
                eprintln!("{missed} of {} bars missed", rows.len());
                return ExitCode::FAILURE;
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
