//! Focus on a socket: asked for, answered, and told in each dialect; and for clients that watch one
//! session with its project's focus, whether the gateway's way to it stands.

use termfleet_proto::{
    focus::{FocusChange, FocusState},
    ws::{
        text::{PathStatus, Said, Tell},
        v1::{RequestId, ServerMessage},
    },
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    focus::{FocusSet, Step},
    ids::{FocusVersion, ProjectId},
    role::Operation,
};

use super::{
    Connection,
    canonical::bad,
    close::Closing,
    errand::Outcome,
    tell::About,
    voice::{Named, Voice},
};
use crate::{
    focus::{NotFocused, Refocused},
    upstream::SeatKey,
};

/// What a client may ask of a session that is not found yet: a view asks twice when it opens.
pub(super) const MOST_WAITING: usize = 16;

/// Who asked for a change of focus, and how they are answered.
#[derive(Debug, Clone)]
pub(super) enum Asker {
    /// A canonical client, by a request with this id.
    Request(Option<RequestId>),
    /// A client of text, about the session that it calls so.
    Name {
        /// The client's name for it.
        name: String,
        /// What it asked for.
        focused: bool,
    },
}

impl Connection {
    /// The canonical `focus`.
    pub(super) fn refocus(
        &mut self,
        id: Option<RequestId>,
        project: ProjectId,
        changes: Vec<FocusChange>,
        expected: Option<FocusVersion>,
    ) -> Result<(), Closing> {
        if let Err(refusal) = self.may(Operation::Write) {
            return self.refuse(About::request(id), &refusal);
        }
        let foreign = |change: &FocusChange| !self.is_its_own(&change.session_id);
        if self.path.is_some() && changes.iter().any(foreign) {
            return self.refuse(About::request(id), &bad("this socket is another session's"));
        }
        self.ask_focus(Asker::Request(id), Some(project), changes, expected)
    }

    /// A client of text asks for something that a session has to be found for; what comes too
    /// early waits for it, and so does what must not be answered before the client has heard that
    /// the way to its session stands.
    pub(super) fn ask_of_found(&mut self, key: SeatKey, said: Said) -> Result<(), Closing> {
        let is_view = matches!(self.voice, Voice::FocusSync);
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        let open = seat.channel.is_some() || !is_view;
        let found = seat.session.clone().zip(seat.place.clone());
        let Some((session, (_, project))) = found.filter(|_| open) else {
            if seat.waiting.len() < MOST_WAITING {
                seat.waiting.push(said);
                return Ok(());
            }
            let about = self.about(key, None);
            let text = format!("more than {MOST_WAITING} requests wait for this session");
            return self.refuse(about, &Refusal::new(Code::RateLimited, text));
        };
        let name = seat.name.clone();
        match said {
            Said::Focus { focused, expected_version } => {
                if let Err(refusal) = self.may(Operation::Write) {
                    let about = self.about(key, None);
                    return self.refuse(about, &refusal);
                }
                let changes = vec![FocusChange { session_id: session.to_string(), focused }];
                self.ask_focus(Asker::Name { name, focused }, None, changes, expected_version)
            }
            Said::Sync => self.ask_sync(name, project),
            // Nothing else needs the session to be found.
            _ => Ok(()),
        }
    }

    /// The session of a seat was found, or its way stands: what was asked before is asked now.
    pub(super) fn ask_waiting(&mut self, key: SeatKey) -> Result<(), Closing> {
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        for said in std::mem::take(&mut seat.waiting) {
            self.ask_of_found(key, said)?;
        }
        Ok(())
    }

    fn ask_focus(
        &mut self,
        asker: Asker,
        project: Option<ProjectId>,
        changes: Vec<FocusChange>,
        expected: Option<FocusVersion>,
    ) -> Result<(), Closing> {
        let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
        self.errands.run(async move {
            let changed = sessions.refocus(&actor, project.as_ref(), changes, expected).await;
            Outcome::Refocused(asker, changed.map(Box::new).map_err(Box::new))
        });
        Ok(())
    }

    fn ask_sync(&mut self, name: String, project: ProjectId) -> Result<(), Closing> {
        let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
        self.errands.run(async move {
            let focus = sessions.focus_of(&actor, &project).await;
            Outcome::Synced(name, focus.map(Box::new))
        });
        Ok(())
    }

    /// A change was made, or refused.
    pub(super) fn refocused(
        &mut self,
        asker: Asker,
        changed: Result<Box<Refocused>, Box<NotFocused>>,
    ) -> Result<(), Closing> {
        match (asker, changed) {
            (Asker::Request(id), Ok(changed)) => {
                self.tell(id, None, ServerMessage::Focused { focus_state: changed.state })
            }
            (Asker::Name { name, focused }, Ok(changed)) => {
                self.answer_by_name(&name, focused, *changed)
            }
            (Asker::Request(id), Err(refused)) => self.refuse_focus(About::request(id), *refused),
            (Asker::Name { name, focused: _ }, Err(refused)) => {
                self.refuse_focus(About::named(None, &name), *refused)
            }
        }
    }

    /// A client of text is answered by the news of what it did, which every watcher is told; else
    /// by the same words.
    fn answer_by_name(
        &mut self,
        name: &str,
        focused: bool,
        changed: Refocused,
    ) -> Result<(), Closing> {
        let Refocused { steps, state } = changed;
        if steps.is_empty() {
            return self.say_focus(name.to_owned(), focused, state);
        }
        if self.watches.contains(&state.project_id) {
            return Ok(());
        }
        for (step, state) in steps {
            self.say_focus(self.name_of(&step.session), step.focused, state)?;
        }
        Ok(())
    }

    fn refuse_focus(&mut self, about: About, refused: NotFocused) -> Result<(), Closing> {
        let NotFocused { refusal, state } = refused;
        let state = state.map(|state| Box::new(self.in_its_words(*state)));
        self.refuse_with(about, &refusal, state)
    }

    /// The answer to `sync_request`.
    pub(super) fn focus_synced(
        &mut self,
        name: &str,
        focus: Result<Box<FocusState>, Refusal>,
    ) -> Result<(), Closing> {
        let focus = match focus {
            Ok(focus) => self.in_its_words(*focus),
            Err(refusal) => return self.refuse(About::named(None, name), &refusal),
        };
        let named = Named { name: Some(name), project: Some(&focus.project_id) };
        match self.voice.text(named, Tell::Synced { focus: &focus }) {
            Some(message) => self.outgoing.say(message),
            None => Ok(()),
        }
    }

    /// A session of a watched project gained or lost the focus.
    pub(super) fn focus_moved(
        &mut self,
        project: &ProjectId,
        step: &Step,
        set: &FocusSet,
    ) -> Result<(), Closing> {
        let state = self.edge.sessions.focus_state(project, set);
        self.say_focus(self.name_of(&step.session), step.focused, state)
    }

    fn say_focus(&mut self, name: String, focused: bool, state: FocusState) -> Result<(), Closing> {
        let focus = self.in_its_words(state);
        let timestamp = clock::now_ms();
        let session_id = name.clone();
        let update = ServerMessage::FocusUpdate { session_id, focused, focus, timestamp };
        self.tell(None, Some(&name), update)
    }

    /// Tells a client of the dialect that has words for it how the way to its session is.
    pub(super) fn say_path(
        &mut self,
        key: SeatKey,
        status: PathStatus,
        reason: Option<&str>,
        retry_count: Option<u32>,
    ) -> Result<(), Closing> {
        if !matches!(self.voice, Voice::FocusSync) {
            return Ok(());
        }
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        let Some((tenant, project)) = seat.place.clone() else { return Ok(()) };
        let name = seat.name.clone();
        // It was watched before the way was asked for.
        let set = self.edge.projects.known(&tenant, &project).unwrap_or_default();
        let focus = self.in_its_words(self.edge.sessions.focus_state(&project, &set));
        let named = Named { name: Some(&name), project: Some(&project) };
        let tell = Tell::Path { status, reason, retry_count, focus: &focus };
        match self.voice.text(named, tell) {
            Some(message) => self.outgoing.say(message),
            None => Ok(()),
        }
    }

    /// The focus with the names that a client of text gave its sessions.
    pub(super) fn in_its_words(&self, mut state: FocusState) -> FocusState {
        if self.voice.is_text() {
            for session in &mut state.focused_sessions {
                if let Ok(id) = session.parse() {
                    *session = self.name_of(&id);
                }
            }
        }
        state
    }
}
