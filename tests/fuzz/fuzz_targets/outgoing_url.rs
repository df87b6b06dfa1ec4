//! A URL of a plugin's request means what the URL standard's readers take it for, or
//! is refused; and no spelling of a private address gets past a grant for names.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wasmgate::config::http_grant::{Allowed, Host};
use wasmgate::config::{Destination, HttpGrant};
use wasmgate::upstream::outbound::url::Url;

fuzz_target!(|text: &str| {
    // An entry that is read is printed as one that means the same.
    if let Ok(entry) = Destination::parse(text) {
        assert_eq!(Destination::parse(&entry.to_string()).as_ref(), Ok(&entry));
    }
    let Ok(url) = Url::parse(text) else { return };
    let shown = url.to_string();
    assert_eq!(Url::parse(&shown).as_ref(), Ok(&url));
    assert!(shown.bytes().all(|octet| octet.is_ascii_graphic() && !b"#\\".contains(&octet)));
    assert!(!url.authority().contains('@'));
    let uri: http::Uri = shown.parse().expect("what is sent is a URI");
    assert_eq!(uri.host().map(str::to_owned), Some(url.host.to_string()));
    assert_eq!(uri.port_u16().unwrap_or(url.scheme.default_port()), url.port);

    let grant = HttpGrant::to(vec![Destination::parse("*.example.com:443").expect("an entry")]);
    match (&url.host, grant.allows(url.scheme, &url.host, url.port)) {
        (Host::Name(name), allowed) => {
            assert_eq!(allowed.is_some(), name.ends_with(".example.com") && url.port == 443);
        }
        (Host::Address(address), allowed) => {
            assert_eq!(allowed, None);
            let _ = grant.reaches(Allowed::ByName, *address);
        }
    }
});
