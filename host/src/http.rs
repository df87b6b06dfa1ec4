//! HTTP towards clients: connections, heads, answers.

// Who the client is when proxies stand in between.
pub mod client_address;
// One client connection, from its first byte to its last.
pub mod connection;
// What the endpoint is told about the client.
pub mod forward;
// Where one request ends and the next begins.
pub mod framing;
// From a request's head to an exchange.
pub mod head;
// One spelling for what a request asks for.
pub mod normalize;
// The one mapping of an error to a response.
pub mod respond;
