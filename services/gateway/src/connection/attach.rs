//! From a session's name to a seat at it: found, asked for, given up.

use std::sync::Arc;

use termfleet_proto::{
    rest,
    ws::v1::{RequestId, ServerMessage},
};
use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    focus::FocusSet,
    ids::ProjectId,
    record::Session,
};

use super::{
    Connection,
    close::Closing,
    errand::{self, Created, NEVER_CAME, Outcome},
    seats::{Seat, Wish},
    tell::About,
    voice::Voice,
    watch::{self, Seen},
};
use crate::{
    sessions::Sessions,
    upstream::{Attach, SeatKey},
    ws::CloseCode,
};

impl Connection {
    /// Looks for the session of a seat.
    pub(super) fn look_for(&mut self, key: SeatKey, name: String) -> Result<(), Closing> {
        let (edge, actor) = (Arc::clone(&self.edge), self.actor()?.clone());
        if self.path.is_some() || matches!(self.voice, Voice::FocusSync) {
            self.errands.run(async move {
                let found = errand::find_patiently(edge, actor, name).await;
                Outcome::Found(key, found.map(Box::new))
            });
        } else {
            self.errands.run(async move {
                let found = errand::find(edge, actor, name).await;
                Outcome::Found(key, found.map(Box::new))
            });
        }
        Ok(())
    }

    /// An errand is done.
    pub(super) fn done(&mut self, outcome: Outcome) -> Result<(), Closing> {
        match outcome {
            Outcome::Found(key, Ok(session)) => self.found(key, &session),
            Outcome::Found(key, Err(refusal)) => self.not_found(key, refusal),
            Outcome::Created(id, key, Ok(created)) => self.created(id, key, *created),
            Outcome::Created(id, key, Err(refusal)) => self.not_created(id, key, &refusal),
            Outcome::Closed(id, name, Ok(session)) => self.closed(id, &name, &session),
            Outcome::Closed(id, name, Err(refusal)) => {
                self.refuse(About::named(id, &name), &refusal)
            }
            Outcome::Watched { id, implied, project, watch } => {
                let seen = watch.and_then(|seen| self.take_watch(&project, *seen));
                match seen {
                    Ok(_) if implied => Ok(()),
                    Ok((sessions, set)) => self.subscribed(id, project, &sessions, &set),
                    Err(refusal) => self.unwatched(id, implied, &refusal),
                }
            }
            Outcome::WatchedFirst(key, session, watch) => {
                match watch.and_then(|seen| self.take_watch(&session.project, *seen)) {
                    Ok(_) => self.take_seat(key, &session),
                    Err(refusal) => self.unseat(key, &refusal),
                }
            }
            Outcome::Followed(key, session, focus) => self.followed(key, &session, focus),
            Outcome::Refocused(asker, changed) => self.refocused(asker, changed),
            Outcome::Synced(name, focus) => self.focus_synced(&name, focus),
            Outcome::Recalled(id, name, page) => self.recalled(id, &name, page),
            Outcome::Checked(id, key, channel, sum) => self.checked(id, key, channel, sum),
            Outcome::Placed(id, place) => self.placed(id, place),
            Outcome::Question(progress) => self.question_goes_on(progress),
        }
    }

    /// Watches a project from now on; answers its sessions and its focus as they are.
    fn take_watch(
        &mut self,
        project: &ProjectId,
        seen: Seen,
    ) -> Result<(Vec<Session>, Arc<FocusSet>), Refusal> {
        let Seen { watch, sessions, set } = seen;
        if self.watches.add(project.clone(), watch) {
            return Ok((sessions, set));
        }
        let text = "this socket watches as many projects as it may";
        Err(Refusal::new(Code::ResourceExhausted, text))
    }

    fn found(&mut self, key: SeatKey, session: &Session) -> Result<(), Closing> {
        if let Some(path) = &self.path {
            let alias = session.alias.as_ref().map(|alias| alias.as_str());
            if path != session.id.as_str() && alias != Some(path.as_str()) {
                let refusal = Refusal::new(Code::BadMessage, "this socket is another session's");
                return self.unseat(key, &refusal);
            }
        }
        if let Some(seat) = self.seats.get(key) {
            seat.session = Some(session.id.clone());
            seat.place = Some((session.tenant.clone(), session.project.clone()));
        }
        if self.voice.is_text()
            && let Some(other) = self.joins_another(key, session)
        {
            self.question_joins(key, other)?;
            return self.ask_waiting(other);
        }
        // Its first word is of the focus.
        if matches!(self.voice, Voice::FocusSync) && !self.watches.contains(&session.project) {
            return self.watch_first(key, session.clone());
        }
        if self.must_follow(key) {
            return self.follow_first(key, session.clone());
        }
        self.take_seat(key, session)
    }

    pub(super) fn take_seat(&mut self, key: SeatKey, session: &Session) -> Result<(), Closing> {
        let (actor, tier) = (self.actor()?.clone(), self.tier_of(key));
        let Some((seat, tier)) = self.seats.get(key).zip(tier) else { return Ok(()) };
        let Wish { client, attempt, resume, tier: _, size, snapshot_rows, redraw_rows } =
            seat.wish.clone();
        let attach = Attach {
            session: session.id.clone(),
            actor,
            client,
            attempt,
            resume,
            tier,
            size,
            snapshot_rows,
            redraw_rows,
            traceparent: traces::traceparent(),
        };
        match self.edge.upstream.attach(session, attach, &self.inbox, key) {
            Ok(attachment) => {
                seat.attachment = Some(attachment);
                self.ask_waiting(key)?;
                self.watch_along(session)
            }
            Err(refusal) => self.unseat(key, &refusal),
        }
    }

    fn not_found(&mut self, key: SeatKey, refusal: Refusal) -> Result<(), Closing> {
        let missing = refusal.code == Code::SessionNotFound;
        self.unseat(key, &refusal)?;
        if self.path.is_some() && missing {
            return Err(Closing::new(CloseCode::POLICY, NEVER_CAME));
        }
        Ok(())
    }

    /// Gives a seat up that was never taken, and says why. On a single session's socket of text
    /// that is the end: nothing else could be said on it.
    pub(super) fn unseat(&mut self, key: SeatKey, refusal: &Refusal) -> Result<(), Closing> {
        let request = self.seats.get(key).and_then(|seat| seat.request.take());
        let about = self.about(key, request);
        self.forget(key);
        if !self.question_lost(key, refusal)? {
            self.refuse(about, refusal)?;
        }
        if self.path.is_some() && self.voice.is_text() {
            return Err(refusal.clone().into());
        }
        Ok(())
    }

    /// Takes a seat out, with everything that belongs to it.
    pub(super) fn forget(&mut self, key: SeatKey) -> Option<Seat> {
        self.inbox.close(key);
        self.measures.remove(key);
        self.limits.forget(key);
        self.names.forget(key);
        let gone = self.seats.remove(key)?;
        self.unfollow(&gone);
        Some(gone)
    }

    fn created(
        &mut self,
        id: Option<RequestId>,
        key: Option<SeatKey>,
        created: Created,
    ) -> Result<(), Closing> {
        let Created { session, shown } = created;
        let name = match key.and_then(|key| self.seats.get(key)) {
            Some(seat) if !seat.name.is_empty() => seat.name.clone(),
            Some(seat) => {
                // The client gave no name: from now on it is the id.
                seat.name = session.id.to_string();
                seat.name.clone()
            }
            None => session.id.to_string(),
        };
        let message = ServerMessage::Created { session: Box::new(shown) };
        self.tell(id, Some(&name), message)?;
        match key {
            Some(key) => {
                self.names.add(name, key);
                self.found(key, &session)
            }
            None => Ok(()),
        }
    }

    fn not_created(
        &mut self,
        id: Option<RequestId>,
        key: Option<SeatKey>,
        refusal: &Refusal,
    ) -> Result<(), Closing> {
        let about = match key {
            Some(key) => self.about(key, id),
            None => About::request(id),
        };
        if let Some(key) = key {
            self.forget(key);
        }
        self.refuse(about, refusal)
    }

    fn closed(
        &mut self,
        id: Option<RequestId>,
        name: &str,
        session: &Session,
    ) -> Result<(), Closing> {
        // A client of text that sits there hears of the end from the session itself.
        if self.voice.is_text() && self.names.knows(&session.id) {
            return Ok(());
        }
        let session_id = session.id.to_string();
        self.tell(id, Some(name), ServerMessage::Closed { session_id })
    }

    /// Asks for a project's changes; `implied`: because a session of it was named.
    pub(super) fn watch(
        &mut self,
        id: Option<RequestId>,
        implied: bool,
        project: ProjectId,
    ) -> Result<(), Closing> {
        let (edge, actor) = (Arc::clone(&self.edge), self.actor()?.clone());
        self.errands.run(async move {
            let tenant = Sessions::home(&actor);
            let watch = watch::watch(edge, actor, tenant, project.clone()).await;
            Outcome::Watched { id, implied, project, watch: watch.map(Box::new) }
        });
        Ok(())
    }

    fn watch_first(&mut self, key: SeatKey, session: Session) -> Result<(), Closing> {
        let (edge, actor) = (Arc::clone(&self.edge), self.actor()?.clone());
        let (tenant, project) = (session.tenant.clone(), session.project.clone());
        self.errands.run(async move {
            let watch = watch::watch(edge, actor, tenant, project).await;
            Outcome::WatchedFirst(key, Box::new(session), watch.map(Box::new))
        });
        Ok(())
    }

    fn unwatched(
        &mut self,
        id: Option<RequestId>,
        implied: bool,
        refusal: &Refusal,
    ) -> Result<(), Closing> {
        if implied {
            // Nobody asked: the session itself works all the same.
            tracing::debug!(error = %refusal, "a session's project is not watched");
            return Ok(());
        }
        self.refuse(About::request(id), refusal)
    }

    fn subscribed(
        &mut self,
        id: Option<RequestId>,
        project_id: ProjectId,
        sessions: &[Session],
        set: &FocusSet,
    ) -> Result<(), Closing> {
        let shown = |session| rest::Session::from(session).with_focus(set);
        let sessions = sessions.iter().map(shown).collect();
        if !self.voice.is_text() {
            let focus_state = self.edge.sessions.focus_state(&project_id, set);
            let subscribed = ServerMessage::Subscribed { project_id, focus_state, sessions };
            return self.tell(id, None, subscribed);
        }
        let sessions: Vec<rest::Session> = sessions;
        for session in sessions {
            let name =
                session.id.parse().map_or_else(|_| session.id.clone(), |id| self.name_of(&id));
            let session = Box::new(session);
            self.tell(None, Some(&name), ServerMessage::SessionUpdated { session })?;
        }
        Ok(())
    }
}
