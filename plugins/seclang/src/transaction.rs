//! One request and its response, and what rules make of them.

mod collect;
mod evaluate;
mod expand;
mod request;
mod response;
mod store;

use std::rc::Rc;

use crate::action::{Mode, Processor, Severity};
use crate::engine::{Bits, Engine, Target};
use crate::error::Place;
use crate::texts::{TextId, Texts};
use crate::variable::Variable;
use store::Store;

/// A rule that matched and is to be logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Match {
    /// The rule's id.
    pub rule: u64,
    /// Where the rule stands.
    pub place: Place,
    /// The phase, 1 to 5.
    pub phase: u8,
    /// `msg`, with its variables replaced.
    pub message: String,
    /// `logdata`, with its variables replaced.
    pub data: String,
    /// `tag`
    pub tags: Vec<String>,
    /// `severity`
    pub severity: Option<Severity>,
    /// The variable that matched, with its key: `ARGS:q`. Empty for a rule that
    /// looks at none.
    pub variable: String,
    /// The value that matched, after transformation.
    pub value: Vec<u8>,
}

/// The end of a transaction that a rule asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// The rule's id; 0 for a limit.
    pub rule: u64,
    /// The status to answer with.
    pub status: u16,
    /// How it ends.
    pub disposition: Disposition,
}

/// How a transaction ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// The status is the answer.
    Deny,
    /// The connection is closed.
    Drop,
    /// The client is sent elsewhere.
    Redirect(String),
}

/// One request and its response.
///
/// Calls come in the order of HTTP: the request's line and fields,
/// [`Transaction::request_headers`], [`Transaction::request_body`], then the
/// response's, and last [`Transaction::logging`]. Once one of them has answered
/// with an [`Interruption`], only `logging` does anything.
pub struct Transaction<'e> {
    engine: &'e Engine,
    texts: Texts,
    /// By variable.
    values: Vec<Vec<Value>>,
    tx: Store<'e>,
    /// Collections that `initcol` opened, and what is in them.
    kept: Vec<(Variable, Vec<u8>, Vec<u8>)>,
    parts: Vec<Option<Rc<Part>>>,
    groups: Vec<Option<Rc<Values>>>,
    /// What the rule under evaluation matched.
    matched: Vec<Entry>,
    /// How many names and values there are in `ARGS`.
    arguments: usize,
    arguments_size: usize,
    mode: Mode,
    processor: Option<Processor>,
    force_body_variable: bool,
    body_access: bool,
    response_body_access: bool,
    removed: Option<Bits>,
    removed_targets: Vec<(&'e Bits, &'e Target)>,
    highest_severity: Option<Severity>,
    rule: Option<(u64, usize, usize)>,
    /// What `allow` skips: phases up to this one.
    allowed: u8,
    interruption: Option<Interruption>,
    matches: Vec<Match>,
}

/// A value of a variable.
#[derive(Clone, Copy)]
struct Value {
    key: TextId,
    text: TextId,
}

/// A value as a rule looks at it.
#[derive(Clone, Copy)]
struct Entry {
    variable: Variable,
    /// Whether it is a number of values.
    count: bool,
    key: TextId,
    text: TextId,
}

/// The values of a group.
struct Values {
    parts: Vec<Rc<Part>>,
    /// Patterns that may match one of them.
    possible: Vec<u64>,
}

/// The values of one target.
struct Part {
    entries: Vec<Entry>,
    /// Patterns that may match one of them.
    possible: Vec<u64>,
}

impl<'e> Transaction<'e> {
    /// Begins. `id` is what `UNIQUE_ID` says.
    pub fn new(engine: &'e Engine, id: &str) -> Self {
        let mut transaction = Self {
            engine,
            texts: Texts::new(),
            values: (0..Variable::COUNT).map(|_| Vec::new()).collect(),
            tx: Store::new(engine),
            kept: Vec::new(),
            parts: (0..engine.parts.len()).map(|_| None).collect(),
            groups: (0..engine.groups.len()).map(|_| None).collect(),
            matched: Vec::new(),
            arguments: 0,
            arguments_size: 0,
            mode: engine.settings.engine,
            processor: None,
            force_body_variable: false,
            body_access: engine.settings.request_body,
            response_body_access: engine.settings.response_body,
            removed: None,
            removed_targets: Vec::new(),
            highest_severity: None,
            rule: None,
            allowed: 0,
            interruption: None,
            matches: Vec::new(),
        };
        transaction.set(Variable::UniqueId, id.as_bytes());
        transaction
    }

    /// What matched so far and is to be logged.
    pub fn matches(&self) -> &[Match] {
        &self.matches
    }

    /// The end that a rule asked for, if one did.
    pub fn interruption(&self) -> Option<&Interruption> {
        self.interruption.as_ref()
    }

    /// Whether rules want the request's body.
    pub fn wants_request_body(&self) -> bool {
        self.mode != Mode::Off && self.body_access
    }

    /// Whether rules want the response's body, if it is of a type that is looked at.
    pub fn wants_response_body(&self) -> bool {
        self.mode != Mode::Off && self.response_body_access
    }

    /// A number that rules keep in `TX`, like an anomaly score; 0 if there is none.
    pub fn number(&self, name: &str) -> i64 {
        self.tx.number(&name.to_ascii_lowercase().into_bytes(), &self.texts)
    }

    /// The last phase: what is left to be counted and reported.
    pub fn logging(&mut self) {
        self.set_number(Variable::ResponseContentLength, 0, false);
        self.run(5);
    }

    /// Gives a variable its one value.
    fn set(&mut self, variable: Variable, text: &[u8]) {
        let text = self.texts.add(text);
        let values = &mut self.values[variable as usize];
        values.clear();
        values.push(Value { key: TextId::EMPTY, text });
    }

    fn set_number(&mut self, variable: Variable, number: usize, replace: bool) {
        if replace || self.values[variable as usize].is_empty() {
            self.set(variable, number.to_string().as_bytes());
        }
    }

    /// Adds a value to a collection.
    fn add(&mut self, variable: Variable, key: TextId, text: TextId) {
        self.values[variable as usize].push(Value { key, text });
    }

    fn first(&self, variable: Variable) -> &[u8] {
        let value = self.values[variable as usize].first();
        value.map_or(&[], |value| self.texts.get(value.text))
    }
}
