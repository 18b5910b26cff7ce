//! What a worker does in turn for all its sessions: activity and counters in batches, directories
//! as they are now, and records asserted (`cluster.md` §1). No keystroke writes to the store.

use std::{collections::HashMap, sync::Arc, time::Duration};

use termfleet_session::{
    ids::{Epoch, SessionId},
    record::Counters,
};
use termfleet_store::{StoreError, Touch};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};

use crate::{
    session::{Command, Outcome, SessionHandle},
    worker::Context,
};

/// How often activity is written (`cluster.md` §1).
const EVERY: Duration = Duration::from_secs(10);
/// A round goes through the sessions in as many slices at most, spread over half of that time: all at
/// once, they would hold up the keys of everybody.
const SLICES: usize = 100;

/// What was last known of one session.
#[derive(Default)]
struct Seen {
    touched: Option<Touch>,
    asserted: Option<Instant>,
    place: Option<(Epoch, String)>,
}

/// Where the rounds stand.
struct Rounds {
    context: Arc<Context>,
    every: Duration,
    seen: HashMap<SessionId, Seen>,
    /// When the next round begins.
    next: Instant,
    /// Whose turn is still to come in this one, and how many have theirs at once.
    left: Vec<SessionHandle>,
    slice: usize,
    /// What this one is to write.
    batch: Vec<Touch>,
}

/// Runs until the worker stops.
pub(crate) async fn run(context: Arc<Context>, mut losses: watch::Receiver<u64>) {
    let mut rounds = Rounds::new(context.clone());
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            () = sleep_until(rounds.due()) => rounds.go_on().await,
            lost = losses.changed() => match lost {
                Ok(()) => assert_all(&context).await,
                // The store is gone, and so is this process soon.
                Err(_) => return context.stop.cancelled().await,
            },
        }
    }
}

impl Rounds {
    fn new(context: Arc<Context>) -> Self {
        let every = EVERY.min(context.config.assert_every);
        let (seen, next) = (HashMap::new(), Instant::now());
        Self { context, every, seen, next, left: Vec::new(), slice: 0, batch: Vec::new() }
    }

    fn due(&self) -> Instant {
        match self.left.is_empty() {
            true => self.next,
            false => Instant::now() + self.every / (2 * SLICES) as u32,
        }
    }

    /// Begins a round, or goes on with it.
    async fn go_on(&mut self) {
        let now = Instant::now();
        if self.left.is_empty() {
            self.next = now + self.every;
            self.left = live(&self.context);
            self.slice = self.left.len().div_ceil(SLICES);
            let mut before = std::mem::take(&mut self.seen);
            let ids = self.left.iter().map(|session| session.facts().id.clone());
            self.seen =
                ids.map(|id| (id.clone(), before.remove(&id).unwrap_or_default())).collect();
        }
        let later = self.left.len().saturating_sub(self.slice);
        for session in self.left.split_off(later) {
            self.look_after(&session, now).await;
        }
        if self.left.is_empty() {
            write(&self.context, &std::mem::take(&mut self.batch)).await;
        }
    }

    async fn look_after(&mut self, session: &SessionHandle, now: Instant) {
        let Some(known) = self.seen.get_mut(&session.facts().id) else { return };
        let touch = touch(session);
        if known.touched.as_ref() != Some(&touch) {
            if printed(known.touched.as_ref(), &touch) {
                locate(&self.context, session, &mut known.place).await;
            }
            self.batch.push(touch.clone());
            known.touched = Some(touch);
        }
        let asserted = *known.asserted.get_or_insert(now);
        if now.duration_since(asserted) >= self.context.config.assert_every {
            known.asserted = Some(now);
            session.send(Command::Outcome(Outcome::AssertDue)).await;
        }
    }
}

/// The store has lost something, perhaps everything: workers are the truth for sessions. Each writes
/// its own record, all at the same time, since others wait for them.
async fn assert_all(context: &Context) {
    let live = live(context);
    tracing::info!(sessions = live.len(), "the store has lost something: asserting anew");
    for session in live {
        session.send(Command::Outcome(Outcome::AssertDue)).await;
    }
}

fn live(context: &Context) -> Vec<SessionHandle> {
    let all = context.registry.all().into_iter();
    all.filter(|session| session.feed().ended().is_none()).collect()
}

fn touch(session: &SessionHandle) -> Touch {
    let feed = session.feed();
    Touch {
        id: session.facts().id.clone(),
        epoch: feed.epoch,
        last_activity_at: session.active_at(),
        counters: Counters { bytes_in: session.bytes_in(), bytes_out: feed.ring.head().get() },
    }
}

fn printed(before: Option<&Touch>, now: &Touch) -> bool {
    before.is_none_or(|before| before.counters.bytes_out != now.counters.bytes_out)
}

/// Where is its shell now? Only after it printed something: a change of directory shows a prompt.
async fn locate(context: &Context, session: &SessionHandle, known: &mut Option<(Epoch, String)>) {
    let epoch = session.feed().epoch;
    let place = context.client.place(&session.facts().id, epoch).await;
    let Ok(Some(path)) = place else { return };
    let place = Some((epoch, path.clone()));
    if *known != place {
        *known = place;
        session.send(Command::Outcome(Outcome::Located(Some(path)))).await;
    }
}

async fn write(context: &Context, batch: &[Touch]) {
    if batch.is_empty() {
        return;
    }
    let untouched = match context.directory.touch(&context.owner, batch).await {
        Ok(untouched) => untouched,
        // What is not written now is written with what comes.
        Err(error) => return tracing::debug!(%error, "activity not written"),
    };
    for untouched in untouched {
        let Some(session) = context.registry.get(&untouched.id) else { continue };
        match untouched.error {
            StoreError::NotFound | StoreError::Outdated { .. } => {
                session.send(Command::Outcome(Outcome::AssertDue)).await;
            }
            // Whether it is true is found out by whoever writes next, with the epoch of then.
            error => tracing::debug!(%error, session = %untouched.id, "activity refused"),
        }
    }
}
