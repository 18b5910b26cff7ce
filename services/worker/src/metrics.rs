//! What this worker measures. Guards count down when they are dropped; no id is ever a label.

use prometheus_client::{
    metrics::{counter::Counter, gauge::Gauge},
    registry::Registry,
};

/// The worker's figures. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metrics {
    sessions: Gauge,
    viewers: Gauge,
    links: Gauge,
    /// Bytes sent to viewers.
    pub(crate) output: Counter,
    /// Bytes that PTYs took of what clients typed.
    pub(crate) input: Counter,
    /// Snapshots sent to viewers that had fallen too far behind.
    pub(crate) lagging: Counter,
}

impl Metrics {
    /// Registers them.
    pub(crate) fn new(registry: &mut Registry) -> Self {
        let metrics = Self::default();
        registry.register("sessions", "Sessions whose shell runs", metrics.sessions.clone());
        registry.register("viewers", "Clients attached", metrics.viewers.clone());
        registry.register("links", "Streams of gateways", metrics.links.clone());
        registry.register("output_bytes", "Output sent to viewers", metrics.output.clone());
        registry.register("input_bytes", "Input that PTYs took", metrics.input.clone());
        let help = "Snapshots for viewers that fell too far behind";
        registry.register("lagging_snapshots", help, metrics.lagging.clone());
        metrics
    }

    pub(crate) fn session(&self) -> Counted {
        Counted::new(&self.sessions)
    }

    pub(crate) fn viewer(&self) -> Counted {
        Counted::new(&self.viewers)
    }

    pub(crate) fn link(&self) -> Counted {
        Counted::new(&self.links)
    }
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
