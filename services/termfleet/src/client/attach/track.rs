//! Where this client stands in one session's output: every frame is proved to continue the one
//! before it, and what cannot be proved is asked for again.

use hyper::body::Bytes;
use termfleet_proto::ws::v1::Attached;
use termfleet_session::ids::{Epoch, Offset};

use super::terminal::Before;

/// What is awaited.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Awaited {
    /// Nothing: there is no channel, or an answer to `sync` is under way.
    #[default]
    Nothing,
    /// Output that goes on.
    Output,
    /// A snapshot, or the rest of one.
    Snapshot,
}

/// What to do with a frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// It is late or repeated.
    Ignore,
    /// Ask for what is missing, from this offset; without one for a snapshot.
    Sync(Option<Offset>),
    /// Show these bytes, after what comes before them; the first `replay` of them were shown to
    /// somebody before.
    Show { before: Before, replay: usize, data: Bytes },
}

/// The track.
#[derive(Debug, Default)]
pub(super) struct Track {
    epoch: Option<Epoch>,
    at: u64,
    awaited: Awaited,
    in_snapshot: bool,
    /// Bytes before this were shown to somebody before.
    replay_until: u64,
}

impl Track {
    /// What to resume with.
    pub(super) fn resume(&self) -> Option<(Epoch, Offset)> {
        self.epoch.map(|epoch| (epoch, self.position()))
    }

    /// All output before this is here.
    pub(super) fn position(&self) -> Offset {
        Offset::new(self.at)
    }

    /// The server does not have that offset: the next attachment starts from nothing.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }

    /// A channel begins, or goes on after `sync`. False if it does not continue what is here, so
    /// that a snapshot must be asked for.
    pub(super) fn attached(&mut self, message: &Attached) -> bool {
        if !message.recovered {
            let seen = if self.epoch == Some(message.epoch) { self.at } else { 0 };
            self.replay_until = message.head.get().max(seen);
        }
        let continues = self.epoch == Some(message.epoch) && message.offset.get() <= self.at;
        self.epoch = Some(message.epoch);
        self.in_snapshot = false;
        self.awaited = match message.recovered {
            true if continues => Awaited::Output,
            true => Awaited::Nothing,
            false => Awaited::Snapshot,
        };
        continues || !message.recovered
    }

    /// Output arrived.
    pub(super) fn output(&mut self, offset: Offset, data: &Bytes) -> Step {
        let (begin, end) = (offset.get(), offset.get() + data.len() as u64);
        match self.awaited {
            Awaited::Nothing => Step::Ignore,
            Awaited::Snapshot => {
                self.awaited = Awaited::Nothing;
                Step::Sync(None)
            }
            Awaited::Output if begin > self.at => {
                self.awaited = Awaited::Nothing;
                Step::Sync(Some(self.position()))
            }
            Awaited::Output if end <= self.at => Step::Ignore,
            Awaited::Output => {
                let data = data.slice((self.at - begin) as usize..);
                let replay =
                    self.replay_until.saturating_sub(self.at).min(data.len() as u64) as usize;
                self.at = end;
                Step::Show { before: Before::Nothing, replay, data }
            }
        }
    }

    /// Is all output before that offset here?
    pub(super) fn has(&self, epoch: Epoch, offset: Offset) -> bool {
        self.awaited == Awaited::Output && self.epoch == Some(epoch) && offset <= self.position()
    }

    /// A piece of a snapshot arrived; it `redraws` what is here if only the size has changed.
    pub(super) fn snapshot(
        &mut self,
        epoch: Epoch,
        offset: Offset,
        redraws: bool,
        more: bool,
        data: Bytes,
    ) -> Step {
        if self.awaited == Awaited::Nothing {
            return Step::Ignore;
        }
        let before = match self.in_snapshot {
            true => Before::Nothing,
            false if redraws && self.has(epoch, offset) => Before::Redraw,
            false => Before::Clear,
        };
        // It may come unasked: what follows may repeat what this terminal has answered already.
        if self.epoch == Some(epoch) {
            self.replay_until = self.replay_until.max(self.at);
        }
        self.in_snapshot = more;
        self.awaited = if more { Awaited::Snapshot } else { Awaited::Output };
        self.epoch = Some(epoch);
        self.at = offset.get();
        Step::Show { before, replay: data.len(), data }
    }
}

#[cfg(test)]
mod tests {
    //! No byte twice, and no gap unseen.
    use super::*;

    fn live(at: u64) -> Track {
        let epoch = Some(Epoch::new(1));
        Track { epoch, at, awaited: Awaited::Output, ..Track::default() }
    }

    #[test]
    fn repeated_bytes_are_dropped_and_gaps_asked_for() {
        let mut track = live(10);
        let data = Bytes::from_static(b"abcd");
        assert_eq!(track.output(Offset::new(6), &data), Step::Ignore);
        let data_left = Bytes::from_static(b"cd");
        let shown = Step::Show { before: Before::Nothing, replay: 0, data: data_left };
        assert_eq!(track.output(Offset::new(8), &data), shown);
        assert_eq!(track.position(), Offset::new(12));
        assert_eq!(track.output(Offset::new(13), &data), Step::Sync(Some(Offset::new(12))));
        assert_eq!(track.output(Offset::new(12), &data), Step::Ignore, "the answer comes first");
    }

    #[test]
    fn a_snapshot_clears_once_and_says_where_output_goes_on() {
        let mut track = live(10);
        let (epoch, at) = (Epoch::new(2), Offset::new(50));
        let data = Bytes::from_static(b"x");
        let first = track.snapshot(epoch, at, false, true, data.clone());
        assert_eq!(first, Step::Show { before: Before::Clear, replay: 1, data: data.clone() });
        let last = track.snapshot(epoch, at, false, false, data.clone());
        assert_eq!(last, Step::Show { before: Before::Nothing, replay: 1, data: data.clone() });
        assert_eq!(track.resume(), Some((epoch, at)));
        assert!(matches!(track.output(at, &data), Step::Show { .. }));
    }

    #[test]
    fn a_new_size_redraws_what_is_here_and_nothing_else() {
        let data = Bytes::from_static(b"x");
        let before = |at: u64, epoch: u64| {
            let (epoch, at) = (Epoch::new(epoch), Offset::new(at));
            match live(10).snapshot(epoch, at, true, false, data.clone()) {
                Step::Show { before, .. } => before,
                other => panic!("{other:?}"),
            }
        };
        let all = [before(9, 1), before(10, 1), before(11, 1), before(10, 2)];
        assert_eq!(all, [Before::Redraw, Before::Redraw, Before::Clear, Before::Clear]);
    }
}
