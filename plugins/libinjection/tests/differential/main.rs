//! Compares this crate with the C library, input for input.
//!
//! `answers.txt` has what the C library of libmodsecurity 3.0.15 says of the inputs
//! that `inputs.rs` makes, always the same ones; so this needs no C library. With
//! one it can be asked about more: see `reference.c`.

mod corpus;
mod inputs;
mod reference;

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

use inputs::Section;

/// What a library says of an input: the fingerprint of an SQL injection, or `-`,
/// and whether it is an attempt at cross-site scripting, `0` or `1`.
type Answer = String;

/// Not recorded: most inputs are harmless.
const NO_ATTACK: &str = "- 0";

fn ours(input: &[u8]) -> Answer {
    let sqli = libinjection::sqli(input);
    let fingerprint = sqli.as_ref().map_or("-", |fingerprint| fingerprint.as_str());
    format!("{fingerprint} {}", u8::from(libinjection::xss(input)))
}

/// Those answers that are an attack, by section and index. In the file each section
/// begins with a line of its name, and each answer with its index.
fn recorded() -> HashMap<(&'static str, usize), &'static str> {
    let mut section = "";
    let mut recorded = HashMap::new();
    for line in include_str!("answers.txt").lines() {
        match line.split_once(' ') {
            None => section = line,
            Some((index, answer)) => {
                recorded.insert((section, index.parse().expect("an index")), answer);
            }
        }
    }
    recorded
}

#[test]
fn answers_are_those_of_the_c_library() {
    let mut recorded = recorded();
    let mut count = 0;
    for Section { name, inputs } in inputs::all() {
        for (index, input) in inputs.iter().enumerate() {
            let expected = recorded.remove(&(name, index)).unwrap_or(NO_ATTACK);
            assert_eq!(ours(input), expected, "{name} {index}: {}", input.escape_ascii());
            count += 1;
        }
    }
    assert!(recorded.is_empty(), "answers without an input: {recorded:?}");
    assert!(count >= 100_000, "only {count} inputs");
}

#[test]
#[ignore = "needs the C library: see reference.c"]
fn the_c_library_agrees() {
    let path = env::var("LIBINJECTION_REFERENCE").expect("LIBINJECTION_REFERENCE is set");
    let mut lines = String::new();
    for Section { name, inputs } in inputs::all() {
        writeln!(lines, "{name}").expect("a String takes all");
        for (index, answer) in compare(&path, name, &inputs).iter().enumerate() {
            if answer != NO_ATTACK {
                writeln!(lines, "{index} {answer}").expect("a String takes all");
            }
        }
    }
    if env::var_os("LIBINJECTION_RECORD").is_some() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential/answers.txt");
        fs::write(file, lines).expect("the answers can be written");
    }
}

#[test]
#[ignore = "needs the C library: see reference.c"]
fn the_c_library_agrees_on_other_inputs() {
    let path = env::var("LIBINJECTION_REFERENCE").expect("LIBINJECTION_REFERENCE is set");
    let seed = env::var("LIBINJECTION_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    for Section { name, inputs } in inputs::generated(seed) {
        compare(&path, name, &inputs);
    }
    if let Some(directory) = env::var_os("LIBINJECTION_TEXTS") {
        let mut texts = Vec::new();
        texts_below(&PathBuf::from(directory), &mut texts);
        let found = inputs::values_of(&texts);
        assert!(!found.is_empty(), "LIBINJECTION_TEXTS has no YAML");
        compare(&path, "texts", &found);
    }
}

/// The answers of the C library, which are ours.
fn compare(path: &str, section: &str, inputs: &[Vec<u8>]) -> Vec<Answer> {
    let answers = reference::ask(path, 1, inputs);
    assert_eq!(answers.len(), inputs.len(), "{section}: one answer for each input");
    for (input, answer) in inputs.iter().zip(&answers) {
        assert_eq!(&ours(input), answer, "{section}: {}", input.escape_ascii());
    }
    answers
}

/// The contents of all YAML files below a directory.
fn texts_below(directory: &Path, texts: &mut Vec<String>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            texts_below(&path, texts);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            texts.push(String::from_utf8_lossy(&fs::read(path).expect("a file")).into_owned());
        }
    }
}
