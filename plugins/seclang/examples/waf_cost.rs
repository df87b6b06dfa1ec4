//! What the Core Rule Set costs, natively: `cargo run --release --example waf_cost`.
//!
//! Every request is another one, so that no search profits from the one before.
//! Times are of one thread: a whole exchange from the request's line to phase 5.

#[path = "../tests/support/mod.rs"]
mod support;

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use seclang::Engine;
use support::request::Request;
use support::run::play;

/// Numbers that look random and are the same in every run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self, below: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below
    }

    fn words(&mut self, length: usize) -> String {
        const WORDS: [&str; 24] = [
            "order", "red", "shoes", "Berlin", "2026", "street", "please", "union", "from",
            "select", "table", "and", "or", "the", "image", "set", "update", "profile", "script",
            "Oslo", "42", "price", "color", "size",
        ];
        let mut text = String::new();
        while text.len() < length {
            text.push_str(WORDS[self.next(WORDS.len())]);
            text.push(' ');
        }
        text.truncate(length);
        text
    }

    fn octets(&mut self, alphabet: &[u8], length: usize) -> Vec<u8> {
        (0..length).map(|_| alphabet[self.next(alphabet.len())]).collect()
    }
}

/// What this thread has run so far, where the system tells: on a machine that does
/// other things as well, that is what counts.
fn running() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split_whitespace().next()?.parse().ok().map(Duration::from_nanos)
}

#[allow(clippy::print_stdout, reason = "it is a program")]
fn time(engine: &Engine, name: &str, count: usize, mut make: impl FnMut() -> Request) {
    let requests: Vec<_> = (0..count).map(|_| make()).collect();
    // What is compiled when it is first needed is compiled here.
    for request in requests.iter().take(count / 10 + 1) {
        play(engine, request);
    }
    let before = running();
    let mut times: Vec<Duration> = Vec::with_capacity(count);
    for request in &requests {
        let start = Instant::now();
        std::hint::black_box(play(engine, request));
        times.push(start.elapsed());
    }
    let ran = running().zip(before).map(|(after, before)| (after - before).as_secs_f64());
    let each = ran.map_or(f64::NAN, |ran| ran * 1e6 / count as f64);
    times.sort();
    let at = |part: f64| times[(part * (times.len() - 1) as f64) as usize].as_secs_f64() * 1e6;
    println!("{name:<30} {each:>10.0} {:>10.0} {:>10.0} {:>10.0} µs", at(0.5), at(0.99), at(1.0));
}

#[allow(clippy::print_stdout, reason = "it is a program")]
fn main() {
    let Some(data) = support::data() else {
        support::say_missing("waf_cost");
        return;
    };
    for (paranoia, before) in [(1, ""), (4, PARANOIA_4)] {
        let start = Instant::now();
        let before = format!("{}{before}", support::AS_INSTALLED.replace("On", "DetectionOnly"));
        let engine = match support::engine(&data, &before) {
            Ok(engine) => engine,
            Err(e) => return println!("{e}"),
        };
        println!("\nparanoia {paranoia}; loaded in {:.0?}", start.elapsed());
        let titles = ["running", "median", "p99", "worst"];
        println!(
            "{:<30} {:>10} {:>10} {:>10} {:>10}",
            "request", titles[0], titles[1], titles[2], titles[3]
        );
        ordinary(&engine);
        adversarial(&engine);
    }
}

const PARANOIA_4: &str =
    "SecAction \"id:900005,phase:1,nolog,pass,setvar:tx.blocking_paranoia_level=4\"\n";

fn ordinary(engine: &Engine) {
    let mut numbers = Numbers(1);
    time(engine, "simple GET", 4000, || {
        Request::get(&format!("/products/{}?page={}", numbers.next(100_000), numbers.next(100)))
    });
    let mut numbers = Numbers(2);
    time(engine, "form of 8 fields", 2000, || {
        let mut body = String::new();
        for field in 0..8 {
            let _ = write!(body, "field{field}={}&", numbers.words(20).replace(' ', "+"));
        }
        Request::form("/form", body.trim_end_matches('&'))
    });
    let mut numbers = Numbers(3);
    time(engine, "10 kB JSON", 100, || Request::json("/api", &json(&mut numbers, 10_000)));
    let mut numbers = Numbers(4);
    time(engine, "10 kB in one field", 100, || {
        Request::form("/form", &format!("text={}", numbers.words(10_000).replace(' ', "+")))
    });
}

fn json(numbers: &mut Numbers, length: usize) -> String {
    let mut body = String::from("{\"items\":[");
    while body.len() < length {
        let _ =
            write!(body, "{{\"id\":{},\"text\":\"{}\"}},", numbers.next(9999), numbers.words(60));
    }
    body.push_str("{}]}");
    body
}

fn adversarial(engine: &Engine) {
    const LENGTH: usize = 128 * 1024;
    let alphabets: [(&str, &[u8]); 7] = [
        ("128 kB of letters", b"abcdefghijklmnopqrstuvwxyz"),
        ("128 kB of one letter", b"a"),
        ("128 kB of quotes and words", b"'\"` or and select union from(),"),
        ("128 kB of brackets", b"<>()[]{}/\\"),
        ("128 kB of shell", b"$(){};|&`'\"\\/ catshbinud"),
        (
            "128 kB of everything",
            b" !\"#$%'()*,-./0123456789:;<>?@ABCDEFGHIJ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~",
        ),
        ("128 kB of blanks and digits", b" \t\n0123456789,"),
    ];
    for (name, alphabet) in alphabets {
        let mut numbers = Numbers(5);
        time(engine, name, 10, || {
            let mut body = b"text=".to_vec();
            body.extend(numbers.octets(alphabet, LENGTH));
            Request::post("/form", "application/x-www-form-urlencoded", body)
        });
    }
    let mut numbers = Numbers(6);
    time(engine, "128 kB of words", 10, || {
        Request::form("/form", &format!("text={}", numbers.words(LENGTH)))
    });
    let mut numbers = Numbers(7);
    time(engine, "128 kB JSON", 10, || Request::json("/api", &json(&mut numbers, LENGTH)));
    let mut numbers = Numbers(8);
    time(engine, "1,000 fields, 128 kB", 10, || {
        let mut body = String::new();
        for field in 0..1000 {
            let _ = write!(body, "f{field}={}&", numbers.words(120).replace(' ', "+"));
        }
        Request::form("/form", &body)
    });
    time(engine, "128 kB of select and union", 10, || {
        Request::form("/form", &format!("text={}", "union select ".repeat(LENGTH / 13)))
    });
    time(engine, "128 kB of escapes", 10, || {
        Request::form("/form", &format!("text={}", "%25%32%35&lt;\\u003c".repeat(LENGTH / 19)))
    });
    time(engine, "deep JSON", 10, || Request::json("/api", &"[".repeat(LENGTH)));
    time(engine, "128 kB plain, unknown type", 10, || {
        Request::post("/x", "text/plain", "a=b or 1=1 ".repeat(LENGTH / 11))
    });
}
