//! The client: one connection for each exchange.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{HOST, HeaderMap, HeaderValue, TRAILER};
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{Response, Version};
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use tokio::net::{TcpSocket, TcpStream};

use super::{Answer, TRUSTED};
use crate::cases::{Client, Content, Request};
use crate::exchange::error::chain_text;
use crate::http::framing::Guard;
use crate::upstream::connect::SpawnLocal;

/// Sends the request; the whole answer, or why there is none.
pub(super) async fn ask(address: SocketAddr, request: &Request) -> Result<Answer, String> {
    let stream = connect(address, request.client.is_some())
        .await
        .map_err(|error| format!("cannot connect to the proxy: {error}"))?;
    let message = message(request)?;
    let answered = match request.version {
        Version::HTTP_2 => over_http2(stream, message).await,
        _ => over_http1(stream, message).await,
    };
    answered.map_err(|error| chain_text(&error))
}

async fn connect(address: SocketAddr, trusted: bool) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    if trusted {
        socket.bind(SocketAddr::new(TRUSTED, 0))?;
    } else {
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn over_http1(stream: TcpStream, message: http::Request<Body>) -> hyper::Result<Answer> {
    let (mut sender, connection) = http1::handshake(Guard::transparent(stream)).await?;
    let connection = tokio::task::spawn_local(connection);
    let answer = match sender.send_request(message).await {
        Ok(response) => collect(response).await,
        Err(error) => Err(error),
    };
    connection.abort();
    answer
}

async fn over_http2(stream: TcpStream, message: http::Request<Body>) -> hyper::Result<Answer> {
    let (mut sender, connection) = http2::handshake(SpawnLocal, Guard::transparent(stream)).await?;
    let connection = tokio::task::spawn_local(connection);
    let answer = match sender.send_request(message).await {
        Ok(response) => collect(response).await,
        Err(error) => Err(error),
    };
    connection.abort();
    answer
}

async fn collect(response: Response<Incoming>) -> hyper::Result<Answer> {
    let (head, body) = response.into_parts();
    let collected = body.collect().await?;
    Ok(Answer {
        status: head.status,
        headers: head.headers,
        trailers: collected.trailers().cloned().unwrap_or_default(),
        body: collected.to_bytes().to_vec(),
    })
}

fn message(request: &Request) -> Result<http::Request<Body>, String> {
    let target: PathAndQuery =
        request.target.parse().map_err(|error| format!("the request's target: {error}"))?;
    let mut headers = request.headers.clone();
    let uri = match (request.version, &request.host) {
        (Version::HTTP_2, host) => {
            let host = host.as_deref().unwrap_or("localhost");
            let authority: Authority =
                host.parse().map_err(|error| format!("the request's host: {error}"))?;
            let uri = Uri::builder().scheme(Scheme::HTTP).authority(authority);
            uri.path_and_query(target).build().map_err(|error| error.to_string())?
        }
        (_, host) => {
            if let Some(host) = host {
                insert(&mut headers, HOST.as_str(), host)?;
            }
            Uri::from(target)
        }
    };
    if let Some(client) = request.client {
        let address = match client {
            Client::Ip(ip) => ip.to_string(),
            Client::Socket(socket) => socket.to_string(),
        };
        insert(&mut headers, "x-forwarded-for", &address)?;
        insert(&mut headers, "x-forwarded-proto", if request.https { "https" } else { "http" })?;
    }
    let body = body(&request.content, &mut headers);
    let mut message = http::Request::new(body);
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = uri;
    *message.version_mut() = request.version;
    *message.headers_mut() = headers;
    Ok(message)
}

fn insert(headers: &mut HeaderMap, name: &'static str, value: &str) -> Result<(), String> {
    let value = HeaderValue::from_str(value).map_err(|error| format!("{name}: {error}"))?;
    headers.insert(name, value);
    Ok(())
}

/// A body, which has a length unless trailers follow it.
pub(super) fn body(content: &Content, headers: &mut HeaderMap) -> Body {
    // hyper sends the trailers that were announced.
    let names: Vec<&str> = content.trailers.keys().map(http::HeaderName::as_str).collect();
    if let Ok(value) = HeaderValue::try_from(names.join(", "))
        && !names.is_empty()
    {
        headers.insert(TRAILER, value);
    }
    Body {
        data: Some(Bytes::from(content.body.clone())).filter(|data| !data.is_empty()),
        trailers: Some(content.trailers.clone()).filter(|trailers| !trailers.is_empty()),
    }
}

/// A body that is all there already.
pub(super) struct Body {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let data = self.data.take().map(Frame::data);
        let frame = data.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.data.is_none() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.data.as_ref().map_or(0, |data| data.len() as u64);
        // Trailers come only with chunks, which a known length would prevent.
        if self.trailers.is_some() { SizeHint::default() } else { SizeHint::with_exact(length) }
    }
}
