//! `[[listener]]`, `[admin]` and `[access_log]`

use std::collections::HashSet;
use std::net::SocketAddr;

use crate::config::diagnostic::Diagnostic;
use crate::config::document::{Table, Value};
use crate::config::place::{Place, Places};
use crate::config::scalar::Invalid;
use crate::config::{AccessLog, Admin, Certificate, ClientAuth, Listener, LogTarget, scalar};

const ADDRESS: &str = "an address and port such as \"127.0.0.1:8080\"";

pub(super) fn listeners(root: &mut Table<'_>, places: &mut Places) -> Vec<Listener> {
    let mut names = HashSet::new();
    let mut listeners: Vec<Listener> = Vec::new();
    for (index, table) in root.tables("listener").into_iter().enumerate() {
        let context = table.context;
        let Some((listener, listen)) = listener(table, index, places) else {
            continue;
        };
        // Port 0 is a new port every time.
        if listener.listen.port() != 0
            && listeners.iter().any(|other| other.listen == listener.listen)
        {
            listen.error(format_args!("another listener is on {} already", listener.listen));
        } else if !names.insert(listener.name.clone()) {
            context.push(
                Diagnostic::error(format!("another listener is named `{}` already", listener.name))
                    .at(listen.span.clone()),
            );
        }
        listeners.push(listener);
    }
    listeners
}

fn listener<'a>(
    mut table: Table<'a>,
    index: usize,
    places: &mut Places,
) -> Option<(Listener, Value<'a>)> {
    let name = table.get("name").map(|value| value.parse("a name", scalar::title));
    let http2 = table.get("http2").and_then(|value| value.boolean());
    let tls = certificates(&mut table, index, places);
    let client_auth = client_auth(&mut table, index, places);
    let value = table.require("listen", "write, for example, `listen = \"0.0.0.0:8080\"`");
    table.finish();

    let value = value?;
    places.insert(Place::Listener(index), value.span.clone());
    let mut listener = Listener::plain(value.parse(ADDRESS, scalar::listen)?);
    if let Some(name) = name {
        listener.name = name?;
    }
    listener.http2 = http2.unwrap_or(listener.http2);
    listener.tls = tls;
    listener.client_auth = client_auth;
    Some((listener, value))
}

/// Whoever names authorities wants to see certificates: `required` is the default.
fn client_auth(table: &mut Table<'_>, index: usize, places: &mut Places) -> Option<ClientAuth> {
    let required = table.get("client_auth").map(|value| {
        let required = value.choice(&[("required", true), ("optional", false)]);
        (value, required)
    });
    let crls = table.get("client_crl").map(|value| {
        let files = value.list("a list of files").unwrap_or_default();
        (value, files.iter().filter_map(Value::file).collect())
    });
    let has_tls = table.get("tls").is_some();
    let Some(ca) = table.get("client_ca") else {
        let without = required.map(|(value, _)| value).or(crls.map(|(value, _)| value));
        if let Some(value) = without {
            value.invalid(Invalid::new("it needs `client_ca`".to_owned()).help(
                "add `client_ca = \"FILE\"`: the authorities that sign clients' certificates",
            ));
        }
        return None;
    };
    places.insert(Place::ClientCa(index), ca.span.clone());
    if !has_tls {
        ca.invalid(
            Invalid::new("clients show certificates on TLS listeners only".to_owned())
                .help("add [[listener.tls]] with `certificate` and `key`"),
        );
    }
    Some(ClientAuth {
        ca: ca.file()?,
        crls: crls.map(|(_, files)| files).unwrap_or_default(),
        required: required.and_then(|(_, required)| required).unwrap_or(true),
    })
}

fn certificates(table: &mut Table<'_>, index: usize, places: &mut Places) -> Vec<Certificate> {
    let mut certificates = Vec::new();
    for (number, mut table) in table.tables("tls").into_iter().enumerate() {
        let mut file = |key, place, help| {
            let value = table.require(key, help)?;
            places.insert(place, value.span.clone());
            value.file()
        };
        let certificate = file(
            "certificate",
            Place::Certificate(index, number),
            "write `certificate = \"FILE\"`: the chain in PEM, the server's own first",
        );
        let key = file(
            "key",
            Place::CertificateKey(index, number),
            "write `key = \"FILE\"`: the certificate's private key in PEM",
        );
        table.finish();
        if let (Some(certificate), Some(key)) = (certificate, key) {
            certificates.push(Certificate { certificate, key });
        }
    }
    certificates
}

pub(super) fn admin(
    root: &mut Table<'_>,
    listeners: &[Listener],
    places: &mut Places,
) -> Option<Admin> {
    let mut table = root.table("admin")?;
    places.insert(Place::Admin, table.span.clone());
    let mut span = table.span.clone();
    let mut listen = Some(Admin::default().listen);
    if let Some(value) = table.get("listen") {
        places.insert(Place::Admin, value.span.clone());
        listen = value.parse(ADDRESS, scalar::listen);
        span = value.span;
    }
    let context = table.context;
    table.finish();
    let listen = listen?;
    if let Some(other) = listeners.iter().find(|listener| overlap(listener.listen, listen)) {
        let taken =
            format!("`admin.listen`: {listen} is taken by the listener on {}", other.listen);
        context.push(Diagnostic::error(taken).at(span).help("choose another port"));
    }
    Some(Admin { listen })
}

/// Whether one would take the other's connections.
fn overlap(one: SocketAddr, other: SocketAddr) -> bool {
    one.port() != 0
        && one.port() == other.port()
        && (one.ip() == other.ip() || one.ip().is_unspecified() || other.ip().is_unspecified())
}

pub(super) fn access_log(root: &mut Table<'_>, places: &mut Places) -> Option<AccessLog> {
    let mut table = root.table("access_log")?;
    places.insert(Place::AccessLog, table.span.clone());
    let target = match table.get("path") {
        None => Some(AccessLog::default().target),
        Some(value) => {
            places.insert(Place::AccessLog, value.span.clone());
            target(&value)
        }
    };
    let names = table.get("request_headers").and_then(|value| value.list("a list of headers"));
    let mut request_headers: Vec<String> = names
        .unwrap_or_default()
        .iter()
        .filter_map(|value| value.parse("the name of a header", scalar::header_name))
        .collect();
    // Once in a line is enough.
    request_headers.sort();
    request_headers.dedup();
    table.finish();
    Some(AccessLog { target: target?, request_headers })
}

fn target(value: &Value<'_>) -> Option<LogTarget> {
    if value.as_text() == Some("-") {
        return Some(LogTarget::Stdout);
    }
    let path = value.path()?;
    if path.is_dir() {
        value.error(format_args!("{} is a directory", path.display()));
        return None;
    }
    if !path.parent().is_some_and(std::path::Path::is_dir) {
        value.error(format_args!("the folder of {} does not exist", path.display()));
        return None;
    }
    Some(LogTarget::File(path))
}
