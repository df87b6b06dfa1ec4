//! The state machine behind [`Guard`](super::Guard): where in a sequence of
//! requests the stream stands, whatever pieces it comes in, in constant memory.
//!
//! Lines are looked at when they end: one pass finds the next octet that may only
//! stand at a line's end, a second one the colon. What decides about a message's
//! length fits the first [`KEPT`] octets of a line, so that of a line which comes
//! in several pieces no more is kept.

use memchr::{memchr, memchr3};

use super::Violation;
use super::chunk::Chunk;

/// `content-length:` and twenty digits, `transfer-encoding: chunked`, and some
/// whitespace. Longer lines with these names are refused, whole or in pieces.
const KEPT: usize = 48;

/// Octets of a trailer section, line ends not counted. hyper's own bound is lower
/// unless it is raised with that for heads.
const TRAILERS: usize = 64 * 1024;

/// Follows one connection's requests.
#[derive(Debug, Default)]
pub(super) struct Inspector {
    state: State,
    head: Head,
    line: PartialLine,
    /// Octets of the current trailer section.
    trailers: usize,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    #[default]
    Head,
    /// A body by `Content-Length`, with so many octets still to come.
    Body(u64),
    Chunked(Chunk),
    Trailers,
}

/// What the lines of the current head have said.
#[derive(Clone, Copy, Debug, Default)]
struct Head {
    empty_line: bool,
    request_line: bool,
    http11: bool,
    host: bool,
    chunked: bool,
    content_length: Option<u64>,
}

impl Inspector {
    /// Follows the next `bytes` of the stream; answers with the place of the first
    /// one that must not be passed on. After that the inspector is of no more use.
    pub(super) fn inspect(&mut self, bytes: &[u8]) -> Result<(), (usize, Violation)> {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            at += match &mut self.state {
                State::Head | State::Trailers => self.follow_line(rest),
                State::Body(left) => {
                    let here = (*left).min(rest.len() as u64);
                    *left -= here;
                    if *left == 0 {
                        self.state = State::Head;
                    }
                    Ok(here as usize)
                }
                State::Chunked(chunk) => {
                    let followed = chunk.follow(rest);
                    if let Chunk::Last = chunk {
                        self.trailers = 0;
                        self.state = State::Trailers;
                    }
                    followed
                }
            }
            .map_err(|(offset, violation)| (at + offset, violation))?;
        }
        Ok(())
    }

    /// Whether a request has begun and not ended.
    pub(super) fn in_message(&self) -> bool {
        !matches!(self.state, State::Head) || self.head.request_line || self.line.length > 0
    }

    /// Follows one line to its end or that of `bytes`; answers with how much of
    /// them that was.
    fn follow_line(&mut self, bytes: &[u8]) -> Result<usize, (usize, Violation)> {
        if self.line.carriage_return {
            return self.end_partial_line(bytes[0]).map(|()| 1).map_err(|violation| (0, violation));
        }
        let special = memchr3(b'\r', b'\n', 0, bytes);
        let run = &bytes[..special.unwrap_or(bytes.len())];
        self.count_trailers(run.len())?;
        let Some(end) = special else {
            self.line.push(run);
            return Ok(bytes.len());
        };
        match (bytes[end], bytes.get(end + 1)) {
            (b'\r', Some(b'\n')) => {
                let ended = if self.line.length == 0 {
                    self.end_whole_line(run)
                } else {
                    self.line.push(run);
                    self.end_partial_line(b'\n')
                };
                ended.map(|()| end + 2).map_err(|violation| (end + 1, violation))
            }
            (b'\r', Some(_)) => Err((end + 1, Violation::BareCarriageReturn)),
            (b'\r', None) => {
                self.line.push(run);
                self.line.carriage_return = true;
                Ok(bytes.len())
            }
            (b'\n', _) => Err((end, Violation::BareLineFeed)),
            _ => Err((end, Violation::Nul)),
        }
    }

    fn end_whole_line(&mut self, line: &[u8]) -> Result<(), Violation> {
        let is_field = self.head.request_line || matches!(self.state, State::Trailers);
        let colon = if is_field { Colon::find(line, 0) } else { None };
        match colon {
            Some(colon) if !colon.is_of_interest(line) => Ok(()),
            _ => self.end_line(&Line::whole(line, colon)),
        }
    }

    /// The octet behind a carriage return ends a line that came in pieces.
    fn end_partial_line(&mut self, byte: u8) -> Result<(), Violation> {
        if byte != b'\n' {
            return Err(Violation::BareCarriageReturn);
        }
        let line = std::mem::take(&mut self.line);
        self.end_line(&line.line())
    }

    fn count_trailers(&mut self, length: usize) -> Result<(), (usize, Violation)> {
        if let State::Trailers = self.state {
            let left = TRAILERS - self.trailers;
            if length > left {
                return Err((left, Violation::TrailersTooLong));
            }
            self.trailers += length;
        }
        Ok(())
    }

    fn end_line(&mut self, line: &Line<'_>) -> Result<(), Violation> {
        if let State::Trailers = self.state {
            if line.length == 0 {
                self.state = State::Head;
                return Ok(());
            }
            return match line.framing_field()? {
                Some(_) => Err(Violation::TrailerForbidden),
                None => Ok(()),
            };
        }
        if !self.head.request_line {
            return self.head.request_line(line);
        }
        if line.length == 0 {
            self.state = std::mem::take(&mut self.head).body();
            return Ok(());
        }
        match line.framing_field()? {
            Some(field) => self.head.field(field, line.value()),
            None => Ok(()),
        }
    }

    /// Whether a request may begin with the next octet.
    #[cfg(test)]
    pub(super) fn is_between_requests(&self) -> bool {
        matches!(self.state, State::Head)
            && !self.head.request_line
            && !self.head.empty_line
            && self.line.length == 0
            && !self.line.carriage_return
    }
}

impl Head {
    /// What comes behind this head.
    fn body(self) -> State {
        match self.content_length {
            _ if self.chunked => State::Chunked(Chunk::START),
            None | Some(0) => State::Head,
            Some(length) => State::Body(length),
        }
    }

    fn request_line(&mut self, line: &Line<'_>) -> Result<(), Violation> {
        match line.start.first() {
            // Some clients send a line end too many after a body (RFC 9112,
            // section 2.2).
            None if self.empty_line => Err(Violation::EmptyLines),
            None => {
                self.empty_line = true;
                Ok(())
            }
            Some(b' ' | b'\t') => Err(Violation::LeadingWhitespace),
            Some(_) => {
                self.request_line = true;
                // hyper knows `HTTP/1.1` and `HTTP/1.0` and refuses all else.
                self.http11 = line.last == b'1';
                Ok(())
            }
        }
    }

    /// `value` is none when the line is too long to be kept.
    fn field(&mut self, field: Framing, value: Option<&[u8]>) -> Result<(), Violation> {
        match field {
            Framing::Host if self.host => return Err(Violation::HostRepeated),
            Framing::Host => self.host = true,

            Framing::ContentLength if self.chunked => return Err(Violation::BothLengths),
            Framing::ContentLength if self.content_length.is_some() => {
                return Err(Violation::ContentLengthRepeated);
            }
            Framing::ContentLength => {
                let length = value.and_then(number).ok_or(Violation::ContentLength)?;
                self.content_length = Some(length);
            }

            Framing::TransferEncoding if self.content_length.is_some() => {
                return Err(Violation::BothLengths);
            }
            Framing::TransferEncoding if self.chunked => {
                return Err(Violation::TransferEncodingRepeated);
            }
            Framing::TransferEncoding if !self.http11 => {
                return Err(Violation::TransferEncodingVersion);
            }
            Framing::TransferEncoding => {
                if !value.is_some_and(|value| value.eq_ignore_ascii_case(b"chunked")) {
                    return Err(Violation::TransferEncoding);
                }
                self.chunked = true;
            }
        }
        Ok(())
    }
}

/// The fields that decide where a request ends, or whom it is for.
#[derive(Clone, Copy, Debug)]
enum Framing {
    ContentLength,
    TransferEncoding,
    Host,
}

impl Framing {
    fn named(name: &[u8]) -> Option<Self> {
        // The lengths differ, so most names are told apart without a look at them.
        let (expected, field): (&[u8], _) = match name.len() {
            4 => (b"host", Self::Host),
            14 => (b"content-length", Self::ContentLength),
            17 => (b"transfer-encoding", Self::TransferEncoding),
            _ => return None,
        };
        name.eq_ignore_ascii_case(expected).then_some(field)
    }
}

/// Digits only, and not more than 64 bits hold: no sign, no list, not nothing.
fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() {
        return None;
    }
    value.iter().try_fold(0_u64, |number, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit <= 9)?;
        number.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

/// What there is to know of a line without its end.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    /// Its first [`KEPT`] octets, or all.
    start: &'a [u8],
    length: usize,
    /// NUL for an empty line.
    last: u8,
    colon: Option<Colon>,
}

/// The first colon of a line.
#[derive(Clone, Copy, Debug)]
struct Colon {
    at: usize,
    after_space: bool,
}

impl<'a> Line<'a> {
    fn whole(line: &'a [u8], colon: Option<Colon>) -> Self {
        Self {
            start: &line[..line.len().min(KEPT)],
            length: line.len(),
            last: line.last().copied().unwrap_or_default(),
            colon,
        }
    }

    /// Which of the fields of interest this is, if its syntax is right.
    fn framing_field(&self) -> Result<Option<Framing>, Violation> {
        if let Some(b' ' | b'\t') = self.start.first() {
            return Err(Violation::FoldedLine);
        }
        match self.colon {
            None => Err(Violation::NoColon),
            Some(Colon { at: 0, .. }) => Err(Violation::EmptyName),
            Some(Colon { after_space: true, .. }) => Err(Violation::SpaceBeforeColon),
            Some(Colon { at, .. }) => Ok(self.start.get(..at).and_then(Framing::named)),
        }
    }

    /// The field's value; none when not all of it is there.
    fn value(&self) -> Option<&'a [u8]> {
        if self.length > self.start.len() {
            return None;
        }
        let mut value = self.start.get(self.colon?.at + 1..)?;
        while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
            value = rest;
        }
        Some(value)
    }
}

impl Colon {
    /// False for the lines that most of a head consists of: a field of no interest
    /// without a flaw.
    fn is_of_interest(self, line: &[u8]) -> bool {
        let known = matches!(self.at, 0 | 4 | 14 | 17);
        known || self.after_space || matches!(line[0], b' ' | b'\t')
    }

    /// `before` is the octet before `bytes`.
    fn find(bytes: &[u8], before: u8) -> Option<Self> {
        let at = memchr(b':', bytes)?;
        let before = at.checked_sub(1).map_or(before, |at| bytes[at]);
        Some(Self { at, after_space: matches!(before, b' ' | b'\t') })
    }
}

/// A line whose end has not come yet.
#[derive(Clone, Copy, Debug)]
struct PartialLine {
    kept: [u8; KEPT],
    length: usize,
    last: u8,
    colon: Option<Colon>,
    /// The line has ended, but for its line feed.
    carriage_return: bool,
}

impl PartialLine {
    fn push(&mut self, run: &[u8]) {
        let Some(&last) = run.last() else { return };
        if self.colon.is_none() {
            self.colon = Colon::find(run, self.last)
                .map(|colon| Colon { at: self.length.saturating_add(colon.at), ..colon });
        }
        if let Some(free) = self.kept.get_mut(self.length..) {
            let length = free.len().min(run.len());
            free[..length].copy_from_slice(&run[..length]);
        }
        // Saturating: a line that long is beyond all bounds anyway.
        self.length = self.length.saturating_add(run.len());
        self.last = last;
    }

    fn line(&self) -> Line<'_> {
        Line {
            start: &self.kept[..self.length.min(KEPT)],
            length: self.length,
            last: self.last,
            colon: self.colon,
        }
    }
}

impl Default for PartialLine {
    fn default() -> Self {
        Self { kept: [0; KEPT], length: 0, last: 0, colon: None, carriage_return: false }
    }
}
