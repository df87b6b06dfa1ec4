//! Texts with variables in them: `%{tx.score}`.

use crate::transform::lower;
use crate::variable::{Kind, Selector, Variable};

/// A parsed text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Macro(pub(crate) Vec<Piece>);

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// Itself.
    Text(Vec<u8>),
    /// The first value of a variable.
    Value(Variable, Selector),
    /// A value of `TX`, by its slot in an engine.
    Slot(u32),
}

impl Macro {
    /// # Errors
    /// An unknown variable, or a `%{` that is not closed.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find("%{") {
            if open > 0 {
                pieces.push(Piece::Text(rest.as_bytes()[..open].to_vec()));
            }
            let inner = &rest[open + 2..];
            let close =
                inner.find('}').ok_or_else(|| format!("`%{{` is not closed in `{text}`"))?;
            pieces.push(value(&inner[..close])?);
            rest = &inner[close + 1..];
        }
        if !rest.is_empty() {
            pieces.push(Piece::Text(rest.as_bytes().to_vec()));
        }
        Ok(Self(pieces))
    }

    /// The text, if it has no variables.
    pub(crate) fn constant(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(b""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }
}

fn value(inner: &str) -> Result<Piece, String> {
    let (name, key) = match inner.split_once(['.', ':']) {
        Some((name, key)) => (name, Some(key)),
        None => (inner, None),
    };
    let variable = Variable::named(name.trim())
        .ok_or_else(|| format!("there is no variable `{name}` for `%{{{inner}}}`"))?;
    let selector = match key {
        None => Selector::All,
        Some(_) if variable.kind() == Kind::Single => {
            return Err(format!("`%{{{inner}}}`: `{name}` has one value and takes no key"));
        }
        Some(key) => Selector::Key(lower(key.trim().as_bytes())),
    };
    Ok(Piece::Value(variable, selector))
}
