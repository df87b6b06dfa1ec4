//! Login with an OpenID provider, as its users meet it: the npm package `oidc-provider`
//! on the other side, and a browser with cookies on this one.

use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use harness::{Origin, Proxy, eventually};

/// A provider of its own for each test; ends when dropped.
struct Provider {
    process: Child,
    port: u16,
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn peer() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/oidc-provider")
}

/// Whether its packages are installed (`npm ci` in its folder); without them these tests
/// are left out. Where CI says so, they have to be.
#[expect(clippy::print_stderr, reason = "what is not tested is said")]
fn is_there() -> bool {
    let there = peer().join("node_modules/oidc-provider").is_dir();
    let wanted = std::env::var_os("CI").is_some();
    assert!(there || !wanted, "`npm ci` in {} has to come first", peer().display());
    if !there {
        eprintln!("NOT TESTED: `npm ci` in {} has not been run", peer().display());
    }
    there
}

/// A provider for this site, whose access tokens last for so many seconds.
fn provider(port: u16, site: &str, seconds: u32) -> Provider {
    let mut process = Command::new("node")
        .arg(peer().join("provider.js"))
        .args([port.to_string(), site.to_owned(), seconds.to_string()])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("node is there");
    let mut line = String::new();
    let stdout = process.stdout.take().expect("piped");
    BufReader::new(stdout).read_line(&mut line).expect("a line");
    assert_eq!(line.trim(), format!("http://127.0.0.1:{port}"));
    Provider { process, port }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).unwrap().port()
}

/// A site where `/` is open, `/admin` is for admins and the rest for who is logged in.
async fn site(origin: &Origin, seconds: u32) -> (Proxy, Provider) {
    let port = free_port();
    let mut setup = Proxy::with("");
    let site = format!("http://{}", setup.address("http"));
    let setup = setup.configured(format!(
        r#"
[[listener]]
listen = "@http"

[cluster.app]
endpoints = [{origin:?}]

[[route]]
cluster = "app"
plugins = ["auth"]

[plugin.auth]
source = "builtin:auth"
deadline = "1s"
capabilities = {{ kv = true, http = {{ hosts = ["http://127.0.0.1:{port}"], private = ["127.0.0.0/8"] }} }}

[plugin.auth.config]
identity_headers = {{ x-auth-user = "subject", x-auth-groups = "groups", x-auth-email = "claim:email" }}

[[plugin.auth.config.methods]]
[plugin.auth.config.methods.oidc]
issuer = "http://127.0.0.1:{port}"
client_id = "shop"
client_secret = "a-secret-of-the-test-client"
redirect_uri = "{site}/oidc/callback"
after_logout = "/"
algorithms = ["ES256"]
scopes = ["email", "profile"]
userinfo = true
[plugin.auth.config.methods.oidc.session]
keys = ["mzWgH2iFf0pXr1cS8Yl7QeVt3uKd9aBn5oJqTwZx6Ls="]
insecure = true

[[plugin.auth.config.rules]]
path = ["/admin"]
groups = ["admins"]

[[plugin.auth.config.rules]]
path = ["/open"]
require = "anonymous"

[[plugin.auth.config.rules]]
path = ["/shop"]
"#,
        origin = origin.url(),
    ));
    let provider = provider(port, &site, seconds);
    (setup.start().await, provider)
}

/// Runs a program, while the servers of the test answer it; what it prints.
async fn run(program: &'static str, arguments: Vec<String>) -> String {
    let run = move || Command::new(program).args(arguments).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().expect("it is there");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Logs in as a browser does, and gives the page that it ends at.
async fn log_in(proxy: &Proxy, path: &str, name: &str) -> String {
    let script = peer().join("login.sh").display().to_string();
    let url = format!("http://{}{path}", proxy.http());
    let jar = proxy.path("jar").display().to_string();
    run("sh", vec![script, url, name.to_owned(), jar]).await
}

/// A page with the cookies of the login; the status stands at the end.
async fn page(proxy: &Proxy, path: &str, more: &[&str]) -> String {
    let jar = proxy.path("jar").display().to_string();
    let url = format!("http://{}{path}", proxy.http());
    let mut arguments = [
        "-sS",
        "-b",
        &jar,
        "-c",
        &jar,
        "-H",
        "accept: text/html",
        "-w",
        "\n%{http_code} %{redirect_url}",
    ]
    .map(str::to_owned)
    .to_vec();
    arguments.extend(more.iter().map(|word| (*word).to_owned()));
    arguments.push(url);
    run("curl", arguments).await
}

#[tokio::test]
async fn a_user_logs_in_and_out_with_an_openid_provider() {
    if !is_there() {
        return;
    }
    let origin = Origin::http1().plain().start().await;
    let (proxy, provider) = site(&origin, 300).await;

    // Without a session: pages lead to the provider, everything else is refused.
    let stranger = page(&proxy, "/shop/cart?x=1", &[]).await;
    let authorization = format!("303 http://127.0.0.1:{}/auth?", provider.port);
    let leads = stranger.contains(&authorization)
        || stranger.contains(&authorization.replace("303", "302"));
    assert!(leads && stranger.contains("code_challenge_method=S256"), "{stranger}");
    assert!(page(&proxy, "/shop", &["-X", "POST", "-d", "a=b"]).await.contains("\n401 "));
    assert!(page(&proxy, "/open", &[]).await.contains("\n200 "));

    // The login comes back to the page that was asked for.
    let arrived = log_in(&proxy, "/shop/cart?x=1", "ann").await;
    assert!(arrived.contains("GET /shop/cart?x=1"), "{arrived}");
    for told in ["x-auth-user: ann", "x-auth-groups: staff", "x-auth-email: ann@example.com"] {
        assert!(arrived.contains(told), "{arrived}");
    }
    // What a client says of itself is dropped, and the endpoint sees no session.
    let forged =
        page(&proxy, "/shop", &["-H", "x-auth-user: root", "-H", "X_Auth_User: root"]).await;
    assert!(forged.contains("x-auth-user: ann") && !forged.contains("root"), "{forged}");
    assert!(!forged.contains(" session="), "{forged}");
    assert!(page(&proxy, "/admin", &[]).await.contains("\n403 "));

    // After the logout the cookie is worth nothing, even a copy of it.
    std::fs::copy(proxy.path("jar"), proxy.path("stolen")).unwrap();
    let left = page(&proxy, "/logout", &[]).await;
    assert!(left.contains("\n30"), "{left}");
    std::fs::copy(proxy.path("stolen"), proxy.path("jar")).unwrap();
    let after = page(&proxy, "/shop", &[]).await;
    assert!(!after.contains("\n200 ") && !after.contains("x-auth-user"), "{after}");
}

#[tokio::test]
async fn a_session_is_renewed_at_the_provider_and_ends_with_it() {
    if !is_there() {
        return;
    }
    let origin = Origin::http1().plain().start().await;
    // The access token lasts for a second.
    let (proxy, mut provider) = site(&origin, 1).await;
    let arrived = log_in(&proxy, "/shop", "admin").await;
    assert!(arrived.contains("x-auth-groups: admins,staff"), "{arrived}");

    // Several times the life of a token, with the session renewed in between.
    let renewed = || async {
        let page = page(&proxy, "/admin", &["-D", "-"]).await;
        assert!(page.contains("\n200 "), "{page}");
        page.to_ascii_lowercase().contains("set-cookie: session")
    };
    eventually!(renewed().await);

    // A provider that is gone: refused, and nobody else waits for it.
    provider.process.kill().unwrap();
    provider.process.wait().unwrap();
    eventually!(page(&proxy, "/shop", &[]).await.contains("\n503 "));
    assert!(page(&proxy, "/open", &[]).await.contains("\n200 "));
}

#[tokio::test]
async fn a_callback_that_nobody_began_is_refused() {
    if !is_there() {
        return;
    }
    let origin = Origin::http1().plain().start().await;
    let (proxy, _provider) = site(&origin, 300).await;
    for query in ["", "?code=a&state=b", "?error=access_denied&state=b", "?code=a"] {
        let refused = page(&proxy, &format!("/oidc/callback{query}"), &[]).await;
        assert!(refused.contains("\n400 ") || refused.contains("\n403 "), "{query}: {refused}");
    }
    assert_eq!(origin.request_count(), 0);
}
