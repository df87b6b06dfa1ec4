//! What is refused, and how the log puts it.

use thiserror::Error;

/// Why a client's bytes were refused as HTTP/1.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[repr(u8)]
pub enum Violation {
    /// A carriage return that no line feed follows.
    #[error("bare carriage return in a request head or trailer section")]
    BareCarriageReturn = 1,
    /// A line feed that no carriage return precedes.
    #[error("bare line feed in a request head or trailer section")]
    BareLineFeed,
    /// NUL in a line.
    #[error("NUL in a request head or trailer section")]
    Nul,
    /// More than one empty line before the request line.
    #[error("several empty lines before a request line")]
    EmptyLines,
    /// The request line begins with whitespace.
    #[error("whitespace before a request line")]
    LeadingWhitespace,
    /// A field line that continues the one before.
    #[error("folded field line")]
    FoldedLine,
    /// A field line without a colon.
    #[error("field line without a colon")]
    NoColon,
    /// A field line that begins with its colon.
    #[error("field line with an empty name")]
    EmptyName,
    /// Whitespace between a field's name and its colon.
    #[error("whitespace before the colon of a field line")]
    SpaceBeforeColon,
    /// `Content-Length` that is no number, a list, or too large.
    #[error("content-length is not a number")]
    ContentLength,
    /// More than one `Content-Length` line.
    #[error("several content-length lines")]
    ContentLengthRepeated,
    /// `Transfer-Encoding` that is not `chunked`.
    #[error("transfer-encoding is not 'chunked'")]
    TransferEncoding,
    /// More than one `Transfer-Encoding` line.
    #[error("several transfer-encoding lines")]
    TransferEncodingRepeated,
    /// `Transfer-Encoding` where HTTP/1.1 is not spoken.
    #[error("transfer-encoding in a request that is not HTTP/1.1")]
    TransferEncodingVersion,
    /// `Content-Length` and `Transfer-Encoding` in one request.
    #[error("both content-length and transfer-encoding")]
    BothLengths,
    /// More than one `Host` line.
    #[error("several host lines")]
    HostRepeated,
    /// A chunk size that is not 1 to 16 hexadecimal digits and CRLF.
    #[error("malformed chunk size")]
    ChunkSize,
    /// A chunk extension that is too long or has control characters.
    #[error("malformed or oversized chunk extension")]
    ChunkExtension,
    /// Chunk data that CRLF does not follow.
    #[error("chunk data longer than its size")]
    ChunkEnd,
    /// A trailer section of more than 64 KiB.
    #[error("trailer section over 64 KiB")]
    TrailersTooLong,
    /// `Content-Length`, `Transfer-Encoding` or `Host` as a trailer.
    #[error("content-length, transfer-encoding or host in a trailer section")]
    TrailerForbidden,
}

impl Violation {
    const ALL: [Self; 21] = [
        Self::BareCarriageReturn,
        Self::BareLineFeed,
        Self::Nul,
        Self::EmptyLines,
        Self::LeadingWhitespace,
        Self::FoldedLine,
        Self::NoColon,
        Self::EmptyName,
        Self::SpaceBeforeColon,
        Self::ContentLength,
        Self::ContentLengthRepeated,
        Self::TransferEncoding,
        Self::TransferEncodingRepeated,
        Self::TransferEncodingVersion,
        Self::BothLengths,
        Self::HostRepeated,
        Self::ChunkSize,
        Self::ChunkExtension,
        Self::ChunkEnd,
        Self::TrailersTooLong,
        Self::TrailerForbidden,
    ];

    /// Never 0, which stands for no violation.
    pub(super) fn code(self) -> u8 {
        self as u8
    }

    pub(super) fn from_code(code: u8) -> Option<Self> {
        Self::ALL.get(usize::from(code).checked_sub(1)?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_stand_for_their_violation() {
        for violation in Violation::ALL {
            assert_eq!(Violation::from_code(violation.code()), Some(violation));
        }
        assert_eq!(Violation::from_code(0), None);
        assert_eq!(Violation::from_code(Violation::ALL.len() as u8 + 1), None);
    }
}
