//! The default answer: everything received, as JSON.

use http::header::{CONTENT_TYPE, HeaderMap};
use http::{Request, Response};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use crate::Body;
use crate::payload::Checksum;

/// A body up to this size is echoed as text; of every body the length and checksum are.
const SHOWN: u64 = 64 * 1024;

pub(super) async fn respond(name: &str, request: Request<Incoming>) -> Response<Body> {
    let (head, mut body) = request.into_parts();
    let mut sum = Checksum::default();
    let mut shown = Vec::new();
    let mut trailers = HeaderMap::new();
    let mut complete = true;
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else {
            complete = false;
            break;
        };
        match frame.into_data() {
            Ok(octets) => {
                sum.add(&octets);
                if sum.length() <= SHOWN {
                    shown.extend_from_slice(&octets);
                }
            }
            Err(frame) => trailers.extend(frame.into_trailers().unwrap_or_default()),
        }
    }
    let text = json!({
        "origin": name,
        "method": head.method.as_str(),
        "target": head.uri.path_and_query().map(|target| target.as_str()),
        "scheme": head.uri.scheme_str(),
        "authority": head.uri.authority().map(|authority| authority.as_str()),
        "version": format!("{:?}", head.version),
        "headers": lines(&head.headers),
        "body": String::from_utf8_lossy(&shown),
        "body_length": sum.length(),
        "body_complete": complete,
        "body_sha256": sum.finish(),
        "trailers": lines(&trailers),
    });
    Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("x-origin", name)
        .body(crate::body(text.to_string()))
        .expect("a valid response")
}

/// The same for people: without JSON, and of the body only the text.
pub(super) async fn respond_in_text(name: &str, request: Request<Incoming>) -> Response<Body> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let mut text = format!("{name}\n{} {}\n", head.method, head.uri);
    for (name, value) in lines(&head.headers) {
        text.push_str(&format!("{name}: {value}\n"));
    }
    text.push('\n');
    text.push_str(&String::from_utf8_lossy(&body));
    Response::builder()
        .header(CONTENT_TYPE, "text/plain")
        .body(crate::body(text))
        .expect("a valid response")
}

fn lines(fields: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    fields.iter().map(|(name, value)| (name.to_string(), text(value))).collect()
}
