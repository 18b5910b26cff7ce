//! What a gateway counts of its workers: how many stand how, and how often a link had to be made
//! again.

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge},
};
use termfleet_proto::rest::workers::WorkerState;
use termfleet_runtime::Part;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StateLabel {
    state: &'static str,
}

/// The metrics of the way to the workers. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct UpstreamMetrics {
    // Nothing before the listing was read for the first time: 0 would be a claim.
    workers: Family<StateLabel, Gauge>,
    /// Links that stand again after they broke.
    pub(super) reconnects: Counter,
}

impl UpstreamMetrics {
    /// Registers everything.
    pub fn register(&self, part: &mut Part<'_>) {
        let registry = part.own();
        let help = "Workers by how they stand; absent before the listing was read once";
        registry.register("workers", help, self.workers.clone());
        let help = "Links to workers that stand again after they broke";
        registry.register("link_reconnects", help, self.reconnects.clone());
    }

    /// These are all workers.
    pub fn stand(&self, all: &[WorkerState]) {
        for state in WorkerState::ALL {
            let count = all.iter().filter(|stands| **stands == state).count();
            let gauge = self.workers.get_or_create(&StateLabel { state: state.name() });
            gauge.set(i64::try_from(count).unwrap_or(i64::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    //! Absent is not 0.

    use termfleet_runtime::{About, Metrics};

    use super::*;

    #[test]
    fn workers_are_absent_until_they_are_known_and_then_each_state_is_there() {
        let mut metrics = Metrics::new(About { service: "gateway", version: "1" });
        let upstream = UpstreamMetrics::default();
        upstream.register(&mut metrics.part("gateway"));
        let exporter = metrics.export();
        let workers = |text: &str| -> Vec<String> {
            let of = |line: &&str| line.starts_with("termfleet_gateway_workers{");
            text.lines().filter(of).map(str::to_owned).collect()
        };
        assert!(workers(&exporter.text().unwrap()).is_empty());
        upstream.stand(&[WorkerState::Draining, WorkerState::Healthy, WorkerState::Draining]);
        let mut told = workers(&exporter.text().unwrap());
        told.sort();
        assert_eq!(
            told,
            [
                "termfleet_gateway_workers{state=\"draining\"} 2",
                "termfleet_gateway_workers{state=\"healthy\"} 1",
                "termfleet_gateway_workers{state=\"unreachable\"} 0",
            ]
        );
    }
}
