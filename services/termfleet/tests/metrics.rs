//! `docs/metrics.md` lists every metric as it is exported: made from what the parts register, never
//! by hand.
#![allow(clippy::unwrap_used)]

use std::{collections::BTreeMap, env, fmt::Write, fs, time::Duration};

use termfleet_gateway::{hooks::HookMetrics, metrics::EdgeMetrics, upstream::UpstreamMetrics};
use termfleet_runtime::{About, Metrics};
use termfleet_store::redis::StoreMetrics;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/metrics.md");
const REGENERATE: &str = "TERMFLEET_WRITE_DOCS=1 cargo test -p termfleet --test metrics";
/// Values of a label that are listed; of more only their number is told.
const LISTED: usize = 8;

/// The names that dashboards for terminal services rely on.
const PROMISED: [&str; 10] = [
    "terminal_sessions_total",
    "terminal_sessions_created_total",
    "terminal_sessions_closed_total",
    "terminal_websocket_connections_active",
    "terminal_process_cpu_usage",
    "terminal_process_memory_usage",
    "terminal_command_execution_duration_seconds",
    "terminal_output_bytes_total",
    "terminal_input_bytes_total",
    "terminal_errors_total",
];

/// What a part adds to the metrics of its process.
type Register = fn(&mut Metrics);

/// What stands above the table.
const HEAD: &str = "\
# Metrics

<!-- Made from what the parts register, by services/termfleet/tests/metrics.rs; do not edit. -->

Every process exports its own on its admin port, `/metrics`, as OpenMetrics text. Names that begin
with `terminal_` are those that dashboards for terminal services know; each is exported by one part
alone, so that a sum over all processes counts nothing twice. What cannot be known yet is absent,
never 0: command durations, for one, as long as nothing tells where a command begins. All values of
all labels are there from the start, and no label ever holds a session, a user or a project.
`terminal_sessions_total` is a gauge in spite of its ending: the name is older than the rule.

";

/// One metric as it is exported.
#[derive(Debug, Default)]
struct Exported {
    kind: String,
    unit: String,
    help: String,
    /// Each label's values, in the order of their appearance.
    labels: Vec<(String, Vec<String>)>,
    parts: Vec<&'static str>,
}

#[test]
fn the_documentation_is_what_is_exported() {
    let made = document();
    if env::var_os("TERMFLEET_WRITE_DOCS").is_some() {
        fs::write(DOCUMENT, &made).unwrap();
    }
    let documented = fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(documented == made, "docs/metrics.md is stale; write it again with\n{REGENERATE}");
}

#[test]
fn the_ten_promised_names_are_exported_each_by_one_part() {
    let all = catalogue();
    for name in PROMISED {
        let parts = all.get(name).map(|exported| exported.parts.len());
        assert_eq!(parts, Some(1), "{name}");
    }
    let kinds = |name: &str| all[name].kind.as_str();
    assert_eq!(kinds("terminal_sessions_total"), "gauge");
    assert_eq!(kinds("terminal_errors_total"), "counter");
    assert_eq!(kinds("terminal_command_execution_duration_seconds"), "histogram");
}

#[test]
fn every_metric_has_a_help_and_no_label_can_hold_an_id() {
    for (name, exported) in catalogue() {
        assert!(exported.help.len() > 5, "{name} says nothing");
        for (label, _) in &exported.labels {
            let known = [
                "class",
                "code",
                "dialect",
                "direction",
                "kind",
                "left",
                "limit",
                "method",
                "operation",
                "outcome",
                "reason",
                "recovered",
                "result",
                "route",
                "service",
                "state",
                "status",
                "type",
                "version",
            ];
            assert!(known.contains(&label.as_str()), "{name} has a label {label}: is it bounded?");
        }
    }
}

/// Everything that the parts of this build export.
fn catalogue() -> BTreeMap<String, Exported> {
    let parts: [(&str, Register); 4] = [
        ("every process", |_| {}),
        ("gateway", |metrics| {
            let _ = EdgeMetrics::register(metrics.part("gateway"));
            let upstream = UpstreamMetrics::default();
            upstream.register(&mut metrics.part("gateway"));
            // What is absent until it is known.
            upstream.stand(&[]);
            let _ = HookMetrics::register(metrics.part("hooks"));
        }),
        ("worker", |metrics| {
            let worker = termfleet_worker::metrics::Metrics::register(metrics.part("worker"));
            // What is absent until it is known.
            worker.sampled(Some(0.5), 4096);
            worker.command(Duration::from_secs(1));
        }),
        ("gateway and worker of a cluster", |metrics| {
            let _ = StoreMetrics::register(metrics.part("store"));
        }),
    ];
    let mut all = BTreeMap::<String, Exported>::new();
    for (part, register) in parts {
        let mut metrics = Metrics::new(About { service: "", version: "" });
        register(&mut metrics);
        for (name, exported) in read(&metrics.export().text().unwrap()) {
            let known = all.entry(name).or_insert(exported);
            if !known.parts.contains(&"every process") {
                known.parts.push(part);
            }
        }
    }
    all
}

/// The metrics of one exposition, by the names that they are scraped with.
fn read(text: &str) -> BTreeMap<String, Exported> {
    let (mut all, mut family) = (BTreeMap::<String, Exported>::new(), String::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').unwrap();
            name.clone_into(&mut family);
            help.trim_end_matches('.').clone_into(&mut all.entry(name.into()).or_default().help);
        } else if let Some(kind) = line.strip_prefix(&format!("# TYPE {family} ")) {
            all.get_mut(&family).unwrap().kind = kind.to_owned();
        } else if let Some(unit) = line.strip_prefix(&format!("# UNIT {family} ")) {
            all.get_mut(&family).unwrap().unit = unit.to_owned();
        } else if let Some((_, rest)) = line.split_once('{') {
            labels(all.get_mut(&family).unwrap(), rest.split_once('}').unwrap().0);
        }
    }
    // A family's samples may carry an ending that its name does not.
    let scraped = |(name, exported): (String, Exported)| match exported.kind.as_str() {
        "counter" => (format!("{name}_total"), exported),
        "info" => (format!("{name}_info"), exported),
        _ => (name, exported),
    };
    all.into_iter().map(scraped).collect()
}

fn labels(exported: &mut Exported, text: &str) {
    for pair in text.split("\",").filter(|pair| !pair.is_empty()) {
        let (label, value) = pair.split_once("=\"").unwrap();
        // The bounds of a histogram are not a label that anybody chose.
        if label == "le" {
            continue;
        }
        let value = value.trim_end_matches('"').to_owned();
        match exported.labels.iter_mut().find(|(known, _)| known == label) {
            Some((_, values)) if values.contains(&value) => {}
            Some((_, values)) => values.push(value),
            None => exported.labels.push((label.to_owned(), vec![value])),
        }
    }
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("| metric | type | labels | unit | of | meaning |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for (name, exported) in catalogue() {
        let Exported { kind, unit, help, labels, parts } = exported;
        let labels: Vec<_> = labels.into_iter().map(described).collect();
        let (labels, parts) = (labels.join("; "), parts.join(", "));
        writeln!(text, "| `{name}` | {kind} | {labels} | {unit} | {parts} | {help} |").unwrap();
    }
    text
}

fn described((label, mut values): (String, Vec<String>)) -> String {
    // What differs from build to build and from process to process is not listed.
    if ["service", "version"].contains(&label.as_str()) {
        return format!("`{label}`");
    }
    values.sort();
    if values.len() > LISTED {
        return format!("`{label}` ({} values)", values.len());
    }
    format!("`{label}`: {}", values.join(", "))
}
