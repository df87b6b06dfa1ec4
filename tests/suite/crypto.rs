//! The capability `crypto`.

use harness::{Origin, Proxy, empty, guest};
use http::Request;
use serde_json::{Value, json};

async fn proxy(act: &str) -> Proxy {
    let origin = Origin::http1().start().await;
    Proxy::with(format!(
        "[[listener]]\nlisten = \"@http\"\n\
         [cluster.app]\nendpoints = [{:?}]\n\
         [plugin.p]\nsource = {:?}\nconfig = {{ act = {act:?} }}\n\
         [[route]]\nplugins = [\"p\"]\ncluster = \"app\"\n",
        origin.url(),
        guest::CRYPTO,
    ))
    .start()
    .await
}

/// What the guest answers, given this key and signature in hexadecimal.
async fn answer(proxy: &Proxy, key: &str, signature: &str) -> Value {
    let request = Request::get("/").header("x-key", key).header("x-signature", signature);
    let answer = proxy.client().await.send(request.body(empty()).unwrap()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    serde_json::from_slice(&answer.body).unwrap()
}

/// The key of RFC 8032, section 7.1, test 3, and its signature of `abc`, which OpenSSL
/// made.
const KEY: &str =
    "302a300506032b6570032100fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025";
const SIGNATURE: &str = "34bf2f0eba20dfbff08e8218a18fbbf0cfd521616bbe5d781e96150cb1b48599277944b1052bcb6d88d84d5fca176ecda8b32429557009ab357c7d536dce4b00";

#[tokio::test]
async fn hashes_are_those_of_the_standards() {
    let proxy = proxy("answer").await;

    let told = answer(&proxy, KEY, "").await;

    // FIPS 180-4, and RFC 4231, test case 2.
    assert_eq!(
        told["digests"],
        json!([
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ])
    );
    assert_eq!(
        told["hmacs"],
        json!([
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
            "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737",
        ])
    );
    assert_eq!(told["equal"], json!([true, false, false]));
}

#[tokio::test]
async fn a_signature_verifies_with_its_key_and_a_bad_key_is_told() {
    let proxy = proxy("answer").await;

    let good = answer(&proxy, KEY, SIGNATURE).await;
    assert_eq!(good["verified"], json!({ "Ok": true }));
    let bad = answer(&proxy, KEY, &SIGNATURE.replace('1', "2")).await;
    assert_eq!(bad["verified"], json!({ "Ok": false }));
    let raw = answer(&proxy, &KEY[24..], SIGNATURE).await;
    let why = raw["verified"]["Err"].as_str().unwrap();
    assert!(why.starts_with("the key is no SubjectPublicKeyInfo in DER"), "{why}");
}

#[tokio::test]
async fn too_much_at_once_ends_the_instance_and_the_log_says_why() {
    let proxy = proxy("too-much").await;

    assert_eq!(proxy.get("/").await.status, 503);

    proxy.await_stderr(&["1048577 octets at once are too many"]).await;
}
