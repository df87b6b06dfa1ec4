use super::{Builder, Prefilter};
use crate::operator::{Operator, Spec};
use crate::pattern::Lazy;

fn prefilter(patterns: &[&str]) -> Prefilter {
    let mut builder = Builder::default();
    for pattern in patterns {
        let operator = Operator::compile(&Spec::parse(pattern), &Lazy).unwrap();
        builder.add(&operator).unwrap_or_else(|| panic!("{pattern} requires something"));
    }
    builder.build()
}

fn may_match(pattern: &str, text: &[u8]) -> bool {
    let mut bits = Vec::new();
    prefilter(&[pattern]).scan(text, &mut bits);
    bits[0] == 1
}

#[test]
fn what_lacks_a_required_literal_surely_does_not_match() {
    assert!(may_match("@rx (?i)union.*?select", b"UNION x SELECT"));
    assert!(!may_match("@rx (?i)union.*?select", b"onion"));
    assert!(may_match("@rx (?:foo|ba[rz])+\\d", b"xbaz1"));
    assert!(!may_match("@rx (?:foo|ba[rz])+\\d", b"bax1"));
    assert!(!may_match("@rx (?:foo|ba[rz])+\\d", b"baz"));
    assert!(!may_match("@rx [\\n\\r]", b"line"));
    assert!(may_match("@rx [\\n\\r]", b"line\r"));
    assert!(!may_match("@pm cmd.exe powershell", b"shell"));
    assert!(may_match("@pm cmd.exe powershell", b"PowerShell"));
    assert!(!may_match("@contains -->", b"--x>"));
}

#[test]
fn single_octets_and_short_literals_are_found() {
    assert!(may_match("@contains #", b"a#"));
    assert!(!may_match("@contains #", b"a"));
    assert!(may_match("@pm a bcd", b"xA"));
    assert!(!may_match("@pm ab cd", b"ac"));
    assert!(may_match("@pm ab cd", b"acDa"));
}

proptest::proptest! {
    #[test]
    fn what_matches_is_never_ruled_out(text in "[a-cA-C<>=;' ]{0,12}", index in 0_usize..8) {
        let pattern = [
            "@rx (?i)ab+c?[;=]", "@rx (?:ab|b[ca])+|<a>", "@rx [<>]a?[bc]{2}", "@pm abc b< ' ac",
            "@contains cab", "@rx ^(?:a|bb)?c", "@rx (?i)(?:aa|ab|ac|ba|bb|bc)(?:a|b|c)*'", "@rx a.*?b.*?c",
        ][index];
        let operator = Operator::compile(&Spec::parse(pattern), &Lazy).unwrap();
        let argument = operator.argument().and_then(|a| a.constant()).unwrap_or_default();
        let detectors = crate::Detectors::none();
        if operator.matches(text.as_bytes(), argument, &detectors, None) {
            proptest::prop_assert!(may_match(pattern, text.as_bytes()), "{} on {:?}", pattern, text);
        }
    }
}
