//! The replay ring's arithmetic: which offsets it holds, where they lie, and in what order a writer
//! must move its marks so that a reader can tell whether its copy is whole (`byte-lane.md` §1).
//!
//! The rule: the **tail moves before** bytes are overwritten, the **head after** they stand. A reader
//! copies first and then looks at the tail again: a tail that has not passed the copy's start proves
//! that nothing in the copy was overwritten. The memory itself belongs to the ptyhost.

use std::ops::Range;

use crate::ids::Offset;

/// A ring's marks at one moment: it holds the bytes from `tail` to `head`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The oldest offset still held.
    pub tail: Offset,
    /// The offset that the next byte will have.
    pub head: Offset,
}

/// The bytes asked for are no longer held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("bytes before {tail} are gone")]
pub struct Trimmed {
    /// The oldest offset still held.
    pub tail: Offset,
}

impl Span {
    /// The marks while and after `len` more bytes are appended to a ring of `capacity`: store the
    /// tail, then the bytes, then the head. `len` must not be above the capacity.
    #[must_use]
    pub fn after(self, len: u64, capacity: u64) -> Self {
        debug_assert!(len <= capacity, "an append larger than the ring");
        let head = self.head.plus(len);
        let tail = Offset::new(head.get().saturating_sub(capacity)).max(self.tail);
        Self { tail, head }
    }

    /// How many of `want` bytes can be copied from `from` on: 0 at the head or beyond it.
    ///
    /// # Errors
    /// [`Trimmed`] if the byte at `from` is no longer held.
    pub fn readable(self, from: Offset, want: usize) -> Result<usize, Trimmed> {
        if from < self.tail {
            return Err(Trimmed { tail: self.tail });
        }
        // It is at most `want`, which is a usize.
        Ok(self.head.since(from).min(want as u64) as usize)
    }

    /// Whether a copy that began at `from` is whole, given the tail as read after the copy.
    ///
    /// # Errors
    /// [`Trimmed`] if the tail has passed the copy's start.
    pub fn survived(from: Offset, tail_after: Offset) -> Result<(), Trimmed> {
        if tail_after > from { Err(Trimmed { tail: tail_after }) } else { Ok(()) }
    }

    /// How many of `want` more bytes may be read from the program before its output passes `limit`.
    #[must_use]
    pub fn room(self, limit: Offset, want: usize) -> usize {
        limit.since(self.head).min(want as u64) as usize
    }
}

/// Where `len` bytes from `offset` on lie in a ring of `capacity`: two ranges, the second one empty
/// unless they wrap.
#[must_use]
pub fn places(offset: Offset, len: usize, capacity: usize) -> [Range<usize>; 2] {
    debug_assert!(len <= capacity, "more bytes than the ring holds");
    // The remainder is below the capacity, which is a usize.
    let start = (offset.get() % capacity as u64) as usize;
    let first = len.min(capacity - start);
    [start..start + first, 0..len - first]
}

#[cfg(test)]
mod tests;
