//! The laws of a pipeline, without Wasm: decisions come from the test.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use http::HeaderValue;
use http_body::{Frame, SizeHint};
use proptest::prelude::*;

use super::stage::{Decision, PIECE_MAX};
use super::*;
use crate::config::BodyOverLimit;
use crate::exchange::Mode;
use crate::plugin::interface::bindings::wasmgate::plugin::types::{BodyEdits, BodyPart};

/// A sender: its pieces, whether it says how long they are, and its trailer fields.
struct Sender {
    pieces: VecDeque<Bytes>,
    announces: bool,
    /// Knows with its last piece that it is the last (HTTP/1), or says so after it.
    knows_end: bool,
    trailers: Option<HeaderMap>,
}

impl Sender {
    fn new(pieces: &[Vec<u8>]) -> Self {
        let pieces = pieces.iter().map(|piece| Bytes::from(piece.clone())).collect();
        Self { pieces, announces: false, knows_end: false, trailers: None }
    }
}

impl Body for Sender {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let piece = self.pieces.pop_front().map(Frame::data);
        let frame = piece.or_else(|| self.trailers.take().map(Frame::trailers));
        Poll::Ready(frame.map(Ok))
    }

    fn is_end_stream(&self) -> bool {
        self.knows_end && self.pieces.is_empty() && self.trailers.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let length = self.pieces.iter().map(|piece| piece.len() as u64).sum();
        if self.announces { SizeHint::with_exact(length) } else { SizeHint::new() }
    }
}

/// What came out of a pipeline.
#[derive(Debug, Default, PartialEq)]
struct Came {
    octets: Vec<u8>,
    trailers: Option<HeaderMap>,
    /// The parts that were shown.
    parts: Vec<BodyPart>,
    /// What was announced when the first octet came out, or the length that it
    /// had by then.
    length: Option<u64>,
    refused: bool,
}

/// Runs a pipeline to its end.
fn run(
    sender: Sender,
    stages: Vec<Stage>,
    mut decide: impl FnMut(usize, &[u8], BodyPart) -> Decision,
) -> Came {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        let mut pipeline = Pipeline::new(sender, stages);
        let mut came = Came::default();
        let mut announced = None;
        loop {
            match pipeline.advance().await.expect("the sender does not fail") {
                Next::Octets => {
                    announced.get_or_insert_with(|| whole_length(&pipeline));
                    while let Some((piece, _)) = pipeline.pop() {
                        came.octets.extend_from_slice(&piece);
                    }
                }
                Next::End => {
                    announced.get_or_insert(None);
                    came.trailers = pipeline.end.take().flatten().map(|trailers| *trailers);
                    break;
                }
                Next::Refused(_) => {
                    came.refused = true;
                    break;
                }
                Next::Call(number) => {
                    let stage = pipeline.stage(number);
                    let (shown, part) = stage.shown();
                    let decision = decide(number, &shown, part);
                    drop(shown);
                    came.parts.push(part);
                    let change = stage.check(decision).expect("a legal decision");
                    stage.apply(change);
                }
            }
        }
        came.length = announced.flatten();
        came
    })
}

/// What would be announced now.
fn whole_length(pipeline: &Pipeline<Sender>) -> Option<u64> {
    match &pipeline.end {
        Some(_) => Some(pipeline.output.len() as u64),
        None => pipeline.length(),
    }
}

fn edits() -> BodyEdits {
    BodyEdits { taken: None, octets: None, end: false, trailers: Vec::new() }
}

fn stage(mode: Mode) -> Stage {
    Stage::new(0, mode, BodyOverLimit::Refuse)
}

fn modes() -> impl Strategy<Value = Mode> {
    prop_oneof![
        (0u32..3000).prop_map(Mode::First),
        Just(Mode::Whole(1 << 20)),
        (0u32..3000).prop_map(Mode::Chunks),
        Just(Mode::Watch),
    ]
}

fn bodies() -> impl Strategy<Value = Vec<Vec<u8>>> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 0..1500), 0..10)
}

proptest! {
    #[test]
    fn what_is_not_changed_comes_out_as_it_went_in(
        pieces in bodies(),
        modes in prop::collection::vec(modes(), 1..4),
        announces in any::<bool>(),
        knows_end in any::<bool>(),
        same in any::<bool>(),
    ) {
        let all = pieces.concat();
        let sender = Sender { announces, knows_end, ..Sender::new(&pieces) };
        let stages = modes.iter().map(|mode| stage(*mode)).collect();
        let came = run(sender, stages, |number, shown, _| {
            match same && modes[number] != Mode::Watch {
                true => Decision::Forward(shown.to_vec()),
                false => Decision::Continue,
            }
        });
        prop_assert_eq!(&came.octets, &all);
        prop_assert_eq!(came.length.unwrap_or(all.len() as u64), all.len() as u64);
        if announces && modes.iter().all(|mode| *mode == Mode::Watch) && !all.is_empty() {
            prop_assert_eq!(came.length, Some(all.len() as u64));
        }
    }

    #[test]
    fn what_is_held_is_bounded_and_nothing_of_it_is_lost(
        pieces in bodies(),
        limit in 1u32..4000,
        holds in prop::collection::vec(any::<u32>(), 1..20),
    ) {
        let all = pieces.concat();
        let largest = pieces.iter().map(Vec::len).max().unwrap_or(0);
        let mut holds = holds.into_iter().cycle();
        let mut calls = 0;
        let mut most = 0;
        let came = run(Sender::new(&pieces), vec![stage(Mode::Chunks(limit))], |_, shown, part| {
            calls += 1;
            most = most.max(shown.len());
            let room = limit.saturating_sub(u32::try_from(shown.len()).expect("small"));
            match part {
                BodyPart::More if room > 0 => {
                    Decision::Hold(1 + holds.next().expect("a cycle") % room)
                }
                BodyPart::More => {
                    // As much as may stay does.
                    let taken = u32::try_from(shown.len()).expect("small").saturating_sub(limit);
                    Decision::Edit(BodyEdits { taken: Some(taken), ..edits() })
                }
                _ => Decision::Continue,
            }
        });
        prop_assert_eq!(came.octets, all);
        prop_assert!(most <= limit as usize + largest);
        prop_assert!(calls <= pieces.len() + 1, "{} calls for {} pieces", calls, pieces.len());
    }

    #[test]
    fn an_announced_length_is_the_length_that_comes(
        pieces in bodies(),
        modes in prop::collection::vec(modes(), 1..4),
        knows_end in any::<bool>(),
        insert in prop::collection::vec(any::<u8>(), 0..50),
    ) {
        let sender = Sender { announces: true, knows_end, ..Sender::new(&pieces) };
        let stages = modes.iter().map(|mode| stage(*mode)).collect();
        let came = run(sender, stages, |number, _, _| match modes[number] {
            Mode::Watch => Decision::Continue,
            _ => Decision::Forward(insert.clone()),
        });
        if let Some(length) = came.length {
            prop_assert_eq!(length, came.octets.len() as u64);
        }
    }
}

#[test]
fn a_whole_body_over_its_limit_is_refused_passed_or_cut() {
    let pieces = [vec![b'a'; 6], vec![b'b'; 6]];
    for announces in [false, true] {
        let over = |over| {
            let sender = Sender { announces, ..Sender::new(&pieces) };
            run(sender, vec![Stage::new(0, Mode::Whole(10), over)], |_, shown, _| {
                Decision::Forward(shown.to_ascii_uppercase())
            })
        };
        assert!(over(BodyOverLimit::Refuse).refused);
        let passed = over(BodyOverLimit::Pass);
        assert_eq!((&*passed.octets, passed.parts.len()), (&b"aaaaaabbbbbb"[..], 0));
        let cut = over(BodyOverLimit::Truncate);
        assert_eq!((&*cut.octets, &*cut.parts), (&b"AAAAAABBBBbb"[..], &[BodyPart::Cut][..]));
    }
    let exactly = run(Sender::new(&[vec![b'a'; 10]]), vec![stage(Mode::Whole(10))], |_, _, _| {
        Decision::Continue
    });
    assert_eq!(exactly.parts, [BodyPart::Last]);
}

#[test]
fn a_plugin_that_wants_the_beginning_knows_whether_it_is_all() {
    let parts = |length: usize, knows_end| {
        let sender = Sender { knows_end, ..Sender::new(&[vec![b'a'; length]]) };
        run(sender, vec![stage(Mode::First(10))], |_, _, _| Decision::Continue).parts
    };
    for knows_end in [false, true] {
        assert_eq!(parts(9, knows_end), [BodyPart::Last]);
        assert_eq!(parts(10, knows_end), [BodyPart::Last]);
        assert_eq!(parts(11, knows_end), [BodyPart::Cut]);
    }
}

#[test]
fn trailers_come_with_the_last_part_and_go_on_changed() {
    use crate::plugin::interface::bindings::wasmgate::plugin::types::{Field, FieldEdit};

    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("x-sum"),
        HeaderValue::from_static("1"),
    )]);
    let sender =
        Sender { trailers: Some(trailers), ..Sender::new(&[b"ab".to_vec(), b"cd".to_vec()]) };
    let came = run(sender, vec![stage(Mode::Chunks(0)), stage(Mode::Watch)], |number, _, part| {
        match (number, part) {
            (0, BodyPart::Last) => {
                let field = Field { name: "x-more".to_owned(), value: b"2".to_vec() };
                Decision::Edit(BodyEdits { trailers: vec![FieldEdit::Add(field)], ..edits() })
            }
            _ => Decision::Continue,
        }
    });
    assert_eq!(came.octets, b"abcd");
    let trailers = came.trailers.expect("trailers");
    assert_eq!(
        (&trailers["x-sum"], &trailers["x-more"]),
        (&HeaderValue::from_static("1"), &HeaderValue::from_static("2"))
    );
}

#[test]
fn a_body_that_is_ended_early_ends_there() {
    let sender = Sender { announces: true, ..Sender::new(&[b"ab".to_vec(), b"cd".to_vec()]) };
    let stages = vec![stage(Mode::Chunks(0)), stage(Mode::Watch)];
    let came = run(sender, stages, |number, _, _| match number {
        0 => Decision::Edit(BodyEdits { octets: Some(b"x".to_vec()), end: true, ..edits() }),
        _ => Decision::Continue,
    });
    assert_eq!((came.octets, came.length), (b"x".to_vec(), Some(1)));
}

#[test]
fn illegal_decisions_are_told_apart() {
    let illegal = |mode, ended: bool, decision| {
        let mut stage = stage(mode);
        let mut own = Pieces::default();
        own.push(Bytes::from_static(b"abcdef"));
        stage.push_all(&mut own);
        if ended {
            stage.end(None);
        }
        stage.check(decision).expect_err("illegal").0
    };
    let edit = Decision::Edit;
    let said = [
        illegal(Mode::Watch, false, Decision::Forward(Vec::new())),
        illegal(Mode::Watch, false, edit(BodyEdits { end: true, ..edits() })),
        illegal(Mode::Watch, false, Decision::Hold(1)),
        illegal(Mode::Whole(9), true, Decision::Hold(1)),
        illegal(Mode::Chunks(9), true, Decision::Hold(1)),
        illegal(Mode::Chunks(9), false, Decision::Hold(4)),
        illegal(Mode::Chunks(3), false, edit(BodyEdits { taken: Some(2), ..edits() })),
        illegal(Mode::Chunks(9), false, edit(BodyEdits { taken: Some(7), ..edits() })),
        illegal(Mode::Chunks(9), true, edit(BodyEdits { taken: Some(1), ..edits() })),
    ];
    let words = [
        "change a body that it only watches",
        "change a body that it only watches",
        "in another mode",
        "in another mode",
        "last part",
        "hold 6 octets and wait for 4; its mode allows 9",
        "hold 4 octets and wait for 0; its mode allows 3",
        "take 7 octets of the 6",
        "last part",
    ];
    for (said, words) in said.iter().zip(words) {
        assert!(said.contains(words), "{said:?} does not say {words:?}");
    }
}

#[test]
fn long_pieces_are_shown_in_parts() {
    let long = vec![b'a'; 5 * PIECE_MAX / 2];
    let mut most = 0;
    let came =
        run(Sender::new(std::slice::from_ref(&long)), vec![stage(Mode::Watch)], |_, shown, _| {
            most = most.max(shown.len());
            Decision::Continue
        });
    assert_eq!((came.octets, most), (long, PIECE_MAX));
}
