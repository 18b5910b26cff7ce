//! `[telemetry]`: logs and traces.

use termfleet_runtime::{
    logs::{self, Format},
    settings::{Key, Kind, Origin, Preset, Resolved, Section},
};

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
    pub(crate) otlp_endpoint: Option<String>,
}

pub(super) fn parse(values: &mut Resolved) -> Telemetry {
    let log = values.text(&LOG);
    if let Err(error) = logs::subscriber(&log, false, std::io::sink) {
        values.refuse(&LOG, error);
    }
    Telemetry {
        log: (values.origin(&LOG) != Origin::Default).then_some(log),
        log_format: values.parsed(&LOG_FORMAT).unwrap_or_default(),
        otlp_endpoint: values.optional(&OTLP_ENDPOINT),
    }
}
