//! The messages of the text dialects. Their clients know sessions by names and nothing of channels,
//! offsets or drivers: naming a session attaches to it, typing takes the driver's seat.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use bytes::Bytes;
use termfleet_proto::{
    rest::CreateSession,
    ws::{
        focus_sync_v1, terminal_direct_v1, terminal_v1,
        text::{BadText, Said, Spoken},
        v1::{Action, Auth, ServerMessage, Tier},
    },
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Attempt, ClientId, SessionId},
    limits::{SNAPSHOT_ROWS, Size},
    record::Session,
    role::Operation,
};
use tokio::time::Instant;

use super::{
    Connection,
    canonical::{bad, bad_size, full_house},
    close::Closing,
    errand::{self, Outcome},
    screen::Screen,
    seats::{Channel, Pending, Seat, Wish},
    tell::About,
    trace,
    typing::Typing,
    voice::Voice,
};
use crate::upstream::SeatKey;

/// Ended sessions that a socket remembers, so as not to tell of their end twice.
const REMEMBERED: usize = 256;

/// The names that a client of text uses.
#[derive(Debug, Default)]
pub(super) struct Names {
    seats: HashMap<String, SeatKey>,
    /// Sessions that the client is or was attached to.
    known: HashSet<SessionId>,
}

impl Names {
    pub(super) fn add(&mut self, name: String, key: SeatKey) {
        self.seats.insert(name, key);
    }

    /// The seat that the client calls so.
    pub(super) fn seat(&self, name: &str) -> Option<SeatKey> {
        self.seats.get(name).copied()
    }

    pub(super) fn forget(&mut self, key: SeatKey) {
        self.seats.retain(|_, named| *named != key);
    }

    /// Is or was the client attached to it?
    pub(super) fn knows(&self, id: &SessionId) -> bool {
        self.known.contains(id)
    }

    fn note(&mut self, id: &SessionId) {
        if self.known.len() >= REMEMBERED {
            self.known.clear();
        }
        self.known.insert(id.clone());
    }
}

impl Connection {
    /// A text message came.
    pub(super) fn heard_text(&mut self, text: &str) -> Result<(), Closing> {
        let spoken = self.read_text(text);
        if !self.greeted {
            return self.first_text(spoken.ok());
        }
        let Spoken { session, said } = match spoken {
            Ok(spoken) => spoken,
            Err(error) => return self.refuse(About::default(), &bad(&error.to_string())),
        };
        if !matches!(said, Said::Input { .. })
            && let Err(refusal) = self.limits.message()
        {
            let name = session.as_ref().or(self.path.as_ref());
            if let (Said::Resize { cols, rows }, Some(name)) = (&said, name)
                && let Some(key) = self.names.seats.get(name).copied()
                && self.resize_late(Channel::Seat(key), *cols, *rows)
            {
                return Ok(());
            }
            return self.refuse(About { name: session, ..About::default() }, &refusal);
        }
        trace::said(&said).in_scope(|| self.said(said, session))
    }

    fn said(&mut self, said: Said, session: Option<String>) -> Result<(), Closing> {
        match (said, session) {
            (Said::Handshake { token, user }, _) => self.handshake_again(token, user.as_deref()),
            (Said::Create { session }, name) => self.create_by_name(name, *session),
            (Said::Subscribe { project }, _) => self.watch(None, false, project),
            (Said::Heartbeat, name) => self.beat_by_name(name),
            (said, Some(name)) => self.about_session(said, name),
            (said, None) => match self.path.clone() {
                Some(path) => self.about_session(said, path),
                None => self.refuse(About::default(), &bad("which session? sessionId is missing")),
            },
        }
    }

    fn read_text(&mut self, text: &str) -> Result<Spoken, BadText> {
        match &mut self.voice {
            Voice::Envelope(used) => {
                let (form, spoken) = terminal_v1::read(text)?;
                *used = form.unwrap_or(*used);
                Ok(spoken)
            }
            Voice::FocusSync => focus_sync_v1::read(text),
            Voice::Flat | Voice::Canonical | Voice::Questions => terminal_direct_v1::read(text),
        }
    }

    fn first_text(&mut self, spoken: Option<Spoken>) -> Result<(), Closing> {
        match spoken {
            Some(Spoken { said: Said::Handshake { token, user }, .. }) => {
                self.handshake(None, token.map(|token| Auth { token }), user.as_deref())
            }
            _ => Err(Code::Unauthorized.into()),
        }
    }

    /// On a single session's socket a signed-in client is attached without asking.
    pub(super) fn open_path(&mut self) -> Result<(), Closing> {
        match self.path.clone() {
            Some(path) => self.sit(path).map(|_| ()),
            None => Ok(()),
        }
    }

    fn about_session(&mut self, said: Said, name: String) -> Result<(), Closing> {
        if said == Said::Disconnect {
            return self.disconnect(&name);
        }
        if said == Said::Close && !self.names.seats.contains_key(&name) {
            return self.close_by_name(name);
        }
        let Some(key) = self.sit(name.clone())? else { return Ok(()) };
        match said {
            Said::Connect => Ok(()),
            Said::Input { data } => self.type_into(key, None, Bytes::from(data)),
            Said::Resize { cols, rows } => self.resize_by_name(key, cols, rows),
            Said::Close => self.close_by_name(name),
            said @ (Said::Focus { .. } | Said::Sync) => self.ask_of_found(key, said),
            Said::History { lines, before } => self.ask_history_by_name(key, lines, before),
            // Handled before: they are about no session, or not about one that is there.
            Said::Disconnect
            | Said::Heartbeat
            | Said::Handshake { .. }
            | Said::Create { .. }
            | Said::Subscribe { .. } => Ok(()),
        }
    }

    /// The seat at the session of that name, taken now if there is none. `None`: refused.
    pub(super) fn sit(&mut self, name: String) -> Result<Option<SeatKey>, Closing> {
        if let Some(key) = self.names.seats.get(&name).copied() {
            if let Some(seat) = self.seats.get(key) {
                seat.name = name;
            }
            return Ok(Some(key));
        }
        let Some(key) = self.new_seat(name.clone())? else { return Ok(None) };
        self.look_for(key, name)?;
        Ok(Some(key))
    }

    fn new_seat(&mut self, name: String) -> Result<Option<SeatKey>, Closing> {
        // A text client is nobody whom a later connection could claim to be.
        let mut random = [0; 16];
        if getrandom::fill(&mut random).is_err() {
            return Err(Code::InternalError.into());
        }
        let wish = Wish {
            client: ClientId::new(random),
            attempt: Attempt::new(0),
            resume: None,
            tier: Tier::Live,
            size: None,
            snapshot_rows: SNAPSHOT_ROWS,
            redraw_rows: None,
        };
        let seat = Seat::new(name.clone(), wish, Typing::paced(), Some(Screen::default()));
        let Some(key) = self.seats.add(seat) else {
            self.refuse(About::named(None, &name), &full_house())?;
            return Ok(None);
        };
        if !name.is_empty() {
            self.names.add(name, key);
        }
        Ok(Some(key))
    }

    /// A session was found for a seat. Another seat sits there already, under another name: this
    /// one has become one with it.
    pub(super) fn joins_another(&mut self, key: SeatKey, session: &Session) -> Option<SeatKey> {
        self.names.note(&session.id);
        let same = |seat: &Seat| seat.session.as_ref() == Some(&session.id);
        let other = self.seats.iter().find(|(at, seat)| *at != key && same(seat));
        let Some(other) = other.map(|(at, _)| at) else {
            self.names.add(session.id.to_string(), key);
            return None;
        };
        let Some(joining) = self.forget(key) else { return Some(other) };
        self.names.add(joining.name.clone(), other);
        if let Some(seat) = self.seats.get(other) {
            seat.name = joining.name;
            seat.typing.append(joining.typing);
            seat.waiting.extend(joining.waiting);
        }
        self.release(other, Instant::now());
        Some(other)
    }

    /// What a session of a watched project is called to this client.
    pub(super) fn name_of(&self, id: &SessionId) -> String {
        let same = |seat: &Seat| seat.session.as_ref() == Some(id);
        let seat = self.seats.iter().find(|(_, seat)| same(seat));
        seat.map_or_else(|| id.to_string(), |(_, seat)| seat.name.clone())
    }

    fn create_by_name(
        &mut self,
        name: Option<String>,
        request: CreateSession,
    ) -> Result<(), Closing> {
        let about = About { name: name.clone(), ..About::default() };
        if self.path.is_some() {
            return self.refuse(about, &bad("this socket is one session's"));
        }
        if let Err(refusal) = self.may(Operation::Create) {
            return self.refuse(about, &refusal);
        }
        if name.as_ref().is_some_and(|name| self.names.seats.contains_key(name)) {
            return self.refuse(about, &Refusal::from(Code::SessionAlreadyExists));
        }
        let Some(key) = self.new_seat(name.clone().unwrap_or_default())? else { return Ok(()) };
        let (edge, actor) = (Arc::clone(&self.edge), self.actor()?.clone());
        self.errands.run(async move {
            Outcome::Created(name, Some(key), errand::create(&edge.sessions, &actor, request).await)
        });
        Ok(())
    }

    fn close_by_name(&mut self, name: String) -> Result<(), Closing> {
        if let Err(refusal) = self.may(Operation::Delete) {
            return self.refuse(About::named(None, &name), &refusal);
        }
        self.close_session(None, name)
    }

    fn resize_by_name(&mut self, key: SeatKey, cols: u64, rows: u64) -> Result<(), Closing> {
        let Some(size) = Size::new(cols, rows) else {
            let about = self.about(key, None);
            return self.refuse(about, &bad_size());
        };
        if let Err(refusal) = self.may(Operation::Write) {
            let about = self.about(key, None);
            return self.refuse(about, &refusal);
        }
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        seat.wish.size = Some(size);
        seat.resize(size);
        Ok(())
    }

    fn disconnect(&mut self, name: &str) -> Result<(), Closing> {
        if self.path.is_some() {
            return Err(Closing::asked());
        }
        let Some(key) = self.names.seats.get(name).copied() else { return Ok(()) };
        if let Some(attachment) = self.forget(key).and_then(|seat| seat.attachment) {
            attachment.leave();
        }
        Ok(())
    }

    /// A session whose project the client has not heard of brings the project along.
    pub(super) fn watch_along(&mut self, session: &Session) -> Result<(), Closing> {
        let wanted = matches!(self.voice, Voice::Envelope(_));
        if !wanted || self.watches.contains(&session.project) {
            return Ok(());
        }
        self.watch(None, true, session.project.clone())
    }

    /// A heartbeat of a client whose messages name a session.
    fn beat_by_name(&mut self, name: Option<String>) -> Result<(), Closing> {
        let name = name.or_else(|| self.path.clone());
        let server_time = clock::now_ms();
        let beat = ServerMessage::Heartbeat { timestamp: None, server_time, resume_ticket: None };
        self.tell(None, name.as_deref(), beat)
    }

    /// Sends input that waits for a seat. A client that knows no drivers takes the seat with it.
    pub(super) fn release(&mut self, key: SeatKey, now: Instant) {
        let takes = self.voice.is_text();
        let token = self.seats.token();
        let Some(seat) = self.seats.get(key) else { return };
        let Some(attachment) = &seat.attachment else { return };
        let waits = !seat.typing.is_empty() && seat.channel.is_some();
        if takes && waits && !seat.driver && attachment.control(token, Action::Take).is_ok() {
            seat.pending.insert(token, Pending::Take);
            seat.driver = true;
        }
        seat.typing.release(now, |offset, data| attachment.input(offset, data));
    }
}
