//! Passes a body through a body hook as the host does: shows what the plugin asked
//! for, and holds it to the contract.

use super::exchange::{Lines, Phase};
use super::{Exchange, Verdict, apply};
use crate::bindings::imports::wasmgate::plugin::types::{
    BodyEdits, BodyMode, BodyPart, RequestEdits, Response, ResponseEdits,
};
use crate::bindings::{request_body, response_body};

/// What came of a body that a plugin saw.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Passed {
    /// What went on.
    pub octets: Vec<u8>,
    /// What the last call came to. A body larger than a plugin wants to see whole
    /// fails here; in the proxy `body_over_limit` decides.
    pub verdict: Verdict,
    /// How often the hook was called.
    pub calls: usize,
}

/// Either message.
pub(super) enum Decision {
    Body(Option<BodyEdits>, Option<Head>),
    Hold(u32),
    Forward(Vec<u8>),
    Answer(Response),
    Fail(String),
}

/// Changes to either head.
pub(super) enum Head {
    Request(RequestEdits),
    Response(ResponseEdits),
}

impl From<request_body::Decision> for Decision {
    fn from(decision: request_body::Decision) -> Self {
        use request_body::Decision as Its;
        match decision {
            Its::Continue => Self::Body(None, None),
            Its::Hold(more) => Self::Hold(more),
            Its::Forward(octets) => Self::Forward(octets),
            Its::Edit(edits) => Self::Body(Some(edits.body), edits.head.map(Head::Request)),
            Its::Respond(response) => Self::Answer(response),
            Its::Fail(text) => Self::Fail(text),
        }
    }
}

impl From<response_body::Decision> for Decision {
    fn from(decision: response_body::Decision) -> Self {
        use response_body::Decision as Its;
        match decision {
            Its::Continue => Self::Body(None, None),
            Its::Hold(more) => Self::Hold(more),
            Its::Forward(octets) => Self::Forward(octets),
            Its::Edit(edits) => Self::Body(Some(edits.body), edits.head.map(Head::Response)),
            Its::Replace(response) => Self::Answer(response),
            Its::Fail(text) => Self::Fail(text),
        }
    }
}

/// A body on its way.
struct Passage {
    mode: BodyMode,
    /// Not yet gone on.
    held: Vec<u8>,
    /// With so many octets the hook is called.
    needs: usize,
    out: Vec<u8>,
    over: bool,
    blind: bool,
}

pub(super) fn pass(
    exchange: &mut Exchange,
    phase: Phase,
    mode: BodyMode,
    pieces: &[&[u8]],
    mut call: impl FnMut(&mut Exchange, Vec<u8>, BodyPart) -> Decision,
) -> Passed {
    let blind = matches!(mode, BodyMode::None);
    let (held, out) = (Vec::new(), Vec::new());
    let mut passage = Passage { mode, held, needs: 1, out, over: false, blind };
    let mut passed = Passed { octets: Vec::new(), verdict: Verdict::Continue, calls: 0 };
    for number in 0..=pieces.len() {
        let ended = number == pieces.len();
        passage.held.extend_from_slice(pieces.get(number).copied().unwrap_or_default());
        // A piece that is last is known to be: an end of its own shows nothing.
        let ended = ended || (number + 1 == pieces.len() && exchange.trailers(phase).is_empty());
        let due = match passage.due(ended) {
            Ok(due) => due,
            Err(reason) => {
                passed.verdict = Verdict::Fail(reason);
                break;
            }
        };
        if passage.blind {
            passage.out.append(&mut passage.held);
        }
        let Some((shown, part)) = due else { continue };
        passed.calls += 1;
        exchange.phase = phase;
        exchange.trailers_known = part == BodyPart::Last;
        exchange.shown = Some(passage.held[..shown].to_vec());
        let decision = call(exchange, passage.held[..shown].to_vec(), part);
        exchange.shown = None;
        passed.verdict = match passage.apply(exchange, phase, decision, shown, part) {
            Ok(verdict) => verdict,
            Err(reason) => Verdict::Fail(reason),
        };
        if passed.verdict != Verdict::Continue || passage.over {
            break;
        }
    }
    passed.octets = passage.out;
    passed
}

impl Passage {
    /// What is to be shown now, if anything.
    fn due(&self, ended: bool) -> Result<Option<(usize, BodyPart)>, String> {
        if self.blind || self.over {
            return Ok(None);
        }
        let has = self.held.len();
        let whole = |most: u32| match has <= most as usize {
            true if ended => Some((has, BodyPart::Last)),
            true => None,
            false => Some((most as usize, BodyPart::Cut)),
        };
        Ok(match self.mode {
            BodyMode::None => None,
            BodyMode::First(most) => whole(most),
            BodyMode::Whole(most) if has > most as usize => {
                return Err(format!("a body of more than {most} octets, which it wants whole"));
            }
            BodyMode::Whole(most) => whole(most),
            BodyMode::Chunks(_) | BodyMode::Watch if ended => Some((has, BodyPart::Last)),
            BodyMode::Chunks(_) | BodyMode::Watch => {
                (has >= self.needs).then_some((has, BodyPart::More))
            }
        })
    }

    fn apply(
        &mut self,
        exchange: &mut Exchange,
        phase: Phase,
        decision: Decision,
        shown: usize,
        part: BodyPart,
    ) -> Result<Verdict, String> {
        let plain = BodyEdits { taken: None, octets: None, end: false, trailers: Vec::new() };
        let (edits, head) = match decision {
            Decision::Fail(reason) => return Err(reason),
            Decision::Answer(_) if phase == Phase::ResponseBody && !self.out.is_empty() => {
                return Err(TOO_LATE.to_owned());
            }
            Decision::Answer(response) => {
                apply::reply(exchange, response)?;
                return Ok(Verdict::Respond);
            }
            Decision::Hold(more) => {
                self.check_held(shown, part, more.max(1) as usize)?;
                self.needs = shown + more.max(1) as usize;
                return Ok(Verdict::Continue);
            }
            Decision::Forward(octets) => (BodyEdits { octets: Some(octets), ..plain }, None),
            Decision::Body(edits, head) => (edits.unwrap_or(plain), head),
        };
        let taken = edits.taken.map_or(shown, |taken| taken as usize);
        self.check(&edits, taken, shown, part)?;
        if head.is_some() && !self.out.is_empty() {
            return Err(TOO_LATE.to_owned());
        }
        match head {
            Some(Head::Request(edits)) => apply::request(exchange, edits)?,
            Some(Head::Response(edits)) => apply::response(exchange, edits)?,
            None => {}
        }
        apply::trailers(exchange.trailers_mut(phase), edits.trailers)?;
        let own: Vec<u8> = self.held.drain(..taken).collect();
        self.out.extend(edits.octets.unwrap_or(own));
        self.needs = self.held.len() + 1;
        match part {
            BodyPart::Last => self.over = true,
            _ if edits.end => self.over = true,
            BodyPart::Cut => {
                self.blind = true;
                self.out.append(&mut self.held);
            }
            BodyPart::More => {}
        }
        Ok(Verdict::Continue)
    }

    fn check(
        &self,
        edits: &BodyEdits,
        taken: usize,
        shown: usize,
        part: BodyPart,
    ) -> Result<(), String> {
        let changes =
            edits.octets.is_some() || edits.end || taken != shown || !edits.trailers.is_empty();
        if changes && matches!(self.mode, BodyMode::Watch) {
            return Err("a body that is only watched cannot be changed".to_owned());
        }
        if taken > shown {
            return Err(format!("{taken} octets taken of {shown}"));
        }
        if !edits.trailers.is_empty() && part != BodyPart::Last {
            return Err("trailer fields change with the last part".to_owned());
        }
        if taken < shown && !edits.end {
            self.check_held(shown - taken, part, 0)?;
        }
        Ok(())
    }

    fn check_held(&self, held: usize, part: BodyPart, wait: usize) -> Result<(), String> {
        match self.mode {
            BodyMode::Chunks(_) if part != BodyPart::More => {
                Err("octets of the last part cannot be held".to_owned())
            }
            BodyMode::Chunks(most) if held + wait > most as usize => {
                Err(format!("{held} octets held and {wait} waited for; the mode allows {most}"))
            }
            BodyMode::Chunks(_) => Ok(()),
            _ => Err("octets can be held in the mode `chunks`".to_owned()),
        }
    }
}

const TOO_LATE: &str = "the head cannot change after octets of the body have passed";

impl Exchange {
    fn trailers(&self, phase: Phase) -> &Lines {
        match phase {
            Phase::ResponseBody => &self.response_trailers,
            _ => &self.request_trailers,
        }
    }

    fn trailers_mut(&mut self, phase: Phase) -> &mut Lines {
        match phase {
            Phase::ResponseBody => &mut self.response_trailers,
            _ => &mut self.request_trailers,
        }
    }
}

#[cfg(test)]
mod tests;
