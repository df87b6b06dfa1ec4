//! Somebody, and the fields by which the endpoint learns who it is.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use plugin_sdk::field::is_name;
use plugin_sdk::{Error, Request, Result, Subscription};
use serde_json::{Map, Value};

use crate::authorize::Claims;

/// Somebody that a method has found.
#[derive(Debug, Default)]
pub(crate) struct Identity {
    /// The method's name.
    pub(crate) method: String,
    pub(crate) subject: String,
    pub(crate) groups: Vec<String>,
    pub(crate) claims: Map<String, Value>,
    /// The claims as expressions see them, made when one asks for them.
    pub(crate) seen: OnceLock<Claims>,
    /// What the endpoint is told.
    pub(crate) fields: Vec<(String, Vec<u8>)>,
}

/// The fields that tell the endpoint who asks.
#[derive(Debug)]
pub(crate) struct IdentityHeaders {
    fields: Vec<(String, Source)>,
    /// Every name that an endpoint may take for one of the fields, theirs included.
    names: Vec<String>,
}

#[derive(Debug)]
enum Source {
    Subject,
    Method,
    Groups,
    Claim(Vec<String>),
}

/// An endpoint that takes `_` for `-` sees one name for each choice: 2 to the power
/// of the dashes.
const DASHES: usize = 5;
/// Each is asked of the host with every request.
const NAMES: usize = 128;

impl IdentityHeaders {
    /// `others`: further names that clients must not send.
    pub(crate) fn new(
        config: &BTreeMap<String, String>,
        others: impl IntoIterator<Item = String>,
    ) -> Result<Self> {
        let mut fields = Vec::new();
        let mut names = Vec::new();
        for (name, source) in config {
            let within = |e: Error| e.within(format_args!("identity_headers.{name}"));
            let name = name.to_ascii_lowercase();
            spellings(&name, &mut names).map_err(within)?;
            fields.push((name.clone(), Source::new(source).map_err(within)?));
        }
        for name in others {
            spellings(&name.to_ascii_lowercase(), &mut names)?;
        }
        if names.len() > NAMES {
            return Err(Error::new(format!(
                "identity_headers: {} names with all their spellings, of which {NAMES} are possible: use names with fewer dashes",
                names.len()
            )));
        }
        Ok(Self { fields, names })
    }

    pub(crate) fn subscribe(&self, subscription: Subscription) -> Subscription {
        self.names.iter().fold(subscription, |s, name| s.request_header(name.as_str()))
    }

    /// Removes what a client says of itself, whatever comes of the request.
    pub(crate) fn remove(&self, request: &mut Request) {
        for name in &self.names {
            if request.header(name).is_some() {
                request.remove_header(name.as_str());
            }
        }
    }

    /// Fills in what the endpoint is told of an identity.
    pub(crate) fn complete(&self, mut identity: Identity) -> Identity {
        for (name, source) in &self.fields {
            let value = match source {
                Source::Subject => field_value(&identity.subject),
                Source::Method => field_value(&identity.method),
                Source::Groups => list(identity.groups.iter().map(String::as_str)),
                Source::Claim(path) => {
                    lookup(&identity.claims, path).and_then(claim_value).unwrap_or_default()
                }
            };
            if !value.is_empty() {
                identity.fields.push((name.clone(), value));
            }
        }
        identity
    }
}

impl Source {
    fn new(text: &str) -> Result<Self> {
        match text {
            "subject" => Ok(Self::Subject),
            "method" => Ok(Self::Method),
            "groups" => Ok(Self::Groups),
            _ => match text.strip_prefix("claim:") {
                Some(name) if !name.is_empty() => {
                    Ok(Self::Claim(name.split('.').map(str::to_owned).collect()))
                }
                _ => Err(Error::new(format!(
                    "`{text}` is none of `subject`, `method`, `groups` and `claim:NAME`"
                ))),
            },
        }
    }
}

/// Adds every way to write a name that a gateway interface such as CGI makes the
/// same variable of.
fn spellings(name: &str, names: &mut Vec<String>) -> Result<()> {
    if !is_name(name) {
        return Err(Error::new(format!("`{name}` is no field name")));
    }
    let places: Vec<usize> = name.match_indices(['-', '_']).map(|(at, _)| at).collect();
    if places.len() > DASHES {
        return Err(Error::new(format!("`{name}` has more than {DASHES} dashes")));
    }
    for choice in 0..1_u32 << places.len() {
        let mut spelling = name.as_bytes().to_vec();
        for (bit, place) in places.iter().enumerate() {
            spelling[*place] = if choice >> bit & 1 == 1 { b'_' } else { b'-' };
        }
        let spelling = String::from_utf8_lossy(&spelling).into_owned();
        if !names.contains(&spelling) {
            names.push(spelling);
        }
    }
    Ok(())
}

/// A claim by the names that lead to it.
pub(crate) fn lookup<'a>(claims: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    // A name with dots of its own, such as `https://example.com/groups`, comes first.
    if let Some(whole) = claims.get(&path.join(".")) {
        return Some(whole);
    }
    let mut value = claims.get(first)?;
    for name in rest {
        value = value.get(name)?;
    }
    Some(value)
}

/// A claim as a field's value; a list has commas between.
fn claim_value(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null | Value::Object(_) => None,
        Value::String(text) => Some(field_value(text)),
        Value::Bool(truth) => Some(truth.to_string().into_bytes()),
        Value::Number(number) => Some(number.to_string().into_bytes()),
        Value::Array(values) => Some(list(values.iter().filter_map(Value::as_str))),
    }
}

/// Groups: a list of strings, or words with spaces between, as in `scope`.
pub(crate) fn groups(value: &Value) -> Vec<String> {
    match value {
        Value::String(words) => words.split_ascii_whitespace().map(str::to_owned).collect(),
        Value::Array(values) => {
            values.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        }
        _ => Vec::new(),
    }
}

/// Texts with commas between; a comma of their own is percent-encoded, so that
/// nobody is in one more group for a comma in a group's name.
fn list<'a>(texts: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let values: Vec<Vec<u8>> = texts.map(|text| encode(text, |b| b == b',')).collect();
    values.join(&b',')
}

/// Text as a field's value. What no field may hold is percent-encoded, and with it
/// the percent sign, so that no two texts have one value.
pub(crate) fn field_value(text: &str) -> Vec<u8> {
    encode(text, |_| false)
}

fn encode(text: &str, also: impl Fn(u8) -> bool) -> Vec<u8> {
    let last = text.len().saturating_sub(1);
    let mut value = Vec::with_capacity(text.len());
    for (at, octet) in text.bytes().enumerate() {
        let blank_at_an_end = octet == b' ' && (at == 0 || at == last);
        let plain = (b' '..0x7f).contains(&octet) && octet != b'%';
        if plain && !blank_at_an_end && !also(octet) {
            value.push(octet);
        } else {
            value.extend_from_slice(format!("%{octet:02X}").as_bytes());
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use plugin_sdk::field::is_value;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_spelling_is_known() {
        let mut names = Vec::new();
        spellings("x-auth-user", &mut names).expect("a name");
        names.sort();
        assert_eq!(names, ["x-auth-user", "x-auth_user", "x_auth-user", "x_auth_user"]);
        assert!(spellings("a-b-c-d-e-f-g", &mut names).is_err());
        assert!(spellings("a b", &mut names).is_err());
    }

    #[test]
    fn claims_are_found_by_their_path() {
        let claims = serde_json::json!({ "a": { "b": ["x", "y"] }, "urn:a.b": "dotted" });
        let claims = claims.as_object().expect("an object");
        let find = |path: &str| {
            let path: Vec<String> = path.split('.').map(str::to_owned).collect();
            lookup(claims, &path).and_then(claim_value)
        };
        assert_eq!(find("a.b").as_deref(), Some(b"x,y".as_slice()));
        assert_eq!(find("urn:a.b").as_deref(), Some(b"dotted".as_slice()));
        assert_eq!(find("a.c"), None);
    }

    #[test]
    fn a_comma_in_a_name_makes_no_second_group() {
        assert_eq!(list(["a,admin", "50%"].into_iter()), b"a%2Cadmin,50%25");
        assert_eq!(list([" a", "b"].into_iter()), b"%20a,b");
    }

    proptest! {
        #[test]
        fn any_text_becomes_a_legal_value(text in ".{1,40}") {
            prop_assert!(is_value(&field_value(&text)));
        }
    }
}
