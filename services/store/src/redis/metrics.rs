//! What a process sees of its Redis: calls by operation, how long they took, what went wrong, and
//! whether there is a connection at all.
//!
//! Counted from outside, by guards: a call that its caller gave up counts like every other.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use redis::Cmd;
use termfleet_runtime::Part;
use tokio::time::Instant;

use super::{failure::Kind, script};

/// Commands that are sent without a script.
const COMMANDS: [&str; 4] = ["del", "get", "publish", "zrange"];
/// The label of a command that is not listed: a mistake that a test finds.
const OTHER: &str = "other";
/// Bounds of the answer times, in seconds: a script takes well below the first, a fork or a slow
/// disk the middle ones, and the last is an answer's deadline.
const SECONDS: [f64; 9] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.05, 0.25, 1.0, 2.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabel {
    operation: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct KindLabel {
    kind: &'static str,
}

/// The store's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct StoreMetrics {
    calls: Family<OperationLabel, Counter>,
    errors: Family<KindLabel, Counter>,
    seconds: Histogram,
    up: Gauge,
    /// Connections for subscriptions that were made after one was lost.
    pub(super) subscription_reconnects: Counter,
}

impl Default for StoreMetrics {
    /// Metrics that nobody exports.
    fn default() -> Self {
        let metrics = Self {
            calls: Family::default(),
            errors: Family::default(),
            seconds: Histogram::new(SECONDS),
            up: Gauge::default(),
            subscription_reconnects: Counter::default(),
        };
        for operation in script::names().chain(COMMANDS) {
            drop(metrics.calls.get_or_create(&OperationLabel { operation }));
        }
        for kind in Kind::ALL {
            drop(metrics.errors.get_or_create(&KindLabel { kind: kind.name() }));
        }
        metrics
    }
}

impl StoreMetrics {
    /// Registers everything.
    #[must_use]
    pub fn register(mut part: Part<'_>) -> Self {
        let (metrics, registry) = (Self::default(), part.own());
        let help = "Calls to the store, by operation: a script of ours, or a command of Redis";
        registry.register("calls", help, metrics.calls.clone());
        let help = "Calls to the store without an answer, by what went wrong";
        registry.register("errors", help, metrics.errors.clone());
        let help = "Time from a call to its answer, or to its end without one";
        registry.register("call_seconds", help, metrics.seconds.clone());
        let help = "1 while there is a connection to the store that takes writes";
        registry.register("up", help, metrics.up.clone());
        let help = "Connections for subscriptions that were made after one was lost";
        registry.register("subscription_reconnects", help, metrics.subscription_reconnects.clone());
        metrics
    }

    /// There is a connection now, or none.
    pub(super) fn connected(&self, is_up: bool) {
        self.up.set(is_up.into());
    }

    /// A call begins that ends when this is dropped.
    pub(super) fn call(&self, operation: &'static str) -> Call<'_> {
        self.calls.get_or_create(&OperationLabel { operation }).inc();
        Call { metrics: self, since: Instant::now() }
    }
}

/// A call under way.
pub(super) struct Call<'a> {
    metrics: &'a StoreMetrics,
    since: Instant,
}

impl Call<'_> {
    /// It comes to nothing.
    pub(super) fn failed(&self, kind: Kind) {
        self.metrics.errors.get_or_create(&KindLabel { kind: kind.name() }).inc();
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.metrics.seconds.observe(self.since.elapsed().as_secs_f64());
    }
}

/// The label of a command.
pub(super) fn operation(command: &Cmd) -> &'static str {
    let name = match command.args_iter().next() {
        Some(redis::Arg::Simple(name)) => name,
        Some(_) | None => return OTHER,
    };
    let known = COMMANDS.into_iter().find(|known| name.eq_ignore_ascii_case(known.as_bytes()));
    known.unwrap_or(OTHER)
}

#[cfg(test)]
mod tests {
    //! What is exported of calls that went well and of others.

    use termfleet_runtime::{About, Metrics};

    use super::*;

    #[test]
    fn a_call_is_counted_by_its_operation_and_timed_however_it_ends() {
        let mut metrics = Metrics::new(About { service: "gateway", version: "1" });
        let store = StoreMetrics::register(metrics.part("store"));
        let exporter = metrics.export();
        drop(store.call("read"));
        store.call("get").failed(Kind::Timeout);
        store.connected(true);
        let text = exporter.text().unwrap();
        for line in [
            "termfleet_store_calls_total{operation=\"read\"} 1",
            "termfleet_store_calls_total{operation=\"get\"} 1",
            "termfleet_store_calls_total{operation=\"write\"} 0",
            "termfleet_store_errors_total{kind=\"timeout\"} 1",
            "termfleet_store_errors_total{kind=\"overload\"} 0",
            "termfleet_store_call_seconds_count 2",
            "termfleet_store_up 1",
            "termfleet_store_subscription_reconnects_total 0",
        ] {
            assert!(text.lines().any(|exported| exported == line), "{line} is not in\n{text}");
        }
        store.connected(false);
        assert!(exporter.text().unwrap().contains("\ntermfleet_store_up 0\n"));
    }

    #[test]
    fn every_command_has_a_label() {
        for name in ["GET", "ZRANGE", "PUBLISH", "DEL"] {
            assert_eq!(operation(&redis::cmd(name)), name.to_ascii_lowercase());
        }
        assert_eq!(operation(&redis::cmd("FLUSHALL")), OTHER);
    }
}
