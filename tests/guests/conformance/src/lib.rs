//! Does what the request's field `x-do` says: every decision, reader and import
//! once. The same plugin in the other languages is in `tests/languages`, where
//! README.md lists what each has to do; `suite/languages.rs` compares them.

use plugin_sdk::exchange::{self, Visible};
use plugin_sdk::log::{self, Level};
use plugin_sdk::{
    Error, Flow, HeaderEdits, Outcome, Plugin, Reply, Request, Response, Result, Subscription,
    connection,
};
use serde::Deserialize;

#[derive(Deserialize)]
struct Config {
    refuse: Option<String>,
}

struct Conformance;

#[plugin_sdk::export(no_schema)]
impl Plugin for Conformance {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        match config.refuse {
            Some(text) => Err(Error::new(text)),
            None => Ok(Self),
        }
    }

    fn subscription(&self) -> Subscription {
        Subscription::new()
            .request_header("x-do")
            .request_header("x-absent")
            .response_header("x-origin")
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let told = request.header_str("x-do").unwrap_or_default().to_owned();
        match told.as_str() {
            "edit" => edit(request),
            "cluster" => request.set_cluster("other"),
            "route" => request.set_route("other"),
            "respond" => {
                let reply = Reply::new(418).header("x-one", "1").header("x-one", "2");
                return Ok(reply.header("x-octets", [0xe9]).body([0, 0xff]).into());
            }
            "fail" => return Err(Error::new("told to fail")),
            "read" => return Ok(Reply::new(200).body(facts(request)).into()),
            "values" => {
                let read = |name| text(exchange::value_of("first", name));
                let line = format!("{} {}", read("shared"), read("own"));
                request.response_headers().add("x-of-first", line);
                exchange::set_value("own", "kept", Visible::Own)?;
                exchange::set_value("shared", "seen", Visible::Later)?;
            }
            "quota" => {
                let refused = exchange::set_value("big", vec![0; 70_000], Visible::Own).is_err();
                return Ok(Reply::new(200).body(format!("refused={refused}")).into());
            }
            "annotate" => {
                exchange::annotate("spoken", "yes")?;
                exchange::annotate("trace", &log::enabled(Level::Trace).to_string())?;
                log::write(Level::Info, "a line of the plugin");
            }
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        match text(exchange::request_header("x-do")).as_str() {
            "response-edit" => {
                response.set_status(203);
                edit_headers(response.headers_mut());
            }
            "response-replace" => {
                response.replace(Reply::new(503).header("x-replaced", "yes").body("replaced"));
            }
            "response-fail" => return Err(Error::new("told to fail")),
            "response-read" => {
                let line = format!(
                    "status={} exchange={} asked={} header={} lines={} count={}",
                    response.status(),
                    exchange::status().unwrap_or(0),
                    text(response.header("x-origin").map(Vec::from)),
                    text(exchange::response_header("x-many")),
                    lines(exchange::response_header_lines("x-many")),
                    exchange::response_headers().iter().filter(|f| f.name == "x-many").count(),
                );
                response.set_header("x-read", line);
            }
            "values" => response.add_header("x-own", text(exchange::value("own"))),
            _ => {}
        }
        Ok(())
    }

    fn on_complete(&mut self, outcome: &Outcome) {
        let Outcome { status, bytes_in, bytes_out, error, .. } = outcome;
        let line = format!(
            "complete status={} in={bytes_in} out={bytes_out} upstream={} error={}",
            status.unwrap_or(0),
            outcome.upstream.is_some(),
            error.as_deref().unwrap_or("none"),
        );
        log::write(Level::Info, &line);
    }
}

fn edit(request: &mut Request) {
    edit_headers(request.headers_mut());
    request.response_headers().set("x-response", "set at the request");
    request.set_target("/edited?by=plugin");
    request.set_authority("edited.example");
}

fn edit_headers(headers: &mut HeaderEdits) {
    headers.set("x-set", "set");
    headers.add("x-add", "added");
    headers.set_default("x-default", "default");
    headers.remove("x-remove");
    headers.rename("x-from", "x-to");
}

fn facts(request: &Request) -> String {
    let absent = |text: Option<String>| text.unwrap_or_else(|| "none".to_owned());
    [
        ("method", exchange::method()),
        ("scheme", exchange::scheme()),
        ("authority", exchange::authority()),
        ("target", exchange::target()),
        ("raw-target", exchange::raw_target()),
        ("http-version", exchange::http_version()),
        ("route", exchange::route()),
        ("cluster", absent(exchange::cluster())),
        ("request-id", (!exchange::request_id().is_empty()).to_string()),
        ("asked", text(request.header("x-absent").map(Vec::from))),
        ("header", text(exchange::request_header("x-many"))),
        ("absent", text(exchange::request_header("x-absent"))),
        ("lines", lines(exchange::request_header_lines("x-many"))),
        (
            "count",
            exchange::request_headers().iter().filter(|f| f.name == "x-many").count().to_string(),
        ),
        ("status", absent(exchange::status().map(|status| status.to_string()))),
        ("value", text(exchange::value("own"))),
        ("client-address", absent(connection::client_address())),
        ("client-port", connection::client_port().is_some().to_string()),
        ("listener", connection::listener().is_some().to_string()),
        ("tls-version", absent(connection::tls_version())),
        ("server-name", absent(connection::server_name())),
        ("protocol", absent(connection::application_protocol())),
    ]
    .map(|(name, value)| format!("{name}={value}\n"))
    .concat()
}

fn text(octets: Option<Vec<u8>>) -> String {
    octets.map_or_else(|| "none".to_owned(), |o| String::from_utf8_lossy(&o).into_owned())
}

fn lines(lines: Vec<Vec<u8>>) -> String {
    lines.into_iter().map(|line| text(Some(line))).collect::<Vec<_>>().join("|")
}
