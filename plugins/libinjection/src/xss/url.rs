//! URLs that run scripts.

/// Whether a URL has a scheme that runs a script, or loads one. `JAVA` stands for
/// `java:` and `javascript:`.
pub(super) fn runs_script(url: &[u8]) -> bool {
    const SCHEMES: [&str; 4] = ["DATA", "VIEW-SOURCE", "JAVA", "VBSCRIPT"];
    // Browsers skipped control characters and, in some encodings, all that is
    // not ASCII.
    let start = url.iter().position(|&byte| matches!(byte, 33..=126)).unwrap_or(url.len());
    SCHEMES.iter().any(|scheme| starts_with(&url[start..], scheme))
}

/// Whether a text with character references begins with `start`, given in upper
/// case. White space before it, and NUL and line feeds within, do not count.
fn starts_with(mut text: &[u8], start: &str) -> bool {
    let mut wanted = start.bytes().peekable();
    let mut is_first = true;
    while let Some(&next) = wanted.peek() {
        let Some((character, rest)) = split_character(text) else {
            return false;
        };
        text = rest;
        if is_first && character <= 32 {
            continue;
        }
        is_first = false;
        if matches!(character, 0 | 10) {
            continue;
        }
        // Only the low byte counts, as in the C library.
        let upper = match character {
            0x61..=0x7a => character - 0x20,
            other => other,
        };
        if upper.to_le_bytes()[0] != next {
            return false;
        }
        wanted.next();
    }
    true
}

/// The first character of a text, and the rest. A number between `&#` and `;` is
/// that character.
fn split_character(text: &[u8]) -> Option<(u32, &[u8])> {
    let (&byte, rest) = text.split_first()?;
    Some(reference(text).unwrap_or((byte.into(), rest)))
}

/// The character that a numeric reference stands for, and what follows it.
fn reference(text: &[u8]) -> Option<(u32, &[u8])> {
    /// Greater numbers are no references.
    const GREATEST: u32 = 0x10_00ff;
    let digits = text.strip_prefix(b"&#")?;
    let (radix, mut rest) = match digits {
        [b'x' | b'X', digits @ ..] => (16, digits),
        digits => (10, digits),
    };
    let mut character = char::from(*rest.first()?).to_digit(radix)?;
    rest = &rest[1..];
    loop {
        let Some((&byte, after)) = rest.split_first() else {
            return Some((character, rest));
        };
        if byte == b';' {
            return Some((character, after));
        }
        let Some(digit) = char::from(byte).to_digit(radix) else {
            return Some((character, rest));
        };
        character = character * radix + digit;
        if character > GREATEST {
            return None;
        }
        rest = after;
    }
}
