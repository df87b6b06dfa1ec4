//! Results as rows of a markdown table, each judged by its bar.

use std::fmt::Write as _;

use super::paired::Spread;

/// One result.
#[derive(Debug)]
pub(crate) struct Row {
    /// What was measured, and of whom.
    pub(crate) what: String,
    /// The figure.
    pub(crate) figure: String,
    /// What it was compared with: the other side's figure.
    pub(crate) against: String,
    /// The outcome of the comparison.
    pub(crate) outcome: String,
    /// What is promised.
    pub(crate) bar: Option<Bar>,
}

/// A promise: a value at most this.
#[derive(Debug)]
pub(crate) struct Bar {
    text: String,
    held: bool,
}

impl Bar {
    /// `unit` stands behind the number, with its own space.
    pub(crate) fn at_most(value: f64, most: f64, unit: &str) -> Self {
        Self { text: format!("≤ {most}{unit}"), held: value <= most }
    }

    /// A promise that is no number.
    pub(crate) fn that(text: &str, held: bool) -> Self {
        Self { text: text.to_owned(), held }
    }
}

impl Row {
    pub(crate) fn missed(&self) -> bool {
        self.bar.as_ref().is_some_and(|bar| !bar.held)
    }
}

/// The rows as a table.
pub(crate) fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | measured | compared with | outcome: median (min–max) | bar | held |\n\
         |---|---|---|---|---|---|\n",
    );
    for row in rows {
        let (bar, held) = match &row.bar {
            None => ("–", "–"),
            Some(bar) => (bar.text.as_str(), if bar.held { "yes" } else { "**no**" }),
        };
        let Row { what, figure, against, outcome, .. } = row;
        let _ = writeln!(text, "| {what} | {figure} | {against} | {outcome} | {bar} | {held} |");
    }
    text
}

/// `1.20 (1.10–1.30) ×`, with as many decimals as asked for.
pub(crate) fn spread(spread: Spread, decimals: usize, unit: &str) -> String {
    let Spread { median, min, max } = spread;
    format!("{median:.decimals$}{unit} ({min:.decimals$}–{max:.decimals$})")
}
