//! From written rules to compiled ones.

use std::collections::HashMap;

use super::{
    Bits, Change, Effect, End, Engine, Group, Key, Link, Part, Quick, Right, Rule, Selector,
    Target, TargetSet, Test,
};
use crate::Detectors;
use crate::action::{self, Action, Control, Disruption, Severity, Which};
use crate::error::{LoadError, Place};
use crate::macros::{Macro, Piece};
use crate::operator::Operator;
use crate::pattern::{Patterns, regex};
use crate::prefilter::Builder;
use crate::rules::{self, Item, Rules};
use crate::transform::Transform;
use crate::variable::{self, Mode, Variable};

pub(super) fn compile(
    rules: &Rules,
    detectors: Detectors,
    patterns: &dyn Patterns,
) -> Result<Engine, LoadError> {
    let written = adjusted(rules)?;
    let mut compiler = Compiler {
        patterns,
        written: &written,
        facts: written.iter().map(Facts::of).collect::<Result<_, _>>()?,
        prefilters: Default::default(),
        sets: Vec::new(),
        set_numbers: HashMap::new(),
        targets: Vec::new(),
        target_numbers: HashMap::new(),
        pipelines: Vec::new(),
        parts: Vec::new(),
        groups: Vec::new(),
        slots: HashMap::new(),
        names: Vec::new(),
    };
    for group in 0..10 {
        compiler.slot(group.to_string().as_bytes());
    }
    let mut phases: [Vec<Rule>; 5] = Default::default();
    for (index, rule) in written.iter().enumerate() {
        phases[usize::from(rule.phase) - 1].push(compiler.rule(index, rule)?);
    }
    resolve_skips(rules, &written, &mut phases)?;
    let Compiler { prefilters, sets, targets, pipelines, parts, groups, slots, names, .. } =
        compiler;
    let prefilters = prefilters.map(Builder::build);
    let settings = rules.settings.clone();
    Ok(Engine {
        settings,
        phases,
        sets,
        targets,
        pipelines,
        parts,
        groups,
        prefilters,
        slots,
        names,
        detectors,
    })
}

/// The rules after `SecRuleUpdate…` and `SecRuleRemove…`.
fn adjusted(rules: &Rules) -> Result<Vec<rules::Rule>, LoadError> {
    let mut written: Vec<rules::Rule> = rules
        .items
        .iter()
        .filter_map(|item| match item {
            Item::Rule(rule) => Some(rule.clone()),
            Item::Marker(_) => None,
        })
        .collect();
    for update in &rules.target_updates {
        let meant = Meant::of(&update.which, &update.place)?;
        for rule in written.iter_mut() {
            if meant.means(&Facts::of(rule)?) {
                let targets = &mut rule.links[0].targets;
                targets.retain(|t| {
                    !update
                        .replaced
                        .iter()
                        .any(|r| r.variable == t.variable && r.selector == t.selector)
                });
                targets.extend(update.targets.iter().cloned());
            }
        }
    }
    for update in &rules.action_updates {
        let rule = written.iter_mut().find(|rule| rule.id == update.id);
        let link = rule.and_then(|rule| rule.links.get_mut(update.link));
        let missing = || LoadError::new(&update.place, format!("there is no rule {}", update.id));
        link.ok_or_else(missing)?.actions.extend(update.actions.iter().cloned());
    }
    for (place, which) in &rules.removals {
        let meant = Meant::of(which, place)?;
        let facts = written.iter().map(Facts::of).collect::<Result<Vec<_>, _>>()?;
        let mut facts = facts.iter();
        written.retain(|_| facts.next().is_some_and(|facts| !meant.means(facts)));
    }
    Ok(written)
}

/// What rules are told apart by.
struct Facts {
    id: u64,
    tags: Vec<Vec<u8>>,
    message: Vec<u8>,
}

impl Facts {
    #[allow(clippy::unnecessary_wraps, reason = "used with `?` beside what can fail")]
    fn of(rule: &rules::Rule) -> Result<Self, LoadError> {
        let mut facts = Self { id: rule.id, tags: Vec::new(), message: Vec::new() };
        for action in rule.links.iter().flat_map(|link| &link.actions) {
            match action {
                Action::Tag(tag) => facts.tags.push(written(tag)),
                Action::Message(message) => facts.message = written(message),
                _ => {}
            }
        }
        Ok(facts)
    }
}

/// A text as it was written, with what varies left out.
fn written(text: &Macro) -> Vec<u8> {
    let piece = |piece: &Piece| match piece {
        Piece::Text(text) => text.clone(),
        Piece::Value(..) | Piece::Slot(_) => Vec::new(),
    };
    text.0.iter().flat_map(piece).collect()
}

enum Meant {
    Ids(Vec<(u64, u64)>),
    Tag(regex::bytes::Regex),
    Message(regex::bytes::Regex),
}

impl Meant {
    fn of(which: &Which, place: &Place) -> Result<Self, LoadError> {
        let compiled = |p: &str| regex(p, false).map_err(|m| LoadError::new(place, m));
        Ok(match which {
            Which::Ids(ids) => Self::Ids(ids.clone()),
            Which::Tag(pattern) => Self::Tag(compiled(pattern)?),
            Which::Message(pattern) => Self::Message(compiled(pattern)?),
        })
    }

    fn means(&self, facts: &Facts) -> bool {
        match self {
            Self::Ids(ids) => ids.iter().any(|(low, high)| (*low..=*high).contains(&facts.id)),
            Self::Tag(pattern) => facts.tags.iter().any(|tag| pattern.is_match(tag)),
            Self::Message(pattern) => pattern.is_match(&facts.message),
        }
    }
}

/// Where to go on after `skipAfter` and `skip`.
fn resolve_skips(
    rules: &Rules,
    written: &[rules::Rule],
    phases: &mut [Vec<Rule>; 5],
) -> Result<(), LoadError> {
    // For each marker the number of rules of each phase before it.
    let mut markers: HashMap<&str, Vec<[usize; 5]>> = HashMap::new();
    let mut counts = [0; 5];
    for item in &rules.items {
        match item {
            Item::Marker(name) => markers.entry(name).or_default().push(counts),
            Item::Rule(rule) if written.iter().any(|w| w.id == rule.id) => {
                counts[usize::from(rule.phase) - 1] += 1;
            }
            Item::Rule(_) => {}
        }
    }
    let mut seen = [0; 5];
    for rule in written {
        let phase = usize::from(rule.phase) - 1;
        let at = seen[phase];
        seen[phase] += 1;
        for action in rule.links.iter().flat_map(|link| &link.actions) {
            phases[phase][at].skip = match action {
                Action::SkipAfter(name) => {
                    let places = markers.get(name.as_str()).into_iter().flatten();
                    let next = places.map(|counts| counts[phase]).find(|next| *next > at);
                    let missing = || {
                        let place = &rule.links[0].place;
                        LoadError::new(place, format!("no `SecMarker {name}` follows"))
                    };
                    Some(next.ok_or_else(missing)?)
                }
                Action::Skip(count) => Some(at.saturating_add(*count).saturating_add(1)),
                _ => continue,
            };
        }
    }
    Ok(())
}

struct Compiler<'a> {
    patterns: &'a dyn Patterns,
    written: &'a [rules::Rule],
    facts: Vec<Facts>,
    prefilters: [Builder; 2],
    sets: Vec<TargetSet>,
    set_numbers: HashMap<Vec<variable::Target>, usize>,
    targets: Vec<Target>,
    target_numbers: HashMap<(Variable, variable::Selector), usize>,
    pipelines: Vec<Vec<Transform>>,
    parts: Vec<Part>,
    groups: Vec<Group>,
    slots: HashMap<Vec<u8>, u32>,
    names: Vec<Vec<u8>>,
}

impl Compiler<'_> {
    fn rule(&mut self, index: usize, written: &rules::Rule) -> Result<Rule, LoadError> {
        let first = &written.links[0];
        let mut rule = Rule {
            id: written.id,
            index,
            place: first.place.clone(),
            links: Vec::with_capacity(written.links.len()),
            message: None,
            log_data: None,
            tags: Vec::new(),
            severity: None::<Severity>,
            log: true,
            end: End::Nothing,
            status: 403,
            skip: None,
        };
        // Without a `SecDefaultAction` it is `phase:2,log,auditlog,pass`.
        let mut end = &Disruption::Pass;
        let mut default_end = &Disruption::Pass;
        for action in written.defaults.iter() {
            match action {
                Action::Disrupt(disruption) => default_end = disruption,
                _ => rule.describe(action),
            }
        }
        let mut says = false;
        for action in written.links.iter().flat_map(|link| &link.actions) {
            match action {
                Action::Disrupt(disruption) => {
                    end = disruption;
                    says = true;
                }
                _ => rule.describe(action),
            }
        }
        if !says || *end == Disruption::Block {
            end = default_end;
        }
        rule.end = match end {
            Disruption::Pass | Disruption::Block => End::Nothing,
            Disruption::Deny => End::Deny,
            Disruption::Drop => End::Drop,
            Disruption::Redirect(to) => End::Redirect(self.resolved(to)),
            Disruption::Allow(scope) => End::Allow(*scope),
        };
        let domain = usize::from(written.phase > 2);
        rule.message = rule.message.map(|text| self.resolved(&text));
        rule.log_data = rule.log_data.map(|text| self.resolved(&text));
        rule.tags = rule.tags.iter().map(|text| self.resolved(text)).collect();
        for link in &written.links {
            let compiled = self.link(link, &written.defaults, domain);
            rule.links.push(compiled.map_err(|m| LoadError::new(&link.place, m))?);
        }
        Ok(rule)
    }

    fn link(
        &mut self,
        link: &rules::Link,
        defaults: &[Action],
        domain: usize,
    ) -> Result<Link, String> {
        let mut pipeline = Vec::new();
        let (mut capture, mut every_stage) = (false, false);
        let (mut changes, mut effects) = (Vec::new(), Vec::new());
        for action in defaults.iter().chain(&link.actions) {
            match action {
                Action::NoTransforms => pipeline.clear(),
                Action::Transform(transform) => pipeline.push(*transform),
                Action::Capture => capture = true,
                Action::MultiMatch => every_stage = true,
                Action::SetVariable { collection, key, change } => {
                    changes.push(self.change(*collection, key, change));
                }
                Action::Collect { collection, key } => {
                    effects.push(Effect::Collect(*collection, self.resolved(key)));
                }
                Action::Control(control) if !super::is_about_log(control) => {
                    effects.push(self.control(control, &link.place)?);
                }
                _ => {}
            }
        }
        let test = match &link.operator {
            None => None,
            Some(spec) => {
                let mut operator = Operator::compile(spec, self.patterns)?;
                if let Operator::Text(_, text) | Operator::Number(_, text) = &mut operator {
                    *text = self.resolved(text);
                }
                let pattern = self.prefilters[domain].add(&operator);
                let set = self.target_set(&link.targets)?;
                let quick = self.quick(link, &operator, &pipeline);
                let pipeline = number(&mut self.pipelines, pipeline);
                let group = self.group(set, pipeline, every_stage);
                Some(Test { group, operator, negated: spec.negated, pattern, capture, quick })
            }
        };
        Ok(Link { test, changes, effects })
    }

    fn quick(
        &mut self,
        link: &rules::Link,
        operator: &Operator,
        pipeline: &[Transform],
    ) -> Option<Quick> {
        let ([target], Operator::Number(order, right)) = (&*link.targets, operator) else {
            return None;
        };
        let variable::Selector::Key(key) = &target.selector else { return None };
        if target.variable != Variable::Tx || target.mode == Mode::Except || !pipeline.is_empty() {
            return None;
        }
        let right = match right.0.as_slice() {
            [Piece::Text(text)] => Right::Number(crate::operator::number(text)),
            [Piece::Slot(slot)] => Right::Slot(*slot),
            _ => return None,
        };
        Some(Quick {
            slot: self.slot(key),
            count: target.mode == Mode::Count,
            order: *order,
            right,
        })
    }

    fn control(&self, control: &Control, place: &Place) -> Result<Effect, String> {
        Ok(match control {
            Control::RuleEngine(mode) => Effect::Mode(*mode),
            Control::BodyProcessor(processor) => Effect::BodyProcessor(*processor),
            Control::ForceBodyVariable(on) => Effect::ForceBodyVariable(*on),
            Control::BodyAccess(on) => Effect::BodyAccess(*on),
            Control::ResponseBodyAccess(on) => Effect::ResponseBodyAccess(*on),
            Control::RemoveRules(which) => Effect::Remove(self.meant(which, place)?),
            Control::RemoveTarget(which, target) => {
                let target =
                    Target { variable: target.variable, selector: except(&target.selector)? };
                Effect::RemoveTarget(self.meant(which, place)?, target)
            }
            Control::Audit => return Err("nothing is done about the audit log".to_owned()),
        })
    }

    fn meant(&self, which: &Which, place: &Place) -> Result<Bits, String> {
        let meant = Meant::of(which, place).map_err(|e| e.message)?;
        let mut bits = vec![0; self.written.len().div_ceil(64)];
        for (index, facts) in self.facts.iter().enumerate() {
            bits[index / 64] |= u64::from(meant.means(facts)) << (index % 64);
        }
        Ok(bits.into())
    }

    fn target_set(&mut self, targets: &[variable::Target]) -> Result<usize, String> {
        if let Some(number) = self.set_numbers.get(targets) {
            return Ok(*number);
        }
        let mut set = TargetSet {
            values: Vec::new(),
            counts: Vec::new(),
            except: Vec::new(),
            volatile: false,
        };
        for target in targets {
            set.volatile |= target.variable.is_volatile();
            match target.mode {
                Mode::Values => set.values.push(self.target(target)?),
                Mode::Count => set.counts.push(self.target(target)?),
                Mode::Except => {
                    let selector = except(&target.selector)?;
                    set.except.push(Target { variable: target.variable, selector });
                }
            }
        }
        self.sets.push(set);
        self.set_numbers.insert(targets.to_vec(), self.sets.len() - 1);
        Ok(self.sets.len() - 1)
    }

    fn target(&mut self, target: &variable::Target) -> Result<usize, String> {
        let key = (target.variable, target.selector.clone());
        if let Some(number) = self.target_numbers.get(&key) {
            return Ok(*number);
        }
        let selector = match &target.selector {
            variable::Selector::Key(key) if target.variable == Variable::Tx => {
                Selector::Slot(self.slot(key))
            }
            selector => except(selector)?,
        };
        self.targets.push(Target { variable: target.variable, selector });
        self.target_numbers.insert(key, self.targets.len() - 1);
        Ok(self.targets.len() - 1)
    }

    fn group(&mut self, set: usize, pipeline: usize, every_stage: bool) -> usize {
        let part = |target: &usize| {
            number(&mut self.parts, Part { target: *target, pipeline, every_stage })
        };
        let TargetSet { values, volatile, .. } = &self.sets[set];
        let group = Group { set, parts: values.iter().map(part).collect(), volatile: *volatile };
        number(&mut self.groups, group)
    }

    /// The slot of a name of `TX`.
    fn slot(&mut self, name: &[u8]) -> u32 {
        if let Some(slot) = self.slots.get(name) {
            return *slot;
        }
        let slot = self.names.len() as u32;
        self.names.push(name.to_vec());
        self.slots.insert(name.to_vec(), slot);
        slot
    }

    fn change(&mut self, collection: Variable, key: &Macro, change: &action::Change) -> Change {
        let key = match key.constant() {
            Some(name) if collection == Variable::Tx => {
                Key::Slot(self.slot(&name.to_ascii_lowercase()))
            }
            _ => Key::Text(self.resolved(key)),
        };
        let change = match change {
            action::Change::Set(text) => action::Change::Set(self.resolved(text)),
            action::Change::Add(text) => action::Change::Add(self.resolved(text)),
            action::Change::Subtract(text) => action::Change::Subtract(self.resolved(text)),
            action::Change::Remove => action::Change::Remove,
        };
        Change { collection, key, change }
    }

    /// A text whose values of `TX` are found without their names.
    fn resolved(&mut self, text: &Macro) -> Macro {
        let piece = |piece: &Piece| match piece {
            Piece::Value(Variable::Tx, variable::Selector::Key(key)) => Piece::Slot(self.slot(key)),
            piece => piece.clone(),
        };
        Macro(text.0.iter().map(piece).collect())
    }
}

fn except(selector: &variable::Selector) -> Result<Selector, String> {
    Ok(match selector {
        variable::Selector::All => Selector::All,
        variable::Selector::Key(key) => Selector::Key(key.clone()),
        variable::Selector::Pattern(pattern) => Selector::Pattern(regex(pattern, true)?),
    })
}

/// The number of a value in a list, to which it is added if it is not there.
fn number<T: PartialEq>(list: &mut Vec<T>, value: T) -> usize {
    list.iter().position(|known| *known == value).unwrap_or_else(|| {
        list.push(value);
        list.len() - 1
    })
}

impl Rule {
    /// Takes over what an action says about the rule.
    fn describe(&mut self, action: &Action) {
        match action {
            Action::Status(status) => self.status = *status,
            Action::Log(log) => self.log = *log,
            Action::Message(message) => self.message = Some(message.clone()),
            Action::LogData(data) => self.log_data = Some(data.clone()),
            Action::Tag(tag) => self.tags.push(tag.clone()),
            Action::Severity(severity) => self.severity = Some(*severity),
            _ => {}
        }
    }
}
