//! The TOML file as a tree with places, read key by key.
//!
//! Derived deserializers stop at the first mistake; these readers note it, go on,
//! and so find the others. A [`Table`] remembers which keys it was asked for:
//! those that nobody asked for are unknown.

use std::cell::RefCell;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::path::{Path, PathBuf};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Severity};
use super::scalar::Invalid;
use super::{suggest, units};

/// What all readers of one file share.
pub(crate) struct Context {
    /// Relative paths begin here.
    folder: PathBuf,
    /// Names after `builtin:`; none = unknown here, not to be checked.
    pub(crate) builtins: Option<Vec<String>>,
    diagnostics: RefCell<Vec<Diagnostic>>,
}

impl Context {
    /// For the file at `path`.
    pub(crate) fn new(path: &Path, builtins: Option<Vec<String>>) -> Self {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        Self {
            // Without a current directory what was written is the best there is.
            folder: std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned()),
            builtins,
            diagnostics: RefCell::default(),
        }
    }

    pub(crate) fn push(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.diagnostics.borrow().iter().any(|diagnostic| diagnostic.severity == Severity::Error)
    }

    pub(crate) fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.diagnostics.into_inner()
    }

    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        let path = self.folder.join(path);
        std::path::absolute(&path).unwrap_or(path)
    }
}

/// One value and how to name it in a sentence.
#[derive(Clone)]
pub(crate) struct Value<'a> {
    pub(crate) context: &'a Context,
    /// `timeouts.header`
    pub(crate) name: String,
    pub(crate) span: Range<usize>,
    pub(crate) inner: &'a DeValue<'a>,
}

impl<'a> Value<'a> {
    pub(crate) fn error(&self, message: impl fmt::Display) {
        self.invalid(Invalid::new(message.to_string()));
    }

    /// Notes that this value is not what it should be.
    pub(crate) fn invalid(&self, invalid: Invalid) {
        let mut diagnostic = Diagnostic::error(format!("`{}`: {}", self.name, invalid.message))
            .at(self.span.clone());
        diagnostic.help = invalid.help;
        self.context.push(diagnostic);
    }

    /// Notes that this value is of another type; `expected` has an article.
    pub(crate) fn mistyped(&self, expected: &str) {
        let found = match self.inner {
            DeValue::String(_) => "a string",
            DeValue::Integer(_) => "an integer",
            DeValue::Float(_) => "a float",
            DeValue::Boolean(_) => "a boolean",
            DeValue::Datetime(_) => "a date",
            DeValue::Array(_) => "a list",
            DeValue::Table(_) => "a table",
        };
        self.context.push(
            Diagnostic::error(format!("`{}` must be {expected}, not {found}", self.name))
                .at(self.span.clone()),
        );
    }

    /// The same value under another name.
    pub(crate) fn named(mut self, name: String) -> Self {
        self.name = name;
        self
    }

    pub(crate) fn as_text(&self) -> Option<&'a str> {
        match self.inner {
            DeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// Whether it is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.inner, DeValue::Array(_))
    }

    pub(crate) fn text(&self, expected: &str) -> Option<&'a str> {
        let text = self.as_text();
        if text.is_none() {
            self.mistyped(expected);
        }
        text
    }

    /// A string that stands for something.
    pub(crate) fn parse<T>(
        &self,
        expected: &str,
        read: impl FnOnce(&str) -> Result<T, Invalid>,
    ) -> Option<T> {
        read(self.text(expected)?).map_err(|invalid| self.invalid(invalid)).ok()
    }

    pub(crate) fn is_table(&self) -> bool {
        matches!(self.inner, DeValue::Table(_))
    }

    pub(crate) fn boolean(&self) -> Option<bool> {
        match self.inner {
            DeValue::Boolean(value) => Some(*value),
            _ => {
                self.mistyped("true or false");
                None
            }
        }
    }

    /// An integer of this range.
    pub(crate) fn number<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i128> + PartialOrd + fmt::Display,
    {
        let DeValue::Integer(integer) = self.inner else {
            self.mistyped("an integer");
            return None;
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix())
            .ok()
            .and_then(|number| T::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            self.error(format_args!(
                "{integer} is not between {} and {}",
                range.start(),
                range.end()
            ));
        }
        number
    }

    /// A duration of this range.
    pub(crate) fn duration(&self, range: RangeInclusive<Duration>) -> Option<Duration> {
        let duration = self.parse("a duration such as \"10s\"", units::duration)?;
        if range.contains(&duration) {
            return Some(duration);
        }
        self.error(format_args!(
            "{} is not between {} and {}",
            units::show_duration(duration),
            units::show_duration(*range.start()),
            units::show_duration(*range.end())
        ));
        None
    }

    /// A size of this range.
    pub(crate) fn size(&self, range: RangeInclusive<u64>) -> Option<u64> {
        let size = self.parse("a size such as \"64KiB\"", units::size)?;
        if range.contains(&size) {
            return Some(size);
        }
        self.error(format_args!(
            "{} is not between {} and {}",
            units::show_size(size),
            units::show_size(*range.start()),
            units::show_size(*range.end())
        ));
        None
    }

    /// One of these words.
    pub(crate) fn choice<T: Clone>(&self, choices: &[(&str, T)]) -> Option<T> {
        let words = || choices.iter().map(|(word, _)| *word);
        let text = self.text(&format!("one of {}", quoted(words())))?;
        if let Some((_, value)) = choices.iter().find(|(word, _)| *word == text) {
            return Some(value.clone());
        }
        let invalid =
            Invalid::new(format!("`{}` is none of {}", text.escape_debug(), quoted(words())));
        self.invalid(match suggest::closest(text, words()) {
            Some(word) => invalid.help(format!("did you mean \"{word}\"?")),
            None => invalid,
        });
        None
    }

    /// The items of a list, named by their number from 0.
    pub(crate) fn list(&self, expected: &str) -> Option<Vec<Self>> {
        let DeValue::Array(items) = self.inner else {
            self.mistyped(expected);
            return None;
        };
        let items = items.iter().enumerate().map(|(index, item)| Self {
            context: self.context,
            name: format!("{}[{index}]", self.name),
            span: item.span(),
            inner: item.get_ref(),
        });
        Some(items.collect())
    }

    /// A table, with the heading that unknown keys in it are reported under.
    pub(crate) fn table(&self, heading: &str) -> Option<Table<'a>> {
        let DeValue::Table(entries) = self.inner else {
            self.mistyped(&format!("a table: {heading}"));
            return None;
        };
        Some(Table {
            context: self.context,
            heading: heading.to_owned(),
            path: self.name.clone(),
            span: self.span.clone(),
            entries,
            known: Vec::new(),
        })
    }

    /// A path, relative to the file's folder; there may be nothing yet.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let path = self.text("a path")?;
        if path.is_empty() || path.contains('\0') {
            self.error("the path is empty or holds a NUL");
            return None;
        }
        Some(self.context.resolve(path))
    }

    /// The path of a file that can be read.
    pub(crate) fn file(&self) -> Option<PathBuf> {
        let path = self.path()?;
        // Asked before opening: opening a pipe would wait for its writer.
        let opened = match std::fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => std::fs::File::open(&path).map(|_| ()),
            Ok(_) => {
                self.error(format_args!("{} is not a file", path.display()));
                return None;
            }
            Err(error) => Err(error),
        };
        match opened {
            Ok(()) => Some(path),
            Err(error) => {
                self.unreachable(&path, &error);
                None
            }
        }
    }

    /// The path of a directory that can be listed.
    pub(crate) fn directory(&self) -> Option<PathBuf> {
        let path = self.path()?;
        match std::fs::read_dir(&path) {
            Ok(_) => Some(path),
            Err(error) => {
                self.unreachable(&path, &error);
                None
            }
        }
    }

    fn unreachable(&self, path: &Path, error: &std::io::Error) {
        let invalid = Invalid::new(format!("cannot read {}: {}", path.display(), reason(error)));
        self.invalid(if error.kind() == std::io::ErrorKind::NotFound {
            invalid.help("relative paths begin at the folder of the configuration file")
        } else {
            invalid
        });
    }
}

/// An error of the operating system without its number.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    match text.split_once(" (os error") {
        Some((reason, _)) => reason.to_lowercase(),
        None => text,
    }
}

fn quoted<'w>(words: impl Iterator<Item = &'w str>) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(", ")
}

/// A table that is being read.
pub(crate) struct Table<'a> {
    pub(crate) context: &'a Context,
    /// `[timeouts]`, `[[route]]`
    heading: String,
    /// `timeouts`, `route`; empty at the top.
    path: String,
    pub(crate) span: Range<usize>,
    entries: &'a DeTable<'a>,
    known: Vec<&'static str>,
}

impl<'a> Table<'a> {
    /// The whole file.
    pub(crate) fn root(context: &'a Context, tree: &'a Spanned<DeTable<'a>>) -> Self {
        Self {
            context,
            heading: String::new(),
            path: String::new(),
            span: tree.span(),
            entries: tree.get_ref(),
            known: Vec::new(),
        }
    }

    /// The value of a key, if it is there.
    pub(crate) fn get(&mut self, key: &'static str) -> Option<Value<'a>> {
        self.known.push(key);
        let value = self.entries.get(key)?;
        Some(self.value(key, value))
    }

    /// The value of a key that has to be there.
    pub(crate) fn require(&mut self, key: &'static str, help: &str) -> Option<Value<'a>> {
        let value = self.get(key);
        if value.is_none() {
            self.context.push(
                Diagnostic::error(format!("{} has no `{key}`", self.place()))
                    .at(self.span.clone())
                    .help(help),
            );
        }
        value
    }

    /// What `read` makes of a key's value; `default` without one.
    pub(crate) fn or<T>(
        &mut self,
        key: &'static str,
        default: T,
        read: impl FnOnce(&Value<'a>) -> Option<T>,
    ) -> T {
        self.get(key).and_then(|value| read(&value)).unwrap_or(default)
    }

    /// A table within this one, written under its own `[heading]`.
    pub(crate) fn table(&mut self, key: &'static str) -> Option<Self> {
        let heading = format!("[{}]", self.path_of(key));
        self.get(key)?.table(&heading)
    }

    /// Tables within this one, each written under `[[heading]]`.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<Self> {
        let heading = format!("[[{}]]", self.path_of(key));
        let Some(value) = self.get(key) else {
            return Vec::new();
        };
        let path = value.name.clone();
        let items = value.list(&format!("a list of tables: {heading}")).unwrap_or_default();
        // Under its bare name: nobody counts tables that are pages apart.
        items.into_iter().filter_map(|item| item.named(path.clone()).table(&heading)).collect()
    }

    /// Every key and its value, in the file's order: for tables whose keys are the
    /// operator's.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'a str, Range<usize>, Value<'a>)> {
        self.entries.iter().map(|(key, value)| {
            (key.get_ref().as_ref(), key.span(), self.value(key.get_ref(), value))
        })
    }

    /// Reports the keys that nobody asked for.
    pub(crate) fn finish(self) {
        for (key, value) in self.entries.iter() {
            if !self.known.contains(&key.get_ref().as_ref()) {
                let message =
                    format!("unknown key `{}` in {}", key.get_ref().escape_debug(), self.place());
                let at = if key.span().is_empty() { value.span() } else { key.span() };
                self.context
                    .push(Diagnostic::error(message).at(at).help(self.help_for(key.get_ref())));
            }
        }
    }

    fn help_for(&self, key: &str) -> String {
        let known = || self.known.iter().copied();
        let renamed =
            RENAMED.iter().find(|(foreign, ours)| *foreign == key && self.known.contains(ours));
        if let Some((_, ours)) = renamed {
            return format!("did you mean `{ours}`?");
        }
        // The usual slip in TOML: what follows a heading belongs to it.
        if !self.heading.is_empty() && TOP.contains(&key) {
            return format!("`{key}` belongs to the top of the file, before the first [heading]");
        }
        suggest::help(key, "keys here", known())
    }

    fn place(&self) -> String {
        match self.heading.as_str() {
            "" => "the file".to_owned(),
            heading => format!("`{heading}`"),
        }
    }

    fn path_of(&self, key: &str) -> String {
        match self.path.as_str() {
            "" => key.to_owned(),
            path => format!("{path}.{key}"),
        }
    }

    fn value(&self, key: &str, value: &'a Spanned<DeValue<'a>>) -> Value<'a> {
        Value {
            context: self.context,
            name: self.path_of(&key.escape_debug().to_string()),
            span: value.span(),
            inner: value.get_ref(),
        }
    }
}

/// Keys that stand at the top of the file.
const TOP: [&str; 5] = ["workers", "plugin_dir", "cache_dir", "drain_timeout", "trusted_proxies"];

/// Keys of other proxies' files, and what is meant.
const RENAMED: [(&str, &str); 26] = [
    ("address", "listen"),
    ("backend", "cluster"),
    ("backends", "endpoints"),
    ("bind", "listen"),
    ("body_limit", "body_bytes"),
    ("cert", "certificate"),
    ("cert_file", "certificate"),
    ("domain", "host"),
    ("file", "path"),
    ("filters", "plugins"),
    ("fail_open", "on_failure"),
    ("hosts", "host"),
    ("key_file", "key"),
    ("keepalive", "idle_connections"),
    ("lb_policy", "balance"),
    ("max_body", "body_bytes"),
    ("middlewares", "plugins"),
    ("path_prefix", "path"),
    ("prefix", "path"),
    ("private_key", "key"),
    ("servers", "endpoints"),
    ("sni", "server_name"),
    ("timeout", "response_timeout"),
    ("upstream", "cluster"),
    ("upstreams", "endpoints"),
    ("wasm", "source"),
];
