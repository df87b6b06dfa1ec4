//! Variables in texts, and changes of collections.

use super::store::Kept;
use super::{Entry, Transaction};
use crate::action;
use crate::engine::{Change, Key};
use crate::macros::{Macro, Piece};
use crate::operator;
use crate::texts::TextId;
use crate::variable::{Kind, Selector, Variable};

impl Transaction<'_> {
    /// A text with its variables replaced.
    pub(super) fn expand(&self, text: &Macro) -> Vec<u8> {
        self.expand_within(text, usize::MAX)
    }

    /// The same, cut to so many octets.
    pub(super) fn expand_within(&self, text: &Macro, most: usize) -> Vec<u8> {
        let mut out = Vec::new();
        for piece in &text.0 {
            if out.len() >= most {
                break;
            }
            match piece {
                Piece::Text(text) => out.extend_from_slice(text),
                Piece::Value(variable, selector) => self.push_value(*variable, selector, &mut out),
                Piece::Slot(slot) => self.push_kept(self.tx.get(*slot), &mut out),
            }
        }
        out.truncate(most);
        out
    }

    fn push_value(&self, variable: Variable, selector: &Selector, out: &mut Vec<u8>) {
        match (variable, selector) {
            (Variable::MatchedVar, _) => {
                let last = self.matched.last().map(|entry| self.texts.get(entry.text));
                out.extend_from_slice(last.unwrap_or_default());
            }
            (Variable::MatchedVarName, _) => {
                if let Some(entry) = self.matched.last() {
                    out.extend_from_slice(self.name(entry).as_slice());
                }
            }
            (Variable::Rule, Selector::Key(key)) => out.extend_from_slice(&self.rule_fact(key)),
            _ if variable.is_kept() => {
                let Selector::Key(key) = selector else { return };
                let mut kept = self.kept.iter();
                let found = kept.find(|(v, name, _)| *v == variable && name == key);
                out.extend_from_slice(found.map_or(&[][..], |(.., value)| value));
            }
            _ if variable.is_volatile() && variable.kind() == Kind::Single => {
                out.extend_from_slice(&self.computed(variable));
            }
            _ => {
                let values = self.values[variable as usize].iter();
                let found = match selector {
                    Selector::Key(key) => values
                        .filter(|value| self.texts.get(value.key).eq_ignore_ascii_case(key))
                        .map(|value| value.text)
                        .next(),
                    _ => values.map(|value| value.text).next(),
                };
                out.extend_from_slice(found.map_or(&[][..], |text| self.texts.get(text)));
            }
        }
    }

    fn push_kept(&self, kept: Option<Kept>, out: &mut Vec<u8>) {
        match kept {
            Some(Kept::Number(number)) => out.extend_from_slice(number.to_string().as_bytes()),
            Some(Kept::Text(text)) => out.extend_from_slice(self.texts.get(text)),
            None => {}
        }
    }

    /// A variable that is made when it is asked for.
    pub(super) fn computed(&self, variable: Variable) -> Vec<u8> {
        match variable {
            Variable::HighestSeverity => {
                self.highest_severity.map_or(255, |s| s as u16).to_string().into_bytes()
            }
            Variable::ReqbodyProcessor => {
                self.processor.map_or("", action::Processor::name).as_bytes().to_vec()
            }
            _ => Vec::new(),
        }
    }

    /// What `RULE` says of the rule under evaluation.
    pub(super) fn rule_fact(&self, key: &[u8]) -> Vec<u8> {
        let Some((id, phase, index)) = self.rule else { return Vec::new() };
        let rule = &self.engine.phases[phase][index];
        match key {
            b"id" => id.to_string().into_bytes(),
            b"msg" => rule.message.as_ref().map(|m| self.expand(m)).unwrap_or_default(),
            b"logdata" => rule.log_data.as_ref().map(|m| self.expand(m)).unwrap_or_default(),
            b"severity" => {
                rule.severity.map(|s| (s as u8).to_string().into_bytes()).unwrap_or_default()
            }
            _ => Vec::new(),
        }
    }

    /// `ARGS:q`
    pub(super) fn name(&self, entry: &Entry) -> Vec<u8> {
        let mut name = Vec::new();
        if entry.count {
            name.push(b'&');
        }
        name.extend_from_slice(entry.variable.name().as_bytes());
        let key = self.texts.get(entry.key);
        if !key.is_empty()
            || entry.variable.kind() == Kind::Collection && entry.key != TextId::EMPTY
        {
            name.push(b':');
            name.extend_from_slice(key);
        }
        name
    }

    /// Does what a `setvar` says.
    pub(super) fn change(&mut self, change: &Change) {
        let slot = match &change.key {
            Key::Slot(slot) => Some(*slot),
            Key::Text(_) => None,
        };
        let key = match &change.key {
            Key::Slot(slot) => self.engine.names[*slot as usize].clone(),
            Key::Text(text) => self.expand(text).to_ascii_lowercase(),
        };
        let value = match &change.change {
            action::Change::Remove => None,
            action::Change::Set(text) => Some(self.kept_value(text)),
            action::Change::Add(text) => Some(self.sum(change.collection, &key, text, 1)),
            action::Change::Subtract(text) => Some(self.sum(change.collection, &key, text, -1)),
        };
        match (slot, change.collection) {
            (Some(slot), _) => self.tx.set_slot(slot, value),
            (None, Variable::Tx) => self.tx.set(&key, value),
            (None, collection) => self.keep(collection, key, value),
        }
    }

    fn keep(&mut self, collection: Variable, key: Vec<u8>, value: Option<Kept>) {
        self.kept.retain(|(v, name, _)| *v != collection || *name != key);
        if value.is_some() {
            let mut text = Vec::new();
            self.push_kept(value, &mut text);
            self.kept.push((collection, key, text));
        }
    }

    fn sum(&self, collection: Variable, key: &[u8], text: &Macro, sign: i64) -> Kept {
        let before = if collection == Variable::Tx {
            self.tx.number(key, &self.texts)
        } else {
            let mut kept = self.kept.iter();
            let found = kept.find(|(v, name, _)| *v == collection && name == key);
            found.map_or(0, |(.., value)| operator::number(value))
        };
        let by = operator::number(&self.expand(text));
        Kept::Number(before.saturating_add(by.saturating_mul(sign)))
    }

    /// A text as it is kept: as a number if that is written the same.
    fn kept_value(&mut self, text: &Macro) -> Kept {
        let octets = self.expand(text);
        let number = std::str::from_utf8(&octets).ok().and_then(|t| t.parse::<i64>().ok());
        match number.filter(|n| n.to_string().as_bytes() == octets) {
            Some(number) => Kept::Number(number),
            None => Kept::Text(self.texts.add(&octets)),
        }
    }
}
