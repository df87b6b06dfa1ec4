use std::collections::HashSet;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

fn fingerprint(input: &str) -> Option<String> {
    sqli(input.as_bytes()).map(|fingerprint| fingerprint.to_string())
}

/// The kinds of all tokens.
fn kinds(input: &[u8], dialect: Dialect, quote: Option<u8>) -> String {
    let mut tokenizer = Tokenizer::new(input, dialect, quote);
    let mut kinds = String::new();
    while let Some(token) = tokenizer.next() {
        kinds.push(char::from(token.kind as u8));
    }
    kinds
}

#[test]
fn an_injection_has_a_fingerprint() {
    for (input, expected) in [
        ("' or 1=1--", "s&1c"),
        ("1' OR '1'='1", "s&sos"),
        ("-1 union select 1,2,3", "1UE1"),
        ("1; drop table users", "1;Tnn"),
        ("1 or 1=1", "1&1"),
        ("1 or/*!1*/", "X"),
        ("1/*", "1c"),
    ] {
        assert_eq!(fingerprint(input).as_deref(), Some(expected), "{input}");
    }
}

#[test]
fn a_text_that_looks_like_sql_is_none() {
    for input in ["", "it's", "me and you", "1 union", "sexy and 17", "foo -- bar", "a #tag"] {
        assert_eq!(fingerprint(input), None, "{input}");
    }
}

#[test]
fn a_fingerprint_shows_its_symbols() {
    let fingerprint = sqli(b"' or 1=1--").expect("an injection");
    assert_eq!(fingerprint.as_str(), "s&1c");
    assert_eq!(format!("{fingerprint}"), "s&1c");
    assert_eq!(format!("{fingerprint:?}"), "Fingerprint(\"s&1c\")");
}

#[test]
fn a_comment_depends_on_the_dialect() {
    for (input, ansi, mysql) in [
        ("1--x", "1c", "1oon"),
        ("1-- x", "1c", "1c"),
        ("1--", "1c", "1c"),
        ("1#x", "1on", "1c"),
        ("1--x\n2", "1c1", "1oon1"),
    ] {
        assert_eq!(kinds(input.as_bytes(), Dialect::Ansi, None), ansi, "{input}");
        assert_eq!(kinds(input.as_bytes(), Dialect::Mysql, None), mysql, "{input}");
    }
}

#[test]
fn a_quote_ends_where_it_is_not_escaped() {
    for (input, expected) in [
        (r"'a\'b'1", "s1"),
        (r"'a\\'1", "s1"),
        ("'a''b'1", "s1"),
        ("'a", "s"),
        ("'", "s"),
        ("`a``b`1", "n1"),
        ("`sleep`1", "f1"),
        ("q'[a']b]'1", "s1"),
        ("nq'(a)'1", "s1"),
        ("u&'a'1", "s1"),
        ("e'a\\''1", "s1"),
        ("$a$ $b$ $a$1", "s1"),
        ("$$ $ $$1", "s1"),
        ("x'1f'1", "11"),
        ("b'01'1", "11"),
        ("b'02'1", "ns1"),
    ] {
        assert_eq!(kinds(input.as_bytes(), Dialect::Ansi, None), expected, "{input}");
    }
    assert_eq!(kinds(b"a' or 'b", Dialect::Ansi, Some(b'\'')), "s&s");
}

#[test]
fn a_number_without_its_exponent_is_nothing() {
    assert_eq!(kinds(b"1.e(2)", Dialect::Ansi, None), "(1)");
    assert_eq!(kinds(b"1e5", Dialect::Ansi, None), "1");
    // MySQL runs this: https://gosecure.ai/blog/2021/10/19/
    assert!(sqli(b"1' or 1.e(1)='1").is_some());
}

#[test]
fn every_word_of_the_table_is_found_in_any_case() {
    for line in include_str!("../../data/words.tsv").lines() {
        let (word, symbol) = line.split_once('\t').expect("a word and a kind");
        for spelling in [word.to_owned(), word.to_ascii_lowercase()] {
            let (found, kind) = words::find(spelling.as_bytes()).expect(word);
            assert_eq!((found, char::from(kind as u8).to_string().as_str()), (word, symbol));
        }
    }
}

/// Were the time quadratic, this would not end: a word before a `.` is a token, and
/// what follows it belongs to the same word as far as its end is concerned.
#[test]
fn a_long_input_is_not_read_again_for_each_token() {
    for piece in ["and.", "div.", "'\\'", "/**/", "$a$b", "1,-1"] {
        let input = piece.repeat((1 << 20) / piece.len());
        assert_eq!(fingerprint(&input), None, "{piece}");
    }
}

static FINGERPRINTS: LazyLock<HashSet<&str>> =
    LazyLock::new(|| include_str!("../../data/fingerprints.txt").lines().collect());

#[test]
fn every_fingerprint_of_the_table_is_known() {
    for fingerprint in &*FINGERPRINTS {
        let mut symbols = [0; 5];
        symbols[..fingerprint.len()].copy_from_slice(fingerprint.as_bytes());
        assert!(words::is_known_fingerprint(symbols), "{fingerprint}");
        assert!(words::is_known_fingerprint(symbols.map(|s| s.to_ascii_lowercase())));
    }
}

proptest! {
    #[test]
    fn no_input_is_too_much(input: Vec<u8>) {
        if let Some(fingerprint) = sqli(&input) {
            prop_assert!((1..=5).contains(&fingerprint.as_str().len()));
            prop_assert!(fingerprint.as_str().is_ascii());
        }
    }

    #[test]
    fn tokens_of_signs_are_no_longer_than_the_input(input in r#"['"`$@./*#x0-9 \\e-]{0,40}"#) {
        for dialect in [Dialect::Ansi, Dialect::Mysql] {
            prop_assert!(kinds(input.as_bytes(), dialect, None).len() <= input.len());
        }
    }

    #[test]
    fn no_other_fingerprint_is_known(symbols in "[&(),1:;ABCEFKNOSTUVX.?]{1,5}") {
        let mut padded = [0; 5];
        padded[..symbols.len()].copy_from_slice(symbols.as_bytes());
        prop_assert_eq!(
            words::is_known_fingerprint(padded),
            FINGERPRINTS.contains(symbols.as_str())
        );
    }

    #[test]
    fn no_other_word_is_found(word in "[A-Za-z_. ]{0,12}") {
        let upper = word.to_ascii_uppercase();
        let listed = include_str!("../../data/words.tsv")
            .lines()
            .any(|line| line.split('\t').next() == Some(&upper));
        prop_assert_eq!(words::find(word.as_bytes()).is_some(), listed);
    }
}
