//! The server behind the proxies: HTTP/1.1 keep-alive with canned answers, on a
//! thread of its own, as cheap as it can be so that the proxy is the bottleneck.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::thread;

use anyhow::{Context as _, Result, ensure};
use bytes::{Buf as _, BytesMut};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use super::message::content_length;

/// Octets of the body of a small answer.
pub(crate) const SMALL_BODY: usize = 128;

/// Octets handed to or taken from the kernel at once.
pub(crate) const PIECE: usize = 256 * 1024;

/// What bodies are made of.
pub(crate) static ZEROS: [u8; PIECE] = [0; PIECE];

static SMALL_ANSWER: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut answer = answer_head(SMALL_BODY);
    answer.extend_from_slice(&ZEROS[..SMALL_BODY]);
    answer
});

/// Starts an origin that lives as long as this process.
///
/// `GET /bytes/N` is answered with N octets, anything else with
/// [`SMALL_BODY`], once the request's body has been read.
pub(crate) fn start() -> Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).context("binding the origin")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    thread::Builder::new().name("origin".into()).spawn(move || {
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            loop {
                let (stream, _) = listener.accept().await?;
                tokio::spawn(async move {
                    if let Err(error) = serve(stream).await {
                        eprintln!("origin: {error:#}");
                    }
                });
            }
            #[expect(unreachable_code, reason = "gives the block its type")]
            anyhow::Ok(())
        })
    })?;
    Ok(address)
}

async fn serve(mut stream: TcpStream) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = BytesMut::with_capacity(16 * 1024);
    let mut piece = Vec::new();
    loop {
        let Some(request) = Incoming::parse(&buffer)? else {
            // A proxy may drop a pooled connection at any time, also by a reset.
            match stream.read_buf(&mut buffer).await {
                Ok(0) | Err(_) => return Ok(()),
                Ok(_) => continue,
            }
        };
        buffer.advance(request.head);
        if !discard(&mut stream, &mut buffer, &mut piece, request.body).await? {
            return Ok(());
        }
        if !answer(&mut stream, request.wanted).await {
            return Ok(());
        }
    }
}

/// What the origin reads from a request's head.
struct Incoming {
    head: usize,
    body: u64,
    wanted: Option<usize>,
}

impl Incoming {
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut fields = [httparse::EMPTY_HEADER; 64];
        let mut parsed = httparse::Request::new(&mut fields);
        let httparse::Status::Complete(head) =
            parsed.parse(bytes).context("a malformed request")?
        else {
            return Ok(None);
        };
        let path = parsed.path.unwrap_or_default();
        let wanted = path.strip_prefix("/bytes/").and_then(|size| size.parse().ok());
        let mut body = 0;
        for field in parsed.headers.iter() {
            if field.name.eq_ignore_ascii_case("content-length") {
                body = content_length(field.value)?;
            }
            ensure!(
                !field.name.eq_ignore_ascii_case("transfer-encoding"),
                "the proxy took away a request's content-length"
            );
        }
        Ok(Some(Self { head, body, wanted }))
    }
}

/// Reads `body` octets, the first of them perhaps already in `buffer`; false if
/// the connection ends before.
pub(crate) async fn discard(
    stream: &mut TcpStream,
    buffer: &mut BytesMut,
    piece: &mut Vec<u8>,
    body: u64,
) -> Result<bool> {
    let here = body.min(buffer.len() as u64);
    buffer.advance(usize::try_from(here)?);
    let mut left = body - here;
    if left > 0 {
        piece.resize(PIECE, 0);
    }
    while left > 0 {
        // Never past the body: what follows belongs to the next message.
        let most = piece.len().min(usize::try_from(left)?);
        let read = stream.read(&mut piece[..most]).await?;
        if read == 0 {
            return Ok(false);
        }
        left -= read as u64;
    }
    Ok(true)
}

/// Writes `body` octets of zeros.
pub(crate) async fn send_zeros(stream: &mut TcpStream, body: usize) -> std::io::Result<()> {
    let mut left = body;
    while left > 0 {
        let piece = left.min(PIECE);
        stream.write_all(&ZEROS[..piece]).await?;
        left -= piece;
    }
    Ok(())
}

/// False if the proxy went away.
async fn answer(stream: &mut TcpStream, wanted: Option<usize>) -> bool {
    let sent = match wanted {
        None => stream.write_all(&SMALL_ANSWER).await,
        Some(size) => match stream.write_all(&answer_head(size)).await {
            Ok(()) => send_zeros(stream, size).await,
            Err(error) => Err(error),
        },
    };
    sent.is_ok()
}

/// Six fields, as an application server would send them.
fn answer_head(body: usize) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\n\
         date: Tue, 06 Oct 2026 08:00:00 GMT\r\n\
         content-type: text/plain; charset=utf-8\r\n\
         content-length: {body}\r\n\
         cache-control: no-cache\r\n\
         etag: \"5f2b8c1e-80\"\r\n\
         last-modified: Mon, 05 Oct 2026 08:00:00 GMT\r\n\r\n"
    )
    .into_bytes()
}
