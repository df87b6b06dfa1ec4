//! Ports for the proxy's listeners.
//!
//! The configuration names them before the proxy binds them, so "port 0" is of
//! no use. They are taken from below the range that the kernel hands out itself,
//! so that no other socket of this machine gets one by chance in between.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// Starts at a place of its own in every process, so that two suites that run at
/// the same time rarely try the same port.
static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| {
    let place = std::process::id().wrapping_mul(2_654_435_761) >> 16;
    AtomicU16::new(u16::try_from(place).expect("the upper half of 32 bits"))
});

/// A loopback address that nothing listens on and no other test gets.
pub(crate) fn free() -> SocketAddr {
    for _ in 0..COUNT {
        let port = FIRST + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
