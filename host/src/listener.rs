//! Accepting connections: sockets, limits, TLS.

// From a listening socket to a served connection.
pub mod accept;
// How many connections there may be.
pub mod admission;
// Listening sockets, one for each worker.
pub mod socket;
// Certificates by server name.
pub mod tls;
