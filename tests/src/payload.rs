//! Bodies too large to write down, reproducible from their length.

use std::sync::LazyLock;

use bytes::Bytes;
use http_body::Frame;
use http_body_util::{BodyExt, StreamBody};
use sha2::{Digest, Sha256};

use crate::Body;

const PIECE: usize = 64 * 1024;

/// `length` octets that look random and are the same every time.
pub fn stream(length: u64) -> Body {
    let pieces = futures_util::stream::iter(pieces(length).map(|piece| Ok(Frame::data(piece))));
    BodyExt::boxed_unsync(StreamBody::new(pieces))
}

/// What [`Checksum::finish`] says of [`stream`].
#[must_use]
pub fn checksum(length: u64) -> String {
    let mut sum = Checksum::default();
    for piece in pieces(length) {
        sum.add(&piece);
    }
    sum.finish()
}

/// The SHA-256 of what passes, in hexadecimal.
#[derive(Debug, Default)]
pub struct Checksum {
    hash: Sha256,
    length: u64,
}

impl Checksum {
    /// The next octets.
    pub fn add(&mut self, octets: &[u8]) {
        self.hash.update(octets);
        self.length += octets.len() as u64;
    }

    /// How many octets there were so far.
    #[must_use]
    pub fn length(&self) -> u64 {
        self.length
    }

    /// The sum.
    #[must_use]
    pub fn finish(self) -> String {
        self.hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
    }
}

/// One block of noise, over and over, with its number in front: a piece that is
/// lost, doubled or swapped shows, and so does an octet anywhere.
fn pieces(length: u64) -> impl Iterator<Item = Bytes> + Send + 'static {
    let mut left = length;
    (0_u64..).map_while(move |number| {
        if left == 0 {
            return None;
        }
        let size = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
        left -= size as u64;
        let mut piece = NOISE.clone();
        piece[..8].copy_from_slice(&number.to_le_bytes());
        piece.truncate(size);
        Some(Bytes::from(piece))
    })
}

static NOISE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut noise = Vec::with_capacity(PIECE);
    while noise.len() < PIECE {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        noise.extend_from_slice(&state.to_le_bytes());
    }
    noise
});
