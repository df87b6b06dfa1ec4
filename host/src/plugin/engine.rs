//! The Wasm engine: one for the process, shared by every plugin and worker.
//!
//! Owns the engine's settings, the linker and the compile cache. Running time is
//! the business of [`super::running_time`], what one instance may use that of
//! [`super::limits`].

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{
    Cache, CacheConfig, Config, Enabled, InstanceAllocationStrategy, OptLevel,
    PoolingAllocationConfig,
};

use super::compiler::Compiler;
use super::instance::HostState;
use super::interface;

/// Instances that may live at once, over all plugins and workers, where the kernel
/// allows as many mappings: ten thousand hooks that wait, and some that run. Each
/// reserves 4 GiB of the 128 TiB that a process can address.
const INSTANCES_MAX: u32 = 16_384;

/// Memory mappings of one instance: its linear memory before, with and after its
/// initial data and the part that it may grow into, its stack and the guard page.
const MAPPINGS_EACH: u64 = 6;

/// Left for libraries, threads, compiled code and everything else.
const MAPPINGS_OTHER: u64 = 4096;

/// What Linux allows a process unless `vm.max_map_count` was changed.
const MAPPINGS_DEFAULT: u64 = 65_530;

/// Of files in the compile cache, as zstd counts: its default.
const COMPRESSION: i32 = 3;

/// Compiles components and links them to the host.
pub struct Engine {
    engine: wasmtime::Engine,
    linker: Linker<HostState>,
    /// Set where a fleet shares state: the functions for it wait, and those for memory are
    /// not to pay for that.
    shared_linker: OnceLock<Linker<HostState>>,
    /// None without a cache to share with it.
    cache_dir: Option<PathBuf>,
    compiler: Option<Compiler>,
    /// On so many threads.
    threads: AtomicUsize,
}

impl Engine {
    /// An engine with the on-disk compile cache in `cache_dir`. A folder that
    /// cannot be used costs compilations, not the start: the warning says why.
    pub fn new(cache_dir: Option<&Path>) -> wasmtime::Result<Self> {
        let cache = cache_dir.and_then(|directory| match open_cache(directory) {
            Ok(cache) => Some(cache),
            Err(error) => {
                tracing::warn!(directory = %directory.display(), error = %format!("{error:#}"),
                    "no compile cache: plugins are compiled again at each start");
                None
            }
        });
        let cache_dir = cache.as_ref().map(|cache| cache.directory().clone());
        let mut config = config();
        config.cache(cache);
        let pooled = {
            let mut config = config.clone();
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
            wasmtime::Engine::new(&config)
        };
        // The pool reserves address space, which a container may limit.
        let engine = pooled.or_else(|error| {
            tracing::warn!(%error, "no instance pool: fresh instances cost more");
            wasmtime::Engine::new(&config)
        })?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        interface::add_to_linker(&mut linker)?;
        let threads = AtomicUsize::new(processors());
        let shared_linker = OnceLock::new();
        Ok(Self { engine, linker, shared_linker, cache_dir, compiler: None, threads })
    }

    /// From now on there is traffic: compiling leaves half of the processors alone.
    /// Its low priority does not, since a thread that is woken on a processor where
    /// the compiler runs may wait until the compiler's time slice ends.
    pub fn leave_room(&self) {
        self.threads.store((processors() / 2).max(1), Ordering::Relaxed);
    }

    /// What is linked from now on keeps its state where a fleet does.
    pub fn share_state(&self) -> wasmtime::Result<()> {
        let mut linker = self.linker.clone();
        interface::share_state(&mut linker)?;
        let _ = self.shared_linker.set(linker);
        Ok(())
    }

    /// Compiles on so many threads.
    pub fn use_threads(&self, threads: NonZeroUsize) {
        self.threads.store(threads.get(), Ordering::Relaxed);
    }

    /// Compiles in processes of its own, by the hidden command `compile` of
    /// `program`, if there is a cache through which they can hand over what they make.
    #[must_use]
    pub fn with_compiler(mut self, program: Option<PathBuf>) -> Self {
        if let (Some(program), Some(cache_dir)) = (program, &self.cache_dir) {
            self.compiler = Some(Compiler::new(program, cache_dir.clone(), &self.engine));
        }
        self
    }

    /// The engine itself, for stores and for the ticker.
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.engine
    }

    /// Compiles, or takes from the cache. Takes seconds for large components:
    /// not on a worker.
    ///
    /// On threads that end with it: what compiling needs is a hundred times what it
    /// leaves, and the allocator gives a thread's memory back when it ends.
    pub fn compile(&self, wasm: &[u8]) -> wasmtime::Result<Component> {
        let threads = self.threads.load(Ordering::Relaxed);
        if let Some(compiler) = &self.compiler {
            // What is in the cache needs no threads.
            if compiler.prepare(wasm, threads)? {
                return Component::from_binary(&self.engine, wasm);
            }
        }
        let name = |index| format!("wasmgate-compile-{index}");
        match rayon::ThreadPoolBuilder::new().thread_name(name).num_threads(threads).build() {
            Ok(threads) => threads.install(|| Component::from_binary(&self.engine, wasm)),
            // Without further threads it takes longer, and works.
            Err(_) => Component::from_binary(&self.engine, wasm),
        }
    }

    /// Resolves the imports, once for all instances.
    pub fn link(&self, component: &Component) -> wasmtime::Result<InstancePre<HostState>> {
        self.shared_linker.get().unwrap_or(&self.linker).instantiate_pre(component)
    }
}

fn processors() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

fn config() -> Config {
    let mut config = Config::new();
    config.wasm_component_model(true);
    // It triples the cost of a plain call (measured: 142 -> 452 ns) and serves only
    // components that use the asynchronous ABI.
    config.concurrency_support(false);
    config.epoch_interruption(true);
    config.cranelift_opt_level(OptLevel::Speed);
    config
}

/// How many instances may live at once here: beyond what the kernel allows, making
/// one would fail in the middle of it.
fn instances() -> u32 {
    let allowed = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    let allowed = allowed.and_then(|text| text.trim().parse().ok());
    instances_within(allowed.unwrap_or(MAPPINGS_DEFAULT))
}

fn instances_within(mappings: u64) -> u32 {
    let fitting = mappings.saturating_sub(MAPPINGS_OTHER) / MAPPINGS_EACH;
    u32::try_from(fitting).unwrap_or(u32::MAX).clamp(64, INSTANCES_MAX)
}

fn pool() -> PoolingAllocationConfig {
    let instances = instances();
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * 4)
        .total_memories(instances)
        .total_tables(instances * 4)
        .total_stacks(instances)
        // Components made by language runtimes hold dozens of core instances.
        .max_core_instances_per_component(100)
        .max_memories_per_component(8)
        .max_tables_per_component(100)
        .max_component_instance_size(4 << 20)
        .max_core_instance_size(4 << 20)
        .table_elements(100_000)
        // A slot that is used again keeps its pages, which saves the faults; what
        // the last guest wrote there is zeroed or reset.
        .linear_memory_keep_resident(if pagemap_scan() { 1 << 20 } else { 256 << 10 })
        .table_keep_resident(64 << 10)
        .pagemap_scan(Enabled::Auto);
    pool
}

fn pagemap_scan() -> bool {
    PoolingAllocationConfig::is_pagemap_scan_available()
}

/// What comes out of the cache is run as machine code, so nobody else may be able
/// to write there.
fn open_cache(directory: &Path) -> anyhow::Result<Cache> {
    use std::os::unix::fs::{DirBuilderExt, MetadataExt};

    use anyhow::Context;

    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .context("cannot create the folder")?;
    let metadata = std::fs::metadata(directory).context("cannot read the folder")?;
    anyhow::ensure!(metadata.is_dir(), "not a folder");
    anyhow::ensure!(
        metadata.uid() == rustix::process::geteuid().as_raw() && metadata.mode() & 0o022 == 0,
        "others may write there; make it yours alone with `chmod 700`"
    );
    tempfile::tempfile_in(directory).context("cannot write there")?;
    let mut config = CacheConfig::new();
    config.with_directory(directory.canonicalize()?);
    // What is used often would be compressed again, harder: 160 MiB for as long as
    // that takes, in the proxy, and a file that is no longer what was recorded of it.
    config.with_baseline_compression_level(COMPRESSION);
    config.with_optimized_compression_level(COMPRESSION);
    Cache::new(config).map_err(|error| anyhow::anyhow!("{error:#}"))
}

/// Where the compile cache is unless configured: below the user's cache folder;
/// none when the environment names no home.
pub fn default_cache_dir() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base =
        absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    base.map(|base| base.join("wasmgate"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_cache_stays_as_it_was_recorded_however_often_it_is_used() {
        let folder = tempfile::tempdir().expect("a folder");
        let cache = open_cache(folder.path()).expect("a cache");
        // wasmtime compresses anew only what was compressed less than that.
        assert_eq!(cache.baseline_compression_level(), cache.optimized_compression_level());
    }

    #[test]
    fn as_many_instances_as_the_kernel_has_mappings_for() {
        assert!(instances_within(MAPPINGS_DEFAULT) >= 10_000);
        assert_eq!(instances_within(0), 64);
        assert_eq!(instances_within(1 << 20), INSTANCES_MAX);
        assert_eq!(instances_within(u64::MAX), INSTANCES_MAX);
    }
}
