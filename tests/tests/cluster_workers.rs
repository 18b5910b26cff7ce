//! A worker may die: its shells do not, and nobody loses a byte. It may be full or drained: others
//! take what comes then.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::Terminal,
    cluster::{Builder, Cluster, User},
    dev::is_alive,
    http::Http,
    wait::until,
};
use tokio::time::Instant;

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
    // A worker may be listed a moment after the gateways are ready.
    let root = cluster.admin("root").await?;
    for gateway in &cluster.gateways {
        let http = root.http_at(gateway.address());
        let known = async || Some(workers_at(&http).await.ok()?.len() == 2);
        until("both are known", || async { known().await.filter(|both| *both) }).await?;
    }
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

/// The worker that runs a session.
async fn worker_of(user: &User, session: &str) -> Result<String> {
    let record = user.http().get(&format!("/api/terminal/sessions/{session}")).await?.json();
    let worker = record["session"]["backendId"].as_str().map(str::to_owned);
    worker.with_context(|| format!("no worker runs {record}"))
}

/// The workers as a gateway sees them.
async fn workers_at(admin: &Http) -> Result<Vec<Value>> {
    let page = admin.get("/api/terminal/workers").await?.json();
    Ok(page["workers"].as_array().context("a page")?.clone())
}

/// How a worker stands, as the gateway sees it.
async fn state_of(admin: &Http, worker: &str) -> Result<Value> {
    let workers = workers_at(admin).await?;
    let found = workers.iter().find(|one| one["id"] == worker);
    Ok(found.with_context(|| format!("{worker} is not in {workers:?}"))?["state"].clone())
}

#[tokio::test]
async fn a_drained_worker_keeps_its_sessions_and_takes_no_others_until_that_is_undone() -> Result<()>
{
    let cluster = Builder::default().workers(2).gateways(2).without_nginx().start().await?;
    let (ann, root) = (cluster.user("ann").await?, cluster.admin("root").await?);
    let kept = ann.http().create("kept").await?;
    let drained = worker_of(&ann, &kept).await?;
    let drain = format!("/api/terminal/workers/{drained}/drain");
    assert_eq!(ann.http().post(&drain, Value::Null).await?.status, 403);
    let answer = root.http().post(&drain, Value::Null).await?;
    assert_eq!(answer.json()["worker"]["state"], "draining", "{}", answer.text());

    // Through both gateways: the other one hears of it from the worker or by its listing.
    for number in 0..10 {
        let gateway = cluster.gateways[number % 2].address();
        let id = ann.http_at(gateway).create(&format!("p-{number}")).await?;
        assert_ne!(worker_of(&ann, &id).await?, drained, "creation {number}");
    }
    let mut terminal = ann.terminal(&kept).await?;
    terminal.type_text("echo still-''here\n").await?;
    terminal.read_text("still-here").await?;
    drop(terminal);
    assert_eq!(state_of(&root.http(), &drained).await?, "draining");

    let answer = root.http().delete(&drain).await?;
    assert_eq!(answer.json()["worker"]["state"], "healthy", "{}", answer.text());
    // The other gateway has it from the listing alone, and the loads too: of two the emptier one is
    // taken.
    let other = cluster.gateways[1].address();
    let listed = async || {
        let workers = workers_at(&root.http_at(other)).await.ok()?;
        let is = |one: &Value| match one["id"] == drained {
            true => one["state"] == "healthy" && one["load"] == 1,
            false => one["load"] == 10,
        };
        workers.iter().all(is).then_some(())
    };
    until("both are listed as they are", || async { listed().await }).await?;
    let id = ann.http_at(other).create("after").await?;
    assert_eq!(worker_of(&ann, &id).await?, drained);
    let system = "/api/terminal/workers/no-such-worker/drain";
    assert_eq!(root.http().post(system, Value::Null).await?.json()["code"], 3003);
    cluster.end().await
}

#[tokio::test]
async fn a_full_worker_sends_creations_to_another_and_where_all_are_full_one_waits_in_vain()
-> Result<()> {
    let builder = Builder::default().workers(2).gateways(1).without_nginx();
    let cluster = builder.worker_config("capacity = 2\nstorage = \"shared\"\n").start().await?;
    let ann = cluster.user("ann").await?;
    let mut sessions = Vec::new();
    let mut of_worker = std::collections::BTreeMap::<String, u32>::new();
    for _ in 0..4 {
        let id = ann.http().create("p").await?;
        *of_worker.entry(worker_of(&ann, &id).await?).or_default() += 1;
        sessions.push(id);
    }
    assert_eq!(of_worker.values().copied().collect::<Vec<_>>(), [2, 2], "{of_worker:?}");

    let begun = Instant::now();
    let refused = ann.http().post("/api/terminal/sessions", json!({ "projectId": "p" })).await?;
    let waited = begun.elapsed();
    let problem = refused.json();
    assert_eq!((refused.status.as_u16(), &problem["code"]), (503, &json!(5002)), "{problem}");
    assert!(problem["retryAfterMs"].as_u64().is_some_and(|ms| ms > 0), "{problem}");
    assert!(refused.headers.contains_key("retry-after"));
    // It waits for room for two seconds, and for no more.
    assert!((1.5..6.0).contains(&waited.as_secs_f64()), "{waited:?}");

    let ended = ann.http().delete(&format!("/api/terminal/sessions/{}", sessions[0])).await?;
    assert_eq!(ended.status, 200, "{}", ended.text());
    let id = ann.http().create("p").await?;
    assert!(!sessions.contains(&id));
    cluster.end().await
}
