//! Nonces for content security policies.

use plugin_sdk::{Error, Result};

/// The octets of a nonce: 128 bits, as the CSP specification asks for at least.
const OCTETS: usize = 16;
const BATCH: usize = 16 * OCTETS;

/// Secure random octets, fetched for several nonces at once: a call to the host for
/// each would cost as much as all the rest. Each octet is used once.
pub(crate) struct Nonces {
    octets: [u8; BATCH],
    used: usize,
}

impl Nonces {
    /// Empty: the octets are fetched at the first use, never when the plugin is
    /// configured, so that no two instances could begin with the same ones.
    pub(crate) fn new() -> Self {
        Self { octets: [0; BATCH], used: BATCH }
    }

    /// A fresh nonce: 32 hexadecimal digits, which are legal where base64 is asked for.
    ///
    /// # Errors
    /// The host has no random octets.
    pub(crate) fn next(&mut self) -> Result<[u8; 2 * OCTETS]> {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        if self.used == BATCH {
            getrandom::fill(&mut self.octets)
                .map_err(|error| Error::new(format!("no random octets for a nonce: {error}")))?;
            self.used = 0;
        }
        let mut nonce = [0; 2 * OCTETS];
        let octets = &mut self.octets[self.used..self.used + OCTETS];
        for (digits, octet) in nonce.chunks_exact_mut(2).zip(&mut *octets) {
            digits[0] = DIGITS[usize::from(*octet >> 4)];
            digits[1] = DIGITS[usize::from(*octet & 15)];
        }
        octets.fill(0);
        self.used += OCTETS;
        Ok(nonce)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_nonce_comes_twice() {
        let mut nonces = Nonces::new();
        let mut seen = BTreeSet::new();
        for _ in 0..1000 {
            let nonce = nonces.next().expect("random octets");
            assert!(nonce.iter().all(u8::is_ascii_hexdigit));
            assert!(seen.insert(nonce));
        }
        assert_ne!(Nonces::new().next().expect("octets"), Nonces::new().next().expect("octets"));
    }
}
