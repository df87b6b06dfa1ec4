//! The framing of a chunked body, octet by octet: the lines are short, and the
//! data between them is skipped in one step.

use super::Violation;

/// Hexadecimal digits of a chunk size: what fits 64 bits.
const SIZE_DIGITS: u8 = 16;

/// Octets of the extensions of one chunk. Nobody uses them; unbounded ones cost
/// the server without giving it anything.
const EXTENSION: u16 = 256;

/// Where in a chunked body the next octet stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Chunk {
    /// In the digits of a size.
    Size {
        /// How many digits there were.
        digits: u8,
        /// What they say so far.
        size: u64,
    },
    /// Behind the `;` after a size.
    Extension {
        /// Octets so far.
        length: u16,
        /// What the digits said.
        size: u64,
    },
    /// Behind the carriage return of a size line.
    SizeEnd {
        /// What the digits said.
        size: u64,
    },
    /// In chunk data.
    Data {
        /// Octets still to come, at least one.
        left: u64,
    },
    /// Behind chunk data.
    DataCarriageReturn,
    /// Behind chunk data and carriage return.
    DataLineFeed,
    /// Behind the line of the last chunk: a trailer section comes.
    Last,
}

impl Chunk {
    /// Where a chunked body begins.
    pub(super) const START: Self = Self::Size { digits: 0, size: 0 };

    /// Follows `bytes` until they or the chunks end; answers with how many octets
    /// that took, or with the place of the first one that must not be.
    pub(super) fn follow(&mut self, bytes: &[u8]) -> Result<usize, (usize, Violation)> {
        let mut at = 0;
        while at < bytes.len() {
            match self {
                Self::Last => break,
                Self::Data { left } => {
                    let here = bytes.len() - at;
                    if *left > here as u64 {
                        *left -= here as u64;
                        return Ok(bytes.len());
                    }
                    // Not more than `here`, so it fits.
                    at += *left as usize;
                    *self = Self::DataCarriageReturn;
                }
                _ => {
                    *self = self.step(bytes[at]).map_err(|violation| (at, violation))?;
                    at += 1;
                }
            }
        }
        Ok(at)
    }

    fn step(self, byte: u8) -> Result<Self, Violation> {
        match (self, byte) {
            (Self::Size { digits, size }, _) if byte.is_ascii_hexdigit() => {
                if digits == SIZE_DIGITS {
                    return Err(Violation::ChunkSize);
                }
                let digit = match byte {
                    b'0'..=b'9' => byte - b'0',
                    _ => (byte | 0x20) - b'a' + 10,
                };
                Ok(Self::Size { digits: digits + 1, size: size << 4 | u64::from(digit) })
            }
            (Self::Size { digits: 1.., size }, b'\r') => Ok(Self::SizeEnd { size }),
            (Self::Size { digits: 1.., size }, b';') => Ok(Self::Extension { length: 0, size }),
            (Self::Size { .. }, _) => Err(Violation::ChunkSize),

            (Self::Extension { size, .. }, b'\r') => Ok(Self::SizeEnd { size }),
            (Self::Extension { length, size }, _) => {
                if byte.is_ascii_control() || length == EXTENSION {
                    return Err(Violation::ChunkExtension);
                }
                Ok(Self::Extension { length: length + 1, size })
            }

            (Self::SizeEnd { size: 0 }, b'\n') => Ok(Self::Last),
            (Self::SizeEnd { size }, b'\n') => Ok(Self::Data { left: size }),
            (Self::SizeEnd { .. }, _) => Err(Violation::ChunkSize),

            (Self::DataCarriageReturn, b'\r') => Ok(Self::DataLineFeed),
            (Self::DataLineFeed, b'\n') => Ok(Self::START),
            (Self::DataCarriageReturn | Self::DataLineFeed, _) => Err(Violation::ChunkEnd),

            (Self::Data { left: 0 | 1 }, _) => Ok(Self::DataCarriageReturn),
            (Self::Data { left }, _) => Ok(Self::Data { left: left - 1 }),
            (Self::Last, _) => Ok(Self::Last),
        }
    }
}
