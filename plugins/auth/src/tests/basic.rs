use super::*;
use crate::jose::base64;

const ARGON2: &str = "$argon2id$v=19$m=64,t=1,p=1$0ldk66TI10dMnP6DoTBz0w$38v0RyxxWg0KKMDeRMoV2YdlxI5Jv2/sNoc04ks35aw";
const BCRYPT: &str = "$2b$04$ycdXANn5gWeQ59CENUUpPeTthXaXydd1YZlT0v9Lun6zVjZAfd1cu";

fn users() -> Value {
    json!({ "methods": [{ "basic": { "realm": "the \"site\"", "users": {
        "ann": { "hash": ARGON2, "groups": ["admins"] },
        "bob": { "hash": BCRYPT },
    }}}], "rules": [{}] })
}

fn login(user: &str, password: &str) -> Exchange {
    let credential = base64::encode_padded(format!("{user}:{password}"));
    Exchange::get("/").header("authorization", format!("Basic {credential}"))
}

#[test]
fn users_are_known_by_their_passwords() {
    let auth = auth(&users());
    for user in ["ann", "bob"] {
        let mut exchange = login(user, "password");
        assert_eq!(status(&auth, &mut exchange), 200);
        assert_eq!(note(&exchange, "subject"), Some(user));
        assert_eq!(exchange.request_header("authorization"), None, "it is not for the endpoint");
    }
    for (user, password) in [("ann", "Password"), ("ann", ""), ("eve", "password"), ("", "")] {
        let mut exchange = login(user, password);
        assert_eq!(status(&auth, &mut exchange), 401);
        assert_eq!(note(&exchange, "reason"), Some("the user or the password is wrong"));
        let challenge = exchange.response_header("www-authenticate");
        assert_eq!(challenge.as_deref(), Some(r#"Basic realm="the \"site\"", charset="UTF-8""#));
    }
}

#[test]
fn what_is_no_credential_is_refused() {
    let auth = auth(&users());
    for value in ["Basic", "Basic ", "Basic !", "Basic YW5u", "Basic YW5uOnBhc3N3b3Jk=", "Digest x"]
    {
        let mut exchange = Exchange::get("/").header("authorization", value);
        assert_eq!(status(&auth, &mut exchange), 401, "{value}");
    }
    let mut long = login("ann", &"x".repeat(100_000));
    assert_eq!(status(&auth, &mut long), 401);
}

#[test]
fn a_verified_password_is_remembered_for_a_while_and_a_wrong_one_never() {
    let auth = auth(&users());
    let remembered = |auth: &Loaded<Auth>| {
        auth.plugin(|auth| match &auth.methods[0] {
            Method::Basic(basic) => basic.remembered(),
            _ => panic!("the method is another"),
        })
    };
    assert_eq!(status(&auth, &mut login("ann", "wrong")), 401);
    assert_eq!(remembered(&auth), 0);
    assert_eq!(status(&auth, &mut login("ann", "password")), 200);
    assert_eq!(status(&auth, &mut login("ann", "password")), 200);
    assert_eq!(remembered(&auth), 1);
    clock::advance(301);
    assert_eq!(status(&auth, &mut login("ann", "password")), 200);
    assert_eq!(status(&auth, &mut login("ann", "wrong")), 401);
}

#[test]
fn a_file_of_users_is_read_and_read_again() {
    let folder = std::env::temp_dir().join(format!("auth-htpasswd-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join("users");
    std::fs::write(&path, format!("ann:{ARGON2}\n")).expect("a file");
    let config = json!({ "methods": [{ "basic": { "htpasswd": path } }], "rules": [{}] });
    let auth = auth(&config);
    assert_eq!(status(&auth, &mut login("ann", "password")), 200);
    std::fs::write(&path, format!("bob:{BCRYPT}\n# ann has left\n")).expect("a file");
    clock::advance(11);
    assert_eq!(status(&auth, &mut login("ann", "password")), 401, "nothing remembered holds");
    assert_eq!(status(&auth, &mut login("bob", "password")), 200);
    std::fs::write(&path, "bob:damaged and longer than before").expect("a file");
    clock::advance(11);
    assert_eq!(status(&auth, &mut login("bob", "password")), 200, "a wrong file changes nothing");
    std::fs::remove_dir_all(&folder).expect("the folder");
    assert!(error(&config).contains("methods[0]: basic: htpasswd: grant its directory"));
}

/// Counted, not timed: an unknown user costs the same slow hash as a wrong password.
#[test]
fn an_unknown_user_costs_what_a_wrong_password_costs() {
    let config = json!({ "methods": [{ "basic": { "users": { "ann": { "hash": ARGON2 } } } }], "rules": [{}] });
    let auth = auth(&config);
    let hashed = || method::hashed();
    let before = hashed();
    assert_eq!(status(&auth, &mut login("ann", "wrong")), 401);
    assert_eq!(hashed(), before + 1);
    assert_eq!(status(&auth, &mut login("eve", "wrong")), 401);
    assert_eq!(hashed(), before + 2);
    // Somebody's own password does not make somebody unknown known.
    assert_eq!(status(&auth, &mut login("eve", "password")), 401);
}
