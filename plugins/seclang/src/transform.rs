//! Transformations: what is done to a value before an operator looks at it.
//!
//! Each answers with the new octets, or with none if they are the same, so that
//! unchanged values are not stored twice and not searched twice.

mod decode;
mod encode;
mod path;
mod text;

macro_rules! transforms {
    ($($name:ident $text:literal $function:path,)*) => {
        /// A transformation by its name in rules.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[allow(missing_docs, reason = "the names are those of the language")]
        #[repr(u8)]
        pub enum Transform { $($name,)* }

        const ALL: &[(Transform, &str)] = &[$((Transform::$name, $text),)*];

        impl Transform {
            /// The transformed octets; none if they are the same.
            pub fn apply(self, input: &[u8]) -> Option<Vec<u8>> {
                match self { $(Self::$name => $function(input),)* }
            }
        }
    };
}

transforms! {
    Base64Decode "base64Decode" decode::base64,
    Base64DecodeExt "base64DecodeExt" decode::base64_ext,
    Base64Encode "base64Encode" encode::base64,
    CmdLine "cmdLine" text::cmd_line,
    CompressWhitespace "compressWhitespace" text::compress_whitespace,
    CssDecode "cssDecode" decode::css,
    EscapeSeqDecode "escapeSeqDecode" decode::escape_sequences,
    HexDecode "hexDecode" decode::hex,
    HexEncode "hexEncode" encode::hex,
    HtmlEntityDecode "htmlEntityDecode" decode::html_entities,
    JsDecode "jsDecode" decode::js,
    Length "length" text::length,
    Lowercase "lowercase" text::lowercase,
    Md5 "md5" encode::md5,
    NormalisePath "normalisePath" path::normalize,
    NormalisePathWin "normalisePathWin" path::normalize_win,
    NormalizePath "normalizePath" path::normalize,
    NormalizePathWin "normalizePathWin" path::normalize_win,
    ParityEven7Bit "parityEven7bit" encode::parity_even,
    ParityOdd7Bit "parityOdd7bit" encode::parity_odd,
    ParityZero7Bit "parityZero7bit" encode::parity_zero,
    RemoveComments "removeComments" text::remove_comments,
    RemoveCommentsChar "removeCommentsChar" text::remove_comments_char,
    RemoveNulls "removeNulls" text::remove_nulls,
    RemoveWhitespace "removeWhitespace" text::remove_whitespace,
    ReplaceComments "replaceComments" text::replace_comments,
    ReplaceNulls "replaceNulls" text::replace_nulls,
    Sha1 "sha1" encode::sha1,
    SqlHexDecode "sqlHexDecode" decode::sql_hex,
    Trim "trim" text::trim,
    TrimLeft "trimLeft" text::trim_left,
    TrimRight "trimRight" text::trim_right,
    Uppercase "uppercase" text::uppercase,
    UrlDecode "urlDecode" decode::url,
    UrlDecodeUni "urlDecodeUni" decode::url_unicode,
    UrlEncode "urlEncode" encode::url,
    Utf8ToUnicode "utf8toUnicode" encode::utf8_to_unicode,
}

impl Transform {
    /// The transformation of that name, in any case.
    pub(crate) fn named(name: &str) -> Option<Self> {
        ALL.iter().find(|(_, text)| text.eq_ignore_ascii_case(name)).map(|(t, _)| *t)
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn digit(octet: u8) -> Option<u8> {
    char::from(octet).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// ASCII letters in lower case.
pub(crate) fn lower(octets: &[u8]) -> Vec<u8> {
    octets.to_ascii_lowercase()
}

/// White space as C's `isspace` has it.
pub(crate) fn is_space(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t'..=b'\r')
}

#[cfg(test)]
mod tests;
