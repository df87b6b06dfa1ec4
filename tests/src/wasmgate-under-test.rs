//! `wasmgate`, for the suite to run as a process.

use std::process::ExitCode;

fn main() -> ExitCode {
    wasmgate::cli::main()
}
