//! The life of one exchange: start here.
//!
//! Head → route → plugins → endpoint → plugins → client. Every stage is a call
//! that can be read in [`handle`]; an error at any of them becomes a response in
//! one place, and passes the plugins like every other response.

// Bodies that plugins want to see.
mod bodies;
// The response's body, and the end of the exchange with it.
pub mod body;
// The access log's line, the `complete` hooks.
mod finish;
// Connections that stopped being HTTP.
mod tunnel;

use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response, StatusCode, header};
use http_body::Body as _;
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;

use crate::config::{Balance, HashKey};
use crate::exchange::body::{ClientBody, Meter, RequestBody};
use crate::exchange::{Error, ErrorKind, Exchange, Message, ResponseHead};
use crate::http::connection::{Active, Client};
use crate::http::head::{self, Head};
use crate::http::{forward, normalize, respond};
use crate::plugin::body::Stop;
use crate::plugin::chain::{Chosen, Passage, Run};
use crate::router::RequestView;
use crate::snapshot::{LocalRoute, LocalSnapshot};
use crate::upstream::balance::hash_key;
use crate::upstream::client::{self, Attempts, Call, Reply, UpstreamBody};
use crate::upstream::cluster::LocalCluster;
use body::{Content, ResponseBody, bodiless};
use finish::Finish;

/// Handles one exchange.
pub async fn handle(client: &Rc<Client>, mut request: Request<Incoming>) -> Response<ResponseBody> {
    let worker = &client.worker;
    let snapshot = worker.snapshot();
    let active = Active::new(client);
    let on_upgrade =
        request.extensions().get::<OnUpgrade>().is_some().then(|| hyper::upgrade::on(&mut request));
    let (parts, incoming) = request.into_parts();
    let reader = head::Reader {
        connection: &client.facts,
        trusted: &snapshot.shared.config.trusted_proxies,
        limits: &snapshot.shared.config.limits,
        ids: &worker.ids,
    };
    let (mut head, read) = reader.read(parts);
    let mut finish = Finish::begin(active, Rc::clone(&snapshot), &head.exchange);
    if !head.trusted {
        forward::remove_claims(&mut head.exchange.headers);
    }
    let Head { exchange, upgrade, trailers, trusted } = head;
    let wanted = Wanted { upgrade, on_upgrade, trailers, trusted };
    let (mut exchange, answer) = match read {
        Ok(()) => answer(client, &snapshot, exchange, incoming, wanted, &mut finish).await,
        Err(error) => (exchange, Err(error)),
    };
    let mut content = match answer {
        Ok(content) => content,
        Err(error) => fail(&mut exchange, error, &mut finish),
    };
    // A response hook that fails makes an error of the response, which passes the
    // hooks that are left; each is called once, so this ends.
    if finish.has_plugins() {
        loop {
            let (back, passed) = finish.pass_response(exchange, &worker.lane).await;
            exchange = back;
            match passed {
                Ok(None) => break,
                Ok(Some(replacement)) => {
                    content = Content::Full(replacement);
                    break;
                }
                Err(error) => content = fail(&mut exchange, error, &mut finish),
            }
        }
    }
    if finish.wants_body(Message::Response) && !matches!(content, Content::Tunnel(_)) {
        // Boxed, like everything rare: its state would be a part of every exchange's.
        let passed = Box::pin(bodies::response(exchange, content, &mut finish, &worker.lane)).await;
        exchange = passed.0;
        content = passed.1.unwrap_or_else(|error| fail(&mut exchange, error, &mut finish));
    }
    send(exchange, content, finish)
}

/// What the client asked of the connection, besides the request itself.
struct Wanted {
    upgrade: Option<HeaderValue>,
    on_upgrade: Option<OnUpgrade>,
    trailers: bool,
    trusted: bool,
}

/// From a checked head to the head of a response and its content.
async fn answer(
    client: &Rc<Client>,
    snapshot: &Rc<LocalSnapshot>,
    mut exchange: Box<Exchange>,
    incoming: Incoming,
    wanted: Wanted,
    finish: &mut Finish,
) -> (Box<Exchange>, Result<Content, Error>) {
    let Some(mut route) = route(snapshot, &exchange) else {
        return (exchange, Err(Error::new(ErrorKind::NoRoute, "no route matches")));
    };
    exchange.route = std::sync::Arc::clone(&route.name);
    exchange.cluster = Some(std::sync::Arc::clone(&route.cluster.name));
    let mut cluster = &route.cluster;
    if !route.chain.is_empty() {
        exchange.bodies.of_request = !incoming.is_end_stream();
        let (back, passage) = finish
            .pass_request(Rc::clone(&route.chain), exchange, &**snapshot, &client.worker.lane)
            .await;
        exchange = back;
        match passage {
            Passage::Forward => {}
            Passage::Failed(error) => return (exchange, Err(error)),
            Passage::Answer(response) => {
                let content = answered(&mut exchange, *response);
                return (exchange, Ok(content));
            }
        }
        (route, cluster) = destination(snapshot, &mut exchange, route, finish);
    }
    let patience = snapshot.shared.config.timeouts.body;
    let body = request_body(&exchange, incoming, route.body_bytes, patience, client);
    let (mut body, meter) = match body {
        Ok(body) => body,
        Err(error) => return (exchange, Err(error)),
    };
    finish.meter(meter.clone());
    if finish.wants_body(Message::Request)
        && let RequestBody::Client(of_client) = body
    {
        // Boxed, like everything rare: its state would be a part of every exchange's.
        let lane = &client.worker.lane;
        let (back, passed) = Box::pin(bodies::request(exchange, of_client, finish, lane)).await;
        exchange = back;
        body = match passed {
            Ok(body) => body,
            Err(stop) => return stopped(exchange, stop),
        };
        (route, cluster) = destination(snapshot, &mut exchange, route, finish);
        if let Err(error) = bound(meter.as_deref(), route) {
            return (exchange, Err(error));
        }
    }
    if finish.has_plugins()
        && let Err(error) = renormalize(&mut exchange)
    {
        return (exchange, Err(error));
    }
    let call = (body, meter);
    forward(client, route, cluster, exchange, call, wanted, finish).await
}

/// A plugin's response takes the place of an endpoint's.
fn answered(exchange: &mut Exchange, response: Response<Bytes>) -> Content {
    let (parts, body) = response.into_parts();
    exchange.response = Some(ResponseHead { status: parts.status, headers: parts.headers });
    Content::Full(body)
}

/// Where plugins sent the exchange, or where its route does.
fn destination<'a>(
    snapshot: &'a LocalSnapshot,
    exchange: &mut Exchange,
    route: &'a LocalRoute,
    finish: &Finish,
) -> (&'a LocalRoute, &'a Rc<LocalCluster>) {
    match finish.run().and_then(Run::destination) {
        Some(Chosen::Cluster(index)) => (route, snapshot.cluster_at(index)),
        Some(Chosen::Route(index)) => {
            let route = snapshot.route_at(index);
            exchange.cluster = Some(std::sync::Arc::clone(&route.cluster.name));
            (route, &route.cluster)
        }
        None => (route, &route.cluster),
    }
}

/// A plugin may have made a path of what the client sent; what could climb out of
/// it must not reach an endpoint.
fn renormalize(exchange: &mut Exchange) -> Result<(), Error> {
    use std::borrow::Cow;

    let bad = |text: String| {
        Error::new(ErrorKind::BadRequest, format!("the target that plugins made: {text}"))
    };
    if exchange.target.as_str() == "*" {
        return Ok(());
    }
    match normalize::path(exchange.target.path()).map_err(|error| bad(error.to_string()))? {
        Cow::Borrowed(_) => {}
        Cow::Owned(path) => {
            let text = match exchange.target.query() {
                Some(query) => path + "?" + query,
                None => path,
            };
            exchange.target =
                text.parse().map_err(|error: http::uri::InvalidUri| bad(error.to_string()))?;
        }
    }
    Ok(())
}

fn route<'a>(snapshot: &'a LocalSnapshot, exchange: &Exchange) -> Option<&'a LocalRoute> {
    let authority = exchange.authority.to_str().unwrap_or_default();
    let view = RequestView {
        host: host_of(authority),
        path: exchange.target.path(),
        query: exchange.target.query(),
        method: &exchange.method,
        headers: &exchange.headers,
    };
    snapshot.route(&view).map(|index| snapshot.route_at(index))
}

/// The authority without its port.
fn host_of(authority: &str) -> &str {
    match authority.rfind([':', ']']) {
        Some(colon) if authority.as_bytes()[colon] == b':' => &authority[..colon],
        _ => authority,
    }
}

/// Asks an endpoint.
async fn forward(
    client: &Rc<Client>,
    route: &LocalRoute,
    cluster: &Rc<LocalCluster>,
    mut exchange: Box<Exchange>,
    (body, meter): (RequestBody, Option<Rc<Meter>>),
    wanted: Wanted,
    finish: &mut Finish,
) -> (Box<Exchange>, Result<Content, Error>) {
    let deadlines = &client.worker.deadlines;
    let mut headers = match finish.reads_request_later() {
        true => exchange.headers.clone(),
        false => std::mem::take(&mut exchange.headers),
    };
    headers.reserve(8);
    let Wanted { upgrade, on_upgrade, trailers, trusted } = wanted;
    forward::add(&exchange, &mut headers, trusted, trailers, &client.forwarded);
    if let Some(protocol) = &upgrade {
        headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(header::UPGRADE, protocol.clone());
    }
    let call = Call {
        method: exchange.method.clone(),
        target: exchange.target.clone(),
        authority: exchange.authority.clone(),
        key: key(&cluster.shared.config.balance, &exchange, &headers),
        headers,
        body,
        meter,
        response_timeout: route.response_timeout.unwrap_or(cluster.shared.config.response_timeout),
    };
    let mut attempts = Attempts::default();
    finish.upstream_begins();
    finish.hold(exchange);
    let slot = finish.shared();
    let send = client::send(cluster, call, deadlines, &mut attempts);
    let sent = bodies::or_stop(slot.as_deref(), send).await;
    let mut exchange = finish.release().await;
    // A plugin may have stopped the request when its answer was already there.
    let sent = slot.and_then(|slot| slot.stopped()).map_or(sent, Err);
    if sent.is_ok() && finish.reads_request_later() {
        let answered = attempts.endpoint.as_ref();
        exchange.endpoint = answered.map(|endpoint| std::sync::Arc::clone(&endpoint.url));
    }
    finish.upstream_ended(attempts, sent.is_ok());
    match sent {
        Ok(reply) => {
            let on_upgrade = on_upgrade.filter(|_| upgrade.is_some());
            let received = receive(&mut exchange, cluster, reply, on_upgrade);
            (exchange, received)
        }
        Err(stop) => stopped(exchange, stop),
    }
}

/// What a request comes to that did not get to the end of its way.
fn stopped(mut exchange: Box<Exchange>, stop: Stop) -> (Box<Exchange>, Result<Content, Error>) {
    match stop {
        Stop::Failed(error) => (exchange, Err(error)),
        Stop::Answer(response) => {
            let content = answered(&mut exchange, *response);
            (exchange, Ok(content))
        }
    }
}

/// The bound on the body of a route that was chosen while the body came.
fn bound(meter: Option<&Meter>, route: &LocalRoute) -> Result<(), Error> {
    let (Some(meter), Some(limit)) = (meter, route.body_bytes) else { return Ok(()) };
    meter.limit.set(limit);
    match meter.bytes.get() > limit {
        true => Err(Error::new(ErrorKind::BodyTooLarge, "the body exceeds its new route's limit")),
        false => Ok(()),
    }
}

/// From an endpoint's response to the head and the content of ours.
fn receive(
    exchange: &mut Exchange,
    cluster: &LocalCluster,
    mut reply: Reply,
    on_upgrade: Option<OnUpgrade>,
) -> Result<Content, Error> {
    let endpoint_upgrade = (reply.response.status() == StatusCode::SWITCHING_PROTOCOLS)
        .then(|| hyper::upgrade::on(&mut reply.response));
    let (parts, body) = reply.response.into_parts();
    let mut headers = parts.headers;
    // Two lengths: nobody knows where this response ends (RFC 9112, section 6.3).
    if headers.contains_key(header::TRANSFER_ENCODING)
        && headers.contains_key(header::CONTENT_LENGTH)
    {
        return Err(Error::new(
            ErrorKind::UpstreamProtocol,
            "the response has both Content-Length and Transfer-Encoding",
        ));
    }
    let protocol = respond::strip(&mut headers, &cluster.shared.expose);
    exchange.response = Some(ResponseHead { status: parts.status, headers });
    match (endpoint_upgrade, on_upgrade) {
        (None, _) => {
            let body = UpstreamBody::new(body, reply.lease, cluster.shared.body);
            Ok(Content::Upstream(Box::new(body)))
        }
        (Some(endpoint), Some(of_client)) => {
            let lease = reply.lease;
            Ok(Content::Tunnel(Box::new(tunnel::Tunnel { of_client, endpoint, protocol, lease })))
        }
        (Some(_), None) => Err(Error::new(
            ErrorKind::UpstreamProtocol,
            "the endpoint switched protocols without being asked",
        )),
    }
}

fn request_body(
    exchange: &Exchange,
    incoming: Incoming,
    limit: Option<u64>,
    patience: std::time::Duration,
    client: &Rc<Client>,
) -> Result<(RequestBody, Option<Rc<Meter>>), Error> {
    if incoming.is_end_stream() {
        return Ok((RequestBody::Empty, None));
    }
    // An announced length is refused before anything is sent to an endpoint.
    if let Some(limit) = limit
        && incoming.size_hint().lower() > limit
    {
        let text =
            format!("a body of {} octets for {}", incoming.size_hint().lower(), exchange.route);
        return Err(Error::new(ErrorKind::BodyTooLarge, text));
    }
    let deadlines = &client.worker.deadlines;
    let (body, meter) = ClientBody::new(incoming, limit, patience, deadlines);
    Ok((RequestBody::Client(body), Some(meter)))
}

/// What hash balancing goes by, and a balancing plugin is handed; none if the exchange
/// lacks it.
fn key(balance: &Balance, exchange: &Exchange, headers: &HeaderMap) -> Option<u64> {
    let (Balance::Hash(key) | Balance::Plugin { hash: Some(key), .. }) = balance else {
        return None;
    };
    match key {
        HashKey::Path => Some(hash_key(exchange.target.path().as_bytes())),
        HashKey::Header(name) => headers.get(name).map(|value| hash_key(value.as_bytes())),
        HashKey::Cookie(name) => cookie(headers, name).map(hash_key),
        HashKey::ClientAddress => Some(match exchange.client.ip() {
            std::net::IpAddr::V4(address) => hash_key(&address.octets()),
            std::net::IpAddr::V6(address) => hash_key(&address.octets()),
        }),
    }
}

/// The first cookie of that name (RFC 6265, section 5.4).
fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a [u8]> {
    let lines = headers.get_all(header::COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|&byte| byte == b';'));
    let mut named = pairs.filter_map(|pair| {
        let pair = pair.trim_ascii_start();
        pair.strip_prefix(name.as_bytes())?.strip_prefix(b"=")
    });
    named.next()
}

/// Turns a failure into the response that the client gets.
fn fail(exchange: &mut Exchange, error: Error, finish: &mut Finish) -> Content {
    let (head, body) = respond::error(&error, exchange);
    exchange.response = Some(head);
    finish.failed(error);
    Content::Full(body)
}

/// Hands the response to hyper; from here its body's end is the exchange's end.
fn send(
    mut exchange: Box<Exchange>,
    content: Content,
    mut finish: Finish,
) -> Response<ResponseBody> {
    let head = match exchange.response.take() {
        Some(head) => head,
        None => {
            ResponseHead { status: StatusCode::INTERNAL_SERVER_ERROR, headers: HeaderMap::new() }
        }
    };
    let ResponseHead { status, mut headers } = head;
    if let Content::Full(_) = content {
        // Of the response that this one replaces.
        headers.remove(header::CONTENT_LENGTH);
    }
    finish.status(status);
    let content = match content {
        // A plugin may have made another response of it.
        Content::Tunnel(tunnel) if status == StatusCode::SWITCHING_PROTOCOLS => {
            headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
            if let Some(protocol) = &tunnel.protocol {
                headers.insert(header::UPGRADE, protocol.clone());
            }
            return tunnel::open(*tunnel, status, headers, exchange, finish);
        }
        Content::Full(_) | Content::InHand(_) | Content::Passing(_) if bodiless(status) => {
            headers.remove(header::CONTENT_LENGTH);
            Content::Full(Bytes::new())
        }
        Content::Tunnel(_) => Content::Full(Bytes::new()),
        other => other,
    };
    if finish.reads_request_later() {
        exchange.response = Some(ResponseHead { status, headers: headers.clone() });
    }
    let mut response = Response::new(ResponseBody::new(content, exchange, finish));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_ends_before_its_port() {
        assert_eq!(host_of("example.com:8080"), "example.com");
        assert_eq!(host_of("example.com"), "example.com");
        assert_eq!(host_of("[::1]:80"), "[::1]");
        assert_eq!(host_of("[::1]"), "[::1]");
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let mut headers = HeaderMap::new();
        headers.append(header::COOKIE, HeaderValue::from_static("xid=1; id=2"));
        headers.append(header::COOKIE, HeaderValue::from_static("other=3"));
        assert_eq!(cookie(&headers, "id"), Some(&b"2"[..]));
        assert_eq!(cookie(&headers, "other"), Some(&b"3"[..]));
        assert_eq!(cookie(&headers, "i"), None);
    }
}
