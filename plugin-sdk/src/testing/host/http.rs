//! Requests of the plugin's own: answered from the test's script.

use super::CURRENT;
use crate::bindings::imports::wasmgate::plugin::http::{HttpError, Request, Response};
use crate::field::{Field, field, is_name, is_value};
use crate::http;

/// Fields that the host sets.
const OF_THE_HOST: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(crate) fn send(request: &Request) -> Result<Response, HttpError> {
    check(request).map_err(|why| HttpError::Illegal(why.to_owned()))?;
    CURRENT.with(|current| {
        let mut current = current.borrow_mut();
        let outside = || HttpError::Denied("requests can be sent from hooks only".to_owned());
        let exchange = &mut current.as_mut().ok_or_else(outside)?.exchange;
        exchange.http_requests.push(sent(request));
        let unscripted = || Err(http::Error::Denied("the test has no answer for it".to_owned()));
        let answer = exchange.http_answers.pop_front().unwrap_or_else(unscripted);
        let answer = answer.map_err(http::Error::into_wire)?;
        Ok(Response {
            status: answer.status,
            headers: answer.headers.into_iter().map(|(name, value)| field(name, value)).collect(),
            body: answer.body,
        })
    })
}

fn sent(request: &Request) -> http::Request {
    let line = |field: &Field| (field.name.clone(), field.value.clone());
    http::Request {
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.iter().map(line).collect(),
        body: request.body.clone(),
        timeout: request.timeout_ms.map(|ms| std::time::Duration::from_millis(ms.into())),
    }
}

fn check(request: &Request) -> Result<(), &'static str> {
    let Request { method, url, headers, .. } = request;
    if !is_name(method) || matches!(method.as_str(), "CONNECT" | "TRACE") {
        return Err("the method cannot be sent");
    }
    let scheme = url.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !matches!(scheme.as_deref(), Some("http" | "https")) {
        return Err("the URL's scheme is neither `http` nor `https`");
    }
    let legal = |field: &Field| {
        let the_hosts = OF_THE_HOST.iter().any(|name| field.name.eq_ignore_ascii_case(name));
        is_name(&field.name) && is_value(&field.value) && !the_hosts
    };
    if !headers.iter().all(legal) {
        return Err("a header field is set by the host, or is not one");
    }
    Ok(())
}
