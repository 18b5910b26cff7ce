//! What a worker does in turn for all its sessions: activity and counters in batches, directories
//! as they are now, and records asserted (`cluster.md` §1). No keystroke writes to the store.

use std::{collections::HashMap, sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use termfleet_session::{ids::SessionId, record::Counters};
use termfleet_store::{StoreError, Touch};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior, interval},
};

use crate::{
    sample,
    session::{Command, Outcome, SessionHandle},
    worker::Context,
};

/// How often activity is written (`cluster.md` §1).
const EVERY: Duration = Duration::from_secs(10);

/// What was last known of one session.
#[derive(Default)]
struct Seen {
    touched: Option<Touch>,
    asserted: Option<Instant>,
}

/// Runs until the worker stops.
pub(crate) async fn run(context: Arc<Context>, mut losses: watch::Receiver<u64>) {
    let mut tick = interval(EVERY.min(context.config.assert_every));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut seen = HashMap::new();
    loop {
        tokio::select! {
            () = context.stop.cancelled() => return,
            now = tick.tick() => round(&context, &mut seen, now).await,
            lost = losses.changed() => match lost {
                Ok(()) => assert_all(&context).await,
                // The store is gone, and so is this process soon.
                Err(_) => return context.stop.cancelled().await,
            },
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

async fn round(context: &Context, seen: &mut HashMap<SessionId, Seen>, now: Instant) {
    let live = live(context);
    let mut before = std::mem::take(seen);
    let (mut batch, mut busy) = (Vec::new(), Vec::new());
    for session in &live {
        let id = &session.facts().id;
        let mut known = before.remove(id).unwrap_or_default();
        let touch = touch(session);
        if known.touched.as_ref() != Some(&touch) {
            if printed(known.touched.as_ref(), &touch) {
                busy.push(session);
            }
            batch.push(touch.clone());
            known.touched = Some(touch);
        }
        let asserted = *known.asserted.get_or_insert(now);
        if now.duration_since(asserted) >= context.config.assert_every {
            known.asserted = Some(now);
            session.send(Command::Outcome(Outcome::AssertDue)).await;
        }
        seen.insert(id.clone(), known);
    }
    let looks = stream::iter(busy).map(|session| look(context, session));
    looks.for_each_concurrent(sample::AT_ONCE, |looking| looking).await;
    write(context, &batch).await;
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
async fn look(context: &Context, session: &SessionHandle) {
    let stat = context.client.stat(&session.facts().id, session.feed().epoch).await.ok();
    session.send(Command::Outcome(Outcome::Stated(stat, None))).await;
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
