//! nginx, as its documentation says to configure it for HTTP/1.1 upstreams.

use std::os::unix::fs::MetadataExt as _;
use std::process::Command;

use anyhow::Result;

use super::{Place, Setup};

pub(super) fn command(place: &Place<'_>, setup: &Setup<'_>) -> Result<Command> {
    let configuration = place.write("nginx.conf", &configuration(place, setup)?)?;
    let mut command = Command::new("nginx");
    // Before the configuration is read nginx opens its compiled-in error log, which an
    // ordinary user may not write.
    command.arg("-e").arg(place.output()).arg("-p").arg(place.directory);
    command.arg("-c").arg(configuration);
    Ok(command)
}

fn configuration(place: &Place<'_>, setup: &Setup<'_>) -> Result<String> {
    let (address, origin) = (place.address, place.origin);
    // Started by root, nginx would give its workers to a user who may not enter
    // the temporary directory.
    let user = if place.directory.metadata()?.uid() == 0 { "user root;" } else { "" };
    let (listen, tls) = match setup.tls {
        None => ("", String::new()),
        Some(tls) => (
            " ssl http2",
            format!(
                "ssl_certificate {};\n    ssl_certificate_key {};\n    \
                 ssl_protocols TLSv1.2 TLSv1.3;",
                tls.certificate.display(),
                tls.key.display()
            ),
        ),
    };
    let buffering = if setup.unbuffered {
        "proxy_buffering off;\n      proxy_request_buffering off;"
    } else {
        ""
    };
    // The header work is what wasmgate does for every exchange.
    Ok(format!(
        "\
{user}
worker_processes 1;
daemon off;
pid nginx.pid;
error_log stderr warn;
events {{
  worker_connections 16384;
}}
http {{
  access_log off;
  client_max_body_size 0;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path client_body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream origin {{
    server {origin};
    keepalive 64;
    keepalive_requests 1000000000;
  }}
  server {{
    listen {address}{listen};
    {tls}
    location / {{
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header Forwarded \"for=$remote_addr;host=$http_host;proto=$scheme\";
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $http_host;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header Via \"1.1 nginx\";
      {buffering}
    }}
  }}
}}
"
    ))
}
