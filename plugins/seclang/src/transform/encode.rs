//! Encodings, digests and parity.

use md5::Digest;

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn push_hex(octet: u8, out: &mut Vec<u8>) {
    out.extend([DIGITS[usize::from(octet >> 4)], DIGITS[usize::from(octet & 15)]]);
}

pub(super) fn hex(input: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len() * 2);
    input.iter().for_each(|b| push_hex(*b, &mut out));
    (!out.is_empty()).then_some(out)
}

pub(super) fn md5(input: &[u8]) -> Option<Vec<u8>> {
    Some(md5::Md5::digest(input).to_vec())
}

pub(super) fn sha1(input: &[u8]) -> Option<Vec<u8>> {
    Some(sha1::Sha1::digest(input).to_vec())
}

pub(super) fn url(input: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len());
    for &b in input {
        match b {
            b' ' => out.push(b'+'),
            b'*' => out.push(b),
            _ if b.is_ascii_alphanumeric() => out.push(b),
            _ => {
                out.push(b'%');
                push_hex(b, &mut out);
            }
        }
    }
    (out != input).then_some(out)
}

/// RFC 4648, section 4.
pub(super) fn base64(input: &[u8]) -> Option<Vec<u8>> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::with_capacity(input.len().div_ceil(3) * 4);
    for chunk in input.chunks(3) {
        let at = |i: usize| u32::from(chunk.get(i).copied().unwrap_or(0));
        let word = at(0) << 16 | at(1) << 8 | at(2);
        for i in 0..4 {
            if i > chunk.len() {
                out.push(b'=');
            } else {
                out.push(LETTERS[(word >> (18 - 6 * i)) as usize & 63]);
            }
        }
    }
    (!out.is_empty()).then_some(out)
}

fn parity(input: &[u8], set: impl Fn(u8) -> u8) -> Option<Vec<u8>> {
    let out: Vec<u8> = input.iter().map(|b| set(*b)).collect();
    (out != input).then_some(out)
}

pub(super) fn parity_even(input: &[u8]) -> Option<Vec<u8>> {
    parity(input, |b| (b & 0x7F) | if (b & 0x7F).count_ones() % 2 == 1 { 0x80 } else { 0 })
}

pub(super) fn parity_odd(input: &[u8]) -> Option<Vec<u8>> {
    parity(input, |b| (b & 0x7F) | if (b & 0x7F).count_ones() % 2 == 0 { 0x80 } else { 0 })
}

pub(super) fn parity_zero(input: &[u8]) -> Option<Vec<u8>> {
    parity(input, |b| b & 0x7F)
}

/// Sequences of UTF-8 beyond ASCII become `%uXXXX`. Octets that are no such
/// sequence stay; overlong sequences count as what they stand for.
pub(super) fn utf8_to_unicode(input: &[u8]) -> Option<Vec<u8>> {
    if input.is_ascii() {
        return None;
    }
    let mut out = Vec::with_capacity(input.len() * 2);
    let mut at = 0;
    while at < input.len() {
        let Some((code, length)) = sequence(&input[at..]) else {
            out.push(input[at]);
            at += 1;
            continue;
        };
        out.extend_from_slice(b"%u");
        let digits = if code > 0xFFFF { format!("{code:x}") } else { format!("{code:04x}") };
        out.extend_from_slice(digits.as_bytes());
        at += length;
    }
    (out != input).then_some(out)
}

/// The code point of a sequence of two to four octets, and their number.
fn sequence(input: &[u8]) -> Option<(u32, usize)> {
    let (length, first) = match input[0] {
        b @ 0xC0..=0xDF => (2, b & 0x1F),
        b @ 0xE0..=0xEF => (3, b & 0x0F),
        b @ 0xF0..=0xF7 => (4, b & 0x07),
        _ => return None,
    };
    let mut code = u32::from(first);
    for &b in input.get(1..length)? {
        if b & 0xC0 != 0x80 {
            return None;
        }
        code = code << 6 | u32::from(b & 0x3F);
    }
    Some((code, length))
}
