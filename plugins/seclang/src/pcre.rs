//! From the syntax of PCRE, as it is matched octet by octet, to that of the crate
//! `regex`.
//!
//! What means the same is passed on, what is written differently is rewritten,
//! and what that crate cannot match is refused. Rules are matched as ModSecurity
//! 3 does it: `.` matches newlines, `^` and `$` match at lines.

/// A pattern for `regex::bytes` without Unicode.
///
/// # Errors
/// What in the pattern is not supported, and why.
pub(crate) fn translate(pattern: &str) -> Result<String, String> {
    let mut translator =
        Translator { input: pattern.as_bytes(), at: 0, out: String::with_capacity(pattern.len()) };
    translator.run()?;
    Ok(translator.out)
}

struct Translator<'a> {
    input: &'a [u8],
    at: usize,
    out: String,
}

impl Translator<'_> {
    fn run(&mut self) -> Result<(), String> {
        while let Some(&octet) = self.input.get(self.at) {
            match octet {
                b'\\' => self.escape()?,
                b'[' => self.class()?,
                b'(' => self.group()?,
                b'*' | b'+' | b'?' => self.quantifier(self.at + 1)?,
                b'{' => match self.counted() {
                    Some(end) => self.quantifier(end)?,
                    None => {
                        self.out.push_str("\\{");
                        self.at += 1;
                    }
                },
                b'}' => {
                    self.out.push_str("\\}");
                    self.at += 1;
                }
                _ => self.literal(octet),
            }
        }
        Ok(())
    }

    fn rest(&self) -> &[u8] {
        &self.input[self.at..]
    }

    fn literal(&mut self, octet: u8) {
        if octet.is_ascii() {
            self.out.push(char::from(octet));
        } else {
            self.octet(octet);
        }
        self.at += 1;
    }

    fn octet(&mut self, octet: u8) {
        self.out.push_str(&format!("\\x{octet:02x}"));
    }

    /// The end of a `{n,m}` that begins here; none if the brace is itself.
    fn counted(&self) -> Option<usize> {
        let close = self.rest().iter().position(|b| *b == b'}')?;
        let inner = &self.rest()[1..close];
        let (from, to) = match inner.iter().position(|b| *b == b',') {
            Some(comma) => (&inner[..comma], &inner[comma + 1..]),
            None => (inner, &inner[..0]),
        };
        let digits = |s: &[u8]| s.iter().all(u8::is_ascii_digit);
        (!from.is_empty() && digits(from) && digits(to)).then_some(self.at + close + 1)
    }

    fn quantifier(&mut self, end: usize) -> Result<(), String> {
        self.out.push_str(&String::from_utf8_lossy(&self.input[self.at..end]));
        self.at = end;
        match self.rest().first() {
            Some(b'?') => {
                self.out.push('?');
                self.at += 1;
            }
            // At the end nothing could take back what it matched.
            Some(b'+') if self.at + 1 == self.input.len() => self.at += 1,
            Some(b'+') => return Err("possessive quantifiers are not supported".to_owned()),
            _ => {}
        }
        Ok(())
    }

    fn group(&mut self) -> Result<(), String> {
        let rest = self.rest();
        let refused = |what: &str| Err(format!("{what} are not supported"));
        for prefix in ["(?=", "(?!", "(?<=", "(?<!"] {
            if rest.starts_with(prefix.as_bytes()) {
                return refused("look-ahead and look-behind");
            }
        }
        for prefix in ["(?>", "(?|", "(?(", "(?R", "(?&", "(?P>", "(?P=", "(*", "(?C"] {
            if rest.starts_with(prefix.as_bytes()) {
                return refused(&format!("groups of the kind `{prefix}`"));
            }
        }
        if rest.starts_with(b"(?#") {
            let close = rest.iter().position(|b| *b == b')').ok_or("a comment is not closed")?;
            self.at += close + 1;
        } else if rest.starts_with(b"(?'") {
            return refused("names in quotes");
        } else {
            self.literal(b'(');
            // The flags and names of `(?…` are the same in both.
            if self.rest().starts_with(b"?") {
                while let Some(&b) = self.rest().first() {
                    self.literal(b);
                    if matches!(b, b':' | b')' | b'>') {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// An escape outside of a class.
    fn escape(&mut self) -> Result<(), String> {
        let Some(&next) = self.input.get(self.at + 1) else {
            return Err("the pattern ends in a backslash".to_owned());
        };
        let same = |letter: u8| b"bBdDwWsSAz".contains(&letter);
        let (text, used) = match next {
            _ if same(next) => (format!("\\{}", char::from(next)), 2),
            b'Z' => ("(?:\\n?\\z)".to_owned(), 2),
            b'R' => ("(?:\\r\\n|[\\n\\x0b\\x0c\\r\\x85])".to_owned(), 2),
            b'N' => ("[^\\n]".to_owned(), 2),
            b'h' => ("[\\t \\xa0]".to_owned(), 2),
            b'H' => ("[^\\t \\xa0]".to_owned(), 2),
            b'v' => ("[\\n\\x0b\\x0c\\r\\x85]".to_owned(), 2),
            b'V' => ("[^\\n\\x0b\\x0c\\r\\x85]".to_owned(), 2),
            b'Q' => return self.quoted(),
            b'E' => (String::new(), 2),
            b'1'..=b'9' => return Err("back-references are not supported".to_owned()),
            b'K' | b'G' | b'X' | b'C' | b'g' | b'k' | b'p' | b'P' => {
                return Err(format!("`\\{}` is not supported", char::from(next)));
            }
            _ => {
                let (octet, used) = self.escaped_octet(next)?;
                (format!("\\x{octet:02x}"), used)
            }
        };
        self.out.push_str(&text);
        self.at += used;
        Ok(())
    }

    /// `\Q…\E`: all of it is itself.
    fn quoted(&mut self) -> Result<(), String> {
        self.at += 2;
        while !self.rest().is_empty() {
            if self.rest().starts_with(b"\\E") {
                self.at += 2;
                break;
            }
            self.octet(self.input[self.at]);
            self.at += 1;
        }
        Ok(())
    }

    /// The one octet that an escape stands for, in a class or not.
    fn escaped_octet(&self, next: u8) -> Result<(u8, usize), String> {
        let digits = &self.rest()[2..];
        Ok(match next {
            b'x' if digits.starts_with(b"{") => {
                let close = digits.iter().position(|b| *b == b'}').ok_or("`\\x{` is not closed")?;
                let text = String::from_utf8_lossy(&digits[1..close]).into_owned();
                let octet = u8::from_str_radix(&text, 16);
                (octet.map_err(|_| format!("`\\x{{{text}}}` is not an octet"))?, 3 + close)
            }
            b'x' => {
                let count = digits.iter().take(2).take_while(|b| b.is_ascii_hexdigit()).count();
                let text = String::from_utf8_lossy(&digits[..count]);
                (u8::from_str_radix(&text, 16).unwrap_or(0), 2 + count)
            }
            b'0'..=b'7' => {
                let all = &self.rest()[1..];
                let count = all.iter().take(3).take_while(|b| matches!(b, b'0'..=b'7')).count();
                (
                    all[..count].iter().fold(0_u8, |n, b| n.wrapping_mul(8).wrapping_add(b - b'0')),
                    1 + count,
                )
            }
            b'c' => (digits.first().ok_or("`\\c` is not complete")?.to_ascii_uppercase() ^ 0x40, 3),
            b'a' => (0x07, 2),
            b'e' => (0x1B, 2),
            b'f' => (0x0C, 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            _ if next.is_ascii_alphanumeric() => {
                return Err(format!("`\\{}` is not supported", char::from(next)));
            }
            _ => (next, 2),
        })
    }

    /// A class, in which every octet that could mean something is escaped.
    fn class(&mut self) -> Result<(), String> {
        self.out.push('[');
        self.at += 1;
        if self.rest().starts_with(b"^") {
            self.out.push('^');
            self.at += 1;
        }
        let mut first = true;
        loop {
            match self.rest().first() {
                None => return Err("a class is not closed by `]`".to_owned()),
                Some(b']') if !first => break,
                Some(_) => self.class_item()?,
            }
            first = false;
        }
        self.out.push(']');
        self.at += 1;
        Ok(())
    }

    fn class_item(&mut self) -> Result<(), String> {
        if self.rest().starts_with(b"[:")
            && let Some(end) = self.rest().windows(2).position(|w| w == b":]")
        {
            let name = String::from_utf8_lossy(&self.rest()[..end + 2]).into_owned();
            self.out.push_str(&name);
            self.at += end + 2;
            return Ok(());
        }
        let Some(low) = self.class_octet()? else { return Ok(()) };
        self.octet(low);
        let range = self.rest().starts_with(b"-") && self.rest().get(1).is_some_and(|b| *b != b']');
        if !range {
            return Ok(());
        }
        self.at += 1;
        let mark = self.out.len();
        match self.class_octet()? {
            Some(high) if high >= low => self.out.push_str(&format!("-\\x{high:02x}")),
            Some(_) => return Err("a range in a class is the wrong way round".to_owned()),
            // `a-\d`: the hyphen is itself.
            None => self.out.insert_str(mark, "\\-"),
        }
        Ok(())
    }

    /// One octet of a class; none if it was a whole set, which is written already.
    fn class_octet(&mut self) -> Result<Option<u8>, String> {
        let octet = self.input[self.at];
        if octet != b'\\' {
            self.at += 1;
            return Ok(Some(octet));
        }
        let Some(&next) = self.input.get(self.at + 1) else {
            return Err("the pattern ends in a backslash".to_owned());
        };
        let set = match next {
            b'd' | b'D' | b'w' | b'W' | b's' | b'S' => format!("\\{}", char::from(next)),
            b'h' => "\\t \\xa0".to_owned(),
            b'v' => "\\n\\x0b\\x0c\\r\\x85".to_owned(),
            b'b' => {
                self.at += 2;
                return Ok(Some(0x08));
            }
            _ => {
                let (octet, used) = self.escaped_octet(next)?;
                self.at += used;
                return Ok(Some(octet));
            }
        };
        self.out.push_str(&set);
        self.at += 2;
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::translate;

    fn matches(pattern: &str, text: &[u8]) -> bool {
        crate::pattern::regex(pattern, false).unwrap().is_match(text)
    }

    #[test]
    fn what_pcre_means_is_matched() {
        assert!(matches(r"^[]a\]]+$", b"]a"));
        assert!(matches(r"[\w-.]x", b"-x"));
        assert!(matches(r"\{\{.*?}}", b"{{x}}"));
        assert!(matches(r"a{,3}", b"a{,3}"));
        assert!(matches(r"\<b\>", b"<b>"));
        assert!(matches(r"\x{bc}[^>\x{be}]*[>\x{be}]", b"\xbcscript\xbe"));
        assert!(matches(r"[a[b]+&&", b"[&&"));
        assert!(matches(r"a.b", b"a\nb"));
        assert!(matches(r"^b$", b"a\nb\nc"));
        assert!(matches(r"\Qa.b\E+", b"a.b"));
        assert!(matches(r"x\h\R", b"x\t\r\n"));
        assert!(matches(r"[[:alpha:]-]+\Z", b"a-\n"));
        assert!(matches("é", "é".as_bytes()));
        assert!(!matches(r"[\--9]", b"a"));
        assert!(matches(r"\041", b"!"));
    }

    #[test]
    fn what_cannot_be_matched_is_refused() {
        for pattern in [r"(?=a)", r"(?<!a)b", r"(a)\1", r"a++b", r"(?>a)b", r"a\Kb", "[a", "a\\"] {
            assert!(translate(pattern).is_err(), "{pattern}");
        }
    }
}
