//! Lanes: each rule by itself, then all of them against a client that loses, repeats and reorders.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn client(n: u8) -> ClientId {
    ClientId::new([n; 16])
}

fn at(n: u64) -> Offset {
    Offset::new(n)
}

#[test]
fn overlap_is_trimmed_and_a_repetition_moves_nothing() {
    let mut lanes = Lanes::default();
    lanes.accept(&client(1), at(0), 10).unwrap();
    let overlap = lanes.accept(&client(1), at(4), 10).unwrap();
    assert_eq!((overlap.skip, overlap.marks.accepted), (6, at(14)));
    let again = lanes.accept(&client(1), at(0), 10).unwrap();
    assert_eq!((again.skip, again.marks.accepted), (10, at(14)));
}

#[test]
fn a_gap_is_refused_with_the_expected_offset_and_told_once() {
    let mut lanes = Lanes::default();
    lanes.accept(&client(1), at(0), 10).unwrap();
    let first = lanes.accept(&client(1), at(11), 5).unwrap_err();
    assert_eq!(first, Refused { code: Code::InputGap, expected: at(10), answer: true });
    assert!(!lanes.accept(&client(1), at(16), 5).unwrap_err().answer);
    lanes.accept(&client(1), at(10), 1).unwrap();
    assert!(lanes.accept(&client(1), at(16), 5).unwrap_err().answer);
}

#[test]
fn an_unknown_lane_that_does_not_start_at_zero_is_refused_once() {
    let mut lanes = Lanes::default();
    let first = lanes.accept(&client(1), at(7), 5).unwrap_err();
    assert_eq!(first, Refused { code: Code::InputGap, expected: at(0), answer: true });
    assert!(!lanes.accept(&client(1), at(12), 5).unwrap_err().answer);
    assert_eq!(lanes.view(&client(1), true), Marks::default());
    assert!(lanes.accept(&client(1), at(7), 5).unwrap_err().answer, "a new attachment hears it");
}

#[test]
fn the_window_starts_at_the_written_mark() {
    let mut lanes = Lanes::default();
    let window = usize::try_from(INPUT_WINDOW_BYTES).unwrap();
    lanes.accept(&client(1), at(0), window).unwrap();
    let over = lanes.accept(&client(1), at(INPUT_WINDOW_BYTES), 1).unwrap_err();
    assert_eq!((over.code, over.expected), (Code::InputWindowExceeded, at(INPUT_WINDOW_BYTES)));
    lanes.wrote(&client(1), 1);
    lanes.accept(&client(1), at(INPUT_WINDOW_BYTES), 1).unwrap();
}

#[test]
fn the_65th_lane_replaces_the_longest_idle_one_that_nobody_views() {
    let mut lanes = Lanes::default();
    let type_one = |lanes: &mut Lanes, n: u8| {
        lanes.accept(&client(n), at(0), 1)?;
        Ok::<_, Refused>(lanes.wrote(&client(n), 1))
    };
    for n in 0..64 {
        type_one(&mut lanes, n).unwrap();
    }
    lanes.view(&client(0), true);
    type_one(&mut lanes, 64).unwrap();
    let known: Vec<_> = lanes.iter().map(|(c, _)| c.clone()).collect();
    assert_eq!(known.len(), LANES_PER_SESSION);
    assert!(known.contains(&client(0)) && known.contains(&client(64)));
    assert!(!known.contains(&client(1)));
}

#[test]
fn a_lane_with_queued_bytes_or_a_viewer_is_never_replaced() {
    let mut lanes = Lanes::default();
    for n in 0..64 {
        lanes.accept(&client(n), at(0), 1).unwrap();
        if n > 0 {
            lanes.wrote(&client(n), 1);
            lanes.view(&client(n), true);
        }
    }
    let refused = lanes.accept(&client(64), at(0), 1).unwrap_err();
    assert_eq!(refused.code, Code::ResourceExhausted);
    lanes.forget_viewers();
    lanes.accept(&client(64), at(0), 1).unwrap();
    assert!(lanes.iter().any(|(c, _)| *c == client(0)), "its byte was still queued");
}

/// What a client's network may do to it.
#[derive(Debug, Clone)]
enum Step {
    /// Sends `len` bytes from this far behind (or ahead of) what the lane expects.
    Send { shift: i64, len: usize },
    /// `write(2)` takes this much of the queue.
    Write(usize),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (-100_000i64..5_000, 0usize..40_000).prop_map(|(shift, len)| Step::Send { shift, len }),
        3 => (0usize..40_000).prop_map(|len| Step::Send { shift: 0, len }),
        2 => (0usize..80_000).prop_map(Step::Write),
    ]
}

/// The client's byte at an offset: any mistake of placement shows.
fn byte(offset: u64) -> u8 {
    (offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

proptest! {
    /// Whatever is sent, what is written is the client's stream from 0, every byte once, in order.
    #[test]
    fn what_is_written_is_a_prefix_of_the_stream(steps in prop::collection::vec(step(), 1..80)) {
        let mut lanes = Lanes::default();
        let mut queue: Vec<u8> = Vec::new();
        let mut written: u64 = 0;
        for step in steps {
            match step {
                Step::Send { shift, len } => {
                    let before = lanes.view(&client(1), true);
                    let from = before.accepted.get().saturating_add_signed(shift);
                    let bytes: Vec<u8> = (from..from + len as u64).map(byte).collect();
                    match lanes.accept(&client(1), at(from), len) {
                        Ok(Accepted { skip, marks }) => {
                            queue.extend_from_slice(&bytes[skip..]);
                            prop_assert_eq!(marks.accepted.get(), written + queue.len() as u64);
                            prop_assert!(queue.len() as u64 <= INPUT_WINDOW_BYTES);
                        }
                        Err(refused) => {
                            let gap = from > before.accepted.get();
                            let over = from + len as u64 > written + INPUT_WINDOW_BYTES;
                            prop_assert!(gap || over);
                            prop_assert_eq!(refused.expected, before.accepted);
                            prop_assert_eq!(lanes.view(&client(1), true), before);
                        }
                    }
                }
                Step::Write(len) => {
                    let len = len.min(queue.len());
                    for (n, got) in queue.drain(..len).enumerate() {
                        prop_assert_eq!(got, byte(written + n as u64));
                    }
                    written += len as u64;
                    prop_assert_eq!(lanes.wrote(&client(1), len).written.get(), written);
                }
            }
        }
    }
}
