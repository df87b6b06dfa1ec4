//! Cases on stages.

use std::time::{Duration, Instant};

use serde_json::Value as Json;

use super::compare::differences;
use super::stage::{Observed, Stage};
use super::{Act, Case, Difference, Pattern, Step, Surroundings};
use crate::app::StartError;
use crate::config::Plugin;

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How long its exchanges took.
    pub took: Duration,
    /// None = it passed.
    pub failure: Option<Failure>,
    /// What the plugin logged meanwhile.
    pub log: Vec<String>,
}

/// Why a case failed.
#[derive(Clone, Debug)]
pub enum Failure {
    /// The plugin does not load: the report.
    Load(String),
    /// An exchange went otherwise than expected.
    Exchange {
        /// Which one, if there are several: `step 2, time 3`.
        place: Option<String>,
        /// What was otherwise.
        differences: Vec<Difference>,
        /// What the access log says of the exchange's error.
        detail: Option<String>,
    },
}

/// Who hears what the plugin logs: the lines since the last time it was asked.
pub trait Listener {
    /// Of the exchange with this request id, or with none of no exchange.
    fn lines(&self, request_id: Option<&str>) -> Vec<String>;
}

/// Plays cases. Those that share a plugin's configuration share a proxy, one after
/// the other; a case with steps has one of its own.
pub struct Player<'l, L> {
    surroundings: Surroundings,
    /// The ones used last are at the end.
    stages: Vec<(Plugin, Stage)>,
    listener: &'l L,
}

/// Proxies that stay for later cases; each has threads and address space of its own.
const STAGES_MAX: usize = 4;

impl<'l, L: Listener> Player<'l, L> {
    /// Nothing is started yet.
    pub fn new(surroundings: &Surroundings, listener: &'l L) -> Self {
        Self { surroundings: surroundings.clone(), stages: Vec::new(), listener }
    }

    /// Plays one case.
    pub fn play(&mut self, case: &Case) -> Outcome {
        match &case.act {
            Act::Refuse(reason) => self.refuse(&case.plugin, reason),
            Act::Exchange(step) => self.steps(case, std::slice::from_ref(step), false),
            Act::Steps(steps) => {
                // Of its own: what other cases left in the host's stores is not there.
                self.end(&case.plugin);
                let outcome = self.steps(case, steps, true);
                self.end(&case.plugin);
                outcome
            }
        }
    }

    fn refuse(&mut self, plugin: &Plugin, reason: &Pattern) -> Outcome {
        let began = Instant::now();
        let differences = match Stage::start(plugin, &self.surroundings) {
            Ok(_) => vec![Difference {
                what: "refusal".to_owned(),
                expected: reason.to_string(),
                got: "the plugin was loaded".to_owned(),
            }],
            Err(StartError(report)) if fits(reason, &report) => Vec::new(),
            Err(StartError(report)) => vec![Difference {
                what: "refusal".to_owned(),
                expected: reason.to_string(),
                got: report.trim_end().to_owned(),
            }],
        };
        Outcome {
            took: began.elapsed(),
            failure: (!differences.is_empty()).then_some(Failure::Exchange {
                place: None,
                differences,
                detail: None,
            }),
            log: self.listener.lines(None),
        }
    }

    fn steps(&mut self, case: &Case, steps: &[Step], numbered: bool) -> Outcome {
        let mut log = Vec::new();
        let listener = self.listener;
        let stage = match self.stage(&case.plugin) {
            Ok(stage) => stage,
            Err(StartError(report)) => {
                let failure = Some(Failure::Load(report.trim_end().to_owned()));
                return Outcome { took: Duration::ZERO, failure, log: listener.lines(None) };
            }
        };
        // What was logged while it was loaded is of no exchange.
        listener.lines(None);
        let began = Instant::now();
        let mut failure = None;
        'steps: for (number, step) in steps.iter().enumerate() {
            std::thread::sleep(step.wait);
            for time in 1..=step.times {
                let observed = stage.exchange(&step.request, &step.upstream);
                let lines = listener.lines(observed.request_id());
                let differences = differences(&case.plugin.name, step, &observed, &lines);
                log.extend(lines);
                if !differences.is_empty() {
                    failure = Some(Failure::Exchange {
                        place: place(numbered.then_some(number + 1), step.times, time),
                        differences,
                        detail: observed.detail(),
                    });
                    break 'steps;
                }
            }
        }
        Outcome { took: began.elapsed(), failure, log }
    }

    /// The proxy with this plugin.
    fn stage(&mut self, plugin: &Plugin) -> Result<&mut Stage, StartError> {
        let stage = match self.stages.iter().position(|(known, _)| known == plugin) {
            Some(at) => self.stages.remove(at).1,
            None => Stage::start(plugin, &self.surroundings)?,
        };
        if self.stages.len() >= STAGES_MAX {
            self.stages.remove(0);
        }
        self.stages.push((plugin.clone(), stage));
        let (_, stage) = self.stages.last_mut().expect("it was just put there");
        Ok(stage)
    }

    fn end(&mut self, plugin: &Plugin) {
        self.stages.retain(|(known, _)| known != plugin);
    }
}

impl Observed {
    fn request_id(&self) -> Option<&str> {
        self.entry["request_id"].as_str()
    }

    fn detail(&self) -> Option<String> {
        let error = &self.entry["error"];
        let text = |key: &str| error.get(key).and_then(Json::as_str);
        let detail = text("detail").unwrap_or_default();
        text("kind").map(|kind| format!("{kind}: {detail}"))
    }
}

fn fits(reason: &Pattern, report: &str) -> bool {
    let lines: Vec<&[u8]> = report.lines().map(str::as_bytes).collect();
    reason.fits(&lines) || reason.fits(&[report.as_bytes()])
}

fn place(number: Option<usize>, times: u32, time: u32) -> Option<String> {
    let step = number.map(|number| format!("step {number}"));
    let time = (times > 1).then(|| format!("time {time} of {times}"));
    match (step, time) {
        (Some(step), Some(time)) => Some(format!("{step}, {time}")),
        (step, time) => step.or(time),
    }
}
