//! TypeScript declarations of the contract as `componentize-qjs` maps it, and what
//! stands in for the host when a plugin is tested natively.

use std::fmt::Write as _;

use wit_parser::{
    Function, FunctionKind, Handle, Interface, InterfaceId, Param, Resolve, Type, TypeDef,
    TypeDefKind, TypeId, TypeOwner,
};

use super::{Contract, File, pascal};

const SUPPORT: [(&str, &str); 4] = [
    ("globals.js", include_str!("../../template/js/support/globals.js.template")),
    ("globals.d.ts", include_str!("../../template/js/support/globals.d.ts.template")),
    ("guard.js", include_str!("../../template/js/support/guard.js.template")),
    ("testing.js", include_str!("../../template/js/support/testing.js.template")),
];

pub(super) fn files(contract: &Contract) -> Vec<File> {
    let mut declarations = String::from(
        "// Made by wasmgate from the contract's WIT, for editors and type checkers.\n",
    );
    let mut files = Vec::new();
    for (name, id) in contract.imports() {
        declarations.push_str(&module(&contract.resolve, id, false));
        let stand_in = stand_in(&contract.resolve, &name, id);
        files.push((format!("imports/{name}.js"), stand_in.into_bytes()));
    }
    let exports = contract.exports();
    for (_, id) in &exports {
        declarations.push_str(&module(&contract.resolve, *id, true));
    }
    files.push(("contract.d.ts".to_owned(), declarations.into_bytes()));
    files.push(("entry.js".to_owned(), entry(&contract.resolve, &exports).into_bytes()));
    files.extend(SUPPORT.map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec())));
    files
}

/// What is compiled: the plugin's hooks, guarded.
fn entry(resolve: &Resolve, exports: &[(String, InterfaceId)]) -> String {
    let mut text = String::from(
        "// Made by wasmgate: what is compiled.\n\
         import \"./globals.js\";\n\
         import { guard } from \"./guard.js\";\n\
         import * as plugin from \"../../src/plugin.js\";\n\n",
    );
    for (name, id) in exports {
        let hook = camel(name);
        let functions: Vec<String> = resolve.interfaces[*id]
            .functions
            .values()
            .map(|function| format!("{}: {:?}", camel(&function.name), answer(resolve, function)))
            .collect();
        let functions = functions.join(", ");
        let _ = writeln!(
            text,
            "export const {hook} = guard({hook:?}, plugin.{hook}, {{ {functions} }});"
        );
    }
    text
}

/// What becomes of an exception in a function of a hook: `fail` where there is such
/// a decision, `error` where there is a result with a text, and else a crash.
fn answer(resolve: &Resolve, function: &Function) -> &'static str {
    let Some(Type::Id(id)) = function.result else { return "crash" };
    match &resolve.types[dealias(resolve, id)].kind {
        TypeDefKind::Variant(variant) if variant.cases.iter().any(|case| case.name == "fail") => {
            "fail"
        }
        TypeDefKind::Result(result) if result.err == Some(Type::String) => "error",
        _ => "crash",
    }
}

fn dealias(resolve: &Resolve, mut id: TypeId) -> TypeId {
    while let TypeDefKind::Type(Type::Id(next)) = resolve.types[id].kind {
        id = next;
    }
    id
}

/// A module whose functions are what a test makes of them.
fn stand_in(resolve: &Resolve, name: &str, id: InterfaceId) -> String {
    let mut text = "// Made by wasmgate: stands in for the host in native tests.\n\
                    import { asked } from \"../testing.js\";\n\n"
        .to_owned();
    for function in resolve.interfaces[id].functions.values() {
        if matches!(function.kind, FunctionKind::Freestanding) {
            let function = camel(&function.name);
            let _ = writeln!(
                text,
                "export const {function} = (...given) => asked({:?}, {function:?}, given);",
                camel(name)
            );
        }
    }
    text
}

/// The declaration of one interface.
fn module(resolve: &Resolve, id: InterfaceId, exported: bool) -> String {
    let interface = &resolve.interfaces[id];
    let mut body = String::new();
    for (name, ty) in &interface.types {
        declare(resolve, name, *ty, interface, &mut body);
    }
    let free =
        interface.functions.values().filter(|f| matches!(f.kind, FunctionKind::Freestanding));
    if exported {
        body.push_str("  /** What a plugin exports under the interface's name. */\n");
        body.push_str("  export interface Hook {\n");
        for function in free {
            doc(function.docs.contents.as_deref(), "    ", &mut body);
            let _ =
                writeln!(body, "    {}{};", camel(&function.name), signature(resolve, function, 0));
        }
        body.push_str("  }\n");
    } else {
        for function in free {
            doc(function.docs.contents.as_deref(), "  ", &mut body);
            let name = camel(&function.name);
            let _ =
                writeln!(body, "  export function {}{};", name, signature(resolve, function, 0));
        }
    }
    let name = resolve.id_of(id).unwrap_or_default();
    let mut text = String::from("\n");
    doc(interface.docs.contents.as_deref(), "", &mut text);
    let _ = write!(text, "declare module {name:?} {{\n{body}}}\n");
    text
}

/// The declaration of one named type.
fn declare(resolve: &Resolve, name: &str, id: TypeId, interface: &Interface, out: &mut String) {
    let TypeDef { kind, docs, .. } = &resolve.types[id];
    doc(docs.contents.as_deref(), "  ", out);
    let name = pascal(name);
    match kind {
        TypeDefKind::Record(record) => {
            let _ = writeln!(out, "  export interface {name} {{");
            for field in &record.fields {
                doc(field.docs.contents.as_deref(), "    ", out);
                let _ = writeln!(out, "    {}: {};", camel(&field.name), ty(resolve, &field.ty));
            }
            out.push_str("  }\n");
        }
        TypeDefKind::Variant(variant) => {
            let _ = writeln!(out, "  export type {name} =");
            for case in &variant.cases {
                doc(case.docs.contents.as_deref(), "    ", out);
                let value = case.ty.as_ref().map(|value| format!("; val: {}", ty(resolve, value)));
                let _ =
                    writeln!(out, "    | {{ tag: {:?}{} }}", case.name, value.unwrap_or_default());
            }
            out.push_str("    ;\n");
        }
        TypeDefKind::Enum(cases) => {
            let _ = writeln!(out, "  export type {name} =");
            for case in &cases.cases {
                doc(case.docs.contents.as_deref(), "    ", out);
                let _ = writeln!(out, "    | {:?}", case.name);
            }
            out.push_str("    ;\n");
        }
        TypeDefKind::Resource => {
            let _ = writeln!(out, "  export class {name} {{\n    private constructor();");
            let of = |f: &&Function| matches!(f.kind, FunctionKind::Method(own) if own == id);
            for method in interface.functions.values().filter(of) {
                doc(method.docs.contents.as_deref(), "    ", out);
                let method_name = camel(method.item_name());
                let _ = writeln!(out, "    {method_name}{};", signature(resolve, method, 1));
            }
            out.push_str("  }\n");
        }
        // A type of another interface that this one uses.
        TypeDefKind::Type(Type::Id(used)) if resolve.types[*used].name.is_some() => {
            let _ = writeln!(out, "  export type {name} = {};", foreign(resolve, *used));
        }
        other => {
            let _ = writeln!(out, "  export type {name} = {};", anonymous(resolve, other));
        }
    }
}

/// A named type, through the module that declares it.
fn foreign(resolve: &Resolve, id: TypeId) -> String {
    let definition = &resolve.types[id];
    let name = pascal(definition.name.as_deref().unwrap_or_default());
    match definition.owner {
        TypeOwner::Interface(owner) => {
            let module = resolve.id_of(owner).unwrap_or_default();
            format!("import({module:?}).{name}")
        }
        _ => name,
    }
}

/// Parameters and result; a result at the top is returned or thrown.
fn signature(resolve: &Resolve, function: &Function, skip: usize) -> String {
    let parameter = |p: &Param| format!("{}: {}", escaped(&camel(&p.name)), ty(resolve, &p.ty));
    let parameters: Vec<String> = function.params.iter().skip(skip).map(parameter).collect();
    let result = match function.result {
        None => "void".to_owned(),
        Some(Type::Id(id)) => match &resolve.types[id].kind {
            TypeDefKind::Result(result) => {
                result.ok.as_ref().map_or_else(|| "void".to_owned(), |ok| ty(resolve, ok))
            }
            _ => ty(resolve, &Type::Id(id)),
        },
        Some(result) => ty(resolve, &result),
    };
    format!("({}): {result}", parameters.join(", "))
}

fn ty(resolve: &Resolve, ty: &Type) -> String {
    match ty {
        Type::Bool => "boolean".to_owned(),
        Type::Char | Type::String => "string".to_owned(),
        Type::Id(id) => match &resolve.types[*id].name {
            Some(_) => foreign(resolve, *id),
            None => anonymous(resolve, &resolve.types[*id].kind),
        },
        _ => "number".to_owned(),
    }
}

fn anonymous(resolve: &Resolve, kind: &TypeDefKind) -> String {
    let or_void = |ty: &Option<Type>| ty.as_ref().map(|ty| self::ty(resolve, ty));
    match kind {
        TypeDefKind::List(Type::U8) => "Uint8Array".to_owned(),
        TypeDefKind::List(item) | TypeDefKind::FixedLengthList(item, _) => {
            format!("Array<{}>", ty(resolve, item))
        }
        TypeDefKind::Tuple(tuple) => {
            let types: Vec<String> = tuple.types.iter().map(|item| ty(resolve, item)).collect();
            format!("[{}]", types.join(", "))
        }
        TypeDefKind::Option(value) => match value {
            Type::Id(id) if matches!(resolve.types[*id].kind, TypeDefKind::Option(_)) => {
                format!("{{ tag: \"none\" }} | {{ tag: \"some\"; val: {} }}", ty(resolve, value))
            }
            _ => format!("{} | null", ty(resolve, value)),
        },
        TypeDefKind::Result(result) => {
            let case = |tag: &str, of: &Option<Type>| match or_void(of) {
                Some(value) => format!("{{ tag: {tag:?}; val: {value} }}"),
                None => format!("{{ tag: {tag:?} }}"),
            };
            format!("{} | {}", case("ok", &result.ok), case("err", &result.err))
        }
        TypeDefKind::Map(key, value) => {
            format!("Map<{}, {}>", ty(resolve, key), ty(resolve, value))
        }
        TypeDefKind::Handle(Handle::Own(id) | Handle::Borrow(id)) => foreign(resolve, *id),
        TypeDefKind::Type(alias) => ty(resolve, alias),
        // The contract has no others.
        _ => "unknown".to_owned(),
    }
}

fn doc(text: Option<&str>, indent: &str, out: &mut String) {
    let Some(text) = text else { return };
    let text = text.replace("*/", "*\\/");
    let _ = writeln!(out, "{indent}/**");
    for line in text.lines() {
        let _ = writeln!(out, "{}", format!("{indent} * {line}").trim_end());
    }
    let _ = writeln!(out, "{indent} */");
}

/// `request-headers` as `requestHeaders`.
fn camel(name: &str) -> String {
    let pascal = pascal(name);
    let mut letters = pascal.chars();
    letters.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(letters).collect()
}

/// Parameters may not be called what the language calls itself.
fn escaped(name: &str) -> String {
    match name {
        "default" | "delete" | "export" | "function" | "import" | "in" | "new" | "var" => {
            format!("{name}_")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::contract::tests::contract;
    use super::*;

    fn text(files: &[File], name: &str) -> String {
        let (_, content) = files.iter().find(|(path, _)| path == name).unwrap();
        String::from_utf8(content.clone()).unwrap()
    }

    #[test]
    fn every_kind_of_type_is_declared() {
        let directory = tempfile::tempdir().unwrap();
        let contract = contract(directory.path(), r#"["request", "response"]"#).unwrap();
        let files = files(&contract);
        let declarations = text(&files, "contract.d.ts");
        for line in [
            "declare module \"wasmgate:plugin/exchange@0.1.0\" {",
            "  export function requestHeader(name: string): Uint8Array | null;",
            "  export function requestHeaderLines(name: string): Array<Uint8Array>;",
            "    | { tag: \"continue\" }",
            "    | \"no-exchange\"",
            "    onRequest(asked: import(\"wasmgate:plugin/request@0.1.0\").AskedValues | null): \
             import(\"wasmgate:plugin/request@0.1.0\").Decision;",
            "    configure(config: string): import(\"wasmgate:plugin/lifecycle@0.1.0\").Subscription;",
            " * The exchange that the current hook is about: read what was not subscribed to,",
        ] {
            assert!(declarations.contains(line), "{line}\n{declarations}");
        }
        assert!(!declarations.contains("unknown"), "{declarations}");
    }

    #[test]
    fn exceptions_become_what_the_hook_can_say() {
        let directory = tempfile::tempdir().unwrap();
        let contract = contract(directory.path(), r#"["request", "complete"]"#).unwrap();
        let entry = text(&files(&contract), "entry.js");
        assert!(entry.contains(r#"guard("request", plugin.request, { onRequest: "fail" })"#));
        assert!(entry.contains(r#"{ configure: "error" }"#), "{entry}");
        assert!(entry.contains(r#"{ onComplete: "crash" }"#), "{entry}");
    }

    #[test]
    fn what_is_imported_has_a_stand_in() {
        let directory = tempfile::tempdir().unwrap();
        let contract = contract(directory.path(), "[]").unwrap();
        let log = text(&files(&contract), "imports/log.js");
        assert!(
            log.contains(r#"export const enabled = (...given) => asked("log", "enabled", given);"#)
        );
    }
}
