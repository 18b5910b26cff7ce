//! A worker may die: its shells do not, and nobody loses a byte.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::Value;
use termfleet_tests::{
    client::Terminal,
    cluster::{Builder, Cluster},
    dev::is_alive,
    wait::until,
};

#[tokio::test]
async fn after_kill_9_a_worker_goes_on_over_the_same_ptyhost_byte_exact() -> Result<()> {
    const LAST: usize = 30_000;
    let mut cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let id = ann.http().create("p").await?;
    let path = format!("/api/terminal/sessions/{id}");
    let record = ann.http().get(&path).await?.json()["session"].clone();
    let worker = record["backendId"].as_str().context("a worker")?.to_owned();
    let shell = u32::try_from(record["processId"].as_u64().context("a pid")?)?;

    let mut terminal = ann.terminal(&id).await?;
    terminal.type_text(&format!("x=kept; clear; seq 1 {LAST}; echo DO''NE\n")).await?;
    terminal.read_text("\r\n1000\r\n").await?;
    let ptyhost = cluster.worker(&worker)?.ptyhost().context("a ptyhost")?;
    cluster.worker(&worker)?.kill().await?;
    cluster.worker(&worker)?.start().await?;
    assert_eq!(cluster.worker(&worker)?.ptyhost(), Some(ptyhost));
    assert!(is_alive(shell));

    // The client's socket stands; the gateway finds its way back to the session by itself.
    terminal.read_text("DONE\r\n").await?;
    let printed = String::from_utf8_lossy(&terminal.memory.output).into_owned();
    let all: String = (1..=LAST).map(|n| format!("{n}\r\n")).collect();
    assert!(printed.contains(&all), "a byte was lost or doubled");
    terminal.type_text("echo still-$x\n").await?;
    terminal.read_text("still-kept").await?;
    let after = ann.http().get(&path).await?.json()["session"].clone();
    for field in ["id", "processId", "epoch", "backendId", "createdAt"] {
        assert_eq!(after[field], record[field], "{field}");
    }
    drop(terminal);
    cluster.end().await
}

#[tokio::test]
async fn a_project_stays_where_its_files_are_and_others_go_elsewhere() -> Result<()> {
    let cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let mut workers = Vec::new();
    for project in ["a", "b", "c", "d"] {
        let mut of_project = Vec::new();
        for _ in 0..2 {
            let id = ann.http().create(project).await?;
            let record = ann.http().get(&format!("/api/terminal/sessions/{id}")).await?.json();
            of_project.push(record["session"]["backendId"].clone());
        }
        assert_eq!(of_project[0], of_project[1], "{project}");
        workers.push(of_project.remove(0));
    }
    let used: std::collections::BTreeSet<_> = workers.iter().map(Value::to_string).collect();
    assert_eq!(used.len(), 2, "four projects are all on {used:?}");
    cluster.end().await
}

#[tokio::test]
async fn a_worker_that_nobody_can_reach_is_a_coded_error_and_no_wait_without_end() -> Result<()> {
    // It listens, but tells everybody another address.
    let builder = Builder::default().workers(1).gateways(1).without_nginx();
    let cluster = builder.worker_config("advertise = \"127.0.0.1:9\"\n").start().await?;
    let ann = cluster.user("ann").await?;
    let body = serde_json::json!({ "projectId": "p" });
    let refused = ann.http().post("/api/terminal/sessions", body).await?;
    assert_eq!(refused.status, 503, "{}", refused.text());
    let problem = refused.json();
    assert!([5002, 5003].contains(&problem["code"].as_u64().unwrap()), "{problem}");
    assert_eq!(problem["retryable"], true);
    cluster.end().await
}

#[tokio::test]
async fn a_worker_that_is_told_to_end_leaves_its_shells_to_the_next_one() -> Result<()> {
    let mut cluster = Builder::default().workers(1).gateways(1).without_nginx().start().await?;
    let ann = cluster.user("ann").await?;
    let id = ann.http().create("p").await?;
    let mut terminal = ann.terminal(&id).await?;
    terminal.type_text("x=kept; echo be''fore\n").await?;
    terminal.read_text("before").await?;
    cluster.workers[0].stop().await?;
    cluster.workers[0].start().await?;
    let memory = terminal.memory.clone();
    drop(terminal);
    let mut terminal = until("the session is there again", || async {
        Terminal::resume(ann.socket().await.ok()?, memory.clone()).await.ok()
    })
    .await?;
    terminal.type_text("echo after-$x\n").await?;
    terminal.read_text("after-kept").await?;
    drop(terminal);
    cluster.end().await
}
