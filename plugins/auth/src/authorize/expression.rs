//! Expressions in CEL, and the facts that they read.
//!
//! Programs are parsed when the plugin is made. A request is not turned into CEL's
//! values: a variable is looked up when an expression names it, and text is borrowed.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::ast::Expr;
use cel::common::types::{
    CelBool, CelDouble, CelInt, CelList, CelMap, CelMapKey, CelNull, CelString,
};
use cel::common::value::{CowVal, Val};
use cel::context::VariableResolver;
use cel::extractors::This;
use cel::{Context, ExecutionError, IdedExpr, Program, Value};
use plugin_sdk::{Error, Request, Result, connection};

use super::address::{self, Network};
use crate::identity::Identity;

/// A compiled expression.
pub(crate) struct Expression(Program);

/// What all expressions can call.
pub(crate) struct Library(Context<'static, 'static>);

/// Which facts the expressions read: the others are not asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Wanted {
    names: Vec<String>,
}

/// The claims of an identity, as expressions see them.
#[derive(Debug)]
pub(crate) struct Claims(Box<dyn Val>);

/// What an expression can name.
const VARIABLES: [&str; 13] = [
    "method",
    "path",
    "host",
    "scheme",
    "query",
    "address",
    "listener",
    "authenticated",
    "by",
    "subject",
    "groups",
    "claims",
    "certificate",
];

/// What it can call, besides operators.
const FUNCTIONS: [&str; 12] = [
    "contains",
    "startsWith",
    "endsWith",
    "size",
    "has",
    "in_network",
    "string",
    "int",
    "uint",
    "double",
    "bool",
    "type",
];

impl std::fmt::Debug for Expression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Expression")
    }
}

impl std::fmt::Debug for Library {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Library")
    }
}

impl Library {
    pub(crate) fn new() -> Result<Self> {
        let mut context = Context::default();
        let in_network = |This(text): This<Arc<String>>, network: Arc<String>| {
            let network = Network::new(&network)
                .map_err(|e| ExecutionError::function_error("in_network", e.to_string()))?;
            let ip = address::parse(&text);
            Ok::<bool, ExecutionError>(ip.is_some_and(|ip| network.contains(ip)))
        };
        context.add_function("in_network", in_network)?;
        Ok(Self(context))
    }
}

impl Expression {
    /// Parses, and refuses names that no request will have.
    pub(crate) fn new(text: &str, wanted: &mut Wanted) -> Result<Self> {
        let program = Program::compile(text).map_err(|e| Error::new(e.to_string()))?;
        let mut declared = Vec::new();
        declarations(program.expression(), &mut declared);
        let references = program.references();
        for name in references.variables() {
            if VARIABLES.contains(&name) {
                wanted.names.push(name.to_owned());
            } else if !declared.contains(&name) {
                let known = VARIABLES.join("`, `");
                return Err(Error::new(format!("there is no `{name}`, only `{known}`")));
            }
        }
        for name in references.functions() {
            // Operators have names such as `_==_`.
            let is_operator = !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
            if !is_operator && !FUNCTIONS.contains(&name) {
                let known = FUNCTIONS.join("`, `");
                return Err(Error::new(format!("there is no function `{name}`, only `{known}`")));
            }
        }
        Ok(Self(program))
    }

    /// Whether it is true of these facts.
    ///
    /// # Errors
    /// It is neither true nor false: a claim that it reads is absent, or of another
    /// type.
    pub(crate) fn holds(
        &self,
        facts: &Facts<'_>,
        library: &Library,
    ) -> Result<bool, ExecutionError> {
        let mut context = library.0.new_inner_scope();
        context.set_variable_resolver(facts);
        let value = Value::resolve_val(self.0.expression(), &context)?;
        match value.downcast_ref::<CelBool>() {
            Some(truth) => Ok(bool::from(*truth)),
            None => Err(ExecutionError::UnexpectedType {
                got: value.get_type().name().to_owned(),
                want: "bool".to_owned(),
            }),
        }
    }
}

/// The variables that macros such as `exists` declare.
fn declarations<'e>(expression: &'e IdedExpr, names: &mut Vec<&'e str>) {
    match &expression.expr {
        Expr::Call(call) => {
            call.target.iter().for_each(|target| declarations(target, names));
            call.args.iter().for_each(|argument| declarations(argument, names));
        }
        Expr::Comprehension(comprehension) => {
            names.push(&comprehension.iter_var);
            names.extend(comprehension.iter_var2.as_deref());
            names.push(&comprehension.accu_var);
            let parts = [
                &comprehension.iter_range,
                &comprehension.accu_init,
                &comprehension.loop_cond,
                &comprehension.loop_step,
                &comprehension.result,
            ];
            parts.into_iter().for_each(|part| declarations(part, names));
        }
        Expr::Select(select) => declarations(&select.operand, names),
        Expr::List(list) => list.elements.iter().for_each(|e| declarations(e, names)),
        _ => {}
    }
}

impl Wanted {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.names.iter().any(|known| known == name)
    }
}

/// What is known of one request, as far as expressions read it.
pub(crate) struct Facts<'a> {
    path: &'a str,
    method: &'a str,
    host: &'a str,
    scheme: &'a str,
    query: &'a str,
    address: &'a str,
    listener: String,
    identity: Option<&'a Identity>,
    certificate: Option<connection::Certificate>,
    nobody: CelMap<'static>,
}

impl<'a> Facts<'a> {
    pub(crate) fn of(
        request: &'a Request,
        path: &'a str,
        identity: Option<&'a Identity>,
        wanted: &Wanted,
    ) -> Self {
        let text =
            |name: &str, read: &dyn Fn() -> &'a str| if wanted.has(name) { read() } else { "" };
        Self {
            path,
            method: text("method", &|| request.method()),
            host: text("host", &|| request.host()),
            scheme: text("scheme", &|| request.scheme()),
            query: text("query", &|| request.query().unwrap_or_default()),
            address: text("address", &|| request.client_address().unwrap_or_default()),
            listener: match wanted.has("listener") {
                true => connection::listener().unwrap_or_default(),
                false => String::new(),
            },
            identity,
            certificate: match wanted.has("certificate") {
                true => connection::client_certificate(),
                false => None,
            },
            nobody: CelMap::from(HashMap::new()),
        }
    }

    /// A variable, or a field of one under its whole name; none sends CEL to the
    /// variable itself.
    fn find(&self, name: &str) -> Option<CowVal<'_, '_>> {
        let text = |text| Some(CowVal::owned(CelString::from(text)));
        let identity = self.identity;
        match name {
            "method" => text(self.method),
            "path" => text(self.path),
            "host" => text(self.host),
            "scheme" => text(self.scheme),
            "query" => text(self.query),
            "address" => text(self.address),
            "listener" => text(self.listener.as_str()),
            "authenticated" => Some(CowVal::owned(CelBool::from(identity.is_some()))),
            "by" => text(identity.map_or("", |i| i.method.as_str())),
            "subject" => text(identity.map_or("", |i| i.subject.as_str())),
            "groups" => Some(CowVal::owned(texts(identity.map_or(&[], |i| i.groups.as_slice())))),
            "claims" => Some(match identity {
                Some(identity) => {
                    let claims = identity.seen.get_or_init(|| Claims::of(&identity.claims));
                    CowVal::Borrowed(claims.0.as_ref())
                }
                None => CowVal::Borrowed(&self.nobody),
            }),
            "certificate" => Some(CowVal::owned(self.certificate())),
            _ => None,
        }
    }

    /// `subject`, `names` and `fingerprint`; nothing without a certificate.
    fn certificate(&self) -> CelMap<'_> {
        let mut map: HashMap<CelMapKey<'_>, Box<dyn Val + '_>> = HashMap::new();
        if let Some(certificate) = &self.certificate {
            map.insert("subject".into(), Box::new(CelString::from(certificate.subject.as_str())));
            map.insert("names".into(), Box::new(texts(&certificate.names)));
            let fingerprint = CelString::from(certificate.fingerprint.as_str());
            map.insert("fingerprint".into(), Box::new(fingerprint));
        }
        CelMap::from(map)
    }
}

impl VariableResolver for Facts<'_> {
    fn resolve<'b>(&'b self, variable: &str) -> Option<CowVal<'b, 'b>> {
        self.find(variable)
    }
}

fn texts(texts: &[String]) -> CelList<'_> {
    let mut boxed: Vec<Box<dyn Val + '_>> = Vec::with_capacity(texts.len());
    for text in texts {
        boxed.push(Box::new(CelString::from(text.as_str())));
    }
    CelList::from(boxed)
}

impl Claims {
    fn of(claims: &serde_json::Map<String, serde_json::Value>) -> Self {
        Self(table(claims))
    }
}

fn table(entries: &serde_json::Map<String, serde_json::Value>) -> Box<dyn Val> {
    let entry =
        |(name, value): (&String, &serde_json::Value)| (CelMapKey::from(name.clone()), seen(value));
    Box::new(CelMap::from(entries.iter().map(entry).collect::<HashMap<_, Box<dyn Val>>>()))
}

/// JSON as CEL has it: whole numbers are `int`, all others `double`.
fn seen(value: &serde_json::Value) -> Box<dyn Val> {
    use serde_json::Value;
    match value {
        Value::Null => Box::new(CelNull),
        Value::Bool(truth) => Box::new(CelBool::from(*truth)),
        Value::Number(number) => match number.as_i64() {
            Some(whole) => Box::new(CelInt::from(whole)),
            None => Box::new(CelDouble::from(number.as_f64().unwrap_or(f64::NAN))),
        },
        Value::String(text) => Box::new(CelString::from(text.clone())),
        Value::Array(values) => {
            Box::new(CelList::from(values.iter().map(seen).collect::<Vec<_>>()))
        }
        Value::Object(entries) => table(entries),
    }
}
