//! Finding the route of a request, by the number of routes and by what they ask.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use http::{HeaderMap, HeaderValue, Method};
use wasmgate::config::{HostPattern, Matcher, PathPattern, Route, ValuePattern};
use wasmgate::router::{RequestView, Router};

fn route(matcher: Matcher) -> Route {
    Route {
        name: "bench".to_owned(),
        matcher,
        plugins: Vec::new(),
        cluster: 0,
        body_bytes: None,
        response_timeout: None,
    }
}

fn prefix(host: Option<&str>, path: String) -> Matcher {
    Matcher {
        host: host.map(|host| HostPattern::Exact(host.to_owned())),
        path: Some(PathPattern::Prefix(path)),
        ..Matcher::default()
    }
}

/// A site of `count` services, and a route for everything else.
fn site(count: usize) -> Vec<Route> {
    let service = |number| prefix(Some("example.com"), format!("/api/v1/service-{number:03}"));
    (0..count - 1).map(service).chain([prefix(None, "/".to_owned())]).map(route).collect()
}

fn measure(
    criterion: &mut Criterion,
    name: &str,
    routes: &[Route],
    path: &str,
    expected: Option<usize>,
) {
    let router = Router::new(routes).expect("the routes are valid");
    let mut headers = HeaderMap::new();
    headers.insert("x-tenant", HeaderValue::from_static("9"));
    let request = RequestView {
        host: "example.com",
        path,
        query: Some("page=2"),
        method: &Method::GET,
        headers: &headers,
    };
    assert_eq!(router.route(&request), expected);
    criterion.bench_function(name, |bencher| {
        bencher.iter(|| black_box(&router).route(black_box(&request)));
    });
}

fn route_match(criterion: &mut Criterion) {
    for count in [10, 300] {
        let routes = site(count);
        let middle = count / 2;
        let path = format!("/api/v1/service-{middle:03}/users/42/orders");
        measure(criterion, &format!("prefix, {count} routes"), &routes, &path, Some(middle));
        let rest = Some(count - 1);
        measure(criterion, &format!("no prefix, {count} routes"), &routes, "/x/y/z", rest);
    }

    let expressions: Vec<Route> = (0..300)
        .map(|number| PathPattern::Regex(format!("/service-{number:03}/users/[0-9]+")))
        .map(|path| route(Matcher { path: Some(path), ..Matcher::default() }))
        .collect();
    let path = "/service-299/users/42";
    measure(criterion, "the last of 300 expressions", &expressions, path, Some(299));

    let tenants: Vec<Route> = (0..10)
        .map(|tenant| {
            route(Matcher {
                headers: vec![("x-tenant".to_owned(), ValuePattern::Exact(tenant.to_string()))],
                ..prefix(None, "/".to_owned())
            })
        })
        .collect();
    measure(criterion, "the last of 10 by header", &tenants, "/", Some(9));
}

criterion_group!(benches, route_match);
criterion_main!(benches);
