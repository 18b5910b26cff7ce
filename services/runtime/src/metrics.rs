//! The metrics of a process: registered while it is put together, exported while it runs.
//!
//! A part registers its metrics when it is constructed, in the sub-registry it is handed; nothing is
//! global. All label values are registered then too, and no session or user id is ever one.

use std::{fmt, sync::Arc};

use prometheus_client::{encoding::text, metrics::info::Info, registry::Registry};

use crate::{admin::About, process::Process};

/// What every metric of ours begins with.
const PREFIX: &str = "termfleet";
/// What the names begin with that dashboards for terminal services already know.
const TERMINAL: &str = "terminal";

/// The metrics of a process that is being put together.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
}

impl Metrics {
    /// The metrics of a process: so far its build (`termfleet_build_info`) and what the kernel
    /// knows of it (`process_…`).
    #[must_use]
    pub fn new(about: About) -> Self {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::default()));
        let labels = vec![("service", about.service), ("version", about.version)];
        registry.sub_registry_with_prefix(PREFIX).register(
            "build",
            "What runs here",
            Info::new(labels),
        );
        Self { registry }
    }

    /// Where a part registers what it measures.
    pub fn part(&mut self, name: &'static str) -> Part<'_> {
        Part { registry: &mut self.registry, name }
    }

    /// Everything is registered: what the admin port exports.
    #[must_use]
    pub fn export(self) -> Exporter {
        Exporter { registry: Arc::new(self.registry) }
    }
}

/// One part's place in the metrics of its process.
#[derive(Debug)]
pub struct Part<'a> {
    registry: &'a mut Registry,
    name: &'static str,
}

impl Part<'_> {
    /// For what only this part knows: names there get `termfleet_PART_` in front.
    pub fn own(&mut self) -> &mut Registry {
        self.registry.sub_registry_with_prefix(PREFIX).sub_registry_with_prefix(self.name)
    }

    /// For the names that any terminal service has: they get `terminal_` in front, and each is one
    /// part's alone, so that a sum over all processes counts nothing twice.
    pub fn terminal(&mut self) -> &mut Registry {
        self.registry.sub_registry_with_prefix(TERMINAL)
    }
}

/// The finished registry. Clones share it.
#[derive(Debug, Clone)]
pub struct Exporter {
    registry: Arc<Registry>,
}

impl Exporter {
    /// The media type of [`Exporter::text`].
    pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

    /// All metrics as OpenMetrics text.
    ///
    /// # Errors
    /// When a collector's own encoding fails.
    pub fn text(&self) -> Result<String, fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    //! Names that dashboards rely on.
    #![allow(clippy::unwrap_used)]

    use prometheus_client::metrics::counter::Counter;

    use super::*;

    #[test]
    fn a_parts_metrics_carry_its_name() {
        let mut metrics = Metrics::new(About { service: "dev", version: "1.2.3" });
        let sockets: Counter = Counter::default();
        metrics.part("gateway").own().register("sockets", "Sockets accepted", sockets.clone());
        let errors: Counter = Counter::default();
        metrics.part("gateway").terminal().register("errors", "Errors answered", errors);
        let exporter = metrics.export();
        sockets.inc();
        let text = exporter.text().unwrap();
        assert!(text.contains("termfleet_gateway_sockets_total 1\n"), "{text}");
        assert!(text.contains("\nterminal_errors_total 0\n"), "{text}");
        let build = "termfleet_build_info{service=\"dev\",version=\"1.2.3\"} 1\n";
        assert!(text.contains(build), "{text}");
        assert!(text.ends_with("# EOF\n"));
    }
}
