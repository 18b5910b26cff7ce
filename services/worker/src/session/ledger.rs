//! The session's record: the worker's half of it is true here first, then in the store, then in the
//! copy that the ptyhost keeps for the next worker process.
//!
//! One write is under way at most; what changes meanwhile is merged and goes with the next.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message;
use termfleet_proto::worker_v1 as pb;
use termfleet_ptyhost::{
    client::{Reading, Stat},
    protocol::MAX_RECORD_BYTES,
};
use termfleet_runtime::Backoff;
use termfleet_session::{code::Refusal, ids::Epoch, record};
use termfleet_store::{Change, Fence, StoreError};
use tokio::{
    sync::oneshot,
    time::{Instant, sleep},
};

use super::{Described, Outcome, Reply, Session, control::answer};
use crate::worker::Context;

/// How long a change that nobody waits for (a size while a window is dragged) is gathered.
const GATHER: Duration = Duration::from_secs(1);
/// First and longest wait for a store that cannot be reached.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));

/// The record and what of it is not yet in the store.
pub(super) struct Ledger {
    session: record::Session,
    pending: Option<Change>,
    due: Option<Instant>,
    writing: bool,
    /// When to look where the shell is, and when that was done last.
    look_due: Option<Instant>,
    looked: Option<Instant>,
    /// Calls that are answered when the store knows.
    waiters: Vec<Reply>,
}

impl Ledger {
    pub(super) fn new(session: record::Session) -> Self {
        Self {
            session,
            pending: None,
            due: None,
            writing: false,
            look_due: None,
            looked: None,
            waiters: Vec::new(),
        }
    }

    pub(super) fn session(&self) -> &record::Session {
        &self.session
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let write = self.due.filter(|_| !self.writing);
        [write, self.look_due].into_iter().flatten().min()
    }

    /// Does the store know everything?
    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_none() && !self.writing
    }

    /// A new epoch was claimed: this is the record.
    pub(super) fn restart(&mut self, session: record::Session) {
        self.session = session;
    }

    /// Nothing is written any more.
    pub(super) fn abandon(&mut self) {
        self.pending = None;
        self.due = None;
    }

    /// What is to be written at the end of the process, unless another process has taken over.
    pub(super) fn last(&mut self, superseded: bool) -> Option<Change> {
        self.pending.take().filter(|_| !superseded)
    }

    fn note(&mut self, change: Change, due: Instant) {
        change.clone().apply(&mut self.session, Timestamp::now());
        let pending = self.pending.take().unwrap_or_default();
        self.pending = Some(merged(pending, change));
        self.due = Some(self.due.map_or(due, |before| before.min(due)));
    }

    /// The client's half is the store's; so are the times of writes.
    fn take_over(&mut self, stored: record::Session) {
        let ours = &mut self.session;
        ours.tab_name = stored.tab_name;
        ours.layout = stored.layout;
        ours.theme = stored.theme;
        ours.labels = stored.labels;
        ours.alias = stored.alias;
        ours.updated_at = stored.updated_at;
        ours.suspended_at = stored.suspended_at;
    }
}

fn merged(before: Change, after: Change) -> Change {
    let Change {
        status,
        exit,
        ended_by,
        size,
        current_path,
        process_id,
        last_activity_at,
        counters,
    } = after;
    Change {
        status: status.or(before.status),
        exit: exit.or(before.exit),
        ended_by: before.ended_by.or(ended_by),
        size: size.or(before.size),
        current_path: current_path.or(before.current_path),
        process_id: process_id.or(before.process_id),
        last_activity_at: last_activity_at.or(before.last_activity_at),
        counters: counters.or(before.counters),
    }
}

impl Session {
    /// A change that somebody waits for.
    pub(super) fn note_now(&mut self, change: Change) {
        self.ledger.note(change, Instant::now());
        self.flush(Instant::now());
    }

    /// A change that may be gathered with others.
    pub(super) fn note_soon(&mut self, change: Change) {
        self.ledger.note(change, Instant::now() + GATHER);
    }

    pub(super) fn reply_when_recorded(&mut self, reply: Reply) {
        self.ledger.waiters.push(reply);
        self.answer_waiters();
    }

    pub(super) fn fence(&self) -> Fence {
        Fence { owner: self.context.owner.clone(), epoch: self.ledger.session.epoch }
    }

    pub(super) fn flush(&mut self, now: Instant) {
        if self.ledger.writing || self.ledger.due.is_none_or(|due| due > now) {
            return;
        }
        self.ledger.due = None;
        if let Some(change) = self.ledger.pending.take() {
            self.write(Some(change));
        }
    }

    pub(super) fn assert_due(&mut self) {
        if self.alive() && !self.ledger.writing {
            self.write(None);
        }
    }

    /// Writes a change, or asserts the whole record.
    fn write(&mut self, change: Option<Change>) {
        self.ledger.writing = true;
        let (context, fence, session) = (self.context.clone(), self.fence(), self.record());
        let shell = self.feed.epoch;
        self.later("record", async move {
            let result = write(&context, &fence, &session, change).await;
            if let Ok(stored) = &result {
                keep(&context, shell, stored).await;
            }
            Outcome::Recorded(fence.epoch, Box::new(result))
        });
    }

    /// The store has the record, or refuses it.
    pub(super) fn recorded(&mut self, epoch: Epoch, result: Result<record::Session, StoreError>) {
        self.ledger.writing = false;
        match result {
            // A new epoch was claimed while this was on its way; what it said is said again then.
            _ if epoch != self.ledger.session.epoch => {}
            Err(StoreError::Superseded { .. }) if self.restarting() => {}
            Ok(stored) => {
                self.ledger.take_over(stored);
            }
            // It was closed elsewhere, which is what was to be written.
            Err(StoreError::Ended) if self.status().is_alive() => return self.superseded(),
            Err(StoreError::Ended) => {}
            Err(error @ StoreError::Superseded { .. }) => {
                tracing::info!(%error, session = %self.handle.facts().id, "record refused");
                return self.superseded();
            }
            Err(error) => {
                tracing::error!(%error, session = %self.handle.facts().id, "record not written");
            }
        }
        self.flush(Instant::now());
        self.answer_waiters();
        self.finish_if_recorded();
    }

    fn answer_waiters(&mut self) {
        if self.ledger.is_settled() && !self.ledger.waiters.is_empty() {
            let record = self.record();
            for reply in self.ledger.waiters.drain(..) {
                answer(reply, Ok::<_, Refusal>(record.clone()));
            }
        }
    }

    /// Asks `/proc`, then answers with what there is to know.
    pub(super) fn describe(&mut self, reply: oneshot::Sender<Described>) {
        if !self.alive() {
            return self.stated(None, reply);
        }
        let (context, epoch) = (self.context.clone(), self.feed.epoch);
        let id = self.handle.facts().id.clone();
        self.later("stat", async move {
            Outcome::Stated(context.client.stat(&id, epoch).await.ok(), reply)
        });
    }

    /// The program says that it is in another directory (OSC 7). Where the shell is says the kernel:
    /// what a program prints may be another machine's directory, or none.
    pub(super) fn walked(&mut self, epoch: Epoch) {
        if epoch != self.feed.epoch {
            return;
        }
        let now = Instant::now();
        let rested = self.ledger.looked.map_or(now, |at| now.max(at + GATHER));
        self.ledger.look_due.get_or_insert(rested);
        self.look(now);
    }

    /// Output rests: asks what the program in the foreground does.
    pub(super) fn rested(&self, epoch: Epoch, answer: oneshot::Sender<Option<Reading>>) {
        // Who asked hears of it when the answer's way ends.
        if epoch != self.feed.epoch || !self.alive() {
            return;
        }
        let (context, id) = (self.context.clone(), self.handle.facts().id.clone());
        self.context.tasks.spawn("reading", async move {
            let reading = context.client.reading(&id, epoch).await.ok().flatten();
            // Something was printed meanwhile.
            let _ = answer.send(reading);
        });
    }

    /// Looks where the shell is, if that is due; at most once in [`GATHER`], as it is written.
    pub(super) fn look(&mut self, now: Instant) {
        if self.ledger.look_due.is_none_or(|due| due > now) {
            return;
        }
        self.ledger.look_due = None;
        if !self.alive() {
            return;
        }
        self.ledger.looked = Some(now);
        let (context, epoch) = (self.context.clone(), self.feed.epoch);
        let id = self.handle.facts().id.clone();
        self.later("look", async move {
            Outcome::Located(context.client.place(&id, epoch).await.ok().flatten())
        });
    }

    pub(super) fn stated(&mut self, stat: Option<Stat>, reply: oneshot::Sender<Described>) {
        self.located(stat.as_ref().and_then(|stat| stat.cwd.clone()));
        let (record, viewers) = (self.record(), self.attachments.len());
        answer(reply, Described { record, stat, viewers });
    }

    /// The shell may be in another directory.
    pub(super) fn located(&mut self, path: Option<String>) {
        let current = &self.ledger.session().current_path;
        if let Some(path) = path.filter(|path| path != current && self.alive()) {
            self.note_soon(Change { current_path: Some(path), ..Change::default() });
        }
    }
}

/// Writes until the store has answered; what it has lost is asserted.
async fn write(
    context: &Arc<Context>,
    fence: &Fence,
    session: &record::Session,
    change: Option<Change>,
) -> Result<record::Session, StoreError> {
    let mut backoff = Backoff::new(RETRY.0, RETRY.1);
    let mut change = change;
    loop {
        let result = match &change {
            Some(change) => context.directory.update(&session.id, fence, change.clone()).await,
            None => context.directory.assert(session.clone()).await,
        };
        match result {
            // The whole record says what the change says.
            Err(StoreError::NotFound | StoreError::Outdated { .. }) if change.is_some() => {
                change = None;
            }
            Err(StoreError::Unavailable { .. }) => {
                tokio::select! {
                    () = context.stop.cancelled() => return result,
                    () = sleep(backoff.next_delay()) => {}
                }
            }
            result => return result,
        }
    }
}

/// Gives the ptyhost a copy for the next worker process.
async fn keep(context: &Context, shell: Epoch, stored: &record::Session) {
    // The shell it belongs to may be gone by now, and its record with it.
    if let Err(error) = context.client.record(&stored.id, shell, encode(stored)).await {
        tracing::debug!(%error, session = %stored.id, "record not kept");
    }
}

/// The record as the ptyhost keeps it. It takes 16 KiB: what does not fit is left out, first what
/// only decorates.
pub(crate) fn encode(session: &record::Session) -> Bytes {
    let mut record = pb::SessionRecord::from(session);
    let shorten: [fn(&mut pb::SessionRecord); 3] = [
        |record| (record.layout, record.theme) = (None, None),
        |record| record.labels.clear(),
        |record| record.environment.clear(),
    ];
    for shorten in shorten {
        if record.encoded_len() <= MAX_RECORD_BYTES {
            break;
        }
        shorten(&mut record);
    }
    record.encode_to_vec().into()
}
