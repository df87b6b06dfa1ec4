//! What a browser keeps for us: sealed, in cookies.

pub(crate) mod cookie;
pub(crate) mod seal;

use crate::jose::base64;
use plugin_sdk::Result;

/// Random octets as text: so many, of which nobody knows anything.
pub(crate) fn random<const N: usize>() -> Result<String> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets)?;
    Ok(base64::encode(octets))
}
