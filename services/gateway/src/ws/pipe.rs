//! Whether a socket's pipe is thin, as far as its own kernel tells: by how long it stays full.
//!
//! A full kernel takes bytes again when half of what it may hold unsent has left, 64 KiB of it
//! (`limits`). Nothing is learnt from a socket that is never full, so what was learnt last stands:
//! what a pipe carries seldom changes, and between two floods there is only typing.

use std::time::Duration;

use tokio::time::Instant;

/// A pipe that is full for longer is thin: below some 3 MB/s.
const THIN: Duration = Duration::from_millis(20);

/// What is known of a pipe.
#[derive(Debug, Default)]
pub(super) struct Pipe {
    full_since: Option<Instant>,
    thin: bool,
}

impl Pipe {
    /// It takes nothing now.
    pub(super) fn is_full(&mut self, now: Instant) {
        self.full_since.get_or_insert(now);
    }

    /// It has taken something.
    pub(super) fn took(&mut self, now: Instant) {
        if let Some(since) = self.full_since.take() {
            self.thin = now.duration_since(since) >= THIN;
        }
    }

    pub(super) fn is_thin(&self, now: Instant) -> bool {
        self.thin || self.full_since.is_some_and(|since| now.duration_since(since) >= THIN)
    }
}

#[cfg(test)]
mod tests {
    //! Below and at the limit, and what is remembered.
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// A pipe that was full for so long.
    fn full_for(pipe: &mut Pipe, long: Duration) {
        let now = Instant::now();
        pipe.is_full(now);
        pipe.is_full(now + long);
        pipe.took(now + long);
    }

    #[test]
    fn a_pipe_that_is_full_for_20_ms_is_thin() {
        let (mut pipe, now) = (Pipe::default(), Instant::now());
        assert!(!pipe.is_thin(now));
        full_for(&mut pipe, THIN - MS);
        assert!(!pipe.is_thin(now));
        full_for(&mut pipe, THIN);
        assert!(pipe.is_thin(now));
        full_for(&mut pipe, THIN + MS);
        assert!(pipe.is_thin(now));
    }

    #[test]
    fn it_is_known_while_it_is_still_full() {
        let (mut pipe, now) = (Pipe::default(), Instant::now());
        pipe.is_full(now);
        assert!(!pipe.is_thin(now + THIN - MS));
        assert!(pipe.is_thin(now + THIN));
    }

    #[test]
    fn it_stays_so_until_it_was_full_for_less() {
        let (mut pipe, now) = (Pipe::default(), Instant::now());
        full_for(&mut pipe, THIN);
        pipe.took(now);
        assert!(pipe.is_thin(now), "an echo that fits tells nothing");
        full_for(&mut pipe, THIN - MS);
        assert!(!pipe.is_thin(now));
    }
}
