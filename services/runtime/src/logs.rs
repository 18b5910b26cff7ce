//! Logs: one JSON object a line on stderr, or a format for eyes on a terminal.
//!
//! The JSON names are stable: `timestamp` (RFC 3339, UTC), `level`, `target`, `message`, then the
//! event's own fields beside them, `span` with the innermost span's `name` and fields, and, where
//! traces are sent (`traces`), `trace_id` and `span_id`. An event's own field is never called like
//! one of those. What is logged, and that it carries no
//! secret and no terminal's bytes, is up to whoever logs.

use std::{
    io::{self, IsTerminal},
    panic,
    str::FromStr,
};

use tracing::Subscriber;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    fmt::{self, MakeWriter},
    layer::SubscriberExt,
};

use self::correlated::Correlated;
use crate::traces::Traces;

mod correlated;

/// The environment variable that holds the filter: `info`, `termfleet_gateway=debug,warn`, ….
pub const FILTER_VARIABLE: &str = "TERMFLEET_LOG";
/// What is logged when nobody says: what an operator acts on, and one line a start or stop.
pub const DEFAULT_FILTER: &str = "info";

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For eyes if stderr is a terminal, else JSON.
    #[default]
    Auto,
    /// One JSON object a line.
    Json,
    /// For eyes.
    Human,
}

/// Why logs could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The filter is not one.
    #[error("not a log filter: {filter:?} (try \"info\" or \"termfleet_gateway=debug,warn\")")]
    Filter {
        /// What was given.
        filter: String,
    },
    /// Somebody set logs up before.
    #[error("logs are already set up")]
    Twice(#[source] tracing::subscriber::SetGlobalDefaultError),
}

/// Not the name of a format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a log format: {0:?} (one of auto, json, human)")]
pub struct UnknownFormat(String);

impl FromStr for Format {
    type Err = UnknownFormat;
    fn from_str(text: &str) -> Result<Self, UnknownFormat> {
        match text {
            "auto" => Ok(Self::Auto),
            "json" => Ok(Self::Json),
            "human" => Ok(Self::Human),
            other => Err(UnknownFormat(other.to_owned())),
        }
    }
}

/// Sets up logs on stderr for the whole process, and has panics logged too. `filter` wins over
/// `TERMFLEET_LOG`, which wins over `info`.
///
/// # Errors
/// When the filter is wrong, or logs are set up already.
pub fn init(filter: Option<&str>, format: Format) -> Result<(), LogError> {
    init_with(filter, format, None)
}

/// The same, with spans going to a collector too, and their ids into the lines.
///
/// # Errors
/// As [`init`].
pub fn init_with(
    filter: Option<&str>,
    format: Format,
    traces: Option<&Traces>,
) -> Result<(), LogError> {
    let variable = std::env::var(FILTER_VARIABLE).ok().filter(|text| !text.is_empty());
    let filter = filter.or(variable.as_deref()).unwrap_or(DEFAULT_FILTER);
    let json = match format {
        Format::Auto => !io::stderr().is_terminal(),
        Format::Json => true,
        Format::Human => false,
    };
    tracing::subscriber::set_global_default(subscriber_with(filter, json, io::stderr, traces)?)
        .map_err(LogError::Twice)?;
    log_panics();
    Ok(())
}

/// A subscriber of this shape that writes anywhere: `init` without the globals.
///
/// # Errors
/// When the filter is wrong.
pub fn subscriber<W>(
    filter: &str,
    json: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    subscriber_with(filter, json, writer, None)
}

pub(crate) fn subscriber_with<W>(
    filter: &str,
    json: bool,
    writer: W,
    traces: Option<&Traces>,
) -> Result<impl Subscriber + Send + Sync + use<W>, LogError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(filter)
        // What the parser says of it repeats itself and names none of our flags.
        .map_err(|_| LogError::Filter { filter: filter.to_owned() })?;
    let layer = fmt::layer().with_writer(writer);
    let layer = if json {
        let json = layer.json().flatten_event(true).with_current_span(true).with_span_list(false);
        json.map_event_format(Correlated).boxed()
    } else {
        layer.with_ansi(io::stderr().is_terminal()).boxed()
    };
    let exported = traces.map(Traces::layer);
    Ok(Registry::default().with(exported).with(layer.with_filter(filter)))
}

/// Panics become log lines: the default hook's several plain lines would break JSON readers.
fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let at = info.location().map(ToString::to_string).unwrap_or_default();
        let panic = info.payload_as_str().unwrap_or("no message");
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(panic, at, %backtrace, "panicked");
    }));
}

#[cfg(test)]
pub(crate) mod tests;
