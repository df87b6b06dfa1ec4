//! The request: its line, its fields and its body.

use super::{Interruption, Transaction};
use crate::action::{Mode, Processor};
use crate::body::{json, multipart, urlencoded, xml};
use crate::rules::Excess;
use crate::texts::TextId;
use crate::transform::Transform;
use crate::variable::Variable;

impl Transaction<'_> {
    /// The client's address and port, and the server's.
    pub fn connection(&mut self, client: &str, client_port: u16, server: &str, server_port: u16) {
        self.set(Variable::RemoteAddr, client.as_bytes());
        self.set_number(Variable::RemotePort, usize::from(client_port), true);
        self.set(Variable::ServerAddr, server.as_bytes());
        self.set_number(Variable::ServerPort, usize::from(server_port), true);
    }

    /// The request's line. `target` is as the client wrote it; `protocol` like
    /// `HTTP/1.1`.
    pub fn request_line(&mut self, method: &str, target: &[u8], protocol: &str) {
        let mut line = method.as_bytes().to_vec();
        // RFC 1945, section 4.1: a request without a version is one of HTTP/0.9.
        let version = if protocol.is_empty() { "HTTP/0.9" } else { protocol };
        for part in [target, protocol.as_bytes()] {
            if !part.is_empty() {
                line.push(b' ');
                line.extend_from_slice(part);
            }
        }
        self.set(Variable::RequestLine, &line);
        self.set(Variable::RequestMethod, method.as_bytes());
        self.set(Variable::RequestProtocol, version.as_bytes());
        self.set(Variable::RequestUriRaw, target);
        let (path, query) = match memchr::memchr(b'?', target) {
            Some(at) => (&target[..at], &target[at + 1..]),
            None => (target, &[][..]),
        };
        let path = decoded(path);
        self.set(Variable::RequestFilename, &path);
        self.set(Variable::PathInfo, &path);
        let base = path.iter().rposition(|b| matches!(b, b'/' | b'\\')).map_or(0, |at| at + 1);
        self.set(Variable::RequestBasename, &path[base..]);
        self.set(Variable::QueryString, query);
        let uri = decoded(target);
        self.set(Variable::RequestUri, without_authority(&uri));
        let mut broken = false;
        if !query.is_empty() {
            broken = self.arguments(query, Variable::ArgsGet, Variable::ArgsGetNames);
        }
        self.set_number(Variable::UrlencodedError, usize::from(broken), true);
    }

    /// A field of the request, in the order of the message.
    pub fn request_header(&mut self, name: &str, value: &[u8]) {
        let key = self.texts.add(name.as_bytes());
        let text = self.texts.add(value);
        self.add(Variable::RequestHeaders, key, text);
        self.add(Variable::RequestHeadersNames, key, key);
        if name.eq_ignore_ascii_case("cookie") {
            self.cookies(value);
        } else if name.eq_ignore_ascii_case("content-type") {
            let type_of = |prefix: &[u8]| {
                value.len() >= prefix.len() && value[..prefix.len()].eq_ignore_ascii_case(prefix)
            };
            if type_of(b"application/x-www-form-urlencoded") {
                self.processor = Some(Processor::Urlencoded);
            } else if type_of(b"multipart/form-data") {
                self.processor = Some(Processor::Multipart);
            }
        } else if name.eq_ignore_ascii_case("host") {
            let end = memchr::memrchr(b':', value).filter(|at| {
                let port = &value[at + 1..];
                !port.is_empty() && port.iter().all(u8::is_ascii_digit)
            });
            self.set(Variable::ServerName, &value[..end.unwrap_or(value.len())]);
        }
    }

    /// Phase 1: the request's head is complete.
    pub fn request_headers(&mut self) -> Option<Interruption> {
        self.set_number(Variable::ArgsCombinedSize, self.arguments_size, true);
        self.run(1);
        self.interruption.clone()
    }

    /// Phase 2: the request's body, whole; empty if there is none.
    pub fn request_body(&mut self, body: &[u8]) -> Option<Interruption> {
        if self.mode == Mode::Off || self.interruption.is_some() {
            return self.interruption.clone();
        }
        let settings = &self.engine.settings;
        let mut body = if self.body_access { body } else { &[] };
        let excess = body.len() > settings.request_body_limit;
        self.set_number(Variable::InboundDataError, usize::from(excess), true);
        if excess {
            if settings.request_body_excess == Excess::Reject && self.mode == Mode::On {
                self.end_by_limit(413);
                return self.interruption.clone();
            }
            body = &body[..settings.request_body_limit];
        }
        self.set_number(Variable::RequestBodyLength, body.len(), true);
        let mut error = None;
        if !body.is_empty() {
            error = self.process(body).err();
            let plain = self.processor == Some(Processor::Urlencoded);
            if plain || self.force_body_variable {
                self.set(Variable::RequestBody, body);
            }
        }
        if self.arguments > settings.arguments {
            error = error.or(Some("there are too many arguments".to_owned()));
        }
        self.body_error(error.as_deref());
        self.set_number(Variable::ArgsCombinedSize, self.arguments_size, true);
        self.run(2);
        self.interruption.clone()
    }

    fn body_error(&mut self, error: Option<&str>) {
        let flag = usize::from(error.is_some());
        let text = error.unwrap_or_default().as_bytes();
        self.set_number(Variable::ReqbodyError, flag, true);
        self.set_number(Variable::ReqbodyProcessorError, flag, true);
        self.set(Variable::ReqbodyErrorMsg, text);
        self.set(Variable::ReqbodyProcessorErrorMsg, text);
    }

    fn process(&mut self, body: &[u8]) -> Result<(), String> {
        match self.processor {
            None => Ok(()),
            Some(Processor::Urlencoded) => {
                let broken = self.arguments(body, Variable::ArgsPost, Variable::ArgsPostNames);
                if broken {
                    self.set_number(Variable::UrlencodedError, 1, true);
                }
                Ok(())
            }
            Some(Processor::Multipart) => self.multipart(body),
            Some(Processor::Json) => {
                let depth = self.engine.settings.json_depth;
                let add = |item: json::Item<'_>| match item {
                    json::Item::Value(name, value) => {
                        self.argument(name, value, Variable::ArgsPost, Variable::ArgsPostNames);
                    }
                    // A name is a name, whatever it is the name of.
                    json::Item::Name(name) => self.argument_name(name, Variable::ArgsPostNames),
                };
                json::parse(body, depth, add).map_err(|e| format!("JSON: {e}"))
            }
            Some(Processor::Xml) => {
                let (document, result) = xml::parse(body);
                let key = self.texts.add(b"/*");
                let text = self.texts.add(&document.text);
                self.add(Variable::Xml, key, text);
                let key = self.texts.add(b"//@*");
                for attribute in &document.attributes {
                    let text = self.texts.add(attribute);
                    self.add(Variable::Xml, key, text);
                }
                result.map_err(|e| format!("XML: {e}"))
            }
        }
    }

    /// Names and values of a query or a form. Answers whether an escape was broken.
    fn arguments(&mut self, text: &[u8], variable: Variable, names: Variable) -> bool {
        let separator = self.engine.settings.separator;
        urlencoded::parse(text, separator, |name, value| {
            self.argument(name, value, variable, names)
        })
    }

    fn argument(&mut self, name: &[u8], value: &[u8], variable: Variable, names: Variable) {
        self.arguments += 1;
        // Beyond the limit the body is in error, which rules refuse.
        if self.arguments > self.engine.settings.arguments {
            return;
        }
        self.arguments_size += name.len() + value.len();
        let key = self.texts.add(name);
        let text = self.texts.add(value);
        for variable in [Variable::Args, variable] {
            self.add(variable, key, text);
        }
        for names in [Variable::ArgsNames, names] {
            self.add(names, key, key);
        }
    }

    fn argument_name(&mut self, name: &[u8], names: Variable) {
        self.arguments += 1;
        if self.arguments > self.engine.settings.arguments {
            return;
        }
        let key = self.texts.add(name);
        for names in [Variable::ArgsNames, names] {
            self.add(names, key, key);
        }
    }

    fn cookies(&mut self, value: &[u8]) {
        for cookie in value.split(|b| *b == b';') {
            let cookie = cookie.trim_ascii_start();
            if cookie.is_empty() {
                continue;
            }
            let (name, value) = match memchr::memchr(b'=', cookie) {
                Some(at) => (&cookie[..at], &cookie[at + 1..]),
                None => (cookie, &[][..]),
            };
            let key = self.texts.add(name);
            let text = self.texts.add(value);
            self.add(Variable::RequestCookies, key, text);
            self.add(Variable::RequestCookiesNames, key, key);
        }
    }

    fn multipart(&mut self, body: &[u8]) -> Result<(), String> {
        let types = &self.values[Variable::RequestHeaders as usize];
        let is = |key: TextId| self.texts.get(key).eq_ignore_ascii_case(b"content-type");
        let content_type = types.iter().find(|value| is(value.key)).map(|value| value.text);
        let content_type =
            content_type.map(|text| self.texts.get(text).to_vec()).unwrap_or_default();
        let found = multipart::parse(&content_type, body, self.engine.settings.upload_files);
        let odd = found.oddities;
        for (variable, flag) in [
            (Variable::MultipartBoundaryQuoted, odd.boundary_quoted),
            (Variable::MultipartBoundaryWhitespace, odd.boundary_whitespace),
            (Variable::MultipartDataBefore, odd.data_before),
            (Variable::MultipartDataAfter, odd.data_after),
            (Variable::MultipartHeaderFolding, odd.header_folding),
            (Variable::MultipartLfLine, odd.lf_line),
            (Variable::MultipartCrlfLfLines, odd.lf_line && odd.crlf_line),
            (Variable::MultipartMissingSemicolon, odd.missing_semicolon),
            (Variable::MultipartInvalidQuoting, odd.invalid_quoting),
            (Variable::MultipartInvalidPart, odd.invalid_part),
            (Variable::MultipartInvalidHeaderFolding, odd.invalid_header_folding),
            (Variable::MultipartFileLimitExceeded, odd.file_limit),
            (Variable::MultipartUnmatchedBoundary, odd.unmatched_boundary),
            (Variable::MultipartStrictError, odd.strict()),
        ] {
            self.set_number(variable, usize::from(flag), true);
        }
        let mut files_size = 0;
        for part in &found.parts {
            self.body_part(part);
            files_size += part.filename.as_ref().map_or(0, |_| part.body.len());
        }
        self.set_number(Variable::FilesCombinedSize, files_size, true);
        if body.len() - files_size > self.engine.settings.request_body_no_files_limit {
            return Err("the body without its files is too large".to_owned());
        }
        found.error.map_or(Ok(()), |error| Err(format!("Multipart: {error}")))
    }

    fn body_part(&mut self, part: &multipart::Part) {
        let key = self.texts.add(&part.name);
        self.add(Variable::MultipartName, key, key);
        for header in &part.headers {
            let text = self.texts.add(header);
            self.add(Variable::MultipartPartHeaders, key, text);
        }
        match &part.filename {
            Some(filename) => {
                let filename = self.texts.add(filename);
                let body = self.texts.add(&part.body);
                let size = self.texts.add(part.body.len().to_string().as_bytes());
                self.add(Variable::Files, key, filename);
                self.add(Variable::MultipartFilename, key, filename);
                self.add(Variable::FilesNames, key, key);
                self.add(Variable::FilesSizes, key, size);
                self.add(Variable::FilesTmpContent, key, body);
            }
            None => {
                self.argument(&part.name, &part.body, Variable::ArgsPost, Variable::ArgsPostNames);
            }
        }
    }
}

fn decoded(text: &[u8]) -> Vec<u8> {
    // A `+` is itself in a path.
    if !text.contains(&b'%') {
        return text.to_vec();
    }
    let parts: Vec<Vec<u8>> = text
        .split(|b| *b == b'+')
        .map(|part| Transform::UrlDecode.apply(part).unwrap_or_else(|| part.to_vec()))
        .collect();
    parts.join(&b'+')
}

/// A target in absolute form without scheme and authority.
fn without_authority(uri: &[u8]) -> &[u8] {
    if uri.starts_with(b"/") {
        return uri;
    }
    let Some(at) = memchr::memmem::find(uri, b"://") else { return uri };
    let rest = &uri[at + 3..];
    memchr::memchr(b'/', rest).map_or(uri, |slash| &rest[slash..])
}
