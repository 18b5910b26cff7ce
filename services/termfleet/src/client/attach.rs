//! `termfleet attach`: a session in this terminal, over whichever server answers.
//!
//! ```text
//!   seek ──▶ dial ──▶ coming ── attached ──▶ line ── lost, draining ──▶ seek
//!             ▲          │                                               │
//!             └── wait ◀─┴───────────────────────────────────────────────┘
//! ```
//! While a server drains the old line goes on until the next one has its channel.

mod escape;
mod lane;
mod link;
mod queries;
mod seat;
mod terminal;
mod track;

use std::{
    future::{Future, pending},
    io::{IsTerminal, Write},
    pin::Pin,
    time::Duration,
};

use anyhow::{Result, anyhow, bail};
use http::Method;
use hyper::body::Bytes;
use termfleet_proto::{rest::OneSession, ws::v1::ClientMessage};
use termfleet_runtime::{Backoff, Tasks};
use termfleet_session::ids::ClientId;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
    time::{Instant, Interval, interval, sleep, sleep_until},
};

use self::{
    escape::{Escape, Wish},
    link::{Failed, Incoming, Link, Ticket},
    seat::{Next, Seat, code},
    terminal::{READ_BYTES, Raw, Screen, keys, size},
};
use super::target::Target;
use crate::cli::{self, AtEof};

/// The first retry comes within this (`protocol.md` §6).
const RETRY_BASE: Duration = Duration::from_millis(100);
/// No retry comes later than this.
const RETRY_CAP: Duration = Duration::from_secs(5);
/// How often a server is asked whether it is there, and what is late is looked for.
const BEAT: Duration = Duration::from_secs(2);
/// A server that says nothing for this long is lost: half-open connections never close.
const SILENCE: Duration = Duration::from_secs(4);
/// Messages that are on their way when the process ends have this long.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// What `~?` shows.
const HELP: &str = "~. detach   ~~ type a tilde   ~? this help";

type Dialing = Pin<Box<dyn Future<Output = Result<Link, Failed>>>>;

pub(crate) fn run(options: &cli::Attach) -> Result<u8> {
    to(Target::of(&options.server)?, options.session.clone(), options.eof)
}

/// Attaches to a session; the code to end with.
pub(super) fn to(target: Target, session: String, eof: AtEof) -> Result<u8> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let tasks = Tasks::new();
        let code = Attach::start(target, session, eof, tasks.clone())?.run().await;
        // What is left is a server that does not take its close.
        tasks.wait(LAST_WORDS).await.ok();
        code
    })
}

struct Attach {
    target: Target,
    session: String,
    eof: AtEof,
    tasks: Tasks,
    seat: Seat,
    escape: Escape,
    keys: mpsc::Receiver<Vec<u8>>,
    typing: bool,
    dialing: Option<Dialing>,
    ticket: Ticket,
    server: usize,
    backoff: Backoff,
    failed: Option<String>,
    told_away: bool,
    /// Held last, so that the terminal is as it was after everything else is gone.
    raw: Option<Raw>,
}

enum Event {
    Typed(Option<Vec<u8>>),
    Resized,
    Signal(i32),
    Line(Option<Incoming>),
    Coming(Option<Incoming>),
    Dialed(Result<Link, Failed>),
    Written,
    AckDue,
    Beat,
}

struct Signals {
    resized: Signal,
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Attach {
    fn start(target: Target, session: String, eof: AtEof, tasks: Tasks) -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| anyhow!("there is no randomness"))?;
        let seat = Seat::new(session.clone(), ClientId::new(random), Screen::new(), size());
        Ok(Self {
            target,
            session,
            eof,
            tasks,
            seat,
            escape: Escape::default(),
            keys: keys(),
            typing: true,
            dialing: None,
            ticket: Ticket::default(),
            server: 0,
            backoff: Backoff::new(RETRY_BASE, RETRY_CAP),
            failed: None,
            told_away: false,
            raw: Raw::enter()?,
        })
    }

    async fn run(mut self) -> Result<u8> {
        let mut signals = Signals {
            resized: signal(SignalKind::window_change())?,
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        };
        let mut beat = interval(BEAT);
        self.dial(Duration::ZERO);
        let ended = loop {
            let event = self.next(&mut signals, &mut beat).await;
            match self.handle(event).await {
                Ok(None) => {}
                Ok(Some(code)) => break Ok(code),
                Err(error) => break Err(error),
            }
            if let Some(code) = self.seat.done() {
                break Ok(code);
            }
            if let Some(notice) = self.seat.notice.take() {
                self.say(&notice);
            }
            if !self.typing && self.eof == AtEof::Detach && self.seat.lane.is_empty() {
                self.seat.detach();
                break Ok(0);
            }
        };
        let farewell = self.seat.screen.farewell();
        std::io::stdout().write_all(farewell).and_then(|()| std::io::stdout().flush()).ok();
        ended
    }

    async fn next(&mut self, signals: &mut Signals, beat: &mut Interval) -> Event {
        let typing = self.typing && self.seat.lane.room() > 2 * READ_BYTES;
        let ack_due = self.seat.ack_due();
        let (seat, dialing) = (&mut self.seat, &mut self.dialing);
        tokio::select! {
            typed = self.keys.recv(), if typing => Event::Typed(typed),
            _ = signals.resized.recv() => Event::Resized,
            _ = signals.terminate.recv() => Event::Signal(15),
            _ = signals.interrupt.recv() => Event::Signal(2),
            _ = signals.hangup.recv() => Event::Signal(1),
            incoming = heard(seat.line.as_mut().map(|line| &mut line.link)) => Event::Line(incoming),
            incoming = heard(seat.coming.as_mut()) => Event::Coming(incoming),
            dialed = dialed(dialing) => Event::Dialed(dialed),
            () = seat.screen.written() => Event::Written,
            () = due(ack_due) => Event::AckDue,
            _ = beat.tick() => Event::Beat,
        }
    }

    async fn handle(&mut self, event: Event) -> Result<Option<u8>> {
        let next = match event {
            Event::Typed(Some(bytes)) => return Ok(self.typed(&bytes)),
            Event::Typed(None) => {
                self.typing = false;
                Next::On
            }
            Event::Resized => {
                self.seat.resize(size());
                Next::On
            }
            Event::Signal(number) => return Ok(Some(code(None, Some(number)))),
            Event::Line(incoming) => self.seat.on_line(incoming)?,
            Event::Coming(incoming) => {
                let next = self.seat.on_coming(incoming)?;
                if self.seat.line.is_some() && self.seat.coming.is_none() {
                    self.is_back();
                }
                next
            }
            Event::Dialed(dialed) => self.opened(dialed)?,
            Event::Written | Event::AckDue => {
                self.seat.acknowledge();
                Next::On
            }
            Event::Beat => self.beat(),
        };
        match next {
            Next::On => {}
            Next::Seek => self.seek(),
            Next::Ended(Some(code)) => return Ok(Some(code)),
            Next::Ended(None) => return self.record_code().await.map(Some),
        }
        Ok(None)
    }

    fn typed(&mut self, bytes: &[u8]) -> Option<u8> {
        // Only somebody at a keyboard can mean an escape.
        let (input, wish) = match self.raw {
            Some(_) => self.escape.typed(bytes),
            None => (bytes.to_vec(), None),
        };
        self.seat.lane.push(&input);
        self.seat.pump();
        match wish {
            Some(Wish::Detach) => {
                self.seat.detach();
                self.say("detached");
                Some(0)
            }
            Some(Wish::Help) => {
                self.say(HELP);
                None
            }
            None => None,
        }
    }

    /// Seeks a link, if none is coming.
    fn seek(&mut self) {
        if self.dialing.is_none() && self.seat.coming.is_none() {
            let delay = self.backoff.next_delay();
            self.dial(delay);
        }
    }

    fn dial(&mut self, delay: Duration) {
        let (target, tasks) = (self.target.clone(), self.tasks.clone());
        let ticket = self.ticket.clone();
        let server = target.servers[self.server % target.servers.len()].clone();
        self.server += 1;
        self.dialing = Some(Box::pin(async move {
            sleep(delay).await;
            Link::open(&target, &server, &ticket, &tasks).await
        }));
    }

    fn opened(&mut self, dialed: Result<Link, Failed>) -> Result<Next> {
        self.dialing = None;
        match dialed {
            Ok(link) => {
                self.seat.join(link);
                Ok(Next::On)
            }
            Err(Failed::Refused(why)) => bail!(why),
            // A server that was never there is a mistake in the call, if all of them are like that.
            Err(Failed::Away(error))
                if !self.seat.began && self.server >= self.target.servers.len() =>
            {
                Err(error)
            }
            Err(Failed::Away(error)) => {
                self.failed = Some(format!("{error:#}"));
                Ok(Next::Seek)
            }
        }
    }

    /// A channel stands.
    fn is_back(&mut self) {
        self.backoff.reset();
        if std::mem::take(&mut self.told_away) {
            self.say("back");
        }
        self.failed = None;
    }

    fn beat(&mut self) -> Next {
        let late = |link: &Link| link.heard.elapsed() > SILENCE;
        if let Some(line) = &self.seat.line {
            line.link.send(ClientMessage::Heartbeat { timestamp: None });
        }
        if self.seat.line.as_ref().is_some_and(|line| late(&line.link)) {
            self.seat.line = None;
        }
        if self.seat.coming.as_ref().is_some_and(late) {
            self.seat.coming = None;
        }
        if self.seat.line.is_some() {
            return Next::On;
        }
        if self.seat.began && !std::mem::replace(&mut self.told_away, true) {
            let why = self.failed.clone().unwrap_or_else(|| "the connection was lost".into());
            self.say(&format!("{why}; trying again (~. gives up)"));
        }
        Next::Seek
    }

    /// The exit code that the session's record holds.
    async fn record_code(&self) -> Result<u8> {
        let path = format!("/sessions/{}", self.session);
        let OneSession { session } = self.target.ask(Method::GET, &path, Bytes::new()).await?;
        Ok(code(session.exit_code, session.signal))
    }

    /// One line for whoever sits there, apart from the session's output.
    fn say(&self, text: &str) {
        let end = if self.raw.is_some() && std::io::stderr().is_terminal() { "\r\n" } else { "\n" };
        let start = if end == "\r\n" { end } else { "" };
        eprint!("{start}termfleet: {text}{end}");
    }
}

/// The next thing that a link brings; never, without a link.
async fn heard(link: Option<&mut Link>) -> Option<Incoming> {
    let Some(link) = link else { return pending().await };
    let incoming = link.incoming.recv().await;
    link.heard = Instant::now();
    incoming
}

async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
        None => pending().await,
    }
}

async fn dialed(dialing: &mut Option<Dialing>) -> Result<Link, Failed> {
    match dialing {
        Some(dialing) => dialing.await,
        None => pending().await,
    }
}
