//! Notices on their way, merged by what they are about: the newest head of a session, the newest
//! marks of a lane. So a reader that is late, or absent, costs no more than there are sessions and
//! lanes, and whoever produces notices never waits. Both ends of the socket use it.
//!
//! The ptyhost lets marks of input wait a moment for the output that they cause: an echo is then one
//! message to the worker and not two.

use std::{
    collections::HashMap,
    pin::pin,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use termfleet_session::{
    code::Code,
    ids::{ClientId, Offset},
    input::Marks,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep_until},
};

use crate::protocol::{Ended, Key, Notice};

/// How long marks of input wait for output at most: a program that echoes does so far sooner.
pub(crate) const COMPANY: Duration = Duration::from_millis(2);

type Lane = (Key, ClientId);

#[derive(Default)]
struct Pending {
    heads: HashMap<Key, Offset>,
    done: HashMap<Lane, Marks>,
    refused: HashMap<Lane, (Code, Offset)>,
    exited: HashMap<Key, Ended>,
    superseded: bool,
    /// By when marks of input that wait for company leave without it.
    due: Option<Instant>,
}

#[derive(Default)]
pub(crate) struct Outbox {
    // Held for a few map operations, never across an await.
    pending: Mutex<Pending>,
    news: Notify,
    /// The first marks have begun to wait.
    marked: Notify,
    /// How long they may.
    company: Duration,
}

impl Outbox {
    /// One whose marks of input may wait so long for other news.
    pub(crate) fn patient(company: Duration) -> Self {
        Self { company, ..Self::default() }
    }

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
                if !self.company.is_zero() {
                    return self.begin_wait(pending);
                }
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

    fn begin_wait(&self, mut pending: MutexGuard<'_, Pending>) {
        if pending.due.is_none() {
            pending.due = Some(Instant::now() + self.company);
            drop(pending);
            self.marked.notify_waiters();
        }
    }

    /// Waits until there is something to take. Cancel-safe.
    pub(crate) async fn wait(&self) {
        tokio::select! {
            biased;
            () = self.news.notified() => {}
            () = self.marks_are_due() => {}
        }
    }

    async fn marks_are_due(&self) {
        loop {
            // Heard from before the look, so that nothing is missed in between.
            let mut marked = pin!(self.marked.notified());
            marked.as_mut().enable();
            let due = self.lock().due;
            match due {
                Some(due) => return sleep_until(due).await,
                None => marked.await,
            }
        }
    }

    /// Takes everything: heads first, so that an exit comes behind its last byte.
    pub(crate) fn take(&self) -> Vec<Notice> {
        let Pending { heads, done, refused, exited, superseded, due: _ } =
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

#[cfg(test)]
mod tests {
    //! When marks of input leave.
    use termfleet_session::{
        ids::{Epoch, SessionId},
        input::Marks,
    };
    use tokio::time::{Instant, timeout};

    use super::*;

    fn key() -> Key {
        let session = "py4hicl5-2nfixewdx2fc2zop6mqxwzgdnq".parse::<SessionId>().unwrap();
        Key { session, epoch: Epoch::new(1) }
    }

    fn done(outbox: &Outbox) {
        let client = "0123456789abcdef0123456789abcdef".parse().unwrap();
        let marks = Marks { accepted: Offset::new(1), written: Offset::new(1) };
        outbox.put(Notice::InputDone { key: key(), client, marks });
    }

    #[tokio::test(start_paused = true)]
    async fn marks_wait_for_output_and_leave_with_it() {
        let outbox = Outbox::patient(COMPANY);
        done(&outbox);
        let early = timeout(COMPANY - Duration::from_millis(1), outbox.wait()).await;
        assert!(early.is_err(), "they wait");
        outbox.head(&key(), Offset::new(1));
        outbox.wait().await;
        let taken = outbox.take();
        assert!(matches!(taken[..], [Notice::Heads(_), Notice::InputDone { .. }]), "{taken:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn marks_without_output_leave_by_themselves() {
        let (outbox, begun) = (Outbox::patient(COMPANY), Instant::now());
        tokio::join!(outbox.wait(), async { done(&outbox) });
        assert!((COMPANY..COMPANY * 2).contains(&begun.elapsed()), "{:?}", begun.elapsed());
        assert_eq!(outbox.take().len(), 1);
        let nothing = timeout(COMPANY * 10, outbox.wait()).await;
        assert!(nothing.is_err(), "what was taken is not waited for again");
    }

    #[tokio::test]
    async fn the_workers_end_hands_them_on_at_once() {
        let outbox = Outbox::default();
        done(&outbox);
        outbox.wait().await;
        assert_eq!(outbox.take().len(), 1);
    }
}
