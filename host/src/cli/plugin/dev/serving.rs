//! The proxy of a development session.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value as Json;
use tokio::sync::{mpsc, oneshot};

use crate::app::{App, Options, Source, StartError};
use crate::config::{
    AccessLog, Cluster, Config, Endpoint, Listener, LogTarget, Matcher, Plugin, PluginUse, Route,
};

/// A proxy on a thread of its own.
pub(super) struct Serving {
    pub(super) plugin: Plugin,
    pub(super) address: SocketAddr,
    end: oneshot::Sender<()>,
    ended: oneshot::Receiver<()>,
}

impl Serving {
    /// Starts it with this plugin on its one route.
    pub(super) async fn start(
        plugin: Plugin,
        listen: SocketAddr,
        to: &[Endpoint],
        observer: mpsc::UnboundedSender<Vec<u8>>,
    ) -> Result<Self, StartError> {
        let config = config(&plugin, listen, to);
        let options =
            Options { observer: Some(observer), ..Options::new(Source::Config(Box::new(config))) };
        let (end, told) = oneshot::channel();
        let (over, ended) = oneshot::channel();
        let (started, start) = oneshot::channel();
        let serve = move || {
            let running = match App::start(options) {
                Ok(running) => running,
                Err(error) => {
                    let _ = started.send(Err(error));
                    return;
                }
            };
            let address = running.addresses().first().map_or(listen, |(_, address)| *address);
            if started.send(Ok(address)).is_ok() {
                running.wait_or(told);
            }
            let _ = over.send(());
        };
        let failed = |error: &dyn std::fmt::Display| StartError(format!("error: {error}"));
        std::thread::Builder::new()
            .name("wasmgate-dev".to_owned())
            .spawn(serve)
            .map_err(|error| failed(&error))?;
        let address = start.await.map_err(|error| failed(&error))??;
        Ok(Self { plugin, address, end, ended })
    }

    /// Lets it finish what it has begun.
    pub(super) async fn end(self) {
        // It ends by itself on a signal, and is gone then.
        let _ = self.end.send(());
        let _ = self.ended.await;
    }
}

fn config(plugin: &Plugin, listen: SocketAddr, to: &[Endpoint]) -> Config {
    let defaults = Config::default();
    let route = Route {
        name: "dev".to_owned(),
        matcher: Matcher::default(),
        plugins: vec![PluginUse { name: plugin.name.clone(), config: None }],
        cluster: 0,
        body_bytes: None,
        response_timeout: None,
    };
    Config {
        // Whoever pressed Ctrl-C waits.
        drain_timeout: Duration::from_secs(1),
        access_log: Some(AccessLog { target: LogTarget::Observer, request_headers: Vec::new() }),
        listeners: vec![Listener::plain(listen)],
        clusters: vec![Cluster::with_defaults("app", to.to_vec(), &defaults.timeouts)],
        plugins: [(plugin.name.clone(), plugin.clone())].into(),
        routes: vec![route],
        ..defaults
    }
}

/// A line for each exchange: `GET /hello  200  respond  0.4 ms`.
pub(super) fn shown(lines: &[u8], plugin: &str) -> String {
    let lines = lines.split(|octet| *octet == b'\n');
    lines.filter_map(|line| exchange(&serde_json::from_slice(line).ok()?, plugin)).collect()
}

fn exchange(entry: &Json, plugin: &str) -> Option<String> {
    let text = |key: &str| entry[key].as_str().unwrap_or("-").to_owned();
    let status = entry["status"].as_u64().map_or("-".to_owned(), |status| status.to_string());
    let plugins = entry["plugins"].as_array().map(Vec::as_slice).unwrap_or_default();
    let own = plugins.iter().find(|entry| entry["name"] == plugin);
    let decision = |hook: &str| own?[hook].as_str();
    let decisions: Vec<&str> = ["request", "response"].into_iter().filter_map(decision).collect();
    #[expect(clippy::cast_precision_loss, reason = "one decimal is shown")]
    let took = entry["duration_us"].as_u64()? as f64 / 1000.0;
    let error = entry["error"]["detail"].as_str();
    let error = error.map(|error| format!("  {error}")).unwrap_or_default();
    let decisions = decisions.join(", ");
    let (method, path) = (text("method"), text("path"));
    let line = format!("{method} {path}  {status}  {decisions}  {took:.1} ms{error}");
    // What a client sent is shown on a terminal.
    let shown: String = line.chars().filter(|c| !c.is_control()).collect();
    Some(format!("{shown}\n"))
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn an_exchange_is_one_line() {
        let line = br#"{"method":"GET","path":"/a","status":503,"duration_us":1234,
            "plugins":[{"name":"guard","request":"trap","us":3.1}],
            "error":{"kind":"plugin_failed","side":"plugin","detail":"guard: request: trap: x"}}"#;
        let line = String::from_utf8_lossy(line).replace('\n', "");
        assert_eq!(
            shown(format!("{line}\n").as_bytes(), "guard"),
            "GET /a  503  trap  1.2 ms  guard: request: trap: x\n"
        );
    }
}
