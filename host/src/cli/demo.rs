//! `wasmgate demo`: everything that there is to see, with nothing to set up.

mod certificate;
pub(super) mod origin;
mod ports;
mod tour;

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use clap::Args;

use super::output::{Failure, print};
use crate::app::{App, Options, Source};
use origin::Origin;
use ports::Ports;
use tour::Tour;

/// Shows what wasmgate does: a proxy in front of two servers that it brings along.
///
/// Prints where it listens, what is on, and `curl` lines that show one thing each.
/// Everything that it writes is in one temporary folder, which is removed at the end.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Port for HTTP on 127.0.0.1 [default: 8080, or any that is free]
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,

    /// Port for HTTPS on 127.0.0.1 [default: 8443, or any that is free]
    #[arg(long, value_name = "PORT")]
    tls_port: Option<u16>,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate demo
  wasmgate demo --port 9000 --tls-port 9443";

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let folder = tempfile::Builder::new()
        .prefix("wasmgate-demo-")
        .tempdir()
        .context("cannot make a temporary folder")?;
    let origins = [Origin::start("one")?, Origin::start("two")?];
    let ports = Ports::choose(arguments.port, arguments.tls_port)?;
    let config = furnish(folder.path(), &ports, &origins)?;
    let running = App::start(Options::new(Source::File(config)))?;
    let tour = Tour { folder: folder.path(), ports: &ports, origins: &origins };
    print(&tour.text())?;
    running.wait();
    print("\n")?;
    Ok(folder.close().context("cannot remove the temporary folder")?)
}

/// Puts everything that the proxy reads into the folder; gives the configuration.
fn furnish(
    folder: &Path,
    ports: &Ports,
    origins: &[Origin; 2],
) -> anyhow::Result<std::path::PathBuf> {
    let write = |name: &str, content: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))
    };
    let plugins = folder.join("plugins");
    fs::create_dir(&plugins).with_context(|| format!("cannot create {}", plugins.display()))?;
    let identity = certificate::self_signed()?;
    write("site.pem", identity.certificate.as_bytes())?;
    write("site.key", identity.key.as_bytes())?;
    let hello = wasmgate_bundled::find("headers").context("`headers` is a bundled plugin")?;
    write("hello.wasm", hello.wasm)?;
    write("plugins/hello.toml", sidecar("hello").as_bytes())?;
    write("welcome.toml", sidecar("welcome").as_bytes())?;
    write("sticky.key", certificate::secret()?.as_bytes())?;
    let values = [
        ("{{plain}}", ports.plain.to_string()),
        ("{{tls}}", ports.tls.to_string()),
        ("{{admin}}", ports.admin.to_string()),
        ("{{one}}", origins[0].url()),
        ("{{two}}", origins[1].url()),
    ];
    let mut text = include_str!("demo/wasmgate.toml").to_owned();
    for (placeholder, value) in values {
        text = text.replace(placeholder, &value);
    }
    write("wasmgate.toml", text.as_bytes())?;
    Ok(folder.join("wasmgate.toml"))
}

/// The configuration beside the plugin that is dropped in.
fn sidecar(word: &str) -> String {
    format!("config = {{ response = {{ set = {{ x-dropped-in = \"{word}\" }} }} }}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    #[test]
    fn what_is_furnished_is_a_good_configuration() {
        let folder = tempfile::tempdir().unwrap();
        let origins = [Origin::start("one").unwrap(), Origin::start("two").unwrap()];
        let ports = Ports::choose(None, None).unwrap();
        let path = furnish(folder.path(), &ports, &origins).unwrap();
        let names = wasmgate_bundled::PLUGINS.iter().map(|plugin| plugin.name);
        let loaded = config::Loader::default().builtins(names).load(&path);
        let loaded = loaded.unwrap_or_else(|report| panic!("{report}"));
        assert_eq!(loaded.report.diagnostics(), []);
        let (sidecar, wasm) =
            (folder.path().join("plugins/hello.toml"), folder.path().join("hello.wasm"));
        assert!(config::sidecar(&sidecar, "hello", &wasm).is_ok());
    }
}
