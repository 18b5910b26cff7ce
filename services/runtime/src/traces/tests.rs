//! Addresses of collectors, and contexts that cross from one process to another.
#![allow(clippy::unwrap_used)]

use opentelemetry_sdk::trace::InMemorySpanExporter;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::logs::{self, tests::Buffer};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/// What the exporter is given while `work` runs, as (name, trace, parent).
fn exported(ratio: f64, work: impl FnOnce()) -> Vec<(String, String, String)> {
    let exporter = InMemorySpanExporter::default();
    let provider = SdkTracerProvider::builder()
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_simple_exporter(exporter.clone())
        .build();
    let traces = Traces { provider };
    let subscriber = tracing_subscriber::Registry::default().with(traces.layer());
    tracing::subscriber::with_default(subscriber, work);
    let spans = exporter.get_finished_spans().unwrap();
    let told = spans.iter().map(|span| {
        let trace = span.span_context.trace_id().to_string();
        (span.name.to_string(), trace, span.parent_span_id.to_string())
    });
    told.collect()
}

#[test]
fn a_context_crosses_to_another_process_and_goes_on_there() {
    let mut sent = None;
    let spans = exported(1.0, || {
        let served = tracing::debug_span!("served");
        continue_from(&served, Some(PARENT));
        let _in = served.entered();
        let _inner = tracing::debug_span!("inner").entered();
        sent = traceparent();
    });
    let trace = "0af7651916cd43dd8448eb211c80319c";
    assert_eq!(spans.len(), 2);
    assert!(spans.iter().all(|span| span.1 == trace), "{spans:?}");
    assert_eq!((spans[1].0.as_str(), spans[1].2.as_str()), ("served", "b7ad6b7169203331"));
    assert!(sent.unwrap().starts_with(&format!("00-{trace}-")));
}

#[test]
fn a_trace_is_sent_whole_or_not_at_all() {
    let work = || {
        let _outer = tracing::debug_span!("outer").entered();
        let _inner = tracing::debug_span!("inner").entered();
        assert!(traceparent().is_some());
    };
    assert_eq!(exported(0.0, work).len(), 0);
    let both = exported(1.0, work);
    assert_eq!((both.len(), &both[0].1), (2, &both[1].1));
}

#[test]
fn what_is_no_context_starts_a_trace_of_its_own() {
    for bad in ["", "00-0-0-01", "nonsense", &format!("{PARENT}-x\u{1F600}")] {
        let spans = exported(1.0, || {
            let span = tracing::debug_span!("served");
            continue_from(&span, Some(bad));
            drop(span.entered());
        });
        assert_eq!(spans[0].2, "0000000000000000", "{bad:?}");
    }
}

#[test]
fn without_a_collector_there_is_no_context() {
    let logs = logs::subscriber("info", true, std::io::sink).unwrap();
    tracing::subscriber::with_default(logs, || {
        let span = tracing::debug_span!("served");
        continue_from(&span, Some(PARENT));
        let _in = span.entered();
        assert_eq!((traceparent(), present()), (None, None));
    });
}

#[test]
fn a_log_line_leads_to_its_trace_also_when_the_logs_filter_hides_the_span() {
    let provider = SdkTracerProvider::builder().build();
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let (traces, write) = (Traces { provider }, move || writer.clone());
    let subscriber = logs::subscriber_with("info", true, write, Some(&traces)).unwrap();
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!("outside");
        let span = tracing::debug_span!("served");
        continue_from(&span, Some(PARENT));
        span.in_scope(|| tracing::info!(code = 4001, "inside \"}}\""));
    });
    let lines: Vec<serde_json::Value> =
        buffer.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), lines[0].get("trace_id")), (2, None));
    assert_eq!(lines[1]["trace_id"], "0af7651916cd43dd8448eb211c80319c");
    assert_eq!(lines[1]["span_id"].as_str().unwrap().len(), 16);
    assert_eq!((&lines[1]["code"], &lines[1]["message"]), (&4001.into(), &"inside \"}\"".into()));
}

#[test]
fn spans_of_libraries_are_not_sent() {
    let spans = exported(1.0, || {
        drop(tracing::debug_span!(target: "h2::client", "poll").entered());
        drop(tracing::trace_span!("each keystroke").entered());
    });
    assert_eq!(spans, []);
}

#[test]
fn an_endpoint_is_a_plain_address() {
    for good in ["http://127.0.0.1:4317", "http://collector:4317/", "http://[::1]:4317"] {
        assert!(good.parse::<Endpoint>().is_ok(), "{good}");
    }
    for bad in ["", "127.0.0.1:4317", "https://x:4317", "http://x:4317/v1/traces", "grpc://x:1"] {
        let error = bad.parse::<Endpoint>().unwrap_err();
        assert!(error.to_string().contains("http://127.0.0.1:4317"), "{error}");
    }
}
