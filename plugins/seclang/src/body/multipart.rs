//! `multipart/form-data` (RFC 7578).
//!
//! Read leniently, since a server behind may do so, and every leniency is noted:
//! rules refuse what is ambiguous by `MULTIPART_STRICT_ERROR`.

/// What was odd about a body.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Oddities {
    pub(crate) boundary_quoted: bool,
    pub(crate) boundary_whitespace: bool,
    pub(crate) data_before: bool,
    pub(crate) data_after: bool,
    pub(crate) header_folding: bool,
    pub(crate) lf_line: bool,
    pub(crate) crlf_line: bool,
    pub(crate) missing_semicolon: bool,
    pub(crate) invalid_quoting: bool,
    pub(crate) invalid_part: bool,
    pub(crate) invalid_header_folding: bool,
    pub(crate) unmatched_boundary: bool,
    pub(crate) file_limit: bool,
    /// The last boundary was not there.
    pub(crate) unfinished: bool,
}

impl Oddities {
    /// What `MULTIPART_STRICT_ERROR` says.
    pub(crate) fn strict(&self) -> bool {
        self.boundary_quoted
            || self.boundary_whitespace
            || self.data_before
            || self.data_after
            || self.header_folding
            || self.lf_line
            || self.missing_semicolon
            || self.invalid_quoting
            || self.invalid_part
            || self.invalid_header_folding
            || self.file_limit
    }
}

/// A part of a body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: Vec<u8>,
    /// There: the part is a file.
    pub(crate) filename: Option<Vec<u8>>,
    /// Whole lines, name and value.
    pub(crate) headers: Vec<Vec<u8>>,
    pub(crate) body: Vec<u8>,
}

/// A body, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) parts: Vec<Part>,
    pub(crate) oddities: Oddities,
    /// Why the rest of it could not be read.
    pub(crate) error: Option<&'static str>,
}

/// More parts than this are not read.
const MOST_PARTS: usize = 2000;

pub(crate) fn parse(content_type: &[u8], body: &[u8], most_files: usize) -> Body {
    let mut found = Body::default();
    let boundary = match boundary(content_type, &mut found.oddities) {
        Ok(boundary) => boundary,
        Err(error) => {
            found.error = Some(error);
            return found;
        }
    };
    let mut state = State { found, boundary, part: None, most_files };
    let mut rest = body;
    while !rest.is_empty() {
        let end = memchr::memchr(b'\n', rest).map_or(rest.len(), |at| at + 1);
        let (line, after) = rest.split_at(end);
        rest = after;
        if !state.line(line) {
            break;
        }
    }
    state.finish()
}

struct State {
    found: Body,
    boundary: Vec<u8>,
    /// The part under way, and whether its headers are over.
    part: Option<(Part, bool)>,
    most_files: usize,
}

/// Where lines belong after the last boundary.
const AFTER: &str = "the last boundary was seen";

impl State {
    /// Takes a line with its end. Answers whether to go on.
    fn line(&mut self, line: &[u8]) -> bool {
        let text = trim_end(line);
        if let Some(rest) = text.strip_prefix(b"--").and_then(|t| t.strip_prefix(&*self.boundary))
            && (rest.is_empty() || rest == b"--" || rest.iter().all(u8::is_ascii_whitespace))
        {
            self.ends(line);
            self.close();
            if rest.starts_with(b"--") {
                self.found.error = Some(AFTER);
            } else if self.found.error == Some(AFTER) {
                self.found.oddities.data_after = true;
            } else if self.found.parts.len() >= MOST_PARTS {
                self.found.error = Some("there are too many parts");
                return false;
            } else {
                self.part = Some((Part::default(), false));
            }
            return true;
        }
        if text.starts_with(b"--") && self.looks_like_a_boundary(text) {
            self.found.oddities.unmatched_boundary = true;
        }
        match &mut self.part {
            None if self.found.error == Some(AFTER) => {
                self.found.oddities.data_after |= !text.is_empty();
            }
            None => self.found.oddities.data_before = true,
            Some((part, true)) => {
                part.body.extend_from_slice(line);
                return true;
            }
            Some((_, false)) => return self.header(line),
        }
        true
    }

    /// A line that begins like the boundary, or has it somewhere.
    fn looks_like_a_boundary(&self, text: &[u8]) -> bool {
        !self.boundary.is_empty() && memchr::memmem::find(text, &self.boundary).is_some()
    }

    /// Notes how a line of the framing ends.
    fn ends(&mut self, line: &[u8]) {
        if line.ends_with(b"\r\n") {
            self.found.oddities.crlf_line = true;
        } else if line.ends_with(b"\n") {
            self.found.oddities.lf_line = true;
        }
    }

    fn header(&mut self, line: &[u8]) -> bool {
        self.ends(line);
        let text = trim_end(line);
        let Some((part, over)) = &mut self.part else { return true };
        let oddities = &mut self.found.oddities;
        if text.is_empty() {
            *over = true;
            oddities.invalid_part |= !disposition(part, oddities);
        } else if matches!(text[0], b' ' | b'\t') {
            oddities.header_folding = true;
            match part.headers.last_mut() {
                Some(last) => {
                    last.push(b' ');
                    last.extend_from_slice(text.trim_ascii());
                }
                None => {
                    oddities.invalid_header_folding = true;
                    part.headers.push(text.to_vec());
                }
            }
        } else {
            oddities.invalid_part |= !text.contains(&b':');
            part.headers.push(text.to_vec());
        }
        let too_many = part.headers.len() > 64;
        if too_many {
            self.found.error = Some("a part has too many headers");
        }
        !too_many
    }

    /// Ends the part under way. The line break before a boundary is the boundary's.
    fn close(&mut self) {
        let Some((mut part, over)) = self.part.take() else { return };
        if !over {
            self.found.oddities.invalid_part |= !disposition(&mut part, &mut self.found.oddities);
        }
        let body = &part.body;
        let end = body.strip_suffix(b"\r\n").or_else(|| body.strip_suffix(b"\n"));
        let length = end.map_or(body.len(), <[u8]>::len);
        part.body.truncate(length);
        let files = self.found.parts.iter().filter(|p| p.filename.is_some()).count();
        self.found.oddities.file_limit |= part.filename.is_some() && files >= self.most_files;
        self.found.parts.push(part);
    }

    fn finish(mut self) -> Body {
        if self.found.error == Some(AFTER) {
            self.found.error = None;
            return self.found;
        }
        self.close();
        self.found.oddities.unfinished = true;
        self.found.error = self.found.error.or(Some("the last boundary is missing"));
        self.found
    }
}

fn trim_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// The boundary that a content type names.
fn boundary(content_type: &[u8], oddities: &mut Oddities) -> Result<Vec<u8>, &'static str> {
    let lower = content_type.to_ascii_lowercase();
    let at = memchr::memmem::find(&lower, b"boundary").ok_or("the boundary is missing")?;
    if memchr::memmem::find(&lower[at + 8..], b"boundary=").is_some() {
        return Err("there are several boundaries");
    }
    let rest = &content_type[at + 8..];
    let trimmed = rest.trim_ascii_start();
    oddities.boundary_whitespace |= trimmed.len() != rest.len();
    let value = trimmed.strip_prefix(b"=").ok_or("the boundary has no value")?;
    let trimmed = value.trim_ascii_start();
    oddities.boundary_whitespace |= trimmed.len() != value.len();
    let boundary = if let Some(quoted) = trimmed.strip_prefix(b"\"") {
        oddities.boundary_quoted = true;
        let end = memchr::memchr(b'"', quoted).ok_or("the boundary's quote is not closed")?;
        &quoted[..end]
    } else {
        let end = trimmed.iter().position(|b| matches!(b, b';' | b',' | b' ' | b'\t'));
        &trimmed[..end.unwrap_or(trimmed.len())]
    };
    let legal = |b: &u8| b.is_ascii_alphanumeric() || b"'()+_,-./:=? ".contains(b);
    match boundary {
        [] => Err("the boundary is empty"),
        _ if boundary.len() > 256 => Err("the boundary is too long"),
        _ if !boundary.iter().all(legal) => Err("the boundary has an illegal character"),
        _ => Ok(boundary.to_vec()),
    }
}

/// Reads `Content-Disposition` into the part. Answers whether it is in order.
fn disposition(part: &mut Part, oddities: &mut Oddities) -> bool {
    let is = |header: &&Vec<u8>| {
        let name = header.split(|b| *b == b':').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"content-disposition")
    };
    let mut headers = part.headers.iter().filter(is);
    let (Some(header), None) = (headers.next(), headers.next()) else { return false };
    let value = &header[memchr::memchr(b':', header).map_or(0, |at| at + 1)..];
    let value = value.trim_ascii_start();
    if value.len() < 9 || !value[..9].eq_ignore_ascii_case(b"form-data") {
        return false;
    }
    let (mut name, mut filename) = (None, None);
    let mut rest = value[9..].trim_ascii_start();
    let mut ordered = true;
    while !rest.is_empty() {
        match rest.strip_prefix(b";") {
            Some(after) => rest = after.trim_ascii_start(),
            None => oddities.missing_semicolon = true,
        }
        let end = rest.iter().position(|b| matches!(b, b'=' | b';')).unwrap_or(rest.len());
        let key = rest[..end].trim_ascii().to_ascii_lowercase();
        let Some(after) = rest[end..].strip_prefix(b"=") else {
            ordered &= key.is_empty();
            rest = &rest[end..];
            if rest.is_empty() || !rest.starts_with(b";") {
                break;
            }
            continue;
        };
        let (text, after) = parameter(after.trim_ascii_start(), oddities);
        rest = after.trim_ascii_start();
        let slot = match &*key {
            b"name" => &mut name,
            b"filename" | b"filename*" => &mut filename,
            _ => continue,
        };
        // A name that stands twice is one that others may read otherwise.
        ordered &= slot.replace(text).is_none();
    }
    ordered &= name.is_some();
    part.name = name.unwrap_or_default();
    part.filename = filename;
    ordered
}

/// A parameter's value, and what follows it.
fn parameter<'a>(text: &'a [u8], oddities: &mut Oddities) -> (Vec<u8>, &'a [u8]) {
    let quote = match text.first() {
        Some(b'"') => b'"',
        Some(b'\'') => {
            oddities.invalid_quoting = true;
            b'\''
        }
        _ => {
            let end = text.iter().position(|b| *b == b';').unwrap_or(text.len());
            let value = text[..end].trim_ascii_end();
            oddities.invalid_quoting |= value.iter().any(|b| matches!(b, b'"' | b'\''));
            return (value.to_vec(), &text[end..]);
        }
    };
    let mut value = Vec::new();
    let mut at = 1;
    while let Some(&b) = text.get(at) {
        at += 1;
        match b {
            _ if b == quote => return (value, &text[at..]),
            b'\\' if text.get(at) == Some(&quote) || text.get(at) == Some(&b'\\') => {
                value.push(text[at]);
                at += 1;
            }
            _ => value.push(b),
        }
    }
    oddities.invalid_quoting = true;
    (value, &[])
}

#[cfg(test)]
mod tests {
    use super::{Body, parse};

    fn read(content_type: &str, body: &str) -> Body {
        parse(content_type.as_bytes(), body.as_bytes(), 100)
    }

    const TYPE: &str = "multipart/form-data; boundary=b";

    #[test]
    fn parts_are_found() {
        let body = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\none\r\ntwo\r\n\
                    --b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"x;\\\".txt\"\r\n\
                    Content-Type: text/plain\r\n\r\n\r\n--b--\r\n";
        let found = read(TYPE, body);
        assert_eq!(found.error, None);
        assert!(!found.oddities.strict(), "{:?}", found.oddities);
        assert_eq!(found.parts[0].name, b"a");
        assert_eq!(found.parts[0].body, b"one\r\ntwo");
        assert_eq!(found.parts[1].filename.as_deref(), Some(&b"x;\".txt"[..]));
        assert_eq!(found.parts[1].headers.len(), 2);
        assert_eq!(found.parts[1].body, b"");
    }

    #[test]
    fn what_others_may_read_otherwise_is_noted() {
        let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n";
        let odd = |ty: &str, body: &str| read(ty, body).oddities.strict();
        assert!(odd("multipart/form-data; boundary=\"b\"", part));
        assert!(odd("multipart/form-data; boundary =b", part));
        assert!(odd(TYPE, &format!("before\r\n{part}")));
        assert!(odd(TYPE, &format!("{part}after")));
        assert!(odd(TYPE, &part.replace("\r\n", "\n")));
        assert!(odd(TYPE, &part.replace("name=\"a\"", "name='a'")));
        assert!(odd(TYPE, &part.replace("name=\"a\"", "name=\"a\"; name=\"b\"")));
        assert!(odd(TYPE, &part.replace("; name=", " name=")));
        assert!(odd(TYPE, &part.replace("form-data; name=\"a\"", "form-data;\r\n name=\"a\"")));
        assert!(read(TYPE, &part.replace("--b--\r\n", "")).error.is_some());
        assert!(read("multipart/form-data", part).error.is_some());
        assert!(
            read(TYPE, &part.replace("\r\nx\r\n", "\r\nx\r\n--bc\r\n")).oddities.unmatched_boundary
        );
    }
}
