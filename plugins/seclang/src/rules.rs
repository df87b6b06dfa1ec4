//! Rules as they are written: what the parser makes and the compiler takes.

use std::sync::Arc;

use crate::action::{Action, Mode, Which};
use crate::error::{LoadError, Place};
use crate::operator::Spec;
use crate::source::Loader;
use crate::variable::Target;

/// Everything that was loaded, in its order.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    pub(crate) items: Vec<Item>,
    pub(crate) settings: Settings,
    pub(crate) removals: Vec<(Place, Which)>,
    pub(crate) target_updates: Vec<TargetUpdate>,
    pub(crate) action_updates: Vec<ActionUpdate>,
    pub(crate) notes: Vec<LoadError>,
}

impl Rules {
    /// Loads a file and what it includes.
    ///
    /// # Errors
    /// The first thing that is wrong or not known, with file and line.
    pub fn load(loader: &dyn Loader, name: &str) -> Result<Self, LoadError> {
        let mut rules = Self::default();
        rules.add(loader, name)?;
        Ok(rules)
    }

    /// Loads a file after what is there.
    ///
    /// # Errors
    /// As [`Rules::load`].
    pub fn add(&mut self, loader: &dyn Loader, name: &str) -> Result<(), LoadError> {
        crate::parser::load(self, loader, name)
    }

    /// Directives that are known and have no effect here, like those of the audit
    /// log: for the operator to see.
    pub fn notes(&self) -> &[LoadError] {
        &self.notes
    }

    /// How many rules there are; a chain is one.
    pub fn len(&self) -> usize {
        self.items.iter().filter(|item| matches!(item, Item::Rule(_))).count()
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A rule, or a place to skip to.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Rule(Rule),
    Marker(String),
}

/// A rule with its chain.
#[derive(Clone, Debug)]
pub(crate) struct Rule {
    pub(crate) id: u64,
    pub(crate) phase: u8,
    /// At least one.
    pub(crate) links: Vec<Link>,
    /// The default actions of its phase where it stands.
    pub(crate) defaults: Arc<[Action]>,
}

/// A `SecRule` or `SecAction`.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    pub(crate) place: Place,
    pub(crate) targets: Vec<Target>,
    /// None: a `SecAction`, which always matches.
    pub(crate) operator: Option<Spec>,
    pub(crate) actions: Vec<Action>,
}

/// `SecRuleUpdateTargetBy…`
#[derive(Clone, Debug)]
pub(crate) struct TargetUpdate {
    pub(crate) place: Place,
    pub(crate) which: Which,
    pub(crate) targets: Vec<Target>,
    /// A variable whose targets go.
    pub(crate) replaced: Vec<Target>,
}

/// `SecRuleUpdateActionById`
#[derive(Clone, Debug)]
pub(crate) struct ActionUpdate {
    pub(crate) place: Place,
    pub(crate) id: u64,
    /// The place in the chain, from 0.
    pub(crate) link: usize,
    pub(crate) actions: Vec<Action>,
}

/// What happens beyond a limit of size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Excess {
    /// The transaction ends.
    Reject,
    /// The part within the limit is looked at.
    ProcessPartial,
}

/// What the directives other than rules say.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `SecRuleEngine`
    pub engine: Mode,
    /// `SecRequestBodyAccess`
    pub request_body: bool,
    /// `SecResponseBodyAccess`
    pub response_body: bool,
    /// `SecRequestBodyLimit`, in octets.
    pub request_body_limit: usize,
    /// `SecRequestBodyNoFilesLimit`, in octets.
    pub request_body_no_files_limit: usize,
    /// `SecRequestBodyLimitAction`
    pub request_body_excess: Excess,
    /// `SecRequestBodyJsonDepthLimit`
    pub json_depth: usize,
    /// `SecArgumentsLimit`
    pub arguments: usize,
    /// `SecUploadFileLimit`
    pub upload_files: usize,
    /// `SecResponseBodyLimit`, in octets.
    pub response_body_limit: usize,
    /// `SecResponseBodyLimitAction`
    pub response_body_excess: Excess,
    /// `SecResponseBodyMimeType`, in lower case; none for any.
    pub response_types: Vec<String>,
    /// `SecArgumentSeparator`
    pub separator: u8,
    /// `SecComponentSignature`
    pub components: Vec<String>,
    /// `SecCollectionTimeout`, in seconds.
    pub collection_timeout: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            engine: Mode::Off,
            request_body: false,
            response_body: false,
            // ModSecurity's own defaults.
            request_body_limit: 134_217_728,
            request_body_no_files_limit: 1_048_576,
            request_body_excess: Excess::Reject,
            // Deeper than any honest document; the parser needs no stack for it.
            json_depth: 512,
            arguments: 1000,
            upload_files: 100,
            response_body_limit: 524_288,
            response_body_excess: Excess::Reject,
            response_types: ["text/plain", "text/html"].map(str::to_owned).to_vec(),
            separator: b'&',
            components: Vec::new(),
            collection_timeout: 3600,
        }
    }
}
