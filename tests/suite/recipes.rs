//! The recipes in `docs/plugins` do what they show: each page's configuration is served
//! with the files that it shows, and its commands print what the page says they print.
//!
//! A block is ` ```toml wasmgate.toml `, ` ```text FILE ` or ` ```console `. In the
//! last, a line after `$ ` is a command for the shell, and what follows is its output;
//! `...` in it stands for any text within a line.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use harness::{Origin, Proxy};

/// Where the endpoints of a recipe are, and the servers that take their places.
const ENDPOINTS: [&str; 3] = ["127.0.0.1:3000", "127.0.0.1:3001", "127.0.0.1:3002"];

/// Where a recipe listens, and the name of the address that takes its place.
const LISTENERS: [(&str, &str); 3] =
    [("127.0.0.1:8080", "http"), ("127.0.0.1:8443", "https"), ("127.0.0.1:9180", "admin")];

/// For the access log to have what a command looks for in it.
const PATIENCE: Duration = Duration::from_secs(20);

/// One fenced block.
struct Block<'a> {
    language: &'a str,
    file: Option<&'a str>,
    text: &'a str,
}

/// One command, and the lines that it prints.
struct Shown<'a> {
    command: String,
    lines: Vec<&'a str>,
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut rest = page;
    while let Some((_, opened)) = rest.split_once("\n```") {
        let (info, body) = opened.split_once('\n').expect("a block has lines");
        let (text, after) = match body.split_once("\n```") {
            Some((text, after)) => (text, after),
            None => panic!("the block `{info}` does not end"),
        };
        let mut words = info.split_whitespace();
        let (language, file) = (words.next().unwrap_or_default(), words.next());
        blocks.push(Block { language, file, text });
        rest = after;
    }
    blocks
}

fn shown(text: &str) -> Vec<Shown<'_>> {
    let mut all: Vec<Shown<'_>> = Vec::new();
    for line in text.lines() {
        match (line.strip_prefix("$ "), all.last_mut()) {
            (Some(command), _) => {
                all.push(Shown { command: command.to_owned(), lines: Vec::new() });
            }
            // A command goes on after a backslash.
            (None, Some(last)) if last.lines.is_empty() && last.command.ends_with('\\') => {
                last.command = format!("{}\n{line}", last.command);
            }
            (None, Some(last)) => last.lines.push(line),
            (None, None) => panic!("a block of commands begins with one: {line}"),
        }
    }
    all
}

/// Whether a line is what the page says, in which `...` is any text.
fn is_as_shown(line: &str, shown: &str) -> bool {
    let mut parts = shown.split("...");
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, between)) = parts.split_last() else { return rest.is_empty() };
    for part in between {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

/// Whether a command printed what the page says.
fn is_shown(printed: &str, lines: &[String]) -> bool {
    printed.lines().count() == lines.len()
        && printed.lines().zip(lines).all(|(line, shown)| is_as_shown(line, shown))
}

/// Runs a line beside the test's own servers, which have to answer it; what it prints.
async fn shell(line: &str, folder: PathBuf) -> String {
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(folder);
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap();
    String::from_utf8_lossy(&output.expect("a shell").stdout).replace('\r', "")
}

async fn holds(page: &str, text: &str) {
    let mut origins = Vec::new();
    for name in ENDPOINTS {
        let (_, port) = name.split_once(':').expect("an address");
        origins.push(Origin::http1().named(&format!("origin {port}")).plain().start().await);
    }
    let with_origins = |text: &str| {
        ENDPOINTS.iter().zip(&origins).fold(text.to_owned(), |text, (name, origin)| {
            text.replace(name, &origin.address().to_string())
        })
    };
    let blocks = blocks(text);
    let config = blocks.iter().find(|block| block.file == Some("wasmgate.toml"));
    let config = config.unwrap_or_else(|| panic!("{page} shows no wasmgate.toml"));
    let config = LISTENERS.iter().fold(with_origins(config.text), |text, (shown, name)| {
        text.replace(shown, &format!("@{name}"))
    });
    let mut setup = Proxy::with(config);
    for block in blocks.iter().filter(|block| block.language == "text") {
        if let Some(file) = block.file {
            setup = setup.file(file, format!("{}\n", block.text));
        }
    }
    let proxy = setup.start().await;
    let mut commands = 0;
    for block in blocks.iter().filter(|block| block.language == "console") {
        for Shown { command, lines } in shown(block.text) {
            commands += 1;
            let mut run = with_origins(&command);
            for (shown, name) in LISTENERS {
                if run.contains(shown) {
                    run = run.replace(shown, &proxy.address(name).to_string());
                }
            }
            let lines: Vec<String> = lines.into_iter().map(with_origins).collect();
            let mut printed = shell(&run, proxy.path("")).await;
            // The access log is written a moment later, and reading it again changes nothing.
            let again = Instant::now() + PATIENCE;
            while !is_shown(&printed, &lines) && !run.contains("curl") && Instant::now() < again {
                printed = shell(&run, proxy.path("")).await;
            }
            assert!(
                is_shown(&printed, &lines),
                "{page}: $ {command}\nshows:\n{}\nprints:\n{printed}",
                lines.join("\n"),
            );
        }
    }
    assert!(commands > 0, "{page} shows no command");
}

#[tokio::test]
async fn the_recipes_of_the_bundled_plugins_do_what_they_show() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/plugins");
    let mut pages: Vec<_> =
        fs::read_dir(&folder).unwrap().map(|page| page.unwrap().path()).collect();
    pages.sort_unstable();
    let plugins = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins");
    for plugin in fs::read_dir(plugins).unwrap().map(|entry| entry.unwrap()) {
        let page = folder.join(plugin.file_name()).with_extension("md");
        let is_plugin = plugin.path().join("cases.toml").is_file();
        assert_eq!(is_plugin, pages.contains(&page), "{} and its plugin", page.display());
    }
    for path in pages {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        holds(&name, &fs::read_to_string(&path).unwrap()).await;
    }
}

#[test]
fn dots_stand_for_any_text_within_a_line() {
    for (line, shown, is) in [
        ("abc", "abc", true),
        ("abcd", "abc", false),
        ("abcd", "abc...", true),
        ("abcd", "...cd", true),
        ("a b c d", "a ... c ...", true),
        ("a b d", "a ... c ...", false),
        ("anything", "...", true),
    ] {
        assert_eq!(is_as_shown(line, shown), is, "{line} {shown}");
    }
}
