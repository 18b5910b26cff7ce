//! `[telemetry]`: logs and traces.

use anyhow::{Context, Result};
use termfleet_runtime::{
    About, Traces,
    logs::{self, Format},
    settings::{Key, Kind, Origin, Preset, Resolved, Section},
    traces::{Collector, Endpoint},
};

/// All traces are sent: keystrokes are none, and what is left is rare.
const SAMPLE_RATIO: f64 = 1.0;

pub(super) const SECTION: Section = Section {
    name: "telemetry",
    about: "Logs and traces.",
    keys: &[&LOG, &LOG_FORMAT, &OTLP_ENDPOINT],
};

const LOG: Key = Key::new(
    "telemetry.log",
    Kind::Text,
    Preset::Text(logs::DEFAULT_FILTER),
    "Which lines are logged, as `info` or `termfleet_gateway=debug,warn`",
)
.variables(&[logs::FILTER_VARIABLE]);
const LOG_FORMAT: Key = Key::new(
    "telemetry.log_format",
    Kind::Choice(&["auto", "json", "human"]),
    Preset::Text("auto"),
    "How a line looks; `auto` is for people on a terminal, else JSON",
);
const OTLP_ENDPOINT: Key = Key::new(
    "telemetry.otlp_endpoint",
    Kind::Url,
    Preset::Unset,
    "Where traces are sent (OTLP over gRPC), as `http://127.0.0.1:4317`; without it nowhere",
)
.variables(&["OTEL_EXPORTER_OTLP_ENDPOINT"]);

/// Logs and traces.
#[derive(Debug, Clone)]
pub(crate) struct Telemetry {
    /// Which lines are logged, if somebody says so.
    pub(crate) log: Option<String>,
    /// How a line looks.
    pub(crate) log_format: Format,
    /// Where traces are sent.
    pub(crate) otlp_endpoint: Option<Endpoint>,
}

impl Telemetry {
    /// Starts to send traces, if somebody says where; within the process's runtime.
    pub(crate) fn start_traces(&self, about: About, instance: &str) -> Result<Option<Traces>> {
        let Some(endpoint) = self.otlp_endpoint.clone() else { return Ok(None) };
        let instance = instance.to_owned();
        let collector = Collector { endpoint, sample_ratio: SAMPLE_RATIO, instance };
        Ok(Some(Traces::start(about, &collector).context("traces cannot be sent")?))
    }
}

pub(super) fn parse(values: &mut Resolved) -> Telemetry {
    let log = values.text(&LOG);
    if let Err(error) = logs::subscriber(&log, false, std::io::sink) {
        values.refuse(&LOG, error);
    }
    Telemetry {
        log: (values.origin(&LOG) != Origin::Default).then_some(log),
        log_format: values.parsed(&LOG_FORMAT).unwrap_or_default(),
        otlp_endpoint: values.parsed(&OTLP_ENDPOINT),
    }
}
