//! From a path or a text to [`Config`] or a [`Report`].

use std::io::ErrorKind;
use std::ops::Range;
use std::path::Path;

use toml::Spanned;
use toml::de::DeTable;

use super::diagnostic::{Diagnostic, Report};
use super::document::{Context, Table, reason};
use super::place::{Place, Places};
use super::{Config, Plugin, PluginSource, validate};

/// A file that may be used.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// What it says.
    pub config: Config,
    /// Doubts about it; and, once pushed, errors of those who build from it.
    pub report: Report,
    places: Places,
}

impl Loaded {
    /// A configuration that was not read from a file.
    pub fn of(config: Config) -> Self {
        Self { config, report: Report::new("command line", ""), places: Places::default() }
    }

    /// Where in the file a part of the configuration was written, or the heading
    /// above it. None when it was left out.
    pub fn locate(&self, place: &Place) -> Option<Range<usize>> {
        self.places.get(place)
    }

    /// Notes a doubt about a part of the configuration.
    pub fn warning(&mut self, place: &Place, message: impl Into<String>) {
        let mut diagnostic = Diagnostic::warning(message);
        diagnostic.span = self.locate(place);
        self.report.push(diagnostic);
    }

    /// Notes that something is wrong with a part of the configuration.
    pub fn error(&mut self, place: &Place, message: impl Into<String>, help: Option<String>) {
        let mut diagnostic = Diagnostic::error(message);
        diagnostic.span = self.locate(place);
        diagnostic.help = help;
        self.report.push(diagnostic);
    }
}

/// Reads the configuration file at `path`.
///
/// # Errors
///
/// A report of everything that is wrong, if anything is.
pub fn load(path: &Path) -> Result<Loaded, Report> {
    Loader::default().load(path)
}

/// Reads a configuration file's text; `path` is where it stands: messages name it,
/// and relative paths begin at its folder.
///
/// # Errors
///
/// A report of everything that is wrong, if anything is.
pub fn parse(text: &str, path: &Path) -> Result<Loaded, Report> {
    Loader::default().parse(text, path)
}

/// Reads the `NAME.toml` at `path` beside the dropped plugin `wasm`: the keys of a
/// `[plugin.NAME]` table but `source`.
///
/// # Errors
///
/// A report of everything that is wrong, if anything is.
pub fn sidecar(path: &Path, name: &str, wasm: &Path) -> Result<Plugin, Report> {
    let text = read(path, "remove the file or make it readable")?;
    tables(&text, path, |root| validate::sidecar(root, name, wasm))
}

/// The table of a plugin in a file of another kind: the keys of `[plugin.NAME]` but
/// `source`. None = errors were noted.
pub(crate) fn plugin(table: Table<'_>, name: &str, source: PluginSource) -> Option<Plugin> {
    validate::plugin(table, name, source)
}

/// Reads the text of a file of another kind with the same strictness and the same
/// reports. `read` answers with none when it has noted an error.
///
/// # Errors
///
/// A report of everything that is wrong, if anything is.
pub(crate) fn tables<T>(
    text: &str,
    path: &Path,
    read: impl FnOnce(Table<'_>) -> Option<T>,
) -> Result<T, Report> {
    let tree = tree(text, path)?;
    let context = Context::new(path, None);
    let value = read(Table::root(&context, &tree));
    let report = report(context, text, path);
    match value {
        Some(value) if !report.has_errors() => Ok(value),
        _ => Err(report),
    }
}

/// [`load`] and [`parse`] by those who know more about the program around.
#[derive(Clone, Debug, Default)]
pub struct Loader {
    builtins: Option<Vec<String>>,
}

impl Loader {
    /// With the names of the bundled plugins: others are then mistakes.
    #[must_use]
    pub fn builtins(mut self, names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        self.builtins = Some(names.into_iter().map(Into::into).collect());
        self
    }

    /// As [`load`].
    ///
    /// # Errors
    ///
    /// As [`load`].
    pub fn load(&self, path: &Path) -> Result<Loaded, Report> {
        let text = read(
            path,
            "name the configuration file with `-c FILE`, or start without one: `wasmgate proxy --listen 127.0.0.1:8080 --to URL`",
        )?;
        self.parse(&text, path)
    }

    /// As [`parse`].
    ///
    /// # Errors
    ///
    /// As [`parse`].
    pub fn parse(&self, text: &str, path: &Path) -> Result<Loaded, Report> {
        let tree = tree(text, path)?;
        let context = Context::new(path, self.builtins.clone());
        let (config, places) = validate::config(&context, &tree);
        let report = report(context, text, path);
        if report.has_errors() {
            return Err(report);
        }
        Ok(Loaded { config, report, places })
    }
}

/// The text of a file.
pub(crate) fn read(path: &Path, help_if_missing: &str) -> Result<String, Report> {
    let failed = |message: String, help: Option<&str>| {
        let mut report = Report::new(path, "");
        let diagnostic = Diagnostic::error(message);
        report.push(match help {
            Some(help) => diagnostic.help(help),
            None => diagnostic,
        });
        report
    };
    let bytes = std::fs::read(path).map_err(|error| {
        let help = (error.kind() == ErrorKind::NotFound).then_some(help_if_missing);
        failed(format!("cannot read {}: {}", path.display(), reason(&error)), help)
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = good.iter().filter(|byte| **byte == b'\n').count() + 1;
        failed(format!("{} is not UTF-8: see line {line}", path.display()), None)
    })
}

/// The tree, or the first error of syntax: what follows one is guesswork.
fn tree<'t>(text: &'t str, path: &Path) -> Result<Spanned<DeTable<'t>>, Report> {
    let (tree, errors) = DeTable::parse_recoverable(text);
    let start = |error: &toml::de::Error| error.span().map_or(0, |span| span.start);
    let Some(first) = errors.iter().min_by_key(|error| start(error)) else {
        return Ok(tree);
    };
    let mut diagnostic = Diagnostic::error(format!("not TOML: {}", first.message()));
    diagnostic.span = first.span();
    let mut report = Report::new(path, text);
    report.push(diagnostic);
    Err(report)
}

fn report(context: Context, text: &str, path: &Path) -> Report {
    let mut report = Report::new(path, text);
    for diagnostic in context.into_diagnostics() {
        report.push(diagnostic);
    }
    report
}
