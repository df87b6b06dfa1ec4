//! The capability `secrets`: granted by name, and shown to nobody.

use harness::{Origin, Proxy, Setup, empty, eventually, guest};
use http::Request;
use serde_json::{Value, json};

/// What must be nowhere but in the plugin.
const TEXT: &str = "Kq7-not-for-anybody-else";

fn holding(origin: &Origin, act: &str, secret: &str) -> Setup {
    Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\nconfig = {{ act = {act:?} }}\n\
         capabilities = {{ secrets = {{ token = {secret} }} }}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::SECRETS,
    ))
}

async fn status_of(proxy: &Proxy, token: &str) -> u16 {
    let request = Request::get("/").header("x-token", token).body(empty()).unwrap();
    proxy.client().await.send(request).await.status
}

#[tokio::test]
async fn a_plugin_uses_a_secret_by_its_name() {
    let origin = Origin::http1().start().await;
    let proxy =
        holding(&origin, "answer", "{ env = \"TOKEN\" }").env("TOKEN", "Jefe").start().await;

    let told: Value = serde_json::from_slice(&proxy.get("/").await.body).unwrap();

    assert_eq!(told["revealed"], "Jefe");
    // RFC 4231, test case 2.
    assert_eq!(told["hmac"], "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    assert_eq!(told["equals"], json!([true, false, false]));
    assert_eq!(told["other"], false);
}

#[tokio::test]
async fn a_changed_secret_file_is_the_new_secret() {
    let origin = Origin::http1().start().await;
    let setup = holding(&origin, "guard", "{ file = \"token\" }").file("token", "before\n");
    let proxy = setup.start().await;
    assert_eq!(status_of(&proxy, "before").await, 200);
    assert_eq!(status_of(&proxy, "before\n".trim_end()).await, 200);
    assert_eq!(status_of(&proxy, "after").await, 401);

    proxy.replace("token", "after\n");

    eventually!(status_of(&proxy, "after").await == 200);
    assert_eq!(status_of(&proxy, "before").await, 401);
}

#[tokio::test]
async fn a_secret_is_shown_by_nothing_that_the_program_says() {
    let origin = Origin::http1().start().await;
    let secret = "{ env = \"TOKEN\" }";
    // The plan, and the error of a plugin that refuses.
    for act in ["answer", "refuse"] {
        let checked = holding(&origin, act, secret).env("TOKEN", TEXT).check().await;
        assert_eq!(checked.code, Some(i32::from(act == "refuse")));
        assert!(act == "refuse" || checked.stdout.contains("secrets token"), "{}", checked.stdout);
        assert!(!format!("{}{}", checked.stdout, checked.stderr).contains(TEXT), "{act}");
    }
    // The most talkative log, and a plugin that crashes while it holds the secret.
    let setup = holding(&origin, "fail", secret).env("TOKEN", TEXT);
    let proxy = setup.env("WASMGATE_LOG", "trace").start().await;
    assert_eq!(proxy.get("/").await.status, 503);
    proxy.await_stderr(&["a failure, holding 24 octets"]).await;
    let said = proxy.stop().await;
    assert!(!said.stderr.contains(TEXT) && !said.stdout.contains(TEXT));
}

#[tokio::test]
async fn a_secret_that_cannot_be_had_is_no_configuration() {
    let origin = Origin::http1().start().await;
    for (secret, told) in [
        ("{ env = \"WASMGATE_TEST_UNSET\" }", "`WASMGATE_TEST_UNSET` is not set"),
        ("{ file = \"nowhere\" }", "cannot read the secret"),
        ("{ file = \"empty\" }", "is empty"),
        ("{ env = \"A\", file = \"b\" }", "either `env` or `file`"),
        ("{}", "either `env` or `file`"),
        ("{ evn = \"A\" }", "did you mean `env`?"),
        ("\"in the clear\"", "must be"),
    ] {
        let checked = holding(&origin, "guard", secret).file("empty", "\n").check().await;
        assert_eq!(checked.code, Some(1), "{secret}");
        assert!(checked.stderr.contains(told), "{secret}: {}", checked.stderr);
    }
}

#[tokio::test]
async fn a_plugin_without_the_grant_is_told_the_line() {
    let origin = Origin::http1().start().await;
    let config = format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\nconfig = {{ act = \"guard\" }}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::SECRETS
    );
    let checked = Proxy::with(config).check().await;
    assert_eq!(checked.code, Some(1));
    assert!(checked.stderr.contains("secrets = { NAME = { env ="), "{}", checked.stderr);
}

#[tokio::test]
async fn handles_are_bounded() {
    let origin = Origin::http1().start().await;
    let proxy = holding(&origin, "hoard", "{ env = \"TOKEN\" }").env("TOKEN", "x").start().await;

    assert_eq!(proxy.get("/").await.status, 503);

    proxy.await_stderr(&["more than 64 handles of secrets"]).await;
}
