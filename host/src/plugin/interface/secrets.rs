//! `secrets`: what the operator granted by name.

use aws_lc_rs::hmac;
use wasmtime::component::Resource;

use super::bindings::wasmgate::plugin::secrets::{Host, HostSecret, Secret};
use super::crypto;
use crate::plugin::instance::HostState;

/// Handles of one instance. There is a use for one of each secret; a plugin that
/// drops none of them would fill the host's memory.
const HANDLES_MAX: u32 = 64;

impl Host for HostState {
    fn find(&mut self, name: String) -> wasmtime::Result<Option<Resource<Secret>>> {
        let Some(place) = self.services.secrets.place(&name) else { return Ok(None) };
        wasmtime::ensure!(
            self.secret_handles < HANDLES_MAX,
            "more than {HANDLES_MAX} handles of secrets: keep one of each, or drop them"
        );
        self.secret_handles += 1;
        Ok(Some(Resource::new_own(place)))
    }
}

impl HostSecret for HostState {
    fn reveal(&mut self, secret: Resource<Secret>) -> wasmtime::Result<Vec<u8>> {
        Ok(self.secret(&secret)?.to_vec())
    }

    fn equals(&mut self, secret: Resource<Secret>, octets: Vec<u8>) -> wasmtime::Result<bool> {
        Ok(crypto::equal(self.secret(&secret)?, &octets))
    }

    fn hmac_sha256(
        &mut self,
        secret: Resource<Secret>,
        message: Vec<u8>,
    ) -> wasmtime::Result<Vec<u8>> {
        crypto::bounded(&message)?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.secret(&secret)?);
        Ok(hmac::sign(&key, &message).as_ref().to_vec())
    }

    fn drop(&mut self, _: Resource<Secret>) -> wasmtime::Result<()> {
        self.secret_handles = self.secret_handles.saturating_sub(1);
        Ok(())
    }
}

impl HostState {
    /// A handle is the secret's place among those granted: there is nothing to keep.
    fn secret(&self, handle: &Resource<Secret>) -> wasmtime::Result<&[u8]> {
        let secret = self.services.secrets.at(handle.rep());
        secret.ok_or_else(|| wasmtime::format_err!("there is no such secret"))
    }
}
