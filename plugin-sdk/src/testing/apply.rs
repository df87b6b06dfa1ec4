//! Applies what a hook decided, and holds it to the contract as the host does.

use super::Exchange;
use super::exchange::{Answer, Lines};
use crate::bindings::imports::wasmgate::plugin::types::{
    self, Destination, FieldEdit, RequestEdits, ResponseEdits,
};
use crate::field::{Field, is_name, is_value};

/// Fields of the connection, which no plugin may edit.
const CONNECTION_FIELDS: [&str; 8] = [
    "connection",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn request(exchange: &mut Exchange, edits: RequestEdits) -> Result<(), String> {
    for edit in &edits.request_headers {
        check(edit)?;
        if edited_names(edit).any(|n| n.eq_ignore_ascii_case("host")) {
            return Err("`host` is changed by `set_authority`".to_owned());
        }
    }
    edits.response_headers.iter().try_for_each(check)?;
    if let Some(target) = &edits.target
        && !is_origin_form(target)
    {
        return Err(format!("`{target}` is no target in origin form"));
    }

    for edit in edits.request_headers {
        edit_lines(&mut exchange.request, edit);
    }
    exchange.kept_edits.extend(edits.response_headers);
    if let Some(target) = edits.target {
        exchange.target = target;
    }
    if let Some(authority) = edits.authority {
        exchange.authority = authority;
    }
    match edits.destination {
        Some(Destination::Cluster(name)) => exchange.cluster = Some(name),
        Some(Destination::Route(name)) => exchange.route = name,
        None => {}
    }
    Ok(())
}

/// The response edits that an earlier `on_request` made.
pub(super) fn kept(exchange: &mut Exchange) -> Result<(), String> {
    let edits = std::mem::take(&mut exchange.kept_edits);
    response(exchange, ResponseEdits { status: None, headers: edits })
}

pub(super) fn response(exchange: &mut Exchange, edits: ResponseEdits) -> Result<(), String> {
    edits.headers.iter().try_for_each(check)?;
    edits.status.map_or(Ok(()), check_status)?;
    let Some(answer) = &mut exchange.response else {
        return Err("the exchange has no response".to_owned());
    };
    answer.status = edits.status.unwrap_or(answer.status);
    for edit in edits.headers {
        edit_lines(&mut answer.headers, edit);
    }
    Ok(())
}

pub(super) fn reply(exchange: &mut Exchange, reply: types::Response) -> Result<(), String> {
    check_status(reply.status)?;
    for field in &reply.headers {
        check(&FieldEdit::Add(field.clone()))?;
    }
    let lines = reply.headers.into_iter();
    exchange.response =
        Some(Answer { status: reply.status, headers: lines.map(line).collect(), body: reply.body });
    Ok(())
}

/// Changes to the fields after a body.
pub(super) fn trailers(lines: &mut Lines, edits: Vec<FieldEdit>) -> Result<(), String> {
    edits.iter().try_for_each(check)?;
    for edit in edits {
        edit_lines(lines, edit);
    }
    Ok(())
}

fn edit_lines(lines: &mut Lines, edit: FieldEdit) {
    let is = |name: &str, line: &(String, Vec<u8>)| line.0.eq_ignore_ascii_case(name);
    match edit {
        FieldEdit::Set(field) => {
            let at = lines.iter().position(|l| is(&field.name, l));
            lines.retain(|l| !is(&field.name, l));
            lines.insert(at.unwrap_or(lines.len()), line(field));
        }
        FieldEdit::Add(field) => lines.push(line(field)),
        FieldEdit::Default(field) => {
            if !lines.iter().any(|l| is(&field.name, l)) {
                lines.push(line(field));
            }
        }
        FieldEdit::Remove(name) => lines.retain(|l| !is(&name, l)),
        FieldEdit::Rename((from, to)) => {
            let to = to.to_ascii_lowercase();
            if !from.eq_ignore_ascii_case(&to) {
                lines.retain(|l| !is(&to, l));
            }
            for line in lines.iter_mut().filter(|l| is(&from, l)) {
                line.0.clone_from(&to);
            }
        }
    }
}

fn line(field: Field) -> (String, Vec<u8>) {
    (field.name.to_ascii_lowercase(), field.value)
}

fn check(edit: &FieldEdit) -> Result<(), String> {
    for name in edited_names(edit) {
        if !is_name(name) {
            return Err(format!("`{name}` is no field name"));
        }
        if CONNECTION_FIELDS.iter().any(|f| f.eq_ignore_ascii_case(name)) {
            return Err(format!("`{name}` cannot be edited"));
        }
    }
    match edit {
        FieldEdit::Set(field) | FieldEdit::Add(field) | FieldEdit::Default(field)
            if !is_value(&field.value) =>
        {
            Err(format!("the value of `{}` is illegal", field.name))
        }
        _ => Ok(()),
    }
}

fn edited_names(edit: &FieldEdit) -> impl Iterator<Item = &str> {
    let (first, second) = match edit {
        FieldEdit::Set(field) | FieldEdit::Add(field) | FieldEdit::Default(field) => {
            (&field.name, None)
        }
        FieldEdit::Remove(name) => (name, None),
        FieldEdit::Rename((from, to)) => (from, Some(to)),
    };
    std::iter::once(first.as_str()).chain(second.map(String::as_str))
}

fn check_status(status: u16) -> Result<(), String> {
    if (200..=599).contains(&status) {
        Ok(())
    } else {
        Err(format!("{status} is not a status from 200 to 599"))
    }
}

fn is_origin_form(target: &str) -> bool {
    target.starts_with('/') && target.bytes().all(|b| b.is_ascii_graphic() && b != b'#')
}
