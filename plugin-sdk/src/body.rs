//! The bodies of an exchange: how much of them a plugin wants to see, what it is
//! shown, and what becomes of that.
//!
//! ```
//! use plugin_sdk::{BodyFlow, BodyMode, NoConfig, Plugin, RequestBody, Result};
//!
//! /// Signs what a client uploads, for the server behind.
//! struct Stamp;
//!
//! #[plugin_sdk::export]
//! impl Plugin for Stamp {
//!     type Config = NoConfig;
//!
//!     fn new(_: NoConfig) -> Result<Self> {
//!         Ok(Self)
//!     }
//!
//!     fn request_body(&self) -> BodyMode {
//!         BodyMode::Whole(64 * 1024)
//!     }
//!
//!     fn on_request_body(&mut self, body: &mut RequestBody) -> Result<BodyFlow> {
//!         let sum: u64 = body.octets().iter().map(|octet| u64::from(*octet)).sum();
//!         body.head().set_header("x-sum", sum.to_string());
//!         Ok(BodyFlow::Continue)
//!     }
//! }
//! ```

use std::rc::Rc;

use crate::asked::Asked;
use crate::bindings::imports::wasmgate::plugin::body::BodyError;
use crate::bindings::imports::wasmgate::plugin::types;
use crate::bindings::{request_body, response_body};
use crate::{Error, Field, HeaderEdits, Reply, Request, Response, Result, exchange, host};

/// How much of a body a plugin wants to see. The operator caps the numbers
/// (`body_limit`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyMode {
    /// Nothing: the body passes unseen.
    None,
    /// Its first octets, so many at most, in one call; the rest passes unseen.
    First(u32),
    /// All of it, so many octets at most, in one call. What happens to a larger
    /// body is the operator's choice (`body_over_limit`).
    Whole(u32),
    /// Every piece as it comes, to pass on, change, hold or drop. So many octets
    /// may be held; the length of the message is no longer announced.
    Chunks(u32),
    /// Every piece as it comes, without changing any.
    Watch,
}

/// Where in the body the octets of a call are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyPart {
    /// More follow.
    More,
    /// The body ends with them; its trailer fields are known.
    Last,
    /// More follow, which the plugin does not see.
    Cut,
}

/// What happens to the octets that a body hook was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub enum BodyFlow {
    /// They go on, with the changes made.
    Continue,
    /// Nothing goes on yet: they are shown again, with what came since, when there
    /// are so many octets more, or the body ends. With [`BodyMode::Chunks`] only,
    /// without changes, and not with the last part.
    Hold(u32),
    /// Answer now. A request that is under way to an endpoint is given up. For a
    /// response: send this instead, as long as nothing of the other one has passed.
    Respond(Reply),
}

impl From<Reply> for BodyFlow {
    fn from(reply: Reply) -> Self {
        Self::Respond(reply)
    }
}

/// A piece of a request's body, and the changes to be made to it and to the head.
pub type RequestBody = Body<Request>;

/// A piece of a response's body, and the changes to be made to it and to the head.
pub type ResponseBody = Body<Response>;

/// What a body hook is shown, and the changes to be made to it.
///
/// The calls for one body may go to different instances, unless the operator gives
/// each exchange its own: what a later call needs is held, or kept with
/// [`exchange::set_value`].
pub struct Body<Head> {
    octets: Vec<u8>,
    part: BodyPart,
    taken: Option<u32>,
    replacement: Option<Vec<u8>>,
    end: bool,
    trailers: HeaderEdits,
    head: Option<Head>,
    new_head: fn() -> Head,
    read_trailers: fn() -> Vec<Field>,
}

impl<Head> Body<Head> {
    /// The octets: what is held, and what came since.
    pub fn octets(&self) -> &[u8] {
        &self.octets
    }

    /// Where in the body they are.
    pub fn part(&self) -> BodyPart {
        self.part
    }

    /// Whether the body ends with them.
    pub fn is_last(&self) -> bool {
        self.part == BodyPart::Last
    }

    /// So many of the octets are done with; the others are shown again, in front of
    /// what comes next. Otherwise all are. While more follow, with
    /// [`BodyMode::Chunks`].
    pub fn take(&mut self, octets: usize) {
        self.taken = Some(u32::try_from(octets).unwrap_or(u32::MAX));
    }

    /// These octets go on in place of those that are [taken](Self::take); none at
    /// all drops them.
    pub fn replace(&mut self, octets: impl Into<Vec<u8>>) {
        self.replacement = Some(octets.into());
    }

    /// The body ends here. What the sender still sends of it is read and dropped.
    pub fn end(&mut self) {
        self.end = true;
    }

    /// The fields after the body, known with its last part.
    pub fn trailers(&self) -> Vec<Field> {
        (self.read_trailers)()
    }

    /// Changes to the fields after the body, with its last part.
    pub fn trailers_mut(&mut self) -> &mut HeaderEdits {
        &mut self.trailers
    }

    /// The head, to read and, as long as the plugin has let no octet pass, to
    /// change.
    pub fn head(&mut self) -> &mut Head {
        self.head.get_or_insert_with(self.new_head)
    }

    fn is_changed(&self) -> bool {
        self.taken.is_some() || self.replacement.is_some() || self.end || !self.trailers.is_empty()
    }
}

/// What goes to the host, but for the head's changes.
enum Decision<Edits> {
    Continue,
    Hold(u32),
    Forward(Vec<u8>),
    Edit(types::BodyEdits, Option<Edits>),
    Answer(types::Response),
    Fail(String),
}

impl<Head> Body<Head> {
    fn decide<Edits>(
        mut self,
        flow: Result<BodyFlow>,
        edits: fn(Head) -> Option<Edits>,
    ) -> Decision<Edits> {
        let head = self.head.take().and_then(edits);
        let changed = self.is_changed();
        match flow {
            Err(error) => Decision::Fail(error.into_text()),
            Ok(BodyFlow::Respond(reply)) => Decision::Answer(reply.into_wire()),
            Ok(BodyFlow::Hold(_)) if changed || head.is_some() => Decision::Fail(
                "`BodyFlow::Hold` after changes: return `Continue` and `take` what is done with"
                    .to_owned(),
            ),
            Ok(BodyFlow::Hold(more)) => Decision::Hold(more),
            Ok(BodyFlow::Continue) if !changed && head.is_none() => Decision::Continue,
            Ok(BodyFlow::Continue) => {
                let only = head.is_none() && self.taken.is_none() && !self.end;
                if only
                    && self.trailers.is_empty()
                    && let Some(octets) = self.replacement
                {
                    return Decision::Forward(octets);
                }
                let body = types::BodyEdits {
                    taken: self.taken,
                    octets: self.replacement,
                    end: self.end,
                    trailers: self.trailers.into_list(),
                };
                Decision::Edit(body, head)
            }
        }
    }
}

impl RequestBody {
    pub(crate) fn of_request(octets: Vec<u8>, part: types::BodyPart) -> Self {
        let head = || Request::new(Rc::new([]), Asked::default());
        Self::new(octets, part, head, host::body::request_trailers)
    }

    pub(crate) fn into_decision(self, flow: Result<BodyFlow>) -> request_body::Decision {
        use request_body::{Decision as Wire, Edits};
        match self.decide(flow, Request::into_edits) {
            Decision::Continue => Wire::Continue,
            Decision::Hold(more) => Wire::Hold(more),
            Decision::Forward(octets) => Wire::Forward(octets),
            Decision::Edit(body, head) => Wire::Edit(Edits { body, head }),
            Decision::Answer(reply) => Wire::Respond(reply),
            Decision::Fail(text) => Wire::Fail(text),
        }
    }
}

impl ResponseBody {
    pub(crate) fn of_response(octets: Vec<u8>, part: types::BodyPart) -> Self {
        let head =
            || Response::new(exchange::status().unwrap_or_default(), Rc::new([]), Asked::default());
        Self::new(octets, part, head, host::body::response_trailers)
    }

    pub(crate) fn into_decision(self, flow: Result<BodyFlow>) -> response_body::Decision {
        use response_body::{Decision as Wire, Edits};
        match self.decide(flow, Response::into_edits) {
            Decision::Continue => Wire::Continue,
            Decision::Hold(more) => Wire::Hold(more),
            Decision::Forward(octets) => Wire::Forward(octets),
            Decision::Edit(body, head) => Wire::Edit(Edits { body, head }),
            Decision::Answer(reply) => Wire::Replace(reply),
            Decision::Fail(text) => Wire::Fail(text),
        }
    }
}

impl<Head> Body<Head> {
    fn new(
        octets: Vec<u8>,
        part: types::BodyPart,
        new_head: fn() -> Head,
        read_trailers: fn() -> Vec<Field>,
    ) -> Self {
        Self {
            octets,
            part: match part {
                types::BodyPart::More => BodyPart::More,
                types::BodyPart::Last => BodyPart::Last,
                types::BodyPart::Cut => BodyPart::Cut,
            },
            taken: None,
            replacement: None,
            end: false,
            trailers: HeaderEdits::default(),
            head: None,
            new_head,
            read_trailers,
        }
    }
}

impl BodyMode {
    pub(crate) fn into_wire(self) -> types::BodyMode {
        match self {
            Self::None => types::BodyMode::None,
            Self::First(octets) => types::BodyMode::First(octets),
            Self::Whole(octets) => types::BodyMode::Whole(octets),
            Self::Chunks(octets) => types::BodyMode::Chunks(octets),
            Self::Watch => types::BodyMode::Watch,
        }
    }
}

/// Whether the request has a body: without one
/// [`on_request_body`](crate::Plugin::on_request_body) is not called.
pub fn request_has_body() -> bool {
    host::body::request_has_body()
}

/// How much of this exchange's request body the plugin wants to see, in place of
/// what [`request_body`](crate::Plugin::request_body) says. In
/// [`on_request`](crate::Plugin::on_request).
///
/// # Errors
/// The plugin has no `on_request_body`, it is too late, or no exchange is being
/// handled.
pub fn select_request(mode: BodyMode) -> Result<()> {
    host::body::select_request(mode.into_wire()).map_err(refused)
}

/// Likewise for the response, in [`on_request`](crate::Plugin::on_request) or
/// [`on_response`](crate::Plugin::on_response).
///
/// # Errors
/// The plugin has no `on_response_body`, it is too late, or no exchange is being
/// handled.
pub fn select_response(mode: BodyMode) -> Result<()> {
    host::body::select_response(mode.into_wire()).map_err(refused)
}

fn refused(error: BodyError) -> Error {
    Error::new(match error {
        BodyError::NoHook => "the plugin does not have the hook for this body",
        BodyError::TooLate => "it is too late to choose how much of the body to see",
        BodyError::NoExchange => "there is no exchange whose body could be seen",
    })
}
