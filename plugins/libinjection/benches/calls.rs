//! Nanoseconds per call for typical values, and those of the C library if
//! `LIBINJECTION_REFERENCE` names a program made of `reference.c`.

#![allow(clippy::print_stdout, reason = "it is there to print")]

#[path = "../tests/differential/reference.rs"]
mod reference;

use std::env;
use std::hint::black_box;
use std::time::Instant;

/// Calls in a row, of which the mean is taken.
const CALLS: usize = 2_000;
/// Rows, of which the fastest counts: others had to wait for the processor.
const ROWS: usize = 30;

const VALUES: [&str; 12] = [
    "hello",
    "12345",
    "john.smith@example.com",
    "The quick brown fox jumps over the lazy dog, again and again.",
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0",
    "session=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9",
    "It's O'Reilly's \"best\" book -- isn't it? #1 in 2020 (see p. 3)",
    "<p>Some <b>bold</b> text and a <a href=\"https://example.com/page?x=1\">link</a>.</p>",
    "1' OR '1'='1",
    "-1 UNION SELECT username, password FROM users--",
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
];

fn main() {
    let c = env::var("LIBINJECTION_REFERENCE").map(|path| of_the_c_library(&path));
    println!("{:>6} {:>6} {:>6} {:>6}", "sqli", "in C", "xss", "in C");
    for (index, value) in VALUES.iter().enumerate() {
        let input = value.as_bytes();
        let sqli = fastest(|| libinjection::sqli(black_box(input)).is_some());
        let xss = fastest(|| libinjection::xss(black_box(input)));
        let [c_sqli, c_xss] = c.as_ref().map_or(["-".into(), "-".into()], |times| {
            times[index].map(|nanoseconds| nanoseconds.to_string())
        });
        println!("{sqli:>6.0} {c_sqli:>6} {xss:>6.0} {c_xss:>6}  {value:.60}");
    }
}

/// Nanoseconds per call in the fastest row.
fn fastest(call: impl Fn() -> bool) -> f64 {
    let row = |_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(call());
        }
        start.elapsed().as_secs_f64() * 1e9 / CALLS as f64
    };
    (0..ROWS).map(row).fold(f64::INFINITY, f64::min)
}

/// Nanoseconds per call of both functions, for each value.
fn of_the_c_library(path: &str) -> Vec<[u64; 2]> {
    let inputs: Vec<Vec<u8>> =
        VALUES.iter().flat_map(|value| vec![value.as_bytes().to_vec(); ROWS]).collect();
    let time = |line: &String| {
        let mut words = line.split(' ').skip(2).map(|word| word.parse().expect("a number"));
        [(); 2].map(|()| words.next().expect("two times"))
    };
    let times: Vec<[u64; 2]> = reference::ask(path, CALLS, &inputs).iter().map(time).collect();
    let fastest = |row: &[[u64; 2]]| {
        [0, 1].map(|function| row.iter().map(|times| times[function]).min().unwrap_or_default())
    };
    times.chunks(ROWS).map(fastest).collect()
}
