//! What the demo prints: what is on, and lines to type.
//!
//! Plain text whose every command starts a line after four spaces, so that it can be
//! copied, and run by tests, as it is.

use std::fmt::Write as _;
use std::path::Path;

use super::super::output::table;
use super::{Origin, Ports};

/// What there is to tell of.
pub(super) struct Tour<'a> {
    pub(super) folder: &'a Path,
    pub(super) ports: &'a Ports,
    pub(super) origins: &'a [Origin; 2],
}

/// One thing to see.
struct Stop {
    title: &'static str,
    commands: Vec<String>,
}

impl Tour<'_> {
    pub(super) fn text(&self) -> String {
        let mut text =
            format!("wasmgate {}: a proxy in front of two servers\n\n", env!("CARGO_PKG_VERSION"));
        text.push_str(&table("  ", &self.facts()));
        text.push_str("\nIn another terminal:\n");
        for Stop { title, commands } in self.stops() {
            // Writing to a string cannot fail.
            let _ = write!(text, "\n  {title}\n");
            for command in commands {
                let _ = writeln!(text, "    {command}");
            }
        }
        let _ = write!(text, "\nCtrl-C ends it and removes {}\n", self.folder.display());
        text
    }

    fn facts(&self) -> Vec<[String; 2]> {
        let row = |key: &str, value: String| [key.to_owned(), value];
        let [one, two] = self.origins;
        vec![
            row(&self.plain(), "HTTP/1.1, and HTTP/2 with prior knowledge".to_owned()),
            row(&self.tls(), "HTTP/1.1 and HTTP/2, with a certificate made just now".to_owned()),
            row("servers", format!("{} on {}, {} on {}", one.name, one.url(), two.name, two.url())),
            row("plugins", "the bundled ones, and what is dropped in".to_owned()),
            row("configuration", format!("{}, applied when saved", self.file("wasmgate.toml"))),
            row("access log", self.file("access.log")),
            row("admin", self.admin()),
        ]
    }

    fn stops(&self) -> Vec<Stop> {
        let mut stops = self.passing();
        stops.extend(self.bundled());
        stops.extend(self.dropped_in());
        stops.push(stop(
            "What each request met, with the time that each plugin took",
            &[format!("tail -n 3 {}", self.file("access.log"))],
        ));
        stops
    }

    /// What happens to every request.
    fn passing(&self) -> Vec<Stop> {
        let (plain, tls) = (self.plain(), self.tls());
        vec![
            stop("The two servers take turns", &[format!("curl {plain}/ {plain}/")]),
            stop(
                "A prefix is taken off the path: the server sees /users/7",
                &[format!("curl {plain}/api/users/7")],
            ),
            stop("An old address redirects to the new one", &[format!("curl -i {plain}/old/page")]),
            stop(
                "A header chooses the cluster: always server two",
                &[format!("curl -H 'x-preview: yes' {plain}/ {plain}/")],
            ),
            stop(
                "Headers are edited: x-internal is dropped and x-client set on the way in,\n  \
                 x-origin-version dropped and x-served-by set on the way out",
                &[format!("curl -i -H 'x-internal: forged' {plain}/")],
            ),
            stop(
                "HTTPS and HTTP/2; browsers are told to be strict",
                &[format!("curl -i -k --http2 {tls}/")],
            ),
        ]
    }

    /// One stop for each bundled plugin that has a route of its own.
    fn bundled(&self) -> Vec<Stop> {
        let plain = self.plain();
        vec![
            stop("A login that is refused", &[format!("curl -i {plain}/private")]),
            stop(
                "and one that is admitted: the server is told x-auth-user",
                &[format!("curl -u bob:password {plain}/private")],
            ),
            stop("A file that no server has", &[format!("curl {plain}/robots.txt")]),
            stop(
                "Three requests a minute, and no more",
                &[format!(
                    "curl -I {plain}/limited {plain}/limited {plain}/limited {plain}/limited"
                )],
            ),
            stop("Here, clients from this network may read", &[format!("curl {plain}/inside")]),
            stop("and not delete", &[format!("curl -i -X DELETE {plain}/inside")]),
            stop(
                "Scripts of another site may read this: access-control-allow-origin",
                &[format!("curl -i -H 'origin: https://app.example.com' {plain}/shared")],
            ),
            stop(
                "A body of more than 16 octets",
                &[format!("curl -i -d 'this is too much for it' {plain}/upload")],
            ),
            stop(
                "A part of the site that is being worked on",
                &[format!("curl -i {plain}/closed")],
            ),
            stop(
                "Every tenth user gets the new version, which is server two, and who asks",
                &[format!("curl -H 'x-canary: please' {plain}/canary")],
            ),
            stop(
                "A cookie brings a client back to its server",
                &[format!("curl -b '' {plain}/cart {plain}/cart {plain}/cart")],
            ),
            stop(
                "A tenant's requests go to one server",
                &[format!("curl -H 'x-tenant: blue' {plain}/tenant {plain}/tenant {plain}/tenant")],
            ),
        ]
    }

    /// A plugin comes, changes and goes.
    fn dropped_in(&self) -> Vec<Stop> {
        let plain = self.plain();
        let (plugins, wasm) = (self.file("plugins"), self.file("hello.wasm"));
        vec![
            stop(
                "A plugin is dropped in while requests pass: x-dropped-in: hello",
                &[format!("cp {wasm} {plugins}/"), format!("curl -i {plain}/")],
            ),
            stop(
                "It gets another configuration: x-dropped-in: welcome",
                &[
                    format!("cp {} {plugins}/hello.toml", self.file("welcome.toml")),
                    format!("curl -i {plain}/"),
                ],
            ),
            stop(
                "What is no plugin changes nothing, and says why",
                &[
                    format!("echo nonsense > {plugins}/hello.wasm"),
                    format!("curl -i {plain}/"),
                    format!("curl {}/plugins", self.admin()),
                ],
            ),
            stop(
                "And it is gone again",
                &[format!("rm {plugins}/hello.wasm"), format!("curl -i {plain}/")],
            ),
        ]
    }

    fn plain(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.plain)
    }

    fn tls(&self) -> String {
        format!("https://127.0.0.1:{}", self.ports.tls)
    }

    fn admin(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports.admin)
    }

    /// A path in the folder, as a shell takes it.
    fn file(&self, name: &str) -> String {
        quoted(&self.folder.join(name).display().to_string())
    }
}

fn stop(title: &'static str, commands: &[String]) -> Stop {
    Stop { title, commands: commands.to_vec() }
}

fn quoted(path: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%".contains(c);
    if path.chars().all(is_plain) {
        path.to_owned()
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_survive_a_shell() {
        assert_eq!(quoted("/tmp/a-b.c"), "/tmp/a-b.c");
        assert_eq!(quoted("/tmp/it's here"), r"'/tmp/it'\''s here'");
    }

    #[test]
    fn every_command_stands_on_a_line_of_its_own() {
        let origins = [Origin::start("one").unwrap(), Origin::start("two").unwrap()];
        let ports = Ports { plain: 1, tls: 2, admin: 3 };
        let tour = Tour { folder: Path::new("/tmp/d"), ports: &ports, origins: &origins };
        let text = tour.text();
        let commands: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("    ")).collect();
        assert!(commands.len() >= 12, "{text}");
        for command in commands {
            let word = command.split(' ').next().unwrap();
            assert!(["curl", "cp", "echo", "rm", "tail"].contains(&word), "{command}");
        }
        assert!(!text.contains('\u{1b}'));
    }
}
