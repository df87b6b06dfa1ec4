//! Answers with all that it can learn of the exchange, as JSON. The field
//! `x-asked` is subscribed to; everything else is pulled.

use plugin_sdk::{
    Field, Flow, NoConfig, Plugin, Reply, Request, Result, Subscription, connection, exchange,
};
use serde_json::json;

struct Probe;

#[plugin_sdk::export]
impl Plugin for Probe {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self)
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header("x-asked")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let facts = json!({
            "request_id": request.request_id(),
            "method": request.method(),
            "scheme": request.scheme(),
            "authority": request.authority(),
            "target": request.target(),
            "raw_target": request.raw_target(),
            "http_version": request.http_version(),
            "route": request.route(),
            "cluster": request.cluster(),
            "asked": request.header("x-asked").map(text),
            "joined": request.header("x-pulled").map(text),
            "lines": request.header_lines("x-pulled").iter().map(|v| text(v)).collect::<Vec<_>>(),
            "headers": fields(&request.headers()),
            "status": exchange::status(),
            "client_address": connection::client_address(),
            "client_port": connection::client_port(),
            "listener": connection::listener(),
            "tls_version": connection::tls_version(),
            "server_name": connection::server_name(),
            "application_protocol": connection::application_protocol(),
            "certificate": connection::client_certificate().map(|certificate| json!({
                "subject": certificate.subject,
                "names": certificate.names,
                "fingerprint": certificate.fingerprint,
                "der": certificate.der,
            })),
            "ja4": connection::ja4(),
            "environment": std::env::vars().collect::<Vec<_>>(),
            "clock": std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)?
                .as_secs(),
        });
        let reply = Reply::new(200).header("content-type", "application/json");
        Ok(reply.body(facts.to_string()).into())
    }
}

fn fields(fields: &[Field]) -> Vec<(String, String)> {
    fields.iter().map(|f| (f.name.clone(), text(&f.value))).collect()
}

fn text(value: &[u8]) -> String {
    String::from_utf8_lossy(value).into_owned()
}
