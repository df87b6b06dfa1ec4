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
    PseudoName,
    Crlf,
    Nul,
    ContentLength,
    TransferEncoding,
    Host,
    /// A value of 10 MiB.
    Huge,
    /// A hundred thousand lines.
    Many,
    ResponseCrlf,
    ReplyStatus99,
    ReplyStatus999,
    ReplyCrlf,
    ReplyContentLength,
    ReplyHuge,
    HookStatus99,
    HookCrlf,
    TargetWithoutSlash,
    TargetWithSpace,
    AuthorityWithSlash,
    UnknownCluster,
    UnknownRoute,
}

struct BadHeader(Act);

#[plugin_sdk::export(no_schema)]
impl Plugin for BadHeader {
    type Config = Config;

    fn new(config: Config) -> Result<Self> {
        Ok(Self(config.act))
    }

    fn on_request(&mut self, request: &mut Request) -> Result<Flow> {
        const SMUGGLED: &str = "a\r\nx-smuggled: yes";
        const HUGE: usize = 10 << 20;
        match self.0 {
            Act::IllegalName => request.set_header("x bad", "1"),
            Act::EmptyName => request.set_header("", "1"),
            Act::PseudoName => request.set_header(":path", "/"),
            Act::Crlf => request.set_header("x-bad", SMUGGLED),
            Act::Nul => request.set_header("x-bad", "a\0b"),
            Act::ContentLength => request.set_header("content-length", "3"),
            Act::TransferEncoding => request.set_header("Transfer-Encoding", "chunked"),
            Act::Host => request.set_header("host", "elsewhere.example"),
            Act::Huge => request.set_header("x-huge", vec![b'a'; HUGE]),
            Act::Many => (0..100_000).for_each(|_| request.add_header("x-many", "1")),
            Act::ResponseCrlf => request.response_headers().set("x-bad", SMUGGLED),
            Act::ReplyStatus99 => return Ok(Reply::new(99).into()),
            Act::ReplyStatus999 => return Ok(Reply::new(999).into()),
            Act::ReplyCrlf => return Ok(Reply::new(200).header("x-bad", SMUGGLED).into()),
            Act::ReplyContentLength => {
                return Ok(Reply::new(200).header("content-length", "3").into());
            }
            Act::ReplyHuge => return Ok(Reply::new(200).header("x-huge", vec![b'a'; HUGE]).into()),
            Act::TargetWithoutSlash => request.set_target("no-slash"),
            Act::TargetWithSpace => request.set_target("/a b HTTP/1.1\r\nx: y"),
            Act::AuthorityWithSlash => request.set_authority("a/b"),
            Act::UnknownCluster => request.set_cluster("no-such-cluster"),
            Act::UnknownRoute => request.set_route("no-such-route"),
            Act::HookStatus99 | Act::HookCrlf => {}
        }
        Ok(Flow::Continue)
    }

    fn on_response(&mut self, response: &mut Response) -> Result<()> {
        match self.0 {
            Act::HookStatus99 => response.set_status(99),
            Act::HookCrlf => response.set_header("x-bad", "a\r\nx-smuggled: yes"),
            _ => {}
        }
        Ok(())
    }
}
