//! Hints that a project's sessions have changed.
//!
//! A hint is never a truth: it may be lost, late or doubled. Who hears one reads the record; who
//! subscribes reads the listing after it, once, and again at every [`Hint::Resync`]. The store
//! publishes by itself with each write; nobody else does. Between processes a hint travels as JSON.
//!
//! A store may also lose what it was told, wholly or its last second. Who holds a truth (a worker its
//! sessions, a gateway the focus sets it watches) watches [`Bus::losses`] and writes it again.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use termfleet_session::{
    focus::FocusSet,
    ids::{ProjectId, SessionId, TenantId},
};
use tokio::sync::{
    broadcast::{self, error::RecvError},
    watch,
};

use crate::error::StoreError;

/// Hints that a slow subscriber may be behind before it has to read everything again: some times
/// what a project's few sessions can do while a gateway reads their listing once.
pub const HINTS: usize = 256;

/// The subscribing side of a store's bus.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Hints about one project, from now on.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn subscribe(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<Subscription, StoreError>;

    /// How often the store may have lost something: the number grows after every reconnection to it
    /// and whenever it turns out to be another one. Whoever sees it grow writes its own truth again
    /// within two seconds, idempotently. In memory it never grows.
    fn losses(&self) -> watch::Receiver<u64>;
}

/// Something may have changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// About one session.
    Session {
        /// What happened.
        what: What,
        /// To which.
        id: SessionId,
        /// Grows with every change of the project; holes are normal. A hint with a version that is
        /// not higher than one heard before tells nothing new.
        version: u64,
    },
    /// The project's focus is this now, the whole of it.
    Focus {
        /// Of several sets the one with the highest version holds.
        set: FocusSet,
    },
    /// Hints were lost: read the listing and the focus again.
    Resync,
}

/// What happened to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// It has a record now.
    Created,
    /// Its record changed.
    Updated,
    /// It closed; its record can still be read.
    Closed,
}

/// One subscriber's end; dropping it unsubscribes.
#[derive(Debug)]
pub struct Subscription {
    // Declared before the topic, so that the last subscriber is gone when the topic looks.
    hints: broadcast::Receiver<Hint>,
    _topic: Topic,
}

impl Subscription {
    /// The next hint. None if the store is gone. Cancel-safe.
    pub async fn recv(&mut self) -> Option<Hint> {
        match self.hints.recv().await {
            Ok(hint) => Some(hint),
            Err(RecvError::Lagged(_)) => Some(Hint::Resync),
            Err(RecvError::Closed) => None,
        }
    }
}

pub(crate) type Name = (TenantId, ProjectId);
type Senders = HashMap<Name, broadcast::Sender<Hint>>;

/// Local fan-out: whoever subscribes in this process, by project.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topics {
    // Short and private: held for a look-up and a send, which never blocks.
    senders: Arc<Mutex<Senders>>,
}

impl Topics {
    pub(crate) fn subscribe(&self, tenant: &TenantId, project: &ProjectId) -> Subscription {
        let name = (tenant.clone(), project.clone());
        let hints = lock(&self.senders)
            .entry(name.clone())
            .or_insert_with(|| broadcast::channel(HINTS).0)
            .subscribe();
        Subscription { hints, _topic: Topic { name, senders: Arc::downgrade(&self.senders) } }
    }

    pub(crate) fn publish(&self, tenant: &TenantId, project: &ProjectId, hint: Hint) {
        let senders = lock(&self.senders);
        if let Some(sender) = senders.get(&(tenant.clone(), project.clone())) {
            // Nobody listens any more: the last subscriber's drop is about to remove the topic.
            let _ = sender.send(hint);
        }
    }
}

/// For a store whose hints come from elsewhere.
impl Topics {
    /// The projects that somebody watches.
    pub(crate) fn names(&self) -> HashSet<Name> {
        lock(&self.senders).keys().cloned().collect()
    }

    pub(crate) fn publish_all(&self, hint: &Hint) {
        for sender in lock(&self.senders).values() {
            let _ = sender.send(hint.clone());
        }
    }
}

/// Removes a topic with its last subscriber, so that topics are as many as watched projects. It
/// does not keep the store alive: a subscriber hears of the store's end.
#[derive(Debug)]
struct Topic {
    name: Name,
    senders: Weak<Mutex<Senders>>,
}

impl Drop for Topic {
    fn drop(&mut self) {
        let Some(senders) = self.senders.upgrade() else { return };
        let mut senders = lock(&senders);
        if senders.get(&self.name).is_some_and(|sender| sender.receiver_count() == 0) {
            senders.remove(&self.name);
        }
    }
}

fn lock(senders: &Mutex<Senders>) -> MutexGuard<'_, Senders> {
    // A panic while the lock was held leaves a map that is still whole: look-ups and inserts only.
    senders.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    //! Slow subscribers, and topics that nobody watches.

    use super::*;

    fn place() -> (TenantId, ProjectId) {
        ("acme".parse().unwrap(), "shop".parse().unwrap())
    }

    fn publish(topics: &Topics, version: u64) {
        let (tenant, project) = place();
        let id = format!("{}-{}", "a".repeat(8), "b".repeat(26)).parse().unwrap();
        topics.publish(&tenant, &project, Hint::Session { what: What::Updated, id, version });
    }

    fn version(hint: Option<Hint>) -> Option<u64> {
        match hint {
            Some(Hint::Session { version, .. }) => Some(version),
            Some(Hint::Focus { .. } | Hint::Resync) | None => None,
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_to_read_again_and_then_hears_the_newest() {
        let (topics, (tenant, project)) = (Topics::default(), place());
        let mut hints = topics.subscribe(&tenant, &project);
        let last = HINTS as u64 + 1;
        (1..=last).for_each(|version| publish(&topics, version));
        assert_eq!(hints.recv().await, Some(Hint::Resync));
        for expected in 2..=last {
            assert_eq!(version(hints.recv().await), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_topic_goes_with_its_last_subscriber_and_not_before() {
        let (topics, (tenant, project)) = (Topics::default(), place());
        let one = topics.subscribe(&tenant, &project);
        let mut two = topics.subscribe(&tenant, &project);
        drop(one);
        publish(&topics, 1);
        assert_eq!(version(two.recv().await), Some(1));
        drop(two);
        assert!(lock(&topics.senders).is_empty());
    }

    #[test]
    fn a_hint_travels_as_this_json() {
        let id = format!("{}-{}", "a".repeat(8), "b".repeat(26));
        let session = id.parse().unwrap();
        let hint = Hint::Session { what: What::Created, id: session, version: 7 };
        let text = format!(r#"{{"session":{{"what":"created","id":"{id}","version":7}}}}"#);
        assert_eq!(serde_json::to_string(&hint).unwrap(), text);
        assert_eq!(serde_json::from_str::<Hint>(&text).unwrap(), hint);
    }

    #[tokio::test]
    async fn a_subscriber_hears_of_the_stores_end() {
        let (topics, (tenant, project)) = (Topics::default(), place());
        let mut hints = topics.subscribe(&tenant, &project);
        drop(topics);
        assert_eq!(hints.recv().await, None);
    }
}
