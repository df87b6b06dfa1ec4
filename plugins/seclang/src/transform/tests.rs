use super::Transform;

#[track_caller]
fn check(name: &str, input: &[u8], expected: &[u8]) {
    let transform = Transform::named(name).unwrap();
    let output = transform.apply(input).unwrap_or_else(|| input.to_vec());
    assert_eq!(
        String::from_utf8_lossy(&output),
        String::from_utf8_lossy(expected),
        "{name} of {:?}",
        String::from_utf8_lossy(input)
    );
}

#[test]
fn encodings_are_undone_once_and_broken_ones_stay() {
    check("urlDecode", b"a%41+%zz%4", b"aA %zz%4");
    check("urlDecodeUni", b"%u0041%uff1c%u12%41+", b"A<%u12A ");
    check("urlDecodeUni", b"%2541", b"%41");
    check("htmlEntityDecode", b"&lt;a&#x3c;&#60&quot;&unknown;&", b"<a<<\"&unknown;&");
    check("jsDecode", br"\u0041\x42\103\n\q\uzz", b"ABC\nquzz");
    check("cssDecode", b"ja\\vascr\\69 pt\\\n\\q", b"ja\x0bascriptq".replace_v().as_slice());
    check("escapeSeqDecode", br"\x41\101\n\q\\", b"AA\n\\q\\");
    check("hexDecode", b"4142", b"AB");
    check("sqlHexDecode", b"a0x4142z0xg", b"aABz0xg");
    check("base64Decode", b"QUJD!zz", b"ABC");
    check("base64DecodeExt", b"Q-U.J D", b"ABC");
}

trait ReplaceV {
    fn replace_v(&self) -> Vec<u8>;
}

impl ReplaceV for [u8] {
    /// In CSS `\v` is the letter v.
    fn replace_v(&self) -> Vec<u8> {
        self.iter().map(|b| if *b == 0x0b { b'v' } else { *b }).collect()
    }
}

#[test]
fn texts_are_reduced() {
    check("lowercase", b"AbC", b"abc");
    check("compressWhitespace", b"a \t\n b", b"a b");
    check("removeWhitespace", b"a \t\xa0b", b"ab");
    check("removeNulls", b"a\0b", b"ab");
    check("replaceNulls", b"a\0b", b"a b");
    check("replaceComments", b"a/*x*/b/*y", b"a b ");
    check("removeComments", b"a/*x*/b<!--y-->c--d", b"abc");
    check("removeCommentsChar", b"a/*x*/b--c#", b"axbc");
    check("trim", b" a b ", b"a b");
    check("length", b"hello", b"5");
    check("cmdLine", b"C^\"md ,; /(x", b"cmd/(x");
}

#[test]
fn paths_lose_their_detours() {
    check("normalizePath", b"/a/./b//c/../d", b"/a/b/d");
    check("normalizePath", b"/../../etc/passwd", b"/etc/passwd");
    check("normalizePath", b"../x", b"../x");
    check("normalizePath", b"a/../../x", b"../x");
    check("normalizePath", b"/a/..", b"/");
    check("normalizePath", b"/a/b/", b"/a/b/");
    check("normalizePathWin", br"..\a\..\b", b"../b");
}

#[test]
fn encodings_are_made() {
    check("hexEncode", b"AB", b"4142");
    check("base64Encode", b"ABCD", b"QUJDRA==");
    check("urlEncode", b"a b*/", b"a+b*%2f");
    check("utf8toUnicode", "a\u{e4}\u{20ac}".as_bytes(), b"a%u00e4%u20ac");
    assert_eq!(Transform::Sha1.apply(b"").unwrap()[..2], [0xda, 0x39]);
    assert_eq!(Transform::Md5.apply(b"").unwrap()[..2], [0xd4, 0x1d]);
}

#[test]
fn an_unchanged_value_is_reported_as_such() {
    for transform in super::ALL.iter().map(|(t, _)| t) {
        if let Some(out) = transform.apply(b"abc") {
            assert_ne!(out, b"abc", "{transform:?}");
        }
    }
}
