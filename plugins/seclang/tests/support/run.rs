//! A request, through all phases, with an endpoint that answers what it is told.

use seclang::{Engine, Interruption, Match, Transaction};

use super::request::Request;

/// What rules made of an exchange.
pub(crate) struct Outcome {
    pub(crate) matches: Vec<Match>,
    pub(crate) interruption: Option<Interruption>,
    /// How serious the request is, by the rule set's count.
    pub(crate) score: i64,
}

impl Outcome {
    pub(crate) fn has(&self, rule: u64) -> bool {
        self.matches.iter().any(|m| m.rule == rule)
    }

    /// Lines as an error log of ModSecurity has them, as far as tests look at it.
    pub(crate) fn log(&self) -> String {
        let line = |m: &Match| {
            let line = format!(
                "Match against \"{}\" [id \"{}\"] [msg \"{}\"] [data \"{}\"]",
                m.variable, m.rule, m.message, m.data
            );
            line.replace('\r', "\\x0d").replace('\n', "\\x0a") + "\n"
        };
        self.matches.iter().map(line).collect()
    }
}

struct Response {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

/// Plays an exchange.
pub(crate) fn play(engine: &Engine, request: &Request) -> Outcome {
    let mut transaction = Transaction::new(engine, "7f3a8c21b6e94d05");
    exchange(&mut transaction, request);
    transaction.logging();
    Outcome {
        matches: transaction.matches().to_vec(),
        interruption: transaction.interruption().cloned(),
        score: transaction.number("blocking_inbound_anomaly_score"),
    }
}

fn exchange(transaction: &mut Transaction<'_>, request: &Request) -> Option<Interruption> {
    // What no server reads as a request never comes to rules.
    if request.headers.iter().any(|(_, value)| value.contains(&b'\r')) {
        return None;
    }
    transaction.connection("192.0.2.7", 40_000, "192.0.2.1", 80);
    transaction.request_line(&request.method, &request.target, &request.protocol);
    for (name, value) in &request.headers {
        transaction.request_header(name, value);
    }
    if let Some(interruption) = transaction.request_headers() {
        return Some(interruption);
    }
    // A request of HTTP/1 that announces no body has none.
    let announced = ["content-length", "transfer-encoding"].map(|name| request.header(name));
    let has_body = request.protocol.starts_with("HTTP/2") || announced.iter().any(Option::is_some);
    let body = if has_body { &*request.body } else { &[] };
    if let Some(interruption) = transaction.request_body(body) {
        return Some(interruption);
    }
    let response = answer(request);
    transaction.response_line(response.status, "HTTP/1.1");
    for (name, value) in &response.headers {
        transaction.response_header(name, value.as_bytes());
    }
    if let Some(interruption) = transaction.response_headers() {
        return Some(interruption);
    }
    transaction.response_body(&response.body)
}

/// `/reflect` answers what its JSON says; everything else with nothing.
fn answer(request: &Request) -> Response {
    let mut response = Response { status: 200, headers: Vec::new(), body: Vec::new() };
    if request.target.starts_with(b"/reflect") {
        let spec: serde_json::Value = serde_json::from_slice(&request.body).unwrap_or_default();
        if let Some(status) = spec["status"].as_u64() {
            response.status = u16::try_from(status).unwrap_or(200);
        }
        for (name, value) in spec["headers"].as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            response.headers.push((name.clone(), value));
        }
        if let Some(body) = spec["body"].as_str() {
            response.body = body.as_bytes().to_vec();
        }
        if let Some(body) = spec["encodedBody"].as_str() {
            response.body =
                seclang::Transform::Base64Decode.apply(body.as_bytes()).unwrap_or_default();
        }
    }
    if !response.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
        response.headers.push(("Content-Type".to_owned(), "text/plain; charset=utf-8".to_owned()));
    }
    response
}
