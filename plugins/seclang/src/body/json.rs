//! JSON (RFC 8259), value by value, with the path of each.
//!
//! A parser of our own, because rules look at what was written: a number keeps
//! its digits, a name that stands twice is seen twice, and depth costs no stack.

/// The path of the document itself.
const ROOT: &[u8] = b"json";

/// What a document is made of.
pub(crate) enum Item<'a> {
    /// An object or array that has a name of its own, by its path.
    Name(&'a [u8]),
    /// Any other value: its path and its text.
    Value(&'a [u8], &'a [u8]),
}

/// Hands over what there is, in order. Paths begin with `json`; an array's
/// elements are `array_0` and so on.
///
/// # Errors
/// What is wrong with the document.
pub(crate) fn parse(
    text: &[u8],
    depth: usize,
    mut item: impl FnMut(Item<'_>),
) -> Result<(), &'static str> {
    let mut reader = Reader { text, at: 0 };
    let mut path = ROOT.to_vec();
    let mut open: Vec<Open> = Vec::new();
    loop {
        reader.space();
        // A value stands here.
        let named = open.last().is_some_and(|inside| inside.index.is_none());
        if named && matches!(reader.peek(), Some(b'{' | b'[')) {
            item(Item::Name(&path));
        }
        match reader.peek() {
            Some(b'{') => {
                reader.at += 1;
                reader.space();
                if reader.peek() == Some(b'}') {
                    reader.at += 1;
                } else {
                    open.push(Open { length: path.len(), index: None });
                    reader.name(&mut path)?;
                    check(&open, depth)?;
                    continue;
                }
            }
            Some(b'[') => {
                reader.at += 1;
                reader.space();
                if reader.peek() == Some(b']') {
                    reader.at += 1;
                } else {
                    open.push(Open { length: path.len(), index: Some(0) });
                    path.extend_from_slice(b".array_0");
                    check(&open, depth)?;
                    continue;
                }
            }
            Some(b'"') => {
                let text = reader.string()?;
                item(Item::Value(&path, &text));
            }
            Some(_) => item(Item::Value(&path, reader.scalar()?)),
            None => return Err("the document ends early"),
        }
        // A value is over.
        loop {
            reader.space();
            let Some(inside) = open.last_mut() else {
                return if reader.at == text.len() {
                    Ok(())
                } else {
                    Err("something follows the document")
                };
            };
            path.truncate(inside.length);
            match (reader.next(), &mut inside.index) {
                (Some(b','), None) => {
                    reader.space();
                    reader.name(&mut path)?;
                    break;
                }
                (Some(b','), Some(index)) => {
                    *index += 1;
                    path.extend_from_slice(format!(".array_{index}").as_bytes());
                    break;
                }
                (Some(b'}'), None) | (Some(b']'), Some(_)) => {
                    open.pop();
                }
                _ => return Err("a comma or a closing bracket is missing"),
            }
        }
    }
}

/// An object, or an array with the number of its element.
struct Open {
    /// The length of its path.
    length: usize,
    index: Option<usize>,
}

fn check(open: &[Open], depth: usize) -> Result<(), &'static str> {
    if open.len() > depth { Err("the document is too deep") } else { Ok(()) }
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn next(&mut self) -> Option<u8> {
        let octet = self.peek();
        self.at += 1;
        octet
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\r' | b'\n')) {
            self.at += 1;
        }
    }

    /// A name with its colon, added to the path.
    fn name(&mut self, path: &mut Vec<u8>) -> Result<(), &'static str> {
        if self.peek() != Some(b'"') {
            return Err("a name is missing");
        }
        let name = self.string()?;
        // One name after another may each add to the path: this bounds it.
        if path.len() + name.len() > 64 * 1024 {
            return Err("the path of a value is too long");
        }
        path.push(b'.');
        path.extend_from_slice(&name);
        self.space();
        if self.next() == Some(b':') { Ok(()) } else { Err("a colon is missing") }
    }

    fn scalar(&mut self) -> Result<&'a [u8], &'static str> {
        let rest = &self.text[self.at..];
        let end = rest
            .iter()
            .position(|b| matches!(b, b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n'));
        let text = &rest[..end.unwrap_or(rest.len())];
        self.at += text.len();
        let number = || text.iter().all(|b| b.is_ascii_digit() || b"+-.eE".contains(b));
        match text {
            b"true" | b"false" => Ok(text),
            b"null" => Ok(b""),
            [b'-' | b'0'..=b'9', ..] if number() => Ok(text),
            _ => Err("this is no value"),
        }
    }

    fn string(&mut self) -> Result<Vec<u8>, &'static str> {
        self.at += 1;
        let mut out = Vec::new();
        loop {
            let rest = &self.text[self.at.min(self.text.len())..];
            let end = memchr::memchr2(b'"', b'\\', rest).ok_or("a string is not closed")?;
            out.extend_from_slice(&rest[..end]);
            self.at += end + 1;
            if rest[end] == b'"' {
                return Ok(out);
            }
            let escaped = match self.next() {
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'r') => b'\r',
                Some(b'b') => 0x08,
                Some(b'f') => 0x0C,
                Some(b @ (b'"' | b'\\' | b'/')) => b,
                Some(b'u') => {
                    self.code(&mut out)?;
                    continue;
                }
                _ => return Err("an unknown escape"),
            };
            out.push(escaped);
        }
    }

    /// `XXXX` of `\uXXXX`, with the second half of a pair.
    fn code(&mut self, out: &mut Vec<u8>) -> Result<(), &'static str> {
        let mut code = self.four()?;
        if (0xD800..0xDC00).contains(&code) && self.text[self.at..].starts_with(b"\\u") {
            let back = self.at;
            self.at += 2;
            let low = self.four()?;
            if (0xDC00..0xE000).contains(&low) {
                code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            } else {
                self.at = back;
            }
        }
        let c = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        Ok(())
    }

    fn four(&mut self) -> Result<u32, &'static str> {
        let digits = self.text.get(self.at..self.at + 4).ok_or("an escape ends early")?;
        self.at += 4;
        let text =
            std::str::from_utf8(digits).ok().filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        text.and_then(|t| u32::from_str_radix(t, 16).ok()).ok_or("an escape is not hexadecimal")
    }
}

#[cfg(test)]
mod tests {
    fn values(text: &str) -> Result<Vec<(String, String)>, &'static str> {
        let mut found = Vec::new();
        let string = |octets: &[u8]| String::from_utf8_lossy(octets).into_owned();
        super::parse(text.as_bytes(), 8, |item| match item {
            super::Item::Value(path, value) => found.push((string(path), string(value))),
            super::Item::Name(path) => found.push((string(path), "".to_owned())),
        })?;
        Ok(found)
    }

    #[test]
    fn values_have_paths_and_their_own_spelling() {
        let found = values(r#"{"a":[1e309,{"b":"x\u0041\n"}],"c":null,"a":true}"#).unwrap();
        let found: Vec<_> = found.iter().map(|(p, v)| (&**p, &**v)).collect();
        assert_eq!(
            found,
            [
                ("json.a", ""),
                ("json.a.array_0", "1e309"),
                ("json.a.array_1.b", "xA\n"),
                ("json.c", ""),
                ("json.a", "true")
            ]
        );
        assert_eq!(values("\"x\"").unwrap()[0].0, "json");
    }

    #[test]
    fn what_is_no_json_is_an_error() {
        let deep = "[".repeat(9);
        for text in
            ["", "{", "[1,", "{\"a\"}", "[1}", "1 2", "{a:1}", "\"\\q\"", "\"a", "[,]", "x", &deep]
        {
            assert!(values(text).is_err(), "{text}");
        }
    }
}
