//! The hooks of a gateway, as they are configured.

use std::sync::Arc;

use termfleet_gateway::hooks::{HookMetrics, Hooks, NoHooks, Webhook};
use termfleet_runtime::{Drain, Part, Tasks};

use crate::config::Settings;

/// The configured webhook, or none; its metrics are there in any case.
pub(crate) fn start(
    settings: &Settings,
    metrics: Part<'_>,
    tasks: &Tasks,
    drain: &Drain,
) -> Arc<dyn Hooks> {
    let metrics = HookMetrics::register(metrics);
    match &settings.hooks.webhook {
        Some(webhook) => Arc::new(Webhook::start(webhook.clone(), metrics, tasks, drain)),
        None => Arc::new(NoHooks),
    }
}
