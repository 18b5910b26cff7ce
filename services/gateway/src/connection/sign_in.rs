//! Who a client is: by its upgrade, or by its first message; and how it stays that.

use std::sync::Arc;

use jiff::Timestamp;
use termfleet_proto::ws::v1::{Auth, Limits, RequestId, ServerMessage, User};
use termfleet_session::{
    code::{Code, Refusal},
    limits::{CHANNELS_PER_SOCKET, MAX_MESSAGE_BYTES, MAX_WINDOW_BYTES},
};
use tokio::time::Instant;

use super::{
    Connection, close::Closing, errand::Outcome, heartbeat::PING_INTERVAL, tell::About,
    voice::Voice,
};
use crate::{admit::SocketPlace, auth::SignedIn};

impl Connection {
    /// The socket is open.
    pub(super) fn open(&mut self) -> Result<(), Closing> {
        let Some(identity) = &self.identity else { return Ok(()) };
        let expires_at = identity.expires_at;
        match self.voice {
            // Nothing is said before its handshake, which is due as any sign-in is.
            Voice::Canonical => Ok(()),
            Voice::Envelope(_) | Voice::Flat | Voice::FocusSync | Voice::Questions => {
                self.heartbeat.signed_in(Instant::now(), expires_at);
                self.greeted = true;
                self.open_path()
            }
        }
    }

    /// The first message of a client that signs in by it, or introduces itself.
    pub(super) fn handshake(
        &mut self,
        id: Option<RequestId>,
        auth: Option<Auth>,
        user: Option<&str>,
    ) -> Result<(), Closing> {
        if self.identity.is_none() {
            let Auth { token } = auth.ok_or(Code::Unauthorized)?;
            self.identity = Some(self.edge.verify(&token)?);
        }
        if !self.is_user(user) {
            return Err(Code::Forbidden.into());
        }
        match self.place {
            Some(_) => self.signed_in(id),
            None => self.look_for_place(id),
        }
    }

    /// Asks for a place among the user's sockets. What the client says next waits until there is one.
    fn look_for_place(&mut self, id: Option<RequestId>) -> Result<(), Closing> {
        self.signing_in = true;
        let replaces = self.check_ticket()?;
        let (edge, actor) = (Arc::clone(&self.edge), self.actor()?.clone());
        let connection = self.id.clone();
        self.errands.run(async move {
            let place = edge.admission.socket(&actor, &connection, replaces.as_deref());
            Outcome::Placed(id, place.await)
        });
        Ok(())
    }

    /// There is a place, or there is none.
    pub(super) fn placed(
        &mut self,
        id: Option<RequestId>,
        place: Result<SocketPlace, Refusal>,
    ) -> Result<(), Closing> {
        self.signing_in = false;
        self.place = Some(place?);
        self.signed_in(id)
    }

    /// The client is signed in, and has a place.
    fn signed_in(&mut self, id: Option<RequestId>) -> Result<(), Closing> {
        let opens = !self.greeted;
        self.greeted = true;
        let expires_at = self.identity.as_ref().and_then(|identity| identity.expires_at);
        self.heartbeat.signed_in(Instant::now(), expires_at);
        self.welcome(id)?;
        match (self.voice.is_text(), opens) {
            (true, true) => self.open_path(),
            _ => Ok(()),
        }
    }

    /// A handshake of a client of text that is signed in: it may bring a fresh token.
    pub(super) fn handshake_again(
        &mut self,
        token: Option<String>,
        user: Option<&str>,
    ) -> Result<(), Closing> {
        if !self.is_user(user) {
            let refusal = Refusal::new(Code::Forbidden, "the token is not this user's");
            return self.refuse(About::default(), &refusal);
        }
        if let Some(token) = token
            && let Err(refusal) = self.renew(&token)
        {
            return self.refuse(About::default(), &refusal);
        }
        self.welcome(None)
    }

    /// `auth_refresh`.
    pub(super) fn refresh(&mut self, id: Option<RequestId>, token: &str) -> Result<(), Closing> {
        if let Err(refusal) = self.renew(token) {
            return self.refuse(About::request(id), &refusal);
        }
        // Without authentication nothing expires: the far future is as true as any other date.
        let expires_at = self.expires_at().unwrap_or(Timestamp::MAX);
        self.tell(id, None, ServerMessage::AuthRefreshed { expires_at })
    }

    /// Takes a fresh token of the same user.
    fn renew(&mut self, token: &str) -> Result<(), Refusal> {
        let fresh = self.edge.verify(token)?;
        let same = |known: &SignedIn| {
            (&known.actor.user, &known.actor.tenant) == (&fresh.actor.user, &fresh.actor.tenant)
        };
        if !self.identity.as_ref().is_some_and(same) {
            return Err(Refusal::new(Code::Forbidden, "the token is another user's"));
        }
        self.heartbeat.signed_in(Instant::now(), fresh.expires_at);
        self.identity = Some(fresh);
        Ok(())
    }

    /// Is the client who it believes to be? Without authentication everybody is.
    fn is_user(&self, user: Option<&str>) -> bool {
        let known = self.identity.as_ref().map(|identity| identity.actor.user.as_str());
        self.edge.auth.is_off() || user.is_none() || user == known
    }

    fn welcome(&mut self, id: Option<RequestId>) -> Result<(), Closing> {
        let resume_ticket = self.fresh_ticket();
        let actor = self.actor()?;
        let user = User { id: actor.user.clone(), role: actor.role, tenant: actor.tenant.clone() };
        let limits = Limits {
            max_message_bytes: MAX_MESSAGE_BYTES as u64,
            max_input_bytes: self.edge.config.limits.input_message_bytes as u64,
            max_channels: CHANNELS_PER_SOCKET as u64,
            window_bytes: MAX_WINDOW_BYTES,
        };
        let welcome = ServerMessage::Welcome {
            connection_id: self.id.clone(),
            user,
            expires_at: self.expires_at(),
            server: self.edge.about.clone(),
            limits,
            heartbeat_ms: PING_INTERVAL.as_millis() as u64,
            resume_ticket,
            answers_queries: true,
        };
        self.tell(id, None, welcome)
    }

    /// When the client's token ends.
    pub(super) fn expires_at(&self) -> Option<Timestamp> {
        let at = self.identity.as_ref()?.expires_at?;
        Timestamp::from_second(at).ok()
    }
}
