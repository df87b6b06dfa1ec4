//! A certificate and a secret that nobody but this run of the demo has.

use anyhow::Context as _;

/// Both as PEM.
pub(super) struct Identity {
    pub(super) certificate: String,
    pub(super) key: String,
}

/// For `localhost` and 127.0.0.1, signed by itself.
pub(super) fn self_signed() -> anyhow::Result<Identity> {
    let names = ["localhost", "127.0.0.1"].map(str::to_owned);
    let made = rcgen::generate_simple_self_signed(names).context("cannot make a certificate")?;
    Ok(Identity { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
}

/// 256 bits, in hexadecimal.
pub(super) fn secret() -> anyhow::Result<String> {
    let mut octets = [0; 32];
    aws_lc_rs::rand::fill(&mut octets).ok().context("there are no random numbers")?;
    Ok(octets.iter().map(|octet| format!("{octet:02x}")).collect())
}
