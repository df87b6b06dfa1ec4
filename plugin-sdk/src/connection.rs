//! Facts about the client's connection.

use crate::host;

/// The client's address as text: the peer's, or what a trusted proxy says of it.
pub fn client_address() -> Option<String> {
    host::connection::client_address()
}

/// The client's port; none when a proxy stands between.
pub fn client_port() -> Option<u16> {
    host::connection::client_port()
}

/// The name of the listener, as configured.
pub fn listener() -> Option<String> {
    host::connection::listener()
}

/// `TLSv1.2` or `TLSv1.3`; none on a plain connection.
pub fn tls_version() -> Option<String> {
    host::connection::tls_version()
}

/// The server name that the client asked for in its TLS hello.
pub fn server_name() -> Option<String> {
    host::connection::server_name()
}

/// The protocol that TLS negotiated: `h2` or `http/1.1`.
pub fn application_protocol() -> Option<String> {
    host::connection::application_protocol()
}
