//! One worker's connection: its hello, and its requests. Answers and notices
//! go back through `writer`; what the requests do is `session`'s and `jobs`' business.

use std::{io, os::fd::OwnedFd, sync::Arc, time::Duration};

use bytes::Bytes;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Generation, Offset},
};
use tokio::{
    net::UnixStream,
    sync::{Semaphore, mpsc},
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::{
    host::Host,
    jobs,
    protocol::{
        Key, MAX_CHECKPOINT_BYTES, MAX_RECORD_BYTES, Notice, Request, Response, SignalTarget,
    },
    ring::LAYOUT,
    watch::Socket,
    wire::{self, Frame, FrameReader},
    writer::{Outgoing, Writer},
};

/// How long a connection may take to say hello.
const HELLO_WITHIN: Duration = Duration::from_secs(5);
/// Answers waiting for the socket before no more requests are read.
const MAX_ANSWERS: usize = 256;
/// Requests that take time (kill, stat), under way at once: more wait, unread, in the socket.
const MAX_UNDER_WAY: usize = 256;
struct Connection {
    host: Arc<Host>,
    answers: mpsc::Sender<Outgoing>,
    closing: CancellationToken,
    under_way: Arc<Semaphore>,
}

/// Serves a connection until it ends.
pub(crate) fn start(host: Arc<Host>, stream: UnixStream) {
    let tasks = host.tasks.clone();
    tasks.spawn(async move {
        let socket = match Socket::new(stream) {
            Ok(socket) => Arc::new(socket),
            Err(e) => return warn!(error = %e, "a connection that cannot be watched"),
        };
        let mut frames = FrameReader::new(socket.clone());
        match timeout(HELLO_WITHIN, greeted(&socket, &mut frames)).await {
            Ok(Ok(Some(request))) => serve(host, socket, frames, request).await,
            Ok(Ok(None)) | Err(_) => debug!("a connection without a known hello"),
            Ok(Err(e)) => debug!(error = %e, "a connection that broke at its hello"),
        }
    });
}

/// Waits for a hello of our layout and gives its request's number.
async fn greeted(socket: &Socket, frames: &mut FrameReader) -> io::Result<Option<u32>> {
    let Some(frame) = frames.next().await? else { return Ok(None) };
    match frame.message()? {
        Request::Hello { layout: LAYOUT } => Ok(Some(frame.request)),
        Request::Hello { layout } => {
            warn!(layout, known = LAYOUT, "a worker of a layout unknown here");
            let answer = Response::UnknownLayout { known: LAYOUT };
            wire::write_all(socket, &wire::frame(frame.request, &answer, &[])).await?;
            Ok(None)
        }
        _ => Err(wire::invalid("not a hello")),
    }
}

async fn serve(host: Arc<Host>, socket: Arc<Socket>, mut frames: FrameReader, hello: u32) {
    let closing = host.stop.child_token();
    let (answers, queue) = mpsc::channel(MAX_ANSWERS);
    let writer = Writer::new(host.clone(), socket, queue);
    host.tasks.spawn(writer.run(closing.clone()));
    let under_way = Arc::new(Semaphore::new(MAX_UNDER_WAY));
    let connection =
        Connection { host: host.clone(), answers, closing: closing.clone(), under_way };
    let generation = connection.welcome(hello).await;
    info!(%generation, "a worker took over");
    if let Err(e) = connection.read(&mut frames).await {
        warn!(%generation, error = %e, "the worker's connection broke");
    }
    closing.cancel();
    host.left(generation);
    info!(%generation, "the worker's connection ended");
}

impl Connection {
    async fn welcome(&self, hello: u32) -> Generation {
        let (incarnation, generation) = self.host.take_over(self.closing.clone());
        let sessions = self.host.sessions();
        let welcome = Response::Welcome {
            incarnation,
            generation,
            pid: std::process::id(),
            ring_bytes: self.host.ring_bytes as u64,
            held: sessions.len() as u32,
        };
        self.answer(hello, &welcome).await;
        for session in sessions {
            let (held, record, ring) = session.hand_over();
            let bytes = wire::frame(hello, &Response::Held(held), &record);
            self.send(bytes, Some(ring)).await;
        }
        generation
    }

    async fn read(&self, frames: &mut FrameReader) -> io::Result<()> {
        loop {
            let frame = tokio::select! {
                biased;
                () = self.closing.cancelled() => return Ok(()),
                frame = frames.next() => frame?,
            };
            let Some(frame) = frame else { return Ok(()) };
            let request = frame.message()?;
            self.handle(request, frame).await;
        }
    }

    async fn handle(&self, request: Request, frame: Frame) {
        let Frame { request: number, body, .. } = frame;
        let answered = match request {
            Request::Input { key, client, offset } => match self.host.find(&key) {
                Ok(session) => return session.input(client, offset, body),
                Err(Refusal { code, .. }) => {
                    let expected = Offset::new(0);
                    let notice = Notice::InputRefused { key, client, code, expected };
                    return self.host.outbox.put(notice);
                }
            },
            Request::Limit { key, limit } => {
                // A session that is gone needs no limit.
                return self.host.find(&key).map_or((), |session| session.set_limit(limit));
            }
            Request::Stat { key, place: true, .. } => {
                self.host.find(&key).map(|session| Response::Stat(session.mark().place()))
            }
            Request::Spawn { .. } => return self.spawn(number, request, body).await,
            Request::Checkpoints { key } => return self.checkpoints(number, &key).await,
            Request::Kill { .. }
            | Request::Forget { .. }
            | Request::Stat { .. }
            | Request::Signal { target: SignalTarget::Session, .. }
            | Request::Reset
            | Request::End => return self.start_job(number, request).await,
            Request::Hello { .. } => Err(Code::BadMessage.into()),
            Request::Record { key } => self.record(&key, body),
            Request::Checkpoint { key, offset } => self.checkpoint(&key, offset, body),
            Request::Lane { key, client, viewed } => {
                self.host.find(&key).map(|session| Response::Lane(session.lane(&client, viewed)))
            }
            Request::Resize { key, size } => {
                self.host.find(&key).and_then(|session| session.resize(size)).map(Response::Resized)
            }
            Request::Signal { key, target: SignalTarget::Foreground, signal } => {
                self.interrupt(&key, signal)
            }
        };
        self.answer(number, &answered.unwrap_or_else(refused)).await;
    }

    fn record(&self, key: &Key, record: Bytes) -> Result<Response, Refusal> {
        bounded(&record, MAX_RECORD_BYTES)?;
        self.host.find(key)?.set_record(record);
        Ok(Response::Done)
    }

    fn checkpoint(&self, key: &Key, offset: Offset, bytes: Bytes) -> Result<Response, Refusal> {
        bounded(&bytes, MAX_CHECKPOINT_BYTES)?;
        self.host.find(key)?.checkpoint(offset, bytes);
        Ok(Response::Done)
    }

    async fn checkpoints(&self, number: u32, key: &Key) {
        let session = match self.host.find(key) {
            Ok(session) => session,
            Err(refusal) => return self.answer(number, &refused(refusal)).await,
        };
        let checkpoints = session.checkpoints();
        let sizes = checkpoints.iter().map(|(offset, bytes)| (*offset, bytes.len())).collect();
        let body = checkpoints.iter().map(|(_, bytes)| &bytes[..]).collect::<Vec<_>>().concat();
        self.send(wire::frame(number, &Response::Checkpoints(sizes), &body), None).await;
    }

    fn interrupt(&self, key: &Key, signal: i32) -> Result<Response, Refusal> {
        let signal = jobs::named(signal)?;
        let master = self.host.find(key)?.master().ok_or(Code::SessionEnded)?;
        master.interrupt(signal).map_err(|_| Code::ProcessNotFound)?;
        Ok(Response::Done)
    }

    async fn spawn(&self, number: u32, request: Request, record: Bytes) {
        match jobs::spawn(&self.host, request, record) {
            Ok((pid, ring)) => {
                let bytes = wire::frame(number, &Response::Spawned { pid }, &[]);
                self.send(bytes, Some(ring)).await;
            }
            Err(response) => self.answer(number, &response).await,
        }
    }

    /// Does what takes time beside whatever else is asked.
    async fn start_job(&self, number: u32, request: Request) {
        let Ok(permit) = self.under_way.clone().acquire_owned().await else { return };
        let (host, answers) = (self.host.clone(), self.answers.clone());
        self.host.tasks.spawn(async move {
            let ends = matches!(request, Request::End);
            let response = jobs::run(&host, request).await.unwrap_or_else(refused);
            let bytes = wire::frame(number, &response, &[]);
            // Whoever asked may be gone.
            let _ = answers.send(Outgoing { bytes, fd: None }).await;
            drop(permit);
            if ends {
                host.end();
            }
        });
    }

    async fn answer(&self, number: u32, response: &Response) {
        self.send(wire::frame(number, response, &[]), None).await;
    }

    async fn send(&self, bytes: Vec<u8>, fd: Option<Arc<OwnedFd>>) {
        tokio::select! {
            biased;
            () = self.closing.cancelled() => {}
            _ = self.answers.send(Outgoing { bytes, fd }) => {}
        }
    }
}

fn refused(refusal: Refusal) -> Response {
    Response::Refused { code: refusal.code, text: refusal.text, current: refusal.current }
}

fn bounded(bytes: &Bytes, max: usize) -> Result<(), Refusal> {
    if bytes.len() > max { Err(Code::MessageTooLarge.into()) } else { Ok(()) }
}
