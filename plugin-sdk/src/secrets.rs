//! Secrets that the operator granted by name. Grant:
//! `secrets = { NAME = { env = "VARIABLE" } }`.
//!
//! Prefer [`Secret::equals`] and [`Secret::hmac_sha256`] to [`Secret::reveal`]: a
//! plugin that never holds a secret cannot leak it. In native tests
//! [`testing::grant_secret`](crate::testing::grant_secret) grants them.

use std::fmt;

use crate::host;

/// A granted secret. Find it once, in [`Plugin::new`](crate::Plugin::new).
pub struct Secret(host::secrets::Secret);

/// The secret of this name; none if the operator granted none.
pub fn find(name: &str) -> Option<Secret> {
    host::secrets::find(name).map(Secret)
}

impl Secret {
    /// The octets. From here on the plugin is trusted with them.
    pub fn reveal(&self) -> Vec<u8> {
        self.0.reveal()
    }

    /// Whether it is these octets. The time that it takes tells at most the length.
    pub fn equals(&self, octets: impl AsRef<[u8]>) -> bool {
        self.0.equals(octets.as_ref())
    }

    /// HMAC with SHA-256 of a message of up to 1 MiB, with the secret as key.
    pub fn hmac_sha256(&self, message: impl AsRef<[u8]>) -> Vec<u8> {
        self.0.hmac_sha256(message.as_ref())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
