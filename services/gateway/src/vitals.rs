//! How this gateway does: sampled in turns, kept for an hour, held against thresholds.
//!
//! Samples, thresholds and alerts are this gateway's own (`docs/decisions/0005`): they are about a
//! process, and nothing of them outlives it. What is measured for dashboards is `metrics`.

mod alarm;

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use termfleet_proto::rest::measures::{Alert, Cpu, Memory, SystemMeasures};
use termfleet_runtime::{clock, process};
use termfleet_session::code::Refusal;
use tokio::time::{self, Instant, MissedTickBehavior};

use self::alarm::Alarms;
pub use self::alarm::{Measure, Thresholds};
use crate::edge::Edge;

/// Samples that are kept: an hour at the default interval, some 100 bytes each.
pub const KEPT: usize = 360;

/// One gateway's samples and alerts.
#[derive(Debug)]
pub struct Vitals {
    // Short and private: held for a look or a push, never over a wait.
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    history: VecDeque<SystemMeasures>,
    newest: Taken,
    alarms: Alarms,
}

/// What the next sample's differences are taken from.
#[derive(Debug, Clone, Copy)]
struct Taken {
    at: Instant,
    cpu: Option<process::Usage>,
    refusals: u64,
}

/// What only the gateway's other parts know.
#[derive(Debug, Clone, Copy)]
pub struct Counted {
    /// Live sessions on all workers, where that is known.
    pub sessions: Option<u64>,
    /// Sockets open here.
    pub sockets: u64,
    /// Refusals told so far.
    pub refusals: u64,
}

impl Vitals {
    /// With these thresholds, and a first sample.
    #[must_use]
    pub fn new(thresholds: Thresholds, counted: Counted) -> Self {
        let usage = process::usage();
        let newest = Taken { at: Instant::now(), cpu: usage, refusals: counted.refusals };
        let first = sample(usage, None, counted);
        let alarms = Alarms::new(thresholds);
        let state = State { history: VecDeque::from([first]), newest, alarms };
        Self { state: Mutex::new(state) }
    }

    /// Takes a sample.
    pub fn take(&self, counted: Counted) {
        let (usage, now) = (process::usage(), Instant::now());
        let mut state = self.lock();
        let before = state.newest;
        let elapsed = now.duration_since(before.at);
        let busy = usage.zip(before.cpu).map(|(usage, before)| {
            let spent = usage.cpu_us().saturating_sub(before.cpu_us());
            ratio(spent as f64, elapsed.as_secs_f64() * 1e6)
        });
        let refused = counted.refusals.saturating_sub(before.refusals);
        let sample = sample(usage, busy, counted);
        let errors = ratio(refused as f64, elapsed.as_secs_f64());
        state.alarms.look(&values(&sample, Some(errors)));
        state.newest = Taken { at: now, cpu: usage, refusals: counted.refusals };
        if state.history.len() == KEPT {
            state.history.pop_front();
        }
        state.history.push_back(sample);
    }

    /// All samples, oldest first; there always is one.
    pub fn history(&self) -> Vec<SystemMeasures> {
        self.lock().history.iter().cloned().collect()
    }

    /// What is above its threshold, and the thresholds.
    pub fn alerts(&self) -> (Vec<Alert>, BTreeMap<String, f64>) {
        let state = self.lock();
        (state.alarms.active(), state.alarms.thresholds().named())
    }

    /// Sets thresholds: these and no others. They hold at once, for what was sampled last.
    ///
    /// # Errors
    /// `BAD_MESSAGE` for one that is not known or not above 0.
    pub fn set(&self, thresholds: &BTreeMap<String, f64>) -> Result<(), Refusal> {
        let thresholds = Thresholds::named_so(thresholds)?;
        let mut state = self.lock();
        let newest = state.history.back().map(|newest| values(newest, None)).unwrap_or_default();
        state.alarms.set(thresholds, &newest);
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every step leaves the state whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Takes samples until the gateway drains.
pub(crate) async fn watch(edge: Arc<Edge>) {
    let drain = edge.drain.child_token();
    let mut turns = time::interval(edge.config.monitoring.sample_interval);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first sample has been taken.
    turns.tick().await;
    while drain.run_until_cancelled(turns.tick()).await.is_some() {
        edge.vitals.take(edge.counted());
    }
}

fn sample(usage: Option<process::Usage>, busy: Option<f64>, counted: Counted) -> SystemMeasures {
    SystemMeasures {
        timestamp: clock::now_ms(),
        memory: usage.map(|usage| Memory { rss: usage.resident_bytes }),
        cpu: usage.map(|usage| Cpu { user: usage.user_us, system: usage.system_us, usage: busy }),
        session_count: counted.sessions,
        active_connections: counted.sockets,
    }
}

/// What thresholds are held against; what is not known raises nothing and ends nothing.
fn values(sample: &SystemMeasures, error_rate: Option<f64>) -> BTreeMap<Measure, f64> {
    let known = [
        (Measure::Memory, sample.memory.map(|memory| memory.rss as f64)),
        (Measure::Cpu, sample.cpu.and_then(|cpu| cpu.usage)),
        (Measure::ActiveConnections, Some(sample.active_connections as f64)),
        (Measure::ErrorRate, error_rate),
    ];
    known.into_iter().filter_map(|(measure, value)| Some((measure, value?))).collect()
}

fn ratio(part: f64, of: f64) -> f64 {
    if of > 0.0 { part / of } else { 0.0 }
}

/// The time between two samples of the default.
pub(crate) const SAMPLE_INTERVAL: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    //! Samples are bounded, and differences are differences.

    use super::*;

    fn counted(sockets: u64, refusals: u64) -> Counted {
        Counted { sessions: None, sockets, refusals }
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_sample_is_there_at_once_and_an_hour_is_kept() {
        let vitals = Vitals::new(Thresholds::default(), counted(0, 0));
        let first = vitals.history();
        assert_eq!((first.len(), first[0].active_connections), (1, 0));
        assert!(first[0].memory.unwrap().rss > 100_000 && first[0].cpu.unwrap().usage.is_none());
        for taken in 1..=KEPT as u64 {
            time::advance(SAMPLE_INTERVAL).await;
            vitals.take(counted(taken, 0));
        }
        let kept = vitals.history();
        assert_eq!(kept.len(), KEPT);
        assert_eq!(kept[0].active_connections, 1);
        assert!(kept[KEPT - 1].cpu.unwrap().usage.is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn refusals_a_second_raise_an_alert_and_quiet_ends_it() {
        let thresholds = BTreeMap::from([("errorRate".to_owned(), 2.0)]);
        let vitals = Vitals::new(Thresholds::named_so(&thresholds).unwrap(), counted(0, 0));
        time::advance(SAMPLE_INTERVAL).await;
        vitals.take(counted(0, 30));
        let (alerts, _) = vitals.alerts();
        assert_eq!((alerts[0].metric.as_str(), alerts[0].value), ("errorRate", 3.0));
        time::advance(SAMPLE_INTERVAL).await;
        // Twenty in ten seconds are at the threshold, not above it.
        vitals.take(counted(0, 50));
        assert_eq!(vitals.alerts().0, []);
    }
}
