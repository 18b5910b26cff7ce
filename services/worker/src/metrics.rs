//! What this worker measures. Guards count down when they are dropped; no id is ever a label.
//!
//! Metrics under `terminal_…` have the names that dashboards for terminal services know. What
//! cannot be known yet is absent: processor use before there are two samples, memory before there
//! is one, and the time that commands take as long as nothing tells where a command begins.

use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use termfleet_runtime::Part;
use termfleet_session::state::Status;

/// The statuses that a session can have at its worker; in all others its worker is away.
const STATUSES: [Status; 4] =
    [Status::Initializing, Status::Active, Status::Suspended, Status::Closed];
/// Bounds of the times that commands take, in seconds: from a builtin to a long build.
const COMMAND_SECONDS: [f64; 9] = [0.005, 0.05, 0.25, 1.0, 5.0, 30.0, 120.0, 600.0, 3600.0];

/// A metric without labels, in a family so that it can be absent.
type Absent = [(&'static str, &'static str); 0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct StatusLabel {
    status: &'static str,
}

/// The worker's figures. Clones share them.
#[derive(Debug, Clone)]
pub struct Metrics {
    by_status: Family<StatusLabel, Gauge>,
    sessions: Gauge,
    viewers: Gauge,
    links: Gauge,
    waiting: Gauge,
    cpu: Family<Absent, Gauge<f64, AtomicU64>>,
    memory: Family<Absent, Gauge>,
    commands: Family<Absent, Histogram, fn() -> Histogram>,
    /// Sessions that were started.
    pub(crate) created: Counter,
    /// Sessions whose shell has ended.
    pub(crate) closed: Counter,
    /// Sessions that were ended because nobody watched or used them.
    pub(crate) idle: Counter,
    /// Bytes that programs printed.
    pub(crate) printed: Counter,
    /// Bytes sent to viewers.
    pub(crate) output: Counter,
    /// Bytes that PTYs took of what clients typed.
    pub(crate) input: Counter,
    /// Snapshots sent to viewers that had fallen too far behind.
    pub(crate) lagging: Counter,
}

impl Metrics {
    /// Registers them.
    #[must_use]
    pub fn register(mut part: Part<'_>) -> Self {
        let metrics = Self {
            by_status: Family::default(),
            sessions: Gauge::default(),
            viewers: Gauge::default(),
            links: Gauge::default(),
            waiting: Gauge::default(),
            cpu: Family::default(),
            memory: Family::default(),
            commands: Family::new_with_constructor(|| Histogram::new(COMMAND_SECONDS)),
            created: Counter::default(),
            closed: Counter::default(),
            idle: Counter::default(),
            printed: Counter::default(),
            output: Counter::default(),
            input: Counter::default(),
            lagging: Counter::default(),
        };
        for status in STATUSES {
            let _ = metrics.by_status.get_or_create(&StatusLabel { status: status.name() });
        }
        metrics.register_terminal(&mut part);
        metrics.register_own(&mut part);
        metrics
    }

    fn register_terminal(&self, part: &mut Part<'_>) {
        let registry = part.terminal();
        // A gauge with the ending of a counter: dashboards know it by this name.
        let help = "Sessions by status, those closed at most 10 minutes ago among them";
        registry.register("sessions_total", help, self.by_status.clone());
        registry.register("sessions_created", "Sessions started", self.created.clone());
        let help = "Sessions whose shell has ended";
        registry.register("sessions_closed", help, self.closed.clone());
        let help = "Processors that sessions' processes keep busy, over the last interval; absent \
                    before the second sample";
        registry.register("process_cpu_usage", help, self.cpu.clone());
        let help = "Bytes of resident memory of sessions' processes; absent before the first \
                    sample";
        registry.register("process_memory_usage", help, self.memory.clone());
        let help = "Seconds that commands took; absent as long as nothing tells where they begin";
        registry.register("command_execution_duration_seconds", help, self.commands.clone());
        let help = "Bytes that sessions' programs printed";
        registry.register("output_bytes", help, self.printed.clone());
        registry.register("input_bytes", "Bytes that sessions took as input", self.input.clone());
    }

    fn register_own(&self, part: &mut Part<'_>) {
        let registry = part.own();
        registry.register("sessions", "Sessions whose shell runs", self.sessions.clone());
        registry.register("viewers", "Clients attached", self.viewers.clone());
        registry.register("links", "Streams of gateways", self.links.clone());
        let help = "Sessions ended because nobody watched or used them";
        registry.register("idle_sessions_ended", help, self.idle.clone());
        let help = "Commands that wait in sessions' mailboxes, at the last sample";
        registry.register("mailbox_commands", help, self.waiting.clone());
        let help = "Bytes of output sent to viewers";
        registry.register("output_bytes", help, self.output.clone());
        let help = "Snapshots for viewers that fell too far behind";
        registry.register("lagging_snapshots", help, self.lagging.clone());
    }

    /// A session is in this state until the answer is dropped.
    pub(crate) fn session(&self, status: Status) -> CountedSession {
        let label = StatusLabel { status: status.name() };
        let by_status = Counted::new(&self.by_status.get_or_create(&label));
        let runs = matches!(status, Status::Active | Status::Suspended);
        let running = runs.then(|| Counted::new(&self.sessions));
        CountedSession { _by_status: by_status, _running: running }
    }

    pub(crate) fn viewer(&self) -> Counted {
        Counted::new(&self.viewers)
    }

    pub(crate) fn link(&self) -> Counted {
        Counted::new(&self.links)
    }

    /// What the processes of all sessions use: processors, once that is known, and bytes.
    pub fn sampled(&self, cpu: Option<f64>, memory: u64) {
        match cpu {
            Some(cpu) => _ = self.cpu.get_or_create(&[]).set(cpu),
            None => self.cpu.clear(),
        }
        self.memory.get_or_create(&[]).set(i64::try_from(memory).unwrap_or(i64::MAX));
    }

    /// What the processes use is not known any more.
    pub(crate) fn unknown(&self) {
        self.cpu.clear();
        self.memory.clear();
    }

    /// How many commands wait for sessions.
    pub(crate) fn waiting(&self, commands: usize) {
        self.waiting.set(i64::try_from(commands).unwrap_or(i64::MAX));
    }

    /// A command took so long.
    pub fn command(&self, took: Duration) {
        self.commands.get_or_create(&[]).observe(took.as_secs_f64());
    }
}

/// One session, as long as this lives.
#[derive(Debug)]
pub(crate) struct CountedSession {
    _by_status: Counted,
    _running: Option<Counted>,
}

/// One of something, as long as this lives.
#[derive(Debug)]
pub(crate) struct Counted(Gauge);

impl Counted {
    fn new(gauge: &Gauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

#[cfg(test)]
mod tests {
    //! What is counted, what is absent, and what comes to be known.

    use termfleet_runtime::{About, Exporter, metrics};

    use super::*;

    fn registered() -> (Metrics, Exporter) {
        let mut all = metrics::Metrics::new(About { service: "worker", version: "0" });
        let metrics = Metrics::register(all.part("worker"));
        (metrics, all.export())
    }

    #[test]
    fn a_session_is_counted_where_it_is() {
        let (metrics, exporter) = registered();
        let starting = metrics.session(Status::Initializing);
        let one = metrics.session(Status::Active);
        let text = exporter.text().unwrap();
        for line in [
            r#"terminal_sessions_total{status="initializing"} 1"#,
            r#"terminal_sessions_total{status="active"} 1"#,
            r#"terminal_sessions_total{status="suspended"} 0"#,
            "termfleet_worker_sessions 1",
        ] {
            assert!(text.contains(line), "{line} is missing in\n{text}");
        }
        drop((starting, one));
        let text = exporter.text().unwrap();
        assert!(text.contains(r#"terminal_sessions_total{status="active"} 0"#), "{text}");
    }

    #[test]
    fn what_is_not_known_is_absent_and_never_0() {
        let (metrics, exporter) = registered();
        let names = ["process_cpu_usage", "process_memory_usage", "command_execution_duration"];
        let present = |exporter: &Exporter| {
            let text = exporter.text().unwrap();
            names.map(|name| text.contains(&format!("terminal_{name}")))
        };
        assert_eq!(present(&exporter), [false, false, false]);
        metrics.sampled(None, 4096);
        assert_eq!(present(&exporter), [false, true, false]);
        metrics.sampled(Some(0.0), 4096);
        metrics.command(Duration::from_millis(3));
        assert_eq!(present(&exporter), [true, true, true]);
        metrics.unknown();
        assert_eq!(present(&exporter), [false, false, true]);
    }
}
