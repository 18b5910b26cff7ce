//! One session that the ptyhost holds: its ring, lanes, queue of input, limit, and how it ended.
//!
//! Every method is one short step; whoever waits (`pump` for the terminal, `connection` for the
//! worker) stands outside. Input is judged, written and marked here, in one place: a crash of
//! anything else cannot part a `write(2)` from its mark.

use std::{
    collections::{HashSet, VecDeque},
    mem::MaybeUninit,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes, BytesMut};
use rustix::io::Errno;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ClientId, Offset},
    input::{Lanes, Marks},
    limits::Size,
    record::Exit,
};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    outbox::Outbox,
    proc::{Birth, Mark},
    protocol::{CHECKPOINT_SLOTS, Ended, Held, Key, LaneMarks, Notice, SizeAt},
    pty::{Master, READ_BYTES},
    ring::RingWriter,
};

/// Changes of size remembered within a ring: with 20 a second, 12 s of dragging a window's edge.
const MAX_SIZES: usize = 256;

/// Where a session's shell stands: it runs, has been waited for while output may still come, or is
/// over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    Draining(Exit),
    Ended(Ended),
}

/// A read that gives less than this, and less than it could, has taken all there was. One that gives
/// more may be part of a flood: another look makes the kernel hand over what else has come.
const SHORT_READ_BYTES: usize = 1 << 10;

/// What one step on the terminal did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    Moved(usize),
    /// That moved, and the terminal had no more.
    Last(usize),
    /// The terminal has or takes nothing now: wait for it.
    Blocked,
    /// No process has the terminal open now; one may again, as long as the shell lives.
    Closed,
    /// The limit is reached, or nothing is queued.
    Nothing,
}

pub(crate) struct Session {
    pub(crate) key: Key,
    /// The shell, told apart from a later process of the same number.
    pub(crate) shell: Birth,
    /// Wakes the pump: the limit, the queue or the phase has changed.
    pub(crate) wake: Notify,
    /// Cancelled when it has ended.
    pub(crate) over: CancellationToken,
    outbox: Arc<Outbox>,
    // Held for one step, never across an await.
    state: Mutex<State>,
}

struct State {
    /// Gone once the session has ended: what still has the terminal open is hung up on.
    master: Option<Arc<Master>>,
    ring: RingWriter,
    limit: Offset,
    lanes: Lanes,
    /// Input that the terminal has not taken, copied: a piece of the socket's buffer would keep the
    /// whole of it, and a key that waits must not cost hundreds of times its byte.
    queue: VecDeque<(ClientId, BytesMut)>,
    record: Bytes,
    checkpoints: VecDeque<(Offset, Bytes)>,
    sizes: VecDeque<SizeAt>,
    phase: Phase,
    /// It is being killed: output beyond the limit will never be asked for.
    doomed: bool,
    /// Processes once seen to be its own, so that they stay so when their parents are gone.
    known: HashSet<Birth>,
}

impl Session {
    pub(crate) fn new(
        key: Key,
        shell: Birth,
        (master, size): (Master, Size),
        ring: RingWriter,
        record: Bytes,
        outbox: Arc<Outbox>,
    ) -> Self {
        let limit = Offset::new(ring.capacity());
        let state = State {
            master: Some(Arc::new(master)),
            ring,
            limit,
            lanes: Lanes::default(),
            queue: VecDeque::new(),
            record,
            checkpoints: VecDeque::with_capacity(CHECKPOINT_SLOTS),
            sizes: VecDeque::from([SizeAt { offset: Offset::new(0), size }]),
            phase: Phase::Running,
            doomed: false,
            known: HashSet::new(),
        };
        let (wake, over) = (Notify::new(), CancellationToken::new());
        Self { key, shell, wake, over, outbox, state: Mutex::new(state) }
    }

    /// Judges input, queues what is new of it and writes what the terminal takes at once.
    pub(crate) fn input(&self, client: ClientId, offset: Offset, mut bytes: Bytes) {
        let mut state = self.lock();
        if state.phase != Phase::Running {
            let expected = state.lanes.view(&client, false).accepted;
            return self.refuse(client, Code::SessionEnded, expected);
        }
        match state.lanes.accept(&client, offset, bytes.len()) {
            Err(refused) if refused.answer => self.refuse(client, refused.code, refused.expected),
            Err(_) => {}
            Ok(accepted) => {
                bytes.advance(accepted.skip);
                if !bytes.is_empty() {
                    state.enqueue(client, &bytes);
                    if self.flush(&mut state) != Step::Nothing {
                        self.wake.notify_one();
                    }
                } else if accepted.marks.accepted == accepted.marks.written {
                    self.done(client, accepted.marks);
                }
            }
        }
    }

    /// Writes queued input until the terminal takes no more.
    pub(crate) fn write(&self) -> Step {
        self.flush(&mut self.lock())
    }

    fn flush(&self, state: &mut State) -> Step {
        let State { master: Some(master), queue, lanes, .. } = state else { return Step::Closed };
        while let Some((client, bytes)) = queue.front_mut() {
            let taken = match master.write(bytes) {
                Ok(taken) => taken,
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => return Step::Blocked,
                Err(_) => return Step::Closed,
            };
            bytes.advance(taken);
            self.done(client.clone(), lanes.wrote(client, taken));
            if bytes.is_empty() {
                queue.pop_front();
            }
        }
        Step::Nothing
    }

    /// Reads output once, as much as the limit allows, into the ring.
    pub(crate) fn read(&self) -> Step {
        let mut state = self.lock();
        let State { master: Some(master), ring, limit, .. } = &mut *state else {
            return Step::Closed;
        };
        let mut buf = [MaybeUninit::uninit(); READ_BYTES];
        let room = ring.span().room(*limit, READ_BYTES);
        if room == 0 {
            return Step::Nothing;
        }
        loop {
            return match master.read(&mut buf[..room]) {
                Ok(bytes) if !bytes.is_empty() => {
                    ring.append(bytes);
                    match bytes.len() {
                        len if len < room.min(SHORT_READ_BYTES) => Step::Last(len),
                        len => Step::Moved(len),
                    }
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) => Step::Blocked,
                Ok(_) | Err(_) => Step::Closed,
            };
        }
    }

    /// Tells the worker how far the output has come.
    pub(crate) fn tell_head(&self) {
        let head = self.lock().ring.span().head;
        self.outbox.head(&self.key, head);
    }

    /// Whether output may be read, whether input waits, and where the shell stands.
    pub(crate) fn wants(&self) -> Wants {
        let state = self.lock();
        Wants {
            read: state.ring.span().head < state.limit,
            write: !state.queue.is_empty(),
            phase: state.phase,
            doomed: state.doomed,
        }
    }

    /// The shell has been waited for.
    pub(crate) fn exited(&self, exit: Exit) {
        self.lock().phase = Phase::Draining(exit);
        self.wake.notify_one();
    }

    /// Its last byte is in the ring.
    pub(crate) fn finish(&self) {
        let mut state = self.lock();
        let Phase::Draining(exit) = state.phase else { return };
        let ended = Ended { exit, offset: state.ring.span().head };
        state.phase = Phase::Ended(ended);
        state.master = None;
        state.queue.clear();
        drop(state);
        self.tell_head();
        self.outbox.put(Notice::Exited { key: self.key.clone(), ended });
        self.over.cancel();
    }

    pub(crate) fn set_limit(&self, limit: Offset) {
        let mut state = self.lock();
        // An older worker's late word must not take back what a newer one allowed.
        state.limit = state.limit.max(limit);
        self.wake.notify_one();
    }

    pub(crate) fn set_record(&self, record: Bytes) {
        self.lock().record = record;
    }

    pub(crate) fn lane(&self, client: &ClientId, viewed: bool) -> Marks {
        self.lock().lanes.view(client, viewed)
    }

    /// Sets the size and says from which offset on it holds.
    pub(crate) fn resize(&self, size: Size) -> Result<Offset, Refusal> {
        let mut state = self.lock();
        let master = state.master.as_ref().ok_or(Code::SessionEnded)?;
        master.resize(size).map_err(|_| Code::InternalError)?;
        let span = state.ring.span();
        let sizes = &mut state.sizes;
        if sizes.back().is_some_and(|last| last.offset == span.head) {
            sizes.pop_back();
        }
        sizes.push_back(SizeAt { offset: span.head, size });
        while sizes.len() > MAX_SIZES || sizes.get(1).is_some_and(|s| s.offset <= span.tail) {
            sizes.pop_front();
        }
        Ok(span.head)
    }

    /// Keeps a checkpoint in place of the older of the two.
    pub(crate) fn checkpoint(&self, offset: Offset, bytes: Bytes) {
        let checkpoints = &mut self.lock().checkpoints;
        checkpoints.truncate(CHECKPOINT_SLOTS - 1);
        checkpoints.push_front((offset, bytes));
    }

    /// The checkpoints, newest first.
    pub(crate) fn checkpoints(&self) -> Vec<(Offset, Bytes)> {
        self.lock().checkpoints.iter().cloned().collect()
    }

    /// The terminal, while the session has one.
    pub(crate) fn master(&self) -> Option<Arc<Master>> {
        self.lock().master.clone()
    }

    pub(crate) fn phase(&self) -> Phase {
        self.lock().phase
    }

    /// Marks it as being killed, or says that this is over.
    pub(crate) fn doom(&self, doomed: bool) {
        self.lock().doomed = doomed;
        self.wake.notify_one();
    }

    /// By what its processes are told from others.
    pub(crate) fn mark(&self) -> Mark {
        let state = self.lock();
        Mark {
            session: self.key.session.clone(),
            shell: self.shell,
            alive: state.phase == Phase::Running,
            known: state.known.clone(),
        }
    }

    /// Remembers which processes are its own.
    pub(crate) fn remember(&self, known: HashSet<Birth>) {
        self.lock().known = known;
    }

    /// Everything that a new worker has to know; the old one's viewers are forgotten.
    pub(crate) fn hand_over(&self) -> (Held, Bytes, Arc<OwnedFd>) {
        let mut state = self.lock();
        state.lanes.forget_viewers();
        let lanes = state
            .lanes
            .iter()
            .map(|(client, marks)| LaneMarks { client: client.clone(), marks })
            .collect();
        let ended = match state.phase {
            Phase::Ended(ended) => Some(ended),
            Phase::Running | Phase::Draining(_) => None,
        };
        let held = Held {
            key: self.key.clone(),
            pid: self.shell.pid,
            limit: state.limit,
            lanes,
            sizes: state.sizes.iter().copied().collect(),
            ended,
        };
        (held, state.record.clone(), state.ring.readable())
    }

    fn done(&self, client: ClientId, marks: Marks) {
        self.outbox.put(Notice::InputDone { key: self.key.clone(), client, marks });
    }

    fn refuse(&self, client: ClientId, code: Code, expected: Offset) {
        self.outbox.put(Notice::InputRefused { key: self.key.clone(), client, code, expected });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Queues input, together with what waits already if that is the same client's.
    fn enqueue(&mut self, client: ClientId, bytes: &[u8]) {
        match self.queue.back_mut() {
            Some((last, waiting)) if *last == client => waiting.extend_from_slice(bytes),
            _ => self.queue.push_back((client, BytesMut::from(bytes))),
        }
    }
}

/// What a session's pump has to wait for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wants {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) phase: Phase,
    pub(crate) doomed: bool,
}
