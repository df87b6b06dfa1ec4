//! Whether a client would rather have JSON than a page (RFC 9110, section 12.5.1).

/// How much a client wants something: its quality in thousandths, then how exactly the
/// range names it, so that `application/json, */*` asks for JSON.
type Preference = (u16, u8);

/// Whether JSON is preferred to HTML. Who does not say gets the page.
pub(crate) fn prefers_json(accept: &[u8]) -> bool {
    let Ok(accept) = std::str::from_utf8(accept) else { return false };
    let is_json = |range: &str| range.eq_ignore_ascii_case("application/json");
    let is_problem = |range: &str| range.to_ascii_lowercase().ends_with("+json");
    let json = preference(accept, "application/*", |range| is_json(range) || is_problem(range));
    let html = preference(accept, "text/*", |range| range.eq_ignore_ascii_case("text/html"));
    json > html
}

/// The most exact range decides; of several as exact, the most wanted one.
fn preference(accept: &str, kind: &str, is_exactly: impl Fn(&str) -> bool) -> Preference {
    let mut found: (u8, u16) = (0, 0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let exactness = match name {
            "*/*" => 1,
            name if name.eq_ignore_ascii_case(kind) => 2,
            name if is_exactly(name) => 3,
            _ => continue,
        };
        let quality = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        found = found.max((exactness, quality.map_or(1000, thousandths)));
    }
    match found {
        (_, 0) => (0, 0),
        (exactness, quality) => (quality, exactness),
    }
}

/// `0.85` is 850; what is no quality is 0.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_fraction = fraction.len() <= 3 && fraction.bytes().all(|b| b.is_ascii_digit());
    match whole {
        "1" => 1000,
        "0" if is_fraction => format!("{fraction:0<3}").parse().unwrap_or(0),
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn browsers_get_pages_and_programs_json() {
        for (accept, json) in [
            ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false),
            ("*/*", false),
            ("", false),
            ("application/json", true),
            ("Application/JSON;charset=utf-8", true),
            ("application/json, text/plain, */*", true),
            ("application/problem+json", true),
            ("application/*", true),
            ("text/*, application/json;q=0.9", false),
            ("text/html;q=0.8, application/json;q=0.85", true),
            ("application/json;q=0, */*", false),
            ("application/json;q=nonsense", false),
            ("text/html, application/json", false),
            ("image/png", false),
        ] {
            assert_eq!(prefers_json(accept.as_bytes()), json, "{accept}");
        }
        assert!(!prefers_json(b"application/json, \xff"));
    }

    proptest! {
        #[test]
        fn no_field_panics(accept in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = prefers_json(&accept);
        }
    }
}
