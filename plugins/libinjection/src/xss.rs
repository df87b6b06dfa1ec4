//! Cross-site scripting: an input is read as a piece of HTML in the contexts where
//! it may end up, in search of tags and attributes that run a script.

mod names;
#[cfg(test)]
mod tests;
mod tokenizer;
mod url;

use memchr::{memchr, memchr2};

use names::Danger;
use tokenizer::{State, Token, Tokenizer};

/// Whether `input` is an attempt at cross-site scripting, as `libinjection_xss`
/// says.
///
/// The input is read as if it stood in text, in a tag, and in the value of an
/// attribute in any kind of quotes. The time is linear in its length.
///
/// ```
/// assert!(libinjection::xss(b"\"><img src=x onerror=alert(1)>"));
/// assert!(!libinjection::xss(b"<b>bold</b> words"));
/// ```
pub fn xss(input: &[u8]) -> bool {
    // Without these there is neither a tag nor a value of an attribute.
    if memchr2(b'<', b'=', input).is_none() {
        return false;
    }
    let has = |byte| memchr(byte, input).is_some();
    let is_dangerous = |state| has_script(Tokenizer::new(input, state));
    // Without its quote the input is one value, and that of no known attribute.
    let leaves = |quote| has(quote) && is_dangerous(State::QuotedValue(quote));
    (has(b'<') && is_dangerous(State::Data))
        || is_dangerous(State::BeforeAttributeName)
        || leaves(b'\'')
        || leaves(b'"')
        || leaves(b'`')
}

fn has_script(tokens: Tokenizer<'_>) -> bool {
    let mut danger = None;
    for token in tokens {
        let danger_before = danger.take();
        match token {
            Token::Doctype => return true,
            Token::TagName(name) if names::is_dangerous_tag(name) => return true,
            Token::AttributeName(name) => danger = names::danger_of(name),
            Token::AttributeValue(value) => {
                let is_dangerous = match danger_before {
                    None => false,
                    Some(Danger::Always) => true,
                    Some(Danger::Url) => url::runs_script(value),
                    Some(Danger::Name) => names::danger_of(value).is_some(),
                };
                if is_dangerous {
                    return true;
                }
            }
            Token::Comment(text) if is_dangerous_comment(text) => return true,
            Token::TagName(_) | Token::Comment(_) | Token::Other => {}
        }
    }
    false
}

/// Whether Internet Explorer would read a comment as something else, or an XML
/// parser as the declaration of an entity.
fn is_dangerous_comment(text: &[u8]) -> bool {
    const STARTS: [&[u8]; 4] = [b"[IF", b"XML", b"IMPORT", b"ENTITY"];
    memchr(b'`', text).is_some()
        || (text.len() > 3 && STARTS.iter().any(|start| names::starts_with(text, start)))
}
