//! What webhooks are asked and told, and how that came out.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use termfleet_runtime::Part;

use super::event::{EVENTS, Event};

/// How an event came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The hook has it, and has nothing against it.
    Accepted,
    /// The hook is against it.
    Refused,
    /// It gave no answer that means anything, and was not asked again.
    Failed,
    /// There was no room for it.
    Dropped,
}

const OUTCOMES: [Outcome; 4] =
    [Outcome::Accepted, Outcome::Refused, Outcome::Failed, Outcome::Dropped];

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Failed => "failed",
            Self::Dropped => "dropped",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    operation: &'static str,
    outcome: &'static str,
}

/// The figures of webhooks. Clones share them.
#[derive(Debug, Clone)]
pub struct HookMetrics {
    events: Family<Labels, Counter>,
    /// Calls that were tried again.
    pub(super) retries: Counter,
    /// Events that wait to be told, or are being told.
    pub(super) waiting: Gauge,
}

impl HookMetrics {
    /// Registers them.
    #[must_use]
    pub fn register(mut part: Part<'_>) -> Self {
        let metrics = Self {
            events: Family::default(),
            retries: Counter::default(),
            waiting: Gauge::default(),
        };
        for event in EVENTS {
            for outcome in OUTCOMES {
                let _ = metrics.events.get_or_create(&labels(event, outcome));
            }
        }
        let registry = part.own();
        let help = "Events of sessions' lives by what the webhook made of them";
        registry.register("events", help, metrics.events.clone());
        let help = "Calls of the webhook that were tried again";
        registry.register("retries", help, metrics.retries.clone());
        let help = "Events that the webhook is yet to be told";
        registry.register("waiting_events", help, metrics.waiting.clone());
        metrics
    }

    pub(super) fn came_out(&self, event: Event, outcome: Outcome) {
        self.events.get_or_create(&labels(event, outcome)).inc();
    }

    #[cfg(test)]
    pub(super) fn count(&self, event: Event, outcome: Outcome) -> u64 {
        self.events.get_or_create(&labels(event, outcome)).get()
    }
}

fn labels(event: Event, outcome: Outcome) -> Labels {
    Labels { operation: event.name(), outcome: outcome.name() }
}
