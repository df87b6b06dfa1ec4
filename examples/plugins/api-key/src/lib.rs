//! Lets in who has one of the keys, and says in the access log who it was.

mod config;

use plugin_sdk::{Error, Flow, Plugin, Reply, Request, Result, Subscription, exchange};

use crate::config::Config;

struct ApiKey(Config);

#[plugin_sdk::export]
impl Plugin for ApiKey {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        if config.keys.is_empty() {
            return Err(Error::new("keys: without a key nobody could come in"));
        }
        Ok(Self(config))
    }

    fn subscription(&self) -> Subscription {
        Subscription::new().request_header(self.0.header.as_str())
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        let key = request.header_str(&self.0.header);
        let Some(owner) = key.and_then(|key| self.0.keys.get(key)) else {
            return Ok(Reply::new(401).text("an API key is needed\n").into());
        };
        exchange::annotate("owner", owner)?;
        // The endpoint learns who it is and never sees the key.
        request.remove_header(self.0.header.as_str());
        request.set_header("x-api-key-owner", owner.as_str());
        Ok(Flow::Continue)
    }
}

#[cfg(test)]
mod tests {
    use plugin_sdk::testing::{Exchange, Loaded, Verdict};

    use super::*;

    fn plugin() -> Loaded<ApiKey> {
        Loaded::new(r#"{"keys": {"k-1": "shop"}}"#).expect("a good configuration")
    }

    #[test]
    fn a_key_opens_and_is_not_passed_on() {
        let mut exchange = Exchange::get("/").header("x-api-key", "k-1");
        assert_eq!(plugin().on_request(&mut exchange), Verdict::Continue);
        assert_eq!(exchange.request_header("x-api-key"), None);
        assert_eq!(exchange.request_header("x-api-key-owner").as_deref(), Some("shop"));
        assert_eq!(exchange.annotations(), [("owner".to_owned(), "shop".to_owned())]);
        assert_eq!(exchange.pulls(), 0);
    }

    #[test]
    fn nobody_else_comes_in() {
        for exchange in [Exchange::get("/"), Exchange::get("/").header("x-api-key", "k-2")] {
            let mut exchange = exchange;
            assert_eq!(plugin().on_request(&mut exchange), Verdict::Respond);
            assert_eq!(exchange.status(), Some(401));
        }
    }

    #[test]
    fn no_keys_are_a_mistake() {
        let error = Loaded::<ApiKey>::new(r#"{"keys": {}}"#).map(|_| ()).expect_err("no keys");
        assert_eq!(error, "keys: without a key nobody could come in");
    }
}
