//! Decides what no host may carry out; `act` says what.

use plugin_sdk::{Flow, Plugin, Reply, Request, Response, Result};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    act: Act,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
enum Act {
    IllegalName,
    EmptyName,
    NonAsciiName,
    /// A name that is no UTF-8, though the contract says that it is a string.
    NoText,
    PseudoName,
    PseudoStatus,
    RemovePseudo,
    RenameToPseudo,
    Crlf,
    Cr,
    Lf,
    Nul,
    Delete,
    ContentLength,
    AddContentLength,
    RemoveContentLength,
    TransferEncoding,
    Connection,
    KeepAlive,
    ProxyConnection,
    Te,
    Trailer,
    Upgrade,
    RenameToUpgrade,
    Host,
    /// A value of 10 MiB.
    Huge,
    /// A name of 10 MiB.
    HugeName,
    /// A hundred thousand lines.
    Many,
    /// Lines without an end.
    Endless,
    ResponseCrlf,
    ResponseContentLength,
    ReplyStatus0,
    ReplyStatus99,
    ReplyStatus101,
    ReplyStatus999,
    ReplyCrlf,
    ReplyPseudo,
    ReplyContentLength,
    ReplyTransferEncoding,
    ReplyHuge,
    /// A body of 20 MiB.
    ReplyHugeBody,
    HookStatus0,
    HookStatus99,
    HookStatus999,
    HookCrlf,
    HookContentLength,
    HookTransferEncoding,
    HookReplaceContentLength,
    TargetWithoutSlash,
    TargetWithSpace,
    TargetWithFragment,
    TargetNonAscii,
    AuthorityWithSlash,
    AuthorityWithUser,
    AuthorityWithWords,
    UnknownCluster,
    UnknownRoute,
}

impl Act {
    fn is_at_the_response(self) -> bool {
        matches!(
            self,
            Self::HookStatus0
                | Self::HookStatus99
                | Self::HookStatus999
                | Self::HookCrlf
                | Self::HookContentLength
                | Self::HookTransferEncoding
                | Self::HookReplaceContentLength
        )
    }
}

const SMUGGLED: &str = "a\r\nx-smuggled: yes";
const HUGE: usize = 10 << 20;

struct BadHeader(Act);

#[plugin_sdk::export(no_schema)]
impl Plugin for BadHeader {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config.act))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        if self.0.is_at_the_response() {
            return Ok(Flow::Continue);
        }
        // What is legal comes first, and must not be carried out either.
        request.set_header("x-bad", "legal");
        request.response_headers().set("x-bad", "legal");
        if let Some(reply) = reply(self.0) {
            return Ok(reply.into());
        }
        match self.0 {
            Act::IllegalName => request.set_header("x bad", "1"),
            Act::EmptyName => request.set_header("", "1"),
            Act::NonAsciiName => request.set_header("x-b\u{e4}d", "1"),
            Act::NoText => request.remove_header(no_text()),
            Act::PseudoName => request.set_header(":path", "/"),
            Act::PseudoStatus => request.response_headers().set(":status", "200"),
            Act::RemovePseudo => request.remove_header(":authority"),
            Act::RenameToPseudo => request.rename_header("x-bad", ":method"),
            Act::Crlf => request.set_header("x-bad", SMUGGLED),
            Act::Cr => request.set_header("x-bad", "a\rb"),
            Act::Lf => request.set_header("x-bad", "a\nx-smuggled: yes"),
            Act::Nul => request.set_header("x-bad", "a\0b"),
            Act::Delete => request.set_header("x-bad", "a\x7f"),
            Act::ContentLength => request.set_header("content-length", "3"),
            Act::AddContentLength => request.add_header("Content-Length", "3"),
            Act::RemoveContentLength => request.remove_header("content-length"),
            Act::TransferEncoding => request.set_header("Transfer-Encoding", "chunked"),
            Act::Connection => request.set_header("connection", "x-bad"),
            Act::KeepAlive => request.set_header("keep-alive", "timeout=1"),
            Act::ProxyConnection => request.set_header("proxy-connection", "close"),
            Act::Te => request.set_header("te", "trailers"),
            Act::Trailer => request.set_header("trailer", "x-bad"),
            Act::Upgrade => request.set_header("upgrade", "websocket"),
            Act::RenameToUpgrade => request.rename_header("x-bad", "upgrade"),
            Act::Host => request.set_header("host", "elsewhere.example"),
            Act::Huge => request.set_header("x-huge", vec![b'a'; HUGE]),
            Act::HugeName => request.set_header("x".repeat(HUGE), "1"),
            Act::Many => (0..100_000).for_each(|_| request.add_header("x-many", "1")),
            Act::Endless => loop {
                request.add_header("x-many", "1");
            },
            Act::ResponseCrlf => request.response_headers().set("x-bad", SMUGGLED),
            Act::ResponseContentLength => request.response_headers().set("content-length", "3"),
            Act::TargetWithoutSlash => request.set_target("no-slash"),
            Act::TargetWithSpace => request.set_target("/a b HTTP/1.1\r\nx: y"),
            Act::TargetWithFragment => request.set_target("/a#b"),
            Act::TargetNonAscii => request.set_target("/\u{e4}"),
            Act::AuthorityWithSlash => request.set_authority("a/b"),
            Act::AuthorityWithUser => request.set_authority("user@a"),
            Act::AuthorityWithWords => request.set_authority("a:b"),
            Act::UnknownCluster => request.set_cluster("no-such-cluster"),
            Act::UnknownRoute => request.set_route("no-such-route"),
            _ => {}
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        if self.0.is_at_the_response() {
            response.set_header("x-bad", "legal");
        }
        match self.0 {
            Act::HookStatus0 => response.set_status(0),
            Act::HookStatus99 => response.set_status(99),
            Act::HookStatus999 => response.set_status(999),
            Act::HookCrlf => response.set_header("x-bad", SMUGGLED),
            Act::HookContentLength => response.set_header("content-length", "3"),
            Act::HookTransferEncoding => response.set_header("transfer-encoding", "chunked"),
            Act::HookReplaceContentLength => {
                response.replace(Reply::new(200).header("content-length", "3"));
            }
            _ => {}
        }
        Ok(())
    }
}

/// For acts that answer.
fn reply(act: Act) -> Option<Reply> {
    Some(match act {
        Act::ReplyStatus0 => Reply::new(0),
        Act::ReplyStatus99 => Reply::new(99),
        Act::ReplyStatus101 => Reply::new(101),
        Act::ReplyStatus999 => Reply::new(999),
        Act::ReplyCrlf => Reply::new(200).header("x-bad", SMUGGLED),
        Act::ReplyPseudo => Reply::new(200).header(":status", "204"),
        Act::ReplyContentLength => Reply::new(200).header("content-length", "3"),
        Act::ReplyTransferEncoding => Reply::new(200).header("transfer-encoding", "chunked"),
        Act::ReplyHuge => Reply::new(200).header("x-huge", vec![b'a'; HUGE]),
        Act::ReplyHugeBody => Reply::new(200).body(vec![b'a'; 2 * HUGE]),
        _ => return None,
    })
}

#[expect(unsafe_code, reason = "a guest in another language could do so any time")]
fn no_text() -> String {
    // SAFETY: nobody in this guest reads the text; it goes to the host as it is.
    unsafe { String::from_utf8_unchecked(b"x-\xff".to_vec()) }
}
