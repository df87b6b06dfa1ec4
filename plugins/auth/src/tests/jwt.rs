use plugin_sdk::crypto::{self, Hash, SignatureAlgorithm};
use plugin_sdk::http::{Error, Response};

use super::*;
use crate::jose::base64;

const SECRET: &str = "a secret of thirty-two octets!!!";
const ISSUER: &str = "https://issuer.example.com";

/// Accepts HS256 with [`SECRET`].
fn shared() -> Value {
    json!({ "jwt": {
        "header": "authorization", "cookie": "token", "secret": SECRET,
        "issuer": [ISSUER], "audience": ["shop"],
    }})
}

/// Accepts keys by URL.
fn by_url() -> Value {
    json!({ "jwt": {
        "header": "authorization", "issuer": [ISSUER], "audience": ["shop"],
        "jwks": { "url": "https://issuer.example.com/jwks", "stale": "1h" },
    }})
}

fn only(method: &Value) -> Loaded<Auth> {
    auth(&json!({
        "methods": [method],
        "identity_headers": { "x-user": "subject", "x-mail": "claim:email" },
        "rules": [{}],
    }))
}

fn claims() -> Value {
    let now = clock::now();
    json!({
        "iss": ISSUER, "aud": ["other", "shop"], "sub": "ann", "email": "ann@example.com",
        "exp": now + 300, "iat": now, "groups": ["readers"],
    })
}

fn with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

/// What is signed.
fn message(header: &str, payload: &str) -> String {
    format!("{}.{}", base64::encode(header), base64::encode(payload))
}

fn hs256(header: &str, payload: &str, secret: impl AsRef<[u8]>) -> String {
    let message = message(header, payload);
    let mac = crypto::hmac(Hash::Sha256, secret, &message);
    format!("{message}.{}", base64::encode(mac))
}

fn token(claims: &Value) -> String {
    hs256(r#"{"alg":"HS256","typ":"JWT"}"#, &claims.to_string(), SECRET)
}

fn bearer(token: &str) -> Exchange {
    Exchange::get("/").header("authorization", format!("Bearer {token}"))
}

/// Why a token is refused; what it was answered is 401.
fn refused(auth: &Loaded<Auth>, token: &str) -> String {
    let mut exchange = bearer(token);
    assert_eq!(status(auth, &mut exchange), 401, "{token}");
    note(&exchange, "reason").expect("a reason").to_owned()
}

/// A key set with P-256 keys of these names; the numbers make the points.
fn jwks(keys: &[(&str, u8)]) -> Value {
    let key = |(id, number): &(&str, u8)| {
        json!({
            "kty": "EC", "crv": "P-256", "use": "sig", "kid": id,
            "x": base64::encode([*number; 32]), "y": base64::encode([number + 1; 32]),
        })
    };
    json!({ "keys": keys.iter().map(key).collect::<Vec<_>>() })
}

/// The same key as the host gets it.
fn spki(number: u8) -> Vec<u8> {
    jose::public_point(&[number; 32], &[number + 1; 32])
}

/// A token that is signed, in the eyes of the fake, by the key of this number.
fn es256(exchange: Exchange, id: &str, number: u8, claims: &Value) -> Exchange {
    let header = json!({ "alg": "ES256", "kid": id }).to_string();
    let message = message(&header, &claims.to_string());
    let signature = vec![number; 64];
    let token = format!("{message}.{}", base64::encode(&signature));
    exchange.header("authorization", format!("Bearer {token}")).signature(
        SignatureAlgorithm::EcdsaP256Sha256,
        spki(number),
        message,
        signature,
    )
}

#[test]
fn a_good_token_is_an_identity_and_its_claims_become_fields() {
    let auth = only(&shared());
    for mut exchange in [
        bearer(&token(&claims())),
        Exchange::get("/").header("cookie", format!("a=b; token={}", token(&claims()))),
    ] {
        assert_eq!(status(&auth, &mut exchange), 200);
        assert_eq!(exchange.request_header("x-user").as_deref(), Some("ann"));
        assert_eq!(exchange.request_header("x-mail").as_deref(), Some("ann@example.com"));
    }
}

#[test]
fn times_are_held_with_leeway() {
    let auth = only(&shared());
    let now = clock::now();
    assert_eq!(refused(&auth, &token(&with("exp", json!(now - 61)))), "the token has expired");
    assert_eq!(status(&auth, &mut bearer(&token(&with("exp", json!(now - 30))))), 200);
    assert_eq!(
        refused(&auth, &token(&with("nbf", json!(now + 120)))),
        "the token is not valid yet"
    );
    assert_eq!(
        refused(&auth, &token(&with("iat", json!(now + 120)))),
        "the token is not valid yet"
    );
    assert_eq!(refused(&auth, &token(&with("exp", json!("soon")))), "the token is malformed");
    assert_eq!(refused(&auth, &token(&with("exp", Value::Null))), "the token is malformed");
    assert_eq!(refused(&auth, &token(&with("exp", json!(-1e300)))), "the token has expired");
    let mut endless = claims();
    endless.as_object_mut().expect("claims").remove("exp");
    assert_eq!(refused(&auth, &token(&endless)), "the token lacks a required claim");
}

#[test]
fn issuer_audience_and_required_claims_are_held() {
    let mut method = shared();
    method["jwt"]["required"] = json!({ "email": null, "level": "2" });
    let auth = only(&method);
    let good = with("level", json!(2));
    assert_eq!(status(&auth, &mut bearer(&token(&good))), 200);
    assert_eq!(refused(&auth, &token(&claims())), "the token lacks a required claim");
    assert_eq!(
        refused(&auth, &token(&with("level", json!(3)))),
        "the token lacks a required claim"
    );
    assert_eq!(
        refused(&auth, &token(&with("iss", json!("https://issuer.example.com/")))),
        "the token is of another issuer"
    );
    assert_eq!(
        refused(&auth, &token(&with("aud", json!("shops")))),
        "the token is for another audience"
    );
    assert_eq!(
        refused(&auth, &token(&with("aud", json!(null)))),
        "the token is for another audience"
    );
}

#[test]
fn a_public_key_is_no_secret() {
    // What an attacker knows: the public key, in every form that it has been signed with.
    let pem = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";
    let method = json!({ "jwt": {
        "header": "authorization", "issuer": [ISSUER], "audience": ["shop"],
        "public_keys": { "": pem },
    }});
    let auth = only(&method);
    let body = pem.lines().nth(1).expect("a body");
    let der = base64::decode_padded(body).expect("base64");
    let forms = [pem.as_bytes(), pem.trim().as_bytes(), body.as_bytes(), &der, b""];
    for secret in forms {
        for header in [r#"{"alg":"HS256"}"#, r#"{"alg":"HS256","kid":""}"#] {
            let forged = hs256(header, &claims().to_string(), secret);
            assert_eq!(refused(&auth, &forged), "the token's algorithm is not accepted");
        }
    }
    let mut with_hs = method;
    with_hs["jwt"]["algorithms"] = json!(["EdDSA", "HS256"]);
    let config = json!({ "methods": [with_hs], "rules": [{}] });
    assert!(error(&config).contains("algorithms: no key is for Hs256"));
}

#[test]
fn an_unsigned_token_is_none() {
    let auth = only(&shared());
    let payload = claims().to_string();
    for alg in ["none", "None", "NONE", "nOnE", "", "hs256", "HS256 "] {
        let header = json!({ "alg": alg }).to_string();
        let unsigned = format!("{}.", message(&header, &payload));
        assert_eq!(refused(&auth, &unsigned), "the token's algorithm is not accepted", "{alg}");
        let signed = hs256(&header, &payload, SECRET);
        assert_eq!(refused(&auth, &signed), "the token's algorithm is not accepted", "{alg}");
    }
    let empty = format!("{}.", message(r#"{"alg":"HS256"}"#, &payload));
    assert_eq!(refused(&auth, &empty), "the token's signature is wrong");
    assert_eq!(refused(&auth, &hs256("{}", &payload, SECRET)), "the token is malformed");
}

#[test]
fn a_token_does_not_bring_its_key() {
    let auth = only(&shared());
    for extra in [
        r#""jku":"https://evil.example.com/jwks""#,
        r#""jwk":{"kty":"oct","k":"AAAA"}"#,
        r#""x5u":"https://evil.example.com/x""#,
    ] {
        let header = format!(r#"{{"alg":"HS256",{extra}}}"#);
        let forged = hs256(&header, &claims().to_string(), SECRET);
        assert_eq!(refused(&auth, &forged), "the token brings its own key");
    }
    for extra in [r#""crit":["b64"],"b64":false"#, r#""crit":[]"#] {
        let header = format!(r#"{{"alg":"HS256",{extra}}}"#);
        let forged = hs256(&header, &claims().to_string(), SECRET);
        assert_eq!(refused(&auth, &forged), "the token has critical extensions");
    }
}

#[test]
fn a_kid_chooses_among_the_keys_and_nothing_else() {
    let auth = only(&by_url());
    let set = Response::new(200).with_body(jwks(&[("a", 1), ("b", 3)]).to_string());
    let mut good = es256(Exchange::get("/").http_answer(Ok(set)), "a", 1, &claims());
    assert_eq!(status(&auth, &mut good), 200);
    // Signed by another key of the set, under the name of the first.
    let mut other = es256(Exchange::get("/"), "a", 3, &claims());
    assert_eq!(status(&auth, &mut other), 401);
    assert_eq!(note(&other, "reason"), Some("the token's signature is wrong"));
    for id in ["../../dev/null", "' OR 1=1", "https://evil.example.com/key", "A", ""] {
        let mut exchange = es256(Exchange::get("/"), id, 1, &claims());
        assert_eq!(status(&auth, &mut exchange), 401, "{id}");
        assert_eq!(note(&exchange, "reason"), Some("the token's key is unknown"), "{id}");
    }
}

#[test]
fn malformed_tokens_are_refused() {
    let auth = only(&shared());
    let good = token(&claims());
    let parts: Vec<&str> = good.split('.').collect();
    let payload = claims().to_string();
    let sign = |header: &str, payload: &str| hs256(header, payload, SECRET);
    let duplicate = payload.replacen('{', r#"{"sub":"root","#, 1);
    let tokens = [
        "x".to_owned(),
        "..".to_owned(),
        "a.b".to_owned(),
        format!("{good}.x"),
        format!("{good}="),
        format!("{} ", parts.join(".")).replace(' ', "%20"),
        format!(
            "{}.{}.{}",
            parts[0],
            parts[1],
            parts[2].trim_end_matches(|c| c != '.').to_owned() + "!!"
        ),
        format!("{}={}", parts[0], &good[parts[0].len()..]),
        sign(r#"{"alg":"HS256","alg":"HS256"}"#, &payload),
        sign(r#"{"alg":["HS256"]}"#, &payload),
        sign(r#"{"alg":"HS256","kid":1}"#, &payload),
        sign(r#"["alg","HS256"]"#, &payload),
        sign(r#"{"alg":"HS256"}"#, &duplicate),
        sign(r#"{"alg":"HS256"}"#, "[]"),
        sign(r#"{"alg":"HS256"}"#, "{"),
        sign(r#"{"alg":"HS256"}"#, ""),
    ];
    for token in tokens {
        assert_eq!(refused(&auth, &token), "the token is malformed", "{token}");
    }
    let mut not_text =
        Exchange::get("/").header("authorization", b"Bearer \xff.\xff.\xff".as_slice());
    assert_eq!(status(&auth, &mut not_text), 401);
}

#[test]
fn a_signature_has_one_spelling() {
    // The last character of 32 octets has bits that do not count: another spelling of
    // them would be another token with the same meaning, and a second entry in caches.
    let auth = only(&shared());
    let good = token(&claims());
    let last = good.as_bytes()[good.len() - 1];
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let at = alphabet.iter().position(|b| *b == last).expect("in the alphabet");
    let other = format!("{}{}", &good[..good.len() - 1], char::from(alphabet[at | 1]));
    assert_ne!(good, other);
    assert_eq!(refused(&auth, &other), "the token is malformed");
}

#[test]
fn huge_tokens_are_not_looked_at() {
    let auth = only(&shared());
    let huge = token(&with("filler", json!("x".repeat(100_000))));
    assert_eq!(refused(&auth, &huge), "the token is too long");
    let deep = format!(r#"{{"a":{}"#, "[".repeat(3_000));
    assert_eq!(
        refused(&auth, &hs256(r#"{"alg":"HS256"}"#, &deep, SECRET)),
        "the token is malformed"
    );
}

#[test]
fn another_type_is_refused() {
    let mut method = shared();
    method["jwt"]["type"] = "at+jwt".into();
    let auth = only(&method);
    let payload = claims().to_string();
    for kind in ["at+jwt", "AT+JWT", "application/at+jwt"] {
        let header = json!({ "alg": "HS256", "typ": kind }).to_string();
        assert_eq!(status(&auth, &mut bearer(&hs256(&header, &payload, SECRET))), 200, "{kind}");
    }
    assert_eq!(refused(&auth, &token(&claims())), "the token is of another type");
}

#[test]
fn a_token_that_was_seen_is_not_verified_again_and_expires_nevertheless() {
    let auth = only(&by_url());
    let set = Response::new(200).with_body(jwks(&[("a", 1)]).to_string());
    let claims = claims();
    let mut first = es256(Exchange::get("/").http_answer(Ok(set)), "a", 1, &claims);
    assert_eq!(status(&auth, &mut first), 200);
    let authorization = first.request_header("authorization").expect("it goes on");
    // Without a signature that the fake knows: it is remembered.
    let mut again = Exchange::get("/").header("authorization", authorization.as_str());
    assert_eq!(status(&auth, &mut again), 200);
    // One octet more, less or other is another token.
    for other in [format!("{authorization}A"), authorization[..authorization.len() - 1].to_owned()]
    {
        let mut exchange = Exchange::get("/").header("authorization", other);
        assert_eq!(status(&auth, &mut exchange), 401);
    }
    clock::advance(361);
    let mut late = Exchange::get("/").header("authorization", authorization);
    assert_eq!(status(&auth, &mut late), 401);
    assert_eq!(note(&late, "reason"), Some("the token's signature is wrong"));
}

#[test]
fn keys_rotate() {
    let auth = only(&by_url());
    let answer = |keys: &[(&str, u8)]| Ok(Response::new(200).with_body(jwks(keys).to_string()));
    let mut first = es256(Exchange::get("/").http_answer(answer(&[("a", 1)])), "a", 1, &claims());
    assert_eq!(status(&auth, &mut first), 200);
    // A new key is fetched at once, if the provider was not asked just now.
    clock::advance(11);
    let asks = Exchange::get("/").http_answer(answer(&[("b", 3)]));
    let mut new = es256(asks, "b", 3, &claims());
    assert_eq!(status(&auth, &mut new), 200);
    // What was verified by a key that is gone is not good any more.
    let authorization = first.request_header("authorization").expect("it goes on");
    let mut old = Exchange::get("/").header("authorization", authorization);
    assert_eq!(status(&auth, &mut old), 401);
    assert_eq!(note(&old, "reason"), Some("the token's key is unknown"));
}

#[test]
fn unknown_keys_are_asked_for_with_a_pause_between() {
    let auth = only(&by_url());
    let answer = || Ok(Response::new(200).with_body(jwks(&[("a", 1)]).to_string()));
    let mut first = es256(Exchange::get("/").http_answer(answer()), "a", 1, &claims());
    assert_eq!(status(&auth, &mut first), 200);
    for number in 0..100 {
        let mut exchange = es256(Exchange::get("/"), &format!("x{number}"), 1, &claims());
        assert_eq!(status(&auth, &mut exchange), 401);
        assert_eq!(exchange.http_requests(), [], "number {number}");
    }
    clock::advance(11);
    let mut exchange = es256(Exchange::get("/").http_answer(answer()), "x", 1, &claims());
    assert_eq!(status(&auth, &mut exchange), 401);
    assert_eq!(exchange.http_requests().len(), 1);
}

#[test]
fn instances_share_keys_and_pauses() {
    let (one, other) = (only(&by_url()), only(&by_url()));
    let set = Response::new(200).with_body(jwks(&[("a", 1)]).to_string());
    let mut first = es256(Exchange::get("/").http_answer(Ok(set)), "a", 1, &claims());
    assert_eq!(status(&one, &mut first), 200);
    let mut second = es256(Exchange::get("/"), "a", 1, &claims());
    assert_eq!(status(&other, &mut second), 200);
    assert_eq!(second.http_requests(), []);
}

#[test]
fn a_provider_that_is_gone_is_what_the_configuration_says() {
    let gone = || Exchange::get("/").http_answer(Err(Error::Timeout));
    let auth = only(&by_url());
    let mut exchange = es256(gone(), "a", 1, &claims());
    assert_eq!(status(&auth, &mut exchange), 503);
    assert_eq!(exchange.response_header("retry-after").as_deref(), Some("5"));
    assert_eq!(note(&exchange, "reason"), Some("there are no keys to verify tokens with"));
    // It is not asked again at once, and after each failure later.
    let mut asked = 0;
    for _ in 0..300 {
        let mut exchange = es256(gone(), "a", 1, &claims());
        assert_eq!(status(&auth, &mut exchange), 503);
        asked += exchange.http_requests().len();
        clock::advance(1);
    }
    assert!((3..=5).contains(&asked), "asked {asked} times in five minutes");
    assert_eq!(status(&auth, &mut Exchange::get("/")), 401, "without a token nothing is missing");
}

#[test]
fn a_provider_that_is_gone_can_make_tokens_anonymous() {
    let mut method = by_url();
    method["jwt"]["jwks"]["unavailable"] = "anonymous".into();
    let auth = only(&method);
    let mut exchange =
        es256(Exchange::get("/").http_answer(Err(Error::Timeout)), "a", 1, &claims());
    assert_eq!(status(&auth, &mut exchange), 401);
}

#[test]
fn keys_are_used_beyond_their_time_for_as_long_as_configured() {
    let auth = only(&by_url());
    let set = Response::new(200).with_body(jwks(&[("a", 1)]).to_string());
    let mut first = es256(Exchange::get("/").http_answer(Ok(set)), "a", 1, &claims());
    assert_eq!(status(&auth, &mut first), 200);
    clock::advance(300 + 3500);
    let lasting = with("exp", json!(clock::now() + 9000));
    let mut stale = es256(Exchange::get("/"), "a", 1, &lasting);
    assert_eq!(status(&auth, &mut stale), 200);
    assert_eq!(stale.http_requests(), [], "nobody waits for the provider");
    // What was verified is not good for longer than the keys.
    clock::advance(200);
    let authorization = stale.request_header("authorization").expect("it goes on");
    let again = Exchange::get("/").header("authorization", authorization);
    assert_eq!(status(&auth, &mut again.http_answer(Err(Error::Timeout))), 503);
    clock::advance(200);
    let mut late = es256(Exchange::get("/").http_answer(Err(Error::Timeout)), "a", 1, &claims());
    assert_eq!(status(&auth, &mut late), 503);
}

#[test]
fn a_set_without_a_key_for_signatures_is_no_answer() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"keys":[]}"#,
        r#"{"keys":[{"kty":"oct","k":"AAAA"}]}"#,
        r#"{"keys":[{"kty":"EC","crv":"P-256","x":"AAAA","y":"AAAA"}]}"#,
        r#"{"keys":[{"kty":"RSA","n":"AAAA","e":""}]}"#,
    ] {
        let auth = only(&by_url());
        let asks = Exchange::get("/").http_answer(Ok(Response::new(200).with_body(body)));
        let mut exchange = es256(asks, "a", 1, &claims());
        assert_eq!(status(&auth, &mut exchange), 503, "{body}");
        clock::advance(1000);
    }
}

#[test]
fn a_key_is_for_what_it_says() {
    let auth = only(&by_url());
    for (name, value) in [
        ("use", json!("enc")),
        ("alg", json!("ES384")),
        ("alg", json!("ECDH-ES")),
        ("key_ops", json!(["sign"])),
    ] {
        let mut set = jwks(&[("a", 1), ("b", 3)]);
        set["keys"][0][name] = value;
        let asks =
            Exchange::get("/").http_answer(Ok(Response::new(200).with_body(set.to_string())));
        let mut exchange = es256(asks, "a", 1, &claims());
        assert_eq!(status(&auth, &mut exchange), 401, "{name}");
        assert_eq!(note(&exchange, "reason"), Some("the token's key is unknown"));
        clock::advance(11);
    }
}

#[test]
fn a_secret_is_as_long_as_the_hash() {
    let mut method = shared();
    method["jwt"]["secret"] = "short".into();
    let config = json!({ "methods": [method], "rules": [{}] });
    assert!(error(&config).contains("takes a `secret` of 32 octets or more"));
    let mut nowhere = shared();
    nowhere["jwt"]["issuer"] = json!([]);
    let config = json!({ "methods": [nowhere], "rules": [{}] });
    assert!(error(&config).contains("methods[0]: jwt: issuer: name one"));
}

#[test]
fn the_challenge_says_what_is_wrong() {
    let auth = only(&shared());
    let mut nothing = Exchange::get("/");
    assert_eq!(status(&auth, &mut nothing), 401);
    assert_eq!(nothing.response_header("www-authenticate").as_deref(), Some("Bearer"));
    let mut late = bearer(&token(&with("exp", json!(clock::now() - 100))));
    assert_eq!(status(&auth, &mut late), 401);
    assert_eq!(
        late.response_header("www-authenticate").as_deref(),
        Some(r#"Bearer error="invalid_token", error_description="the token has expired""#)
    );
}
