//! The endpoint: answers what the case says, and remembers what it got.

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;

use http::header::HOST;
use http::{HeaderMap, Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use tokio::net::{TcpListener, TcpStream};

use super::Received;
use super::client::{Body, body};
use crate::cases::Upstream;
use crate::http::framing::Guard;

/// What the endpoint does, and what it got.
#[derive(Clone, Default)]
pub(super) struct Script(Rc<RefCell<State>>);

#[derive(Default)]
struct State {
    does: Upstream,
    received: Vec<Received>,
}

impl Script {
    /// From now on it does this.
    pub(super) fn set(&self, does: &Upstream) {
        *self.0.borrow_mut() = State { does: does.clone(), received: Vec::new() };
    }

    /// What it got since.
    pub(super) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.0.borrow_mut().received)
    }

    async fn respond(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, incoming) = request.into_parts();
        let mut headers = head.headers;
        let host = headers.remove(HOST).map(|host| host.as_bytes().to_vec());
        let collected = incoming.collect().await.map_err(io::Error::other)?;
        let trailers = collected.trailers().cloned().unwrap_or_default();
        let mut state = self.0.borrow_mut();
        state.received.push(Received {
            method: head.method,
            target: head.uri.to_string(),
            host,
            headers,
            trailers,
            body: collected.to_bytes().to_vec(),
        });
        match &state.does {
            // hyper closes the connection of a service that fails.
            Upstream::Close => Err(io::Error::other("the case says so")),
            Upstream::Answer { status, headers, content } => {
                let mut own: HeaderMap = headers.clone();
                let mut response = Response::new(body(content, &mut own));
                *response.status_mut() = *status;
                *response.headers_mut() = own;
                Ok(response)
            }
        }
    }
}

/// Serves for as long as the runtime runs; gives the address.
pub(super) async fn serve(script: Script) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(connection(stream, script.clone()));
        }
    });
    Ok(address)
}

async fn connection(stream: TcpStream, script: Script) {
    // A socket that refuses the option works all the same.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let script = script.clone();
        async move { script.respond(request).await }
    });
    // How it ends is what the proxy makes of it.
    let _ = http1::Builder::new().serve_connection(Guard::transparent(stream), service).await;
}
