use proptest::prelude::*;

use super::*;

#[test]
fn a_script_is_found_in_every_place() {
    for input in [
        "<script>alert(1)</script>",
        "x onclick=alert(1)",
        "' onclick=alert(1) x='",
        "\" onclick=alert(1) x=\"",
        "` onclick=alert(1) x=`",
        "--><svg onload=alert(1)>",
    ] {
        assert!(xss(input.as_bytes()), "{input}");
    }
}

#[test]
fn harmless_html_is_none() {
    for input in [
        "",
        "a < b",
        "<b class=x>bold</b>",
        "<a href=\"https://example.com/?a=1\">link</a>",
        "<!-- comment -->",
        "one=1",
        "onclick",
    ] {
        assert!(!xss(input.as_bytes()), "{input}");
    }
}

#[test]
fn a_tag_is_known_whatever_its_case_and_with_nul() {
    for name in ["script", "SCRIPT", "scr\0ipt", "svgfoo", "xsl:template", "base"] {
        assert!(names::is_dangerous_tag(name.as_bytes()), "{name}");
    }
    for name in ["", "b", "scripts", "sv\0g", "basefont"] {
        assert!(!names::is_dangerous_tag(name.as_bytes()), "{name}");
    }
}

#[test]
fn an_attribute_is_known_by_its_name() {
    for (name, danger) in [
        ("onclick", Some(Danger::Always)),
        ("OnClickFoo", Some(Danger::Always)),
        ("onfoo", None),
        ("one", None),
        ("on", None),
        ("xmlns:a", Some(Danger::Always)),
        ("style", Some(Danger::Always)),
        ("href", Some(Danger::Url)),
        ("h\0ref", Some(Danger::Url)),
        ("hrefs", None),
        ("attributename", Some(Danger::Name)),
        ("class", None),
        ("", None),
    ] {
        assert_eq!(names::danger_of(name.as_bytes()), danger, "{name}");
    }
}

#[test]
fn a_url_runs_a_script_by_its_scheme() {
    for url in [
        "javascript:x",
        "JaVaScRiPt:x",
        " \x01\u{a0}java",
        "ja\nva\0script:x",
        "&#106;avascript:x",
        "&#x6A;avascript:x",
        "&#0000106avascript:x",
        "&#10;&#0;data:x",
        "vbscript:x",
        "view-source:x",
        // Only the low byte counts: 0x14a.
        "&#330;avascript:x",
    ] {
        assert!(url::runs_script(url.as_bytes()), "{url}");
    }
    for url in ["", "/data", "https://java", "j", "jav", "ja va", "&#x;java", "&#1114368;java"] {
        assert!(!url::runs_script(url.as_bytes()), "{url}");
    }
}

#[test]
fn the_tokens_of_a_tag_are_its_names_and_values() {
    let tokens: Vec<_> = Tokenizer::new(b"<a b c=d e = 'f' g/h>x", State::Data)
        .filter(|&t| t != Token::Other)
        .collect();
    let expected = [
        Token::TagName(b"a".as_slice()),
        Token::AttributeName(b"b"),
        Token::AttributeName(b"c"),
        Token::AttributeValue(b"d"),
        Token::AttributeName(b"e"),
        Token::AttributeValue(b"f"),
        Token::AttributeName(b"g"),
        Token::AttributeName(b"h"),
    ];
    assert_eq!(tokens, expected);
}

#[test]
fn a_comment_ends_as_browsers_end_it() {
    for (input, text) in [
        (b"<!--a-->b".as_slice(), b"a".as_slice()),
        (b"<!--a--!>b", b"a-"),
        (b"<!--a-\0->b", b"a"),
        (b"<!--a-b", b"a-b"),
        (b"<?a>b", b"a"),
        (b"<%a%b%>b", b"a%b"),
        (b"</1>b", b"1"),
    ] {
        let first = Tokenizer::new(input, State::Data).next();
        assert_eq!(first, Some(Token::Comment(text)), "{}", input.escape_ascii());
    }
}

/// The loop over all events that the search by halves stands for.
fn begins_with_an_event(name: &str) -> bool {
    include_str!("../../data/events.txt")
        .lines()
        .any(|event| name.len() >= 5 && names::starts_with(&name.as_bytes()[2..], event.as_bytes()))
}

#[test]
fn every_event_of_the_table_is_dangerous() {
    for event in include_str!("../../data/events.txt").lines() {
        let name = format!("on{event}");
        let expected = (name.len() >= 5).then_some(Danger::Always);
        assert_eq!(names::danger_of(name.as_bytes()), expected, "{name}");
    }
}

proptest! {
    #[test]
    fn no_input_is_too_much(input: Vec<u8>) {
        let has_tag_or_value = input.contains(&b'<') || input.contains(&b'=');
        prop_assert!(has_tag_or_value || !xss(&input));
    }

    #[test]
    fn tokens_are_no_more_than_bytes(input in r#"[<>/='"`!?%a \x00\[\]-]{0,40}"#) {
        for state in [State::Data, State::BeforeAttributeName, State::QuotedValue(b'\'')] {
            let count = Tokenizer::new(input.as_bytes(), state).count();
            prop_assert!(count <= input.len() + 1);
        }
    }

    #[test]
    fn an_attribute_on_an_event_is_dangerous(rest in "[a-eA-E]{0,3}(click|end|load|cop|y|s)?") {
        let name = format!("on{rest}");
        let is_dangerous = names::danger_of(name.as_bytes()).is_some();
        prop_assert_eq!(is_dangerous, begins_with_an_event(&name));
    }

    #[test]
    fn a_reference_is_its_character(scheme in "(java|data|vbscript)", at in 0_usize..4, hex: bool) {
        let character = scheme.as_bytes()[at];
        let reference = if hex { format!("&#x{character:x};") } else { format!("&#{character}") };
        let url = [&scheme[..at], &reference, &scheme[at + 1..]].concat();
        prop_assert!(url::runs_script(url.as_bytes()), "{url}");
    }
}
