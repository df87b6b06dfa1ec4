//! What a rule does.

use crate::macros::Macro;
use crate::transform::Transform;
use crate::variable::{Target, Variable, targets};

/// The end of a transaction that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Disruption {
    /// Nothing.
    Pass,
    /// What the phase's default action says.
    Block,
    Deny,
    Drop,
    Redirect(Macro),
    Allow(Scope),
}

/// For how long `allow` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    Transaction,
    Phase,
    Request,
}

/// How serious a match is: the numbers of syslog.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[allow(missing_docs, reason = "syslog's words")]
pub enum Severity {
    Emergency,
    Alert,
    Critical,
    Error,
    Warning,
    Notice,
    Info,
    Debug,
}

impl Severity {
    const NAMES: [(Self, &'static str); 8] = [
        (Self::Emergency, "EMERGENCY"),
        (Self::Alert, "ALERT"),
        (Self::Critical, "CRITICAL"),
        (Self::Error, "ERROR"),
        (Self::Warning, "WARNING"),
        (Self::Notice, "NOTICE"),
        (Self::Info, "INFO"),
        (Self::Debug, "DEBUG"),
    ];

    /// The word in upper case.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize].1
    }

    fn parse(text: &str) -> Result<Self, String> {
        let number = text.parse().ok().and_then(|n: usize| Self::NAMES.get(n));
        let named = || Self::NAMES.iter().find(|(_, name)| name.eq_ignore_ascii_case(text));
        let found = number.or_else(named).map(|(severity, _)| *severity);
        found.ok_or_else(|| format!("`{text}` is no severity; say EMERGENCY to DEBUG, or 0 to 7"))
    }
}

/// What is done to a value of a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Set(Macro),
    Add(Macro),
    Subtract(Macro),
    Remove,
}

/// `On`, `DetectionOnly` or `Off`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Rules run and may end the transaction.
    On,
    /// Rules run and end nothing.
    #[default]
    DetectionOnly,
    /// No rule runs.
    Off,
}

impl Mode {
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        match &*text.to_ascii_lowercase() {
            "on" => Ok(Self::On),
            "detectiononly" => Ok(Self::DetectionOnly),
            "off" => Ok(Self::Off),
            _ => Err(format!("`{text}` is none of On, DetectionOnly and Off")),
        }
    }
}

/// What reads a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the names of the language")]
pub enum Processor {
    Urlencoded,
    Multipart,
    Json,
    Xml,
}

impl Processor {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Urlencoded => "URLENCODED",
            Self::Multipart => "MULTIPART",
            Self::Json => "JSON",
            Self::Xml => "XML",
        }
    }
}

/// Which rules something is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those with an id in these ranges.
    Ids(Vec<(u64, u64)>),
    /// Those with a tag that this regular expression matches.
    Tag(String),
    /// Those with a message that this regular expression matches.
    Message(String),
}

impl Which {
    /// `942100`, `941000-942999`, and several of them.
    pub(crate) fn ids(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no rule id, range of ids or list of them");
        let number = |text: &str| text.trim().parse::<u64>().map_err(|_| wrong());
        let part = |part: &str| match part.split_once('-') {
            Some((from, to)) => Ok((number(from)?, number(to)?)),
            None => number(part).map(|id| (id, id)),
        };
        let parts = text.split([' ', ',']).filter(|p| !p.is_empty());
        let ids = parts.map(part).collect::<Result<Vec<_>, String>>()?;
        if ids.is_empty() { Err(wrong()) } else { Ok(Self::Ids(ids)) }
    }
}

/// A change of the engine for the rest of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    RuleEngine(Mode),
    BodyProcessor(Processor),
    ForceBodyVariable(bool),
    BodyAccess(bool),
    ResponseBodyAccess(bool),
    RemoveRules(Which),
    RemoveTarget(Which, Target),
    /// About the audit log, which this engine does not write.
    Audit,
}

/// An action as a rule has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    Id(u64),
    Phase(u8),
    Disrupt(Disruption),
    Status(u16),
    Log(bool),
    /// About the audit log, which this engine does not write.
    AuditLog,
    Message(Macro),
    LogData(Macro),
    Tag(Macro),
    Severity(Severity),
    /// Kept for the reader of a rule only: version, revision, maturity, accuracy.
    Note,
    Capture,
    MultiMatch,
    Chain,
    SkipAfter(String),
    Skip(usize),
    Transform(Transform),
    NoTransforms,
    SetVariable {
        collection: Variable,
        key: Macro,
        change: Change,
    },
    ExpireVariable {
        collection: Variable,
        key: Macro,
        seconds: u64,
    },
    Collect {
        collection: Variable,
        key: Macro,
    },
    Control(Control),
}

/// Splits a list of actions at its commas. Single quotes hold a value together.
pub(crate) fn actions(text: &str) -> Result<Vec<Action>, String> {
    let mut found = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let end = rest.find([':', ',']).unwrap_or(rest.len());
        let name = rest[..end].trim();
        let (value, after) = match rest[end..].strip_prefix(':') {
            Some(after) => value(after)?,
            None => (None, &rest[end..]),
        };
        found.push(action(name, value.as_deref())?);
        rest = match after.trim_start() {
            "" => "",
            after => after
                .strip_prefix(',')
                .ok_or_else(|| format!("a comma is missing after the action `{name}`"))?
                .trim_start(),
        };
    }
    Ok(found)
}

fn value(text: &str) -> Result<(Option<String>, &str), String> {
    let text = text.trim_start();
    let Some(inner) = text.strip_prefix('\'') else {
        let end = text.find(',').unwrap_or(text.len());
        // A value may hold a quoted part: `setvar:tx.a='b, c'`.
        if let Some(open) = text[..end].find('\'') {
            let close = text[open + 1..].find('\'').ok_or("a ' is not closed")? + open + 1;
            let end = text[close..].find(',').map_or(text.len(), |at| close + at);
            return Ok((Some(text[..end].replace('\'', "").trim().to_owned()), &text[end..]));
        }
        return Ok((Some(text[..end].trim().to_owned()), &text[end..]));
    };
    let mut value = String::new();
    let mut chars = inner.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        match c {
            '\'' => return Ok((Some(value), &inner[at + 1..])),
            '\\' if chars.peek().is_some_and(|(_, next)| *next == '\'') => {
                chars.next();
                value.push('\'');
            }
            _ => value.push(c),
        }
    }
    Err(format!("a ' is not closed in `{text}`"))
}

fn action(name: &str, value: Option<&str>) -> Result<Action, String> {
    let lower = name.to_ascii_lowercase();
    let need = || value.filter(|v| !v.is_empty()).ok_or_else(|| format!("`{name}` needs a value"));
    let number =
        |v: &str| v.trim().parse::<u64>().map_err(|_| format!("`{name}:{v}` is no number"));
    Ok(match &*lower {
        "id" => Action::Id(number(need()?)?),
        "phase" => Action::Phase(phase(need()?)?),
        "pass" => Action::Disrupt(Disruption::Pass),
        "block" => Action::Disrupt(Disruption::Block),
        "deny" => Action::Disrupt(Disruption::Deny),
        "drop" => Action::Disrupt(Disruption::Drop),
        "redirect" => Action::Disrupt(Disruption::Redirect(Macro::parse(need()?)?)),
        "allow" => Action::Disrupt(Disruption::Allow(match value {
            None | Some("") => Scope::Transaction,
            Some("phase") => Scope::Phase,
            Some("request") => Scope::Request,
            Some(other) => return Err(format!("`allow:{other}`: say `phase` or `request`")),
        })),
        "status" => Action::Status(status(need()?)?),
        "log" => Action::Log(true),
        "nolog" => Action::Log(false),
        "auditlog"
        | "noauditlog"
        | "sanitisearg"
        | "sanitisematched"
        | "sanitisematchedbytes"
        | "sanitiserequestheader"
        | "sanitiseresponseheader" => Action::AuditLog,
        "msg" => Action::Message(Macro::parse(value.unwrap_or_default())?),
        "logdata" => Action::LogData(Macro::parse(value.unwrap_or_default())?),
        "tag" => Action::Tag(Macro::parse(need()?)?),
        "severity" => Action::Severity(Severity::parse(need()?)?),
        "ver" | "rev" | "maturity" | "accuracy" => Action::Note,
        "capture" => Action::Capture,
        "multimatch" => Action::MultiMatch,
        "chain" => Action::Chain,
        "skipafter" => Action::SkipAfter(need()?.to_owned()),
        "skip" => Action::Skip(usize::try_from(number(need()?)?).unwrap_or(usize::MAX)),
        "t" => match need()? {
            v if v.eq_ignore_ascii_case("none") => Action::NoTransforms,
            v => Action::Transform(
                Transform::named(v).ok_or_else(|| format!("there is no transformation `{v}`"))?,
            ),
        },
        "setvar" => set_variable(need()?)?,
        "expirevar" => expire_variable(need()?)?,
        "initcol" => collect(need()?)?,
        "setuid" => Action::Collect { collection: Variable::User, key: Macro::parse(need()?)? },
        "setsid" => Action::Collect { collection: Variable::Session, key: Macro::parse(need()?)? },
        "setrsc" => Action::Collect { collection: Variable::Resource, key: Macro::parse(need()?)? },
        "ctl" => Action::Control(control(need()?)?),
        "exec" | "proxy" | "pause" | "prepend" | "append" | "deprecatevar" | "setenv" | "xmlns" => {
            return Err(format!("the action `{name}` is not supported"));
        }
        _ => return Err(format!("there is no action `{name}`")),
    })
}

fn phase(text: &str) -> Result<u8, String> {
    match &*text.to_ascii_lowercase() {
        "1" => Ok(1),
        "2" | "request" => Ok(2),
        "3" => Ok(3),
        "4" | "response" => Ok(4),
        "5" | "logging" => Ok(5),
        _ => Err(format!("`{text}` is no phase; say 1 to 5, request, response or logging")),
    }
}

fn status(text: &str) -> Result<u16, String> {
    let status = text.trim().parse().ok().filter(|s| (100..=599).contains(s));
    status.ok_or_else(|| format!("`{text}` is no status code"))
}

/// `tx.name`, split.
fn place(text: &str) -> Result<(Variable, Macro), String> {
    let wrong = || format!("`{text}`: a collection and a name are wanted, like `tx.score`");
    let (collection, key) = text.split_once(['.', ':']).ok_or_else(wrong)?;
    let collection = Variable::named(collection.trim())
        .filter(|v| *v == Variable::Tx || v.is_kept())
        .ok_or_else(|| format!("`{collection}` is no collection that rules may change"))?;
    if key.trim().is_empty() {
        return Err(wrong());
    }
    Ok((collection, Macro::parse(key.trim())?))
}

fn set_variable(text: &str) -> Result<Action, String> {
    let text = text.trim();
    if let Some(removed) = text.strip_prefix('!') {
        let (collection, key) = place(removed)?;
        return Ok(Action::SetVariable { collection, key, change: Change::Remove });
    }
    let (name, value) = match assignment(text) {
        Some(at) => (&text[..at], &text[at + 1..]),
        None => (text, "1"),
    };
    let (collection, key) = place(name)?;
    let change = match value.as_bytes().first() {
        Some(b'+') => Change::Add(Macro::parse(&value[1..])?),
        Some(b'-') => Change::Subtract(Macro::parse(&value[1..])?),
        _ => Change::Set(Macro::parse(value)?),
    };
    Ok(Action::SetVariable { collection, key, change })
}

/// The `=` between name and value: the first one outside of a `%{…}`.
fn assignment(text: &str) -> Option<usize> {
    let mut inside = false;
    text.char_indices().find_map(|(at, c)| {
        match c {
            '{' => inside = true,
            '}' => inside = false,
            '=' if !inside => return Some(at),
            _ => {}
        }
        None
    })
}

fn expire_variable(text: &str) -> Result<Action, String> {
    let (name, seconds) =
        text.split_once('=').ok_or("`expirevar` wants `collection.name=seconds`")?;
    let (collection, key) = place(name)?;
    let seconds = seconds.trim().parse();
    let seconds = seconds.map_err(|_| format!("`expirevar:{text}`: seconds are a number"))?;
    Ok(Action::ExpireVariable { collection, key, seconds })
}

fn collect(text: &str) -> Result<Action, String> {
    let (name, key) = text.split_once('=').ok_or("`initcol` wants `collection=key`")?;
    let collection = Variable::named(name.trim()).filter(|v| v.is_kept());
    let wrong = || format!("`{name}` is none of global, ip, resource, session and user");
    Ok(Action::Collect {
        collection: collection.ok_or_else(wrong)?,
        key: Macro::parse(key.trim())?,
    })
}

fn control(text: &str) -> Result<Control, String> {
    let (name, value) =
        text.split_once('=').ok_or_else(|| format!("`ctl:{text}` wants a value"))?;
    let value = value.trim();
    let switch = || match &*value.to_ascii_lowercase() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`ctl:{name}` is On or Off, not `{value}`")),
    };
    let target = || -> Result<(&str, Target), String> {
        let wrong = || format!("`ctl:{name}` wants rules, `;` and a variable");
        let (which, target) = value.split_once(';').ok_or_else(wrong)?;
        let target = targets(target.trim().trim_start_matches('!'), false)?;
        Ok((which.trim(), target.into_iter().next().ok_or_else(wrong)?))
    };
    Ok(match &*name.trim().to_ascii_lowercase() {
        "ruleengine" => Control::RuleEngine(Mode::parse(value)?),
        "requestbodyprocessor" => Control::BodyProcessor(match &*value.to_ascii_uppercase() {
            "URLENCODED" => Processor::Urlencoded,
            "MULTIPART" => Processor::Multipart,
            "JSON" => Processor::Json,
            "XML" => Processor::Xml,
            _ => return Err(format!("`{value}` is none of URLENCODED, MULTIPART, JSON and XML")),
        }),
        "forcerequestbodyvariable" => Control::ForceBodyVariable(switch()?),
        "requestbodyaccess" => Control::BodyAccess(switch()?),
        "responsebodyaccess" => Control::ResponseBodyAccess(switch()?),
        "ruleremovebyid" => Control::RemoveRules(Which::ids(value)?),
        "ruleremovebytag" => Control::RemoveRules(Which::Tag(value.to_owned())),
        "ruleremovebymsg" => Control::RemoveRules(Which::Message(value.to_owned())),
        "ruleremovetargetbyid" => {
            let (which, target) = target()?;
            Control::RemoveTarget(Which::ids(which)?, target)
        }
        "ruleremovetargetbytag" => {
            let (which, target) = target()?;
            Control::RemoveTarget(Which::Tag(which.to_owned()), target)
        }
        "ruleremovetargetbymsg" => {
            let (which, target) = target()?;
            Control::RemoveTarget(Which::Message(which.to_owned()), target)
        }
        "auditengine" | "auditlogparts" | "debugloglevel" => Control::Audit,
        _ => return Err(format!("there is no `ctl:{name}`, or it is not supported")),
    })
}
