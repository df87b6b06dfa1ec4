//! Encodings undone.

use super::{digit, is_space};

/// `%XX` and `+`. A percent sign without two digits is itself.
pub(super) fn url(input: &[u8]) -> Option<Vec<u8>> {
    decode_url(input, false)
}

/// As [`url`], and `%uXXXX`: its low octet, with the full-width forms of ASCII
/// as ASCII.
pub(super) fn url_unicode(input: &[u8]) -> Option<Vec<u8>> {
    decode_url(input, true)
}

fn decode_url(input: &[u8], unicode: bool) -> Option<Vec<u8>> {
    let first = memchr::memchr2(b'%', b'+', input)?;
    let mut out = Vec::with_capacity(input.len());
    out.extend_from_slice(&input[..first]);
    let mut at = first;
    while at < input.len() {
        let rest = &input[at..];
        match rest {
            [b'+', ..] => {
                out.push(b' ');
                at += 1;
            }
            [b'%', b'u' | b'U', ..] if unicode => match hex_digits(&rest[2..], 4) {
                Some(code) => {
                    out.push(narrow(code));
                    at += 6;
                }
                None => {
                    out.extend_from_slice(&rest[..2]);
                    at += 2;
                }
            },
            [b'%', ..] => match hex_digits(&rest[1..], 2) {
                Some(code) => {
                    out.push(code as u8);
                    at += 3;
                }
                None => {
                    out.push(b'%');
                    at += 1;
                }
            },
            _ => {
                out.push(rest[0]);
                at += 1;
            }
        }
    }
    (out != input).then_some(out)
}

/// The number in exactly so many hexadecimal digits.
fn hex_digits(input: &[u8], count: usize) -> Option<u32> {
    let digits = input.get(..count)?;
    digits.iter().try_fold(0, |code, b| Some(code << 4 | u32::from(digit(*b)?)))
}

/// The octet of a code point; full-width forms are those of ASCII.
fn narrow(code: u32) -> u8 {
    let low = (code & 0xFF) as u8;
    if (0xFF01..=0xFF5E).contains(&code) { low.wrapping_add(0x20) } else { low }
}

pub(super) fn hex(input: &[u8]) -> Option<Vec<u8>> {
    let value = |b: u8| digit(b).unwrap_or(0);
    let out: Vec<u8> = input.chunks_exact(2).map(|c| value(c[0]) << 4 | value(c[1])).collect();
    (out != input).then_some(out)
}

/// `0x414243` becomes `ABC`.
pub(super) fn sql_hex(input: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len());
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        if let [b'0', b'x' | b'X', digits @ ..] = rest {
            let count = digits.iter().take_while(|b| b.is_ascii_hexdigit()).count() / 2 * 2;
            if count > 0 {
                out.extend(
                    digits[..count].chunks(2).filter_map(|c| hex_digits(c, 2)).map(|c| c as u8),
                );
                at += 2 + count;
                continue;
            }
        }
        out.push(rest[0]);
        at += 1;
    }
    (out != input).then_some(out)
}

/// Decodes up to the first octet that is not of the alphabet.
pub(super) fn base64(input: &[u8]) -> Option<Vec<u8>> {
    let letters = input.iter().take_while(|b| sextet(**b).is_some()).copied();
    let out = from_sextets(letters);
    (out != input).then_some(out)
}

/// Decodes what is of the alphabet and passes over everything else.
pub(super) fn base64_ext(input: &[u8]) -> Option<Vec<u8>> {
    let out = from_sextets(input.iter().copied().filter(|b| sextet(*b).is_some()));
    (out != input).then_some(out)
}

fn from_sextets(letters: impl Iterator<Item = u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut word, mut bits) = (0_u32, 0);
    for value in letters.filter_map(sextet) {
        word = word << 6 | value;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            out.push((word >> bits) as u8);
            word &= (1 << bits) - 1;
        }
    }
    out
}

fn sextet(letter: u8) -> Option<u32> {
    let value = match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

/// Escapes of JavaScript: `\uXXXX`, `\xXX`, octal, and single characters.
pub(super) fn js(input: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\\', input)?;
    let mut out = input[..first].to_vec();
    let mut at = first;
    while at < input.len() {
        let rest = &input[at..];
        let (octet, used) = match rest {
            [b'\\', b'u', digits @ ..] if hex_digits(digits, 4).is_some() => {
                (narrow(hex_digits(digits, 4).unwrap_or(0)), 6)
            }
            [b'\\', b'x', digits @ ..] if hex_digits(digits, 2).is_some() => {
                (hex_digits(digits, 2).unwrap_or(0) as u8, 4)
            }
            [b'\\', b'0'..=b'7', ..] => {
                let (octet, digits) = octal(&rest[1..]);
                (octet, 1 + digits)
            }
            [b'\\', c, ..] => (control(*c).unwrap_or(*c), 2),
            _ => (rest[0], 1),
        };
        out.push(octet);
        at += used;
    }
    (out != input).then_some(out)
}

/// An octet in up to three octal digits; a third one only if it fits.
fn octal(input: &[u8]) -> (u8, usize) {
    let count = input.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
    let count = if count == 3 && input[0] > b'3' { 2 } else { count };
    (input[..count].iter().fold(0, |n, b| n << 3 | (b - b'0')), count)
}

fn control(letter: u8) -> Option<u8> {
    Some(match letter {
        b'a' => 0x07,
        b'b' => 0x08,
        b'f' => 0x0C,
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'v' => 0x0B,
        _ => return None,
    })
}

/// Escapes of ANSI C. What is no escape stays, backslash included.
pub(super) fn escape_sequences(input: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\\', input)?;
    let mut out = input[..first].to_vec();
    let mut at = first;
    while at < input.len() {
        let rest = &input[at..];
        let (octet, used) = match rest {
            [b'\\', b'x' | b'X', digits @ ..] if hex_digits(digits, 2).is_some() => {
                (hex_digits(digits, 2).unwrap_or(0) as u8, 4)
            }
            [b'\\', b'0'..=b'7', ..] => {
                let count =
                    rest[1..].iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                let fold = |n: u32, b: &u8| n << 3 | u32::from(b - b'0');
                (rest[1..=count].iter().fold(0, fold) as u8, 1 + count)
            }
            [b'\\', c @ (b'\\' | b'?' | b'\'' | b'"'), ..] => (*c, 2),
            [b'\\', c, ..] => match control(*c) {
                Some(octet) => (octet, 2),
                None => {
                    out.push(b'\\');
                    (*c, 2)
                }
            },
            _ => (rest[0], 1),
        };
        out.push(octet);
        at += used;
    }
    (out != input).then_some(out)
}

/// Escapes of CSS: a backslash with up to six hexadecimal digits and a blank,
/// of which the last two digits count; a backslash before a newline goes along
/// with it; before anything else it goes alone.
pub(super) fn css(input: &[u8]) -> Option<Vec<u8>> {
    let first = memchr::memchr(b'\\', input)?;
    let mut out = input[..first].to_vec();
    let mut at = first;
    while at < input.len() {
        let b = input[at];
        at += 1;
        if b != b'\\' {
            out.push(b);
            continue;
        }
        let rest = &input[at..];
        let digits = rest.iter().take(6).take_while(|b| b.is_ascii_hexdigit()).count();
        if digits > 0 {
            let code = hex_digits(rest, digits).unwrap_or(0);
            let full_width = digits >= 4 && (0xFF01..=0xFF5E).contains(&(code & 0xFFFF));
            out.push(if full_width { narrow(code & 0xFFFF) } else { (code & 0xFF) as u8 });
            at += digits;
            at += usize::from(input.get(at).is_some_and(|b| is_space(*b)));
        } else if rest.first() == Some(&b'\n') {
            at += 1;
        } else if let Some(&next) = rest.first() {
            out.push(next);
            at += 1;
        }
    }
    Some(out)
}

/// `&#xH;`, `&#D;` and six named entities, with or without the semicolon; a code
/// point counts by its low octet.
pub(super) fn html_entities(input: &[u8]) -> Option<Vec<u8>> {
    let mut at = memchr::memchr(b'&', input)?;
    let mut out = input[..at].to_vec();
    while at < input.len() {
        let rest = &input[at..];
        let Some((octet, used)) = (rest[0] == b'&').then(|| entity(&rest[1..])).flatten() else {
            out.push(rest[0]);
            at += 1;
            continue;
        };
        out.push(octet);
        at += 1 + used;
        at += usize::from(input.get(at) == Some(&b';'));
    }
    (out != input).then_some(out)
}

/// What stands after an `&`, and how long that is without its semicolon.
fn entity(rest: &[u8]) -> Option<(u8, usize)> {
    let number = |digits: &[u8], radix: u32, before: usize| {
        let value = |b: &u8| char::from(*b).to_digit(radix);
        let count = digits.iter().take_while(|b| value(b).is_some()).count();
        // Only the low octet counts, so that overflow changes nothing.
        let fold = |n: u32, b: &u8| n.wrapping_mul(radix).wrapping_add(value(b).unwrap_or(0));
        (count > 0).then(|| (digits[..count].iter().fold(0, fold) as u8, before + count))
    };
    match rest {
        [b'#', b'x' | b'X', digits @ ..] => number(digits, 16, 2),
        [b'#', digits @ ..] => number(digits, 10, 1),
        _ => {
            let count = rest.iter().take_while(|b| b.is_ascii_alphanumeric()).count();
            let octet = match &*rest[..count].to_ascii_lowercase() {
                b"quot" => b'"',
                b"amp" => b'&',
                b"lt" => b'<',
                b"gt" => b'>',
                b"nbsp" => 0xA0,
                _ => return None,
            };
            Some((octet, count))
        }
    }
}
