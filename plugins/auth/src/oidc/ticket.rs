//! What cookies hold: a session, and a login under way.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use plugin_sdk::Result;

use crate::session::seal::Sealer;

/// A session.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Ticket {
    /// By which it can be ended.
    pub(super) id: String,
    /// When it ends, whatever happens.
    pub(super) ends: i64,
    pub(super) claims: Map<String, Value>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) access_token: Option<String>,
    /// When the access token expires, if the provider said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) refresh_token: Option<String>,
    /// For the provider's logout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) id_token: Option<String>,
}

/// A login under way.
#[derive(Debug, Deserialize, Serialize)]
pub(super) struct Pending {
    pub(super) state: String,
    pub(super) nonce: String,
    /// Of PKCE.
    pub(super) verifier: String,
    /// Path and query.
    pub(super) return_to: String,
    pub(super) ends: i64,
}

// What was sealed as the one is not opened as the other.
const SESSION: &str = "session 1";
const LOGIN: &str = "login 1";

impl Ticket {
    pub(super) fn open(sealer: &Sealer, sealed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&sealer.open(SESSION, sealed)?).ok()
    }

    pub(super) fn seal(&self, sealer: &Sealer) -> Result<String> {
        sealer.seal(SESSION, &serde_json::to_vec(self)?)
    }

    pub(super) fn is_live(&self, now: i64) -> bool {
        now < self.ends
    }

    /// Whether what the provider said has expired, and it can be asked again.
    pub(super) fn wants_refresh(&self, now: i64) -> bool {
        self.refresh_token.is_some() && self.expires.is_some_and(|expires| now >= expires)
    }
}

impl Pending {
    pub(super) fn open(sealer: &Sealer, sealed: &[u8]) -> Option<Self> {
        serde_json::from_slice(&sealer.open(LOGIN, sealed)?).ok()
    }

    pub(super) fn seal(&self, sealer: &Sealer) -> Result<String> {
        sealer.seal(LOGIN, &serde_json::to_vec(self)?)
    }
}
