//! Public keys as the host wants them: SubjectPublicKeyInfo in DER (RFC 5280).

use super::algorithm::Kind;

// Object identifiers, encoded with tag and length (RFC 3279, RFC 5480, RFC 8410).
const RSA: &[u8] = &[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
const EC: &[u8] = &[0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const P256: &[u8] = &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
const P384: &[u8] = &[0x06, 5, 0x2b, 0x81, 0x04, 0, 0x22];
const ED25519: &[u8] = &[0x06, 3, 0x2b, 0x65, 0x70];
const NULL: &[u8] = &[0x05, 0];

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const SEQUENCE: u8 = 0x30;

/// An RSA key of its modulus and exponent, both big-endian.
pub(crate) fn rsa(modulus: &[u8], exponent: &[u8]) -> Vec<u8> {
    let key = value(SEQUENCE, &[&integer(modulus), &integer(exponent)]);
    info(&[RSA, NULL], &key)
}

/// A point of a curve, uncompressed.
pub(crate) fn point(kind: Kind, x: &[u8], y: &[u8]) -> Vec<u8> {
    let curve = if kind == Kind::P384 { P384 } else { P256 };
    info(&[EC, curve], &[&[4], x, y].concat())
}

/// A key of Ed25519.
pub(crate) fn ed25519(key: &[u8]) -> Vec<u8> {
    info(&[ED25519], key)
}

/// What kind of key a SubjectPublicKeyInfo holds; none if it is of no kind that the
/// host verifies with. The host checks the rest.
pub(crate) fn kind(der: &[u8]) -> Option<Kind> {
    let (tag, content, rest) = read(der)?;
    let (inner, algorithm, _) = read(content)?;
    if tag != SEQUENCE || inner != SEQUENCE || !rest.is_empty() {
        return None;
    }
    let is = |parts: &[&[u8]]| algorithm == parts.concat();
    match () {
        () if is(&[RSA, NULL]) => Some(Kind::Rsa),
        () if is(&[EC, P256]) => Some(Kind::P256),
        () if is(&[EC, P384]) => Some(Kind::P384),
        () if is(&[ED25519]) => Some(Kind::Ed25519),
        () => None,
    }
}

/// Tag, content, and what follows.
fn read(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 | 0x82 => {
            let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            let add = |sum: usize, octet: &u8| sum << 8 | usize::from(*octet);
            (length.iter().fold(0, add), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some((tag, content, rest))
}

fn info(algorithm: &[&[u8]], key: &[u8]) -> Vec<u8> {
    // The first octet of a bit string says how many bits at its end do not count.
    let bits = value(BIT_STRING, &[&[0], key]);
    value(SEQUENCE, &[&value(SEQUENCE, algorithm), &bits])
}

/// A positive integer: without zeros at its start but for the one that keeps it
/// positive.
fn integer(octets: &[u8]) -> Vec<u8> {
    let start = octets.iter().position(|o| *o != 0).unwrap_or(octets.len());
    let octets = &octets[start..];
    match octets.first() {
        Some(first) if *first < 0x80 => value(INTEGER, &[octets]),
        _ => value(INTEGER, &[&[0], octets]),
    }
}

fn value(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let length: usize = parts.iter().map(|part| part.len()).sum();
    let mut der = vec![tag];
    match u8::try_from(length) {
        Ok(short) if short < 0x80 => der.push(short),
        Ok(short) => der.extend_from_slice(&[0x81, short]),
        Err(_) => {
            let [.., high, low] = length.to_be_bytes();
            der.extend_from_slice(&[0x82, high, low]);
        }
    }
    parts.iter().for_each(|part| der.extend_from_slice(part));
    der
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_its_kind() {
        assert_eq!(kind(&rsa(&[0xff; 256], &[1, 0, 1])), Some(Kind::Rsa));
        assert_eq!(kind(&point(Kind::P256, &[1; 32], &[2; 32])), Some(Kind::P256));
        assert_eq!(kind(&point(Kind::P384, &[1; 48], &[2; 48])), Some(Kind::P384));
        assert_eq!(kind(&ed25519(&[3; 32])), Some(Kind::Ed25519));
        for end in 0..10 {
            assert_eq!(kind(&ed25519(&[3; 32])[..end]), None);
        }
        assert_eq!(kind(&[0x30, 0x85, 1, 1, 1, 1, 1]), None);
    }
}
