//! C, by zig or by clang with wasi-libc.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::tool;

const MISSING: &str = "C plugins are compiled by zig, or by clang with wasi-libc: install zig as \
                       https://ziglang.org/download says, or type `python3 -m venv .venv && \
                       .venv/bin/pip install ziglang==0.17.0` in the project's folder";

/// Where Debian and Alpine put wasi-libc.
const LIBC: [&str; 2] =
    ["/usr/lib/wasm32-wasi/libc.a", "/usr/share/wasi-sysroot/lib/wasm32-wasi/libc.a"];

/// Makes a core module; `out` is relative to the project's folder.
pub(super) fn compile(project: &Path, out: &Path) -> anyhow::Result<()> {
    let Some((compiler, first)) = compiler(project) else { anyhow::bail!(MISSING) };
    let generated = Path::new(".wasmgate/c");
    tool::run(
        Command::new(compiler)
            .args(first)
            .args(["-Os", "-std=c11", "-Wall", "-Wextra", "-mexec-model=reactor"])
            .arg("-I")
            .arg(generated)
            .args(tool::sources(project, "src", "c")?)
            .arg(generated.join("plugin.c"))
            .arg(generated.join("plugin_component_type.o"))
            .arg("-o")
            .arg(out)
            .current_dir(project),
        MISSING,
    )
}

/// The compiler, and its arguments before all others.
fn compiler(project: &Path) -> Option<(PathBuf, Vec<OsString>)> {
    let arguments = |words: &[&str]| words.iter().map(OsString::from).collect();
    if let Some(sdk) = env::var_os("WASI_SDK_PATH").filter(|path| !path.is_empty()) {
        return Some((Path::new(&sdk).join("bin/clang"), arguments(&["--target=wasm32-wasip1"])));
    }
    if let Some(zig) = tool::find(project, &["zig", "python-zig"]) {
        return Some((zig, arguments(&["cc", "-target", "wasm32-wasi"])));
    }
    let clang = tool::find(project, &["clang", "clang-21", "clang-20", "clang-19"])?;
    let libc = LIBC.iter().find(|libc| Path::new(libc).is_file())?;
    let sysroot = Path::new(libc).ancestors().nth(3)?;
    let mut first: Vec<OsString> = arguments(&["--target=wasm32-wasi"]);
    if sysroot != Path::new("/usr") {
        first.extend(["--sysroot".into(), sysroot.into()]);
    }
    Some((clang, first))
}
