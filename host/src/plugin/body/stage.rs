//! What one plugin makes of a body: which octets it is shown, what its decisions
//! may be, and what comes out.
//!
//! No Wasm here: a stage is told the decision, checks it as a whole
//! ([`Stage::check`]) and carries it out ([`Stage::apply`]).

use bytes::Bytes;
use http::HeaderMap;

use super::Trailers;
use super::pieces::Pieces;
use crate::config::BodyOverLimit;
use crate::exchange::Mode;
use crate::plugin::chain::edits::{self, Edit, Illegal};
use crate::plugin::interface::bindings::wasmgate::plugin::types::{BodyEdits, BodyPart};

/// Octets that one call shows beside those that are held.
pub const PIECE_MAX: usize = 64 << 10;

/// One plugin's part in a body's way.
#[derive(Debug)]
pub struct Stage {
    /// The plugin's place in the run.
    pub at: usize,
    mode: Mode,
    over_limit: BodyOverLimit,
    sight: Sight,
    input: Pieces,
    input_end: Option<Trailers>,
    /// Octets with which the plugin is called.
    needs: usize,
    /// Whether the announced length is over the limit.
    refused: bool,
    unseen: bool,
    cut_short: bool,
    has_passed: bool,
    /// By how many octets more, or fewer, came out than went in.
    pub(super) change: i64,
    pub(super) output: Pieces,
    pub(super) output_end: Option<Trailers>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// The plugin is to be called.
    Sees,
    /// What comes passes.
    Blind,
    /// Nothing comes any more.
    Over,
}

/// What a stage needs before it can go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// Octets, or the body's end.
    More,
    /// A decision about what it shows.
    Call,
    /// The body is larger than the plugin takes.
    Refuse,
}

/// What a plugin decided about the octets that it was shown.
#[derive(Clone, Debug)]
pub enum Decision {
    /// They go on.
    Continue,
    /// They are shown again when there are so many more.
    Hold(u32),
    /// Others go on instead.
    Forward(Vec<u8>),
    /// Anything between.
    Edit(BodyEdits),
}

/// A decision that has been checked.
#[derive(Debug)]
pub struct Change {
    shown: usize,
    part: BodyPart,
    taken: usize,
    wait: usize,
    octets: Option<Bytes>,
    end: bool,
    trailers: Vec<Edit>,
}

impl Stage {
    /// A plugin that sees something: `mode` is not [`Mode::None`], and within what
    /// the operator allows.
    pub fn new(at: usize, mode: Mode, over_limit: BodyOverLimit) -> Self {
        Self {
            at,
            mode,
            over_limit,
            sight: Sight::Sees,
            input: Pieces::default(),
            input_end: None,
            needs: 1,
            refused: false,
            unseen: false,
            cut_short: false,
            has_passed: false,
            change: 0,
            output: Pieces::default(),
            output_end: None,
        }
    }

    /// So many octets will come: what is too large is known before it has.
    pub(super) fn expect(&mut self, length: u64) {
        let Mode::Whole(limit) = self.mode else { return };
        if length > u64::from(limit) {
            match self.over_limit {
                BodyOverLimit::Refuse => self.refused = true,
                BodyOverLimit::Pass => self.pass_unseen(),
                BodyOverLimit::Truncate => {}
            }
        }
    }

    /// Octets go in.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.input.push(piece);
        self.look();
    }

    /// All of these go in.
    pub(super) fn push_all(&mut self, pieces: &mut Pieces) {
        if !pieces.is_empty() {
            self.input.append(pieces);
            self.look();
        }
    }

    /// No more will go in.
    pub(super) fn end(&mut self, trailers: Trailers) {
        self.input_end = Some(trailers);
    }

    fn look(&mut self) {
        if let (Sight::Sees, Mode::Whole(limit), BodyOverLimit::Pass) =
            (self.sight, self.mode, self.over_limit)
            && self.input.len() > limit as usize
        {
            self.pass_unseen();
        }
    }

    fn pass_unseen(&mut self) {
        self.unseen = true;
        self.pass_rest();
    }

    /// Whether the plugin will see nothing of a body that it asked for; said once.
    pub(super) fn take_unseen(&mut self) -> bool {
        std::mem::take(&mut self.unseen)
    }

    /// Whether the plugin has ended the body before its end came; said once.
    pub(super) fn take_cut_short(&mut self) -> bool {
        std::mem::take(&mut self.cut_short)
    }

    /// The plugin is called no more; what there is, and what comes, passes.
    pub fn pass_rest(&mut self) {
        if self.sight == Sight::Sees {
            self.sight = Sight::Blind;
        }
    }

    /// Whether the plugin is still to be called.
    pub fn sees(&self) -> bool {
        self.sight == Sight::Sees
    }

    /// Whether it may make the body longer or shorter.
    pub fn may_change(&self) -> bool {
        self.mode != Mode::Watch
    }

    /// Whether an octet has gone past the plugin; until then it may edit the head.
    pub fn has_passed(&self) -> bool {
        self.has_passed
    }

    /// Moves what needs no decision.
    pub(super) fn flow(&mut self) {
        match self.sight {
            Sight::Sees => {}
            Sight::Blind => {
                self.has_passed |= !self.input.is_empty();
                self.output.append(&mut self.input);
                if let Some(trailers) = self.input_end.take() {
                    self.output_end = Some(trailers);
                    self.sight = Sight::Over;
                }
            }
            Sight::Over => {
                self.input.clear();
                self.input_end = None;
            }
        }
    }

    /// What is to be done next.
    pub fn need(&self) -> Need {
        if self.sight != Sight::Sees {
            return Need::More;
        }
        let (has, ended) = (self.input.len(), self.input_end.is_some());
        let called = match self.mode {
            Mode::None => false,
            // One octet more: only then it is known whether these are all.
            Mode::First(count) => has > count as usize || ended,
            Mode::Whole(limit) => {
                let over = has > limit as usize;
                if self.refused || (over && self.over_limit == BodyOverLimit::Refuse) {
                    return Need::Refuse;
                }
                over || ended
            }
            Mode::Chunks(_) | Mode::Watch => has >= self.needs || ended,
        };
        if called { Need::Call } else { Need::More }
    }

    /// The octets to show, and where in the body they are.
    pub fn shown(&self) -> (Bytes, BodyPart) {
        let (count, part) = self.showing();
        (self.input.first(count), part)
    }

    fn showing(&self) -> (usize, BodyPart) {
        let has = self.input.len();
        let (most, rest) = match self.mode {
            Mode::None => (0, BodyPart::Cut),
            Mode::First(count) | Mode::Whole(count) => (count as usize, BodyPart::Cut),
            Mode::Chunks(held) => (held as usize + PIECE_MAX, BodyPart::More),
            Mode::Watch => (PIECE_MAX, BodyPart::More),
        };
        let part = if self.input_end.is_some() && has <= most { BodyPart::Last } else { rest };
        (has.min(most), part)
    }

    /// The fields after the body, if they are known with what is shown.
    pub fn lend_trailers(&mut self) -> Trailers {
        let (_, part) = self.showing();
        match &mut self.input_end {
            Some(trailers) if part == BodyPart::Last => trailers.take(),
            _ => None,
        }
    }

    /// Gives back what [`Self::lend_trailers`] lent.
    pub fn give_back_trailers(&mut self, trailers: Trailers) {
        if let Some(own) = &mut self.input_end
            && own.is_none()
        {
            *own = trailers;
        }
    }

    /// Whether this may be decided about what is shown.
    pub fn check(&self, decision: Decision) -> Result<Change, Illegal> {
        let (shown, part) = self.showing();
        let all = Change {
            shown,
            part,
            taken: shown,
            wait: 0,
            octets: None,
            end: false,
            trailers: Vec::new(),
        };
        match decision {
            Decision::Continue => Ok(all),
            Decision::Hold(more) => {
                let wait = more.max(1) as usize;
                self.check_held(shown, part, wait)?;
                Ok(Change { taken: 0, wait, ..all })
            }
            Decision::Forward(octets) => {
                self.check_may_change()?;
                Ok(Change { octets: Some(octets.into()), ..all })
            }
            Decision::Edit(edits) => self.check_edits(edits, &all),
        }
    }

    fn check_edits(&self, edits: BodyEdits, all: &Change) -> Result<Change, Illegal> {
        let BodyEdits { taken, octets, end, trailers } = edits;
        let taken = taken.map_or(all.shown, |taken| taken as usize);
        if octets.is_some() || end || taken != all.shown || !trailers.is_empty() {
            self.check_may_change()?;
        }
        if taken > all.shown {
            let shown = all.shown;
            return Err(Illegal(format!(
                "to take {taken} octets of the {shown} that it was shown"
            )));
        }
        if taken < all.shown && !end {
            self.check_held(all.shown - taken, all.part, 0)?;
        }
        if !trailers.is_empty() && all.part != BodyPart::Last {
            return Err(Illegal("to change trailer fields before the body's last part".to_owned()));
        }
        let trailers = edits::check_all(trailers)?.into_vec();
        let octets = octets.map(Bytes::from);
        let Change { shown, part, wait, .. } = *all;
        Ok(Change { shown, part, taken, wait, octets, end, trailers })
    }

    fn check_may_change(&self) -> Result<(), Illegal> {
        if self.may_change() {
            return Ok(());
        }
        Err(Illegal("to change a body that it only watches".to_owned()))
    }

    /// Whether so many octets may stay, and so many be waited for.
    fn check_held(&self, held: usize, part: BodyPart, wait: usize) -> Result<(), Illegal> {
        let Mode::Chunks(limit) = self.mode else {
            return Err(Illegal("to hold octets in another mode than `chunks`".to_owned()));
        };
        if part != BodyPart::More {
            return Err(Illegal("to hold octets of the body's last part".to_owned()));
        }
        if held + wait > limit as usize {
            return Err(Illegal(format!(
                "to hold {held} octets and wait for {wait}; its mode allows {limit}"
            )));
        }
        Ok(())
    }

    /// Carries out what was decided about what was shown.
    pub fn apply(&mut self, change: Change) {
        let Change { shown, part, taken, wait, octets, end, trailers } = change;
        let mut own = self.input.split_to(taken);
        let mut out = match octets {
            Some(octets) => {
                own.clear();
                own.push(octets);
                own
            }
            None => own,
        };
        // Both are far below what would not fit.
        self.change += out.len() as i64 - taken as i64;
        self.has_passed |= !out.is_empty();
        self.output.append(&mut out);
        self.needs = shown - taken + wait.max(1);
        match part {
            BodyPart::Last => {
                let mut fields = self.input_end.take().flatten();
                for edit in trailers {
                    edit.apply(fields.get_or_insert_default());
                }
                self.finish(fields);
            }
            BodyPart::More | BodyPart::Cut if end => {
                self.cut_short = true;
                self.finish(None);
            }
            BodyPart::Cut => self.pass_rest(),
            BodyPart::More => {}
        }
    }

    fn finish(&mut self, trailers: Option<Box<HeaderMap>>) {
        self.input.clear();
        self.output_end = Some(trailers);
        self.sight = Sight::Over;
    }
}
