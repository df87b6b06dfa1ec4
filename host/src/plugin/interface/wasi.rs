//! The part of WASI that every plugin has: clocks, random numbers, an empty
//! environment, output that becomes log lines, granted directories read-only.
//! Sockets are linked, since language runtimes import them unused, and refuse.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};
use wasmtime_wasi::{FsPerms, ResourceTable, WasiCtx, WasiCtxView, WasiView};

use crate::plugin::instance::HostState;
use crate::plugin::limits::LogAllowance;

/// More of a line without an end is cut, so that a guest cannot grow the host.
const LINE_MAX: usize = 8 * 1024;

/// A plugin's WASI state, made when the plugin first asks for any of it: most
/// never do, and a fresh instance for each exchange should not pay for it.
#[derive(Default)]
pub struct Wasi {
    made: Option<(WasiCtx, ResourceTable)>,
}

impl WasiView for HostState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        let (ctx, table) = self.wasi.made.get_or_insert_with(|| {
            (context(&self.name, &self.allowance, &self.files), ResourceTable::new())
        });
        WasiCtxView { ctx, table }
    }
}

fn context(name: &Arc<str>, allowance: &Arc<LogAllowance>, files: &[PathBuf]) -> WasiCtx {
    let stream = |level| LogStream {
        name: Arc::clone(name),
        allowance: Arc::clone(allowance),
        level,
        line: Vec::new(),
    };
    let mut builder = WasiCtx::builder();
    builder
        .stdout(stream(tracing::Level::INFO))
        .stderr(stream(tracing::Level::WARN))
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false);
    for directory in files {
        grant(&mut builder, name, directory);
    }
    builder.build()
}

fn grant(builder: &mut wasmtime_wasi::WasiCtxBuilder, name: &str, directory: &Path) {
    let guest_path = directory.to_string_lossy();
    if let Err(error) = builder.preopened_dir(directory, &*guest_path, FsPerms::ReadOnly) {
        tracing::warn!(target: "plugin", plugin = name, directory = %directory.display(), %error,
            "a granted directory cannot be opened");
    }
}

/// Standard output or standard error of a plugin: one log line for each line.
#[derive(Clone)]
struct LogStream {
    name: Arc<str>,
    allowance: Arc<LogAllowance>,
    level: tracing::Level,
    line: Vec<u8>,
}

impl LogStream {
    fn accept(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            let room = LINE_MAX.saturating_sub(self.line.len());
            self.line.extend_from_slice(&text[..text.len().min(room)]);
            if ended {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let text = String::from_utf8_lossy(&self.line).escape_debug().to_string();
        self.line.clear();
        if !self.allowance.take(&self.name) {
            return;
        }
        let plugin = &self.name;
        if self.level == tracing::Level::WARN {
            tracing::warn!(target: "plugin", %plugin, "{text}");
        } else {
            tracing::info!(target: "plugin", %plugin, "{text}");
        }
    }
}

impl Drop for LogStream {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.end_line();
        }
    }
}

impl IsTerminal for LogStream {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for LogStream {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for LogStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.accept(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait::async_trait]
impl Pollable for LogStream {
    async fn ready(&mut self) {}
}

impl OutputStream for LogStream {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.accept(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(LINE_MAX)
    }
}
