//! Uses `crypto` as its configuration says: answers with what comes of hashes and
//! signatures, asks for more than the host takes, or hashes 1 KiB, in the host or
//! here, for the benchmark that compares them.

use plugin_sdk::crypto::{self, Hash, SignatureAlgorithm};
use plugin_sdk::{Flow, Plugin, Reply, Request, Result};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Digest as _;

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act", deny_unknown_fields)]
enum Config {
    Answer,
    TooMuch,
    HashInHost,
    HashInGuest,
}

struct Crypto {
    act: Config,
    message: Vec<u8>,
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Crypto {
    type Config = Config;

    fn new(act: Config) -> Result<Self> {
        Ok(Self { act, message: vec![b'm'; 1024] })
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        match self.act {
            Config::Answer => {
                let key = unhex(request.header("x-key").unwrap_or_default());
                let signature = unhex(request.header("x-signature").unwrap_or_default());
                return Ok(Reply::new(200).body(answer(&key, &signature).to_string()).into());
            }
            Config::TooMuch => drop(crypto::digest(Hash::Sha256, vec![0; (1 << 20) + 1])),
            Config::HashInHost => self.use_up(&crypto::digest(Hash::Sha256, &self.message)),
            Config::HashInGuest => self.use_up(&sha2::Sha256::digest(&self.message)),
        }
        Ok(Flow::Continue)
    }
}

impl Crypto {
    /// The next message depends on it, so that it is worked out.
    fn use_up(&mut self, hash: &[u8]) {
        self.message[..hash.len()].copy_from_slice(hash);
    }
}

/// Of the message `abc`, by the key `Jefe` where there is one.
fn answer(key: &[u8], signature: &[u8]) -> Value {
    let hashes = [Hash::Sha256, Hash::Sha384, Hash::Sha512];
    let verified = crypto::verify(SignatureAlgorithm::Ed25519, key, "abc", signature);
    json!({
        "digests": hashes.map(|hash| hex(&crypto::digest(hash, "abc"))),
        "hmacs": hashes.map(|hash| hex(&crypto::hmac(hash, "Jefe", "what do ya want for nothing?"))),
        "equal": [crypto::equal("a", "a"), crypto::equal("a", "b"), crypto::equal("a", "aa")],
        "verified": verified.map_err(|error| error.to_string()),
    })
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(digits: &[u8]) -> Vec<u8> {
    let digit = |d: &u8| char::from(*d).to_digit(16).unwrap_or_default() as u8;
    digits.chunks(2).map(|pair| pair.iter().fold(0, |octet, d| octet << 4 | digit(d))).collect()
}
