//! What is printed about cases.

use std::io::{IsTerminal as _, stderr, stdout};
use std::path::Path;

use serde_json::json;

use super::super::super::output::{Failure, print};
use crate::cases::run::{self, Outcome};
use crate::cases::{Case, Difference};

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::cli::plugin) enum Style {
    Plain,
    Coloured,
    Json,
}

impl Style {
    pub(in crate::cli::plugin) fn of_stdout() -> Self {
        if stdout().is_terminal() && !no_colour() { Self::Coloured } else { Self::Plain }
    }
}

pub(super) fn colours_stderr() -> bool {
    stderr().is_terminal() && !no_colour()
}

fn no_colour() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Prints a line for each case as it ends, and what failed at the end.
pub(in crate::cli::plugin) struct Report {
    style: Style,
    passed: usize,
    /// What is to be said at the end.
    failures: Vec<String>,
    file: String,
}

impl Report {
    pub(in crate::cli::plugin) fn new(style: Style) -> Self {
        Self { style, passed: 0, failures: Vec::new(), file: String::new() }
    }

    /// What follows is of this file.
    pub(super) fn file(&mut self, path: &Path) -> Result<(), Failure> {
        self.file = path.display().to_string();
        match self.style {
            Style::Json => Ok(()),
            _ => print(&format!("{}\n", self.file)),
        }
    }

    pub(super) fn case(&mut self, case: &Case, outcome: &Outcome) -> Result<(), Failure> {
        let milliseconds = outcome.took.as_secs_f64() * 1000.0;
        match &outcome.failure {
            None => self.passed += 1,
            Some(failure) => self.failures.push(self.explain(&case.name, failure, &outcome.log)),
        }
        if self.style == Style::Json {
            return print(&format!("{}\n", self.json(case, outcome, milliseconds)));
        }
        let word = match outcome.failure {
            None => self.paint(GREEN, "ok"),
            Some(_) => self.paint(RED, "FAILED"),
        };
        print(&format!("  {word}  {} ({milliseconds:.1} ms)\n", case.name))
    }

    /// As [`Self::case`], for what was logged: told only if it would differ.
    pub(super) fn replayed(&mut self, case: &Case, outcome: &Outcome) -> Result<(), Failure> {
        if self.style == Style::Json {
            return self.case(case, outcome);
        }
        match &outcome.failure {
            None => self.passed += 1,
            Some(failure) => {
                let text = self.explain(&case.name, failure, &outcome.log);
                print(&text.replacen("FAILED", "DIFFERS", 1))?;
                self.failures.push(text);
            }
        }
        Ok(())
    }

    /// How many would differ; a failure if any would.
    pub(super) fn compared(self) -> Result<(), Failure> {
        let differing = self.failures.len();
        if self.style != Style::Json {
            let colour = if differing == 0 { GREEN } else { RED };
            let replayed = self.passed + differing;
            let counts = format!("{replayed} exchanges replayed, {differing} would differ");
            print(&format!("{}\n", self.paint(colour, &counts)))?;
        }
        if differing == 0 { Ok(()) } else { Err(Failure::Told) }
    }

    /// What failed, and how many; a failure if any did.
    pub(super) fn finish(self) -> Result<(), Failure> {
        self.summary()?;
        if self.failures.is_empty() { Ok(()) } else { Err(Failure::Told) }
    }

    /// What failed, and how many. Whether all passed.
    pub(in crate::cli::plugin) fn summary(&self) -> Result<bool, Failure> {
        let failed = self.failures.len();
        if self.style != Style::Json {
            let mut text = String::from("\n");
            self.failures.iter().for_each(|failure| text.push_str(failure));
            let colour = if failed == 0 { GREEN } else { RED };
            let counts = format!("{} passed, {failed} failed", self.passed);
            text.push_str(&format!("{}\n", self.paint(colour, &counts)));
            print(&text)?;
        }
        Ok(failed == 0)
    }

    fn explain(&self, name: &str, failure: &run::Failure, log: &[String]) -> String {
        let mut text = format!("{} {name}\n", self.paint(RED, "FAILED"));
        match failure {
            run::Failure::Load(report) => text.push_str(&indented(report)),
            run::Failure::Exchange { place, differences, detail } => {
                if let Some(place) = place {
                    text.push_str(&format!("  at {place}\n"));
                }
                differences.iter().for_each(|found| text.push_str(&self.difference(found)));
                if let Some(detail) = detail {
                    text.push_str(&format!("  error in the access log\n{}", indented(detail)));
                }
            }
        }
        if !log.is_empty() {
            text.push_str("  log\n");
            log.iter().for_each(|line| text.push_str(&indented(line)));
        }
        text.push('\n');
        text
    }

    /// The lines that both have are shown once.
    fn difference(&self, difference: &Difference) -> String {
        let expected: Vec<&str> = difference.expected.split('\n').collect();
        let got: Vec<&str> = difference.got.split('\n').collect();
        let before = expected.iter().zip(&got).take_while(|(one, other)| one == other).count();
        let rest = expected.len().min(got.len()) - before;
        let pairs = expected.iter().rev().zip(got.iter().rev()).take(rest);
        let after = pairs.take_while(|(one, other)| one == other).count();
        let mut text = format!("  {}\n", difference.what);
        let mut add = |mark: &str, colour: &str, lines: &[&str]| {
            for line in lines {
                let line = format!("{mark} {}", visible(line));
                text.push_str(format!("    {}", self.paint(colour, line.trim_end())).trim_end());
                text.push('\n');
            }
        };
        add(" ", "", &expected[..before]);
        add("-", RED, &expected[before..expected.len() - after]);
        add("+", GREEN, &got[before..got.len() - after]);
        let same = &expected[expected.len() - after..];
        // What ends with a line end has no line after it.
        add(" ", "", same.strip_suffix(&[""]).unwrap_or(same));
        text
    }

    fn json(&self, case: &Case, outcome: &Outcome, milliseconds: f64) -> serde_json::Value {
        let difference = |found: &Difference| json!({ "what": found.what, "expected": found.expected, "got": found.got });
        let mut line = json!({
            "file": self.file,
            "name": case.name,
            "passed": outcome.failure.is_none(),
            "ms": milliseconds,
            "log": outcome.log,
        });
        match &outcome.failure {
            None => {}
            Some(run::Failure::Load(report)) => line["load"] = json!(report),
            Some(run::Failure::Exchange { place, differences, detail }) => {
                line["place"] = json!(place);
                line["error"] = json!(detail);
                line["differences"] = differences.iter().map(difference).collect();
            }
        }
        line
    }

    fn paint(&self, colour: &str, text: &str) -> String {
        match self.style {
            Style::Coloured if !colour.is_empty() => format!("{colour}{text}{RESET}"),
            _ => text.to_owned(),
        }
    }
}

const RED: &str = "\x1b[31m";
const GREEN: &str = "\x1b[32m";
const RESET: &str = "\x1b[0m";

/// Spaces at a line's end, which a difference may consist of.
fn visible(line: &str) -> String {
    let kept = line.trim_end_matches(' ');
    format!("{kept}{}", "·".repeat(line.len() - kept.len()))
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(expected: &str, got: &str) -> String {
        let [expected, got] = [expected, got].map(str::to_owned);
        let difference = Difference { what: "body".to_owned(), expected, got };
        Report::new(Style::Plain).difference(&difference)
    }

    #[test]
    fn what_both_have_is_shown_once() {
        assert_eq!(shown("200", "404"), "  body\n    - 200\n    + 404\n");
        assert_eq!(
            shown("a\nb\nc", "a\nx\ny\nc"),
            "  body\n      a\n    - b\n    + x\n    + y\n      c\n"
        );
        assert_eq!(shown("a\na", "a"), "  body\n      a\n    - a\n");
        assert_eq!(shown("a", "a "), "  body\n    - a\n    + a·\n");
    }
}
