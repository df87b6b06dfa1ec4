//! Facts about the client's connection.

use crate::host;

pub use crate::bindings::imports::wasmgate::plugin::connection::Certificate;

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

/// The client's certificate, verified against the listener's `client_ca`; none if
/// it showed none, or was not asked for one.
pub fn client_certificate() -> Option<Certificate> {
    host::connection::client_certificate()
}

/// The JA4 fingerprint of the client's TLS hello, such as
/// `t13d1516h2_8daaf6152771_e5627efa2ab1`; none on a plain connection.
pub fn ja4() -> Option<String> {
    host::connection::ja4()
}
