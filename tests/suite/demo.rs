//! `wasmgate demo`: every line that it prints can be typed, and shows what it says.

use std::process::Command;

use harness::{Proxy, Signal, eventually};

/// The output of one of the demo's lines, as a shell runs it.
async fn typed(line: &str) -> String {
    let line = line.to_owned();
    let output = tokio::task::spawn_blocking(move || {
        let output = Command::new("sh").args(["-c", &line]).output().unwrap();
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).to_lowercase()
    });
    output.await.unwrap()
}

#[tokio::test]
async fn every_line_that_it_prints_shows_what_it_says() {
    if Command::new("curl").arg("--version").output().is_err() {
        // Its lines are for people who have it.
        return;
    }
    let mut demo = Proxy::command(&["demo"]).start().await;
    demo.stdout().find("the end of the tour", |line| line.starts_with("Ctrl-C")).await;
    let text = demo.stdout().text();
    let lines: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
    let mut lines = lines.iter();
    let mut next =
        || *lines.next().unwrap_or_else(|| panic!("fewer lines than this test knows:\n{text}"));

    let turns = typed(next()).await;
    assert!(turns.contains("\"one\"") && turns.contains("\"two\""), "{turns}");
    let stripped = typed(next()).await;
    assert!(stripped.contains("\"path\": \"/users/7\""), "{stripped}");
    let redirected = typed(next()).await;
    assert!(
        redirected.contains(" 308 ") && redirected.contains("location: /new/page"),
        "{redirected}"
    );
    let preview = typed(next()).await;
    assert!(preview.contains("\"two\"") && !preview.contains("\"one\""), "{preview}");
    let edited = typed(next()).await;
    assert!(
        edited.contains("x-served-by: wasmgate") && edited.contains("\"x-client\": \"127.0.0.1\""),
        "{edited}"
    );
    assert!(!edited.contains("x-internal") && !edited.contains("x-origin-version"), "{edited}");
    let secure = typed(next()).await;
    assert!(secure.starts_with("http/2 200") || secure.starts_with("http/1.1 200"), "{secure}");
    assert!(secure.contains("strict-transport-security: "), "{secure}");

    let refused = typed(next()).await;
    assert!(refused.starts_with("http/1.1 401 "), "{refused}");
    let admitted = typed(next()).await;
    assert!(admitted.contains("\"x-auth-user\": \"bob\""), "{admitted}");
    let robots = typed(next()).await;
    assert!(robots.starts_with("user-agent: *"), "{robots}");
    let limited = typed(next()).await;
    assert_eq!((limited.matches(" 200 ").count(), limited.matches(" 429 ").count()), (3, 1));
    assert!(limited.contains("retry-after: "), "{limited}");
    let read = typed(next()).await;
    assert!(read.contains("\"path\": \"/inside\""), "{read}");
    let deleted = typed(next()).await;
    assert!(deleted.starts_with("http/1.1 403 "), "{deleted}");
    let shared = typed(next()).await;
    assert!(shared.contains("access-control-allow-origin: https://app.example.com"), "{shared}");
    let uploaded = typed(next()).await;
    assert!(uploaded.starts_with("http/1.1 413 "), "{uploaded}");
    let closed = typed(next()).await;
    assert!(closed.starts_with("http/1.1 503 ") && closed.contains("retry-after: 600"), "{closed}");
    let canary = typed(next()).await;
    assert!(canary.contains("\"two\"") && canary.contains("canary"), "{canary}");
    for sticks in [typed(next()).await, typed(next()).await] {
        let by = |name: &str| sticks.matches(&format!("\"{name}\"")).count();
        assert!([(3, 0), (0, 3)].contains(&(by("one"), by("two"))), "{sticks}");
    }

    typed(next()).await;
    let ask = next();
    eventually!(typed(ask).await.contains("x-dropped-in: hello"));
    typed(next()).await;
    let ask = next();
    eventually!(typed(ask).await.contains("x-dropped-in: welcome"));
    typed(next()).await;
    assert!(
        typed(next()).await.contains("x-dropped-in: welcome"),
        "what is no plugin changes nothing"
    );
    let told = next();
    eventually!(typed(told).await.contains("webassembly"));
    typed(next()).await;
    let ask = next();
    eventually!(!typed(ask).await.contains("x-dropped-in"));
    let logged = typed(next()).await;
    assert!(logged.lines().count() == 3 && logged.contains("\"plugins\""), "{logged}");
    assert_eq!(lines.next(), None, "a line that this test does not know");

    demo.signal(Signal::INT);
    assert_eq!(demo.end().await.code, Some(0));
}
