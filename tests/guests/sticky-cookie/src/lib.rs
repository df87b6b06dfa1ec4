//! Sends a browser to the endpoint that answered it before, by a cookie.
//!
//! The cookie holds a digest of the endpoint's URL, so that clients learn no
//! addresses, and an endpoint keeps its clients when others come and go.

use plugin_sdk::{Endpoint, NoConfig, Pick, Plugin, Response, Result, Subscription, exchange};

const COOKIE: &str = "endpoint";

struct StickyCookie {
    /// Digest and number of each endpoint.
    endpoints: Vec<(String, u32)>,
}

#[plugin_sdk::export]
impl Plugin for StickyCookie {
    type Config = NoConfig;

    fn new(_: NoConfig) -> Result<Self> {
        Ok(Self { endpoints: Vec::new() })
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().pick_header("cookie")
    }

    fn on_endpoints(&mut self, _cluster: &str, endpoints: &[Endpoint]) {
        let digested = |endpoint: &Endpoint| (digest(&endpoint.url), endpoint.id);
        self.endpoints = endpoints.iter().map(digested).collect();
    }

    /// Nobody is sent to an endpoint that is down: then, and for those who come for
    /// the first time, least-request chooses.
    fn on_pick(&mut self, pick: &Pick) -> Option<u32> {
        let wanted = cookie(pick.header_str("cookie")?)?;
        let (_, id) = self.endpoints.iter().find(|(digest, _)| digest == wanted)?;
        pick.offers(*id).then_some(*id)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        let Some(url) = exchange::endpoint() else { return Ok(()) };
        let answered = digest(&url);
        let sent = exchange::request_header("cookie").unwrap_or_default();
        let known = std::str::from_utf8(&sent).ok().and_then(cookie);
        if known != Some(answered.as_str()) {
            let cookie = format!("{COOKIE}={answered}; Path=/; HttpOnly; SameSite=Lax");
            response.add_header("set-cookie", cookie);
        }
        Ok(())
    }
}

/// The cookie's value in a request's `cookie` field.
fn cookie(field: &str) -> Option<&str> {
    field.split(';').find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
}

/// FNV-1a: the same in every instance, process and release.
fn digest(url: &str) -> String {
    let hash = url.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, octet| {
        (hash ^ u64::from(octet)).wrapping_mul(0x100_0000_01b3)
    });
    format!("{hash:016x}")
}
