//! Where requests get to, with names that lead wherever a test says.

use std::cell::Cell;

use http::{HeaderMap, Method};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::LocalSet;

use super::*;
use crate::config::{Destination as Entry, HttpGrant};

/// Every name has these addresses.
struct Names(Vec<IpAddr>, Rc<Cell<usize>>);

impl Resolve for Names {
    async fn resolve(&self, _: &str) -> Result<Vec<IpAddr>, String> {
        self.1.set(self.1.get() + 1);
        Ok(self.0.clone())
    }
}

fn addresses(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().expect(text)).collect()
}

fn grant(hosts: &[&str], private: &[&str]) -> Arc<Grant> {
    let hosts = hosts.iter().map(|text| Entry::parse(text).expect(text)).collect();
    let mut config = HttpGrant::to(hosts);
    config.private = private.iter().map(|text| text.parse().expect(text)).collect();
    config.timeout = Duration::from_secs(10);
    config.body = 1000;
    Arc::new(Grant::new(&config).expect("no authorities are needed"))
}

/// Sends a GET as a hook would, and says how often a name was resolved.
async fn get(
    grant: &Arc<Grant>,
    names: &[&str],
    url: &str,
) -> (Result<Response<Bytes>, OutgoingError>, usize) {
    let resolved = Rc::new(Cell::new(0));
    let deadlines: Rc<Deadlines> = Rc::default();
    let client = Client::new(
        Arc::clone(grant),
        Rc::clone(&deadlines),
        Names(addresses(names), Rc::clone(&resolved)),
    );
    (exchange(&client, url).await, resolved.get())
}

async fn exchange(client: &Client<Names>, url: &str) -> Result<Response<Bytes>, OutgoingError> {
    let request = OutgoingRequest {
        method: Method::GET,
        url: url.to_owned(),
        headers: HeaderMap::new(),
        body: Bytes::new(),
        timeout: Duration::from_secs(10),
    };
    let url = Url::parse(url).expect("the URL is good");
    let allowed = client.grant.config.allows(url.scheme, &url.host, url.port);
    client.exchange(request, &url, allowed.expect("the host is granted")).await
}

/// Answers every connection's first request by this, and counts connections.
async fn origin(answer: &'static str) -> (u16, Rc<Cell<usize>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    let count = Rc::new(Cell::new(0));
    let connections = Rc::clone(&count);
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            connections.set(connections.get() + 1);
            tokio::task::spawn_local(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    match stream.read_u8().await {
                        Ok(octet) => head.push(octet),
                        Err(_) => return,
                    }
                }
                let _ = stream.write_all(answer.as_bytes()).await;
            });
        }
    });
    (port, count)
}

#[tokio::test]
async fn a_name_reaches_no_address_that_is_not_granted() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (port, connections) = origin("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let entry = format!("rebound.example:{port}");
            let url = format!("http://{entry}/");
            for answer in [
                &["127.0.0.1"][..],
                &["::ffff:127.0.0.1"],
                &["::ffff:7f00:1", "127.0.0.1"],
                &["64:ff9b::7f00:1"],
                &["2002:7f00:1::1"],
                &["::127.0.0.1"],
                &["0.0.0.0"],
                &["::"],
                &["::1"],
                &["10.0.0.1", "192.168.0.1", "127.0.0.1"],
                &["169.254.169.254"],
            ] {
                let (outcome, resolved) = get(&grant(&[&entry], &[]), answer, &url).await;
                assert!(
                    matches!(outcome, Err(OutgoingError::Denied(_))),
                    "{answer:?}: {outcome:?}"
                );
                assert_eq!(resolved, 1, "{answer:?}");
            }
            assert_eq!(connections.get(), 0);
        })
        .await;
}

#[tokio::test]
async fn of_several_addresses_those_that_are_granted_are_tried() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (port, connections) = origin("HTTP/1.1 204 No Content\r\n\r\n").await;
            let entry = format!("mixed.example:{port}");
            let url = format!("http://{entry}/");
            let grant = grant(&[&entry], &["127.0.0.1/32"]);
            let answer = ["10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "127.0.0.2"];
            let (outcome, resolved) = get(&grant, &answer, &url).await;
            assert_eq!(outcome.map(|response| response.status().as_u16()), Ok(204));
            assert_eq!((resolved, connections.get()), (1, 1));
        })
        .await;
}

#[tokio::test]
async fn a_name_that_moves_does_not_get_the_connections_of_where_it_was() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (port, connections) = origin("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let entry = format!("moving.example:{port}");
            let url = format!("http://{entry}/");
            let grant = grant(&[&entry], &["127.0.0.1/32"]);
            let deadlines: Rc<Deadlines> = Rc::default();
            let names = Names(addresses(&["127.0.0.1"]), Rc::default());
            let mut client = Client::new(grant, deadlines, names);
            assert!(exchange(&client, &url).await.is_ok());
            assert_eq!(connections.get(), 1);

            client.resolver.0 = addresses(&["127.0.0.2"]);
            let moved = exchange(&client, &url).await;
            assert!(matches!(moved, Err(OutgoingError::Denied(_))), "{moved:?}");
            assert_eq!(connections.get(), 1);
        })
        .await;
}

#[tokio::test]
async fn answers_are_bounded_and_stripped() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let large: &'static str =
                Box::leak(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(2000)).into_boxed_str());
            let announced = "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n";
            for (answer, expected) in [
                (large, Err(OutgoingError::TooLarge)),
                (announced, Err(OutgoingError::TooLarge)),
                ("HTTP/1.1 302 Found\r\nlocation: /next\r\ncontent-length: 0\r\n\r\n", Ok(302)),
                ("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", Ok(404)),
            ] {
                let (port, connections) = origin(answer).await;
                let entry = format!("127.0.0.1:{port}");
                let (outcome, resolved) =
                    get(&grant(&[&entry], &[]), &[], &format!("http://{entry}/")).await;
                assert_eq!(outcome.map(|response| response.status().as_u16()), expected);
                assert_eq!((resolved, connections.get()), (0, 1), "no redirect is followed");
            }
            for answer in
                ["no HTTP\r\n\r\n", "HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"]
            {
                let (port, _) = origin(answer).await;
                let entry = format!("127.0.0.1:{port}");
                let (outcome, _) =
                    get(&grant(&[&entry], &[]), &[], &format!("http://{entry}/")).await;
                assert!(
                    matches!(outcome, Err(OutgoingError::Unreachable(_))),
                    "{answer:?}: {outcome:?}"
                );
            }
            let hop = "HTTP/1.1 200 OK\r\nconnection: x-hop\r\nx-hop: 1\r\nkeep-alive: 5\r\n\
                       x-kept: 1\r\ncontent-length: 0\r\n\r\n";
            let (port, _) = origin(hop).await;
            let entry = format!("127.0.0.1:{port}");
            let (outcome, _) = get(&grant(&[&entry], &[]), &[], &format!("http://{entry}/")).await;
            let headers = outcome.expect("it is good").into_parts().0.headers;
            let mut names: Vec<_> = headers.keys().map(|name| name.as_str()).collect();
            names.sort_unstable();
            assert_eq!(names, ["content-length", "x-kept"]);
        })
        .await;
}

#[tokio::test]
async fn a_plugin_cannot_fill_the_memory_with_destinations() {
    let local = LocalSet::new();
    local
        .run_until(async {
            let (port, _) = origin("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let entry = format!("*.many.example:{port}");
            let grant = grant(&[&entry], &["127.0.0.1/32"]);
            let deadlines: Rc<Deadlines> = Rc::default();
            let names = Names(addresses(&["127.0.0.1"]), Rc::default());
            let client = Client::new(grant, deadlines, names);
            for n in 0..=DESTINATIONS_MAX {
                let url = format!("http://n{n}.many.example:{port}/");
                assert!(exchange(&client, &url).await.is_ok());
            }
            assert_eq!(client.destinations.borrow().len(), DESTINATIONS_MAX);
        })
        .await;
}

#[tokio::test]
async fn a_request_that_waits_is_small() {
    let grant = grant(&["127.0.0.1:80"], &[]);
    let client = Client::new(grant, Rc::default(), Names(Vec::new(), Rc::default()));
    // Thousands of these may wait at once, each with a hook.
    let size = size_of_val(&exchange(&client, "http://127.0.0.1/"));
    assert!(size <= 8192, "{size}");
}
