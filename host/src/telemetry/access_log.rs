//! One line of JSON for each exchange.
//!
//! Owns what a line says, how it is written down, and how it gets to the file
//! without ever making a worker wait.

mod json;
mod sink;
#[cfg(test)]
mod tests;
mod timestamp;

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, SystemTime};

pub use sink::{AccessLog, Observer, Writer};
pub use timestamp::Clock;

/// What there is to say about an exchange. What is none or empty is left out.
///
/// Bytes are what clients sent, whatever that is; what is not UTF-8 in them shows
/// as U+FFFD.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'a> {
    /// When the request's head was complete.
    pub time: SystemTime,
    /// The request id.
    pub request_id: Option<&'a [u8]>,
    /// The address of the connection.
    pub client: SocketAddr,
    /// The listener's name.
    pub listener: &'a str,
    /// `HTTP/1.1` and so on; none if it could not be read.
    pub protocol: Option<&'a str>,
    /// The version of TLS; none on a plain listener.
    pub tls: Option<&'a str>,
    /// The method.
    pub method: Option<&'a str>,
    /// The host that was asked for.
    pub host: Option<&'a [u8]>,
    /// The path that was asked for.
    pub path: Option<&'a [u8]>,
    /// The route's name.
    pub route: Option<&'a str>,
    /// The cluster's name.
    pub cluster: Option<&'a str>,
    /// The URL of the endpoint that was tried last.
    pub endpoint: Option<&'a str>,
    /// What the client was answered; none if it left before.
    pub status: Option<u16>,
    /// Body octets from the client.
    pub bytes_in: u64,
    /// Body octets to the client.
    pub bytes_out: u64,
    /// From the request's head to the response's end, in microseconds.
    pub duration_us: u64,
    /// How long the endpoint took for the response's head, in microseconds.
    pub upstream_us: Option<u64>,
    /// Endpoints that were tried.
    pub attempts: Option<u32>,
    /// In the order of the chain.
    pub plugins: &'a [PluginEntry<'a>],
    /// In any order; each key once for each plugin.
    pub annotations: &'a [Annotation<'a>],
    /// Names and values of request fields; the lines of one name one after the other.
    pub request_headers: &'a [(&'a str, &'a [u8])],
    /// What went wrong.
    pub error: Option<ErrorEntry<'a>>,
}

/// What a plugin did in an exchange.
#[derive(Clone, Copy, Debug, Default)]
pub struct PluginEntry<'a> {
    /// The plugin's name.
    pub name: &'a str,
    /// What its request hook decided; none if it was not called.
    pub request: Option<&'a str>,
    /// What its response hook decided; none if it was not called.
    pub response: Option<&'a str>,
    /// What its hook decided about the request's body; none if it was not to see it.
    pub request_body: Option<&'a str>,
    /// Likewise about the response's body.
    pub response_body: Option<&'a str>,
    /// Whether the last endpoint is the one that it picked; none if it was not asked.
    pub balance: Option<&'a str>,
    /// How long it ran, shown in microseconds to a tenth.
    pub time: Duration,
}

/// What a plugin has to say about an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Annotation<'a> {
    /// The plugin's name.
    pub plugin: &'a str,
    /// The plugin's word for it.
    pub key: &'a str,
    /// Its value.
    pub value: &'a str,
}

/// What went wrong in an exchange.
#[derive(Clone, Copy, Debug)]
pub struct ErrorEntry<'a> {
    /// One of few words.
    pub kind: &'a str,
    /// Whose fault it is.
    pub side: &'a str,
    /// For a human.
    pub detail: Option<&'a str>,
}

impl Entry<'_> {
    /// Appends the line, newline included.
    pub fn write_line(&self, out: &mut Vec<u8>, clock: &mut Clock) {
        out.extend_from_slice(b"{\"time\":\"");
        clock.write(out, self.time);
        out.push(b'"');
        text(out, b",\"request_id\":", self.request_id);
        out.extend_from_slice(b",\"client\":\"");
        address(out, self.client);
        out.push(b'"');
        text(out, b",\"listener\":", Some(self.listener));
        text(out, b",\"protocol\":", self.protocol);
        text(out, b",\"tls\":", self.tls);
        text(out, b",\"method\":", self.method);
        text(out, b",\"host\":", self.host);
        text(out, b",\"path\":", self.path);
        text(out, b",\"route\":", self.route);
        text(out, b",\"cluster\":", self.cluster);
        text(out, b",\"endpoint\":", self.endpoint);
        number(out, b",\"status\":", self.status);
        number(out, b",\"bytes_in\":", Some(self.bytes_in));
        number(out, b",\"bytes_out\":", Some(self.bytes_out));
        number(out, b",\"duration_us\":", Some(self.duration_us));
        number(out, b",\"upstream_us\":", self.upstream_us);
        number(out, b",\"attempts\":", self.attempts);
        plugins(out, self.plugins);
        annotations(out, self.annotations);
        request_headers(out, self.request_headers);
        if let Some(error) = self.error {
            text(out, b",\"error\":{\"kind\":", Some(error.kind));
            text(out, b",\"side\":", Some(error.side));
            text(out, b",\"detail\":", error.detail);
            out.push(b'}');
        }
        out.extend_from_slice(b"}\n");
    }
}

fn plugins(out: &mut Vec<u8>, plugins: &[PluginEntry<'_>]) {
    for (index, plugin) in plugins.iter().enumerate() {
        let start: &[u8] = if index == 0 { b",\"plugins\":[{\"name\":" } else { b",{\"name\":" };
        text(out, start, Some(plugin.name));
        text(out, b",\"request\":", plugin.request);
        text(out, b",\"request_body\":", plugin.request_body);
        text(out, b",\"response\":", plugin.response);
        text(out, b",\"response_body\":", plugin.response_body);
        text(out, b",\"balance\":", plugin.balance);
        let tenths = plugin.time.as_nanos() / 100;
        number(out, b",\"us\":", Some(tenths / 10));
        number(out, b".", Some(tenths % 10));
        out.push(b'}');
    }
    if !plugins.is_empty() {
        out.push(b']');
    }
}

/// Groups them by plugin. They are few, so searching beats sorting, which would
/// need memory.
fn annotations(out: &mut Vec<u8>, annotations: &[Annotation<'_>]) {
    for (index, first) in annotations.iter().enumerate() {
        let is_same = |other: &&Annotation<'_>| other.plugin == first.plugin;
        if annotations[..index].iter().any(|earlier| is_same(&earlier)) {
            continue;
        }
        out.extend_from_slice(if index == 0 { b",\"annotations\":{" } else { b"," });
        json::string(out, first.plugin.as_bytes());
        for (place, annotation) in annotations[index..].iter().filter(is_same).enumerate() {
            out.extend_from_slice(if place == 0 { b":{" } else { b"," });
            json::string(out, annotation.key.as_bytes());
            text(out, b":", Some(annotation.value));
        }
        out.push(b'}');
    }
    if !annotations.is_empty() {
        out.push(b'}');
    }
}

/// One value as a string, several of one name as a list.
fn request_headers(out: &mut Vec<u8>, headers: &[(&str, &[u8])]) {
    let mut start: &[u8] = b",\"request_headers\":{";
    for lines in headers.chunk_by(|one, other| one.0 == other.0) {
        out.extend_from_slice(start);
        start = b",";
        json::string(out, lines[0].0.as_bytes());
        out.push(b':');
        if let [(_, value)] = lines {
            json::string(out, value);
            continue;
        }
        for (place, (_, value)) in lines.iter().enumerate() {
            out.push(if place == 0 { b'[' } else { b',' });
            json::string(out, value);
        }
        out.push(b']');
    }
    if !headers.is_empty() {
        out.push(b'}');
    }
}

/// Appends `start` and the value, or nothing.
fn text(out: &mut Vec<u8>, start: &[u8], value: Option<impl AsRef<[u8]>>) {
    if let Some(value) = value {
        out.extend_from_slice(start);
        json::string(out, value.as_ref());
    }
}

/// Appends `start` and the value, or nothing.
fn number(out: &mut Vec<u8>, start: &[u8], value: Option<impl itoa::Integer>) {
    if let Some(value) = value {
        out.extend_from_slice(start);
        out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
    }
}

fn address(out: &mut Vec<u8>, address: SocketAddr) {
    match address.ip().to_canonical() {
        // By hand: the formatting machinery costs as much as a third of a line.
        IpAddr::V4(ip) => {
            for (place, octet) in ip.octets().into_iter().enumerate() {
                number(out, if place == 0 { b"" } else { b"." }, Some(octet));
            }
        }
        IpAddr::V6(ip) => {
            use std::io::Write;
            write!(out, "[{ip}]").expect("writing to memory does not fail");
        }
    }
    number(out, b":", Some(address.port()));
}
