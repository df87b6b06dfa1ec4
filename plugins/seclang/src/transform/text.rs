//! White space, comments, case and command lines.

use super::is_space;

fn keep(input: &[u8], wanted: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    if input.iter().all(|b| wanted(*b)) {
        return None;
    }
    Some(input.iter().copied().filter(|b| wanted(*b)).collect())
}

pub(super) fn lowercase(input: &[u8]) -> Option<Vec<u8>> {
    input.iter().any(u8::is_ascii_uppercase).then(|| input.to_ascii_lowercase())
}

pub(super) fn uppercase(input: &[u8]) -> Option<Vec<u8>> {
    input.iter().any(u8::is_ascii_lowercase).then(|| input.to_ascii_uppercase())
}

pub(super) fn length(input: &[u8]) -> Option<Vec<u8>> {
    let text = input.len().to_string().into_bytes();
    (text != input).then_some(text)
}

pub(super) fn remove_nulls(input: &[u8]) -> Option<Vec<u8>> {
    keep(input, |b| b != 0)
}

pub(super) fn replace_nulls(input: &[u8]) -> Option<Vec<u8>> {
    let replaced = |b: &u8| if *b == 0 { b' ' } else { *b };
    input.contains(&0).then(|| input.iter().map(replaced).collect())
}

/// White space, and the octet of a no-break space.
fn is_wide_space(octet: u8) -> bool {
    is_space(octet) || octet == 0xA0
}

pub(super) fn remove_whitespace(input: &[u8]) -> Option<Vec<u8>> {
    keep(input, |b| !is_wide_space(b))
}

pub(super) fn compress_whitespace(input: &[u8]) -> Option<Vec<u8>> {
    if !input.iter().any(|b| is_wide_space(*b)) {
        return None;
    }
    let mut out = Vec::with_capacity(input.len());
    let mut inside = false;
    for &b in input {
        let space = is_wide_space(b);
        if !space {
            out.push(b);
        } else if !inside {
            out.push(b' ');
        }
        inside = space;
    }
    (out != input).then_some(out)
}

pub(super) fn trim_left(input: &[u8]) -> Option<Vec<u8>> {
    let start = input.iter().position(|b| !is_space(*b)).unwrap_or(input.len());
    (start > 0).then(|| input[start..].to_vec())
}

pub(super) fn trim_right(input: &[u8]) -> Option<Vec<u8>> {
    let end = input.iter().rposition(|b| !is_space(*b)).map_or(0, |last| last + 1);
    (end < input.len()).then(|| input[..end].to_vec())
}

pub(super) fn trim(input: &[u8]) -> Option<Vec<u8>> {
    match trim_left(input) {
        None => trim_right(input),
        Some(left) => Some(trim_right(&left).unwrap_or(left)),
    }
}

/// C comments become one blank; one that is not closed takes the rest along.
pub(super) fn replace_comments(input: &[u8]) -> Option<Vec<u8>> {
    let mut from = memchr::memmem::find(input, b"/*")?;
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    loop {
        out.extend_from_slice(&rest[..from]);
        out.push(b' ');
        let Some(end) = memchr::memmem::find(&rest[from + 2..], b"*/") else { break };
        rest = &rest[from + 2 + end + 2..];
        let Some(next) = memchr::memmem::find(rest, b"/*") else {
            out.extend_from_slice(rest);
            break;
        };
        from = next;
    }
    Some(out)
}

/// Comments of C, SQL and HTML go with what is in them. One that is not closed,
/// and one that lasts to the line's end, take the rest along.
pub(super) fn remove_comments(input: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len());
    let mut at = 0;
    while at < input.len() {
        let rest = &input[at..];
        let (open, close): (usize, &[u8]) = if rest.starts_with(b"/*") {
            (2, b"*/")
        } else if rest.starts_with(b"<!--") {
            (4, b"-->")
        } else if rest.starts_with(b"--") || rest.starts_with(b"#") {
            break;
        } else {
            out.push(rest[0]);
            at += 1;
            continue;
        };
        match memchr::memmem::find(&rest[open..], close) {
            Some(end) => at += open + end + close.len(),
            None => break,
        }
    }
    (out.len() < input.len()).then_some(out)
}

/// The marks of comments go; what is in them stays.
pub(super) fn remove_comments_char(input: &[u8]) -> Option<Vec<u8>> {
    const MARKS: [&[u8]; 6] = [b"<!--", b"-->", b"/*", b"*/", b"--", b"#"];
    let mut out = Vec::with_capacity(input.len());
    let mut at = 0;
    while at < input.len() {
        match MARKS.iter().find(|mark| input[at..].starts_with(mark)) {
            Some(mark) => at += mark.len(),
            None => {
                out.push(input[at]);
                at += 1;
            }
        }
    }
    (out.len() < input.len()).then_some(out)
}

/// What a shell would not see is removed: quotes, carets and backslashes go,
/// `,` and `;` are blanks, blanks are one, and none is before `/` and `(`.
pub(super) fn cmd_line(input: &[u8]) -> Option<Vec<u8>> {
    let plain = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-_.=&@:".contains(b);
    if input.iter().all(plain) {
        return None;
    }
    let mut out = Vec::with_capacity(input.len());
    let mut space = false;
    for &b in input {
        match b {
            b'"' | b'\'' | b'\\' | b'^' => {}
            b' ' | b',' | b';' | b'\t' | b'\r' | b'\n' => {
                if !space {
                    out.push(b' ');
                    space = true;
                }
            }
            b'/' | b'(' => {
                if space {
                    out.pop();
                }
                space = false;
                out.push(b);
            }
            _ => {
                out.push(b.to_ascii_lowercase());
                space = false;
            }
        }
    }
    (out != input).then_some(out)
}
