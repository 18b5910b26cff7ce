//! What a socket asks of others and has to wait for: the directory, a worker's unary calls. They run
//! beside its loop, which goes on serving every other session meanwhile.

use std::{pin::Pin, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream::FuturesUnordered};
use termfleet_proto::{focus::FocusState, rest, ws::v1::RequestId};
use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, ProjectId},
    record::Session,
    role::{Actor, Operation},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{self, Instant},
};
use tracing::Span;

use super::{focus::Asker, questions::Progress, reading::Sum, tiers, watch::Seen};
use crate::{
    admit::SocketPlace,
    edge::Edge,
    focus::{NotFocused, Refocused},
    sessions::{RowsPage, Sessions},
    upstream::SeatKey,
};

/// Errands of one socket at a time. A client that asks for more waits until one is done.
const MOST: usize = 32;
/// How long a session that does not exist yet is waited for, look by look (`protocol.md` §3).
const LOOKS_MS: [u64; 5] = [100, 500, 1_000, 2_000, 4_110];
/// Sockets of one gateway that may wait for a session (`protocol.md` §3).
const MOST_WAITERS: usize = 1_000;
/// What a client is told whose session did not come: the words that the seeds' clients know.
pub(super) const NEVER_CAME: &str = "Session registration failed after retries";

/// Places for sockets that wait for a session which does not exist yet.
#[derive(Debug, Clone)]
pub struct Waiters(Arc<Semaphore>);

/// A place that somebody waits at; dropping it frees it.
#[derive(Debug)]
pub struct Waiting(#[allow(dead_code, reason = "held for its drop")] OwnedSemaphorePermit);

impl Default for Waiters {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST_WAITERS)))
    }
}

impl Waiters {
    /// Takes a place, if one is free.
    #[must_use]
    pub fn take(&self) -> Option<Waiting> {
        Arc::clone(&self.0).try_acquire_owned().ok().map(Waiting)
    }
}

/// What came of an errand.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The session that a seat is for.
    Found(SeatKey, Result<Box<Session>, Refusal>),
    /// A session was to be created; in dialects of text a seat waits for it.
    Created(Option<RequestId>, Option<SeatKey>, Result<Box<Created>, Refusal>),
    /// A session was to be closed.
    Closed(Option<RequestId>, String, Result<Box<Session>, Refusal>),
    /// A project was to be watched; `asked`: the client did so.
    Watched {
        /// The request that asked for it.
        id: Option<RequestId>,
        /// Nobody asked: it follows from a session being named.
        implied: bool,
        /// Which project.
        project: ProjectId,
        /// Its changes, and what it is like now.
        watch: Result<Box<Seen>, Refusal>,
    },
    /// A session's project was to be watched before a seat at it is taken.
    WatchedFirst(SeatKey, Box<Session>, Result<Box<Seen>, Refusal>),
    /// The focus of a session's project was to be followed before a seat at it is taken.
    Followed(SeatKey, Box<Session>, Result<tiers::Focus, Refusal>),
    /// The focus was to be changed.
    Refocused(Asker, Result<Box<Refocused>, Box<NotFocused>>),
    /// The focus was asked for, about a session of that name.
    Synced(String, Result<Box<FocusState>, Refusal>),
    /// Rows of a session, which the client named so, were asked for.
    Recalled(Option<RequestId>, String, Result<RowsPage, Refusal>),
    /// A screen's check sum was asked for.
    Checked(Option<RequestId>, SeatKey, ChannelId, Result<Sum, Refusal>),
    /// A client that signs in by its first message was to get a place for its socket.
    Placed(Option<RequestId>, Result<SocketPlace, Refusal>),
    /// What came of an errand of a question.
    Question(Progress),
}

/// A session that was created, and how it is shown.
#[derive(Debug)]
pub(super) struct Created {
    /// It.
    pub(super) session: Session,
    /// With its focus.
    pub(super) shown: rest::Session,
}

type Running = Pin<Box<dyn Future<Output = Done> + Send>>;

/// An errand is done: what came of it, and the span of the message that asked for it.
#[derive(Debug)]
pub(super) struct Done {
    pub(super) outcome: Outcome,
    pub(super) span: Span,
}

/// The errands of one socket.
#[derive(Default)]
pub(super) struct Errands {
    running: FuturesUnordered<Running>,
}

impl std::fmt::Debug for Errands {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Errands").field("running", &self.running.len()).finish()
    }
}

impl Errands {
    pub(super) fn run(&mut self, errand: impl Future<Output = Outcome> + Send + 'static) {
        let span = Span::current();
        let errand = traces::within(span.clone(), errand);
        self.running.push(Box::pin(async { Done { outcome: errand.await, span } }));
    }

    /// May another one be started?
    pub(super) fn has_room(&self) -> bool {
        self.running.len() < MOST
    }

    pub(super) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// What came of the next one that ends. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Done> {
        self.running.next().await
    }
}

/// A session that a client wants.
pub(super) async fn create(
    sessions: &Sessions,
    actor: &Actor,
    request: rest::CreateSession,
) -> Result<Box<Created>, Refusal> {
    let session = sessions.create(actor, request).await?;
    let shown = sessions.shown_one(&session).await;
    Ok(Box::new(Created { session, shown }))
}

/// A session by the name that a client gave, if it may be read.
pub(super) async fn find(edge: Arc<Edge>, actor: Actor, name: String) -> Result<Session, Refusal> {
    look(&edge, &actor, &name).await
}

async fn look(edge: &Edge, actor: &Actor, name: &str) -> Result<Session, Refusal> {
    let found = edge.sessions.find(actor, Operation::Read, name).await?;
    edge.upstream.meet(&found).await;
    Ok(found)
}

/// The same, but one that is not there is waited for; somebody else's is waited for alike.
pub(super) async fn find_patiently(
    edge: Arc<Edge>,
    actor: Actor,
    name: String,
) -> Result<Session, Refusal> {
    let look = || look(&edge, &actor, &name);
    // Heard from before the first look on, so that nothing is announced in between.
    let mut arrivals = edge.projects.arrivals();
    let first = look().await;
    if !is_missing(&first) {
        return first;
    }
    let Some(_place) = edge.waiters.take() else {
        return Err(Refusal::new(Code::ResourceExhausted, "too many wait for their sessions"));
    };
    let mut looked = Instant::now();
    edge.projects.widen(&mut arrivals, &Sessions::home(&actor)).await;
    for wait in LOOKS_MS {
        let due = looked + Duration::from_millis(wait);
        loop {
            let announced = time::timeout_at(due, arrivals.of(&name)).await;
            let found = look().await;
            if !is_missing(&found) {
                return found;
            }
            // What was announced may be somebody else's of that name: it is waited on alike.
            if announced.is_err() {
                break;
            }
        }
        looked = Instant::now();
    }
    Err(Refusal::new(Code::SessionNotFound, NEVER_CAME))
}

fn is_missing(found: &Result<Session, Refusal>) -> bool {
    matches!(found, Err(refusal) if refusal.code == Code::SessionNotFound)
}
