//! One session through one link after another: what is typed goes out once, what comes is shown
//! once, and while there is no link another is sought.

use std::time::Duration;

use anyhow::{Result, bail};
use termfleet_proto::ws::{
    frame::{ClientFrame, Reason, ServerFrame},
    v1::{Action, Attached, ClientMessage, ErrorMessage, EventKind, ServerMessage, Tier},
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::Code,
    ids::{Attempt, ChannelId, ClientId, Offset},
    limits::Size,
};
use tokio::time::Instant;

use super::{
    lane::Lane,
    link::{Incoming, Link, closed, is_final},
    queries::Unasked,
    terminal::{Before, Screen},
    track::{Step, Track},
};

/// An acknowledgement that moves this much is sent at once …
const ACK_BYTES: u64 = 16 << 10;
/// … and a smaller one this long after the last: twice what servers count for nothing
/// (`security.md` §4), as the network may bring two of them closer together.
const ACK_PACE: Duration = Duration::from_millis(40);

/// What an event leads to.
pub(super) enum Next {
    /// Go on.
    On,
    /// The present link is gone, or the coming one came to nothing: seek another.
    Seek,
    /// The session has ended; with this code, unless only its record knows.
    Ended(Option<u8>),
}

/// A link with the channel on it.
pub(super) struct Line {
    pub(super) link: Link,
    channel: ChannelId,
    /// The newest offset that may be acknowledged on this channel.
    limit: u64,
    acked: u64,
    /// The last acknowledgement was sent then.
    acked_at: Instant,
    /// One waits until then.
    ack_due: Option<Instant>,
}

/// The session as this client has it.
pub(super) struct Seat {
    session: String,
    client: ClientId,
    attempt: u64,
    pub(super) lane: Lane,
    pub(super) track: Track,
    pub(super) screen: Screen,
    /// Takes out questions that are answered, or were.
    unasked: Unasked,
    pub(super) size: Size,
    /// Where bytes come and go.
    pub(super) line: Option<Line>,
    /// A link on which a channel has been asked for.
    pub(super) coming: Option<Link>,
    driver: bool,
    /// Was there ever a channel?
    pub(super) began: bool,
    /// The exit code, and where output ends.
    exit: Option<(u8, u64)>,
    /// What somebody should be told.
    pub(super) notice: Option<String>,
}

impl Seat {
    pub(super) fn new(session: String, client: ClientId, screen: Screen, size: Size) -> Self {
        Self {
            session,
            client,
            attempt: clock::now_ms(),
            lane: Lane::default(),
            track: Track::default(),
            screen,
            unasked: Unasked::default(),
            size,
            line: None,
            coming: None,
            driver: false,
            began: false,
            exit: None,
            notice: None,
        }
    }

    /// A link stands: asks for a channel on it.
    pub(super) fn join(&mut self, link: Link) {
        self.attempt = clock::now_ms().max(self.attempt + 1);
        let resume = self.track.resume();
        link.send(ClientMessage::Attach {
            session_id: self.session.clone(),
            client_id: self.client.clone(),
            attempt: Attempt::new(self.attempt),
            epoch: resume.map(|(epoch, _)| epoch),
            offset: resume.map(|(_, offset)| offset),
            tier: Tier::Live,
            cols: Some(self.size.cols.into()),
            rows: Some(self.size.rows.into()),
            snapshot_rows: None,
            // The terminal keeps its own, whatever is drawn.
            redraw_rows: Some(0),
        });
        self.coming = Some(link);
    }

    /// The code to end with, once the session has ended and all of it is shown.
    pub(super) fn done(&self) -> Option<u8> {
        let (code, end) = self.exit?;
        (self.track.position().get() >= end && self.screen.is_idle()).then_some(code)
    }

    /// Sends what was typed, as far as the window goes.
    pub(super) fn pump(&mut self) {
        let Some(line) = &self.line else { return };
        while let Some((offset, data)) = self.lane.take(line.link.max_input) {
            if !line.link.send_frame(&ClientFrame::Input { channel: line.channel, offset, data }) {
                // It is sent again on the next link.
                self.line = None;
                return;
            }
        }
    }

    /// Acknowledges what is shown.
    pub(super) fn acknowledge(&mut self) {
        let shown = self.screen.shown();
        let Some(line) = &mut self.line else { return };
        let offset = shown.min(line.limit);
        let moved = offset.saturating_sub(line.acked);
        let due = line.acked_at + ACK_PACE;
        if moved > 0 && moved < ACK_BYTES && Instant::now() < due {
            line.ack_due = Some(due);
            return;
        }
        line.ack_due = None;
        if moved > 0 {
            (line.acked, line.acked_at) = (offset, Instant::now());
            let (channel, offset) = (line.channel, Offset::new(offset));
            line.link.send_frame(&ClientFrame::Ack { channel, offset });
        }
    }

    /// When to acknowledge what was too little to be acknowledged before.
    pub(super) fn ack_due(&self) -> Option<Instant> {
        self.line.as_ref().and_then(|line| line.ack_due)
    }

    /// Takes a size: the session's, if this client drives.
    pub(super) fn resize(&mut self, size: Size) {
        self.size = size;
        self.send_size();
    }

    fn send_size(&self) {
        if let Some(line) = self.line.as_ref().filter(|_| self.driver) {
            let Size { cols, rows } = self.size;
            let (cols, rows) = (cols.into(), rows.into());
            line.link.send(ClientMessage::Resize { channel: line.channel, cols, rows });
        }
    }

    /// Leaves the session, which goes on.
    pub(super) fn detach(&mut self) {
        if let Some(line) = self.line.take() {
            line.link.send(ClientMessage::Detach { channel: line.channel });
        }
    }

    /// Something came on the coming link.
    pub(super) fn on_coming(&mut self, incoming: Option<Incoming>) -> Result<Next> {
        match incoming {
            Some(Incoming::Message(message)) => match *message {
                ServerMessage::Attached(attached) => {
                    if let Some(link) = self.coming.take() {
                        self.attached(link, &attached);
                    }
                    Ok(Next::On)
                }
                ServerMessage::Error(error) => self.not_attached(&error),
                _ => Ok(Next::On),
            },
            Some(Incoming::Frame(_)) => Ok(Next::On),
            Some(Incoming::Closed(code, reason)) if is_final(code) => bail!(closed(code, &reason)),
            Some(Incoming::Closed(..)) | None => {
                self.coming = None;
                Ok(Next::Seek)
            }
        }
    }

    fn not_attached(&mut self, error: &ErrorMessage) -> Result<Next> {
        self.coming = None;
        match error.code {
            Code::BadOffset => {
                self.track.forget();
                Ok(Next::Seek)
            }
            Code::SessionEnded => Ok(Next::Ended(None)),
            Code::SessionNotFound if !self.began => {
                bail!("there is no session {}: `termfleet ls` lists those there are", self.session)
            }
            Code::SessionNotFound => bail!("the session is gone"),
            _ if error.retryable => Ok(Next::Seek),
            _ => bail!("{} ({})", error.message, error.name),
        }
    }

    fn attached(&mut self, link: Link, message: &Attached) {
        let first = !self.began;
        self.began = true;
        let offset = message.offset.get();
        self.line = Some(Line {
            link,
            channel: message.channel,
            limit: offset,
            acked: offset,
            acked_at: Instant::now(),
            ack_due: None,
        });
        let doubtful = self.lane.attached(message.epoch, message.next_input_offset);
        if doubtful > 0 {
            self.notice = Some(format!(
                "the shell is another one: {doubtful} bytes that were typed for the old one may have \
                 been lost and are not typed again"
            ));
        }
        self.driver = message.driver;
        self.go_on(message);
        // Whoever attaches wants to type: the seat is theirs, as with a second keyboard.
        if first && !message.driver {
            self.control(Action::Take);
        }
        if (message.cols, message.rows) != (self.size.cols, self.size.rows) {
            self.send_size();
        }
        self.pump();
    }

    fn go_on(&mut self, message: &Attached) {
        if !self.track.attached(message) {
            self.sync(None);
        }
    }

    fn control(&self, action: Action) {
        if let Some(line) = &self.line {
            line.link.send(ClientMessage::Control { channel: line.channel, action });
        }
    }

    fn sync(&self, offset: Option<Offset>) {
        if let Some(line) = &self.line {
            line.link.send(ClientMessage::Sync { channel: line.channel, offset });
        }
    }

    /// Something came on the present link.
    pub(super) fn on_line(&mut self, incoming: Option<Incoming>) -> Result<Next> {
        match incoming {
            Some(Incoming::Frame(frame)) => {
                self.frame(frame);
                Ok(Next::On)
            }
            Some(Incoming::Message(message)) => self.message(*message),
            Some(Incoming::Closed(code, reason)) if is_final(code) => bail!(closed(code, &reason)),
            Some(Incoming::Closed(..)) | None => {
                self.line = None;
                Ok(Next::Seek)
            }
        }
    }

    fn frame(&mut self, frame: ServerFrame) {
        let Some(line) = &mut self.line else { return };
        let step = match frame {
            ServerFrame::InputAck { channel, offset, .. } if channel == line.channel => {
                self.lane.acked(offset);
                return self.pump();
            }
            ServerFrame::Output { channel, offset, data } if channel == line.channel => {
                line.limit = line.limit.max(offset.get() + data.len() as u64);
                self.track.output(offset, &data)
            }
            ServerFrame::Snapshot { channel, epoch, offset, size, reason, more, data }
                if channel == line.channel =>
            {
                let fits = size.cols == self.size.cols && size.rows <= self.size.rows;
                let redraws = reason == Reason::Resized;
                line.limit = offset.get();
                line.acked = line.acked.min(line.limit);
                if redraws && self.track.has(epoch, offset) && !(fits && self.screen.is_terminal())
                {
                    // There is nothing in it that was not shown, and no place to draw it.
                    return;
                }
                self.track.snapshot(epoch, offset, redraws, more, data)
            }
            _ => return,
        };
        match step {
            Step::Ignore => {}
            Step::Sync(offset) => self.sync(offset),
            Step::Show { before, replay, data } => {
                let answered = if line.link.answers_queries { data.len() } else { replay };
                let (answered, fresh) = data.split_at(answered);
                if before != Before::Nothing {
                    self.unasked.rest();
                }
                let mut shown = self.unasked.take(answered);
                if !fresh.is_empty() {
                    shown.append(&mut self.unasked.rest());
                    shown.extend_from_slice(fresh);
                }
                let rows = self.size.rows;
                self.screen.show((before, rows), &shown, self.track.position().get());
            }
        }
    }

    fn message(&mut self, message: ServerMessage) -> Result<Next> {
        match message {
            ServerMessage::Attached(attached) | ServerMessage::Synced(attached) => {
                if let Some(line) = &mut self.line {
                    line.channel = attached.channel;
                    line.limit = attached.offset.get();
                    line.acked = line.limit;
                }
                self.lane.attached(attached.epoch, attached.next_input_offset);
                self.driver = attached.driver;
                self.go_on(&attached);
                self.pump();
            }
            ServerMessage::Event { event, .. } => self.event(&event),
            ServerMessage::Detached { code, reason, exit_code, signal, .. } => {
                return self.detached(code, &reason, exit_code, signal);
            }
            ServerMessage::Error(error) => self.refused(&error),
            ServerMessage::Draining { .. } => return Ok(Next::Seek),
            ServerMessage::TokenExpiring { .. } => {
                self.notice = Some("the token expires within a minute".into());
            }
            _ => {}
        }
        Ok(Next::On)
    }

    fn event(&mut self, event: &EventKind) {
        match event {
            EventKind::Exited { exit_code, signal, offset } => {
                self.exit = Some((code(*exit_code, *signal), offset.get()));
            }
            EventKind::Driver { driver, .. } => {
                self.driver = *driver;
                self.send_size();
            }
            // The terminal in which it runs sees what the program prints.
            EventKind::Resized { .. }
            | EventKind::Status { .. }
            | EventKind::Tier { .. }
            | EventKind::Bell
            | EventKind::Title { .. }
            | EventKind::Cwd { .. }
            | EventKind::Progress { .. }
            | EventKind::Notification { .. }
            | EventKind::CommandStarted
            | EventKind::CommandFinished { .. }
            | EventKind::Waiting { .. } => {}
        }
    }

    fn detached(
        &mut self,
        why: Option<Code>,
        reason: &str,
        exit_code: Option<i32>,
        signal: Option<i32>,
    ) -> Result<Next> {
        if exit_code.is_some() || signal.is_some() {
            let end = self.track.position().get();
            self.exit = Some((code(exit_code, signal), end));
            return Ok(Next::On);
        }
        self.line = None;
        match why {
            Some(Code::SessionEnded) | None => Ok(Next::Ended(self.exit.map(|(code, _)| code))),
            Some(code) if code.retryable() || self.coming.is_some() => Ok(Next::Seek),
            Some(_) => bail!("detached: {reason}"),
        }
    }

    fn refused(&mut self, error: &ErrorMessage) {
        let Some(next) = error.next_input_offset else {
            if !matches!(error.code, Code::BadOffset) {
                self.notice = Some(error.message.clone());
            }
            return;
        };
        match error.code {
            Code::InputGap | Code::InputWindowExceeded => {
                let lost = self.lane.rewind(next);
                if lost > 0 {
                    self.notice = Some(format!("{lost} typed bytes were lost"));
                }
                if error.code == Code::InputGap {
                    self.pump();
                }
            }
            // Refused input would otherwise be typed later, when nobody expects it.
            _ => {
                self.lane.truncate(next);
                self.notice = Some(error.message.clone());
            }
        }
    }
}

/// The exit code that a shell gives such an end.
pub(super) fn code(exit_code: Option<i32>, signal: Option<i32>) -> u8 {
    match (exit_code, signal) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(signal)) => u8::try_from(signal.saturating_add(128)).unwrap_or(u8::MAX),
        (None, None) => 0,
    }
}
