//! Hints that a project's sessions have changed, and that sessions were created in a tenant.
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
    ids::{Alias, ProjectId, SessionId, TenantId},
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

    /// Hints about what is created in a tenant, in any of its projects, from now on: for whoever waits
    /// for a session and does not know where it will be.
    ///
    /// # Errors
    /// Only `Unavailable`.
    async fn subscribe_creations(&self, tenant: &TenantId) -> Result<Subscription, StoreError>;

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
    /// A session has a record now; told to those who subscribe to a tenant's creations, and nothing
    /// else is told to them.
    Creation {
        /// The session.
        id: SessionId,
        /// The client's own name for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        alias: Option<Alias>,
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

/// What hints are about.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Subject {
    /// One project.
    Project(TenantId, ProjectId),
    /// What is created in a tenant.
    Creations(TenantId),
}

type Senders = HashMap<Subject, broadcast::Sender<Hint>>;

/// Local fan-out: whoever subscribes in this process, by what.
#[derive(Debug, Clone, Default)]
pub(crate) struct Topics {
    // Short and private: held for a look-up and a send, which never blocks.
    senders: Arc<Mutex<Senders>>,
}

impl Topics {
    pub(crate) fn subscribe(&self, subject: Subject) -> Subscription {
        let hints = lock(&self.senders)
            .entry(subject.clone())
            .or_insert_with(|| broadcast::channel(HINTS).0)
            .subscribe();
        Subscription { hints, _topic: Topic { subject, senders: Arc::downgrade(&self.senders) } }
    }

    pub(crate) fn publish(&self, subject: &Subject, hint: Hint) {
        let senders = lock(&self.senders);
        if let Some(sender) = senders.get(subject) {
            // Nobody listens any more: the last subscriber's drop is about to remove the topic.
            let _ = sender.send(hint);
        }
    }
}

/// For a store whose hints come from elsewhere.
impl Topics {
    /// What somebody listens to.
    pub(crate) fn subjects(&self) -> HashSet<Subject> {
        lock(&self.senders).keys().cloned().collect()
    }

    pub(crate) fn publish_all(&self, hint: &Hint) {
        for sender in lock(&self.senders).values() {
            let _ = sender.send(hint.clone());
        }
    }
}

/// Removes a topic with its last subscriber, so that topics are as many as somebody listens to. It
/// does not keep the store alive: a subscriber hears of the store's end.
#[derive(Debug)]
struct Topic {
    subject: Subject,
    senders: Weak<Mutex<Senders>>,
}

impl Drop for Topic {
    fn drop(&mut self) {
        let Some(senders) = self.senders.upgrade() else { return };
        let mut senders = lock(&senders);
        if senders.get(&self.subject).is_some_and(|sender| sender.receiver_count() == 0) {
            senders.remove(&self.subject);
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

    fn shop() -> Subject {
        Subject::Project("acme".parse().unwrap(), "shop".parse().unwrap())
    }

    fn publish(topics: &Topics, version: u64) {
        let id = format!("{}-{}", "a".repeat(8), "b".repeat(26)).parse().unwrap();
        topics.publish(&shop(), Hint::Session { what: What::Updated, id, version });
    }

    fn version(hint: Option<Hint>) -> Option<u64> {
        match hint {
            Some(Hint::Session { version, .. }) => Some(version),
            Some(Hint::Focus { .. } | Hint::Creation { .. } | Hint::Resync) | None => None,
        }
    }

    #[tokio::test]
    async fn a_slow_subscriber_is_told_to_read_again_and_then_hears_the_newest() {
        let topics = Topics::default();
        let mut hints = topics.subscribe(shop());
        let last = HINTS as u64 + 1;
        (1..=last).for_each(|version| publish(&topics, version));
        assert_eq!(hints.recv().await, Some(Hint::Resync));
        for expected in 2..=last {
            assert_eq!(version(hints.recv().await), Some(expected));
        }
    }

    #[tokio::test]
    async fn a_topic_goes_with_its_last_subscriber_and_not_before() {
        let topics = Topics::default();
        let one = topics.subscribe(shop());
        let mut two = topics.subscribe(shop());
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

        let alias = Some("mine".parse().unwrap());
        let creation = Hint::Creation { id: id.parse().unwrap(), alias };
        let text = format!(r#"{{"creation":{{"id":"{id}","alias":"mine"}}}}"#);
        assert_eq!(serde_json::to_string(&creation).unwrap(), text);
        assert_eq!(serde_json::from_str::<Hint>(&text).unwrap(), creation);
    }

    #[tokio::test]
    async fn a_subscriber_hears_of_the_stores_end() {
        let topics = Topics::default();
        let mut hints = topics.subscribe(shop());
        drop(topics);
        assert_eq!(hints.recv().await, None);
    }
}
