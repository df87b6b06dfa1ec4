//! The client's TLS hello, as far as it tells clients apart: what was offered, not
//! what came of it.
//!
//! Read from the octets, since the TLS library shows neither the extensions nor
//! their order. The library has accepted the hello before; this reader trusts it in
//! nothing, and reads what it does not understand as no hello.

mod ja4;

use std::borrow::Cow;
use std::sync::OnceLock;

/// Codes that are kept of one hello, over all three lists. Browsers send about
/// fifty; whoever sends more than this has no fingerprint, and holds no more memory
/// than others.
const CODES_MAX: usize = 1024;

/// What is kept of a hello: a hundred octets or so, from which [`Self::ja4`] is
/// worked out when it is first asked for.
#[derive(Debug)]
pub struct ClientHello {
    /// The highest version that is offered.
    version: u16,
    /// Whether a server is named (SNI).
    names_server: bool,
    /// The first protocol that is offered (ALPN), as the fingerprint shows it.
    protocol: [u8; 2],
    /// Cipher suites, extensions and signature algorithms, in this order.
    codes: Box<[u16]>,
    ciphers: usize,
    extensions: usize,
    ja4: OnceLock<Box<str>>,
}

impl ClientHello {
    /// Reads the TLS records that a connection begins with, of which there may be
    /// more than the hello needs. None if they do not hold a whole one.
    pub fn read(records: &[u8]) -> Option<Self> {
        let message = message(records)?;
        let mut body = Reader(&message);
        let version = body.u16()?;
        body.take(RANDOM_LENGTH)?;
        body.u8_list()?;
        let mut codes = Vec::new();
        push(&mut codes, body.u16_list()?)?;
        let ciphers = codes.len();
        body.u8_list()?;
        let mut hello = Self {
            version,
            names_server: false,
            protocol: *NO_PROTOCOL,
            codes: Box::default(),
            ciphers,
            extensions: 0,
            ja4: OnceLock::new(),
        };
        // A hello may end before the extensions.
        let extensions = if body.is_empty() { Reader(&[]) } else { body.u16_list()? };
        let mut signatures = Vec::new();
        hello.read_extensions(extensions, &mut codes, &mut signatures)?;
        hello.extensions = codes.len() - ciphers;
        codes.append(&mut signatures);
        hello.codes = codes.into();
        Some(hello)
    }

    fn read_extensions(
        &mut self,
        mut list: Reader<'_>,
        codes: &mut Vec<u16>,
        signatures: &mut Vec<u16>,
    ) -> Option<()> {
        while !list.is_empty() {
            let code = list.u16()?;
            let mut content = list.u16_list()?;
            if !is_grease(code) {
                push_one(codes, code)?;
            }
            match code {
                SERVER_NAME => self.names_server = true,
                PROTOCOLS => self.protocol = ja4::protocol(content.u16_list()?)?,
                SIGNATURE_ALGORITHMS => push(signatures, content.u16_list()?)?,
                SUPPORTED_VERSIONS => self.version = highest(content.u8_list()?)?,
                _ => {}
            }
        }
        Some(())
    }

    /// The fingerprint of this hello (FoxIO, JA4), worked out once.
    pub fn ja4(&self) -> &str {
        self.ja4.get_or_init(|| ja4::fingerprint(self).into())
    }

    fn ciphers(&self) -> &[u16] {
        &self.codes[..self.ciphers]
    }

    fn extensions(&self) -> &[u16] {
        &self.codes[self.ciphers..self.ciphers + self.extensions]
    }

    fn signature_algorithms(&self) -> &[u16] {
        &self.codes[self.ciphers + self.extensions..]
    }
}

const RANDOM_LENGTH: usize = 32;
const NO_PROTOCOL: &[u8; 2] = b"00";

// Extensions (RFC 8446, section 4.2; RFC 6066; RFC 7301).
const SERVER_NAME: u16 = 0;
const SIGNATURE_ALGORITHMS: u16 = 13;
const PROTOCOLS: u16 = 16;
const SUPPORTED_VERSIONS: u16 = 43;

/// Codes without a meaning, which clients send so that servers go on ignoring
/// unknown ones (RFC 8701); random, so no part of a fingerprint.
fn is_grease(code: u16) -> bool {
    code & 0x0f0f == 0x0a0a && code >> 8 == code & 0xff
}

fn highest(mut versions: Reader<'_>) -> Option<u16> {
    let mut highest = 0;
    while !versions.is_empty() {
        let version = versions.u16()?;
        if !is_grease(version) {
            highest = highest.max(version);
        }
    }
    Some(highest)
}

fn push(codes: &mut Vec<u16>, mut list: Reader<'_>) -> Option<()> {
    while !list.is_empty() {
        let code = list.u16()?;
        if !is_grease(code) {
            push_one(codes, code)?;
        }
    }
    Some(())
}

fn push_one(codes: &mut Vec<u16>, code: u16) -> Option<()> {
    (codes.len() < CODES_MAX).then(|| codes.push(code))
}

/// The content of the hello, without the heads of records and message. A client may
/// cut a message into records where it likes.
fn message(records: &[u8]) -> Option<Cow<'_, [u8]>> {
    const HANDSHAKE: u8 = 22;
    const CLIENT_HELLO: u8 = 1;
    const HEAD_LENGTH: usize = 4;
    let mut rest = Reader(records);
    let mut joined: Cow<'_, [u8]> = Cow::Borrowed(&[]);
    loop {
        if rest.u8()? != HANDSHAKE {
            return None;
        }
        rest.u16()?;
        let Reader(piece) = rest.u16_list()?;
        match joined.is_empty() {
            true => joined = Cow::Borrowed(piece),
            false => joined.to_mut().extend_from_slice(piece),
        }
        let [kind, length @ ..] = joined.first_chunk::<HEAD_LENGTH>().copied().unwrap_or_default();
        if joined.len() < HEAD_LENGTH {
            continue;
        }
        if kind != CLIENT_HELLO {
            return None;
        }
        let length = length.iter().fold(0, |length, octet| length << 8 | usize::from(*octet));
        let range = HEAD_LENGTH..HEAD_LENGTH + length;
        if joined.len() >= range.end {
            return Some(match joined {
                Cow::Borrowed(all) => Cow::Borrowed(&all[range]),
                Cow::Owned(all) => Cow::Owned(all[range].to_vec()),
            });
        }
    }
}

/// Octets that are read from the front; none where there are too few.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take(1).map(|octets| octets[0])
    }

    fn u16(&mut self) -> Option<u16> {
        self.take(2).map(|octets| u16::from_be_bytes([octets[0], octets[1]]))
    }

    /// What a length of one octet stands before.
    fn u8_list(&mut self) -> Option<Self> {
        let length = self.u8()?;
        self.take(length.into()).map(Self)
    }

    /// What a length of two octets stands before.
    fn u16_list(&mut self) -> Option<Self> {
        let length = self.u16()?;
        self.take(length.into()).map(Self)
    }
}

#[cfg(test)]
mod tests;
