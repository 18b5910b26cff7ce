//! The requests of `termfleet.v1`.

use termfleet_proto::{
    rest::{self, CreateSession},
    ws::{
        deflate,
        v1::{Action, ClientMessage, MAX_REQUEST_ID, Request, RequestId, ServerMessage, Tier},
    },
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Attempt, ChannelId, ClientId, Epoch, Offset},
    limits::{CHANNELS_PER_SOCKET, SNAPSHOT_ROWS, Size},
    role::Operation,
};
use tokio::time::Instant;

use super::{
    Connection,
    close::Closing,
    errand::{self, Outcome},
    seats::{Channel, Pending, Seat, Wish},
    tell::About,
    trace,
    typing::Typing,
};
use crate::{upstream::SeatKey, ws::CloseCode};

/// Numbers of the wire end here: JavaScript's largest whole one.
const WIRE_LIMIT: u64 = 1 << 53;

impl Connection {
    /// A text message came.
    pub(super) fn heard_request(&mut self, text: &str) -> Result<(), Closing> {
        let request = serde_json::from_str::<Request>(text);
        if !self.greeted {
            return self.first(request.ok());
        }
        let Request { id, message } = match request {
            Ok(request) if request.id.as_ref().is_none_or(|id| id.len() <= MAX_REQUEST_ID) => {
                request
            }
            Ok(_) => return self.refuse(About::default(), &bad("the id is too long")),
            Err(_) => return self.refuse(About::request(id_of(text)), &malformed(text)),
        };
        if let Err(refusal) = self.limits.message() {
            return match message {
                ClientMessage::Resize { channel, cols, rows }
                    if self.resize_late(self.seats.channel(channel), cols, rows) =>
                {
                    Ok(())
                }
                _ => self.refuse(About::request(id), &refusal),
            };
        }
        trace::message(&message).in_scope(|| self.request(id, message))
    }

    fn first(&mut self, request: Option<Request>) -> Result<(), Closing> {
        match request {
            Some(Request { id, message: ClientMessage::Handshake { auth, client } }) => {
                self.takes_deflated =
                    client.capabilities.iter().any(|offered| offered == deflate::CAPABILITY);
                self.handshake(id, auth, None)
            }
            // Who is signed in already has only forgotten its manners.
            _ if self.identity.is_some() => {
                Err(Closing::new(CloseCode::POLICY, "the first message is always a handshake"))
            }
            _ => Err(Code::Unauthorized.into()),
        }
    }

    fn request(&mut self, id: Option<RequestId>, message: ClientMessage) -> Result<(), Closing> {
        match message {
            ClientMessage::Handshake { .. } => {
                self.refuse(About::request(id), &bad("the handshake has been done"))
            }
            ClientMessage::Create { session, cols, rows } => self.create(id, *session, cols, rows),
            ClientMessage::Attach {
                session_id,
                client_id,
                attempt,
                epoch,
                offset,
                tier,
                cols,
                rows,
                snapshot_rows,
                redraw_rows,
            } => {
                let asked = Asked {
                    client_id,
                    attempt,
                    epoch,
                    offset,
                    tier,
                    cols,
                    rows,
                    snapshot_rows,
                    redraw_rows,
                };
                self.attach(id, session_id, asked)
            }
            ClientMessage::Detach { channel } => self.detach(id, channel),
            ClientMessage::Sync { channel, offset } => self.sync(id, channel, offset),
            ClientMessage::Resize { channel, cols, rows } => self.resize(id, channel, cols, rows),
            ClientMessage::View { channel, visible } => {
                self.on_channel(id, channel, |this, key, _| {
                    this.viewed(key, visible);
                    Ok(())
                })
            }
            ClientMessage::Control { channel, action } => self.control(id, channel, action),
            ClientMessage::Close { session_id } => self.close(id, session_id),
            ClientMessage::Focus { project_id, changes, expected_version } => {
                self.refocus(id, project_id, changes, expected_version)
            }
            ClientMessage::Subscribe { project_id } => self.watch(id, false, project_id),
            ClientMessage::Unsubscribe { project_id } => {
                self.watches.remove(&project_id);
                self.tell(id, None, ServerMessage::Unsubscribed { project_id })
            }
            ClientMessage::History { session_id, before, lines } => {
                self.ask_history(id, session_id, before, lines)
            }
            ClientMessage::Check { channel } => self.check(id, channel),
            ClientMessage::AuthRefresh { token } => self.refresh(id, &token),
            ClientMessage::Heartbeat { timestamp } => self.say_heartbeat(id, timestamp),
        }
    }

    fn create(
        &mut self,
        id: Option<RequestId>,
        mut request: CreateSession,
        cols: Option<u64>,
        rows: Option<u64>,
    ) -> Result<(), Closing> {
        if self.path.is_some() {
            return self.refuse(About::request(id), &bad("this socket is one session's"));
        }
        if let Err(refusal) = self.may(Operation::Create) {
            return self.refuse(About::request(id), &refusal);
        }
        if cols.is_some() || rows.is_some() {
            let config = request.config.get_or_insert_default();
            (config.cols, config.rows) = (cols, rows);
        }
        let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
        self.errands.run(async move {
            Outcome::Created(id, None, errand::create(&sessions, &actor, request).await)
        });
        Ok(())
    }

    fn attach(&mut self, id: Option<RequestId>, name: String, asked: Asked) -> Result<(), Closing> {
        let wish = match asked.checked() {
            Ok(wish) => wish,
            Err(refusal) => return self.refuse(About::named(id, &name), &refusal),
        };
        let mut seat = Seat::new(name.clone(), wish, Typing::windowed(), None);
        seat.request.clone_from(&id);
        match self.seats.add(seat) {
            Some(key) => self.look_for(key, name),
            None => self.refuse(About::named(id, &name), &full_house()),
        }
    }

    fn detach(&mut self, id: Option<RequestId>, channel: ChannelId) -> Result<(), Closing> {
        self.on_channel(id, channel, |this, key, id| {
            let Some(seat) = this.forget(key) else { return Ok(()) };
            let detached = ServerMessage::Detached {
                channel,
                session_id: seat.session_id(),
                code: None,
                reason: "asked".to_owned(),
                exit_code: None,
                signal: None,
            };
            if let Some(attachment) = seat.attachment {
                attachment.leave();
            }
            this.tell(id, None, detached)?;
            if this.path.is_some() { Err(Closing::asked()) } else { Ok(()) }
        })
    }

    fn sync(
        &mut self,
        id: Option<RequestId>,
        channel: ChannelId,
        offset: Option<Offset>,
    ) -> Result<(), Closing> {
        if offset.is_some_and(|offset| offset.get() >= WIRE_LIMIT) {
            return self.refuse(About::request(id), &bad("offset is too large"));
        }
        self.on_channel(id, channel, |this, key, id| {
            let token = this.seats.token();
            let Some(seat) = this.seats.get(key) else { return Ok(()) };
            let Some(attachment) = &seat.attachment else { return Ok(()) };
            match attachment.sync(token, offset) {
                Ok(()) => {
                    seat.pending.insert(token, Pending::Sync(id));
                    Ok(())
                }
                Err(refusal) => {
                    let about = this.about(key, id);
                    this.refuse(about, &refusal)
                }
            }
        })
    }

    fn resize(
        &mut self,
        id: Option<RequestId>,
        channel: ChannelId,
        cols: u64,
        rows: u64,
    ) -> Result<(), Closing> {
        let size = match Size::new(cols, rows) {
            Some(size) => size,
            None => return self.refuse(About::request(id), &bad_size()),
        };
        self.on_channel(id, channel, |this, key, id| {
            if let Err(refusal) = this.may(Operation::Write) {
                let about = this.about(key, id);
                return this.refuse(about, &refusal);
            }
            if let Some(seat) = this.seats.get(key) {
                seat.resize(size);
            }
            Ok(())
        })
    }

    /// Keeps a size that came too fast, for refusing the last one would leave a wrong size for good.
    /// False: it is none that could be kept.
    pub(super) fn resize_late(&mut self, channel: Channel, cols: u64, rows: u64) -> bool {
        let Channel::Seat(key) = channel else { return false };
        let Some(size) = Size::new(cols, rows) else { return false };
        if self.may(Operation::Write).is_err() {
            return false;
        }
        let seat = self.seats.get(key);
        seat.map(|seat| seat.resize_late(Instant::now(), size)).is_some()
    }

    fn control(
        &mut self,
        id: Option<RequestId>,
        channel: ChannelId,
        action: Action,
    ) -> Result<(), Closing> {
        self.on_channel(id, channel, |this, key, id| {
            let operation = match action {
                Action::Kill => Operation::Delete,
                Action::Take
                | Action::Release
                | Action::Interrupt
                | Action::Clear
                | Action::Restart => Operation::Write,
            };
            let token = this.seats.token();
            let allowed = this.may(operation);
            let Some(seat) = this.seats.get(key) else { return Ok(()) };
            let asked = allowed.and_then(|()| match &seat.attachment {
                Some(attachment) => attachment.control(token, action),
                None => Err(Code::ConnectionFailed.into()),
            });
            match asked {
                Ok(()) => {
                    seat.pending.insert(token, Pending::Control(id));
                    Ok(())
                }
                Err(refusal) => {
                    let about = this.about(key, id);
                    this.refuse(about, &refusal)
                }
            }
        })
    }

    fn close(&mut self, id: Option<RequestId>, name: String) -> Result<(), Closing> {
        if self.path.is_some() && !self.is_its_own(&name) {
            let refusal = bad("this socket is another session's");
            return self.refuse(About::named(id, &name), &refusal);
        }
        if let Err(refusal) = self.may(Operation::Delete) {
            return self.refuse(About::named(id, &name), &refusal);
        }
        self.close_session(id, name)
    }

    /// Asks for a session's end.
    pub(super) fn close_session(
        &mut self,
        id: Option<RequestId>,
        name: String,
    ) -> Result<(), Closing> {
        let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
        self.errands.run(async move {
            let closed = sessions.close(&actor, &name).await;
            Outcome::Closed(id, name, closed.map(Box::new))
        });
        Ok(())
    }

    /// Is it the session of this socket's address, by that name or by its id?
    pub(super) fn is_its_own(&self, name: &str) -> bool {
        self.path.as_deref() == Some(name)
            || self.seats.iter().any(|(_, seat)| seat.session_id() == name)
    }

    /// Does something about the seat that a channel stands for. An ended channel is no mistake: the
    /// client has just not heard of its end.
    pub(super) fn on_channel(
        &mut self,
        id: Option<RequestId>,
        channel: ChannelId,
        act: impl FnOnce(&mut Self, SeatKey, Option<RequestId>) -> Result<(), Closing>,
    ) -> Result<(), Closing> {
        match self.seats.channel(channel) {
            Channel::Seat(key) => act(self, key, id),
            Channel::Ended => Ok(()),
            Channel::Unknown => {
                let about = About { channel: Some(channel), ..About::request(id) };
                self.refuse(about, &bad("there is no such channel"))
            }
        }
    }
}

/// The fields of `attach`, as they came.
struct Asked {
    client_id: ClientId,
    attempt: Attempt,
    epoch: Option<Epoch>,
    offset: Option<Offset>,
    tier: Tier,
    cols: Option<u64>,
    rows: Option<u64>,
    snapshot_rows: Option<u32>,
    redraw_rows: Option<u32>,
}

impl Asked {
    fn checked(self) -> Result<Wish, Refusal> {
        let resume = match (self.epoch, self.offset) {
            (None, None) => None,
            (Some(epoch), Some(offset)) => Some((epoch, offset)),
            _ => return Err(bad("epoch and offset go together")),
        };
        let largest = resume.map_or(0, |(epoch, offset)| epoch.get().max(offset.get()));
        if largest.max(self.attempt.get()) >= WIRE_LIMIT {
            return Err(bad("attempt, epoch or offset is too large"));
        }
        let snapshot_rows = self.snapshot_rows.unwrap_or(SNAPSHOT_ROWS);
        if snapshot_rows > SNAPSHOT_ROWS {
            return Err(bad("snapshotRows is at most 500"));
        }
        if self.redraw_rows.is_some_and(|rows| rows > SNAPSHOT_ROWS) {
            return Err(bad("redrawRows is at most 500"));
        }
        Ok(Wish {
            client: self.client_id,
            attempt: self.attempt,
            resume,
            tier: self.tier,
            size: rest::size(self.cols, self.rows)?,
            snapshot_rows,
            redraw_rows: self.redraw_rows,
        })
    }
}

pub(super) fn bad(text: &str) -> Refusal {
    Refusal::new(Code::BadMessage, text)
}

pub(super) fn bad_size() -> Refusal {
    bad("cols must be 2 to 1000 and rows 1 to 500")
}

pub(super) fn full_house() -> Refusal {
    let text = format!("a socket has at most {CHANNELS_PER_SOCKET} channels");
    Refusal::new(Code::ResourceExhausted, text)
}

/// Why a text is no request. The parser's own words are not repeated: they quote the client.
fn malformed(text: &str) -> Refusal {
    match serde_json::from_str::<serde::de::IgnoredAny>(text) {
        Ok(_) => bad("the type is unknown, or a field is missing or not valid"),
        Err(_) => bad("the message is not JSON"),
    }
}

/// The id of a request that could not be read otherwise, so that its error finds it.
fn id_of(text: &str) -> Option<RequestId> {
    #[derive(serde::Deserialize)]
    struct OnlyId {
        id: RequestId,
    }
    let id = serde_json::from_str::<OnlyId>(text).ok()?.id;
    (id.len() <= MAX_REQUEST_ID).then_some(id)
}
