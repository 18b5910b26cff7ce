//! One worker of a pool: its process, which is started again when it ends by itself, and its way out.
//!
//! ```text
//!           started            set_draining(true)          told            no session left
//! waiting ──────────▶ running ───────────────────▶ draining ────▶ settling ───────────────▶ ending ─▶ gone
//!    ▲ ended by itself   │  ▲     set_draining(false)  │              │
//!    └───────────────────┘  └──────────────────────────┴──────────────┘
//! ```

use std::{io, process::Child, time::Duration};

use rustix::process::{Pid, Signal, kill_process};
use termfleet_proto::rest::workers::{Worker, WorkerState};
use termfleet_runtime::Backoff;
use tokio::time::Instant;

use super::plan::Number;

/// The first and the longest wait before a worker that ended by itself is started again.
const START_AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// A process that lived so long was well.
const WELL: Duration = Duration::from_secs(10);
/// How long ago a worker must have been told to take nothing new before its word that it has no
/// session is believed: a registration (3 s) may be older than what it was told, and so may be what
/// the gateway has read of it (at most 2.5 s).
pub(in crate::gateway) const SETTLED: Duration = Duration::from_secs(6);

/// A place in the pool.
#[derive(Debug)]
pub(super) struct Slot {
    process: Option<Child>,
    /// When its process was started, or will be.
    starts: Instant,
    backoff: Backoff,
    draining: bool,
    /// Since when its process knows that it drains.
    told: Option<Instant>,
    /// It was listed: there may be sessions.
    seen: bool,
    /// Its process was asked to end.
    ending: bool,
}

impl Slot {
    /// One that shall be started now.
    pub(super) fn new(now: Instant) -> Self {
        let (first, longest) = START_AGAIN;
        Self {
            process: None,
            starts: now,
            backoff: Backoff::new(first, longest),
            draining: false,
            told: None,
            seen: false,
            ending: false,
        }
    }

    /// Shall it go?
    pub(super) fn is_draining(&self) -> bool {
        self.draining
    }

    /// It shall go, or stay after all. One whose process was asked to end already is started anew.
    pub(super) fn set_draining(&mut self, draining: bool) {
        self.draining = draining;
    }

    /// Has it a process, as far as is known?
    pub(super) fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Is it time to start it?
    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.process.is_none() && self.starts <= now
    }

    /// It was started, or could not be.
    pub(super) fn started(&mut self, number: Number, now: Instant, started: io::Result<Child>) {
        self.starts = now;
        match started {
            Ok(child) => {
                tracing::info!(worker = %number, pid = child.id(), "a worker of the pool is started");
                // A new process takes sessions.
                (self.told, self.ending) = (None, false);
                self.process = Some(child);
            }
            Err(error) => {
                self.starts = now + self.backoff.next_delay();
                tracing::error!(worker = %number, %error, "a worker cannot be started");
            }
        }
    }

    /// Looks whether its process has ended; says whether the place is still wanted.
    pub(super) fn look(&mut self, number: Number) -> bool {
        if self.still_runs() {
            return true;
        }
        // Who was never listed has no sessions that somebody knows of.
        if self.draining && (self.ending || !self.seen) {
            tracing::info!(worker = %number, "a worker of the pool is gone");
            return false;
        }
        true
    }

    /// Has its process not ended? If it has by itself, it waits to be started again.
    pub(super) fn still_runs(&mut self) -> bool {
        let Some(child) = &mut self.process else { return false };
        let status = match child.try_wait() {
            Ok(None) => return true,
            Ok(Some(status)) => status.to_string(),
            Err(error) => error.to_string(),
        };
        self.process = None;
        let now = Instant::now();
        if now.duration_since(self.starts) >= WELL {
            self.backoff.reset();
        }
        self.starts = now;
        if !self.ending {
            let delay = self.backoff.next_delay();
            self.starts += delay;
            tracing::warn!(status, ?delay, "a worker of the pool ended by itself");
        }
        false
    }

    /// Whether its process has to be told that it drains, or that it does not any more.
    pub(super) fn to_tell(&self) -> Option<bool> {
        let known = self.process.is_some() && self.seen && !self.ending;
        (known && self.draining != self.told.is_some()).then_some(self.draining)
    }

    /// Its process has answered.
    pub(super) fn told(&mut self, draining: bool, now: Instant) {
        self.told = draining.then_some(now);
    }

    /// How the gateway sees it: one that has no session left is asked to end.
    pub(super) fn seen(&mut self, number: Number, worker: Option<&Worker>, now: Instant) {
        let Some(worker) = worker else { return };
        self.seen |= worker.state != WorkerState::Unreachable;
        let settled = self.told.is_some_and(|told| now.duration_since(told) >= SETTLED);
        if self.draining && settled && worker.state == WorkerState::Healthy {
            // Somebody took it back meanwhile: here it was asked for last.
            self.told = None;
        }
        let empty = worker.state == WorkerState::Draining && worker.load == Some(0);
        if self.draining && settled && empty && !self.ending {
            self.ask_to_end(number);
        }
    }

    /// Asks its process to end.
    pub(super) fn ask_to_end(&mut self, number: Number) {
        self.ending = true;
        let Some(child) = &self.process else { return };
        tracing::info!(worker = %number, pid = child.id(), "a worker of the pool is asked to end");
        if let Err(error) = kill_process(Pid::from_child(child), Signal::TERM) {
            tracing::warn!(worker = %number, %error, "it cannot be asked");
        }
    }

    /// Kills its process, and waits for it.
    pub(super) fn kill(&mut self) {
        if let Some(mut child) = self.process.take() {
            // It may have ended just now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

#[cfg(test)]
mod tests {
    //! When a worker is started again, told, and ended.

    use std::process::Command;

    use super::*;

    const NUMBER: Number = Number(1);
    const MOMENT: Duration = Duration::from_millis(1);

    fn worker(state: WorkerState, load: u32) -> Worker {
        Worker {
            id: NUMBER.to_string(),
            state,
            since: jiff::Timestamp::UNIX_EPOCH,
            incarnation: None,
            address: None,
            capacity: None,
            load: Some(load),
            labels: Default::default(),
            backends: Vec::new(),
            storage: None,
        }
    }

    /// One with a process that does nothing, known to the gateway.
    fn running(now: Instant) -> Slot {
        let mut slot = Slot::new(now);
        assert!(slot.is_due(now));
        slot.started(NUMBER, now, Command::new("sleep").arg("60").spawn());
        slot.seen(NUMBER, Some(&worker(WorkerState::Healthy, 0)), now);
        slot
    }

    /// The same, told that it drains.
    fn drained(now: Instant) -> Slot {
        let mut slot = running(now);
        slot.set_draining(true);
        assert_eq!(slot.to_tell(), Some(true));
        slot.told(true, now);
        assert_eq!(slot.to_tell(), None);
        slot
    }

    fn killed(slot: &mut Slot) {
        let child = slot.process.as_mut().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn its_word_that_it_is_empty_counts_once_that_is_new() {
        let now = Instant::now();
        let empty = worker(WorkerState::Draining, 0);
        for (load, after, ends) in
            [(0, SETTLED - MOMENT, false), (0, SETTLED, true), (1, SETTLED + MOMENT, false)]
        {
            let mut slot = drained(now);
            slot.seen(NUMBER, Some(&Worker { load: Some(load), ..empty.clone() }), now + after);
            assert_eq!(slot.ending, ends, "{load} after {after:?}");
            slot.kill();
        }
    }

    #[test]
    fn one_that_was_taken_back_is_told_again_and_one_that_stays_after_all_is_too() {
        let now = Instant::now();
        let mut slot = drained(now);
        slot.seen(NUMBER, Some(&worker(WorkerState::Healthy, 0)), now + SETTLED);
        assert!(slot.to_tell() == Some(true) && !slot.ending);
        slot.told(true, now);
        slot.set_draining(false);
        assert_eq!(slot.to_tell(), Some(false));
        slot.kill();
    }

    #[test]
    fn what_ends_by_itself_is_started_again_also_while_it_drains() {
        let now = Instant::now();
        let mut slot = drained(now);
        killed(&mut slot);
        assert!(slot.look(NUMBER) && !slot.runs());
        assert!(slot.is_due(now + WELL));
        slot.started(NUMBER, now, Command::new("sleep").arg("60").spawn());
        assert_eq!(slot.to_tell(), Some(true), "the new process does not know it");
        slot.kill();
    }

    #[test]
    fn its_place_is_given_up_when_it_ended_as_asked_or_never_came() {
        let now = Instant::now();
        let mut slot = drained(now);
        slot.seen(NUMBER, Some(&worker(WorkerState::Draining, 0)), now + SETTLED);
        killed(&mut slot);
        assert!(!slot.look(NUMBER));
        let mut slot = Slot::new(now);
        slot.started(NUMBER, now, Err(io::ErrorKind::NotFound.into()));
        assert!(slot.look(NUMBER), "it is still wanted");
        slot.set_draining(true);
        assert!(!slot.look(NUMBER));
    }
}
