//! What sessions' processes use, looked at in turns: for metrics, never for a decision.
//!
//! The ptyhost looks at the machine's processes once for all who ask within a fifth of a second, so a
//! round of many sessions costs it little more than one of few.

use std::{collections::HashMap, sync::Arc};

use futures_util::{StreamExt, stream};
use termfleet_ptyhost::client::Stat;
use termfleet_session::ids::{Epoch, SessionId};
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::{session::SessionHandle, worker::Context};

/// Sessions asked about at once: few, so that keystrokes do not queue behind them.
const AT_ONCE: usize = 4;

/// Processor time of each session's shell so far, in milliseconds.
type Spent = HashMap<(SessionId, Epoch), u64>;

/// Runs until the worker stops.
pub(crate) async fn run(context: Arc<Context>) {
    let mut turns = interval(context.config.metrics_interval);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut before: Option<(Instant, Spent)> = None;
    loop {
        let now = tokio::select! {
            () = context.stop.cancelled() => return,
            now = turns.tick() => now,
        };
        before = round(&context, now, before).await;
    }
}

async fn round(
    context: &Context,
    now: Instant,
    before: Option<(Instant, Spent)>,
) -> Option<(Instant, Spent)> {
    let sessions = context.registry.all();
    context.metrics.waiting(sessions.iter().map(SessionHandle::waiting).sum());
    let live = sessions.into_iter().filter(|session| session.feed().ended().is_none());
    let stats: Vec<_> =
        stream::iter(live.map(|one| stat(context, one))).buffer_unordered(AT_ONCE).collect().await;
    let mut spent = Spent::new();
    let mut memory = 0;
    let mut asked_in_vain = 0;
    for (key, stat) in stats {
        match stat {
            Some(stat) => {
                memory += stat.rss_bytes;
                spent.insert(key, stat.cpu_ms);
            }
            None => asked_in_vain += 1,
        }
    }
    if spent.is_empty() && asked_in_vain > 0 {
        context.metrics.unknown();
        return None;
    }
    let cpu = before.and_then(|(then, before)| {
        let elapsed = now.duration_since(then).as_secs_f64() * 1000.0;
        (elapsed > 0.0).then(|| busy_ms(&before, &spent) as f64 / elapsed)
    });
    context.metrics.sampled(cpu, memory);
    Some((now, spent))
}

async fn stat(context: &Context, session: SessionHandle) -> ((SessionId, Epoch), Option<Stat>) {
    let (id, epoch) = (session.facts().id.clone(), session.feed().epoch);
    // A session that has just ended is not found: it uses nothing.
    let stat = context.client.stat(&id, epoch).await.ok();
    ((id, epoch), stat)
}

/// Processor time spent since the sample before. A shell that was not there then has spent all of
/// its time since; one whose processes ended unseen has spent what nobody can tell.
fn busy_ms(before: &Spent, now: &Spent) -> u64 {
    let since = |(key, spent): (_, &u64)| {
        spent.saturating_sub(before.get(key).copied().unwrap_or_default())
    };
    now.iter().map(since).sum()
}

#[cfg(test)]
mod tests {
    //! The difference of two samples.

    use super::*;

    fn spent(pairs: &[(u8, u64, u64)]) -> Spent {
        let key = |n: u8, epoch| {
            let tag = termfleet_session::ids::Tag::of(
                &"~ann".parse().unwrap(),
                &"default".parse().unwrap(),
            );
            (SessionId::new(&tag, [n; 16]), Epoch::new(epoch))
        };
        pairs.iter().map(|&(n, epoch, ms)| (key(n, epoch), ms)).collect()
    }

    #[test]
    fn only_what_was_spent_since_counts() {
        let before = spent(&[(1, 1, 500), (2, 1, 900), (3, 1, 70)]);
        // The second's processes ended, the third has another shell, the fourth is new.
        let now = spent(&[(1, 1, 650), (2, 1, 400), (3, 2, 20), (4, 1, 5)]);
        assert_eq!(busy_ms(&before, &now), 150 + 20 + 5);
        assert_eq!(busy_ms(&now, &Spent::new()), 0);
    }
}
