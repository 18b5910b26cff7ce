//! Focused sessions, measured in turn for the sockets that sit at them: each is looked at once a
//! turn, whatever the number of its sockets, and only while it is focused.
//!
//! Only the newest measures are kept, so that a socket that reads slowly misses some and never
//! queues them. What is measured is decided in `sessions`, how it is told in `connection`.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use termfleet_proto::rest::measures::SessionMeasures;
use termfleet_runtime::{Backoff, Tasks};
use termfleet_session::{
    code::Code,
    ids::{ProjectId, SessionId, TenantId},
    role::Actor,
};
use tokio::{
    sync::watch,
    time::{self, Instant},
};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::{
    projects::{Projects, Watching},
    sessions::Sessions,
};

/// The first pause and the longest one after a store that could not be reached.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// What was measured last; nothing while the session is not focused.
type Newest = Option<Arc<SessionMeasures>>;

/// The sessions that are measured here. Clones share them.
#[derive(Clone)]
pub struct Measuring(Arc<Shared>);

struct Shared {
    sessions: Sessions,
    projects: Projects,
    tasks: Tasks,
    interval: Duration,
    // Short and private: held for a look-up.
    turns: Mutex<HashMap<SessionId, Weak<Turns>>>,
}

impl std::fmt::Debug for Measuring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Measuring").field("sessions", &self.0.lock().len()).finish()
    }
}

/// A session that somebody sits at.
struct Turns {
    session: SessionId,
    place: (TenantId, ProjectId),
    shared: Weak<Shared>,
    newest: watch::Sender<Newest>,
    // Short and private. Who sits there: the worker is asked on behalf of one of them.
    readers: Mutex<Vec<Weak<Actor>>>,
    stop: CancellationToken,
    _stops: DropGuard,
}

/// One socket's share in the measures of a session; dropping it ends it.
pub(crate) struct Measured {
    newest: watch::Receiver<Newest>,
    _reader: Arc<Actor>,
    // Declared last: the last socket is gone when the session's entry looks.
    _turns: Arc<Turns>,
}

impl Measuring {
    /// Nothing is measured yet; the tasks are the gateway's own.
    #[must_use]
    pub fn new(sessions: Sessions, projects: Projects, tasks: Tasks, interval: Duration) -> Self {
        let turns = Mutex::default();
        Self(Arc::new(Shared { sessions, projects, tasks, interval, turns }))
    }

    /// The measures of a session from now on, for somebody who may read it.
    pub(crate) fn of(
        &self,
        actor: &Actor,
        session: &SessionId,
        place: &(TenantId, ProjectId),
    ) -> Measured {
        let reader = Arc::new(actor.clone());
        let turns = self.entry(session, place);
        turns.add(&reader);
        Measured { newest: turns.newest.subscribe(), _reader: reader, _turns: turns }
    }

    fn entry(&self, session: &SessionId, place: &(TenantId, ProjectId)) -> Arc<Turns> {
        let mut all = self.0.lock();
        if let Some(turns) = all.get(session).and_then(Weak::upgrade) {
            return turns;
        }
        let turns = Arc::new(Turns::new(session.clone(), place.clone(), Arc::downgrade(&self.0)));
        all.insert(session.clone(), Arc::downgrade(&turns));
        let (stop, keeper) = (turns.stop.clone(), Keeper::new(&self.0, &turns));
        self.0.tasks.spawn("session measures", async move {
            stop.run_until_cancelled(keeper.run()).await;
        });
        turns
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Weak<Turns>>> {
        // Nothing that happens under the lock can leave the map half changed.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Turns {
    fn new(session: SessionId, place: (TenantId, ProjectId), shared: Weak<Shared>) -> Self {
        let stop = CancellationToken::new();
        let _stops = stop.clone().drop_guard();
        let (newest, readers) = (watch::Sender::default(), Mutex::default());
        Self { session, place, shared, newest, readers, stop, _stops }
    }

    fn add(&self, reader: &Arc<Actor>) {
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.retain(|reader| reader.strong_count() > 0);
        readers.push(Arc::downgrade(reader));
    }

    /// Somebody who sits there now.
    fn reader(&self) -> Option<Arc<Actor>> {
        let readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.iter().find_map(Weak::upgrade)
    }
}

impl Drop for Turns {
    /// Removes its entry, unless another one has taken its place already.
    fn drop(&mut self) {
        let Some(shared) = self.shared.upgrade() else { return };
        let mut all = shared.lock();
        if all.get(&self.session).is_some_and(|entry| entry.strong_count() == 0) {
            all.remove(&self.session);
        }
    }
}

impl Measured {
    /// The next measures. `None`: there will be no more. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Newest {
        loop {
            self.newest.changed().await.ok()?;
            let newest = self.newest.borrow_and_update().clone();
            if newest.is_some() {
                return newest;
            }
        }
    }
}

/// Measures one session as long as somebody sits at it.
struct Keeper {
    shared: Arc<Shared>,
    session: SessionId,
    place: (TenantId, ProjectId),
    // The task must not keep alive what ends it.
    turns: Weak<Turns>,
}

impl Keeper {
    fn new(shared: &Arc<Shared>, turns: &Arc<Turns>) -> Self {
        Self {
            shared: Arc::clone(shared),
            session: turns.session.clone(),
            place: turns.place.clone(),
            turns: Arc::downgrade(turns),
        }
    }

    async fn run(self) {
        let mut watching = self.watch().await;
        let mut due = None;
        loop {
            let next = Instant::now() + self.shared.interval;
            due = watching.set().contains(&self.session).then(|| due.unwrap_or(next));
            let Some(at) = due else {
                self.tell(None);
                if watching.next().await.is_none() {
                    return;
                }
                continue;
            };
            tokio::select! {
                news = watching.next() => if news.is_none() { return },
                () = time::sleep_until(at) => {
                    self.measure(&watching).await;
                    due = Some((at + self.shared.interval).max(Instant::now()));
                }
            }
        }
    }

    async fn watch(&self) -> Watching {
        let (tenant, project) = &self.place;
        let mut pause = Backoff::new(RETRY.0, RETRY.1);
        loop {
            match self.shared.projects.watch(tenant, project).await {
                Ok(watching) => return watching,
                Err(error) => {
                    tracing::debug!(%error, "a session's focus is not known");
                    time::sleep(pause.next_delay()).await;
                }
            }
        }
    }

    async fn measure(&self, watching: &Watching) {
        let Some(reader) = self.turns.upgrade().and_then(|turns| turns.reader()) else { return };
        let measured = self.shared.sessions.measure(&reader, self.session.as_str()).await;
        match measured {
            // It may have lost the focus meanwhile.
            Ok(measures) if watching.set().contains(&self.session) => {
                self.tell(Some(Arc::new(measures)));
            }
            Ok(_) => {}
            Err(refusal) if refusal.code == Code::SessionNotFound => {}
            Err(error) => tracing::debug!(%error, "a session could not be measured"),
        }
    }

    fn tell(&self, newest: Newest) {
        if let Some(turns) = self.turns.upgrade() {
            turns.newest.send_if_modified(|told| {
                let news = newest.is_some() || told.is_some();
                *told = newest;
                news
            });
        }
    }
}

#[cfg(test)]
mod tests {
    //! What a slow socket gets.

    use termfleet_session::{
        ids::{Tag, UserId},
        role::Role,
    };

    use super::*;

    fn turns() -> (Arc<Turns>, Measured) {
        let user: UserId = "dev".parse().unwrap();
        let place = (TenantId::of_user(&user), "p".parse().unwrap());
        let session = SessionId::new(&Tag::of(&place.0, &place.1), [0; 16]);
        let turns = Arc::new(Turns::new(session, place, Weak::new()));
        let reader = Arc::new(Actor { tenant: TenantId::of_user(&user), user, role: Role::User });
        turns.add(&reader);
        let newest = turns.newest.subscribe();
        (Arc::clone(&turns), Measured { newest, _reader: reader, _turns: turns })
    }

    fn measures(bytes_out: u64) -> Newest {
        let now = jiff::Timestamp::UNIX_EPOCH;
        Some(Arc::new(SessionMeasures {
            session_id: String::new(),
            bytes_in: 0,
            bytes_out,
            cpu_ms: None,
            memory_bytes: None,
            viewers: None,
            created_at: now,
            last_activity_at: now,
            timestamp: 0,
        }))
    }

    #[tokio::test]
    async fn a_slow_socket_gets_the_newest_alone_and_nothing_from_before_the_focus_was_lost() {
        let (turns, mut slow) = turns();
        for bytes in 1..=1000 {
            turns.newest.send_replace(measures(bytes));
        }
        assert_eq!(slow.next().await.unwrap().bytes_out, 1000);
        turns.newest.send_replace(measures(1001));
        turns.newest.send_replace(None);
        turns.newest.send_replace(measures(1002));
        assert_eq!(slow.next().await.unwrap().bytes_out, 1002);
    }

    #[tokio::test]
    async fn the_worker_is_asked_for_somebody_who_is_still_there() {
        let (turns, first) = turns();
        let second = Arc::new(Actor { role: Role::Viewer, ..(*first._reader).clone() });
        turns.add(&second);
        assert_eq!(turns.reader().unwrap().role, Role::User);
        drop(first);
        assert_eq!(turns.reader().unwrap().role, Role::Viewer);
        drop(second);
        assert!(turns.reader().is_none());
    }
}
