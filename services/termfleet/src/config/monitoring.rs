//! `[monitoring]`: what is measured how often, and when it alarms.

use std::{collections::BTreeMap, time::Duration};

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
    "How often is looked at what sessions' processes use",
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
)
.pending("no alerts are raised");

/// What is measured how often.
#[derive(Debug, Clone)]
pub(crate) struct Monitoring {
    /// How often the system is sampled.
    pub(crate) metrics_interval: Duration,
    /// How often workers are asked for their health.
    pub(crate) health_check_interval: Duration,
    /// Values above which an alert is raised.
    pub(crate) alert_thresholds: BTreeMap<String, f64>,
}

pub(super) fn parse(values: &mut Resolved) -> Monitoring {
    Monitoring {
        metrics_interval: values.duration(&METRICS_INTERVAL),
        health_check_interval: values.duration(&HEALTH_CHECK_INTERVAL),
        alert_thresholds: values.numbers(&ALERT_THRESHOLDS),
    }
}
