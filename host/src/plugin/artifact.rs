//! From the bytes of a file to a component that can be instantiated, or to a
//! sentence that says what to do.

use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use thiserror::Error;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};
use wasmtime::wasmparser::{Parser, Payload};

use super::engine::Engine;
use super::instance::HostState;
use super::interface::{CONTRACT, HOOKS, INTERFACES, Interface, offered};

/// The custom section in which a component describes itself.
pub const MANIFEST_SECTION: &str = "wasmgate:plugin";

/// A component that has been compiled and linked.
pub struct Artifact {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// Octets of the file.
    pub size: usize,
    /// What the component says of itself.
    pub manifest: Manifest,
    /// The hooks it exports, without `lifecycle`.
    pub hooks: Vec<&'static str>,
    /// The interfaces it imports, as written in the component.
    pub imports: Vec<String>,
    /// Ready to instantiate.
    pub pre: InstancePre<HostState>,
    /// Where its hooks are.
    pub exports: Arc<Exports>,
}

/// A SHA-256.
pub type Digest = [u8; 32];

/// SHA-256 of a file's content.
pub fn digest(wasm: &[u8]) -> Digest {
    Sha256::digest(wasm).into()
}

/// A digest as people compare it.
pub fn hex(digest: &Digest) -> String {
    digest.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// What a component says of itself in its [`MANIFEST_SECTION`].
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Manifest {
    /// The plugin's own name.
    pub name: Option<String>,
    /// The plugin's own version.
    pub version: Option<String>,
    /// One line.
    pub description: Option<String>,
    /// JSON Schema of its configuration.
    pub schema: Option<serde_json::Value>,
}

/// Indices of the functions that the host calls.
pub struct Exports {
    /// `lifecycle.configure`
    pub configure: ComponentExportIndex,
    /// `request.on-request`
    pub request: Option<ComponentExportIndex>,
    /// `response.on-response`
    pub response: Option<ComponentExportIndex>,
    /// `complete.on-complete`
    pub complete: Option<ComponentExportIndex>,
    /// `request-body`
    pub request_body: Option<BodyExports>,
    /// `response-body`
    pub response_body: Option<BodyExports>,
    /// `balance`
    pub balance: Option<BalanceExports>,
    /// `tick`
    pub tick: Option<TickExports>,
}

/// Indices of the two functions of a body hook.
#[derive(Clone, Copy)]
pub struct BodyExports {
    /// `mode`
    pub mode: ComponentExportIndex,
    /// `on-request-body` or `on-response-body`
    pub hook: ComponentExportIndex,
}

/// The functions of `balance`.
pub struct BalanceExports {
    /// `balance.asked`
    pub asked: ComponentExportIndex,
    /// `balance.on-endpoints`
    pub on_endpoints: ComponentExportIndex,
    /// `balance.pick`
    pub pick: ComponentExportIndex,
    /// `balance.on-attempt`
    pub on_attempt: ComponentExportIndex,
}

/// The functions of `tick`.
pub struct TickExports {
    /// `tick.interval`
    pub interval: ComponentExportIndex,
    /// `tick.on-tick`
    pub on_tick: ComponentExportIndex,
}

/// Why a file is not a plugin that this host can run.
#[derive(Debug, Error)]
pub enum ArtifactError {
    /// The first octets are not Wasm's.
    #[error("this is not WebAssembly: it does not begin with `\\0asm`")]
    NotWasm,
    /// A core module.
    #[error(
        "this is a core WebAssembly module, not a component: build it for the target \
         wasm32-wasip2, or wrap it with `wasm-tools component new`"
    )]
    CoreModule,
    /// Truncated or invalid.
    #[error("this is not a valid component (was it copied completely?): {0}")]
    Invalid(String),
    /// No `lifecycle`.
    #[error(
        "this component is no wasmgate plugin: it does not export \
         `wasmgate:plugin/lifecycle@{}.{}.0`", CONTRACT.0, CONTRACT.1
    )]
    NotAPlugin,
    /// Another contract version.
    #[error(
        "it speaks version {version} of the plugin contract, this wasmgate speaks {}.{}: \
         rebuild the plugin with the SDK of this version", CONTRACT.0, CONTRACT.1
    )]
    Version {
        /// What the component was built for.
        version: String,
    },
    /// A hook that this host does not call.
    #[error(
        "it exports the hook `{hook}`, which this version of wasmgate does not call \
         (it calls {}): use a newer wasmgate or remove the hook", HOOKS.join(", ")
    )]
    UnknownHook {
        /// The interface's name.
        hook: String,
    },
    /// A capability that this host does not have.
    #[error(
        "it imports `{import}`, which this version of wasmgate does not offer \
         (it offers {}, and WASI 0.2 without wasi:http)",
        names(INTERFACES)
    )]
    UnknownImport {
        /// As written in the component.
        import: String,
    },
    /// The types do not match.
    #[error("it cannot be linked: {0}")]
    Link(String),
}

impl Artifact {
    /// Checks, compiles and links. Takes seconds for a large component that is not
    /// in the compile cache.
    pub fn load(engine: &Engine, wasm: &[u8]) -> Result<Self, ArtifactError> {
        // "\0asm", then a version and a layer, which is 1 for components.
        match wasm.get(..8) {
            Some([0, b'a', b's', b'm', _, _, 1, 0]) => {}
            Some([0, b'a', b's', b'm', ..]) => return Err(ArtifactError::CoreModule),
            _ => return Err(ArtifactError::NotWasm),
        }
        let component =
            engine.compile(wasm).map_err(|error| ArtifactError::Invalid(format!("{error:#}")))?;
        let ty = component.component_type();
        let imports: Vec<String> =
            ty.imports(engine.wasmtime()).map(|(name, _)| name.to_owned()).collect();
        imports.iter().try_for_each(|import| check_import(import))?;
        let mut found = Vec::new();
        for (name, item) in ty.exports(engine.wasmtime()) {
            let is_instance = matches!(item.ty, ComponentItem::ComponentInstance(_));
            if let Some((hook, version)) = contract_name(name).filter(|_| is_instance) {
                check_version(version)?;
                let hook = HOOKS.iter().find(|known| **known == hook);
                let hook =
                    hook.ok_or_else(|| ArtifactError::UnknownHook { hook: name.to_owned() })?;
                found.push((*hook, name.to_owned()));
            }
        }
        let exports = exports(&component, &found)?;
        let pre =
            engine.link(&component).map_err(|error| ArtifactError::Link(format!("{error:#}")))?;
        Ok(Self {
            digest: digest(wasm),
            size: wasm.len(),
            manifest: manifest(wasm),
            hooks: found
                .iter()
                .map(|(hook, _)| *hook)
                .filter(|hook| *hook != "lifecycle")
                .collect(),
            imports,
            pre,
            exports: Arc::new(exports),
        })
    }
}

impl Artifact {
    /// The interfaces it imports that the operator has to grant.
    pub fn needs(&self) -> impl Iterator<Item = &'static Interface> {
        let imported = self.imports.iter().filter_map(|import| offered(contract_name(import)?.0));
        imported.filter(|interface| interface.grant.is_some())
    }
}

fn names(interfaces: &[Interface]) -> String {
    let names: Vec<&str> = interfaces.iter().map(|interface| interface.name).collect();
    names.join(", ")
}

fn exports(component: &Component, found: &[(&str, String)]) -> Result<Exports, ArtifactError> {
    let function = |hook: &str, function: &str| {
        let (_, name) = found.iter().find(|(known, _)| *known == hook)?;
        let interface = component.get_export_index(None, name)?;
        component.get_export_index(Some(&interface), function)
    };
    let body = |interface: &str, hook: &str| {
        Some(BodyExports { mode: function(interface, "mode")?, hook: function(interface, hook)? })
    };
    let balance = || {
        Some(BalanceExports {
            asked: function("balance", "asked")?,
            on_endpoints: function("balance", "on-endpoints")?,
            pick: function("balance", "pick")?,
            on_attempt: function("balance", "on-attempt")?,
        })
    };
    let tick = || {
        Some(TickExports {
            interval: function("tick", "interval")?,
            on_tick: function("tick", "on-tick")?,
        })
    };
    Ok(Exports {
        configure: function("lifecycle", "configure").ok_or(ArtifactError::NotAPlugin)?,
        request: function("request", "on-request"),
        response: function("response", "on-response"),
        complete: function("complete", "on-complete"),
        request_body: body("request-body", "on-request-body"),
        response_body: body("response-body", "on-response-body"),
        balance: balance(),
        tick: tick(),
    })
}

/// Interface and version of `wasmgate:plugin/INTERFACE@VERSION`.
fn contract_name(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix("wasmgate:plugin/")?.split_once('@')
}

fn check_version(version: &str) -> Result<(), ArtifactError> {
    let mut parts = version.split('.').map(str::parse::<u64>);
    match (parts.next(), parts.next()) {
        (Some(Ok(major)), Some(Ok(minor))) if (major, minor) == CONTRACT => Ok(()),
        _ => Err(ArtifactError::Version { version: version.to_owned() }),
    }
}

fn check_import(import: &str) -> Result<(), ArtifactError> {
    /// What `wasmtime-wasi` links.
    const WASI: &[&str] = &[
        "wasi:cli/",
        "wasi:clocks/",
        "wasi:filesystem/",
        "wasi:io/",
        "wasi:random/",
        "wasi:sockets/",
    ];
    if let Some((interface, version)) = contract_name(import) {
        check_version(version)?;
        if offered(interface).is_some() {
            return Ok(());
        }
    } else if WASI.iter().any(|known| import.starts_with(known)) {
        return Ok(());
    }
    Err(ArtifactError::UnknownImport { import: import.to_owned() })
}

/// The manifest, wherever in the component the linker put it; an unreadable one
/// counts as none, since it only informs.
pub fn manifest(wasm: &[u8]) -> Manifest {
    let sections = Parser::new(0).parse_all(wasm).map_while(Result::ok);
    let mut manifests = sections.filter_map(|payload| match payload {
        Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
            serde_json::from_slice(section.data()).ok()
        }
        _ => None,
    });
    manifests.next().unwrap_or_default()
}
