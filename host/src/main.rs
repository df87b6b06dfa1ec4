//! The program; everything is in the library, where tests reach it.

/// Exchanges allocate many small blocks, on several threads: what mimalloc is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    // The allocator's arenas are sparse; huge pages would more than double what an
    // idle proxy holds (measured: 51 MiB instead of 29). Where the kernel has no such
    // switch, that is how it is.
    let _ = rustix::thread::disable_transparent_huge_pages(true);
    wasmgate::cli::main()
}
