//! Clusters and their endpoints: choosing one, reaching it, speaking HTTP to it.
//!
//! What all workers share of a cluster is immutable ([`cluster::Cluster`]); each
//! worker has its own connections, counts and turns ([`cluster::LocalCluster`]).

// Which endpoint an exchange goes to.
pub mod balance;
// One exchange with an endpoint: send, retry, stream back.
pub mod client;
// A named group of endpoints.
pub mod cluster;
// New connections: names, sockets, TLS, the protocol.
pub mod connect;
// Connections that wait for their next exchange.
pub mod connection_pool;
// What a failed exchange with an endpoint means.
mod failure;
// Requests of plugins' own.
pub mod outbound;
// TLS towards endpoints.
pub mod tls;
