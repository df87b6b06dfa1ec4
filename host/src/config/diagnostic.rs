//! What is wrong with a file, and where: as compilers say it.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// Whether a file with it may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// It may not.
    Error,
    /// It may, but hardly does what its writer thinks.
    Warning,
}

/// One remark about a file.
///
/// Never holds a secret: `message` and `help` name keys, not the values that an
/// environment variable or a secret file had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one line.
    pub message: String,
    /// Octets of the file's text that it is about; none = the file as a whole.
    pub span: Option<Range<usize>>,
    /// A word at the span.
    pub label: Option<String>,
    /// What to do.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A mistake.
    pub fn error(message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            message: message.into(),
            span: None,
            label: None,
            help: None,
        }
    }

    /// A doubt.
    pub fn warning(message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(message) }
    }

    /// The same, about this place.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.span = Some(span);
        self
    }

    /// The same, with a word at its place.
    #[must_use]
    pub fn label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Remarks that are shown: nobody reads more before correcting these.
const MOST_SHOWN: usize = 100;

/// Everything that is to be said about one file.
///
/// As [`Display`](fmt::Display) it reads like a compiler's output:
///
/// ```text
/// error: unknown key `balnce` in `[cluster.app]`
///  --> wasmgate.toml:12:3
///    |
/// 12 | balnce = "random"
///    | ^^^^^^
///    |
///    = help: did you mean `balance`?
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Report {
    path: PathBuf,
    text: Arc<str>,
    diagnostics: Vec<Diagnostic>,
}

impl Report {
    /// Nothing said yet about the file `path` with the contents `text`.
    pub fn new(path: impl Into<PathBuf>, text: impl Into<Arc<str>>) -> Self {
        Self { path: path.into(), text: text.into(), diagnostics: Vec::new() }
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What has been said, in the order of the file.
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.diagnostics
    }

    /// Adds a remark. A span that does not lie within the text is dropped, and
    /// control characters, which would reach the terminal, are escaped.
    pub fn push(&mut self, mut diagnostic: Diagnostic) {
        escape(&mut diagnostic.message);
        diagnostic.help.iter_mut().chain(&mut diagnostic.label).for_each(escape);
        diagnostic.span = diagnostic.span.filter(|span| self.text.get(span.clone()).is_some());
        let start = |diagnostic: &Diagnostic| diagnostic.span.as_ref().map_or(0, |span| span.start);
        let at = self.diagnostics.partition_point(|other| start(other) <= start(&diagnostic));
        self.diagnostics.insert(at, diagnostic);
    }

    /// Whether the file may not be used.
    pub fn has_errors(&self) -> bool {
        self.count(Severity::Error) > 0
    }

    /// Line and column of a place, both from 1, the column in characters.
    pub fn position(&self, span: &Range<usize>) -> Option<(usize, usize)> {
        let before = self.text.get(..span.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
        Some((line, column))
    }

    /// All remarks and a count of them, for a terminal with or without colour.
    pub fn render(&self, color: bool) -> String {
        let renderer = if color { Renderer::styled() } else { Renderer::plain() };
        let path = self.path.to_string_lossy();
        let mut out = String::new();
        for diagnostic in self.diagnostics.iter().take(MOST_SHOWN) {
            let group = self.group(&path, diagnostic);
            out.push_str(&renderer.render(&[group]));
            out.push_str("\n\n");
        }
        if let Some(more @ 1..) = self.diagnostics.len().checked_sub(MOST_SHOWN) {
            out.push_str(&format!("... and {more} more\n\n"));
        }
        out.push_str(&self.summary());
        out
    }

    fn group<'r>(&'r self, path: &'r str, diagnostic: &'r Diagnostic) -> Group<'r> {
        let level = match diagnostic.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let mut group = match &diagnostic.span {
            Some(span) => {
                let mut annotation = AnnotationKind::Primary.span(span.clone());
                if let Some(label) = &diagnostic.label {
                    annotation = annotation.label(label);
                }
                level.primary_title(&diagnostic.message).element(
                    Snippet::source(&*self.text).path(path).line_start(1).annotation(annotation),
                )
            }
            None => level.primary_title(&diagnostic.message).element(Origin::path(path)),
        };
        if let Some(help) = &diagnostic.help {
            group = group.element(Level::HELP.message(help));
        }
        group
    }

    fn summary(&self) -> String {
        let counted = |number: usize, what: &str| match number {
            0 => None,
            1 => Some(format!("1 {what}")),
            number => Some(format!("{number} {what}s")),
        };
        let parts: Vec<String> = [
            counted(self.count(Severity::Error), "error"),
            counted(self.count(Severity::Warning), "warning"),
        ]
        .into_iter()
        .flatten()
        .collect();
        if parts.is_empty() {
            return format!("nothing wrong in {}", self.path.display());
        }
        format!("{} in {}", parts.join(" and "), self.path.display())
    }

    fn count(&self, severity: Severity) -> usize {
        self.diagnostics.iter().filter(|diagnostic| diagnostic.severity == severity).count()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

/// Leaves the file's text out: an operator may have written a secret there.
impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Report")
            .field("path", &self.path)
            .field("diagnostics", &self.diagnostics)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for Report {}

fn escape(text: &mut String) {
    let escaped = |c: char| c.is_control() && c != '\n';
    if text.contains(escaped) {
        let escape =
            |c: char| if escaped(c) { c.escape_default().to_string() } else { c.to_string() };
        *text = text.chars().map(escape).collect();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_like_a_compiler() {
        let text = "[cluster.app]\nbalnce = \"random\"\n";
        let mut report = Report::new("wasmgate.toml", text);
        report.push(
            Diagnostic::error("unknown key `balnce`").at(14..20).help("did you mean `balance`?"),
        );
        report.push(Diagnostic::warning("no routes"));
        assert_eq!(
            report.to_string(),
            "warning: no routes\n\
             --> wasmgate.toml\n\
             \n\
             error: unknown key `balnce`\n\
             \x20--> wasmgate.toml:2:1\n\
             \x20 |\n\
             2 | balnce = \"random\"\n\
             \x20 | ^^^^^^\n\
             \x20 |\n\
             \x20 = help: did you mean `balance`?\n\
             \n\
             1 error and 1 warning in wasmgate.toml"
        );
        assert!(report.render(true).contains("\u{1b}["));
        assert!(report.has_errors());
    }

    #[test]
    fn positions_count_lines_and_characters() {
        let report = Report::new("f", "a\nbä = 1\n");
        assert_eq!(report.position(&(0..1)), Some((1, 1)));
        assert_eq!(report.position(&(6..7)), Some((2, 4)));
        assert_eq!(report.position(&(99..100)), None);
    }

    #[test]
    fn terminals_are_sent_no_commands() {
        let mut report = Report::new("f", "");
        report.push(Diagnostic::error("a\u{1b}[2Jb").help("\r"));
        assert_eq!(report.diagnostics()[0].message, "a\\u{1b}[2Jb");
        assert_eq!(report.diagnostics()[0].help.as_deref(), Some("\\r"));
    }

    #[test]
    fn the_first_hundred_are_shown() {
        let mut report = Report::new("f", "");
        (0..103).for_each(|number| report.push(Diagnostic::error(format!("number {number}"))));
        let shown = report.to_string();
        assert!(shown.contains("number 99") && !shown.contains("number 100"), "{shown}");
        assert!(shown.ends_with("... and 3 more\n\n103 errors in f"), "{shown}");
    }

    #[test]
    fn debug_hides_the_text() {
        let report = Report::new("f", "password = \"hunter2\"");
        assert!(!format!("{report:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_place_in_any_text_can_be_shown(
            text in ".{0,40}(\r?\n.{0,10}\t\u{65e5}){0,4}",
            start in 0usize..120,
            length in 0usize..60,
        ) {
            let mut report = Report::new("f", text.as_str());
            report.push(Diagnostic::error("wrong").at(start..start + length).label("here").help("so"));
            prop_assert!(report.render(false).contains("error: wrong"));
        }
    }
}
