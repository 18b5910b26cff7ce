//! How long a focus change takes to everybody who watches its project, on three gateways.

use anyhow::{Context, Result};
use futures_util::{StreamExt, stream::FuturesUnordered};
use serde_json::json;
use termfleet_tests::{client::Socket, cluster::Cluster, http::Http};
use tokio::time::Instant;

use super::{MILLIS, quantile};
use crate::report::{Row, Side};

/// Sockets that watch, spread over the gateways.
const WATCHERS: usize = 1_000;
/// Changes of one round, one after the other.
const CHANGES: usize = 10;
const PROJECT: &str = "bench-focus";

pub(super) async fn measure((cluster, token): (&Cluster, &str), rounds: u32) -> Result<Vec<Row>> {
    let gateways: Vec<_> = cluster.gateways.iter().map(|gateway| gateway.address()).collect();
    let first = *gateways.first().context("a gateway")?;
    let session = Http::new(first, Some(token)).create(PROJECT).await?;
    let mut watchers = Vec::new();
    for number in 0..WATCHERS {
        let gateway = gateways[number % gateways.len()];
        let mut socket = Socket::canonical(gateway, Some(token)).await?;
        let subscribe = json!({ "type": "subscribe", "projectId": PROJECT });
        let answer = socket.ask(subscribe, "subscribed").await?;
        answer.map_err(|code| anyhow::anyhow!("subscribe: {code}"))?;
        watchers.push(socket);
    }
    let mut asker = Socket::canonical(first, Some(token)).await?;
    let mut focused = false;
    let mut p50 = Row::new("focus_p50", "focus change to 1,000 watchers, p50", "ms");
    let mut p99 = Row::new("focus_p99", "focus change to 1,000 watchers, p99", "ms");
    for _ in 0..rounds {
        let mut times = Vec::new();
        for _ in 0..CHANGES {
            focused = !focused;
            let changes = json!([{ "sessionId": session, "focused": focused }]);
            let asked = Instant::now();
            asker
                .send(&json!({ "type": "focus", "projectId": PROJECT, "changes": changes }))
                .await?;
            let mut hearing: FuturesUnordered<_> =
                watchers.iter_mut().map(|watcher| watcher.message("focus_update")).collect();
            while let Some(update) = hearing.next().await {
                anyhow::ensure!(update?["focused"] == focused, "another change was told");
                times.push(u64::try_from(asked.elapsed().as_nanos())?);
            }
            drop(hearing);
            asker.message("focused").await?;
        }
        p50.add(Side::Cluster, quantile(&times, 0.50, MILLIS)?);
        p99.add(Side::Cluster, quantile(&times, 0.99, MILLIS)?);
    }
    Ok(vec![p50, p99])
}
