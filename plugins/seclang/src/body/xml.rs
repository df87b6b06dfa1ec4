//! XML: its text, and the values of its attributes.

use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// What of a document rules look at.
#[derive(Default)]
pub(crate) struct Document {
    /// All text, one piece after the other: what `/*` selects.
    pub(crate) text: Vec<u8>,
    /// The values of attributes: what `//@*` selects.
    pub(crate) attributes: Vec<Vec<u8>>,
}

/// Takes a document apart. No external entity is ever fetched, and none but the
/// five of XML itself and numbers is replaced.
///
/// # Errors
/// What is wrong with the document, with as much of it as was read.
pub(crate) fn parse(octets: &[u8]) -> (Document, Result<(), String>) {
    let mut document = Document::default();
    let mut reader = Reader::from_reader(octets);
    reader.config_mut().expand_empty_elements = true;
    let mut depth = 0_usize;
    let mut roots = 0_usize;
    let result = loop {
        match reader.read_event() {
            Err(e) => break Err(e.to_string()),
            Ok(Event::Eof) if depth > 0 => break Err("an element is not closed".to_owned()),
            Ok(Event::Eof) if roots == 0 => break Err("there is no element".to_owned()),
            Ok(Event::Eof) => break Ok(()),
            Ok(Event::Start(start)) => {
                roots += usize::from(depth == 0);
                depth += 1;
                // Names that stand twice are both looked at.
                for attribute in start.attributes().with_checks(false) {
                    match attribute {
                        Ok(attribute) => document.attributes.push(unescaped(&attribute.value)),
                        Err(e) => return (document, Err(e.to_string())),
                    }
                }
            }
            Ok(Event::End(_)) => depth = depth.saturating_sub(1),
            Ok(Event::Text(text)) if depth > 0 => document.text.extend_from_slice(&text),
            Ok(Event::Text(text)) if !text.trim_ascii().is_empty() => {
                break Err("text stands outside of the document".to_owned());
            }
            Ok(Event::CData(data)) => document.text.extend_from_slice(&data),
            Ok(Event::GeneralRef(reference)) => push(&reference, &mut document.text),
            Ok(_) => {}
        }
    };
    (document, result)
}

fn push(reference: &BytesRef<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&unescaped(&[b"&", &**reference, b";"].concat()));
}

/// A text with its references replaced; what is no reference stays.
fn unescaped(value: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(value);
    match quick_xml::escape::unescape(&text) {
        Ok(text) => text.into_owned().into_bytes(),
        Err(_) => value.to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn text_and_attributes_are_found() {
        let (document, result) =
            parse(br#"<?xml version="1.0"?><a x="1&lt;2"><b>one</b><![CDATA[<two>]]>&amp;</a>"#);
        result.unwrap();
        assert_eq!(document.text, b"one<two>&");
        assert_eq!(document.attributes, [b"1<2"]);
    }

    #[test]
    fn broken_documents_are_errors() {
        for text in ["", "<a>", "<a></b>", "no", "<a/>x"] {
            assert!(parse(text.as_bytes()).1.is_err(), "{text}");
        }
    }
}
