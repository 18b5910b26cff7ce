//! Which sessions this worker has, and how many it may have.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use termfleet_ptyhost::client::Ended;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, SessionId},
};

use crate::session::SessionHandle;

/// The sessions of one worker.
pub(crate) struct Registry {
    capacity: usize,
    // Held for one look-up, or to count on a creation.
    entries: Mutex<HashMap<SessionId, Entry>>,
}

enum Entry {
    /// Its shell is being started; how it ended, should it be that quick.
    Starting(Option<(Epoch, Ended)>),
    Known(SessionHandle),
}

impl Entry {
    fn takes_a_place(&self) -> bool {
        match self {
            Self::Starting(_) => true,
            Self::Known(session) => session.feed().ended().is_none(),
        }
    }
}

/// A place for a session that is being started; given back when it is dropped unused.
pub(crate) struct Place {
    registry: Arc<Registry>,
    id: SessionId,
    used: bool,
}

impl Registry {
    /// A registry for so many live sessions.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, entries: Mutex::default() }
    }

    pub(crate) fn get(&self, id: &SessionId) -> Option<SessionHandle> {
        match self.lock().get(id)? {
            Entry::Known(session) => Some(session.clone()),
            Entry::Starting(_) => None,
        }
    }

    /// Takes a place for a session that is about to be started.
    pub(crate) fn reserve(self: &Arc<Self>, id: &SessionId) -> Result<Place, Refusal> {
        let mut entries = self.lock();
        if entries.contains_key(id) {
            return Err(Code::SessionAlreadyExists.into());
        }
        if taken(&entries) >= self.capacity {
            let text = format!("this worker has its {} sessions already", self.capacity);
            return Err(Refusal::new(Code::ResourceExhausted, text));
        }
        entries.insert(id.clone(), Entry::Starting(None));
        drop(entries);
        Ok(Place { registry: self.clone(), id: id.clone(), used: false })
    }

    /// How many sessions it has that live, or are being started.
    pub(crate) fn taken(&self) -> usize {
        taken(&self.lock())
    }

    /// Is a session being started?
    pub(crate) fn is_starting(&self) -> bool {
        self.lock().values().any(|entry| matches!(entry, Entry::Starting(_)))
    }

    /// Adds a session that runs already.
    pub(crate) fn adopt(&self, session: SessionHandle) {
        self.lock().insert(session.facts().id.clone(), Entry::Known(session));
    }

    /// Notes that a shell has ended whose start has not been heard of.
    pub(crate) fn ended_early(&self, id: &SessionId, epoch: Epoch, ended: Ended) {
        if let Some(Entry::Starting(early)) = self.lock().get_mut(id) {
            *early = Some((epoch, ended));
        }
    }

    /// Removes this session, and no later one of the same id.
    pub(crate) fn remove(&self, session: &SessionHandle) {
        let id = &session.facts().id;
        let mut entries = self.lock();
        if matches!(entries.get(id), Some(Entry::Known(known)) if known.is(session)) {
            entries.remove(id);
        }
    }

    pub(crate) fn all(&self) -> Vec<SessionHandle> {
        let entries = self.lock();
        let known = entries.values().filter_map(|entry| match entry {
            Entry::Known(session) => Some(session.clone()),
            Entry::Starting(_) => None,
        });
        known.collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, Entry>> {
        // Every critical section is one operation on the map.
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn taken(entries: &HashMap<SessionId, Entry>) -> usize {
    entries.values().filter(|entry| entry.takes_a_place()).count()
}

impl Place {
    /// Puts the session into its place; answers how it ended, if it has already.
    pub(crate) fn fill(mut self, session: SessionHandle) -> Option<(Epoch, Ended)> {
        self.used = true;
        match self.registry.lock().insert(self.id.clone(), Entry::Known(session)) {
            Some(Entry::Starting(early)) => early,
            Some(Entry::Known(_)) | None => None,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.used {
            self.registry.lock().remove(&self.id);
        }
    }
}
