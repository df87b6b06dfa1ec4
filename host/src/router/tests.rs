//! The router against the plainest thing that could be right: try each route.

use http::{HeaderMap, HeaderValue, Method};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::config::{HostPattern, Matcher, PathPattern, Route, ValuePattern};

fn route(matcher: Matcher) -> Route {
    Route {
        name: "r".to_owned(),
        matcher,
        plugins: Vec::new(),
        cluster: 0,
        body_bytes: None,
        response_timeout: None,
    }
}

/// What the documentation of the configuration says, word for word.
mod plain {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use regex::Regex;

    use super::*;

    pub(super) fn route(routes: &[Route], request: &RequestView<'_>) -> Option<usize> {
        routes.iter().position(|route| matches(&route.matcher, request))
    }

    fn matches(matcher: &Matcher, request: &RequestView<'_>) -> bool {
        let host = match &matcher.host {
            None => true,
            Some(HostPattern::Exact(host)) => request.host == host,
            Some(HostPattern::Below(parent)) => request
                .host
                .strip_suffix(&format!(".{parent}"))
                .is_some_and(|labels| !labels.is_empty()),
        };
        let path = match &matcher.path {
            None => true,
            Some(PathPattern::Prefix(prefix)) if prefix.ends_with('/') => {
                request.path.starts_with(prefix)
            }
            Some(PathPattern::Prefix(prefix)) => {
                request.path == prefix || request.path.starts_with(&format!("{prefix}/"))
            }
            Some(PathPattern::Regex(pattern)) => whole(pattern, request.path),
        };
        let method = matcher.methods.is_empty()
            || matcher.methods.iter().any(|method| method == request.method.as_str());
        let headers =
            matcher.headers.iter().all(|(name, pattern)| {
                request.headers.get_all(name).iter().any(|value| {
                    value_matches(pattern, value.to_str().expect("the tests send text"))
                })
            });
        let parameters: Vec<(String, String)> = request
            .query
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(value)))
            .collect();
        let query = matcher.query.iter().all(|(name, pattern)| {
            parameters.iter().any(|(key, value)| key == name && value_matches(pattern, value))
        });
        host && path && method && headers && query
    }

    fn value_matches(pattern: &ValuePattern, value: &str) -> bool {
        match pattern {
            ValuePattern::Present => true,
            ValuePattern::Exact(text) => value == text,
            ValuePattern::Regex(pattern) => whole(pattern, value),
        }
    }

    fn whole(pattern: &str, text: &str) -> bool {
        thread_local! {
            static COMPILED: RefCell<HashMap<String, Regex>> = RefCell::default();
        }
        COMPILED.with_borrow_mut(|compiled| {
            compiled
                .entry(pattern.to_owned())
                .or_insert_with(|| Regex::new(&format!("^(?:{pattern})$")).expect("it is valid"))
                .is_match(text)
        })
    }

    fn decoded(text: &str) -> String {
        text.replace('+', " ").replace("%61", "a").replace("%2F", "/")
    }
}

fn some_host() -> impl Strategy<Value = String> {
    select(vec!["a.test", "b.a.test", "c.b.a.test", "x.test", "test", "", ".test", "xa.test"])
        .prop_map(str::to_owned)
}

fn some_host_pattern() -> impl Strategy<Value = HostPattern> {
    prop_oneof![
        select(vec!["a.test", "b.a.test", "test"])
            .prop_map(|host| HostPattern::Exact(host.to_owned())),
        select(vec!["a.test", "test", "b.a.test"])
            .prop_map(|host| HostPattern::Below(host.to_owned())),
    ]
}

fn some_path() -> impl Strategy<Value = String> {
    (vec(select(vec!["a", "b", "ab", ""]), 0..5), any::<bool>()).prop_map(|(segments, slash)| {
        let end = if slash || segments.is_empty() { "/" } else { "" };
        segments.iter().map(|segment| format!("/{segment}")).collect::<String>() + end
    })
}

fn some_path_pattern() -> impl Strategy<Value = PathPattern> {
    prop_oneof![
        4 => some_path().prop_map(PathPattern::Prefix),
        1 => select(vec!["/a/.*", "/[ab]", "/(a|b)/b", ".*b", "/a+/?", "(?i)/A/b/", "/a/?b?", "/ab.*", "/ab/.*"])
            .prop_map(|pattern| PathPattern::Regex(pattern.to_owned())),
    ]
}

fn some_value_pattern() -> impl Strategy<Value = ValuePattern> {
    select(vec![
        ValuePattern::Present,
        ValuePattern::Exact("a".to_owned()),
        ValuePattern::Exact("a /".to_owned()),
        ValuePattern::Regex("a.*".to_owned()),
        ValuePattern::Regex(String::new()),
    ])
}

fn some_matcher() -> impl Strategy<Value = Matcher> {
    let name = || select(vec!["x", "a"]).prop_map(str::to_owned);
    (
        option::of(some_host_pattern()),
        option::weighted(0.8, some_path_pattern()),
        prop_oneof![
            3 => Just(Vec::new()),
            1 => vec(select(vec!["GET".to_owned(), "POST".to_owned()]), 1..3),
        ],
        prop_oneof![
            3 => Just(Vec::new()),
            1 => vec((name(), some_value_pattern()), 1..3),
        ],
        prop_oneof![
            3 => Just(Vec::new()),
            1 => vec((name(), some_value_pattern()), 1..3),
        ],
    )
        .prop_map(|(host, path, methods, headers, query)| Matcher {
            host,
            path,
            methods,
            headers,
            query,
        })
}

#[derive(Clone, Debug)]
struct Request {
    host: String,
    path: String,
    query: Option<String>,
    method: Method,
    headers: HeaderMap,
}

impl Request {
    fn get(host: &str, path: &str) -> Self {
        Self {
            host: host.to_owned(),
            path: path.to_owned(),
            query: None,
            method: Method::GET,
            headers: HeaderMap::new(),
        }
    }

    fn view(&self) -> RequestView<'_> {
        RequestView {
            host: &self.host,
            path: &self.path,
            query: self.query.as_deref(),
            method: &self.method,
            headers: &self.headers,
        }
    }
}

fn some_request() -> impl Strategy<Value = Request> {
    let header = (select(vec!["x", "a"]), select(vec!["", "a", "ab", "a /"]));
    let parameter = select(vec!["", "x=a", "%61=ab", "a=%61+%2F", "x", "y=a", "x=%61"]);
    (
        some_host(),
        some_path(),
        option::of(vec(parameter, 0..4)),
        select(vec![Method::GET, Method::POST, Method::PUT]),
        vec(header, 0..4),
    )
        .prop_map(|(host, path, query, method, fields)| {
            let mut headers = HeaderMap::new();
            for (name, value) in fields {
                headers.append(name, HeaderValue::from_static(value));
            }
            Request { host, path, query: query.map(|pairs| pairs.join("&")), method, headers }
        })
}

proptest! {
    /// In whatever order the routes are.
    #[test]
    fn the_answer_is_that_of_trying_every_route(
        matchers in vec(some_matcher(), 0..24),
        requests in vec(some_request(), 1..16),
    ) {
        let routes: Vec<Route> = matchers.into_iter().map(route).collect();
        let router = Router::new(&routes).expect("every pattern is valid");
        for request in &requests {
            prop_assert_eq!(router.route(&request.view()), plain::route(&routes, &request.view()));
        }
    }
}

fn prefix(host: Option<HostPattern>, path: &str) -> Route {
    let path = Some(PathPattern::Prefix(path.to_owned()));
    route(Matcher { host, path, ..Matcher::default() })
}

#[test]
fn a_final_dot_is_the_same_host() {
    let exact = HostPattern::Exact("a.test".to_owned());
    let router = Router::new(&[prefix(Some(exact), "/"), prefix(None, "/")])
        .expect("every pattern is valid");
    assert_eq!(router.route(&Request::get("a.test.", "/").view()), Some(0));
    assert_eq!(router.route(&Request::get("a.test..", "/").view()), Some(1));
}

#[test]
fn a_longer_parent_wins_and_the_general_routes_remain() {
    let below = |parent: &str| Some(HostPattern::Below(parent.to_owned()));
    let routes = [prefix(below("b.test"), "/x"), prefix(below("test"), "/x"), prefix(None, "/")];
    let router = Router::new(&routes).expect("every pattern is valid");
    let found = |host: &str, path: &str| router.route(&Request::get(host, path).view());
    assert_eq!(found("a.b.test", "/x/1"), Some(0));
    assert_eq!(found("b.test", "/x/1"), Some(1));
    assert_eq!(found("a.b.test", "/y"), Some(2));
    assert_eq!(found("", "*"), None);
}

#[test]
fn header_values_that_are_no_text_can_be_matched() {
    let headers = vec![("x".to_owned(), ValuePattern::Regex("(?-u:.)+".to_owned()))];
    let router = Router::new(&[route(Matcher { headers, ..Matcher::default() })])
        .expect("every pattern is valid");
    let mut request = Request::get("", "/");
    assert_eq!(router.route(&request.view()), None);
    request.headers.insert("x", HeaderValue::from_bytes(b"\xff\xfe").expect("it is legal"));
    assert_eq!(router.route(&request.view()), Some(0));
}

#[test]
fn a_route_that_cannot_be_matched_is_named() {
    let mut broken = prefix(None, "/");
    broken.name = "shop".to_owned();
    broken.matcher.headers = vec![("no name".to_owned(), ValuePattern::Present)];
    let error = Router::new(&[broken]).expect_err("a header name has no space");
    assert_eq!(error.to_string(), "route `shop` cannot be matched");
    assert_eq!(error.source.to_string(), "`no name` is not the name of a header field");
}
