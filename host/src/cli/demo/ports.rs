//! Ports for the demo: those that people expect, if they can be had.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::Context as _;

/// All on 127.0.0.1.
pub(super) struct Ports {
    pub(super) plain: u16,
    pub(super) tls: u16,
    pub(super) admin: u16,
}

impl Ports {
    /// A port that was asked for is taken as it is: if it is in use, the start says so.
    pub(super) fn choose(plain: Option<u16>, tls: Option<u16>) -> anyhow::Result<Self> {
        // Each is held until all are chosen, so that no two are the same.
        let mut held = Vec::new();
        let mut choose = |asked: Option<u16>, usual: u16| match asked.filter(|port| *port != 0) {
            Some(port) => Ok(port),
            None => free(usual).map(|(port, listener)| {
                held.push(listener);
                port
            }),
        };
        let chosen = Self {
            plain: choose(plain, 8080)?,
            tls: choose(tls, 8443)?,
            admin: choose(None, 9180)?,
        };
        Ok(chosen)
    }
}

/// The usual port, or another.
fn free(usual: u16) -> anyhow::Result<(u16, TcpListener)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, usual))
        .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .context("there is no free port on 127.0.0.1")?;
    Ok((listener.local_addr()?.port(), listener))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_port_in_use_is_avoided() {
        let (first, _held) = free(0).unwrap();
        let (second, _held_too) = free(first).unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn what_is_asked_for_is_taken() {
        let ports = Ports::choose(Some(1), Some(2)).unwrap();
        assert_eq!((ports.plain, ports.tls), (1, 2));
    }
}
