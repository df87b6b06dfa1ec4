//! Redirects that lead where the operator said and nowhere else.
//!
//! A client that chooses a part of the path must not thereby choose the host:
//! `https://example.com${1}` with `.evil.example`, or a path that starts with two
//! slashes, would. Hence an absolute URL's host is fixed by the text alone, and
//! anything else starts with exactly one slash.

use plugin_sdk::{Error, Reply, Result};
use template::{Part, Template, Variable, View};

use crate::{condition, config, path};

/// A redirect, checked and parsed.
pub(crate) struct Redirect {
    status: u16,
    to: Template,
    is_absolute: bool,
    keep_query: bool,
}

impl Redirect {
    pub(crate) fn new(config: &config::Redirect, groups: &[Option<&str>]) -> Result<Self> {
        if ![301, 302, 307, 308].contains(&config.status) {
            let text = format!("status: {} is none of 301, 302, 307 and 308", config.status);
            return Err(Error::new(text));
        }
        let to =
            Template::with_captures(&config.to, groups).map_err(|e| Error::from(e).within("to"))?;
        let is_absolute = is_absolute(&to).map_err(|e| e.within("to"))?;
        Ok(Self {
            status: config.status,
            // With `${query}` or `${target}` the operator said where it goes.
            keep_query: config.keep_query && !has_query(&to),
            to,
            is_absolute,
        })
    }

    pub(crate) fn template(&self) -> &Template {
        &self.to
    }

    pub(crate) fn answer(&self, view: &View<'_>) -> Reply {
        let mut location = self.to.target(view);
        if !self.is_absolute {
            location = path::rooted(&location);
        }
        if self.keep_query
            && let Some(query) = view.query()
        {
            let (head, fragment) = match location.find('#') {
                Some(at) => location.split_at(at),
                None => (location.as_str(), ""),
            };
            location = format!("{head}?{query}{fragment}");
        }
        Reply::redirect(self.status, location)
    }
}

fn has_query(to: &Template) -> bool {
    to.parts().iter().any(|part| match part {
        Part::Text(text) => text.contains('?'),
        Part::Variable(v) => matches!(v, Variable::Query | Variable::Target),
    })
}

/// Whether this is an absolute URL, of a host that no client can change, and not
/// a path.
fn is_absolute(to: &Template) -> Result<bool> {
    let mut parts = to.parts().iter();
    let mut text = match parts.next() {
        Some(Part::Text(text)) => text.as_str(),
        Some(Part::Variable(Variable::Path | Variable::Target)) => return Ok(false),
        // `${scheme}://…`
        Some(Part::Variable(Variable::Scheme)) => match parts.next() {
            Some(Part::Text(text)) if text.starts_with("://") => text,
            _ => return Err(not_a_target()),
        },
        _ => return Err(not_a_target()),
    };
    if text.starts_with('/') && !text.starts_with("//") {
        return Ok(false);
    }
    let (scheme, rest) = text.split_once("://").ok_or_else(not_a_target)?;
    if !scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b)) {
        return Err(not_a_target());
    }
    // The authority ends where the text says so, or where a path begins.
    text = rest;
    let mut is_empty = true;
    loop {
        if let Some(end) = text.find(['/', '?', '#']) {
            text = &text[..end];
            is_empty &= text.is_empty();
            check_authority(text)?;
            break;
        }
        is_empty &= text.is_empty();
        check_authority(text)?;
        match parts.next() {
            None | Some(Part::Variable(Variable::Path | Variable::Target)) => break,
            Some(Part::Text(next)) => text = next,
            Some(Part::Variable(Variable::Host)) => {
                is_empty = false;
                text = "";
            }
            Some(Part::Variable(_)) => {
                return Err(Error::new(
                    "a client could choose the host: put a `/` before this variable",
                ));
            }
        }
    }
    if is_empty {
        return Err(not_a_target());
    }
    Ok(true)
}

fn check_authority(text: &str) -> Result<()> {
    if text.bytes().all(condition::is_host_octet) {
        return Ok(());
    }
    Err(Error::new(format!("`{text}` is no part of a host")))
}

fn not_a_target() -> Error {
    Error::new("this is neither an absolute URL (`https://host/…`) nor a path (`/…`)")
}
