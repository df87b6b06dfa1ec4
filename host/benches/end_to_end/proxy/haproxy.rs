//! HAProxy with one thread and the same header work.

use std::process::Command;

use anyhow::Result;

use super::Place;

pub(super) fn command(place: &Place<'_>) -> Result<Command> {
    let (address, origin) = (place.address, place.origin);
    let configuration = format!(
        "\
global
  nbthread 1
  maxconn 8000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 60s
  option forwardfor
  unique-id-format %[uuid()]
  unique-id-header X-Request-Id
frontend clients
  bind {address}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header Forwarded for=%[src];host=%[req.hdr(host)];proto=http
  http-request add-header Via \"1.1 haproxy\"
  default_backend origin
backend origin
  server origin {origin}
"
    );
    let path = place.write("haproxy.cfg", &configuration)?;
    let mut command = Command::new("haproxy");
    command.arg("-db").arg("-f").arg(path);
    Ok(command)
}
