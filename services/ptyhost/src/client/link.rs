//! The connection under a worker's client: frames out, answers to whoever asked, notices merged.
//!
//! A frame is written by whoever has it, if the socket takes it at once: a keystroke then needs no
//! other task. What the socket does not take is written by a task, and senders wait beyond a bound.

use std::{
    collections::HashMap,
    io,
    path::Path,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use bytes::{Buf, Bytes, BytesMut};
use termfleet_session::code::Code;
use tokio::sync::{Notify, oneshot};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};
use tracing::debug;

use super::{ConnectError, Gone, HeldSession, Refused, Welcome};
use crate::{
    outbox::Outbox,
    protocol::{Held, Notice, Request, Response},
    ring::{LAYOUT, RingReader},
    watch::Socket,
    wire::{self, Frame, FrameReader},
};

/// What may wait for the socket before senders do: the windows of many clients' input.
const MAX_UNSENT_BYTES: usize = 1 << 20;
/// The number of the first request; 0 marks notices.
const HELLO: u32 = 1;

/// What came back for a request.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) body: Bytes,
    pub(super) ring: Option<RingReader>,
}

/// What the handles, the events and the two tasks share.
pub(crate) struct Inner {
    pub(super) outbox: Outbox,
    /// Cancelled when the connection has ended, by either side.
    pub(super) ended: CancellationToken,
    socket: Arc<Socket>,
    unsent: Notify,
    room: Notify,
    // Held for a few operations and one write that does not wait, never across an await.
    state: Mutex<State>,
}

struct State {
    last_request: u32,
    waiting: HashMap<u32, oneshot::Sender<Answer>>,
    out: BytesMut,
}

/// The handles' side: the connection ends when the last of them is dropped.
#[derive(Debug)]
pub(super) struct Link {
    inner: Arc<Inner>,
    _end: DropGuard,
}

/// Connects and says hello.
pub(super) async fn open(
    path: &Path,
    tasks: &TaskTracker,
) -> Result<(Link, Welcome), ConnectError> {
    let socket = Arc::new(Socket::connect(path).await?);
    let hello = wire::frame(HELLO, &Request::Hello { layout: LAYOUT }, &[]);
    wire::write_all(&socket, &hello).await?;
    let mut frames = FrameReader::new(socket.clone());
    let ended = CancellationToken::new();
    let inner = Arc::new(Inner {
        outbox: Outbox::default(),
        ended: ended.clone(),
        socket,
        unsent: Notify::new(),
        room: Notify::new(),
        state: Mutex::new(State {
            last_request: HELLO,
            waiting: HashMap::new(),
            out: BytesMut::new(),
        }),
    });
    let welcome = inner.welcomed(&mut frames).await?;
    tasks.spawn(inner.clone().read(frames));
    tasks.spawn(inner.clone().write());
    Ok((Link { inner, _end: ended.drop_guard() }, welcome))
}

impl Link {
    pub(super) fn inner(&self) -> Arc<Inner> {
        self.inner.clone()
    }

    /// Asks and waits for the answer.
    pub(super) async fn ask(&self, request: &Request, body: &[u8]) -> Result<Answer, Refused> {
        let (sender, answer) = oneshot::channel();
        let number = self.inner.register(sender);
        self.inner.send(&wire::frame(number, request, body)).await?;
        // Whoever ends the connection drops all senders.
        let answer = answer.await.map_err(|_| Gone)?;
        match answer.response {
            Response::Refused { code, text, current } => {
                Err(Refused::Refused { code, text, current })
            }
            Response::SpawnFailed { step, errno } => Err(Refused::SpawnFailed { step, errno }),
            _ => Ok(answer),
        }
    }

    /// Asks for something that is only done or not.
    pub(super) async fn order(&self, request: &Request, body: &[u8]) -> Result<(), Refused> {
        match self.ask(request, body).await?.response {
            Response::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Says something that has no answer.
    pub(super) async fn tell(&self, request: &Request, body: &[u8]) -> Result<(), Gone> {
        self.inner.send(&wire::frame(0, request, body)).await
    }
}

/// A ptyhost of our layout never answers like that.
pub(super) fn unexpected(answer: &impl std::fmt::Debug) -> Refused {
    debug!(?answer, "an answer of another kind");
    let text = Code::InternalError.entry().text.to_owned();
    Refused::Refused { code: Code::InternalError, text, current: None }
}

impl Inner {
    async fn welcomed(&self, frames: &mut FrameReader) -> Result<Welcome, ConnectError> {
        let (mut welcome, mut expected) = (None::<Welcome>, 0);
        loop {
            if let Some(welcome) = welcome.take_if(|welcome| welcome.sessions.len() == expected) {
                return Ok(welcome);
            }
            let Some(frame) = frames.next().await? else {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            };
            if frame.request == 0 {
                self.outbox.put(frame.message()?);
                continue;
            }
            match (frame.message()?, &mut welcome) {
                (Response::UnknownLayout { known }, None) => {
                    return Err(ConnectError::UnknownLayout { known });
                }
                (Response::Welcome { incarnation, generation, pid, ring_bytes, held }, None) => {
                    let sessions = Vec::new();
                    welcome = Some(Welcome { incarnation, generation, pid, ring_bytes, sessions });
                    expected = held as usize;
                }
                (Response::Held(held), Some(welcome)) => {
                    let ring = RingReader::open(frames.take_fd()?)?;
                    welcome.sessions.push(held_session(held, frame.body, ring));
                }
                _ => return Err(wire::invalid("not a welcome").into()),
            }
        }
    }

    fn register(&self, sender: oneshot::Sender<Answer>) -> u32 {
        let mut state = self.lock();
        // 2^32 requests later nobody waits for the first of them.
        state.last_request = state.last_request.wrapping_add(1).max(1);
        let number = state.last_request;
        if !self.ended.is_cancelled() {
            state.waiting.insert(number, sender);
        }
        number
    }

    async fn send(&self, frame: &[u8]) -> Result<(), Gone> {
        loop {
            if self.ended.is_cancelled() {
                return Err(Gone);
            }
            let room = self.room.notified();
            if self.try_send(frame) {
                return Ok(());
            }
            tokio::select! {
                () = room => {}
                () = self.ended.cancelled() => {}
            }
        }
    }

    /// Writes a frame, or what the socket does not take of it to the buffer; `false` if that is full.
    fn try_send(&self, frame: &[u8]) -> bool {
        let mut state = self.lock();
        if state.out.len() >= MAX_UNSENT_BYTES {
            return false;
        }
        // A failed write is the writer's to find: it will fail again.
        let written =
            if state.out.is_empty() { self.socket.try_write(frame).unwrap_or(0) } else { 0 };
        if written < frame.len() {
            state.out.extend_from_slice(&frame[written..]);
            self.unsent.notify_one();
        }
        true
    }

    /// The writer's task: what the socket did not take at once.
    async fn write(self: Arc<Self>) {
        loop {
            tokio::select! {
                biased;
                () = self.ended.cancelled() => return,
                () = self.unsent.notified() => {}
            }
            while !self.lock().out.is_empty() {
                tokio::select! {
                    biased;
                    () = self.ended.cancelled() => return,
                    _ = self.socket.room() => {}
                }
                if let Err(e) = self.write_some() {
                    debug!(error = %e, "writing to the ptyhost failed");
                    // What it said before is still to be read: the reader ends the connection.
                    self.lock().out.clear();
                }
                self.room.notify_waiters();
            }
        }
    }

    fn write_some(&self) -> io::Result<()> {
        let mut state = self.lock();
        match self.socket.try_write(&state.out) {
            Ok(written) => state.out.advance(written),
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
        Ok(())
    }

    /// The reader's task: answers and notices, until the connection ends.
    async fn read(self: Arc<Self>, mut frames: FrameReader) {
        loop {
            let frame = tokio::select! {
                biased;
                () = self.ended.cancelled() => break,
                frame = frames.next() => frame,
            };
            let heard = match frame {
                Ok(Some(frame)) => self.hear(frame, &mut frames),
                Ok(None) => break,
                Err(e) => Err(e),
            };
            if let Err(e) = heard {
                debug!(error = %e, "the ptyhost's connection broke");
                break;
            }
        }
        let mut state = self.lock();
        self.ended.cancel();
        state.waiting.clear();
        // Whoever still holds the events holds the socket, too.
        self.socket.shutdown();
    }

    fn hear(&self, frame: Frame, frames: &mut FrameReader) -> io::Result<()> {
        if frame.request == 0 {
            let notice: Notice = frame.message()?;
            self.outbox.put(notice);
            return Ok(());
        }
        let response = frame.message()?;
        let ring = match response {
            Response::Spawned { .. } => Some(RingReader::open(frames.take_fd()?)?),
            _ => None,
        };
        let waiting = self.lock().waiting.remove(&frame.request);
        if let Some(waiting) = waiting {
            // Whoever asked may have been cancelled.
            let _ = waiting.send(Answer { response, body: frame.body, ring });
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn held_session(held: Held, record: Bytes, ring: RingReader) -> HeldSession {
    let Held { key, pid, limit, lanes, sizes, ended } = held;
    let (session, epoch) = (key.session, key.epoch);
    HeldSession { session, epoch, pid, record, ring, limit, lanes, sizes, ended }
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner").field("ended", &self.ended.is_cancelled()).finish_non_exhaustive()
    }
}
