//! `wasmgate plugin test --replay`

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;

use anyhow::{Context as _, ensure};

use super::report::{Report, Style};
use super::subject::Subject;
use super::{Arguments, say, settings};
use crate::cases::replay::{Logged, Skipped, logged};
use crate::cases::run::Player;
use crate::cases::{Act, written};
use crate::config::Plugin;

use super::super::super::logging::Kept;
use super::super::super::output::Failure;

/// Plays the log, or writes it down as cases.
pub(super) fn run(
    arguments: &Arguments,
    log: &Path,
    subject: &Subject,
    heard: &Kept,
) -> Result<(), Failure> {
    let (plugin, surroundings) = settings(&arguments.cases, subject)?;
    let mut lines = Lines::open(log, &plugin, arguments.name.as_deref())?;
    if let Some(file) = &arguments.write_cases {
        let written = write(&mut lines, log, file)?;
        return say(
            arguments,
            &format!("{written} cases are in {}\n{}", file.display(), lines.remarks()),
        );
    }
    let style = if arguments.json { Style::Json } else { Style::of_stdout() };
    let mut report = Report::new(style);
    let mut player = Player::new(&surroundings, heard);
    while let Some(mut logged) = lines.next()? {
        if let Act::Exchange(step) = &mut logged.case.act {
            // Decisions are compared; annotations may well name the time of day.
            step.expect.annotations.clear();
        }
        let outcome = player.play(&logged.case);
        if let Some(crate::cases::run::Failure::Load(report)) = outcome.failure {
            return Err(Failure::Report(report));
        }
        report.replayed(&logged.case, &outcome)?;
    }
    say(arguments, &lines.remarks())?;
    report.compared()
}

fn write(lines: &mut Lines<'_>, log: &Path, file: &Path) -> anyhow::Result<usize> {
    let failed = || format!("cannot write {}", file.display());
    // Cases that somebody has written by hand are not to be lost.
    let mut out = File::create_new(file).with_context(failed)?;
    writeln!(out, "# Made from {}.", log.display()).with_context(failed)?;
    let mut count = 0;
    while let Some(logged) = lines.next()? {
        if let Some(text) = written::case(&logged.case) {
            write!(out, "\n{text}").with_context(failed)?;
            count += 1;
        }
    }
    Ok(count)
}

/// The exchanges of a log.
struct Lines<'a> {
    reader: BufReader<File>,
    path: &'a Path,
    plugin: &'a Plugin,
    name: Option<&'a str>,
    number: usize,
    found: usize,
    without_headers: usize,
    with_body: usize,
    skipped: BTreeMap<Skipped, usize>,
}

/// A line that is longer was not written by wasmgate.
const LINE_MAX: usize = 1 << 20;

impl<'a> Lines<'a> {
    fn open(path: &'a Path, plugin: &'a Plugin, name: Option<&'a str>) -> anyhow::Result<Self> {
        let file = File::open(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self {
            reader: BufReader::new(file),
            path,
            plugin,
            name,
            number: 0,
            found: 0,
            without_headers: 0,
            with_body: 0,
            skipped: BTreeMap::new(),
        })
    }

    fn next(&mut self) -> anyhow::Result<Option<Logged>> {
        let mut line = Vec::new();
        loop {
            line.clear();
            let mut limited = std::io::Read::take(&mut self.reader, LINE_MAX as u64);
            let read = limited.read_until(b'\n', &mut line);
            read.with_context(|| format!("cannot read {}", self.path.display()))?;
            if line.is_empty() {
                return Ok(None);
            }
            ensure!(
                line.len() < LINE_MAX,
                "{}: line {} is longer than any line of an access log",
                self.path.display(),
                self.number + 1
            );
            self.number += 1;
            match logged(&line, self.number, self.plugin, self.name) {
                Ok(logged) => {
                    self.found += 1;
                    self.without_headers += usize::from(!logged.has_headers);
                    self.with_body += usize::from(logged.had_body);
                    return Ok(Some(logged));
                }
                Err(why) => *self.skipped.entry(why).or_default() += 1,
            }
        }
    }

    /// What the log did not tell.
    fn remarks(&self) -> String {
        let mut text = String::new();
        let lines = |count: usize| if count == 1 { "1 line is" } else { "lines are" }.to_owned();
        for (why, count) in &self.skipped {
            let lines = if *count == 1 { lines(1) } else { format!("{count} {}", lines(*count)) };
            text.push_str(&format!("passed over: {lines} {}\n", why.as_str()));
        }
        if self.without_headers > 0 {
            text.push_str(&format!(
                "note: {} of {} requests were sent without their headers, which are not in the log; \
                 `access_log.request_headers` logs those that it names\n",
                self.without_headers, self.found
            ));
        }
        if self.with_body > 0 {
            text.push_str(&format!(
                "note: {} of {} requests had a body, which is never in the log\n",
                self.with_body, self.found
            ));
        }
        text
    }
}
