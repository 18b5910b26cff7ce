//! The task that moves one session's bytes: it waits for the terminal, for the limit to rise and
//! for the shell's end, and lets `session` take the steps.

use std::{future::pending, io, os::fd::OwnedFd, sync::Arc, time::Duration};

use tokio::{
    io::unix::AsyncFdReadyGuard,
    time::{Instant, sleep, sleep_until},
};
use tracing::error;

use crate::{
    gather::Gather,
    pty::Master,
    session::{Phase, Session, Step, Wants},
    watch::Watch,
};

/// After the shell's end, how long the terminal must be silent for its output to be complete:
/// a process in the background may hold it open for ever.
const SILENCE: Duration = Duration::from_millis(50);
/// How often to look again at a terminal that no process has open: nothing tells when one has.
const REOPENED_EVERY: Duration = Duration::from_millis(50);
/// What one turn reads before other sessions and the socket have theirs.
const TURN_BYTES: usize = 64 << 10;

type Ready<'w> = AsyncFdReadyGuard<'w, Arc<OwnedFd>>;

enum Event<'w> {
    Readable(Ready<'w>),
    Writable(Ready<'w>),
    Due,
    Woken,
}

/// Where the terminal stands.
///
/// ```text
/// Open --no process has it open--> Closed --it can be read again--> Open
///   \--silent after the shell's end--> Over <--still closed at the shell's end--/
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Line {
    Open,
    Closed,
    Over,
}

struct Pump {
    session: Arc<Session>,
    gather: Gather,
    line: Line,
    /// Since when the shell has ended and no output has come.
    quiet_since: Option<Instant>,
}

/// Moves a session's bytes until it has ended.
pub(crate) async fn run(session: Arc<Session>) {
    let Some(master) = session.master() else { return };
    let gather = Gather::new(Instant::now());
    let mut pump = Pump { session, gather, line: Line::Open, quiet_since: None };
    while pump.line != Line::Over {
        if pump.line == Line::Closed {
            pump.closed().await;
            continue;
        }
        if let Err(e) = pump.open(&master).await {
            // Out of descriptors or memory: looking at it now and then keeps it going.
            error!(error = %e, session = %pump.session.key.session, "no watch on a terminal");
            pump.closed().await;
        }
    }
    pump.session.finish();
}

/// Waits for room, if that is watched for.
async fn writable(room: Option<&Watch>) -> io::Result<Ready<'_>> {
    match room {
        Some(room) => room.writable().await,
        None => pending().await,
    }
}

impl Pump {
    /// Follows a terminal that some process has open.
    async fn open(&mut self, master: &Master) -> io::Result<()> {
        let (output, mut room) = (master.watch()?, None);
        loop {
            let wants = self.session.wants();
            self.note_end(wants);
            if self.line != Line::Open {
                return Ok(());
            }
            if wants.write && room.is_none() {
                room = Some(master.room()?);
            }
            room = room.filter(|_| wants.write);
            match self.wait(wants, &output, room.as_ref()).await? {
                Event::Readable(ready) => self.read(ready).await,
                Event::Writable(ready) => self.write(ready),
                Event::Due => self.due(),
                Event::Woken => {}
            }
        }
    }

    /// Waits for what the session wants.
    async fn wait<'w>(
        &self,
        wants: Wants,
        output: &'w Watch,
        room: Option<&'w Watch>,
    ) -> io::Result<Event<'w>> {
        let due = self.next_due(wants);
        // Not biased: a flood must not hold up input, nor a paste output.
        tokio::select! {
            () = self.session.wake.notified() => Ok(Event::Woken),
            ready = writable(room) => ready.map(Event::Writable),
            ready = output.readable(), if wants.read => ready.map(Event::Readable),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Ok(Event::Due),
        }
    }

    fn note_end(&mut self, wants: Wants) {
        match wants.phase {
            Phase::Running => return,
            Phase::Draining(_) => _ = self.quiet_since.get_or_insert_with(Instant::now),
            Phase::Ended(_) => self.line = Line::Over,
        }
        // Output beyond the limit is waited for, unless nobody will ever raise it.
        if !wants.read && wants.doomed {
            self.line = Line::Over;
        }
    }

    /// The next moment at which something is due by itself.
    fn next_due(&self, wants: Wants) -> Option<Instant> {
        let silence = self.quiet_since.filter(|_| wants.read).map(|since| since + SILENCE);
        [self.gather.deadline(), silence].into_iter().flatten().min()
    }

    async fn read(&mut self, mut ready: Ready<'_>) {
        match self.drain() {
            Step::Moved(_) => tokio::task::yield_now().await,
            // Nobody has it open any more: how much is left, only another look tells.
            Step::Last(_) if ready.ready().is_read_closed() => {}
            Step::Last(_) => ready.clear_ready(),
            Step::Blocked if ready.ready().is_read_closed() => self.line = Line::Closed,
            Step::Blocked => ready.clear_ready(),
            Step::Closed => self.line = Line::Closed,
            // The limit: nothing more will come that could be gathered.
            Step::Nothing => self.tell(),
        }
    }

    fn write(&mut self, mut ready: Ready<'_>) {
        match self.session.write() {
            Step::Moved(_) | Step::Last(_) | Step::Nothing => {}
            // Full, and hung up on: that cannot be cleared, so waiting for it would never wait.
            Step::Blocked if ready.ready().is_write_closed() => self.line = Line::Closed,
            Step::Blocked => ready.clear_ready(),
            Step::Closed => self.line = Line::Closed,
        }
    }

    fn due(&mut self) {
        let now = Instant::now();
        if self.gather.deadline().is_some_and(|at| now >= at) {
            self.tell();
        }
        if self.quiet_since.is_some_and(|since| now >= since + SILENCE) {
            // This task may have been the one that was late: look once more.
            match self.session.read() {
                Step::Moved(len) | Step::Last(len) => self.came(len),
                Step::Blocked | Step::Closed => self.line = Line::Over,
                Step::Nothing => {}
            }
        }
    }

    /// Looks now and then at a terminal that no process has open, until one has, or the shell has
    /// ended.
    async fn closed(&mut self) {
        self.tell();
        tokio::select! {
            biased;
            () = self.session.wake.notified() => {}
            () = sleep(REOPENED_EVERY) => {}
        }
        let wants = self.session.wants();
        self.note_end(wants);
        if self.line == Line::Over {
            return;
        }
        match self.drain() {
            Step::Moved(_) | Step::Last(_) | Step::Blocked => self.line = Line::Open,
            Step::Closed if self.quiet_since.is_some() => self.line = Line::Over,
            Step::Closed | Step::Nothing => {}
        }
    }

    /// Reads what there is, up to a turn's worth, and says what stopped it.
    fn drain(&mut self) -> Step {
        let mut read = 0;
        while read < TURN_BYTES {
            match self.session.read() {
                Step::Moved(len) => {
                    read += len;
                    self.came(len);
                }
                Step::Last(len) => {
                    self.came(len);
                    return Step::Last(read + len);
                }
                stopped => return stopped,
            }
        }
        Step::Moved(read)
    }

    fn came(&mut self, len: usize) {
        let now = Instant::now();
        self.quiet_since = self.quiet_since.map(|_| now);
        if self.gather.read(len, now) {
            self.tell();
        }
    }

    fn tell(&mut self) {
        self.session.tell_head();
        self.gather.told();
    }
}
