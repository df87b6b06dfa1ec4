//! From directives to rules.

use std::sync::Arc;

use crate::action::{Action, Mode, Which, actions};
use crate::error::{LoadError, Place};
use crate::operator::Spec;
use crate::rules::{ActionUpdate, Excess, Item, Link, Rule, Rules, TargetUpdate};
use crate::source::{Directive, Loader, directives};
use crate::variable::{Mode as TargetMode, targets};

/// Files that include one another may not go deeper.
const DEEPEST: usize = 16;

/// Directives about logs, files and connections, which are the proxy's affair.
const WITHOUT_EFFECT: &[&str] = &[
    "SecAuditEngine",
    "SecAuditLog",
    "SecAuditLog2",
    "SecAuditLogDirMode",
    "SecAuditLogFileMode",
    "SecAuditLogFormat",
    "SecAuditLogParts",
    "SecAuditLogPrefix",
    "SecAuditLogRelevantStatus",
    "SecAuditLogStorageDir",
    "SecAuditLogType",
    "SecCookieFormat",
    "SecDataDir",
    "SecDebugLog",
    "SecDebugLogLevel",
    "SecPcreMatchLimit",
    "SecPcreMatchLimitRecursion",
    "SecRequestBodyInMemoryLimit",
    "SecRxPreFilter",
    "SecSensorId",
    "SecServerSignature",
    "SecStatusEngine",
    "SecTmpDir",
    "SecTmpSaveUploadedFiles",
    "SecUnicodeMapFile",
    "SecUploadDir",
    "SecUploadFileMode",
    "SecUploadKeepFiles",
    "SecWebAppId",
    "SecXmlExternalEntity",
];

/// Loads a file into `rules`.
pub(crate) fn load(rules: &mut Rules, loader: &dyn Loader, name: &str) -> Result<(), LoadError> {
    let mut parser = Parser { rules, loader, defaults: std::array::from_fn(|_| None), open: None };
    let start = Place { file: Arc::from(name), line: 1 };
    parser.file(name, "", &start, 0)?;
    match parser.open.take() {
        Some(rule) => Err(LoadError::new(&rule.links[0].place, "the chain has no further rule")),
        None => Ok(()),
    }
}

struct Parser<'a> {
    rules: &'a mut Rules,
    loader: &'a dyn Loader,
    /// By phase less one.
    defaults: [Option<Arc<[Action]>>; 5],
    /// A rule whose chain goes on.
    open: Option<Rule>,
}

impl Parser<'_> {
    fn file(&mut self, name: &str, from: &str, at: &Place, depth: usize) -> Result<(), LoadError> {
        let error = |message: String| LoadError::new(at, message);
        if depth > DEEPEST {
            return Err(error(format!("`{name}`: files include one another too deeply")));
        }
        let octets = self.loader.read(name, from).map_err(error)?;
        let text =
            String::from_utf8(octets).map_err(|_| error(format!("`{name}` is not UTF-8")))?;
        let file: Arc<str> = Arc::from(name);
        for directive in directives(&file, &text)? {
            if directive.name.eq_ignore_ascii_case("Include")
                || directive.name.eq_ignore_ascii_case("IncludeOptional")
            {
                self.include(&directive, name, depth)?;
            } else {
                let place = directive.place.clone();
                self.directive(directive).map_err(|message| LoadError::new(&place, message))?;
            }
        }
        Ok(())
    }

    fn include(
        &mut self,
        directive: &Directive,
        from: &str,
        depth: usize,
    ) -> Result<(), LoadError> {
        let error = |message: String| LoadError::new(&directive.place, message);
        let pattern = only(&directive.arguments).map_err(error)?;
        let names = self.loader.expand(pattern, from).map_err(error)?;
        if names.is_empty() && directive.name.eq_ignore_ascii_case("Include") {
            return Err(error(format!("`{pattern}` names no file")));
        }
        names.iter().try_for_each(|name| self.file(name, from, &directive.place, depth + 1))
    }

    fn directive(&mut self, directive: Directive) -> Result<(), String> {
        let Directive { place, name, arguments } = directive;
        let lower = name.to_ascii_lowercase();
        if self.open.is_some() && lower != "secrule" && lower != "secaction" {
            return Err("a chain is not finished: a `SecRule` has to follow".to_owned());
        }
        match &*lower {
            "secrule" => return self.rule(place, &arguments),
            "secaction" => {
                let actions = actions(only(&arguments)?)?;
                return self.link(Link { place, targets: Vec::new(), operator: None, actions });
            }
            "secmarker" => self.rules.items.push(Item::Marker(only(&arguments)?.to_owned())),
            "secdefaultaction" => self.default_action(only(&arguments)?)?,
            "secruleremovebyid" => {
                self.rules.removals.push((place, Which::ids(&arguments.join(" "))?));
            }
            "secruleremovebytag" => self.remove(place, Which::Tag(only(&arguments)?.to_owned())),
            "secruleremovebymsg" => {
                self.remove(place, Which::Message(only(&arguments)?.to_owned()))
            }
            "secruleupdatetargetbyid" => self.update_targets(place, &arguments, Which::ids)?,
            "secruleupdatetargetbytag" => {
                self.update_targets(place, &arguments, |t| Ok(Which::Tag(t.to_owned())))?;
            }
            "secruleupdatetargetbymsg" => {
                self.update_targets(place, &arguments, |t| Ok(Which::Message(t.to_owned())))?;
            }
            "secruleupdateactionbyid" => self.update_action(place, &arguments)?,
            _ if WITHOUT_EFFECT.iter().any(|known| known.eq_ignore_ascii_case(&name)) => {
                let note = format!("`{name}` has no effect here");
                self.rules.notes.push(LoadError::new(&place, note));
            }
            _ => self.setting(&lower, &name, &arguments)?,
        }
        Ok(())
    }

    fn rule(&mut self, place: Place, arguments: &[String]) -> Result<(), String> {
        let (variables, operator, list) = match arguments {
            [variables, operator] => (variables, operator, ""),
            [variables, operator, actions] => (variables, operator, actions.as_str()),
            _ => return Err("`SecRule` takes variables, an operator and actions".to_owned()),
        };
        let targets = targets(variables, false)?;
        if targets.iter().all(|t| t.mode == TargetMode::Except) {
            return Err("the rule looks at no variable".to_owned());
        }
        let mut operator = Spec::parse(operator);
        if let Some(file) = operator.wants_file().map(str::to_owned) {
            operator.file = Some(self.loader.read(&file, &place.file)?);
        }
        let actions = actions(list)?;
        self.link(Link { place, targets, operator: Some(operator), actions })
    }

    /// Adds a link to the chain that is open, or begins a rule.
    fn link(&mut self, link: Link) -> Result<(), String> {
        let goes_on = link.actions.contains(&Action::Chain);
        let mut rule = match self.open.take() {
            Some(mut rule) => {
                let first_only = |a: &Action| {
                    matches!(
                        a,
                        Action::Id(_)
                            | Action::Phase(_)
                            | Action::Disrupt(_)
                            | Action::SkipAfter(_)
                    )
                };
                if link.actions.iter().any(first_only) {
                    return Err("id, phase, skipAfter and what ends a transaction belong to a \
                                chain's first rule"
                        .to_owned());
                }
                rule.links.push(link);
                rule
            }
            None => self.begin(link)?,
        };
        if goes_on {
            self.open = Some(rule);
        } else {
            rule.links.shrink_to_fit();
            self.rules.items.push(Item::Rule(rule));
        }
        Ok(())
    }

    fn begin(&self, link: Link) -> Result<Rule, String> {
        let id = link.actions.iter().find_map(|a| match a {
            Action::Id(id) => Some(*id),
            _ => None,
        });
        let id = id.ok_or("the rule has no `id`")?;
        let same = |item: &Item| matches!(item, Item::Rule(rule) if rule.id == id);
        if let Some(Item::Rule(other)) = self.rules.items.iter().find(|item| same(item)) {
            return Err(format!("the id {id} is that of the rule at {}", other.links[0].place));
        }
        let phase = link.actions.iter().rev().find_map(|a| match a {
            Action::Phase(phase) => Some(*phase),
            _ => None,
        });
        let phase = phase.unwrap_or(2);
        let defaults = self.defaults[usize::from(phase) - 1].clone().unwrap_or_default();
        Ok(Rule { id, phase, links: vec![link], defaults })
    }

    fn default_action(&mut self, text: &str) -> Result<(), String> {
        let actions = actions(text)?;
        let phase = actions.iter().find_map(|a| match a {
            Action::Phase(phase) => Some(*phase),
            _ => None,
        });
        let phase = phase.ok_or("`SecDefaultAction` needs a `phase`")?;
        if actions.iter().any(|a| matches!(a, Action::Id(_) | Action::Chain | Action::SkipAfter(_)))
        {
            return Err("`SecDefaultAction` takes no id, chain or skipAfter".to_owned());
        }
        self.defaults[usize::from(phase) - 1] = Some(actions.into());
        Ok(())
    }

    fn remove(&mut self, place: Place, which: Which) {
        self.rules.removals.push((place, which));
    }

    fn update_targets(
        &mut self,
        place: Place,
        arguments: &[String],
        which: impl Fn(&str) -> Result<Which, String>,
    ) -> Result<(), String> {
        let (rules, added, replaced) = match arguments {
            [rules, added] => (rules, added, None),
            [rules, added, replaced] => (rules, added, Some(replaced)),
            _ => return Err("rules and variables are wanted".to_owned()),
        };
        let replaced = replaced.map(|r| targets(r, true)).transpose()?.unwrap_or_default();
        let update =
            TargetUpdate { place, which: which(rules)?, targets: targets(added, true)?, replaced };
        self.rules.target_updates.push(update);
        Ok(())
    }

    fn update_action(&mut self, place: Place, arguments: &[String]) -> Result<(), String> {
        let [rule, list] = arguments else {
            return Err("a rule id and actions are wanted".to_owned());
        };
        let (id, link) = rule.split_once(':').unwrap_or((rule, "0"));
        let wrong = || format!("`{rule}` is no rule id");
        let id = id.parse().map_err(|_| wrong())?;
        let link = link.parse().map_err(|_| wrong())?;
        let actions = actions(list)?;
        let fixed = |a: &Action| matches!(a, Action::Id(_) | Action::Phase(_) | Action::Chain);
        if actions.iter().any(fixed) {
            return Err("id, phase and chain of a rule cannot be changed".to_owned());
        }
        self.rules.action_updates.push(ActionUpdate { place, id, link, actions });
        Ok(())
    }

    fn setting(&mut self, lower: &str, name: &str, arguments: &[String]) -> Result<(), String> {
        let settings = &mut self.rules.settings;
        if lower == "secresponsebodymimetype" {
            settings.response_types = arguments.iter().map(|t| t.to_ascii_lowercase()).collect();
            return Ok(());
        }
        if lower == "secresponsebodymimetypesclear" {
            settings.response_types.clear();
            return Ok(());
        }
        let value = only(arguments)?;
        let number = || value.parse::<usize>().map_err(|_| format!("`{name}` takes a number"));
        match lower {
            "secruleengine" => settings.engine = Mode::parse(value)?,
            "secrequestbodyaccess" => settings.request_body = switch(name, value)?,
            "secresponsebodyaccess" => settings.response_body = switch(name, value)?,
            "secrequestbodylimit" => settings.request_body_limit = number()?,
            "secrequestbodynofileslimit" => settings.request_body_no_files_limit = number()?,
            "secrequestbodylimitaction" => settings.request_body_excess = excess(value)?,
            "secrequestbodyjsondepthlimit" => settings.json_depth = number()?,
            "secargumentslimit" => settings.arguments = number()?,
            "secuploadfilelimit" => settings.upload_files = number()?,
            "secresponsebodylimit" => settings.response_body_limit = number()?,
            "secresponsebodylimitaction" => settings.response_body_excess = excess(value)?,
            "secargumentseparator" => match value.as_bytes() {
                [octet] => settings.separator = *octet,
                _ => return Err(format!("`{name}` takes one character")),
            },
            "seccomponentsignature" => settings.components.push(value.to_owned()),
            "seccollectiontimeout" => settings.collection_timeout = number()? as u64,
            _ => return Err(format!("there is no directive `{name}`, or it is not supported")),
        }
        Ok(())
    }
}

fn only(arguments: &[String]) -> Result<&str, String> {
    match arguments {
        [one] => Ok(one),
        _ => Err(format!("one argument is wanted, not {}", arguments.len())),
    }
}

fn switch(name: &str, value: &str) -> Result<bool, String> {
    match &*value.to_ascii_lowercase() {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(format!("`{name}` is On or Off, not `{value}`")),
    }
}

fn excess(value: &str) -> Result<Excess, String> {
    match &*value.to_ascii_lowercase() {
        "reject" => Ok(Excess::Reject),
        "processpartial" => Ok(Excess::ProcessPartial),
        _ => Err(format!("`{value}` is neither Reject nor ProcessPartial")),
    }
}
