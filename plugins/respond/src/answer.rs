//! Answers with a body.

use plugin_sdk::crypto::{self, Hash};
use plugin_sdk::field::{is_name, is_value};
use plugin_sdk::{Error, Reply, Request, Result};

use crate::config;

/// A file is kept in every instance, and copied for every answer.
const FILE_MAX: u64 = 1 << 20;

const CONNECTION_FIELDS: [&str; 9] = [
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Content types by the ending of a name.
const TYPES: [(&str, &str); 21] = [
    ("avif", "image/avif"),
    ("css", "text/css; charset=utf-8"),
    ("gif", "image/gif"),
    ("htm", "text/html; charset=utf-8"),
    ("html", "text/html; charset=utf-8"),
    ("ico", "image/x-icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript; charset=utf-8"),
    ("json", "application/json"),
    ("md", "text/markdown; charset=utf-8"),
    ("mjs", "text/javascript; charset=utf-8"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("svg", "image/svg+xml"),
    ("txt", "text/plain; charset=utf-8"),
    ("wasm", "application/wasm"),
    ("webmanifest", "application/manifest+json"),
    ("webp", "image/webp"),
    ("woff2", "font/woff2"),
    ("xml", "application/xml"),
];

/// A checked answer.
#[derive(Debug)]
pub(crate) struct Answer {
    reply: Reply,
    /// Of a body that may be asked for again.
    etag: Option<String>,
}

impl Answer {
    /// Checks an answer, and reads its file.
    ///
    /// # Errors
    /// The text names the key.
    pub(crate) fn new(config: &config::Response) -> Result<Self> {
        if !(200..=599).contains(&config.status) {
            return Err(
                Error::new(format!("{} is not from 200 to 599", config.status)).within("status")
            );
        }
        let body = match (&config.body, &config.file) {
            (Some(_), Some(_)) => {
                return Err(Error::new("`body` and `file` exclude each other"));
            }
            (Some(text), None) => Some(text.clone().into_bytes()),
            (None, Some(file)) => Some(files::read(file, FILE_MAX).map_err(|e| e.within("file"))?),
            (None, None) => None,
        };
        if body.is_some() && matches!(config.status, 204 | 205 | 304) {
            return Err(Error::new(format!("a response with {} has no body", config.status))
                .within("status"));
        }
        let name = config.file.as_deref().unwrap_or(&config.from);
        let mut reply = Reply::new(config.status);
        if body.is_some() {
            let content_type = config.content_type.clone().unwrap_or_else(|| by_ending(name));
            if !is_value(content_type.as_bytes()) || content_type.is_empty() {
                return Err(Error::new(format!("`{content_type}` is no content type"))
                    .within("content_type"));
            }
            reply = reply.header("content-type", content_type);
        } else if config.content_type.is_some() {
            return Err(Error::new("there is no body that has it").within("content_type"));
        }
        for (name, value) in &config.headers {
            check_field(name, value).map_err(|e| e.within(format!("headers.{name}")))?;
            reply = reply.header(name.to_ascii_lowercase(), value.as_str());
        }
        let tags = reply.headers.iter().any(|(name, _)| name == "etag");
        let etag = body.as_deref().filter(|_| config.status == 200 && !tags).map(etag);
        if let Some(etag) = &etag {
            reply = reply.header("etag", etag.as_str());
        }
        Ok(Self { reply: reply.body(body.unwrap_or_default()), etag })
    }

    /// The answer to this request. The host leaves out the body for HEAD.
    pub(crate) fn reply(&self, request: &Request) -> Reply {
        let method = request.method();
        // Any other status is about the resource, whatever is wanted of it: `410 Gone`.
        if self.reply.status == 200 && !matches!(method, "GET" | "HEAD") {
            return Reply::new(405).header("allow", "GET, HEAD").text("only to be read\n");
        }
        if let Some(etag) = &self.etag
            && request.header("if-none-match").is_some_and(|value| names(value, etag))
        {
            let mut reply = Reply::new(304);
            let kept = |name: &str| name != "content-type";
            reply.headers =
                self.reply.headers.iter().filter(|(name, _)| kept(name)).cloned().collect();
            return reply;
        }
        self.reply.clone()
    }
}

/// Whether `if-none-match` names this tag (RFC 9110, section 13.1.2); weak ones count.
fn names(value: &[u8], etag: &str) -> bool {
    // Our tags hold no comma, so that whatever others hold, one of ours is found whole.
    value
        .split(|b| *b == b',')
        .map(<[u8]>::trim_ascii)
        .any(|tag| tag == b"*" || tag.strip_prefix(b"W/").unwrap_or(tag) == etag.as_bytes())
}

fn etag(body: &[u8]) -> String {
    // The host hashes 1 MiB at once; a file has no more.
    let hash = crypto::digest(Hash::Sha256, body);
    let digits: String = hash.iter().take(16).map(|octet| format!("{octet:02x}")).collect();
    format!("\"{digits}\"")
}

fn by_ending(name: &str) -> String {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    let found = TYPES.iter().find(|(known, _)| ending.as_deref() == Some(known));
    // A text in the configuration is one; what is in a file, nobody knows.
    let other = if name.contains('.') { "application/octet-stream" } else { TEXT };
    found.map_or(other, |(_, content_type)| content_type).to_owned()
}

const TEXT: &str = "text/plain; charset=utf-8";

fn check_field(name: &str, value: &str) -> Result<()> {
    if !is_name(name) {
        return Err(Error::new(format!("`{name}` is no field name")));
    }
    if CONNECTION_FIELDS.iter().any(|field| field.eq_ignore_ascii_case(name)) {
        return Err(Error::new("it belongs to the connection and cannot be set"));
    }
    if name.eq_ignore_ascii_case("content-type") {
        return Err(Error::new("write the key `content_type`"));
    }
    if !is_value(value.as_bytes()) {
        return Err(Error::new(
            "control characters and white space at the ends are illegal in a field",
        ));
    }
    Ok(())
}
