//! Notices on their way, merged by what they are about: the newest head of a session, the newest
//! marks of a lane. So a reader that is late, or absent, costs no more than there are sessions and
//! lanes, and whoever produces notices never waits. Both ends of the socket use it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use termfleet_session::{
    code::Code,
    ids::{ClientId, Offset},
    input::Marks,
};
use tokio::sync::Notify;

use crate::protocol::{Ended, Key, Notice};

type Lane = (Key, ClientId);

#[derive(Default)]
struct Pending {
    heads: HashMap<Key, Offset>,
    done: HashMap<Lane, Marks>,
    refused: HashMap<Lane, (Code, Offset)>,
    exited: HashMap<Key, Ended>,
    superseded: bool,
}

#[derive(Default)]
pub(crate) struct Outbox {
    // Held for a few map operations, never across an await.
    pending: Mutex<Pending>,
    news: Notify,
}

impl Outbox {
    pub(crate) fn head(&self, key: &Key, head: Offset) {
        let mut pending = self.lock();
        match pending.heads.get_mut(key) {
            Some(known) => *known = head,
            None => drop(pending.heads.insert(key.clone(), head)),
        }
        drop(pending);
        self.news.notify_one();
    }

    /// Adds any notice.
    pub(crate) fn put(&self, notice: Notice) {
        let mut pending = self.lock();
        match notice {
            Notice::Heads(heads) => pending.heads.extend(heads),
            Notice::InputDone { key, client, marks } => {
                pending.done.insert((key, client), marks);
            }
            Notice::InputRefused { key, client, code, expected } => {
                pending.refused.insert((key, client), (code, expected));
            }
            Notice::Exited { key, ended } => {
                pending.exited.insert(key, ended);
            }
            Notice::Superseded => pending.superseded = true,
        }
        drop(pending);
        self.news.notify_one();
    }

    /// Waits until there is something to take. Cancel-safe.
    pub(crate) async fn wait(&self) {
        self.news.notified().await;
    }

    /// Takes everything: heads first, so that an exit comes behind its last byte.
    pub(crate) fn take(&self) -> Vec<Notice> {
        let Pending { heads, done, refused, exited, superseded } =
            std::mem::take(&mut *self.lock());
        let mut notices = Vec::with_capacity(1 + done.len() + refused.len() + exited.len());
        if !heads.is_empty() {
            notices.push(Notice::Heads(heads.into_iter().collect()));
        }
        notices.extend(done.into_iter().map(|((key, client), marks)| Notice::InputDone {
            key,
            client,
            marks,
        }));
        notices.extend(refused.into_iter().map(|((key, client), (code, expected))| {
            Notice::InputRefused { key, client, code, expected }
        }));
        notices.extend(exited.into_iter().map(|(key, ended)| Notice::Exited { key, ended }));
        if superseded {
            notices.push(Notice::Superseded);
        }
        notices
    }

    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
