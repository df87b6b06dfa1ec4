//! The fingerprint JA4 of a TLS client, as FoxIO's technical details describe it:
//! `t13d1516h2_8daaf6152771_e5627efa2ab1`.

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use super::{ClientHello, NO_PROTOCOL, PROTOCOLS, Reader, SERVER_NAME, is_grease};

/// Counts have two digits.
const COUNT_MAX: usize = 99;
/// Characters that are kept of a hash.
const HASH_LENGTH: usize = 12;

/// Version, server name, counts and protocol, in the clear; a hash of the cipher
/// suites; a hash of the extensions and signature algorithms.
pub(super) fn fingerprint(hello: &ClientHello) -> String {
    let mut ciphers = hello.ciphers().to_vec();
    ciphers.sort_unstable();
    let known = [SERVER_NAME, PROTOCOLS];
    let mut extensions = hello.extensions().to_vec();
    extensions.retain(|code| !known.contains(code));
    extensions.sort_unstable();
    let mut listed = list(&extensions);
    if !hello.signature_algorithms().is_empty() && !extensions.is_empty() {
        listed.push('_');
        listed.push_str(&list(hello.signature_algorithms()));
    }
    let [first, last] = hello.protocol.map(char::from);
    format!(
        "t{}{}{:02}{:02}{first}{last}_{}_{}",
        version(hello.version),
        if hello.names_server { 'd' } else { 'i' },
        hello.ciphers().len().min(COUNT_MAX),
        hello.extensions().len().min(COUNT_MAX),
        hash(&list(&ciphers)),
        hash(&listed),
    )
}

fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        _ => "00",
    }
}

/// First and last character of the first protocol in a list; of its hexadecimal
/// form if either is no letter or digit. None = the list is cut short.
pub(super) fn protocol(mut list: Reader<'_>) -> Option<[u8; 2]> {
    while !list.is_empty() {
        let Reader(name) = list.u8_list()?;
        if let [one, other] = name
            && is_grease(u16::from_be_bytes([*one, *other]))
        {
            continue;
        }
        return Some(ends(name));
    }
    Some(*NO_PROTOCOL)
}

fn ends(name: &[u8]) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (Some(first), Some(last)) = (name.first(), name.last()) else { return *NO_PROTOCOL };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return [*first, *last];
    }
    [DIGITS[usize::from(first >> 4)], DIGITS[usize::from(last & 0xf)]]
}

fn list(codes: &[u16]) -> String {
    let mut text = String::with_capacity(codes.len() * "ffff,".len());
    for code in codes {
        let comma = if text.is_empty() { "" } else { "," };
        // Writing to a String cannot fail.
        let _ = write!(text, "{comma}{code:04x}");
    }
    text
}

/// Of nothing zeros, so that it shows.
fn hash(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(HASH_LENGTH);
    }
    let mut shown = String::with_capacity(HASH_LENGTH);
    for octet in &Sha256::digest(text)[..HASH_LENGTH / 2] {
        let _ = write!(shown, "{octet:02x}");
    }
    shown
}
