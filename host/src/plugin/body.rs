//! A body on its way through the plugins that want to see it.
//!
//! A [`Pipeline`] has one [`Stage`] for each of these plugins, in
//! the order in which the body passes. It is pulled from its end: octets are asked
//! of the sender only when no stage can do anything with those that there are, so
//! that nothing piles up while a hook runs or the receiver is slow.
//!
//! It knows nothing of Wasm and of heads: whoever drives it calls the hook of the
//! stage that is due ([`Run::body`](super::chain::Run::body)). Until the first
//! octet comes out at the end the exchange's own task does that, since till then
//! heads may change; what is left is a body that drives itself ([`passing`]).

// Rest of a body, driven by whoever takes it.
pub mod passing;
// Octets in the pieces in which they came.
pub mod pieces;
// The one exchange that two bodies and a task share.
pub mod slot;
// What one plugin makes of a body.
pub mod stage;
#[cfg(test)]
mod tests;

use std::future::poll_fn;
use std::pin::Pin;

use bytes::Bytes;
use http::{HeaderMap, Response};
use http_body::Body;

use crate::exchange::Error;
use crate::exchange::body::InHand;
use pieces::Pieces;
use stage::{Need, Stage};

/// Fields after a body.
pub type Trailers = Option<Box<HeaderMap>>;

/// What is still read of a body that a plugin ended early, so that its sender gets
/// to the answer; more closes its connection.
const DRAIN_MAX: usize = 1 << 20;

/// Why a message goes no further.
#[derive(Debug)]
pub enum Stop {
    /// A plugin answers instead.
    Answer(Box<Response<Bytes>>),
    /// The exchange has failed.
    Failed(Error),
}

/// What a pipeline needs, or has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Octets have come out at its end.
    Octets,
    /// All of the body has come out.
    End,
    /// The hook of this stage is to be called.
    Call(usize),
    /// The body is larger than this stage's plugin takes.
    Refused(usize),
}

/// A body and the plugins that see it.
pub struct Pipeline<B> {
    /// None once its end has come, or is not waited for.
    source: Option<B>,
    /// Of the source, if its sender announced it.
    length: Option<u64>,
    /// Octets of these that have not come.
    left: Option<u64>,
    stages: Vec<Stage>,
    output: Pieces,
    end: Option<Trailers>,
    /// A plugin ended the body before its sender did.
    cut_short: bool,
}

impl<B> Pipeline<B>
where
    B: Body<Data = Bytes, Error = Error> + Unpin + 'static,
{
    /// The stages in the order in which the body passes; at least one.
    pub fn new(source: B, stages: Vec<Stage>) -> Self {
        let length = source.size_hint().exact();
        let mut new = Self {
            source: Some(source),
            length,
            left: length,
            stages,
            output: Pieces::default(),
            end: None,
            cut_short: false,
        };
        if let Some(length) = length {
            for stage in &mut new.stages {
                stage.expect(length);
                if stage.may_change() {
                    break;
                }
            }
        }
        if new.source.as_ref().is_some_and(Body::is_end_stream) {
            new.ended(None);
        }
        new
    }

    /// The stage of that number.
    pub fn stage(&mut self, number: usize) -> &mut Stage {
        &mut self.stages[number]
    }

    /// Plugins that asked for the whole body and will see nothing of it, each once.
    pub fn unseen(&mut self) -> impl Iterator<Item = usize> + '_ {
        self.stages.iter_mut().filter_map(|stage| stage.take_unseen().then_some(stage.at))
    }

    /// More stages, after those that there are: nothing may have been taken out.
    pub fn extend(&mut self, stages: Vec<Stage>) {
        for mut stage in stages {
            stage.push_all(&mut self.output);
            if let Some(trailers) = self.end.take() {
                stage.end(trailers);
            }
            self.stages.push(stage);
        }
    }

    /// Goes on until there is something to do for others.
    pub async fn advance(&mut self) -> Result<Next, Error> {
        loop {
            self.flow();
            if !self.output.is_empty() {
                return Ok(Next::Octets);
            }
            if self.end.is_some() {
                return Ok(Next::End);
            }
            // The last one first: what is nearest to the end is let out before
            // more comes in.
            for (number, stage) in self.stages.iter().enumerate().rev() {
                match stage.need() {
                    Need::More => {}
                    Need::Call => return Ok(Next::Call(number)),
                    Need::Refuse => return Ok(Next::Refused(number)),
                }
            }
            self.pull().await?;
        }
    }

    /// Everything is where it can get without a hook.
    fn flow(&mut self) {
        for number in 0..self.stages.len() {
            let (done, rest) = self.stages.split_at_mut(number + 1);
            let stage = &mut done[number];
            stage.flow();
            match rest.first_mut() {
                Some(next) => {
                    next.push_all(&mut stage.output);
                    if let Some(trailers) = stage.output_end.take() {
                        next.end(trailers);
                    }
                }
                None => {
                    self.output.append(&mut stage.output);
                    if let Some(trailers) = stage.output_end.take() {
                        self.end = Some(trailers);
                    }
                }
            }
            if stage.take_cut_short() {
                self.give_up_source();
            }
        }
    }

    /// One more piece, or the end.
    async fn pull(&mut self) -> Result<(), Error> {
        while let Some(source) = &mut self.source {
            let Some(frame) = next_frame(source).await.transpose()? else {
                self.ended(None);
                break;
            };
            let ended = source.is_end_stream();
            match frame.into_data() {
                Ok(data) => {
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    self.stages[0].push(data);
                    if ended {
                        self.ended(None);
                    } else if self.left == Some(0) {
                        // The last octets are there, and their end comes by itself
                        // (HTTP/2): who takes them has to know that they are the
                        // last, since nobody will ask for more than was announced.
                        continue;
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        self.ended(Some(Box::new(trailers)));
                    }
                }
            }
            break;
        }
        Ok(())
    }

    fn ended(&mut self, trailers: Trailers) {
        self.source = None;
        self.stages[0].end(trailers);
    }

    /// What comes before the stage that ended the body is not wanted any more.
    fn give_up_source(&mut self) {
        self.cut_short = true;
        if let Some(source) = self.source.take() {
            tokio::task::spawn_local(drain(source));
        }
    }

    /// The next octets that came out, and whether they are the last of the message.
    fn pop(&mut self) -> Option<(Bytes, bool)> {
        let piece = self.output.pop()?;
        let last = self.output.is_empty() && matches!(self.end, Some(None));
        Some((piece, last))
    }

    /// Whether some plugin is still to be called.
    pub fn is_seen(&self) -> bool {
        self.stages.iter().any(Stage::sees)
    }

    /// The whole body, if all of it has come out and none was taken.
    pub fn in_hand(&mut self) -> Option<InHand> {
        let trailers = self.end.take()?;
        Some(InHand::new(std::mem::take(&mut self.output).into_queue(), trailers))
    }

    /// How many octets will have come out, if that is certain before they have.
    pub fn length(&self) -> Option<u64> {
        let uncertain = self.stages.iter().any(|stage| stage.sees() && stage.may_change());
        if uncertain || self.cut_short {
            return None;
        }
        let change: i64 = self.stages.iter().map(|stage| stage.change).sum();
        self.length?.checked_add_signed(change)
    }
}

async fn next_frame<B>(source: &mut B) -> Option<Result<http_body::Frame<Bytes>, Error>>
where
    B: Body<Data = Bytes, Error = Error> + Unpin,
{
    poll_fn(|cx| Pin::new(&mut *source).poll_frame(cx)).await
}

/// Reads what is left, within bounds. A sender that stalls has a bound of its own.
async fn drain<B>(mut source: B)
where
    B: Body<Data = Bytes, Error = Error> + Unpin,
{
    let mut left = DRAIN_MAX;
    while let Some(Ok(frame)) = next_frame(&mut source).await {
        // Empty frames count too: their number has no other bound.
        let size = frame.data_ref().map_or(1, |data| data.len().max(1));
        match left.checked_sub(size) {
            Some(rest) => left = rest,
            None => break,
        }
    }
}
