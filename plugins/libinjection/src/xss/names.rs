//! The names of tags and attributes that run scripts or load them.

use crate::tables::EVENTS;

const TAGS: [&str; 20] = [
    "APPLET", "BASE", "COMMENT", "EMBED", "FRAME", "FRAMESET", "HANDLER", "IFRAME", "IMPORT",
    "ISINDEX", "LINK", "LISTENER", "META", "NOSCRIPT", "OBJECT", "SCRIPT", "STYLE", "VMLFRAME",
    "XML", "XSS",
];

/// What makes an attribute dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Danger {
    /// Itself, with any value.
    Always,
    /// A value that is the URL of a script.
    Url,
    /// A value that is the name of a dangerous attribute.
    Name,
}

const ATTRIBUTES: [(&str, Danger); 20] = [
    ("ACTION", Danger::Url),
    ("ATTRIBUTENAME", Danger::Name),
    ("BY", Danger::Url),
    ("BACKGROUND", Danger::Url),
    ("DATAFORMATAS", Danger::Always),
    ("DATASRC", Danger::Always),
    ("DYNSRC", Danger::Url),
    ("FILTER", Danger::Always),
    ("FORMACTION", Danger::Url),
    ("FOLDER", Danger::Url),
    ("FROM", Danger::Url),
    ("HANDLER", Danger::Url),
    ("HREF", Danger::Url),
    ("LOWSRC", Danger::Url),
    ("POSTER", Danger::Url),
    ("SRC", Danger::Url),
    ("STYLE", Danger::Always),
    ("TO", Danger::Url),
    ("VALUES", Danger::Url),
    ("XLINK:HREF", Danger::Url),
];

/// Whether a tag is dangerous: one of the list, or one of SVG or XSLT.
pub(super) fn is_dangerous_tag(name: &[u8]) -> bool {
    name.len() >= 3
        && (TAGS.iter().any(|tag| is(name, tag))
            || starts_with(name, b"SVG")
            || starts_with(name, b"XSL"))
}

/// What makes the attribute `name` dangerous, if anything.
pub(super) fn danger_of(name: &[u8]) -> Option<Danger> {
    if name.len() >= 5
        && (is_event(name) || starts_with(name, b"XMLNS") || starts_with(name, b"XLINK"))
    {
        return Some(Danger::Always);
    }
    if name.len() < 2 {
        return None;
    }
    ATTRIBUTES.iter().find(|(attribute, _)| is(name, attribute)).map(|&(_, danger)| danger)
}

/// Whether an attribute begins with `on` and the name of an event.
fn is_event(name: &[u8]) -> bool {
    let Some((b"on" | b"ON" | b"oN" | b"On", event)) = name.split_at_checked(2) else {
        return false;
    };
    let upper = || event.iter().map(u8::to_ascii_uppercase);
    let after = EVENTS.partition_point(|name| name.bytes().le(upper()));
    EVENTS[..after].last().is_some_and(|name| starts_with(event, name.as_bytes()))
}

/// Whether `text` begins with `start`, given in upper case.
pub(super) fn starts_with(text: &[u8], start: &[u8]) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}

/// Whether `text` is `name`, given in upper case. Browsers ignored NUL.
fn is(text: &[u8], name: &str) -> bool {
    text.iter().filter(|&&byte| byte != 0).map(u8::to_ascii_uppercase).eq(name.bytes())
}
