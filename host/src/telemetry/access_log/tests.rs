//! What a line says, and where it ends up.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::thread;
use std::time::{Instant, UNIX_EPOCH};

use proptest::collection::vec;
use proptest::prelude::*;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::config::LogTarget;

/// Far more than any of it takes; only a failing test waits for so long.
const PATIENCE: Duration = Duration::from_secs(60);

fn entry() -> Entry<'static> {
    Entry {
        time: UNIX_EPOCH + Duration::from_millis(1_770_091_506_789),
        request_id: None,
        client: "192.0.2.7:4711".parse().expect("it is an address"),
        listener: "main",
        protocol: None,
        tls: None,
        method: None,
        host: None,
        path: None,
        route: None,
        cluster: None,
        endpoint: None,
        status: None,
        bytes_in: 0,
        bytes_out: 0,
        duration_us: 12,
        upstream_us: None,
        attempts: None,
        plugins: &[],
        annotations: &[],
        request_headers: &[],
        error: None,
    }
}

fn line(entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    entry.write_line(&mut out, &mut Clock::default());
    String::from_utf8(out).expect("lines are UTF-8")
}

#[test]
fn members_have_their_names_and_their_order() {
    let plugins = [
        PluginEntry {
            name: "waf",
            request: Some("continue"),
            response: None,
            request_body: None,
            response_body: None,
            balance: None,
            time: Duration::from_nanos(1_250),
        },
        PluginEntry {
            name: "auth",
            request: Some("respond"),
            response: Some("continue"),
            request_body: None,
            response_body: None,
            balance: Some("pick"),
            time: Duration::from_micros(30),
        },
    ];
    let annotations = [
        Annotation { plugin: "waf", key: "rule", value: "942100" },
        Annotation { plugin: "auth", key: "user", value: "ann" },
        Annotation { plugin: "waf", key: "score", value: "5" },
    ];
    let full = Entry {
        request_id: Some(b"id-1"),
        protocol: Some("HTTP/2"),
        tls: Some("1.3"),
        method: Some("GET"),
        host: Some(b"example.com"),
        path: Some(b"/a"),
        route: Some("shop"),
        cluster: Some("app"),
        endpoint: Some("http://10.0.0.1:80"),
        status: Some(502),
        bytes_in: 1,
        bytes_out: 2,
        upstream_us: Some(3),
        attempts: Some(2),
        plugins: &plugins,
        annotations: &annotations,
        error: Some(ErrorEntry {
            kind: "connect",
            side: "upstream",
            detail: Some("connection refused"),
        }),
        ..entry()
    };
    let expected = concat!(
        r#"{"time":"2026-02-03T04:05:06.789Z","request_id":"id-1","client":"192.0.2.7:4711","#,
        r#""listener":"main","protocol":"HTTP/2","tls":"1.3","method":"GET","#,
        r#""host":"example.com","path":"/a","route":"shop","cluster":"app","#,
        r#""endpoint":"http://10.0.0.1:80","status":502,"bytes_in":1,"bytes_out":2,"#,
        r#""duration_us":12,"upstream_us":3,"attempts":2,"#,
        r#""plugins":[{"name":"waf","request":"continue","us":1.2},"#,
        r#"{"name":"auth","request":"respond","response":"continue","balance":"pick","us":30.0}],"#,
        r#""annotations":{"waf":{"rule":"942100","score":"5"},"auth":{"user":"ann"}},"#,
        r#""error":{"kind":"connect","side":"upstream","detail":"connection refused"}}"#,
        "\n"
    );
    assert_eq!(line(&full), expected);
}

#[test]
fn what_is_not_known_is_absent() {
    let expected = concat!(
        r#"{"time":"2026-02-03T04:05:06.789Z","client":"192.0.2.7:4711","listener":"main","#,
        r#""bytes_in":0,"bytes_out":0,"duration_us":12}"#,
        "\n"
    );
    assert_eq!(line(&entry()), expected);
}

#[test]
fn addresses_are_written_as_everywhere() {
    for (address, expected) in [
        ("[2001:db8::1]:65535", "[2001:db8::1]:65535"),
        ("[::ffff:192.0.2.255]:1", "192.0.2.255:1"),
        ("0.0.0.0:0", "0.0.0.0:0"),
    ] {
        let client = address.parse().expect("it is an address");
        let parsed: Value =
            serde_json::from_str(&line(&Entry { client, ..entry() })).expect("it is JSON");
        assert_eq!(parsed["client"], expected);
    }
}

#[test]
fn what_steers_terminals_is_escaped() {
    let path = "/\u{1b}[31m\u{7f}\u{9b}\u{2028}\u{e9}\"\\".as_bytes();
    let line = line(&Entry { path: Some(path), ..entry() });
    assert!(line.contains(r#""path":"/\u001b[31m\u007f\u009b\u2028é\"\\""#), "{line}");
}

/// Bytes among which those are common that mean something to JSON, UTF-8 or lines.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..40),
        any::<String>().prop_map(String::into_bytes),
        vec(
            proptest::sample::select(b"\"\\\n\r\t\x00\x1b{}:,u/a\xc3\xa9\xff\xe2\x80\xa8".to_vec()),
            0..40
        ),
    ]
}

proptest! {
    #[test]
    fn whatever_clients_send_is_one_line_that_says_it(
        request_id in hostile(),
        host in hostile(),
        path in hostile(),
        words in vec(any::<String>(), 9),
        numbers in any::<(u64, u64, u64, u64, u16, u32)>(),
        plugin_us in any::<u32>(),
    ) {
        let plugin = PluginEntry {
            name: &words[0],
            request: Some(&words[1]),
            response: Some(&words[2]),
            request_body: None,
            response_body: None,
            balance: Some(&words[3]),
            time: Duration::from_micros(plugin_us.into()),
        };
        let annotation = Annotation { plugin: &words[3], key: &words[4], value: &words[5] };
        let entry = Entry {
            request_id: Some(&request_id),
            host: Some(&host),
            path: Some(&path),
            method: Some(&words[6]),
            bytes_in: numbers.0,
            bytes_out: numbers.1,
            duration_us: numbers.2,
            upstream_us: Some(numbers.3),
            status: Some(numbers.4),
            attempts: Some(numbers.5),
            plugins: &[plugin],
            annotations: &[annotation],
            error: Some(ErrorEntry { kind: &words[7], side: "client", detail: Some(&words[8]) }),
            ..entry()
        };
        let line = line(&entry);
        prop_assert_eq!(line.find('\n'), Some(line.len() - 1));
        prop_assert!(line.trim_end().chars().all(|character| !character.is_control()));
        let parsed: Value = serde_json::from_str(&line).expect("it is JSON");
        let expected = json!({
            "time": "2026-02-03T04:05:06.789Z",
            "request_id": String::from_utf8_lossy(&request_id),
            "client": "192.0.2.7:4711",
            "listener": "main",
            "method": words[6],
            "host": String::from_utf8_lossy(&host),
            "path": String::from_utf8_lossy(&path),
            "status": numbers.4,
            "bytes_in": numbers.0,
            "bytes_out": numbers.1,
            "duration_us": numbers.2,
            "upstream_us": numbers.3,
            "attempts": numbers.5,
            "plugins": [{
                "name": words[0],
                "request": words[1],
                "response": words[2],
                "balance": words[3],
                "us": f64::from(plugin_us),
            }],
            "annotations": { &words[3]: { &words[4]: words[5] } },
            "error": { "kind": words[7], "side": "client", "detail": words[8] },
        });
        prop_assert_eq!(parsed, expected);
    }
}

struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(TempDir::new().expect("a folder can be made"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn open(&self, name: &str) -> AccessLog {
        AccessLog::open(&LogTarget::File(self.path(name)), None).expect("it can be opened")
    }

    /// The routes of the lines, all of which must be whole.
    fn routes(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.path(name)).expect("the file is there");
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str::<Value>(line).expect("it is JSON"))
            .map(|line| line["route"].as_str().expect("it has a route").to_owned())
            .collect()
    }
}

fn push(writer: &Writer, route: &str) {
    writer.push(&Entry { route: Some(route), ..entry() });
}

#[test]
fn lines_of_all_workers_arrive_in_their_order() {
    let files = Files::new();
    let log = files.open("log");
    // So many that each worker could keep all of them: whoever has the lock may be
    // put aside for any time.
    let workers = ["a", "b", "c"].map(|name| {
        let writer = log.writer();
        thread::spawn(move || {
            for number in 0..1_000 {
                push(&writer, &format!("{name} {number:04}"));
                if number % 100 == 0 {
                    writer.flush();
                }
            }
        })
    });
    for worker in workers {
        worker.join().expect("the worker ends well");
    }
    assert!(log.close(PATIENCE));
    assert_eq!(log.dropped(), 0);
    let routes = files.routes("log");
    assert_eq!(routes.len(), 3_000);
    for name in ["a", "b", "c"] {
        let of_worker: Vec<_> = routes.iter().filter(|route| route.starts_with(name)).collect();
        assert!(of_worker.is_sorted() && of_worker.len() == 1_000);
    }
}

#[test]
fn a_file_is_appended_to() {
    let files = Files::new();
    for route in ["first", "second"] {
        let log = files.open("log");
        push(&log.writer(), route);
        assert!(log.close(PATIENCE));
    }
    assert_eq!(files.routes("log"), ["first", "second"]);
}

#[test]
fn rotation_moves_to_a_new_file() {
    let files = Files::new();
    let log = files.open("log");
    push(&log.writer(), "old");
    fs::rename(files.path("log"), files.path("log.1")).expect("it can be renamed");
    log.reopen();
    let since = Instant::now();
    while !files.path("log").exists() {
        assert!(since.elapsed() < PATIENCE);
        thread::yield_now();
    }
    push(&log.writer(), "new");
    assert!(log.close(PATIENCE));
    let routes = [files.routes("log.1"), files.routes("log")].concat();
    assert_eq!(routes, ["old", "new"]);
    assert_eq!(files.routes("log").last().map(String::as_str), Some("new"));
}

#[test]
fn a_file_that_cannot_be_opened_again_is_kept() {
    let files = Files::new();
    fs::create_dir(files.path("folder")).expect("a folder can be made");
    let log = files.open("folder/log");
    fs::rename(files.path("folder"), files.path("moved")).expect("it can be renamed");
    log.reopen();
    push(&log.writer(), "kept");
    assert!(log.close(PATIENCE));
    assert_eq!(files.routes("moved/log"), ["kept"]);
}

#[test]
fn a_full_disk_costs_no_line_until_memory_is_full() {
    let files = Files::new();
    symlink("/dev/full", files.path("log")).expect("a link can be made");
    let log = files.open("log");
    push(&log.writer(), "early");
    fs::remove_file(files.path("log")).expect("the link can be removed");
    log.reopen();
    push(&log.writer(), "late");
    assert!(log.close(PATIENCE));
    assert_eq!(files.routes("log"), ["early", "late"]);
    assert_eq!(log.dropped(), 0);
}

#[test]
fn a_full_memory_drops_lines_and_counts_them() {
    let files = Files::new();
    symlink("/dev/full", files.path("log")).expect("a link can be made");
    let log = files.open("log");
    let writer = log.writer();
    let mut pushed = 0;
    while log.dropped() < 1_000 {
        push(&writer, "r");
        pushed += 1;
    }
    fs::remove_file(files.path("log")).expect("the link can be removed");
    log.reopen();
    drop(writer);
    assert!(log.close(PATIENCE));
    assert_eq!(files.routes("log").len() as u64 + log.dropped(), pushed);
}

#[test]
fn a_log_that_cannot_be_written_can_be_closed() {
    let files = Files::new();
    symlink("/dev/full", files.path("log")).expect("a link can be made");
    let log = files.open("log");
    let late = log.writer();
    push(&log.writer(), "r");
    assert!(log.close(PATIENCE));
    assert_eq!(log.dropped(), 1);
    push(&late, "r");
    drop(late);
    assert_eq!(log.dropped(), 2);
}

#[test]
fn a_target_that_cannot_be_opened_is_an_error() {
    let files = Files::new();
    let target = LogTarget::File(files.path("none/log"));
    let error = AccessLog::open(&target, None).expect_err("there is no such folder");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
}
