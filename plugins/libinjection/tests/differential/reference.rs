//! Asks the C library, which is in a program of its own.

use std::io::{BufWriter, Read, Write};
use std::process::{Command, Stdio};
use std::thread;

/// A line of the program at `path` for each input: its answer and, where it is asked
/// for each one several times, how long a call takes.
pub(crate) fn ask(path: &str, times: usize, inputs: &[Vec<u8>]) -> Vec<String> {
    let mut child = Command::new(path)
        .arg(times.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program can be started");
    let mut to = BufWriter::new(child.stdin.take().expect("it has an input"));
    let mut answers = String::new();
    thread::scope(|scope| {
        scope.spawn(move || {
            for input in inputs {
                let length = u32::try_from(input.len()).expect("an input is short");
                to.write_all(&length.to_le_bytes()).expect("it reads");
                to.write_all(input).expect("it reads");
            }
        });
        let mut from = child.stdout.take().expect("it has an output");
        from.read_to_string(&mut answers).expect("it writes text");
    });
    assert!(child.wait().expect("it ends").success(), "the program failed");
    answers.lines().map(str::to_owned).collect()
}
