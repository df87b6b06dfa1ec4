//! The syntax of `Forwarded` (RFC 7239, section 4).

use http::HeaderValue;

use super::{Hop, Node, Scheme};

/// The elements of one line, from the right. A line that is malformed anywhere is
/// one element that says nothing: where its elements end is anyone's guess.
pub(super) fn hops(line: &HeaderValue) -> impl Iterator<Item = Hop> + use<> {
    // `to_str` fails for octets that only a quoted comment of another field has.
    let hops = line.to_str().ok().and_then(parse).unwrap_or_else(|| vec![Hop::default()]);
    hops.into_iter().rev()
}

/// `for=192.0.2.60;proto=http, for="[2001:db8::1]:4711"`
fn parse(line: &str) -> Option<Vec<Hop>> {
    let mut hops = Vec::new();
    let mut rest = line;
    loop {
        let (element, separator, after) = element(rest)?;
        hops.extend(element);
        match separator {
            Some(_) => rest = after,
            None => return Some(hops),
        }
    }
}

/// One element up to its comma or the end. None inside for an empty one, which
/// counts for nothing.
fn element(text: &str) -> Option<(Option<Hop>, Option<char>, &str)> {
    let mut rest = text.trim_ascii_start();
    let mut hop = Hop::default();
    let (mut seen_any, mut seen_for, mut seen_proto) = (false, false, false);
    loop {
        if let Some(after) = rest.strip_prefix(',') {
            return Some((seen_any.then_some(hop), Some(','), after));
        }
        if rest.is_empty() {
            return Some((seen_any.then_some(hop), None, rest));
        }
        if let Some(after) = rest.strip_prefix(';') {
            rest = after.trim_ascii_start();
            continue;
        }
        let (name, value, after) = pair(rest)?;
        rest = after.trim_ascii_start();
        if !(rest.is_empty() || rest.starts_with([',', ';'])) {
            return None;
        }
        seen_any = true;
        // Each parameter at most once (section 4).
        if name.eq_ignore_ascii_case("for") {
            if std::mem::replace(&mut seen_for, true) {
                return None;
            }
            hop.node = Node::parse(value);
        } else if name.eq_ignore_ascii_case("proto") {
            if std::mem::replace(&mut seen_proto, true) {
                return None;
            }
            hop.scheme = Scheme::parse(value);
        }
    }
}

/// `name=value` or `name="value"`, and what follows it.
fn pair(text: &str) -> Option<(&str, &str, &str)> {
    let (name, rest) = text.split_once('=')?;
    if name.is_empty() || !name.bytes().all(is_token) {
        return None;
    }
    let Some(quoted) = rest.strip_prefix('"') else {
        // Wider than a token: `for=192.0.2.1:80` and `for=[::1]` need quotes that
        // some proxies leave out.
        let end = rest
            .find(|c: char| matches!(c, ',' | ';' | '"') || c.is_ascii_whitespace())
            .unwrap_or(rest.len());
        let (value, after) = rest.split_at(end);
        return (!value.is_empty()).then_some((name, value, after));
    };
    // Escapes are stepped over, not undone: neither an address nor a scheme needs
    // one, so a value that has one is neither.
    let mut escaped = false;
    let end = quoted.bytes().position(|octet| {
        let closes = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        closes
    })?;
    Some((name, &quoted[..end], &quoted[end + 1..]))
}

fn is_token(octet: u8) -> bool {
    octet.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&octet)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes(line: &str) -> Vec<String> {
        let shown = |hop: Hop| match (hop.node, hop.scheme) {
            (None, scheme) => format!("- {scheme:?}"),
            (Some(Node { ip, port }), scheme) => format!("{ip} {port:?} {scheme:?}"),
        };
        hops(&HeaderValue::from_str(line).unwrap()).map(shown).collect()
    }

    #[test]
    fn elements_are_read_from_the_right() {
        assert_eq!(
            nodes("for=192.0.2.43, For=\"[2001:db8:cafe::17]:4711\";by=203.0.113.60;PROTO=https"),
            ["2001:db8:cafe::17 Some(4711) Some(Https)", "192.0.2.43 None None"]
        );
        assert_eq!(nodes("for=_hidden, for=unknown"), ["- None", "- None"]);
        assert_eq!(nodes("proto=HTTP;host=\"a,b;c\\\"d\""), ["- Some(Http)"]);
        assert_eq!(nodes("for=192.0.2.1:_x"), ["192.0.2.1 None None"]);
        assert_eq!(nodes(" , for=192.0.2.1 ; proto=x , ,"), ["192.0.2.1 None None"]);
        assert_eq!(nodes("for=[::1]"), ["::1 None None"]);
        assert_eq!(nodes(""), Vec::<String>::new());
    }

    #[test]
    fn malformed_line_says_nothing() {
        for line in [
            "for",
            "for=",
            "=192.0.2.1",
            "for =192.0.2.1",
            "for=192.0.2.1 x",
            "for=192.0.2.1, for=\"192.0.2.2",
            "for=\"192.0.2.1\"x",
            "for=192.0.2.1;for=192.0.2.2",
            "for=192.0.2.1;proto=http;proto=https",
            "for=192.0.2.1\"",
        ] {
            assert_eq!(nodes(line), ["- None"], "{line}");
        }
        // An escape is no part of an address.
        assert_eq!(nodes("for=\"192.0.2.\\1\""), ["- None"]);
    }
}
