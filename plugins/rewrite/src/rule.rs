//! One rule: whether it matches, and what it does.

use plugin_sdk::{Error, Reply, Request, Result};
use template::{Part, Template, Variable, View};

use crate::condition::Condition;
use crate::path::{self, Pattern};
use crate::query::QueryEdits;
use crate::redirect::Redirect;
use crate::{condition, config};

/// A rule, checked and compiled.
pub(crate) struct Rule {
    condition: Condition,
    strip_prefix: Option<String>,
    replace_prefix: Option<(String, String)>,
    replace_path: Option<(Pattern, Template)>,
    add_prefix: Option<String>,
    query: Option<QueryEdits>,
    host: Option<Template>,
    destination: Option<Destination>,
    redirect: Option<Redirect>,
    stop: bool,
}

#[derive(Clone)]
enum Destination {
    Cluster(String),
    Route(String),
}

/// What the rules so far made of a request; none = as it arrived.
#[derive(Default)]
pub(crate) struct State {
    target: Option<String>,
    host: Option<String>,
    destination: Option<Destination>,
}

/// What comes after a rule.
pub(crate) enum Step {
    Next,
    Stop,
    Answer(Reply),
}

impl Rule {
    pub(crate) fn new(config: config::Rule) -> Result<Self> {
        let condition = Condition::new(config.condition).map_err(|e| e.within("match"))?;
        let groups = condition.groups();
        let redirect = config.redirect.map(|r| Redirect::new(&r, &groups));
        let host = config.host.map(|h| host(&h, &groups).map_err(|e| e.within("host")));
        let destination = match (config.cluster, config.route) {
            (Some(_), Some(_)) => {
                return Err(Error::new("`cluster` and `route` exclude each other"));
            }
            (Some(name), None) => Some(Destination::Cluster(name)),
            (None, Some(name)) => Some(Destination::Route(name)),
            (None, None) => None,
        };
        let prefix = |key, prefix: Option<String>| {
            prefix.map(|p| path::prefix(&p).map_err(|e: Error| e.within(key))).transpose()
        };
        let query = config.query.map(|q| QueryEdits::new(q, &groups));
        Ok(Self {
            strip_prefix: prefix("strip_prefix", config.strip_prefix)?,
            add_prefix: prefix("add_prefix", config.add_prefix)?,
            replace_prefix: config
                .replace_prefix
                .map(|r| Ok((path::prefix(&r.from)?, path::prefix(&r.to)?)))
                .transpose()
                .map_err(|e: Error| e.within("replace_prefix"))?,
            replace_path: config
                .replace_path
                .map(|r| replace_path(&r))
                .transpose()
                .map_err(|e| e.within("replace_path"))?,
            query: query.transpose().map_err(|e| e.within("query"))?,
            host: host.transpose()?,
            redirect: redirect.transpose().map_err(|e| e.within("redirect"))?,
            destination,
            stop: config.stop,
            condition,
        })
    }

    /// The request fields that the rule reads.
    pub(crate) fn fields(&self) -> Vec<String> {
        let replace_path = self.replace_path.iter().map(|(_, with)| with);
        let redirect = self.redirect.iter().map(Redirect::template);
        let query = self.query.iter().flat_map(QueryEdits::templates);
        let templates = self.host.iter().chain(replace_path).chain(redirect).chain(query);
        let fields = templates.flat_map(Template::fields).map(str::to_owned);
        self.condition.fields().into_iter().chain(fields).collect()
    }

    pub(crate) fn apply(&self, request: &Request, state: &mut State) -> Step {
        let Some(captures) = self.condition.matches(&state.view(request, &[])) else {
            return Step::Next;
        };
        let captures: Vec<_> = captures.iter().map(Option::as_deref).collect();
        self.rewrite_path(request, state);
        if let Some(query) = &self.query {
            let target = query.apply(&state.view(request, &captures));
            state.target = Some(target);
        }
        if let Some(host) = &self.host {
            let host = host.target(&state.view(request, &captures));
            if host.is_empty() || !host.bytes().all(condition::is_host_octet) {
                return Step::Answer(Reply::new(400).text("no legal host\n"));
            }
            state.host = Some(host);
        }
        if let Some(destination) = &self.destination {
            state.destination = Some(destination.clone());
        }
        if let Some(redirect) = &self.redirect {
            return Step::Answer(redirect.answer(&state.view(request, &captures)));
        }
        if self.stop { Step::Stop } else { Step::Next }
    }

    fn rewrite_path(&self, request: &Request, state: &mut State) {
        if let Some(prefix) = &self.strip_prefix
            && let Some(rest) = path::strip(state.view(request, &[]).path(), prefix)
        {
            let path = path::rooted(rest);
            state.set_path(request, &path);
        }
        if let Some((from, to)) = &self.replace_prefix
            && let Some(rest) = path::strip(state.view(request, &[]).path(), from)
        {
            let path = path::join(to, rest);
            state.set_path(request, &path);
        }
        if let Some((pattern, with)) = &self.replace_path {
            let view = state.view(request, &[]);
            if let Some(captures) = pattern.captures(view.path()) {
                let captures: Vec<_> = captures.iter().map(Option::as_deref).collect();
                let path = path::rooted(&with.target(&state.view(request, &captures)));
                state.set_path(request, &path);
            }
        }
        if let Some(prefix) = &self.add_prefix {
            let path = path::join(prefix, state.view(request, &[]).path());
            state.set_path(request, &path);
        }
    }
}

impl State {
    fn view<'a>(&'a self, request: &'a Request, captures: &'a [Option<&'a str>]) -> View<'a> {
        View { request, host: self.host.as_deref(), target: self.target.as_deref(), captures }
    }

    fn set_path(&mut self, request: &Request, path: &str) {
        let view = self.view(request, &[]);
        let target = match view.query() {
            Some(query) => format!("{path}?{query}"),
            None => path.to_owned(),
        };
        self.target = Some(target);
    }

    pub(crate) fn into_edits(self, request: &mut Request) {
        if let Some(target) = self.target {
            request.set_target(target);
        }
        if let Some(host) = self.host {
            request.set_authority(host);
        }
        match self.destination {
            Some(Destination::Cluster(name)) => request.set_cluster(name),
            Some(Destination::Route(name)) => request.set_route(name),
            None => {}
        }
    }
}

fn replace_path(config: &config::ReplacePath) -> Result<(Pattern, Template)> {
    let pattern = Pattern::new(&config.regex).map_err(|e| e.within("regex"))?;
    let with = Template::with_captures(&config.with, &pattern.groups())
        .map_err(|e| Error::from(e).within("with"))?;
    let breaks = |part: &Part| match part {
        Part::Text(text) => text.contains(['?', '#']),
        Part::Variable(v) => matches!(v, Variable::Query | Variable::Target),
    };
    if with.parts().iter().any(breaks) {
        return Err(
            Error::new("this is a path and holds no query; use the key `query`").within("with")
        );
    }
    Ok((pattern, with))
}

/// A host that the endpoint sees.
fn host(text: &str, groups: &[Option<&str>]) -> Result<Template> {
    let template = Template::with_captures(text, groups)?;
    for part in template.parts() {
        match part {
            Part::Text(text) if text.bytes().all(condition::is_host_octet) => {}
            Part::Text(text) => return Err(Error::new(format!("`{text}` is no part of a host"))),
            Part::Variable(
                Variable::Path | Variable::Query | Variable::Target | Variable::Capture(_),
            ) => return Err(Error::new("a path, a query or a part of one is no host")),
            Part::Variable(_) => {}
        }
    }
    if template.constant() == Some("") {
        return Err(Error::new("a host is not empty"));
    }
    Ok(template)
}
