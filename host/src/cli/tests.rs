use clap::error::ErrorKind;

use super::*;

fn parse(arguments: &[&str]) -> Result<Cli, clap::Error> {
    Cli::try_parse_from(["wasmgate"].iter().chain(arguments))
}

#[test]
fn the_commands_are_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_command_has_help_with_examples() {
    fn visit(command: &clap::Command, path: &str, found: &mut usize) {
        for inner in command.get_subcommands().filter(|inner| inner.get_name() != "help") {
            let path = format!("{path} {}", inner.get_name());
            assert!(inner.get_about().is_some(), "{path}");
            // What takes nothing is shown by the command above it.
            if inner.has_subcommands() || inner.get_arguments().next().is_some() {
                let help = inner.get_after_help().map(ToString::to_string).unwrap_or_default();
                assert!(help.contains("Examples:\n"), "{path}");
                assert!(help.contains(path.trim_start()), "{path} is not in its examples");
            }
            *found += 1;
            visit(inner, &path, found);
        }
    }
    let mut found = 0;
    visit(&Cli::command(), "wasmgate", &mut found);
    assert_eq!(found, 14);
}

#[test]
fn help_is_no_wider_than_a_terminal() {
    let help = Cli::command().render_long_help().to_string();
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn what_is_no_command_is_refused() {
    for arguments in [
        &["serve"] as &[&str],
        &["run", "--prot", "80"],
        &["proxy"],
        &["proxy", "--listen", "127.0.0.1:1"],
        &["plugin", "new", "guard"],
        &["plugin", "new", "--lang", "cobol", "guard"],
        &["plugin", "inspect"],
        &["completions", "dos"],
        &["demo", "--port", "99999"],
        &["run", "--log-level", "loud"],
    ] {
        let error = parse(arguments).expect_err("this is no command");
        assert_eq!(error.exit_code(), 2, "{arguments:?}");
    }
    let error = parse(&["plugin", "new", "--lang", "lua", "guard"]).expect_err("no such template");
    assert!(error.to_string().contains("there is one for: rust"), "{error}");
}

#[test]
fn the_version_is_the_packages() {
    let error = parse(&["--version"]).expect_err("clap calls it one");
    assert_eq!(error.kind(), ErrorKind::DisplayVersion);
    assert_eq!(error.to_string(), format!("wasmgate {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn completions_are_there_for_every_shell() {
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::Elvish, Shell::PowerShell] {
        let mut script = Vec::new();
        clap_complete::generate(shell, &mut Cli::command(), "wasmgate", &mut script);
        assert!(String::from_utf8_lossy(&script).contains("plugin"), "{shell}");
    }
}
