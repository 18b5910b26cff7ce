//! One client socket, from its first message to its last.
//!
//! A reading task owns the guard's reader; everything else happens in one loop: it waits for the
//! next `Event`, handles it, and fills the next batch for the client, messages first and then the
//! output of its sessions in turn. Nothing in it waits for anybody else: what has to (the
//! directory, a worker's unary calls) runs as an errand beside it.
//!
//! What may be done with a session is decided in `sessions` and again by its worker; bytes and
//! re-attaching belong to `upstream`; the words of each dialect to `proto`.

mod event;
mod reader;
mod writer;

mod heartbeat;
mod offences;
mod resume;
mod sign_in;

mod errand;
mod trace;

mod seats;
mod typing;
mod watch;

mod attach;
mod canonical;
mod frames;
mod text;

mod deliver;
mod focus;
mod measures;
mod questions;
mod reading;
mod screen;
mod tell;
mod tiers;
mod voice;

mod close;

use std::{pin::Pin, sync::Arc, time::Duration};

use termfleet_session::{
    code::{Code, Refusal},
    role::{Actor, Operation},
};
use tokio::time::{self, Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;

pub use self::errand::{Waiters, Waiting};
use self::{
    close::{Closing, conclude},
    errand::{Done, Errands},
    event::Event,
    heartbeat::{Due, Heartbeat},
    measures::Measures,
    offences::Offences,
    questions::Questions,
    reader::Incoming,
    resume::Resume,
    seats::Seats,
    text::Names,
    tiers::Followed,
    voice::Voice,
    watch::Watches,
    writer::Outgoing,
};
use crate::{
    admit::{ConnectionLimits, SocketPlace},
    auth::SignedIn,
    edge::{Edge, Opened},
    upstream::Inbox,
    ws::{CloseCode, Reader, Writer},
};

/// Of the time that a draining gateway has, how much its clients may take to move: the rest is for
/// close frames and for lingering until they are answered.
const MOVE_SHARE: (u32, u32) = (1, 2);
/// Of that, how much their departures are spread over: the rest is for the last one to resume.
const SPREAD_SHARE: (u32, u32) = (1, 2);

/// Serves a socket until it is closed and gone.
///
/// What that takes is made before the future is, and boxed: an async function would hold its arguments
/// beside what became of them as long as the socket lives.
pub fn serve(
    edge: Arc<Edge>,
    socket: (Reader, Writer),
    opened: Opened,
) -> impl Future<Output = ()> + Send {
    let (reader, writer) = socket;
    let (reading, incoming) = reader::start(&edge.tasks, reader);
    let connection_id = opened.connection_id.clone();
    let mut connection = Box::new(Connection::new(edge, writer, opened));
    async move {
        let closing = connection.run(incoming).await;
        tracing::debug!(
            connection = connection_id,
            code = closing.code.map(CloseCode::get),
            reason = %closing.reason,
            "socket ends"
        );
        let outgoing = connection.end(closing.on_purpose);
        conclude(&closing, outgoing, reading).await;
    }
}

/// A socket and everything about it.
struct Connection {
    edge: Arc<Edge>,
    id: String,
    /// The session that its address names.
    path: Option<String>,
    voice: Voice,
    identity: Option<SignedIn>,
    /// The client has been welcomed.
    greeted: bool,
    /// It can read frames whose bytes are deflated.
    takes_deflated: bool,
    place: Option<SocketPlace>,
    resume: Resume,
    /// A place is being looked for: nothing is read before there is one.
    signing_in: bool,
    limits: ConnectionLimits,
    offences: Offences,
    heartbeat: Heartbeat,
    outgoing: Outgoing,
    inbox: Inbox,
    seats: Seats,
    /// Sessions by the names that a client of text gives them.
    names: Names,
    errands: Errands,
    /// What a client of `voice.v1` asked.
    questions: Questions,
    watches: Watches,
    /// Projects whose focus decides how seats are fed.
    followed: Followed,
    measures: Measures,
    timer: Pin<Box<Sleep>>,
    /// Ends when the gateway drains; `None` once that is known.
    drain: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl Connection {
    fn new(edge: Arc<Edge>, writer: Writer, opened: Opened) -> Self {
        let Opened { connection_id, identity, place, returning, dialect, session, peer, limits } =
            opened;
        let (now, sent) = (Instant::now(), edge.metrics.sent.clone());
        let drain = Box::pin(edge.drain.child_token().cancelled_owned());
        Self {
            edge,
            id: connection_id,
            path: session,
            voice: dialect.into(),
            identity,
            greeted: false,
            takes_deflated: false,
            place,
            resume: Resume::new(returning, peer),
            signing_in: false,
            limits,
            offences: Offences::default(),
            heartbeat: Heartbeat::new(now),
            outgoing: Outgoing::new(writer, sent),
            inbox: Inbox::default(),
            seats: Seats::default(),
            names: Names::default(),
            errands: Errands::default(),
            questions: Questions::default(),
            watches: Watches::default(),
            followed: Followed::default(),
            measures: Measures::default(),
            timer: Box::pin(time::sleep_until(now)),
            drain: Some(drain),
        }
    }

    async fn run(&mut self, mut incoming: Incoming) -> Closing {
        let mut going = self.open();
        loop {
            if let Err(closing) = going.and_then(|()| self.fill()) {
                return closing;
            }
            let event = self.next_event(&mut incoming).await;
            going = self.handle(event);
        }
    }

    fn handle(&mut self, event: Event) -> Result<(), Closing> {
        match event {
            Event::Heard(heard) => self.heard(heard),
            Event::Delivered => Ok(()),
            Event::Flushed(flushed) => self.flushed(flushed),
            Event::Done(Done { outcome, span }) => span.in_scope(|| self.done(outcome)),
            Event::Noticed(notice) => self.noticed(notice),
            Event::Measured(seat, measures) => self.measured(seat, &measures),
            Event::Tick => self.tick(),
            Event::Draining => self.draining(),
            Event::Replaced => Err(Code::TakenOver.into()),
        }
    }

    /// Puts together what the client is sent next, as far as there is room.
    fn fill(&mut self) -> Result<(), Closing> {
        while self.outgoing.has_room() {
            if self.outgoing.put_message() {
                continue;
            }
            let Some((seat, delivery)) = self.inbox.pop() else { break };
            self.deliver(seat, delivery)?;
        }
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Closing> {
        let now = Instant::now();
        self.seats.release(now);
        while let Some(due) = self.heartbeat.due(now) {
            match due {
                Due::Ping => self.outgoing.put_ping(),
                Due::Silent => return Err(Closing::new(CloseCode::SLOW, "silent for 30 s")),
                Due::SignIn => return Err(Closing::new(CloseCode::SLOW, "no sign-in within 5 s")),
                Due::Expiring => self.token_expiring()?,
                Due::Expired => return Err(Code::TokenExpired.into()),
                Due::Leave => return Err(Closing::new(CloseCode::RESTART, "the server restarts")),
            }
        }
        Ok(())
    }

    /// The gateway goes: the client is told when to move, and closed on if it does not.
    fn draining(&mut self) -> Result<(), Closing> {
        self.drain = None;
        let share = |of: Duration, (part, whole)| of * part / whole;
        let leave_in = share(self.edge.config.drain_deadline, MOVE_SHARE);
        self.heartbeat.leave_at(Instant::now() + leave_in);
        let spread = share(leave_in, SPREAD_SHARE);
        // Without randomness everybody moves in the middle: still in time.
        let random = getrandom::u64().unwrap_or(u64::MAX / 2);
        let jitter = termfleet_runtime::backoff::full_jitter(spread, spread, 0, random);
        self.say_draining(jitter)
    }

    /// Lets go of everything; what is left is to say goodbye.
    fn end(mut self: Box<Self>, on_purpose: bool) -> Outgoing {
        self.abandon_question();
        for seat in self.seats.drain() {
            if let (true, Some(attachment)) = (on_purpose, seat.attachment) {
                attachment.leave();
            }
        }
        drop(self.place.take());
        self.outgoing
    }

    /// Who the client is.
    ///
    /// # Errors
    /// `UNAUTHORIZED` before anybody has signed in.
    fn actor(&self) -> Result<&Actor, Refusal> {
        let identity = self.identity.as_ref();
        identity.map(|identity| &identity.actor).ok_or_else(|| Code::Unauthorized.into())
    }

    /// May the client's role do this at all? Whether it may do it to a session is asked where the
    /// session is found.
    fn may(&self, operation: Operation) -> Result<(), Refusal> {
        match self.actor()?.role.allows(operation) {
            true => Ok(()),
            false => Err(Code::Forbidden.into()),
        }
    }
}
