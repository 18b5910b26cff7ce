//! Traces: spans to an OpenTelemetry collector by OTLP (gRPC), if one is configured.
//!
//! Spans of the house are at level debug, so that without a collector they do not exist at all;
//! with one, all of them are sent that are sampled. A span carries names, codes and ids, never a
//! token, a query or a terminal's bytes; events stay in the logs, which carry the ids of the span
//! that they happened in. Between processes a context travels as a W3C `traceparent`.

use std::{future::Future, str::FromStr, time::Duration};

use opentelemetry::{
    Context, KeyValue,
    propagation::{Extractor, Injector, TextMapPropagator},
    trace::{TraceContextExt, TracerProvider},
};
use opentelemetry_otlp::{ExporterBuildError, WithExportConfig};
use opentelemetry_sdk::{
    Resource,
    propagation::TraceContextPropagator,
    trace::{Sampler, SdkTracerProvider},
};
use tokio::task;
use tracing::{Level, Metadata, Span, Subscriber, level_filters::LevelFilter};
use tracing_opentelemetry::{OpenTelemetryLayer, OpenTelemetrySpanExt};
use tracing_subscriber::{Layer, filter::filter_fn, registry::LookupSpan};

use crate::admin::About;

/// How long a collector may take for one batch.
const EXPORT_TIME: Duration = Duration::from_secs(5);
/// The header, metadata key and field that a context travels in.
pub const TRACEPARENT: &str = "traceparent";
/// What the targets of our own spans begin with.
const OURS: &str = "termfleet";

/// Where spans are sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Collector {
    /// The collector's OTLP port.
    pub endpoint: Endpoint,
    /// Which part of the traces is sent, 0 to 1; a trace is sent whole or not at all.
    pub sample_ratio: f64,
    /// Which of several processes of a kind this is.
    pub instance: String,
}

/// The address of a collector: `http://HOST:PORT`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint(String);

/// A text that is not a collector's address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "not a collector's address: {0:?} (OTLP over gRPC, such as http://127.0.0.1:4317; for TLS, send \
     to an agent nearby)"
)]
pub struct InvalidEndpoint(String);

impl FromStr for Endpoint {
    type Err = InvalidEndpoint;

    fn from_str(text: &str) -> Result<Self, InvalidEndpoint> {
        let invalid = || InvalidEndpoint(text.to_owned());
        let uri: http::Uri = text.parse().map_err(|_| invalid())?;
        let bare = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let host = uri.host().is_some_and(|host| !host.is_empty());
        let plain = uri.scheme_str() == Some("http");
        (bare && host && plain).then(|| Self(text.to_owned())).ok_or_else(invalid)
    }
}

/// Sends spans until the process ends. Clones share it.
#[derive(Debug, Clone)]
pub struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts to send spans to a collector; within a tokio runtime, whose tasks the connection
    /// uses. A collector that is away costs spans, never anything else.
    ///
    /// # Errors
    /// If the exporter cannot be put together.
    pub fn start(about: About, collector: &Collector) -> Result<Self, ExporterBuildError> {
        let Collector { endpoint: Endpoint(endpoint), sample_ratio, instance } = collector;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(endpoint)
            .with_timeout(EXPORT_TIME)
            .build()?;
        let resource = Resource::builder()
            .with_service_name(format!("termfleet-{}", about.service))
            .with_attribute(KeyValue::new("service.version", about.version))
            .with_attribute(KeyValue::new("service.instance.id", instance.clone()))
            .build();
        let root = Sampler::TraceIdRatioBased(*sample_ratio);
        let provider = SdkTracerProvider::builder()
            .with_sampler(Sampler::ParentBased(Box::new(root)))
            .with_resource(resource)
            .with_batch_exporter(exporter)
            .build();
        Ok(Self { provider })
    }

    /// The layer that hands our spans to the exporter.
    pub(crate) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'a> LookupSpan<'a> + Send + Sync,
    {
        let tracer = self.provider.tracer(OURS);
        let ours = |metadata: &Metadata<'_>| {
            metadata.is_span()
                && *metadata.level() <= Level::DEBUG
                && metadata.target().starts_with(OURS)
        };
        OpenTelemetryLayer::new(tracer)
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(filter_fn(ours).with_max_level_hint(LevelFilter::DEBUG))
    }

    /// Sends what is left, and nothing more after it; within `deadline`.
    pub async fn finish(self, deadline: Duration) {
        // It waits for the exporter's thread, which needs the runtime's other threads.
        let finished =
            task::spawn_blocking(move || self.provider.shutdown_with_timeout(deadline)).await;
        if let Ok(Err(error)) = finished {
            tracing::warn!(%error, "the last spans were not sent");
        }
    }
}

/// The present span's context as a `traceparent`, for another process; none without a collector.
#[must_use]
pub fn traceparent() -> Option<String> {
    let context = Context::current();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut carrier = Carrier(None);
    TraceContextPropagator::new().inject_context(&context, &mut carrier);
    carrier.0
}

/// Makes a span the child of one in another process. What is no `traceparent` changes nothing.
pub fn continue_from(span: &Span, traceparent: Option<&str>) {
    let Some(traceparent) = traceparent.filter(|_| !span.is_disabled()) else { return };
    let carrier = Carrier(Some(traceparent.to_owned()));
    let context = TraceContextPropagator::new().extract_with_context(&Context::new(), &carrier);
    // A span that no exporter takes has no parent to be given.
    let _ = span.set_parent(context);
}

/// The trace's and the span's id of the present moment, as logs carry them.
pub(crate) fn present() -> Option<(String, String)> {
    Context::map_current(|context| {
        let span = context.span();
        let ids = span.span_context();
        ids.is_valid().then(|| (ids.trace_id().to_string(), ids.span_id().to_string()))
    })
}

/// Runs something with all that it does under a span.
pub fn within<F: Future>(span: Span, work: F) -> impl Future<Output = F::Output> {
    tracing::Instrument::instrument(work, span)
}

/// One `traceparent` on its way.
struct Carrier(Option<String>);

impl Injector for Carrier {
    fn set(&mut self, key: &str, value: String) {
        // `tracestate` says nothing that any of our processes reads.
        if key == TRACEPARENT {
            self.0 = Some(value);
        }
    }
}

impl Extractor for Carrier {
    fn get(&self, key: &str) -> Option<&str> {
        self.0.as_deref().filter(|_| key == TRACEPARENT)
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT]
    }
}

#[cfg(test)]
mod tests;
