//! What the edge counts: requests by route, sockets by dialect, bytes by direction, attachments by
//! what became of them, refusals by code.
//!
//! Every label value there can be is registered at the start, so that a dashboard shows zeros, and
//! none of them comes from a client.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
};
use termfleet_proto::ws::frame::{REASONS, Reason};
use termfleet_runtime::Part;
use termfleet_session::code::{CLASSES as ERRORS, Code, TABLE};

use crate::{dialect::Dialect, route::ROUTES};

/// The methods that are told apart; all others are one.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PATCH", "DELETE", "OPTIONS", "other"];
/// The classes of statuses.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// Bounds of the answer times, in seconds: a page is sent within the first, a shell started within
/// the middle ones, a deadline met at the last.
const SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RequestLabels {
    route: &'static str,
    method: &'static str,
    class: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DialectLabel {
    dialect: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TypeLabel {
    r#type: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct LimitLabel {
    limit: &'static str,
}

/// Decisions about limits of the cluster that the gateway took alone, because the store did not
/// answer.
#[derive(Debug, Clone, Default)]
pub struct StoodIn {
    /// About REST requests.
    pub requests: Counter,
    /// About places for sockets.
    pub sockets: Counter,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct AttachLabels {
    recovered: &'static str,
    reason: &'static str,
}

impl AttachLabels {
    fn of(reason: Option<Reason>) -> Self {
        match reason {
            None => Self { recovered: "true", reason: "none" },
            Some(reason) => Self { recovered: "false", reason: name(reason) },
        }
    }
}

fn name(reason: Reason) -> &'static str {
    match reason {
        Reason::NewClient => "new_client",
        Reason::Trimmed => "trimmed",
        Reason::NewEpoch => "new_epoch",
        Reason::Lagging => "lagging",
        Reason::Interrupted => "interrupted",
        Reason::Resized => "resized",
        Reason::Asked => "asked",
        Reason::BadOffset => "bad_offset",
    }
}

/// The edge's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct EdgeMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    sockets: Family<DialectLabel, Gauge>,
    opened: Family<DialectLabel, Counter>,
    refusals: Family<CodeLabel, Counter>,
    errors: Family<TypeLabel, Counter>,
    websockets: Gauge,
    connections: Gauge,
    turned_away: Counter,
    stood_in: Family<LimitLabel, Counter>,
    attachments: Family<AttachLabels, Counter>,
    drained: Family<DrainLabel, Counter>,
    draining: Gauge,
    /// Bytes that clients sent on sockets.
    pub(crate) received: Counter,
    /// Bytes put together for clients on sockets, frames' heads among them.
    pub(crate) sent: Counter,
}

/// How a socket left a gateway that drains.
#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct DrainLabel {
    left: &'static str,
}

/// Counts one thing down when it ends, wherever it was counted.
#[derive(Debug)]
pub struct Counted(Vec<Gauge>);

impl Counted {
    fn new(gauges: impl IntoIterator<Item = Gauge>) -> Self {
        let gauges: Vec<_> = gauges.into_iter().collect();
        for gauge in &gauges {
            gauge.inc();
        }
        Self(gauges)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        for gauge in &self.0 {
            gauge.dec();
        }
    }
}

impl EdgeMetrics {
    /// Registers everything.
    #[must_use]
    pub fn register(mut part: Part<'_>) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Histogram::new(SECONDS),
            sockets: Family::default(),
            opened: Family::default(),
            refusals: Family::default(),
            errors: Family::default(),
            websockets: Gauge::default(),
            connections: Gauge::default(),
            turned_away: Counter::default(),
            stood_in: Family::default(),
            attachments: Family::default(),
            drained: Family::default(),
            draining: Gauge::default(),
            received: Counter::default(),
            sent: Counter::default(),
        };
        metrics.fill();
        metrics.register_terminal(&mut part);
        metrics.register_requests(&mut part);
        metrics.register_sockets(&mut part);
        metrics
    }

    fn register_terminal(&self, part: &mut Part<'_>) {
        let registry = part.terminal();
        let help = "WebSockets open";
        registry.register("websocket_connections_active", help, self.websockets.clone());
        let help = "Refusals sent to clients, by the class of their code";
        registry.register("errors", help, self.errors.clone());
    }

    fn register_requests(&self, part: &mut Part<'_>) {
        let (registry, metrics) = (part.own(), self);
        registry.register(
            "http_requests",
            "HTTP requests answered, upgrades among them",
            metrics.requests.clone(),
        );
        registry.register(
            "http_request_seconds",
            "Time from a request's head to its answer's",
            metrics.seconds.clone(),
        );
        registry.register(
            "refusals",
            "Refusals sent to clients, on HTTP and on sockets",
            metrics.refusals.clone(),
        );
        registry.register(
            "http_connections",
            "Connections open that are not upgraded",
            metrics.connections.clone(),
        );
        registry.register(
            "connections_turned_away",
            "Connections closed at once because there were too many",
            metrics.turned_away.clone(),
        );
        registry.register(
            "limits_stood_in",
            "Decisions about a limit of the cluster by the gateway's own count, as the store was silent",
            metrics.stood_in.clone(),
        );
        registry.register("draining", "1 once the gateway drains", metrics.draining.clone());
    }

    fn register_sockets(&self, part: &mut Part<'_>) {
        let registry = part.own();
        registry.register("sockets", "WebSockets open", self.sockets.clone());
        registry.register("sockets_opened", "WebSockets opened so far", self.opened.clone());
        let help = "Bytes of messages that clients sent on WebSockets";
        registry.register("received_bytes", help, self.received.clone());
        let help = "Bytes put together for clients of WebSockets";
        registry.register("sent_bytes", help, self.sent.clone());
        let help = "Attachments to sessions: whether nothing was missing, and why not";
        registry.register("attachments", help, self.attachments.clone());
        let help = "Sockets that left while the gateway drained: by themselves, or closed by it";
        registry.register("drained_sockets", help, self.drained.clone());
    }

    /// Makes every series there can be.
    fn fill(&self) {
        for route in ROUTES {
            for method in METHODS {
                for class in CLASSES {
                    let _ = self.requests.get_or_create(&RequestLabels { route, method, class });
                }
            }
        }
        for dialect in Dialect::ALL {
            let label = DialectLabel { dialect: dialect.name() };
            let _ = self.sockets.get_or_create(&label);
            let _ = self.opened.get_or_create(&label);
        }
        for entry in TABLE {
            let _ = self.refusals.get_or_create(&CodeLabel { code: entry.code.label() });
        }
        for class in ERRORS {
            let _ = self.errors.get_or_create(&TypeLabel { r#type: class });
        }
        for reason in REASONS.into_iter().map(Some).chain([None]) {
            let _ = self.attachments.get_or_create(&AttachLabels::of(reason));
        }
        let _ = self.stood_in();
        for left in ["moved", "closed"] {
            let _ = self.drained.get_or_create(&DrainLabel { left });
        }
    }

    /// A request was answered.
    pub fn answered(
        &self,
        route: &'static str,
        method: &Method,
        status: StatusCode,
        took: Duration,
    ) {
        let method = METHODS.into_iter().find(|known| *known == method.as_str());
        let class = CLASSES[usize::from(status.as_u16() / 100).clamp(1, 5) - 1];
        let labels = RequestLabels { route, method: method.unwrap_or("other"), class };
        self.requests.get_or_create(&labels).inc();
        self.seconds.observe(took.as_secs_f64());
    }

    /// A client is told this code.
    pub fn refused(&self, code: Code) {
        self.refusals.get_or_create(&CodeLabel { code: code.label() }).inc();
        self.errors.get_or_create(&TypeLabel { r#type: code.class() }).inc();
    }

    /// A client is attached: with all that it lacked, or for this reason without.
    pub fn attached(&self, reason: Option<Reason>) {
        self.attachments.get_or_create(&AttachLabels::of(reason)).inc();
    }

    /// What counts decisions that the gateway takes alone.
    #[must_use]
    pub fn stood_in(&self) -> StoodIn {
        let of = |limit| self.stood_in.get_or_create(&LimitLabel { limit }).clone();
        StoodIn { requests: of("requests"), sockets: of("sockets") }
    }

    /// The gateway drains.
    pub fn draining(&self) {
        self.draining.set(1);
    }

    /// A socket has left while the gateway drained: its client moved, or it was closed.
    pub fn drained(&self, closed: bool) {
        let left = if closed { "closed" } else { "moved" };
        self.drained.get_or_create(&DrainLabel { left }).inc();
    }

    /// How many refusals were told so far.
    #[must_use]
    pub fn refusals_told(&self) -> u64 {
        let of = |class| self.errors.get_or_create(&TypeLabel { r#type: class }).get();
        ERRORS.into_iter().map(of).sum()
    }

    /// How many sockets are open.
    #[must_use]
    pub fn open_sockets(&self) -> u64 {
        u64::try_from(self.websockets.get()).unwrap_or_default()
    }

    /// A socket is open until the answer is dropped.
    #[must_use]
    pub fn socket(&self, dialect: Dialect) -> Counted {
        let label = DialectLabel { dialect: dialect.name() };
        self.opened.get_or_create(&label).inc();
        let of_dialect = self.sockets.get_or_create(&label).clone();
        Counted::new([of_dialect, self.websockets.clone()])
    }

    /// A connection is open until the answer is dropped.
    #[must_use]
    pub fn connection(&self) -> Counted {
        Counted::new([self.connections.clone()])
    }

    /// A connection was closed at once.
    pub fn turned_away(&self) {
        self.turned_away.inc();
    }
}

#[cfg(test)]
mod tests {
    //! Series that dashboards and alerts rely on.

    use termfleet_runtime::{About, Metrics};

    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_and_counts() {
        let mut all = Metrics::new(About { service: "gateway", version: "0" });
        let metrics = EdgeMetrics::register(all.part("gateway"));
        let exporter = all.export();
        let socket = metrics.socket(Dialect::TermfleetV1);
        metrics.refused(Code::RateLimited);
        let took = Duration::from_millis(3);
        metrics.answered("session", &Method::GET, StatusCode::NOT_FOUND, took);
        metrics.answered("page", &Method::TRACE, StatusCode::METHOD_NOT_ALLOWED, took);
        metrics.attached(Some(Reason::Trimmed));
        let out = exporter.text().unwrap();
        for line in [
            r#"http_requests_total{route="session",method="GET",class="4xx"} 1"#,
            r#"http_requests_total{route="page",method="other",class="4xx"} 1"#,
            r#"http_requests_total{route="terminal",method="GET",class="1xx"} 0"#,
            r#"sockets{dialect="termfleet.v1"} 1"#,
            r#"sockets{dialect="terminal-direct.v1"} 0"#,
            r#"refusals_total{code="RATE_LIMITED"} 1"#,
            r#"refusals_total{code="QUOTA_EXCEEDED"} 0"#,
            r#"terminal_errors_total{type="authorization"} 1"#,
            r#"terminal_errors_total{type="connection"} 0"#,
            "\nterminal_websocket_connections_active 1",
            r#"attachments_total{recovered="false",reason="trimmed"} 1"#,
            r#"attachments_total{recovered="true",reason="none"} 0"#,
        ] {
            assert!(out.contains(line), "{line} is missing in\n{out}");
        }
        drop(socket);
        let out = exporter.text().unwrap();
        assert!(out.contains(r#"sockets{dialect="termfleet.v1"} 0"#), "{out}");
        assert!(out.contains("terminal_websocket_connections_active 0"), "{out}");
    }
}
