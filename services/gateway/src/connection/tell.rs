//! What a client is told that is not bytes.

use std::time::Duration;

use termfleet_proto::{
    focus::FocusState,
    rest,
    ws::v1::{ErrorMessage, RequestId, ServerMessage},
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, ProjectId, SessionId},
    record::{Cause, Exit},
};
use tokio::time::Instant;

use super::{Connection, close::Closing, voice::Named, watch::Notice};
use crate::{upstream::SeatKey, ws::CloseCode};

/// What a message is about.
#[derive(Debug, Clone, Default)]
pub(super) struct About {
    /// The request that it answers.
    pub(super) id: Option<RequestId>,
    /// The attachment.
    pub(super) channel: Option<ChannelId>,
    /// The session, by its id if that is known.
    pub(super) session: Option<String>,
    /// The session as a client of text names it.
    pub(super) name: Option<String>,
    /// Its project, where it is known.
    pub(super) project: Option<ProjectId>,
}

impl About {
    /// About a request alone.
    pub(super) fn request(id: Option<RequestId>) -> Self {
        Self { id, ..Self::default() }
    }

    /// About a session that the client named so.
    pub(super) fn named(id: Option<RequestId>, name: &str) -> Self {
        let name = Some(name.to_owned());
        Self { id, session: name.clone(), name, ..Self::default() }
    }
}

impl Connection {
    /// What there is to say about a seat.
    pub(super) fn about(&mut self, key: SeatKey, id: Option<RequestId>) -> About {
        let Some(seat) = self.seats.get(key) else { return About::request(id) };
        About {
            id,
            channel: seat.channel,
            session: Some(seat.session_id()),
            name: Some(seat.name.clone()),
            project: seat.place.as_ref().map(|(_, project)| project.clone()),
        }
    }

    /// Tells the client something, if its dialect has a word for it.
    pub(super) fn tell(
        &mut self,
        id: Option<RequestId>,
        name: Option<&str>,
        message: ServerMessage,
    ) -> Result<(), Closing> {
        let named = Named { name, project: self.project_of(name) };
        match self.voice.message(id, named, message) {
            Some(text) => self.outgoing.say(text),
            None => Ok(()),
        }
    }

    /// The project of the session that the client calls so, while a seat is there.
    fn project_of(&self, name: Option<&str>) -> Option<&ProjectId> {
        let seat = self.seats.look(self.names.seat(name?)?)?;
        seat.place.as_ref().map(|(_, project)| project)
    }

    /// Tells the client that something was refused. Bad messages are counted.
    pub(super) fn refuse(&mut self, about: About, refusal: &Refusal) -> Result<(), Closing> {
        self.refuse_with(about, refusal, None)
    }

    /// The same, with the focus as it is.
    pub(super) fn refuse_with(
        &mut self,
        about: About,
        refusal: &Refusal,
        focus_state: Option<Box<FocusState>>,
    ) -> Result<(), Closing> {
        self.tell_error(about, ErrorMessage { focus_state, ..ErrorMessage::of(refusal) })?;
        self.count_refusal(refusal)
    }

    /// Something was refused. Too many bad messages end the socket.
    pub(super) fn count_refusal(&mut self, refusal: &Refusal) -> Result<(), Closing> {
        self.edge.metrics.refused(refusal.code);
        let bad = matches!(refusal.code, Code::BadMessage | Code::MessageTooLarge);
        if bad && self.offences.note(Instant::now()) {
            return Err(Closing::new(CloseCode::POLICY, "too many bad messages"));
        }
        Ok(())
    }

    fn tell_error(&mut self, about: About, error: ErrorMessage) -> Result<(), Closing> {
        let About { id, channel, session, name, project } = about;
        let name = name.as_deref();
        let message = ServerMessage::Error(ErrorMessage { channel, session_id: session, ..error });
        // A seat that was given up does not tell its project any more.
        let named = Named { name, project: project.as_ref().or(self.project_of(name)) };
        match self.voice.message(id, named, message) {
            Some(text) => self.outgoing.say(text),
            None => Ok(()),
        }
    }

    /// Something happened in a watched project.
    pub(super) fn noticed(&mut self, notice: Notice) -> Result<(), Closing> {
        match notice {
            Notice::Created(session, set) => {
                let name = self.name_of(&session.id);
                let session = Box::new(rest::Session::from(&*session).with_focus(&set));
                self.tell(None, Some(&name), ServerMessage::SessionCreated { session })
            }
            Notice::Updated(session, set) => {
                let name = self.name_of(&session.id);
                let session = Box::new(rest::Session::from(&*session).with_focus(&set));
                self.tell(None, Some(&name), ServerMessage::SessionUpdated { session })
            }
            Notice::Closed(id, cause, exit) => self.session_closed(&id, cause, exit),
            Notice::Focus(project, step, set) => self.focus_moved(&project, &step, &set),
            Notice::Followed(place) => {
                self.focus_followed(&place);
                Ok(())
            }
        }
    }

    fn session_closed(
        &mut self,
        id: &SessionId,
        cause: Cause,
        exit: Option<Exit>,
    ) -> Result<(), Closing> {
        // A client of text hears from the session itself that it ended, if it is or was there.
        if self.voice.is_text() && self.names.knows(id) {
            return Ok(());
        }
        let reason = cause.name().to_owned();
        let exit_code = exit.and_then(|exit| exit.code);
        let session_id = id.to_string();
        let name = Some(id.as_str());
        self.tell(None, name, ServerMessage::SessionClosed { session_id, reason, exit_code })
    }

    pub(super) fn token_expiring(&mut self) -> Result<(), Closing> {
        match self.expires_at() {
            Some(expires_at) => self.tell(None, None, ServerMessage::TokenExpiring { expires_at }),
            None => Ok(()),
        }
    }

    pub(super) fn say_draining(&mut self, jitter: Duration) -> Result<(), Closing> {
        if !self.greeted {
            return Ok(());
        }
        let retry_after_ms = u64::try_from(jitter.as_millis()).unwrap_or_default();
        self.tell(None, None, ServerMessage::Draining { retry_after_ms })
    }

    pub(super) fn say_heartbeat(
        &mut self,
        id: Option<RequestId>,
        timestamp: Option<serde_json::Number>,
    ) -> Result<(), Closing> {
        let server_time = clock::now_ms();
        let resume_ticket = self.fresh_ticket();
        self.tell(id, None, ServerMessage::Heartbeat { timestamp, server_time, resume_ticket })
    }
}
