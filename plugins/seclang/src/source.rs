//! From files to directives: lines, continuations, quotes and `Include`.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::{LoadError, Place};

/// Gives the parser its files.
pub trait Loader {
    /// The text of a file. `name` is what an `Include`, or an operator like
    /// `@pmFromFile`, names; `from` is the file that names it.
    ///
    /// # Errors
    /// A sentence for the operator.
    fn read(&self, name: &str, from: &str) -> Result<Vec<u8>, String>;

    /// The files that a pattern of an `Include` names, in their order. A name
    /// without wildcards is itself.
    ///
    /// # Errors
    /// A sentence for the operator.
    fn expand(&self, pattern: &str, from: &str) -> Result<Vec<String>, String>;
}

/// Files in memory. Directories are no more than a part of the names.
#[derive(Clone, Debug, Default)]
pub struct Memory(pub BTreeMap<String, Vec<u8>>);

impl Memory {
    /// One file more.
    #[must_use]
    pub fn with(mut self, name: &str, text: &str) -> Self {
        self.0.insert(name.to_owned(), text.as_bytes().to_vec());
        self
    }
}

impl Loader for Memory {
    fn read(&self, name: &str, _: &str) -> Result<Vec<u8>, String> {
        self.0.get(name).cloned().ok_or_else(|| format!("there is no file `{name}`"))
    }

    fn expand(&self, pattern: &str, _: &str) -> Result<Vec<String>, String> {
        Ok(self.0.keys().filter(|name| glob(pattern, name)).cloned().collect())
    }
}

/// Files below a directory. Names are relative to the file that names them, or
/// to the directory.
#[derive(Clone, Debug)]
pub struct Directory(pub std::path::PathBuf);

impl Directory {
    fn place(&self, name: &str, from: &str) -> std::path::PathBuf {
        let beside = std::path::Path::new(from).parent().map(|dir| self.0.join(dir).join(name));
        beside.filter(|path| path.exists()).unwrap_or_else(|| self.0.join(name))
    }
}

impl Loader for Directory {
    fn read(&self, name: &str, from: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.place(name, from)).map_err(|e| format!("cannot read `{name}`: {e}"))
    }

    fn expand(&self, pattern: &str, from: &str) -> Result<Vec<String>, String> {
        if !pattern.contains(['*', '?']) {
            return Ok(vec![pattern.to_owned()]);
        }
        let (dir, last) = pattern.rsplit_once('/').unwrap_or(("", pattern));
        if dir.contains(['*', '?']) {
            return Err(format!("`{pattern}`: wildcards are for the last part of a name only"));
        }
        let place = self.place(if dir.is_empty() { "." } else { dir }, from);
        let entries = std::fs::read_dir(place).map_err(|e| format!("cannot list `{dir}`: {e}"))?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.filter(|name| glob(last, name)).collect();
        names.sort();
        let path = |name| if dir.is_empty() { name } else { format!("{dir}/{name}") };
        Ok(names.into_iter().map(path).collect())
    }
}

/// Whether a name fits a pattern of `*` and `?`.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut p, mut n) = (0, 0);
    let mut retry = None;
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(&b) if b == b'?' || b == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, at)) => {
                    retry = Some((star, at + 1));
                    p = star + 1;
                    n = at + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|b| *b == b'*')
}

/// One directive as it is written.
#[derive(Clone, Debug)]
pub(crate) struct Directive {
    pub(crate) place: Place,
    pub(crate) name: String,
    pub(crate) arguments: Vec<String>,
}

/// Splits a file into directives.
pub(crate) fn directives(file: &Arc<str>, text: &str) -> Result<Vec<Directive>, LoadError> {
    let mut found = Vec::new();
    let mut lines = text.lines().zip(1_u32..);
    while let Some((line, number)) = lines.next() {
        let place = Place { file: Arc::clone(file), line: number };
        if line.trim_start().starts_with('#') || line.trim().is_empty() {
            continue;
        }
        let mut whole = String::new();
        let mut piece = line;
        loop {
            let Some(rest) = piece.trim_end().strip_suffix('\\') else {
                whole.push_str(piece);
                break;
            };
            whole.push_str(rest);
            match lines.next() {
                Some((next, _)) => piece = next,
                None => return Err(LoadError::new(&place, "the file ends in a continued line")),
            }
        }
        let mut words = words(&whole).map_err(|message| LoadError::new(&place, message))?;
        let name = words.remove(0);
        found.push(Directive { place, name, arguments: words });
    }
    Ok(found)
}

/// The words of a line. Quotes of both kinds hold words together; a backslash
/// takes a quote's meaning away and is otherwise itself.
fn words(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut rest = line.trim();
    while let Some(first) = rest.chars().next() {
        if first == '"' || first == '\'' {
            let (word, after) = quoted(&rest[1..], first)?;
            words.push(word);
            rest = after.trim_start();
        } else {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            words.push(rest[..end].to_owned());
            rest = rest[end..].trim_start();
        }
    }
    Ok(words)
}

fn quoted(text: &str, quote: char) -> Result<(String, &str), String> {
    let mut word = String::new();
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        if c == quote {
            let after = &text[at + 1..];
            if !after.is_empty() && !after.starts_with(char::is_whitespace) {
                return Err(format!("no blank after the closing {quote}"));
            }
            return Ok((word, after));
        }
        if c == '\\' && chars.peek().is_some_and(|(_, next)| *next == quote) {
            chars.next();
            word.push(quote);
        } else {
            word.push(c);
        }
    }
    Err(format!("a {quote} is not closed"))
}
