//! wasmgate
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
fn main() {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let path = std::env::args().nth(1).expect("path");
    let options = wasmgate::app::Options { source: wasmgate::app::Source::File(path.into()), bundled: wasmgate_bundled::PLUGINS };
    match wasmgate::app::App::start(options) {
        Ok(running) => running.wait().expect("wait"),
        Err(error) => { eprint!("{error}"); std::process::exit(1) }
    }
}
