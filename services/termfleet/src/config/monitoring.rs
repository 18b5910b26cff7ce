//! `[monitoring]`: what is measured how often, and when it alarms.

use std::time::Duration;

use termfleet_gateway::{config as gateway, vitals::Thresholds};
use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};

pub(super) const SECTION: Section = Section {
    name: "monitoring",
    about: "What is measured how often, and when it alarms.",
    keys: &[&METRICS_INTERVAL, &HEALTH_CHECK_INTERVAL, &ALERT_THRESHOLDS],
};

const METRICS_INTERVAL: Key = Key::new(
    "monitoring.metrics_interval_ms",
    Kind::Milliseconds(100, 3_600_000),
    Preset::Number(10_000),
    "How often gateways sample themselves and look at focused sessions, and workers what sessions' processes use",
)
.known_as(&["monitoring.metrics_interval"]);
const HEALTH_CHECK_INTERVAL: Key = Key::new(
    "monitoring.health_check_interval_ms",
    Kind::Milliseconds(100, 3_600_000),
    Preset::Number(1_000),
    "How often gateways ask workers for their health",
)
.known_as(&["monitoring.health_check_interval"])
.pending("workers tell by themselves when their health changes");
const ALERT_THRESHOLDS: Key = Key::new(
    "monitoring.alert_thresholds",
    Kind::Numbers,
    Preset::Unset,
    "Values of metrics above which an alert is raised, by name",
);

/// What is measured how often.
#[derive(Debug, Clone)]
pub(crate) struct Monitoring {
    /// How often the system is sampled.
    pub(crate) metrics_interval: Duration,
    /// How often workers are asked for their health.
    pub(crate) health_check_interval: Duration,
    /// Values above which an alert is raised.
    pub(crate) alert_thresholds: Thresholds,
}

impl Monitoring {
    /// How a gateway looks at itself.
    pub(crate) fn gateway(&self) -> gateway::Monitoring {
        gateway::Monitoring {
            sample_interval: self.metrics_interval,
            thresholds: self.alert_thresholds.clone(),
        }
    }
}

pub(super) fn parse(values: &mut Resolved) -> Monitoring {
    let thresholds = Thresholds::named_so(&values.numbers(&ALERT_THRESHOLDS));
    let thresholds = thresholds.map_err(|refusal| refusal.text);
    Monitoring {
        metrics_interval: values.duration(&METRICS_INTERVAL),
        health_check_interval: values.duration(&HEALTH_CHECK_INTERVAL),
        alert_thresholds: values.checked(&ALERT_THRESHOLDS, thresholds).unwrap_or_default(),
    }
}
