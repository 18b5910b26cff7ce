//! The names that log readers rely on, and the mistakes that are told.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use super::*;

#[derive(Clone, Default)]
pub(crate) struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Buffer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn written(filter: &str, json: bool, work: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let subscriber = subscriber(filter, json, move || writer.clone()).unwrap();
    tracing::subscriber::with_default(subscriber, work);
    buffer.text()
}

/// What `work` logs on this thread, as JSON lines.
pub(crate) fn captured(work: impl FnOnce()) -> String {
    written("trace", true, work)
}

#[test]
fn json_lines_have_the_stable_names() {
    let log = captured(|| {
        let _span = tracing::info_span!("attach", channel = 7).entered();
        tracing::warn!(target: "termfleet_gateway", code = 4001, "refused \"x\"\n");
    });
    assert_eq!(log.lines().count(), 1);
    let line: serde_json::Value = serde_json::from_str(&log).unwrap();
    assert!(line["timestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(line["level"], "WARN");
    assert_eq!(line["target"], "termfleet_gateway");
    assert_eq!(line["message"], "refused \"x\"\n");
    assert_eq!(line["code"], 4001);
    assert_eq!(line["span"]["name"], "attach");
    assert_eq!(line["span"]["channel"], 7);
}

#[test]
fn the_filter_decides() {
    let log = written("warn", true, || {
        tracing::info!("quiet");
        tracing::warn!("loud");
    });
    assert!(log.contains("loud") && !log.contains("quiet"));
}

#[test]
fn the_human_format_is_not_json() {
    let log = written("info", false, || tracing::info!(port = 4001, "listening"));
    assert!(log.contains("INFO") && log.contains("listening") && log.contains("port"));
    assert!(!log.starts_with('{'));
}

#[test]
fn a_wrong_filter_says_what_a_right_one_is() {
    let error = subscriber("termfleet=loudly", true, io::stderr).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("termfleet=loudly"));
    assert!(error.to_string().contains("try \"info\""));
}

#[test]
fn formats_have_names() {
    assert_eq!("auto".parse(), Ok(Format::Auto));
    assert_eq!("json".parse(), Ok(Format::Json));
    assert_eq!("human".parse(), Ok(Format::Human));
    assert!("xml".parse::<Format>().is_err());
}
