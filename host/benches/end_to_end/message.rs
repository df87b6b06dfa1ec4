//! The requests that the clients send and the part of a response they look at.

use std::fmt::Write as _;

use anyhow::{Context as _, Result, bail, ensure};

/// The response field by which swapped plugins are told apart.
pub(crate) const TAG: &str = "x-tag";

/// The fields of an ordinary browser request, without `host`.
pub(crate) const BROWSER_FIELDS: [(&str, &str); 9] = [
    ("user-agent", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"),
    ("accept", "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"),
    ("accept-language", "en-GB,en;q=0.5"),
    ("accept-encoding", "gzip, deflate, br"),
    ("referer", "http://localhost/start"),
    ("cookie", "session=0123456789abcdef0123456789abcdef; theme=dark"),
    ("sec-fetch-dest", "document"),
    ("sec-fetch-mode", "navigate"),
    ("sec-fetch-site", "same-origin"),
];

/// One HTTP/1.1 request, serialized once and sent many times.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) head: Vec<u8>,
    /// Octets of zeros that follow the head.
    pub(crate) body: usize,
    /// Octets that the body of the response must have.
    pub(crate) answer: u64,
}

impl Request {
    /// A small exchange: ten fields, no body, an answer of 128 octets.
    pub(crate) fn small(path: &str) -> Self {
        Self { head: head("GET", path, 0), body: 0, answer: super::origin::SMALL_BODY as u64 }
    }

    /// The same request with one more field.
    pub(crate) fn with_field(mut self, name: &str, value: &str) -> Self {
        self.head.truncate(self.head.len() - "\r\n".len());
        self.head.extend_from_slice(format!("{name}: {value}\r\n\r\n").as_bytes());
        self
    }

    /// A response body of `size` octets.
    pub(crate) fn download(size: usize) -> Self {
        Self { head: head("GET", &format!("/bytes/{size}"), 0), body: 0, answer: size as u64 }
    }

    /// A request body of `size` octets.
    pub(crate) fn upload(size: usize) -> Self {
        Self {
            head: head("POST", "/upload", size),
            body: size,
            answer: super::origin::SMALL_BODY as u64,
        }
    }

    /// Fails unless `response` is what the origin answers to this.
    pub(crate) fn check(&self, response: &Response) -> Result<()> {
        ensure!(response.status == 200, "answered {}", response.status);
        ensure!(
            response.body == self.answer,
            "answered with a body of {} octets, expected {}",
            response.body,
            self.answer
        );
        Ok(())
    }
}

fn head(method: &str, path: &str, body: usize) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\n");
    for (name, value) in BROWSER_FIELDS {
        let _ = write!(head, "{name}: {value}\r\n");
    }
    if body > 0 {
        let _ =
            write!(head, "content-type: application/octet-stream\r\ncontent-length: {body}\r\n");
    }
    head.push_str("\r\n");
    head.into_bytes()
}

/// What the clients look at of a response.
#[derive(Debug)]
pub(crate) struct Response {
    pub(crate) status: u16,
    /// Octets of the head, its blank line included.
    pub(crate) head: usize,
    /// Octets of the body.
    pub(crate) body: u64,
    /// The value of [`TAG`].
    pub(crate) tag: Option<String>,
}

impl Response {
    /// None while the head is incomplete.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Response::new(&mut fields);
        let httparse::Status::Complete(head) =
            parsed.parse(bytes).context("a malformed response")?
        else {
            return Ok(None);
        };
        let mut response =
            Self { status: parsed.code.unwrap_or_default(), head, body: 0, tag: None };
        for field in parsed.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                response.body = content_length(field.value)?;
            } else if field.name.eq_ignore_ascii_case("transfer-encoding") {
                bail!("a response whose content-length was taken away");
            } else if field.name.eq_ignore_ascii_case(TAG) {
                response.tag = Some(String::from_utf8_lossy(field.value).into_owned());
            }
        }
        Ok(Some(response))
    }
}

/// The value of a `content-length` field.
pub(crate) fn content_length(value: &[u8]) -> Result<u64> {
    let value = str::from_utf8(value).context("a content-length that is no text")?;
    value.parse().with_context(|| format!("a content-length of {value:?}"))
}
