//! The projects that this gateway's sockets watch: one subscription each, whatever the number of
//! sockets, every hint looked up once, and the focus set as it is, which the gateway brings back to
//! a store that lost it (`cluster.md` §1, §2).
//!
//! A hint is never a truth. Whoever watches reads first and hears after; who falls behind is told
//! so and reads again. Whose news somebody may hear is decided where it is told.

mod keeping;

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use termfleet_runtime::Tasks;
use termfleet_session::{
    focus::FocusSet,
    ids::{Alias, ProjectId, SessionId, TenantId},
    record::Session,
};
use termfleet_store::{Bus, Directory, Focus, Hint, StoreError, Subscription};
use tokio::sync::{
    OnceCell,
    broadcast::{self, error::RecvError},
};
use tokio_util::sync::{CancellationToken, DropGuard};

/// News that a slow socket may be behind before it has to read everything again: as many as the
/// store keeps for the gateway itself.
const NEWS: usize = 256;

/// A project's full name.
type Name = (TenantId, ProjectId);

/// The projects that somebody here watches. Clones share them.
#[derive(Clone)]
pub struct Projects(Arc<Shared>);

struct Shared {
    directory: Arc<dyn Directory>,
    bus: Arc<dyn Bus>,
    focus: Arc<dyn Focus>,
    tasks: Tasks,
    arrivals: broadcast::Sender<Arrival>,
    // Short and private: held for a look-up.
    watched: Mutex<HashMap<Name, Weak<Project>>>,
}

impl std::fmt::Debug for Projects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Projects").field("watched", &self.0.lock().len()).finish()
    }
}

/// A session that was created, by the names that somebody may wait for it under.
#[derive(Debug, Clone)]
struct Arrival {
    id: SessionId,
    alias: Option<Alias>,
}

/// Sessions that are created from now on, as far as this gateway hears of it.
#[derive(Debug)]
pub(crate) struct Arrivals {
    /// By this gateway, or in a project that is watched here.
    here: broadcast::Receiver<Arrival>,
    /// By any gateway, in one tenant.
    tenant: Option<Subscription>,
}

/// Something that happened in a project.
#[derive(Debug, Clone)]
pub(crate) enum News {
    /// A session's record, as it was read after the hint; it may be closed.
    Session(Arc<Session>),
    /// There is no such record any more.
    Gone(SessionId),
    /// All that are not closed, as they were read after hints were lost.
    All(Arc<Vec<Session>>),
    /// The focus.
    Focus(Arc<FocusSet>),
    /// This watcher was too slow and missed some of the news.
    Behind,
}

/// A project that is watched.
#[derive(Debug)]
struct Project {
    name: Name,
    shared: Weak<Shared>,
    started: OnceCell<()>,
    news: broadcast::Sender<News>,
    // Short and private; news of the focus are sent under it, so that they keep their order.
    set: Mutex<Arc<FocusSet>>,
    stop: CancellationToken,
    _stops: DropGuard,
}

/// One socket's watch of a project; dropping it ends it.
#[derive(Debug)]
pub(crate) struct Watching {
    // Declared before the project, so that the last watcher is gone when the project looks.
    news: broadcast::Receiver<News>,
    project: Arc<Project>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Shared(…)")
    }
}

impl Projects {
    /// Nothing is watched yet; the tasks are the gateway's own.
    #[must_use]
    pub fn new(
        directory: Arc<dyn Directory>,
        bus: Arc<dyn Bus>,
        focus: Arc<dyn Focus>,
        tasks: Tasks,
    ) -> Self {
        let watched = Mutex::default();
        let (arrivals, _) = broadcast::channel(NEWS);
        Self(Arc::new(Shared { directory, bus, focus, tasks, arrivals, watched }))
    }

    /// Tells whoever waits for it that a session was created.
    pub(crate) fn announce(&self, session: &Session) {
        self.0.announce(session);
    }

    /// Sessions that are created from now on: by this gateway, or in a project that is watched here.
    pub(crate) fn arrivals(&self) -> Arrivals {
        Arrivals { here: self.0.arrivals.subscribe(), tenant: None }
    }

    /// Also those that any other gateway creates in this tenant, as long as somebody here waits for
    /// one. Without the store's answer there are less announcements, and no less sessions.
    pub(crate) async fn widen(&self, arrivals: &mut Arrivals, tenant: &TenantId) {
        match self.0.bus.subscribe_creations(tenant).await {
            Ok(subscription) => arrivals.tenant = Some(subscription),
            Err(error) => tracing::debug!(%error, "creations elsewhere are not heard of"),
        }
    }

    /// Watches a project: its news from now on, and its focus as it is.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub(crate) async fn watch(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<Watching, StoreError> {
        let project = self.entry((tenant.clone(), project.clone()));
        let news = project.news.subscribe();
        let start = || keeping::start(Arc::clone(&self.0), Arc::clone(&project));
        project.started.get_or_try_init(start).await?;
        Ok(Watching { news, project })
    }

    /// Takes a set that was heard of elsewhere: after a change of this gateway's own its sockets
    /// need not wait for the hint to come back.
    pub(crate) fn heard(&self, tenant: &TenantId, project: &ProjectId, set: &FocusSet) {
        if let Some(project) = self.find(tenant, project) {
            project.heard(set);
        }
    }

    /// The focus as it was last heard of, if somebody here watches the project.
    pub(crate) fn known(&self, tenant: &TenantId, project: &ProjectId) -> Option<Arc<FocusSet>> {
        let project = self.find(tenant, project)?;
        project.started.initialized().then(|| project.set())
    }

    fn find(&self, tenant: &TenantId, project: &ProjectId) -> Option<Arc<Project>> {
        self.0.lock().get(&(tenant.clone(), project.clone()))?.upgrade()
    }

    fn entry(&self, name: Name) -> Arc<Project> {
        let mut watched = self.0.lock();
        if let Some(project) = watched.get(&name).and_then(Weak::upgrade) {
            return project;
        }
        let project = Arc::new(Project::new(name.clone(), Arc::downgrade(&self.0)));
        watched.insert(name, Arc::downgrade(&project));
        project
    }
}

impl Arrivals {
    /// Waits until a session of that id or alias is announced; also if that may have been missed.
    /// Cancel-safe.
    pub(crate) async fn of(&mut self, name: &str) {
        loop {
            let arrival = tokio::select! {
                arrival = self.here.recv() => match arrival {
                    Ok(arrival) => arrival,
                    Err(RecvError::Lagged(_)) => return,
                    Err(RecvError::Closed) => std::future::pending().await,
                },
                hint = heard(&mut self.tenant) => match hint {
                    Hint::Creation { id, alias } => Arrival { id, alias },
                    Hint::Session { .. } | Hint::Focus { .. } | Hint::Resync => return,
                },
            };
            if arrival.is(name) {
                return;
            }
        }
    }
}

impl Arrival {
    fn is(&self, name: &str) -> bool {
        let alias = self.alias.as_ref().map(Alias::as_str);
        self.id.as_str() == name || alias == Some(name)
    }
}

/// The next hint; none ever comes where nobody subscribed, or from a store that is gone.
async fn heard(subscription: &mut Option<Subscription>) -> Hint {
    let hint = match subscription {
        Some(subscription) => subscription.recv().await,
        None => None,
    };
    match hint {
        Some(hint) => hint,
        None => std::future::pending().await,
    }
}

impl Shared {
    fn announce(&self, session: &Session) {
        // Mostly nobody waits.
        let Session { id, alias, .. } = session;
        let _ = self.arrivals.send(Arrival { id: id.clone(), alias: alias.clone() });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Name, Weak<Project>>> {
        // Nothing that happens under the lock can leave the map half changed.
        self.watched.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Project {
    fn new(name: Name, shared: Weak<Shared>) -> Self {
        let stop = CancellationToken::new();
        let _stops = stop.clone().drop_guard();
        let (news, _) = broadcast::channel(NEWS);
        let (started, set) = (OnceCell::new(), Mutex::default());
        Self { name, shared, started, news, set, stop, _stops }
    }

    /// The focus as it was last heard of.
    fn set(&self) -> Arc<FocusSet> {
        Arc::clone(&self.lock())
    }

    /// Keeps a set and tells it, if it is newer than the one that is kept.
    fn heard(&self, set: &FocusSet) {
        let mut known = self.lock();
        if set.version > known.version {
            *known = Arc::new(set.clone());
            self.tell(News::Focus(Arc::clone(&known)));
        }
    }

    fn tell(&self, news: News) {
        // Nobody listens any more: the project is about to be dropped.
        let _ = self.news.send(news);
    }

    fn lock(&self) -> MutexGuard<'_, Arc<FocusSet>> {
        // A set is replaced as a whole.
        self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Project {
    /// Removes its entry, unless another one has taken its place already.
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut watched = shared.lock();
        if watched.get(&self.name).is_some_and(|entry| entry.strong_count() == 0) {
            watched.remove(&self.name);
        }
    }
}

impl Watching {
    /// The next news. `None`: there will be no more. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Option<News> {
        match self.news.recv().await {
            Ok(news) => Some(news),
            Err(RecvError::Lagged(_)) => Some(News::Behind),
            Err(RecvError::Closed) => None,
        }
    }

    /// The focus as it was last heard of.
    pub(crate) fn set(&self) -> Arc<FocusSet> {
        self.project.set()
    }
}

#[cfg(test)]
mod tests;
