//! Compiling in a process of its own.
//!
//! Compiling takes a hundred times the memory of what it makes, of which an
//! allocator gives back but a part, and a component that ends the compiler must not
//! end the proxy. So what is not in the compile cache yet is put there by a child
//! process: the same program with the hidden command `compile`. Nothing depends on
//! it: where there is no cache, or no child can be started, the proxy compiles by
//! itself.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::artifact::{digest, hex};

/// Below the cache's folder: an empty file for each component that is in the cache.
/// wasmtime cannot be asked whether something is, without compiling it if not.
const MARKERS: &str = "compiled";

/// Puts components into the compile cache.
pub struct Compiler {
    program: PathBuf,
    cache_dir: PathBuf,
    /// Tells apart what different engines made of the same component.
    engine: u64,
}

impl Compiler {
    /// Runs `program`, this very one, for an engine with its cache in that folder.
    pub(super) fn new(program: PathBuf, cache_dir: PathBuf, engine: &wasmtime::Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { program, cache_dir, engine: hasher.finish() }
    }

    /// Makes sure, as far as it can, that the component is in the cache. The error is
    /// a component that ended the compiler and is not to be tried again in here.
    pub(super) fn prepare(&self, wasm: &[u8]) -> wasmtime::Result<()> {
        let marker = self.marker(wasm);
        if marker.exists() {
            return Ok(());
        }
        match self.compile(wasm) {
            Ok(status) if status.success() => {
                if let Err(error) = mark(&marker) {
                    tracing::debug!(%error, marker = %marker.display(), "cannot be written");
                }
                Ok(())
            }
            Ok(status) => match status.signal() {
                Some(signal) => Err(wasmtime::Error::msg(format!(
                    "the compiler was ended by signal {signal}; the component may need more memory than there is"
                ))),
                // What is wrong with it is said by compiling it here.
                None => Ok(()),
            },
            Err(error) => {
                tracing::debug!(%error, "no process to compile in");
                Ok(())
            }
        }
    }

    fn marker(&self, wasm: &[u8]) -> PathBuf {
        let name = format!("{}-{:016x}", hex(&digest(wasm)), self.engine);
        self.cache_dir.join(MARKERS).join(name)
    }

    fn compile(&self, wasm: &[u8]) -> std::io::Result<ExitStatus> {
        let mut child = Command::new(&self.program)
            .arg("compile")
            .arg("--cache-dir")
            .arg(&self.cache_dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that does not read to the end says so by its status.
            let _ = stdin.write_all(wasm);
        }
        child.wait()
    }
}

fn mark(marker: &Path) -> std::io::Result<()> {
    if let Some(folder) = marker.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(marker, [])
}
