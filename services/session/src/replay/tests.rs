//! The ring's arithmetic against a plain vector that forgets nothing, and against a reader that is
//! interrupted between any two of a writer's steps.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const CAPACITY: usize = 64;

fn at(n: u64) -> Offset {
    Offset::new(n)
}

/// A ring by the book, over plain memory.
struct Ring {
    span: Span,
    memory: [u8; CAPACITY],
}

impl Ring {
    fn new() -> Self {
        Self { span: Span { tail: at(0), head: at(0) }, memory: [0; CAPACITY] }
    }

    fn store(&mut self, from: Offset, bytes: &[u8]) {
        let [first, second] = places(from, bytes.len(), CAPACITY);
        let (front, back) = bytes.split_at(first.len());
        self.memory[first].copy_from_slice(front);
        self.memory[second].copy_from_slice(back);
    }

    fn load(&self, from: Offset, len: usize) -> Vec<u8> {
        let [first, second] = places(from, len, CAPACITY);
        [&self.memory[first], &self.memory[second]].concat()
    }
}

#[test]
fn what_was_overwritten_is_trimmed_and_what_is_to_come_is_empty() {
    let span = Span { tail: at(0), head: at(0) }.after(64, 64).after(1, 64);
    assert_eq!(span, Span { tail: at(1), head: at(65) });
    assert_eq!(span.readable(at(0), 1), Err(Trimmed { tail: at(1) }));
    assert_eq!(span.readable(at(65), 9), Ok(0));
    assert_eq!(span.readable(at(900), 9), Ok(0));
    assert_eq!(span.readable(at(60), 9), Ok(5));
}

#[test]
fn output_stops_at_the_limit() {
    let span = Span { tail: at(0), head: at(90) };
    assert_eq!(span.room(at(100), 64), 10);
    assert_eq!(span.room(at(90), 64), 0);
    assert_eq!(span.room(at(10), 64), 0);
}

proptest! {
    /// Every held byte is the one that was appended at that offset, and exactly the newest are held.
    #[test]
    fn the_newest_bytes_are_held_at_their_offsets(
        appends in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..=CAPACITY), 0..40),
    ) {
        let (mut ring, mut all) = (Ring::new(), Vec::new());
        for bytes in appends {
            let after = ring.span.after(bytes.len() as u64, CAPACITY as u64);
            ring.store(ring.span.head, &bytes);
            ring.span = after;
            all.extend_from_slice(&bytes);
            prop_assert_eq!(after.head.get(), all.len() as u64);
            prop_assert_eq!(after.head.since(after.tail), all.len().min(CAPACITY) as u64);
            for from in after.tail.get()..=after.head.get() {
                let len = after.readable(at(from), CAPACITY).unwrap();
                prop_assert_eq!(&ring.load(at(from), len)[..], &all[from as usize..]);
            }
        }
    }

    /// A reader whose copy is cut into by a writer at any byte either sees true bytes or is told.
    #[test]
    fn a_reader_that_is_overtaken_is_told(
        before in prop::collection::vec(any::<u8>(), 1..=CAPACITY),
        append in prop::collection::vec(any::<u8>(), 1..=CAPACITY),
        from in 0u64..64, cut in 0usize..64, stored in 0usize..=64,
    ) {
        let mut ring = Ring::new();
        ring.store(at(0), &before);
        ring.span = ring.span.after(before.len() as u64, CAPACITY as u64);
        let from = at(from % before.len() as u64);
        let len = ring.span.readable(from, CAPACITY).unwrap();
        let cut = cut.min(len);

        // The reader copies `cut` bytes; the writer moves its tail and stores some of its bytes;
        // the reader copies the rest; the head has not moved yet.
        let mut copy = ring.load(from, cut);
        let after = ring.span.after(append.len() as u64, CAPACITY as u64);
        let head = ring.span.head;
        ring.store(head, &append[..stored.min(append.len())]);
        copy.extend(ring.load(from.plus(cut as u64), len - cut));

        if Span::survived(from, after.tail).is_ok() {
            prop_assert_eq!(&copy[..], &before[from.get() as usize..]);
        } else {
            prop_assert!(after.tail > from);
        }
    }
}
