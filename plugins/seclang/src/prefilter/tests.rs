use super::{Builder, Prefilter};
use crate::operator::{Operator, Spec};
use crate::pattern::Lazy;

fn prefilter(patterns: &[&str]) -> Prefilter {
    let mut builder = Builder::default();
    for pattern in patterns {
        let operator = Operator::compile(&Spec::parse(pattern), &Lazy).unwrap();
        builder.add(&operator).unwrap_or_else(|| panic!("{pattern} requires something"));
    }
    builder.build().unwrap()
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
