//! A project that a socket watches: its sessions and its focus are read first, news of them heard
//! after, and of both only what this client may know and does not know yet.

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    sync::Arc,
};

use futures_util::{Stream, StreamExt, stream};
use termfleet_session::{
    code::Refusal,
    focus::{FocusSet, Step},
    ids::{ProjectId, SessionId, TenantId},
    record::{Cause, Exit, Session},
    role::{Actor, Operation},
    state::Status,
};
use tokio_stream::StreamMap;

use super::tiers::Place;
use crate::{
    edge::Edge,
    projects::{News, Watching},
};

/// Projects that one socket may watch: more than a person has open, few enough that a socket
/// stays cheap.
const MOST: usize = 32;

/// Something happened in a watched project.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Notice {
    /// A session appeared; with the focus of its project.
    Created(Arc<Session>, Arc<FocusSet>),
    /// A session's record changed.
    Updated(Arc<Session>, Arc<FocusSet>),
    /// A session ended.
    Closed(SessionId, Cause, Option<Exit>),
    /// A session gained or lost the focus; with the focus of the project after that.
    Focus(ProjectId, Step, Arc<FocusSet>),
    /// The focus of a project changed that decides how seats are fed.
    Followed(Place),
}

/// What happens in one project.
pub(super) struct Watch(Pin<Box<dyn Stream<Item = Notice> + Send>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch(…)")
    }
}

/// A project as it is when a socket begins to watch it.
#[derive(Debug)]
pub(super) struct Seen {
    /// What happens from then on.
    pub(super) watch: Watch,
    /// Its sessions that the client may know of.
    pub(super) sessions: Vec<Session>,
    /// Its focus.
    pub(super) set: Arc<FocusSet>,
}

/// The projects that a socket watches.
#[derive(Debug, Default)]
pub(super) struct Watches {
    streams: StreamMap<ProjectId, Watch>,
}

impl Stream for Watch {
    type Item = Notice;

    fn poll_next(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Notice>> {
        self.0.poll_next_unpin(cx)
    }
}

impl Watches {
    /// Watches a project. False: no more can be watched.
    pub(super) fn add(&mut self, project: ProjectId, watch: Watch) -> bool {
        if self.streams.len() >= MOST && !self.streams.contains_key(&project) {
            return false;
        }
        self.streams.insert(project, watch);
        true
    }

    pub(super) fn remove(&mut self, project: &ProjectId) {
        self.streams.remove(project);
    }

    pub(super) fn contains(&self, project: &ProjectId) -> bool {
        self.streams.contains_key(project)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.streams.is_empty()
    }

    /// The next notice of any project; `None` if the last watch has just ended. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Notice> {
        self.streams.next().await.map(|(_, notice)| notice)
    }
}

/// Starts to watch a project.
///
/// # Errors
/// If the store cannot be reached.
pub(super) async fn watch(
    edge: Arc<Edge>,
    actor: Actor,
    tenant: TenantId,
    project: ProjectId,
) -> Result<Seen, Refusal> {
    let watching = edge.projects.watch(&tenant, &project).await?;
    let sessions = edge.sessions.list(&actor, &tenant, &project).await?;
    let known = sessions.iter().map(|session| session.id.clone()).collect();
    let set = watching.set();
    let backlog = VecDeque::new();
    let watcher =
        Watcher { edge, actor, tenant, project, watching, known, set: Arc::clone(&set), backlog };
    let notices = stream::unfold(watcher, |mut watcher| async move {
        let notice = watcher.next().await?;
        Some((notice, watcher))
    });
    Ok(Seen { watch: Watch(Box::pin(notices)), sessions, set })
}

struct Watcher {
    edge: Arc<Edge>,
    actor: Actor,
    tenant: TenantId,
    project: ProjectId,
    watching: Watching,
    /// Sessions that the client believes to be there.
    known: HashSet<SessionId>,
    /// The focus that the client knows.
    set: Arc<FocusSet>,
    /// What one piece of news meant and was not told yet.
    backlog: VecDeque<Notice>,
}

impl Watcher {
    async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.backlog.pop_front() {
                return Some(notice);
            }
            match self.watching.next().await? {
                News::Session(session) => self.note(session),
                News::Gone(id) => self.gone(id, Cause::Closed, None),
                News::All(sessions) => {
                    self.note_all(sessions.iter().cloned().map(Arc::new).collect());
                }
                News::Focus(set) => self.refocused(set),
                News::Behind => self.look_at_all().await,
            }
        }
    }

    async fn look_at_all(&mut self) {
        self.refocused(self.watching.set());
        match self.edge.sessions.list(&self.actor, &self.tenant, &self.project).await {
            Ok(sessions) => self.note_all(sessions.into_iter().map(Arc::new).collect()),
            // Whatever happens next tells the same.
            Err(error) => tracing::debug!(%error, "a project could not be read again"),
        }
    }

    fn note_all(&mut self, sessions: Vec<Arc<Session>>) {
        let mut missing = self.known.clone();
        for session in sessions {
            missing.remove(&session.id);
            self.note(session);
        }
        for id in missing {
            self.gone(id, Cause::Closed, None);
        }
    }

    fn note(&mut self, session: Arc<Session>) {
        if self.actor.may(Operation::Read, &session.tenant, &session.user).is_err() {
            return;
        }
        if session.status == Status::Closed {
            return self.gone(session.id.clone(), session.cause(), session.exit);
        }
        let set = Arc::clone(&self.set);
        let notice = match self.known.insert(session.id.clone()) {
            true => Notice::Created(session, set),
            false => Notice::Updated(session, set),
        };
        self.backlog.push_back(notice);
    }

    fn gone(&mut self, id: SessionId, cause: Cause, exit: Option<Exit>) {
        if self.known.remove(&id) {
            self.backlog.push_back(Notice::Closed(id, cause, exit));
        }
    }

    /// One notice a session; where steps were missed several have one version.
    fn refocused(&mut self, set: Arc<FocusSet>) {
        if set.version <= self.set.version {
            return;
        }
        for step in self.set.steps_to(&set) {
            self.backlog.push_back(Notice::Focus(self.project.clone(), step, Arc::clone(&set)));
        }
        self.set = set;
    }
}
