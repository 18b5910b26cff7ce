//! Sessions that nobody watches or uses end, whichever gateway's turn it is, and those who watch their
//! project hear why.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Incoming, Socket},
    cluster::{Builder, Cluster, User},
    dev::Builder as Setup,
    http::Http,
};
use tokio::time::{Instant, timeout};

/// As the clusters here are configured.
const TIMEOUT: Duration = Duration::from_millis(2_000);
const INTERVAL: Duration = Duration::from_millis(500);
const CONFIG: &str = "[session]\ntimeout_ms = 2000\ncleanup_interval_ms = 500\n";
/// Three times what it may take for an idle session's end to be told: its time, and a sweep.
const PATIENCE: Duration = Duration::from_secs(8);

async fn cluster() -> Result<Cluster> {
    Builder::default().workers(1).gateways(2).without_nginx().gateway_config(CONFIG).start().await
}

/// Waits until a watcher of the project hears that this session was closed; the message.
async fn closed(watcher: &mut Socket, id: &str) -> Result<Value> {
    let told = |incoming: &Incoming| match incoming {
        Incoming::Message(m) if m["type"] == "session_closed" && m["sessionId"] == id => {
            Some(m.clone())
        }
        _ => None,
    };
    timeout(PATIENCE, watcher.matching("session_closed", told)).await.context("in time")?
}

async fn watching(ann: &User, cluster: &Cluster, gateway: usize) -> Result<Socket> {
    let mut watcher = ann.socket_at(cluster.gateways[gateway].address()).await?;
    watcher.ask(json!({ "type": "subscribe", "projectId": "p" }), "subscribed").await?.unwrap();
    Ok(watcher)
}

/// Which gateway has the lease.
async fn holder(cluster: &mut Cluster) -> Result<usize> {
    let held = cluster.redis.run(&["GET", "tf:{w}:sweep"]).await?;
    let name = held.split_whitespace().nth(1).and_then(|holder| holder.split('/').next());
    let name = name.context("somebody sweeps")?.to_owned();
    cluster.gateways.iter().position(|gateway| gateway.name() == name).context("a gateway")
}

#[tokio::test]
async fn an_idle_session_ends_and_a_watched_one_stays() -> Result<()> {
    let cluster = cluster().await?;
    let ann = cluster.user("ann").await?;
    let [one, two] = [0, 1].map(|at| cluster.gateways[at].address());
    let mut watcher = watching(&ann, &cluster, 1).await?;
    let watched = ann.http_at(one).create("p").await?;
    let mut viewer = ann.terminal_at(two, &watched).await?;
    let created = Instant::now();
    let idle = ann.http_at(one).create("p").await?;

    let told = closed(&mut watcher, &idle).await?;
    let took = created.elapsed();
    assert_eq!(told["reason"], "idle", "{told}");
    assert!(took >= TIMEOUT, "after {took:?}");
    println!("told {} ms after its time", (took - TIMEOUT).as_millis());
    let record = ann.http_at(two).get(&format!("/api/terminal/sessions/{idle}")).await?.json();
    assert_eq!(record["session"]["status"], "closed", "{record}");

    viewer.type_text("echo still-$((40 + 2))\n").await?;
    viewer.read_text("still-42").await?;
    drop(viewer);
    assert_eq!(closed(&mut watcher, &watched).await?["reason"], "idle");

    // Somebody's own end is told as that.
    let ended = ann.http_at(one).create("p").await?;
    ann.http_at(one).delete(&format!("/api/terminal/sessions/{ended}")).await?;
    assert_eq!(closed(&mut watcher, &ended).await?["reason"], "closed");
    drop(watcher);
    cluster.end().await
}

#[tokio::test]
async fn when_the_gateway_that_sweeps_is_killed_another_goes_on() -> Result<()> {
    let mut cluster = cluster().await?;
    let ann = cluster.user("ann").await?;
    let sweeping = holder(&mut cluster).await?;
    let mut watcher = watching(&ann, &cluster, 1 - sweeping).await?;
    let other = cluster.gateways[1 - sweeping].address();
    let created = Instant::now();
    let idle = ann.http_at(other).create("p").await?;
    cluster.gateways[sweeping].kill().await?;
    let told = closed(&mut watcher, &idle).await?;
    let late = created.elapsed().saturating_sub(TIMEOUT);
    assert_eq!(told["reason"], "idle", "{told}");
    assert!(late < INTERVAL * 3, "{late:?} after its time");
    assert_eq!(holder(&mut cluster).await?, 1 - sweeping);
    println!("told {} ms after its time", late.as_millis());
    drop(watcher);
    cluster.end().await
}

#[tokio::test]
async fn dev_ends_idle_sessions_too() -> Result<()> {
    let mut setup = Setup::default();
    for argument in ["--set", "session.timeout_ms=1000", "--set", "session.cleanup_interval_ms=200"]
    {
        setup = setup.arg(argument);
    }
    let dev = setup.start().await?;
    let http = Http::new(dev.address(), dev.token());
    let mut watcher = Socket::canonical(dev.address(), dev.token()).await?;
    let subscribe = json!({ "type": "subscribe", "projectId": "default" });
    watcher.ask(subscribe, "subscribed").await?.unwrap();
    let idle = http.create("default").await?;
    assert_eq!(closed(&mut watcher, &idle).await?["reason"], "idle");
    Ok(())
}
