//! Compiling in a process of its own.
//!
//! Compiling takes a hundred times the memory of what it makes, of which an
//! allocator gives back but a part, and a component that ends the compiler must not
//! end the proxy. So what is not in the compile cache yet is put there by a child
//! process: the same program with the hidden command `compile`. Nothing depends on
//! it: where there is no cache, or no child can be started, the proxy compiles by
//! itself.

use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};

use super::artifact::{digest, hex};

/// Below the cache's folder: a file for each component that is in the cache, with
/// the digests of what the cache has of it. wasmtime can neither be asked whether
/// something is in the cache, without compiling it if not, nor does it notice when a
/// file there was damaged: what is in it is run as machine code.
const RECORDS: &str = "compiled";

/// The program that runs here, also when a newer one has taken its file's place.
pub fn this_program() -> Option<PathBuf> {
    Some(PathBuf::from("/proc/self/exe"))
}

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

    /// Makes sure, as far as it can, that the component is in the cache, and as it was
    /// written; returns whether it is. The error is a component that ended the compiler
    /// and is not to be tried again in here.
    pub(super) fn prepare(&self, wasm: &[u8], threads: usize) -> wasmtime::Result<bool> {
        let record = self.record(wasm);
        if self.holds(&record).unwrap_or(false) {
            return Ok(true);
        }
        match self.compile(wasm, &record, threads) {
            Ok(status) => match status.signal() {
                Some(signal) => Err(wasmtime::Error::msg(format!(
                    "the compiler was ended by signal {signal}; the component may need more memory than there is"
                ))),
                // What is wrong with it is said by compiling it here.
                None => Ok(status.success()),
            },
            Err(error) => {
                tracing::debug!(%error, "no process to compile in, or no place for its result");
                Ok(false)
            }
        }
    }

    fn record(&self, wasm: &[u8]) -> PathBuf {
        let name = format!("{}-{:016x}", hex(&digest(wasm)), self.engine);
        self.cache_dir.join(RECORDS).join(name)
    }

    /// Whether all that the record tells of is in the cache.
    fn holds(&self, record: &Path) -> io::Result<bool> {
        let text = fs::read_to_string(record)?;
        let mut lines = text.lines().peekable();
        if lines.peek().is_none() {
            return Ok(false);
        }
        for line in lines {
            let Some((expected, path)) = line.split_once("  ") else { return Ok(false) };
            if hex(&digest(&fs::read(self.cache_dir.join(path))?)) != expected {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// In a folder of its own first: what the child makes is known by that, and takes
    /// the place of what was there.
    fn compile(&self, wasm: &[u8], record: &Path, threads: usize) -> io::Result<ExitStatus> {
        let folder = tempfile::Builder::new().prefix(".compiling-").tempdir_in(&self.cache_dir)?;
        let mut child = Command::new(&self.program)
            .arg("compile")
            .arg("--cache-dir")
            .arg(folder.path())
            .arg("--threads")
            .arg(threads.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that does not read to the end says so by its status.
            let _ = stdin.write_all(wasm);
        }
        let status = child.wait()?;
        if status.success() {
            self.take(folder.path(), record)?;
        }
        Ok(status)
    }

    /// Moves what is in the folder into the cache, and writes down what it is.
    fn take(&self, folder: &Path, record: &Path) -> io::Result<()> {
        let mut text = String::new();
        for path in files(folder)? {
            let Ok(place) = path.strip_prefix(folder) else { continue };
            let target = self.cache_dir.join(place);
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            // Beside it are statistics of its use, which change with each.
            if place.extension().is_none() {
                let _ = writeln!(text, "{}  {}", hex(&digest(&fs::read(&path)?)), place.display());
            }
            fs::rename(&path, &target)?;
        }
        fs::create_dir_all(self.cache_dir.join(RECORDS))?;
        let mut file = tempfile::NamedTempFile::new_in(&self.cache_dir)?;
        file.write_all(text.as_bytes())?;
        file.persist(record)?;
        Ok(())
    }
}

/// The files below a folder.
fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            match entry.file_type()?.is_dir() {
                true => folders.push(entry.path()),
                false => found.push(entry.path()),
            }
        }
    }
    Ok(found)
}
