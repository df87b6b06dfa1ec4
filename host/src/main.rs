//! The program; everything is in the library, where tests reach it.

/// Exchanges allocate many small blocks, on several threads: what mimalloc is made for.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    wasmgate::cli::main()
}
