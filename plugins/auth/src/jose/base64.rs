//! Base64 as JOSE writes it: the URL's alphabet, without padding, one spelling for
//! each octet string (RFC 7515, section 2).

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// None unless it is the one spelling.
pub(crate) fn decode(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

pub(crate) fn encode(octets: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(octets)
}

/// With the usual alphabet and padding, as in PEM and HTTP Basic.
pub(crate) fn decode_padded(text: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// With the usual alphabet and padding.
pub(crate) fn encode_padded(octets: impl AsRef<[u8]>) -> String {
    STANDARD.encode(octets)
}
