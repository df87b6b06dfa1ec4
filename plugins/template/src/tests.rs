use std::cell::RefCell;

use plugin_sdk::field::is_value;
use plugin_sdk::testing::{Exchange, Loaded, Verdict};
use plugin_sdk::{Flow, NoConfig, Plugin, Result};
use proptest::prelude::*;

use super::*;

thread_local! {
    static TEXT: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Renders the text of this thread into two request fields.
struct Renderer(Template);

impl Plugin for Renderer {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self(TEXT.with_borrow(|t| Template::parse(t))?))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let view = View::of(request);
        let (value, target) = (self.0.field_value(&view), self.0.target(&view));
        request.set_header("as-value", value);
        request.set_header("as-target", target);
        Ok(Flow::Continue)
    }
}

fn render(text: &str, mut exchange: Exchange) -> (String, String) {
    TEXT.with_borrow_mut(|t| text.clone_into(t));
    let renderer = Loaded::<Renderer>::new("{}").expect("a good template");
    assert_eq!(renderer.on_request(&mut exchange), Verdict::Continue, "{text}");
    let field = |name| exchange.request_header(name).unwrap_or_default();
    (field("as-value"), field("as-target"))
}

fn value(text: &str, exchange: Exchange) -> String {
    render(text, exchange).0
}

#[test]
fn every_variable_has_its_value() {
    let exchange = || {
        Exchange::new("PUT", "/a/b?x=1%202&y")
            .authority("example.com:8080")
            .scheme("https")
            .client_address("2001:db8::1")
            .request_id("r-1")
            .on_route("shop")
            .header("X-Tenant", "blue")
            .header("cookie", "a=1; session=s3")
    };
    for (text, expected) in [
        ("${client_address}", "2001:db8::1"),
        ("${host}", "example.com:8080"),
        ("${method}", "PUT"),
        ("${path}", "/a/b"),
        ("${query}", "x=1%202&y"),
        ("${request_id}", "r-1"),
        ("${route}", "shop"),
        ("${scheme}", "https"),
        ("${target}", "/a/b?x=1%202&y"),
        ("${header:x-TENANT}", "blue"),
        ("${query:x}", "1 2"),
        ("${cookie:session}", "s3"),
        ("[${header:none}${query:none}${cookie:none}]", "[]"),
        ("$${path} costs 5$$", "${path} costs 5$"),
    ] {
        assert_eq!(value(text, exchange()), expected, "{text}");
    }
}

#[test]
fn mistakes_are_named() {
    let error = |text| Template::parse(text).expect_err(text).to_string();
    assert_eq!(error("${host"), "`${` is not closed by `}`");
    assert_eq!(error("5$"), "`$` begins no variable; write `$$` for a dollar sign");
    assert_eq!(error("${header:}"), "`${header:}` needs a legal name after its colon");
    assert_eq!(error("${header:a b}"), "`${header:a b}` needs a legal name after its colon");
    assert!(
        error("${clint_address}").starts_with("unknown variable `${clint_address}`; there are")
    );
    assert_eq!(error("$1"), "`$1` refers to a group that the regular expression lacks");
}

#[test]
fn groups_go_by_number_and_by_name() {
    let groups = [None, None, Some("id")];
    let parts = |text| Template::with_captures(text, &groups).expect(text).0;
    let id = Part::Variable(Variable::Capture(2));
    assert_eq!(parts("${id}"), parts("$2"));
    assert_eq!(parts("$2"), std::slice::from_ref(&id));
    assert_eq!(parts("${2}0"), [id, Part::Text("0".to_owned())]);
    assert_eq!(Template::with_captures("$3", &groups), Err(ParseError::NoGroup(3)));
}

#[test]
fn what_a_client_chose_cannot_end_a_line() {
    let exchange = Exchange::get("/?x=a%0d%0ax-evil:%201%00");
    assert_eq!(value("${query:x}", exchange), "a%0D%0Ax-evil: 1%00");
}

#[test]
fn what_a_client_chose_adds_no_segment_to_a_target() {
    let exchange = Exchange::get("/?x=//evil.example/%3Fa%23b");
    let (_, target) = render("/find/${query:x}", exchange);
    assert_eq!(target, "/find/%2F%2Fevil.example%2F%3Fa%23b");
}

proptest! {
    #[test]
    fn a_rendered_field_value_is_legal(
        name in "[a-z]{0,3}",
        parameter in proptest::collection::vec(any::<u8>(), 0..24),
        text in "[ -~&&[^$]]{0,8}",
    ) {
        let encoded: String = parameter.iter().map(|b| format!("%{b:02x}")).collect();
        let exchange = Exchange::get(format!("/?{name}x={encoded}"));
        TEXT.with_borrow_mut(|t| *t = format!("{text}${{query:{name}x}}{text}"));
        let renderer = Loaded::<Renderer>::new("{}").expect("a good template");
        let mut exchange = exchange;
        prop_assert_eq!(renderer.on_request(&mut exchange), Verdict::Continue);
        let rendered = exchange.request_header("as-value").unwrap_or_default();
        prop_assert!(is_value(rendered.as_bytes()));
    }

    #[test]
    fn a_text_with_its_dollars_doubled_is_itself(text in "[ -~]{0,24}") {
        let parsed = Template::parse(&text.replace('$', "$$")).expect("nothing to refer to");
        prop_assert_eq!(parsed.constant(), Some(text.as_str()));
    }
}
