//! Rules, compiled: what all transactions share.

mod compile;

use std::collections::HashMap;

use crate::action::{Control, Processor, Scope, Severity};
use crate::error::{LoadError, Place};
use crate::macros::Macro;
use crate::operator::{Operator, Order};
use crate::pattern::Patterns;
use crate::prefilter::Prefilter;
use crate::rules::{Rules, Settings};
use crate::transform::Transform;
use crate::variable::Variable;
use crate::{Detectors, action};

/// Compiled rules.
pub struct Engine {
    pub(crate) settings: Settings,
    /// By phase less one.
    pub(crate) phases: [Vec<Rule>; 5],
    pub(crate) sets: Vec<TargetSet>,
    pub(crate) pipelines: Vec<Vec<Transform>>,
    pub(crate) targets: Vec<Target>,
    pub(crate) parts: Vec<Part>,
    pub(crate) groups: Vec<Group>,
    /// By domain: the request's phases, and those of the response.
    pub(crate) prefilters: [Prefilter; 2],
    /// The slots of the names in `TX` that rules name.
    pub(crate) slots: HashMap<Vec<u8>, u32>,
    /// The names by slot.
    pub(crate) names: Vec<Vec<u8>>,
    pub(crate) detectors: Detectors,
}

impl Engine {
    /// Compiles rules.
    ///
    /// # Errors
    /// The first rule that cannot be compiled, with file and line.
    pub fn compile(
        rules: &Rules,
        detectors: Detectors,
        patterns: &dyn Patterns,
    ) -> Result<Self, LoadError> {
        compile::compile(rules, detectors, patterns)
    }

    /// What the directives other than rules say.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The same, to be changed before the first transaction.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }
}

/// Rules by their number over all phases.
pub(crate) type Bits = Box<[u64]>;

pub(crate) fn has(bits: &[u64], index: usize) -> bool {
    bits.get(index / 64).is_some_and(|word| word >> (index % 64) & 1 == 1)
}

pub(crate) struct Rule {
    pub(crate) id: u64,
    /// Its number over all phases.
    pub(crate) index: usize,
    pub(crate) place: Place,
    pub(crate) links: Vec<Link>,
    pub(crate) message: Option<Macro>,
    pub(crate) log_data: Option<Macro>,
    pub(crate) tags: Vec<Macro>,
    pub(crate) severity: Option<Severity>,
    pub(crate) log: bool,
    pub(crate) end: End,
    pub(crate) status: u16,
    /// The rule to go on with after a match.
    pub(crate) skip: Option<usize>,
}

/// What a match ends.
pub(crate) enum End {
    Nothing,
    Deny,
    Drop,
    Redirect(Macro),
    Allow(Scope),
}

pub(crate) struct Link {
    /// None: it always matches.
    pub(crate) test: Option<Test>,
    pub(crate) changes: Vec<Change>,
    /// What is done when the whole chain matched.
    pub(crate) effects: Vec<Effect>,
}

pub(crate) struct Test {
    pub(crate) group: usize,
    pub(crate) operator: Operator,
    pub(crate) negated: bool,
    /// Its number in the prefilter.
    pub(crate) pattern: Option<u32>,
    pub(crate) capture: bool,
    pub(crate) quick: Option<Quick>,
}

/// A comparison of a number in `TX` that needs no text.
pub(crate) struct Quick {
    pub(crate) slot: u32,
    /// `&`: it is the number of values, none or one.
    pub(crate) count: bool,
    pub(crate) order: Order,
    pub(crate) right: Right,
}

pub(crate) enum Right {
    Number(i64),
    Slot(u32),
}

/// Values of some targets after some transformations: several parts.
#[derive(PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) set: usize,
    pub(crate) parts: Vec<usize>,
    /// Whether rules can change what it selects.
    pub(crate) volatile: bool,
}

/// The values of one target after some transformations, which groups share.
#[derive(PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) target: usize,
    pub(crate) pipeline: usize,
    /// Values are looked at before and after each transformation.
    pub(crate) every_stage: bool,
}

pub(crate) struct Change {
    pub(crate) collection: Variable,
    pub(crate) key: Key,
    pub(crate) change: action::Change,
}

/// The name of what is changed.
pub(crate) enum Key {
    /// In `TX`.
    Slot(u32),
    Text(Macro),
}

pub(crate) enum Effect {
    Mode(action::Mode),
    BodyProcessor(Processor),
    ForceBodyVariable(bool),
    BodyAccess(bool),
    ResponseBodyAccess(bool),
    Remove(Bits),
    RemoveTarget(Bits, Target),
    Collect(Variable, Macro),
}

/// The variables of a rule.
pub(crate) struct TargetSet {
    /// By their numbers.
    pub(crate) values: Vec<usize>,
    pub(crate) counts: Vec<usize>,
    pub(crate) except: Vec<Target>,
    /// Whether rules can change what it selects.
    pub(crate) volatile: bool,
}

pub(crate) struct Target {
    pub(crate) variable: Variable,
    pub(crate) selector: Selector,
}

pub(crate) enum Selector {
    All,
    Key(Vec<u8>),
    /// A key of `TX`.
    Slot(u32),
    Pattern(regex::bytes::Regex),
}

impl Target {
    /// Whether a value with that key is meant.
    pub(crate) fn selects(&self, key: &[u8]) -> bool {
        match &self.selector {
            Selector::All => true,
            Selector::Key(wanted) => wanted.eq_ignore_ascii_case(key),
            Selector::Slot(_) => false,
            Selector::Pattern(pattern) => pattern.is_match(key),
        }
    }
}

/// What of a control is left to be done when rules are known.
pub(crate) fn is_about_log(control: &Control) -> bool {
    matches!(control, Control::Audit)
}
