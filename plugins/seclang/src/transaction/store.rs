//! `TX`: what rules keep during a transaction.

use std::collections::HashMap;

use crate::engine::Engine;
use crate::operator;
use crate::texts::{TextId, Texts};

/// A value of `TX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    Number(i64),
    Text(TextId),
}

/// Values by name. Names that rules name have slots; others get them as they come.
pub(super) struct Store<'e> {
    engine: &'e Engine,
    values: Vec<Option<Kept>>,
    /// Names beyond those of the engine, and their slots.
    names: Vec<Vec<u8>>,
    slots: HashMap<Vec<u8>, u32>,
}

/// Names that rules make up may not fill the memory.
const MOST_NAMES: usize = 4096;

impl<'e> Store<'e> {
    pub(super) fn new(engine: &'e Engine) -> Self {
        let values = vec![None; engine.names.len()];
        Self { engine, values, names: Vec::new(), slots: HashMap::new() }
    }

    /// The slot of a name in lower case.
    pub(super) fn slot(&self, name: &[u8]) -> Option<u32> {
        self.engine.slots.get(name).or_else(|| self.slots.get(name)).copied()
    }

    pub(super) fn get(&self, slot: u32) -> Option<Kept> {
        self.values.get(slot as usize).copied().flatten()
    }

    /// The slot's number; none if it has no value.
    pub(super) fn number_at(&self, slot: u32, texts: &Texts) -> Option<i64> {
        Some(match self.get(slot)? {
            Kept::Number(number) => number,
            Kept::Text(text) => operator::number(texts.get(text)),
        })
    }

    pub(super) fn number(&self, name: &[u8], texts: &Texts) -> i64 {
        self.slot(name).and_then(|slot| self.number_at(slot, texts)).unwrap_or(0)
    }

    pub(super) fn set(&mut self, name: &[u8], value: Option<Kept>) {
        let slot = match self.slot(name) {
            Some(slot) => slot,
            None if value.is_none() || self.names.len() >= MOST_NAMES => return,
            None => {
                let slot = self.values.len() as u32;
                self.values.push(None);
                self.names.push(name.to_vec());
                self.slots.insert(name.to_vec(), slot);
                slot
            }
        };
        self.values[slot as usize] = value;
    }

    pub(super) fn set_slot(&mut self, slot: u32, value: Option<Kept>) {
        self.values[slot as usize] = value;
    }

    /// All names that have a value, and those.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&[u8], Kept)> {
        let names = self.engine.names.iter().chain(&self.names).map(Vec::as_slice);
        names.zip(&self.values).filter_map(|(name, value)| value.map(|value| (name, value)))
    }
}
