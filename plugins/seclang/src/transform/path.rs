//! Paths without detours.

pub(super) fn normalize_win(input: &[u8]) -> Option<Vec<u8>> {
    if !input.contains(&b'\\') {
        return normalize(input);
    }
    let slashes: Vec<u8> = input.iter().map(|b| if *b == b'\\' { b'/' } else { *b }).collect();
    Some(normalize(&slashes).unwrap_or(slashes))
}

/// Multiple slashes are one, `.` goes, and `..` takes a segment along. What
/// leads out of a relative path stays; what leads out of the root goes.
pub(super) fn normalize(input: &[u8]) -> Option<Vec<u8>> {
    if !input.windows(2).any(|w| matches!(w, b"//" | b"/." | b"./")) && !input.starts_with(b".") {
        return None;
    }
    let absolute = input.starts_with(b"/");
    let trailing = input.ends_with(b"/") || input.ends_with(b"/.") || input.ends_with(b"/..");
    let mut kept: Vec<&[u8]> = Vec::new();
    for segment in input.split(|b| *b == b'/') {
        match segment {
            b"" | b"." => {}
            b".." => match kept.last() {
                Some(&last) if last != b".." => {
                    kept.pop();
                }
                _ if absolute => {}
                _ => kept.push(segment),
            },
            _ => kept.push(segment),
        }
    }
    let mut out = Vec::with_capacity(input.len());
    if absolute {
        out.push(b'/');
    }
    out.extend_from_slice(&kept.join(&b'/'));
    if trailing && !kept.is_empty() && (kept.last() != Some(&&b".."[..])) {
        out.push(b'/');
    }
    (out != input).then_some(out)
}
