//! Octets in the pieces in which they came: passing them on copies nothing.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

/// Pieces smaller than this are joined while they wait: a piece of one octet would
/// hold on to a whole buffer.
const SMALL: usize = 4 << 10;
/// Joined pieces end at this size.
const JOINED_MAX: usize = 64 << 10;

/// A queue of octets.
#[derive(Debug, Default)]
pub struct Pieces {
    queue: VecDeque<Bytes>,
    /// Small pieces after those of the queue.
    tail: BytesMut,
    length: usize,
}

impl Pieces {
    /// How many octets there are.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        self.length += piece.len();
        // The first one is as likely as not taken out again at once.
        if piece.len() < SMALL && !(self.queue.is_empty() && self.tail.is_empty()) {
            self.tail.extend_from_slice(&piece);
            if self.tail.len() >= JOINED_MAX {
                self.close_tail();
            }
        } else {
            self.close_tail();
            self.queue.push_back(piece);
        }
    }

    /// Adds all of the other's octets, which has none then.
    pub fn append(&mut self, other: &mut Self) {
        if self.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        while let Some(piece) = other.pop() {
            self.push(piece);
        }
    }

    /// The first piece.
    pub fn pop(&mut self) -> Option<Bytes> {
        if self.queue.is_empty() {
            self.close_tail();
        }
        let piece = self.queue.pop_front()?;
        self.length -= piece.len();
        Some(piece)
    }

    /// The first `count` octets, which are taken out.
    pub fn split_to(&mut self, count: usize) -> Self {
        let mut taken = Self::default();
        while taken.length < count {
            let Some(mut piece) = self.pop() else { break };
            let wanted = count - taken.length;
            if piece.len() > wanted {
                let rest = piece.split_off(wanted);
                self.length += rest.len();
                self.queue.push_front(rest);
            }
            taken.length += piece.len();
            taken.queue.push_back(piece);
        }
        taken
    }

    /// The first `count` octets, which stay; copied if they came in several pieces.
    pub fn first(&self, count: usize) -> Bytes {
        match self.queue.front() {
            Some(first) if first.len() >= count => first.slice(..count),
            _ => {
                let mut joined = Vec::with_capacity(count);
                for piece in self.queue.iter().map(Bytes::as_ref).chain([self.tail.as_ref()]) {
                    let wanted = piece.len().min(count - joined.len());
                    joined.extend_from_slice(&piece[..wanted]);
                }
                joined.into()
            }
        }
    }

    /// Drops all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// The pieces.
    pub fn into_queue(mut self) -> VecDeque<Bytes> {
        self.close_tail();
        self.queue
    }

    fn close_tail(&mut self) {
        if !self.tail.is_empty() {
            self.queue.push_back(self.tail.split().freeze());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pieces(parts: &[Vec<u8>]) -> Pieces {
        let mut pieces = Pieces::default();
        parts.iter().for_each(|part| pieces.push(Bytes::from(part.clone())));
        pieces
    }

    proptest! {
        #[test]
        fn octets_come_out_as_they_went_in(
            parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..9000), 0..12),
            at in 0usize..40_000,
        ) {
            let all = parts.concat();
            let mut rest = pieces(&parts);
            prop_assert_eq!(rest.len(), all.len());
            let at = at.min(all.len());
            prop_assert_eq!(&*rest.first(at), &all[..at]);
            let taken = rest.split_to(at);
            prop_assert_eq!((taken.len(), rest.len()), (at, all.len() - at));
            prop_assert_eq!(taken.into_queue().make_contiguous().concat(), &all[..at]);
            let mut more = pieces(&parts);
            rest.append(&mut more);
            prop_assert!(more.is_empty());
            let joined = rest.into_queue().make_contiguous().concat();
            prop_assert_eq!(joined, [&all[at..], &all[..]].concat());
        }
    }

    #[test]
    fn small_pieces_are_joined() {
        let mut many = Pieces::default();
        (0..100_000).for_each(|_| many.push(Bytes::from_static(b"x")));
        assert_eq!(many.len(), 100_000);
        assert!(many.into_queue().len() <= 3);
    }
}
