//! What the edge counts: requests by route, sockets by dialect, refusals by code.
//!
//! Every label value there can be is registered at the start, so that a dashboard shows zeros, and
//! none of them comes from a client.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use termfleet_session::code::{Code, TABLE};

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

/// The edge's metrics. Clones share them.
#[derive(Debug, Clone)]
pub struct EdgeMetrics {
    requests: Family<RequestLabels, Counter>,
    seconds: Histogram,
    sockets: Family<DialectLabel, Gauge>,
    opened: Family<DialectLabel, Counter>,
    refusals: Family<CodeLabel, Counter>,
    connections: Gauge,
    turned_away: Counter,
}

/// Counts one thing down when it ends.
#[derive(Debug)]
pub struct Counted(Gauge);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl EdgeMetrics {
    /// Registers everything.
    #[must_use]
    pub fn register(registry: &mut Registry) -> Self {
        let metrics = Self {
            requests: Family::default(),
            seconds: Histogram::new(SECONDS),
            sockets: Family::default(),
            opened: Family::default(),
            refusals: Family::default(),
            connections: Gauge::default(),
            turned_away: Counter::default(),
        };
        metrics.fill();
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
        registry.register("sockets", "WebSockets open", metrics.sockets.clone());
        registry.register("sockets_opened", "WebSockets opened so far", metrics.opened.clone());
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
        metrics
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
    }

    /// A socket is open until the answer is dropped.
    #[must_use]
    pub fn socket(&self, dialect: Dialect) -> Counted {
        let label = DialectLabel { dialect: dialect.name() };
        self.opened.get_or_create(&label).inc();
        let open = self.sockets.get_or_create(&label).clone();
        open.inc();
        Counted(open)
    }

    /// A connection is open until the answer is dropped.
    #[must_use]
    pub fn connection(&self) -> Counted {
        self.connections.inc();
        Counted(self.connections.clone())
    }

    /// A connection was closed at once.
    pub fn turned_away(&self) {
        self.turned_away.inc();
    }
}

#[cfg(test)]
mod tests {
    //! Series that dashboards and alerts rely on.

    use prometheus_client::encoding::text;

    use super::*;

    #[test]
    fn every_series_is_there_from_the_start_and_counts() {
        let mut registry = Registry::default();
        let metrics = EdgeMetrics::register(&mut registry);
        let socket = metrics.socket(Dialect::TermfleetV1);
        metrics.refused(Code::RateLimited);
        let took = Duration::from_millis(3);
        metrics.answered("session", &Method::GET, StatusCode::NOT_FOUND, took);
        metrics.answered("page", &Method::TRACE, StatusCode::METHOD_NOT_ALLOWED, took);
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        for line in [
            r#"http_requests_total{route="session",method="GET",class="4xx"} 1"#,
            r#"http_requests_total{route="page",method="other",class="4xx"} 1"#,
            r#"http_requests_total{route="terminal",method="GET",class="1xx"} 0"#,
            r#"sockets{dialect="termfleet.v1"} 1"#,
            r#"sockets{dialect="terminal-direct.v1"} 0"#,
            r#"refusals_total{code="RATE_LIMITED"} 1"#,
            r#"refusals_total{code="QUOTA_EXCEEDED"} 0"#,
        ] {
            assert!(out.contains(line), "{line} is missing in\n{out}");
        }
        drop(socket);
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        assert!(out.contains(r#"sockets{dialect="termfleet.v1"} 0"#), "{out}");
    }
}
