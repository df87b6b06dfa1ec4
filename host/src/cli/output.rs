//! Words for the person at the terminal.

use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;

use crate::app::StartError;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something to be told; ends with exit code 1.
    Error(anyhow::Error),
    /// A whole report, which says `error` where it has to.
    Report(String),
    /// The same about a file that the command was to follow; ends with exit code 2, as
    /// what is no command does.
    Unreadable(String),
    /// All has been told; ends with exit code 1.
    Told,
    /// Whoever read the output has seen enough, as `head` does: no failure.
    Unread,
}

impl Failure {
    /// Tells it.
    pub(super) fn report(self) -> ExitCode {
        let (text, code) = match self {
            Self::Unread => return ExitCode::SUCCESS,
            Self::Told => return ExitCode::FAILURE,
            Self::Report(text) => (text, ExitCode::FAILURE),
            Self::Unreadable(text) => (text, ExitCode::from(2)),
            Self::Error(error) => (format!("error: {error:#}"), ExitCode::FAILURE),
        };
        // Nobody is left to be told that nobody can be told.
        let _ = writeln!(io::stderr().lock(), "{}", text.trim_end());
        code
    }
}

impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        let error = error.into();
        match error.downcast::<StartError>() {
            Ok(report) => Self::Report(report.to_string()),
            Err(error) => Self::Error(error),
        }
    }
}

/// Prints to standard output.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Unread),
        Err(error) => {
            Err(anyhow::Error::new(error).context("cannot write to standard output").into())
        }
    }
}

/// Prints to standard error what is no failure.
pub(super) fn note(text: &str) {
    // What it is about succeeds without an audience, too.
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Lines up columns, two spaces apart and after `indent`.
pub(super) fn table<const N: usize>(indent: &str, rows: &[[String; N]]) -> String {
    let mut widths = [0; N];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in rows {
        let mut line = indent.to_owned();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_lines_end_with_words() {
        let rows = [["ä", "b", "c"], ["dd", "", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(table(" ", &rows), " ä   b  c\n dd\n");
    }

    #[test]
    fn a_report_is_told_as_it_is() {
        let failure = Failure::from(StartError("error: a\n  help: b\n".to_owned()));
        assert!(matches!(failure, Failure::Report(text) if text.starts_with("error: a\n")));
    }
}
