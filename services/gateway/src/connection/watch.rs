//! A project that a socket watches: its sessions are read first, hints after, and every hint is
//! looked up, for a hint is never a truth.

use std::{
    collections::{HashSet, VecDeque},
    pin::Pin,
    sync::Arc,
};

use futures_util::{Stream, StreamExt, stream};
use termfleet_session::{
    code::Refusal,
    ids::{ProjectId, SessionId},
    record::{Exit, Session},
    role::{Actor, Operation},
    state::Status,
};
use termfleet_store::{Hint, Subscription};
use tokio_stream::StreamMap;

use crate::{edge::Edge, sessions::Sessions};

/// Projects that one socket may watch: more than a person has open, few enough that a socket
/// stays cheap.
const MOST: usize = 32;

/// Something happened in a watched project.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Notice {
    /// A session appeared.
    Created(Box<Session>),
    /// A session's record changed.
    Updated(Box<Session>),
    /// A session ended.
    Closed(SessionId, Option<Exit>),
}

/// What happens in one project.
pub(super) struct Watch(Pin<Box<dyn Stream<Item = Notice> + Send>>);

impl std::fmt::Debug for Watch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watch(…)")
    }
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

/// Starts to watch a project; answers its sessions as they are now.
///
/// # Errors
/// If the store cannot be reached.
pub(super) async fn watch(
    edge: Arc<Edge>,
    actor: Actor,
    project: ProjectId,
) -> Result<(Watch, Vec<Session>), Refusal> {
    let subscription = edge.bus.subscribe(&Sessions::home(&actor), &project).await?;
    let sessions = edge.sessions.list(&actor, &project).await?;
    let known = sessions.iter().map(|session| session.id.clone()).collect();
    let watcher = Watcher { edge, actor, project, subscription, known, backlog: VecDeque::new() };
    let notices = stream::unfold(watcher, |mut watcher| async move {
        let notice = watcher.next().await?;
        Some((notice, watcher))
    });
    Ok((Watch(Box::pin(notices)), sessions))
}

struct Watcher {
    edge: Arc<Edge>,
    actor: Actor,
    project: ProjectId,
    subscription: Subscription,
    /// Sessions that the client believes to be there.
    known: HashSet<SessionId>,
    /// What one hint meant and was not told yet.
    backlog: VecDeque<Notice>,
}

impl Watcher {
    async fn next(&mut self) -> Option<Notice> {
        loop {
            if let Some(notice) = self.backlog.pop_front() {
                return Some(notice);
            }
            match self.subscription.recv().await? {
                Hint::Session { id, what: _, version: _ } => self.look_up(id).await,
                Hint::Focus { set: _ } => {}
                Hint::Resync => self.look_at_all().await,
            }
        }
    }

    async fn look_up(&mut self, id: SessionId) {
        match self.edge.directory.get(&id).await {
            Ok(Some(session)) => self.note(session),
            Ok(None) => self.gone(id, None),
            // A hint was lost, no more: the next one, or the next listing, tells the same.
            Err(error) => tracing::debug!(%error, "a hint could not be looked up"),
        }
    }

    async fn look_at_all(&mut self) {
        let Ok(sessions) = self.edge.sessions.list(&self.actor, &self.project).await else {
            tracing::debug!("a project could not be read again");
            return;
        };
        let mut missing = self.known.clone();
        for session in sessions {
            missing.remove(&session.id);
            self.note(session);
        }
        for id in missing {
            self.gone(id, None);
        }
    }

    fn note(&mut self, session: Session) {
        if self.actor.may(Operation::Read, &session.tenant, &session.user).is_err() {
            return;
        }
        if session.status == Status::Closed {
            return self.gone(session.id, session.exit);
        }
        let notice = match self.known.insert(session.id.clone()) {
            true => Notice::Created(Box::new(session)),
            false => Notice::Updated(Box::new(session)),
        };
        self.backlog.push_back(notice);
    }

    fn gone(&mut self, id: SessionId, exit: Option<Exit>) {
        if self.known.remove(&id) {
            self.backlog.push_back(Notice::Closed(id, exit));
        }
    }
}
