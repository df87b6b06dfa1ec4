//! `wasmgate plugin test`

mod replay;
pub(super) mod report;
pub(super) mod subject;

use std::path::PathBuf;

use anyhow::anyhow;
use clap::Args;

use super::super::logging::{self, Kept, LogLevel};
use super::super::output::{Failure, print};
use crate::cases::file;
use crate::cases::run::Player;
use crate::cases::{Cases, Surroundings};
use crate::config::{Plugin, PluginSource};
use report::{Report, Style};
use subject::Subject;

/// Plays request cases against a plugin, in the real engine.
///
/// The proxy itself runs in this process, on loopback sockets, with the plugin on its
/// only route and an endpoint that answers what each case says: whatever is true in
/// production is true here. docs/testing-plugins.md describes the cases' keys.
///
/// Exits with 0 if all cases pass, with 1 if one fails, with 2 if a file of cases
/// cannot be read.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(in crate::cli) struct Arguments {
    /// The plugin's project, whose component and cases.toml are taken, or a component
    #[arg(value_name = "DIR|FILE.wasm", default_value = ".")]
    project: PathBuf,

    /// Cases to play; several files one after the other [default: cases.toml beside the component]
    #[arg(long, value_name = "FILE")]
    cases: Vec<PathBuf>,

    /// The component to test, or builtin:NAME, instead of the project's own
    #[arg(long, value_name = "FILE|builtin:NAME", value_parser = super::super::proxy::source)]
    plugin: Option<PluginSource>,

    /// Play the requests of an access log instead, and show which decisions would differ
    #[arg(long, value_name = "LOG")]
    replay: Option<PathBuf>,

    /// What the plugin is called in that log [default: as here, or the only one in a line]
    #[arg(long, value_name = "NAME", requires = "replay")]
    name: Option<String>,

    /// Write the requests of the log as cases, and play nothing
    #[arg(long, value_name = "FILE", requires = "replay")]
    write_cases: Option<PathBuf>,

    /// Print a line of JSON for each case
    #[arg(long)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  wasmgate plugin test
  wasmgate plugin test guard.wasm --cases cases/*.toml
  wasmgate plugin test --replay /var/log/wasmgate.log
  wasmgate plugin test --replay /var/log/wasmgate.log --write-cases cases.toml";

pub(super) fn run(arguments: &Arguments, level: Option<LogLevel>) -> Result<(), Failure> {
    let heard = Kept::from(logging::hear(level)?);
    let subject = Subject::find(&arguments.project, arguments.plugin.as_ref())?;
    if let Some(log) = &arguments.replay {
        return replay::run(arguments, log, &subject, &heard);
    }
    let style = if arguments.json { Style::Json } else { Style::of_stdout() };
    let mut report = Report::new(style);
    for path in subject.case_files(&arguments.cases)? {
        let cases = read(&path, &subject)?;
        report.file(&path)?;
        play(&cases, &heard, &mut report)?;
    }
    report.finish()
}

/// Plays the cases of one file.
pub(super) fn play(cases: &Cases, heard: &Kept, report: &mut Report) -> Result<(), Failure> {
    let mut player = Player::new(&cases.surroundings, heard);
    for case in &cases.cases {
        let outcome = player.play(case);
        report.case(case, &outcome)?;
    }
    Ok(())
}

fn read(path: &std::path::Path, subject: &Subject) -> Result<Cases, Failure> {
    file::load(path, &subject.name, &subject.source)
        .map_err(|wrong| Failure::Unreadable(wrong.render(report::colours_stderr())))
}

/// How the plugin is run: as the file of cases says, if there is one.
pub(super) fn settings(
    cases: &[PathBuf],
    subject: &Subject,
) -> Result<(Plugin, Surroundings), Failure> {
    if cases.len() > 1 {
        return Err(anyhow!("only one file of cases can say how the plugin is run").into());
    }
    let path = cases.first().cloned().or_else(|| subject.own_cases());
    match path {
        Some(path) => read(&path, subject).map(|cases| (cases.plugin, cases.surroundings)),
        None => {
            let plugin = Plugin::with_defaults(&*subject.name, subject.source.clone());
            Ok((plugin, Surroundings::default()))
        }
    }
}

/// Prints what is of interest to people alone.
fn say(arguments: &Arguments, text: &str) -> Result<(), Failure> {
    if arguments.json { Ok(()) } else { print(text) }
}
