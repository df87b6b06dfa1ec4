//! The examples of the documentation do what their pages say.

use std::fs;
use std::path::Path;

use harness::{Body, Origin, Proxy, body, empty};
use http::{Request, Response};
use hyper::body::Incoming;

use crate::languages::{LANGUAGES, expect, home, is_there, wasmgate};

/// The JavaScript of a page of `docs/capabilities`.
struct Example {
    page: &'static str,
    hooks: &'static [&'static str],
    /// What it is granted, as `plugin.toml` and as the operator say it.
    capability: Option<&'static str>,
    grant: &'static str,
    /// Requests, each by a field or none, and the status of the answer.
    asked: &'static [(Option<(&'static str, &'static str)>, u16)],
}

const EXAMPLES: [Example; 10] = [
    Example {
        page: "body",
        hooks: &["request", "request-body"],
        capability: None,
        grant: "",
        asked: &[(None, 200), (Some(("content-type", "application/json")), 400)],
    },
    Example {
        page: "connection",
        hooks: &["request"],
        capability: None,
        grant: "",
        asked: &[(None, 200)],
    },
    Example {
        page: "counter",
        hooks: &["request"],
        capability: Some("counter"),
        grant: "counter = true",
        asked: &[(None, 200)],
    },
    Example {
        page: "crypto",
        hooks: &["request"],
        capability: None,
        grant: "",
        asked: &[(None, 200), (Some(("authorization", "a")), 200)],
    },
    Example {
        page: "http",
        hooks: &["request"],
        capability: Some("http"),
        grant: "http = [AUTH]",
        asked: &[(None, 401), (Some(("cookie", "session=1")), 200)],
    },
    Example {
        page: "kv",
        hooks: &["request"],
        capability: Some("kv"),
        grant: "kv = true",
        asked: &[(None, 200), (None, 200)],
    },
    Example {
        page: "matcher",
        hooks: &["request"],
        capability: Some("matcher"),
        grant: "matcher = true",
        asked: &[(None, 403)],
    },
    Example {
        page: "metrics",
        hooks: &["request"],
        capability: Some("metrics"),
        grant: "metrics = true",
        asked: &[(None, 401), (Some(("x-api-key", "a")), 200)],
    },
    Example {
        page: "rate-limit",
        hooks: &["request"],
        capability: Some("rate-limit"),
        grant: "rate_limit = true",
        asked: &[(None, 200), (Some(("x-user", "ann")), 200)],
    },
    Example {
        page: "secrets",
        hooks: &["request"],
        capability: Some("secrets"),
        grant: "secrets = { api-key = { env = \"API_KEY\" } }",
        asked: &[(None, 401), (Some(("x-api-key", "sesame")), 200)],
    },
];

#[tokio::test]
async fn the_examples_in_javascript_build_and_answer() {
    let javascript = LANGUAGES.iter().find(|language| language.name == "js").unwrap();
    if !is_there(javascript) {
        return;
    }
    let home = home("js-documentation");
    let project = home.join("example");
    if project.is_dir() {
        // What the tools installed stays. The contract may be another since; it is written
        // where it is not.
        fs::remove_dir_all(project.join(".wasmgate")).unwrap();
    } else {
        expect(wasmgate(&home, &["plugin", "new", "--lang", "js", "example"]).await);
    }
    let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/capabilities");
    let mut shown: Vec<_> = fs::read_dir(&pages)
        .unwrap()
        .map(|page| page.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned())
        .collect();
    shown.sort_unstable();
    assert_eq!(shown, EXAMPLES.map(|example| example.page.to_owned()), "each has an example");
    let auth = Origin::http1().answer("/check", logged_in).start().await;
    for example in &EXAMPLES {
        let text = fs::read_to_string(pages.join(format!("{}.md", example.page))).unwrap();
        let (_, code) = text.split_once("```js\n").expect("an example in JavaScript");
        let (code, _) = code.split_once("```").expect("it ends");
        // What it asks is here.
        let code = code.replace("https://auth.example.com", &auth.url());
        fs::write(project.join("src/plugin.js"), code).unwrap();
        fs::write(project.join("plugin.toml"), example.manifest()).unwrap();
        expect(wasmgate(&home, &["plugin", "build", "example"]).await);
        let grant = example.grant.replace("AUTH", &format!("{:?}", auth.url()));
        example.answers(project.join("example.wasm").to_str().unwrap(), &home, &grant).await;
    }
}

/// Who shows a cookie is logged in.
async fn logged_in(request: Request<Incoming>) -> Response<Body> {
    let known = request.headers().contains_key("cookie");
    Response::builder().status(if known { 200 } else { 401 }).body(empty()).unwrap()
}

impl Example {
    fn manifest(&self) -> String {
        format!(
            "name = \"example\"\nversion = \"0.1.0\"\ndescription = \"Of the documentation\"\n\
             hooks = {:?}\ncapabilities = {:?}\n\
             [config]\ntype = \"object\"\n",
            self.hooks,
            Vec::from_iter(self.capability)
        )
    }

    async fn answers(&self, component: &str, home: &Path, grant: &str) {
        let origin = Origin::http1().start().await;
        let proxy = Proxy::with(format!(
            "cache_dir = {:?}\n\
             [[listener]]\nlisten = \"@http\"\n\
             [cluster.app]\nendpoints = [{:?}]\n\
             [plugin.example]\nsource = {component:?}\ndeadline = \"5s\"\n\
             capabilities = {{ {} }}\n\
             [[route]]\nplugins = [\"example\"]\ncluster = \"app\"\n",
            home.join(".cache/wasmgate"),
            origin.url(),
            grant
        ))
        .env("API_KEY", "sesame")
        .start()
        .await;
        for (field, status) in self.asked {
            let mut request = Request::post("/");
            if let Some((name, value)) = field {
                request = request.header(*name, *value);
            }
            let answer = proxy.client().await.send(request.body(body("no JSON")).unwrap()).await;
            let stderr = proxy.stderr().text();
            assert_eq!(answer.status, *status, "{}, {field:?}: {stderr}", self.page);
        }
    }
}
