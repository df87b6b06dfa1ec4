//! The response.

use super::{Disposition, Interruption, Transaction};
use crate::action::Mode;
use crate::rules::Excess;
use crate::variable::Variable;

impl Transaction<'_> {
    /// The response's status and protocol.
    pub fn response_line(&mut self, status: u16, protocol: &str) {
        self.set_number(Variable::ResponseStatus, usize::from(status), true);
        self.set(Variable::ResponseProtocol, protocol.as_bytes());
        self.set(Variable::StatusLine, format!("{protocol} {status}").as_bytes());
    }

    /// A field of the response, in the order of the message.
    pub fn response_header(&mut self, name: &str, value: &[u8]) {
        let key = self.texts.add(name.as_bytes());
        let text = self.texts.add(value);
        self.add(Variable::ResponseHeaders, key, text);
        self.add(Variable::ResponseHeadersNames, key, key);
        if name.eq_ignore_ascii_case("content-type") {
            let end = memchr::memchr(b';', value).unwrap_or(value.len());
            self.set(Variable::ResponseContentType, value[..end].trim_ascii());
        }
    }

    /// Phase 3: the response's head is complete.
    pub fn response_headers(&mut self) -> Option<Interruption> {
        self.run(3);
        self.interruption.clone()
    }

    /// Whether the response's body is of a type that is looked at.
    pub fn is_of_inspected_type(&self) -> bool {
        let types = &self.engine.settings.response_types;
        let actual = self.first(Variable::ResponseContentType);
        types.is_empty() || types.iter().any(|t| t.as_bytes().eq_ignore_ascii_case(actual))
    }

    /// Phase 4: the response's body, whole; empty if it is not looked at.
    pub fn response_body(&mut self, body: &[u8]) -> Option<Interruption> {
        if self.mode == Mode::Off || self.interruption.is_some() {
            return self.interruption.clone();
        }
        let settings = &self.engine.settings;
        let looked_at = self.response_body_access && self.is_of_inspected_type();
        let mut body = if looked_at { body } else { &[] };
        let excess = body.len() > settings.response_body_limit;
        self.set_number(Variable::OutboundDataError, usize::from(excess), true);
        if excess {
            if settings.response_body_excess == Excess::Reject && self.mode == Mode::On {
                self.end_by_limit(500);
                return self.interruption.clone();
            }
            body = &body[..settings.response_body_limit];
        }
        self.set_number(Variable::ResponseContentLength, body.len(), true);
        self.set(Variable::ResponseBody, body);
        self.run(4);
        self.interruption.clone()
    }

    pub(super) fn end_by_limit(&mut self, status: u16) {
        let disposition = Disposition::Deny;
        self.interruption = Some(Interruption { rule: 0, status, disposition });
    }
}
