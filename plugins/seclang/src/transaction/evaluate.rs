//! The phases: rule after rule.

use super::store::Kept;
use super::{Disposition, Entry, Interruption, Match, Transaction};
use crate::action::{Mode, Scope};
use crate::engine::{Effect, End, Link, Quick, Right, Rule, TargetSet, has};
use crate::operator::Found;
use crate::texts::TextId;
use crate::variable::Variable;

/// Logged texts are cut to this many octets.
const LONGEST_TEXT: usize = 1024;
/// Matches beyond these count in scores, and are not kept.
const MOST_MATCHES: usize = 256;

impl<'e> Transaction<'e> {
    /// Runs a phase, 1 to 5.
    pub(super) fn run(&mut self, phase: u8) {
        self.parts.iter_mut().for_each(|part| *part = None);
        self.groups.iter_mut().for_each(|group| *group = None);
        let engine = self.engine;
        let number = usize::from(phase) - 1;
        let rules = &engine.phases[number];
        let mut next = 0;
        while let Some(rule) = rules.get(next) {
            let over = self.interruption.is_some() || phase <= self.allowed;
            if self.mode == Mode::Off || (over && phase != 5) {
                return;
            }
            let at = next;
            next += 1;
            if self.removed.as_ref().is_some_and(|removed| has(removed, rule.index)) {
                continue;
            }
            self.rule = Some((rule.id, number, at));
            if self.rule_matches(rule, phase) {
                next = rule.skip.unwrap_or(next).max(next);
            }
        }
    }

    fn rule_matches(&mut self, rule: &'e Rule, phase: u8) -> bool {
        let chain = rule.links.len() > 1;
        if !rule.links.iter().all(|link| self.link_matches(rule, link, phase)) {
            return false;
        }
        if chain {
            // Of a chain, what holds at its end is told.
            self.report(rule, phase, self.matched.last().copied());
        }
        for effect in rule.links.iter().flat_map(|link| &link.effects) {
            self.effect(effect);
        }
        self.end(rule, phase);
        true
    }

    /// Whether a link of a chain matches. What it sets is set for each value that
    /// matched, whatever the rest of the chain says.
    fn link_matches(&mut self, rule: &'e Rule, link: &'e Link, phase: u8) -> bool {
        let chain = rule.links.len() > 1;
        let Some(test) = &link.test else {
            self.matched.clear();
            link.changes.iter().for_each(|change| self.change(change));
            if !chain {
                self.report(rule, phase, None);
            }
            return true;
        };
        if test.quick.as_ref().is_some_and(|quick| self.quick(quick) != Some(!test.negated)) {
            return false;
        }
        let domain = usize::from(phase > 2);
        let values = self.group(test.group, domain);
        self.matched.clear();
        let possible = |pattern: u32| has(&values.possible, pattern as usize);
        if !test.negated && !test.pattern.is_none_or(possible) {
            return false;
        }
        let argument = match test.operator.argument() {
            Some(argument) => self.expand(argument),
            None => Vec::new(),
        };
        let capture = test.capture && !test.negated;
        let mut found = Found::default();
        let mut any = false;
        let set = &self.engine.sets[self.engine.groups[test.group].set];
        for entry in values.parts.iter().flat_map(|part| &part.entries) {
            let may = test.pattern.is_none_or(|p| self.texts.may_match(entry.text, domain, p));
            if !(may || test.negated) || self.is_left_out(rule, set, entry) {
                continue;
            }
            let text = self.texts.get(entry.text);
            let wanted = capture.then_some(&mut found);
            let hit = may && test.operator.matches(text, &argument, &self.engine.detectors, wanted);
            if hit == test.negated {
                continue;
            }
            any = true;
            if capture {
                self.capture(&mut found, entry.text);
            }
            self.matched.push(*entry);
            link.changes.iter().for_each(|change| self.change(change));
            if !chain {
                self.report(rule, phase, Some(*entry));
            }
        }
        any
    }

    /// The comparison; none if there is no value to compare.
    fn quick(&self, quick: &Quick) -> Option<bool> {
        let left = match quick.count {
            true => i64::from(self.tx.get(quick.slot).is_some()),
            false => self.tx.number_at(quick.slot, &self.texts)?,
        };
        let right = match quick.right {
            Right::Number(number) => number,
            Right::Slot(slot) => self.tx.number_at(slot, &self.texts).unwrap_or(0),
        };
        Some(quick.order.holds(left, right))
    }

    /// Whether the rule, or what others said about it, leaves the value out.
    fn is_left_out(&self, rule: &Rule, set: &TargetSet, entry: &Entry) -> bool {
        // A number of values has been made without them.
        !entry.count && self.is_excepted(set, entry) || self.is_removed(rule, entry)
    }

    fn is_removed(&self, rule: &Rule, entry: &Entry) -> bool {
        self.removed_targets.iter().any(|(rules, target)| {
            has(rules, rule.index)
                && target.variable == entry.variable
                && target.selects(self.texts.get(entry.key))
        })
    }

    /// Keeps what was found as `TX:0` to `TX:9`.
    fn capture(&mut self, found: &mut Found, text: TextId) {
        let label = found.label.take();
        for group in 0..10_u32 {
            let range = found.groups.get(group as usize).cloned().flatten();
            let value = match (&label, range) {
                (Some(label), _) if group == 0 => Some(label.clone()),
                (Some(_), _) | (None, None) => None,
                (None, Some(range)) => Some(self.texts.get(text)[range].to_vec()),
            };
            let value = value.map(|octets| Kept::Text(self.texts.add(&octets)));
            self.tx.set_slot(group, value);
        }
    }

    fn report(&mut self, rule: &Rule, phase: u8, entry: Option<Entry>) {
        if let Some(severity) = rule.severity {
            let highest = self.highest_severity.map_or(severity, |highest| highest.min(severity));
            self.highest_severity = Some(highest);
        }
        if !rule.log || self.matches.len() >= MOST_MATCHES {
            return;
        }
        let text = |octets: Vec<u8>| String::from_utf8_lossy(&octets).into_owned();
        let expand = |m: &crate::macros::Macro| text(self.expand_within(m, LONGEST_TEXT));
        let value = entry.map_or(&[][..], |entry| self.texts.get(entry.text));
        let reported = Match {
            rule: rule.id,
            place: rule.place.clone(),
            phase,
            message: rule.message.as_ref().map(expand).unwrap_or_default(),
            data: rule.log_data.as_ref().map(expand).unwrap_or_default(),
            tags: rule.tags.iter().map(expand).collect(),
            severity: rule.severity,
            variable: entry.map(|entry| text(self.name(&entry))).unwrap_or_default(),
            value: value[..value.len().min(LONGEST_TEXT)].to_vec(),
        };
        self.matches.push(reported);
    }

    fn effect(&mut self, effect: &'e Effect) {
        match effect {
            Effect::Mode(mode) => self.mode = *mode,
            Effect::BodyProcessor(processor) => self.processor = Some(*processor),
            Effect::ForceBodyVariable(on) => self.force_body_variable = *on,
            Effect::BodyAccess(on) => self.body_access = *on,
            Effect::ResponseBodyAccess(on) => self.response_body_access = *on,
            Effect::Remove(rules) => match &mut self.removed {
                Some(removed) => removed.iter_mut().zip(rules).for_each(|(all, more)| *all |= more),
                None => self.removed = Some(rules.clone()),
            },
            Effect::RemoveTarget(rules, target) => self.removed_targets.push((rules, target)),
            Effect::Collect(collection, key) => self.open(*collection, key),
        }
    }

    fn open(&mut self, collection: Variable, key: &crate::macros::Macro) {
        let key = self.expand(key);
        self.kept.retain(|(v, name, _)| *v != collection || name != b"key");
        self.kept.push((collection, b"key".to_vec(), key));
    }

    /// Ends what the rule ends.
    fn end(&mut self, rule: &Rule, phase: u8) {
        if self.mode != Mode::On || self.interruption.is_some() {
            return;
        }
        let (status, disposition) = match &rule.end {
            End::Nothing => return,
            End::Allow(scope) => {
                self.allowed = match scope {
                    Scope::Transaction => 4,
                    Scope::Request => 2,
                    Scope::Phase => phase,
                };
                return;
            }
            End::Deny => (rule.status, Disposition::Deny),
            End::Drop => (rule.status, Disposition::Drop),
            End::Redirect(to) => {
                let status = if (300..400).contains(&rule.status) { rule.status } else { 302 };
                let to = String::from_utf8_lossy(&self.expand(to)).into_owned();
                (status, Disposition::Redirect(to))
            }
        };
        self.interruption = Some(Interruption { rule: rule.id, status, disposition });
    }
}
