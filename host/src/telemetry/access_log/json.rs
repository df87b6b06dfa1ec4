//! Text as JSON strings, safe to look at: whatever a client sends, it stays one
//! string on one line, and no terminal takes it for a command.

/// Appends `text` with its quotes.
pub(super) fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    // Without an early exit, so that many octets are looked at in one instruction.
    if text.iter().fold(true, |plain, octet| plain & is_plain(*octet)) {
        out.extend_from_slice(text);
    } else {
        escaped(out, text);
    }
    out.push(b'"');
}

fn is_plain(octet: u8) -> bool {
    (b' '..=b'~').contains(&octet) & (octet != b'"') & (octet != b'\\')
}

#[cold]
fn escaped(out: &mut Vec<u8>, text: &[u8]) {
    for chunk in text.utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' => out.extend_from_slice(b"\\\""),
                '\\' => out.extend_from_slice(b"\\\\"),
                '\n' => out.extend_from_slice(b"\\n"),
                '\r' => out.extend_from_slice(b"\\r"),
                '\t' => out.extend_from_slice(b"\\t"),
                // JSON asks for those below U+0020. U+0080 to U+009F steer terminals
                // too, and U+2028 and U+2029 end lines for some readers.
                control if control.is_control() || matches!(control, '\u{2028}' | '\u{2029}') => {
                    by_number(out, control);
                }
                other => out.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

/// Appends `\uXXXX`, for characters of the basic plane.
fn by_number(out: &mut Vec<u8>, character: char) {
    out.extend_from_slice(b"\\u");
    for shift in [12, 8, 4, 0] {
        let digit = u32::from(character) >> shift & 0xf;
        out.push(b"0123456789abcdef"[digit as usize]);
    }
}
