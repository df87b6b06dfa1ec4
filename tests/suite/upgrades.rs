//! WebSocket and other upgrades are tunnelled.

use futures_util::{SinkExt, StreamExt};
use harness::{Connection, Origin, Proxy, Signal, within};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async, client_async};

async fn echoing_websocket(connection: Connection) {
    let Ok(mut socket) = accept_async(connection.into_stream()).await else { return };
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() || socket.send(message).await.is_err() {
            break;
        }
    }
}

async fn websocket(proxy: &Proxy, path: &str) -> WebSocketStream<TcpStream> {
    let stream = TcpStream::connect(proxy.http()).await.unwrap();
    let handshake = client_async(format!("ws://shop.example{path}"), stream);
    let (socket, response) = within("WebSocket handshake", handshake).await.unwrap();
    assert_eq!(response.status(), 101);
    socket
}

async fn echoes(socket: &mut WebSocketStream<TcpStream>, message: Message) {
    socket.send(message.clone()).await.unwrap();
    let back = within("WebSocket echo", socket.next()).await.unwrap().unwrap();
    assert_eq!(back, message);
}

#[tokio::test]
async fn websocket_messages_pass_both_ways() {
    let origin = Origin::raw(echoing_websocket).await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut socket = websocket(&proxy, "/chat").await;

    echoes(&mut socket, Message::text("hello")).await;
    echoes(&mut socket, Message::binary(vec![7; 300_000])).await;
    for n in 0..100 {
        echoes(&mut socket, Message::text(n.to_string())).await;
    }
    socket.close(None).await.unwrap();
    drop(socket);

    let entry = proxy.await_log_of("/chat").await;
    assert_eq!(entry["status"], 101);
    assert!(entry["bytes_in"].as_u64().unwrap() > 300_000, "{entry}");
    assert!(entry["bytes_out"].as_u64().unwrap() > 300_000, "{entry}");
}

#[tokio::test]
async fn another_protocol_is_tunnelled_and_octets_right_after_the_switch_are_kept() {
    let origin = Origin::raw(|mut connection| async move {
        let Some(head) = connection.read_request().await else { return };
        assert!(head.to_lowercase().contains("upgrade: lines"), "{head}");
        connection
            .write("HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: lines\r\n\r\nready\n")
            .await;
        while let Some(line) = connection.read_until(b"\n").await {
            connection.write([b"> ", line.as_slice()].concat()).await;
        }
    })
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET /lines HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: lines\r\n\r\n")
        .await;
    let reply = raw.read_head().await;
    assert_eq!(reply.status, 101);
    assert_eq!(reply.header("upgrade"), Some("lines"));
    assert_eq!(raw.read_until("\n").await, "ready\n");
    raw.write("later\n").await;
    assert_eq!(raw.read_until("\n").await, "> later\n");
}

#[tokio::test]
async fn an_endpoint_may_decline_an_upgrade() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write("GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: lines\r\n\r\n").await;
    assert_eq!(raw.read_reply().await.status, 200);
    raw.write("GET /after HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let echo: Value = serde_json::from_slice(&raw.read_reply().await.body).unwrap();
    assert_eq!(echo["target"], "/after", "the connection is still HTTP");
}

#[tokio::test]
async fn an_upgrade_to_cleartext_http2_is_not_forwarded() {
    let origin = Origin::http1().start().await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut raw = proxy.raw().await;

    raw.write(
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade, http2-settings\r\nupgrade: h2c\r\n\
         http2-settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
    )
    .await;

    assert_eq!(raw.read_reply().await.status, 200);
    let received = origin.only_request();
    assert_eq!(received.header("upgrade"), None);
    assert_eq!(received.header("http2-settings"), None);
}

#[tokio::test]
async fn a_tunnel_ends_when_either_side_does() {
    let origin = Origin::raw(|mut connection| async move {
        if connection.read_request().await.is_some() {
            connection
                .write(
                    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
                )
                .await;
            // The first line ends it from this side.
            connection.read_until(b"\n").await;
        }
    })
    .await;
    let proxy = Proxy::to(&[&origin.url()]).start().await;
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n";

    let mut ended_there = proxy.raw().await;
    ended_there.write(request).await;
    assert_eq!(ended_there.read_head().await.status, 101);
    ended_there.write("end\n").await;
    assert!(ended_there.is_at_end().await);

    let mut ended_here = proxy.raw().await;
    ended_here.write(request).await;
    assert_eq!(ended_here.read_head().await.status, 101);
    drop(ended_here);
    harness::eventually!(origin.open_connections() == 0);
}

#[tokio::test]
async fn a_tunnel_without_traffic_is_closed_after_its_time() {
    let origin = Origin::raw(echoing_websocket).await;
    let proxy = Proxy::with(format!(
        "[timeouts]\ntunnel = \"300ms\"\n\
         [[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [[route]]\ncluster = \"app\"\n",
        origin.url()
    ))
    .start()
    .await;
    let mut socket = websocket(&proxy, "/").await;
    echoes(&mut socket, Message::text("hello")).await;

    let end = within("the tunnel's end", socket.next()).await;
    assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    harness::eventually!(origin.open_connections() == 0);
}

#[tokio::test]
async fn a_draining_proxy_lets_a_tunnel_go_on_for_its_time() {
    let origin = Origin::raw(echoing_websocket).await;
    let mut proxy = Proxy::to(&[&origin.url()]).start().await;
    let mut socket = websocket(&proxy, "/").await;
    echoes(&mut socket, Message::text("before")).await;

    proxy.signal(Signal::TERM);
    harness::eventually!(TcpStream::connect(proxy.http()).await.is_err());
    echoes(&mut socket, Message::text("while draining")).await;
    socket.close(None).await.unwrap();
    drop(socket);

    assert_eq!(proxy.end().await.code, Some(0));
}
