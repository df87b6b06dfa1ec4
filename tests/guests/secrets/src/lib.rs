//! Uses the secret `token` as its configuration says.

use plugin_sdk::secrets::{self, Secret};
use plugin_sdk::{Error, Flow, Plugin, Reply, Request, Result};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", tag = "act", deny_unknown_fields)]
enum Config {
    /// Answer with all that can be learnt of it, itself included.
    Answer,
    /// Refuse whoever does not send it in `x-token`.
    Guard,
    /// Refuse the configuration.
    Refuse,
    /// Fail while holding it.
    Fail,
    /// Ask for one handle after the other and drop none.
    Hoard,
}

struct Secrets {
    act: Config,
    token: Secret,
}

#[plugin_sdk::export(no_schema)]
impl Plugin for Secrets {
    type Config = Config;

    fn new(act: Config) -> Result<Self> {
        let token =
            secrets::find("token").ok_or_else(|| Error::new("no secret `token` was granted"))?;
        if matches!(act, Config::Refuse) {
            return Err(Error::new("this configuration is refused"));
        }
        Ok(Self { act, token })
    }

    #[expect(clippy::panic, reason = "a plugin that fails with a secret at hand")]
    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        match self.act {
            Config::Answer => Ok(Reply::new(200).body(self.answer().to_string()).into()),
            Config::Guard => match request.header("x-token") {
                Some(token) if self.token.equals(token) => Ok(Flow::Continue),
                _ => Ok(Reply::new(401).into()),
            },
            Config::Fail => {
                let held = self.token.reveal();
                panic!("a failure, holding {} octets", held.len());
            }
            Config::Refuse => Ok(Flow::Continue),
            Config::Hoard => {
                let hoard: Vec<_> = (0..1000).map(|_| secrets::find("token")).collect();
                Ok(Reply::new(200).body(hoard.len().to_string()).into())
            }
        }
    }
}

impl Secrets {
    fn answer(&self) -> serde_json::Value {
        let hex = |octets: &[u8]| octets.iter().map(|o| format!("{o:02x}")).collect::<String>();
        json!({
            "revealed": String::from_utf8_lossy(&self.token.reveal()),
            "hmac": hex(&self.token.hmac_sha256("what do ya want for nothing?")),
            "equals": [self.token.equals("Jefe"), self.token.equals("jefe"), self.token.equals("")],
            "other": secrets::find("other").is_some(),
        })
    }
}
