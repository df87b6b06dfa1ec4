//! From targets to values.

use std::rc::Rc;

use super::store::Kept;
use super::{Entry, Part, Transaction, Values};
use crate::engine::{Selector, Target, TargetSet};
use crate::texts::TextId;
use crate::variable::{Kind, Variable};

impl Transaction<'_> {
    /// The values of a group. What rules cannot change is collected once a phase.
    pub(super) fn group(&mut self, group: usize, domain: usize) -> Rc<Values> {
        if let Some(values) = &self.groups[group] {
            return Rc::clone(values);
        }
        let engine = self.engine;
        let wanted = &engine.groups[group];
        let set = &engine.sets[wanted.set];
        let mut parts: Vec<_> = wanted.parts.iter().map(|part| self.part(*part, domain)).collect();
        for target in &set.counts {
            parts.push(self.count(&engine.targets[*target], set, domain));
        }
        let mut possible = vec![0; engine.prefilters[domain].words()];
        for part in &parts {
            possible.iter_mut().zip(&part.possible).for_each(|(all, bits)| *all |= bits);
        }
        let values = Rc::new(Values { parts, possible });
        if !wanted.volatile {
            self.groups[group] = Some(Rc::clone(&values));
        }
        values
    }

    /// The values of a target after transformations, for all groups that want them.
    fn part(&mut self, part: usize, domain: usize) -> Rc<Part> {
        if let Some(values) = &self.parts[part] {
            return Rc::clone(values);
        }
        let engine = self.engine;
        let wanted = &engine.parts[part];
        let target = &engine.targets[wanted.target];
        let mut entries = Vec::new();
        self.collect(target, &mut entries);
        let pipeline = &engine.pipelines[wanted.pipeline];
        if wanted.every_stage {
            entries = self.stages(&entries, pipeline);
        } else {
            for entry in &mut entries {
                for transform in pipeline {
                    entry.text = self.texts.transformed(entry.text, *transform);
                }
            }
        }
        let values = self.searched(entries, domain);
        if !target.variable.is_volatile() {
            self.parts[part] = Some(Rc::clone(&values));
        }
        values
    }

    fn searched(&mut self, entries: Vec<Entry>, domain: usize) -> Rc<Part> {
        let prefilter = &self.engine.prefilters[domain];
        let mut possible = vec![0; prefilter.words()];
        for entry in &entries {
            let bits = self.texts.scanned(entry.text, prefilter, domain);
            possible.iter_mut().zip(bits).for_each(|(all, bits)| *all |= bits);
        }
        Rc::new(Part { entries, possible })
    }

    /// Each value before and after each transformation that changed it.
    fn stages(&mut self, entries: &[Entry], pipeline: &[crate::Transform]) -> Vec<Entry> {
        let mut all = Vec::new();
        for entry in entries {
            let mut entry = *entry;
            all.push(entry);
            for transform in pipeline {
                let text = self.texts.transformed(entry.text, *transform);
                if text != entry.text {
                    entry.text = text;
                    all.push(entry);
                }
            }
        }
        all
    }

    fn count(&mut self, target: &Target, set: &TargetSet, domain: usize) -> Rc<Part> {
        let mut counted = Vec::new();
        self.collect(target, &mut counted);
        counted.retain(|entry| !self.is_excepted(set, entry));
        let text = self.texts.add(counted.len().to_string().as_bytes());
        let key = match &target.selector {
            Selector::Key(key) => self.texts.add(key),
            Selector::Slot(slot) => self.texts.add(&self.engine.names[*slot as usize]),
            _ => TextId::EMPTY,
        };
        let entry = Entry { variable: target.variable, count: true, key, text };
        self.searched(vec![entry], domain)
    }

    /// Whether a rule's list leaves the value out.
    pub(super) fn is_excepted(&self, set: &TargetSet, entry: &Entry) -> bool {
        set.except.iter().any(|except| {
            except.variable == entry.variable && except.selects(self.texts.get(entry.key))
        })
    }

    fn collect(&mut self, target: &Target, entries: &mut Vec<Entry>) {
        let variable = target.variable;

        match variable {
            Variable::Tx => self.collect_tx(&target.selector, entries),
            Variable::MatchedVar => {
                let last = self.matched.last().map(|m| Entry { variable, ..*m });
                entries.extend(last);
            }
            Variable::MatchedVars => {
                entries.extend(self.matched.iter().map(|m| Entry { variable, ..*m }));
            }
            Variable::MatchedVarName | Variable::MatchedVarsNames => {
                let skipped = if variable == Variable::MatchedVarName {
                    self.matched.len().saturating_sub(1)
                } else {
                    0
                };
                for matched in self.matched.clone().into_iter().skip(skipped) {
                    let name = self.name(&matched);
                    let text = self.texts.add(&name);
                    entries.push(Entry { variable, count: false, key: matched.key, text });
                }
            }
            Variable::Rule => {
                for name in ["id", "msg", "logdata", "severity"] {
                    if target.selects(name.as_bytes()) {
                        let fact = self.rule_fact(name.as_bytes());
                        let (key, text) = (self.texts.add(name.as_bytes()), self.texts.add(&fact));
                        entries.push(Entry { variable, count: false, key, text });
                    }
                }
            }
            _ if variable.is_kept() => {
                for (_, name, value) in
                    self.kept.iter().filter(|(v, name, _)| *v == variable && target.selects(name))
                {
                    let (key, text) = (self.texts.add(name), self.texts.add(value));
                    entries.push(Entry { variable, count: false, key, text });
                }
            }
            _ if variable.is_volatile() && variable.kind() == Kind::Single => {
                let value = self.computed(variable);
                let text = self.texts.add(&value);
                entries.push(Entry { variable, count: false, key: TextId::EMPTY, text });
            }
            _ => {
                let values = self.values[variable as usize].iter();
                let all = matches!(target.selector, Selector::All);
                let selected = values.filter(|v| all || target.selects(self.texts.get(v.key)));
                entries.extend(selected.map(|v| Entry {
                    variable,
                    count: false,
                    key: v.key,
                    text: v.text,
                }));
            }
        }
    }

    fn collect_tx(&mut self, selector: &Selector, entries: &mut Vec<Entry>) {
        let variable = Variable::Tx;
        let selected: Vec<(Vec<u8>, Kept)> = match selector {
            Selector::Slot(slot) => {
                let name = &self.engine.names[*slot as usize];
                self.tx.get(*slot).map(|value| (name.clone(), value)).into_iter().collect()
            }
            selector => self
                .tx
                .iter()
                .filter(|(name, _)| match selector {
                    Selector::All => true,
                    Selector::Pattern(pattern) => pattern.is_match(name),
                    Selector::Key(key) => key == name,
                    Selector::Slot(_) => false,
                })
                .map(|(name, value)| (name.to_vec(), value))
                .collect(),
        };
        for (name, value) in selected {
            let key = self.texts.add(&name);
            let text = match value {
                Kept::Number(number) => self.texts.add(number.to_string().as_bytes()),
                Kept::Text(text) => text,
            };
            entries.push(Entry { variable, count: false, key, text });
        }
    }
}
