//! The task that moves one session's bytes: it waits for the terminal, for the limit to rise and
//! for the shell's end, and lets `session` take the steps.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use tokio::{
    io::unix::AsyncFdReadyGuard,
    time::{Instant, sleep_until},
};

use crate::{
    gather::Gather,
    pty::Master,
    session::{Phase, Session, Step, Wants},
};

/// After the shell's end, how long the terminal must be silent for its output to be complete:
/// a process in the background may hold it open for ever.
const SILENCE: Duration = Duration::from_millis(50);
/// How often to look again at a terminal that no process has open.
const REOPENED_EVERY: Duration = Duration::from_millis(50);
/// What one turn reads before other sessions and the socket have theirs.
const TURN_BYTES: usize = 64 << 10;

enum Event<'m> {
    Readable(AsyncFdReadyGuard<'m, OwnedFd>),
    Writable(AsyncFdReadyGuard<'m, OwnedFd>),
    Due,
    Woken,
}

struct Pump {
    session: Arc<Session>,
    gather: Gather,
    /// When output last came or the shell ended, whichever is later.
    quiet_since: Instant,
    /// The shell has been waited for.
    ending: bool,
    /// Until when not to read or write, since nobody has the terminal open.
    closed_until: Option<Instant>,
    over: bool,
}

/// Moves a session's bytes until it has ended.
pub(crate) async fn run(session: Arc<Session>) {
    let Some(master) = session.master() else { return };
    let now = Instant::now();
    let gather = Gather::new(now);
    let mut pump =
        Pump { session, gather, quiet_since: now, ending: false, closed_until: None, over: false };
    while let Some(event) = pump.wait(&master).await {
        match event {
            Event::Readable(ready) => pump.read(ready).await,
            Event::Writable(ready) => pump.write(ready),
            Event::Due => pump.due(),
            Event::Woken => {}
        }
    }
    pump.session.finish();
}

impl Pump {
    /// Waits for what the session wants; `None` when it is over.
    async fn wait<'m>(&mut self, master: &'m Master) -> Option<Event<'m>> {
        let wants = self.session.wants();
        self.note_end(wants);
        if self.over {
            return None;
        }
        let open = self.closed_until.is_none();
        let due = self.next_due(wants);
        tokio::select! {
            biased;
            () = self.session.wake.notified() => Some(Event::Woken),
            ready = master.readiness().writable(), if wants.write && open => {
                ready.ok().map(Event::Writable)
            }
            ready = master.readiness().readable(), if wants.read && open => {
                ready.ok().map(Event::Readable)
            }
            () = sleep_until(due.unwrap_or(self.quiet_since)), if due.is_some() => Some(Event::Due),
        }
    }

    fn note_end(&mut self, wants: Wants) {
        match wants.phase {
            Phase::Running => return,
            Phase::Draining(_) if !self.ending => {
                self.ending = true;
                self.quiet_since = Instant::now();
                // Whatever was found closed may have been opened and written to since.
                self.closed_until = None;
            }
            Phase::Draining(_) => {}
            Phase::Ended(_) => self.over = true,
        }
        // Output beyond the limit is waited for, unless nobody will ever raise it.
        let abandoned = !wants.read && wants.doomed;
        self.over |= abandoned || self.closed_until.is_some();
    }

    /// The next moment at which something is due by itself.
    fn next_due(&self, wants: Wants) -> Option<Instant> {
        let silence = (self.ending && wants.read).then_some(self.quiet_since + SILENCE);
        [self.gather.deadline(), silence, self.closed_until].into_iter().flatten().min()
    }

    async fn read(&mut self, mut ready: AsyncFdReadyGuard<'_, OwnedFd>) {
        let mut left = TURN_BYTES;
        while left > 0 {
            match self.session.read() {
                Step::Moved(len) => {
                    left = left.saturating_sub(len);
                    self.came(len);
                }
                Step::Blocked => return ready.clear_ready(),
                Step::Closed => {
                    self.closed_until = Some(Instant::now() + REOPENED_EVERY);
                    return;
                }
                // Nothing more will come that could be gathered.
                Step::Nothing => return self.tell(),
            }
        }
        tokio::task::yield_now().await;
    }

    fn write(&mut self, mut ready: AsyncFdReadyGuard<'_, OwnedFd>) {
        match self.session.write() {
            Step::Moved(_) | Step::Nothing => {}
            Step::Blocked => ready.clear_ready(),
            Step::Closed => self.closed_until = Some(Instant::now() + REOPENED_EVERY),
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        if self.gather.deadline().is_some_and(|at| now >= at) {
            self.tell();
        }
        if self.closed_until.is_some_and(|at| now >= at) {
            self.closed_until = None;
        }
        if self.ending && now >= self.quiet_since + SILENCE {
            // This task may have been the one that was late: look once more.
            match self.session.read() {
                Step::Moved(len) => self.came(len),
                Step::Blocked | Step::Closed => self.over = true,
                Step::Nothing => {}
            }
        }
    }

    fn came(&mut self, len: usize) {
        self.quiet_since = Instant::now();
        if self.gather.read(len, self.quiet_since) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.session.tell_head();
        self.gather.told();
    }
}
