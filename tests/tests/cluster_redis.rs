//! Redis may go, come back, and come back empty; and one that will not do is refused at the start.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use termfleet_tests::{
    cluster::{Cluster, Redis, User, attempt},
    home::Home,
    http::Answer,
    wait::until,
};
use tokio::time::{Instant, timeout};

/// Sessions and focus are asserted again within 2 s; tests wait three times as long.
const ASSERTED: Duration = Duration::from_secs(6);
const SESSIONS: &str = "/api/terminal/sessions";
/// An id that was never given to anybody.
const NOBODYS: &str = "/api/terminal/sessions/aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa";

async fn create(user: &User) -> Result<Answer> {
    user.http().post(SESSIONS, json!({ "projectId": "p" })).await
}

/// Is it the refusal of those who cannot do it now, with a hint when to try again?
fn is_unavailable(answer: &Answer) -> bool {
    let problem = answer.json();
    answer.status == 503
        && problem["code"] == 5003
        && problem["retryAfterMs"].as_u64().is_some_and(|ms| ms > 0)
        && answer.headers.contains_key("retry-after")
}

/// What a cluster is left alone with: one session, focused, and watched by somebody who hears of it.
async fn lose_and_find(forgets: bool) -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let id = ann.http().create("p").await?;
    let path = format!("/api/terminal/sessions/{id}");
    let mut terminal = ann.terminal(&id).await?;
    let mut watcher = ann.socket().await?;
    let subscribe = json!({ "type": "subscribe", "projectId": "p" });
    watcher.ask(subscribe, "subscribed").await?.unwrap();
    let focus = json!({ "projectId": "p", "sessionId": id, "focused": true });
    let focused = ann.http().send(Method::PUT, "/api/terminal/focus", focus.clone()).await?;
    assert_eq!(focused.json()["focusedSessions"], json!([id]), "{}", focused.text());
    let version = focused.json()["version"].as_u64().unwrap();

    cluster.redis.kill().await?;
    terminal.type_text("x=kept; echo alone-$((40 + 2))\n").await?;
    terminal.read_text("alone-42").await?;
    assert!(is_unavailable(&create(&ann).await?));
    let refused = ann.http().send(Method::PUT, "/api/terminal/focus", focus).await?;
    assert!(is_unavailable(&refused), "{}", refused.text());

    if forgets {
        cluster.redis.forget()?;
    }
    cluster.redis.start_again().await?;
    let back = Instant::now();
    let asserted = async {
        until("the session is known again", || async {
            (ann.http().get(&path).await.ok()?.status == 200).then_some(())
        })
        .await?;
        until("the focus is known again", || async {
            let focus = ann.http().get("/api/terminal/projects/p/focus").await.ok()?.json();
            (focus["focusedSessions"] == json!([id])).then_some(focus)
        })
        .await
    };
    let focus = timeout(ASSERTED, asserted).await??;
    eprintln!("asserted again after {:?}", back.elapsed());
    assert!(focus["version"].as_u64().unwrap() >= version, "{focus}");
    let unknown = ann.http().get(NOBODYS).await?;
    if back.elapsed() < Duration::from_secs(10) {
        assert!(is_unavailable(&unknown), "{}", unknown.text());
    }
    until("new sessions are made again", || async {
        (create(&ann).await.ok()?.status == 201).then_some(())
    })
    .await?;
    terminal.type_text("echo still-$x\n").await?;
    terminal.read_text("still-kept").await?;
    // Nothing is unknown for ever.
    until("who is nobody is told so", || async {
        (ann.http().get(NOBODYS).await.ok()?.json()["code"] == 1001).then_some(())
    })
    .await?;
    drop((terminal, watcher));
    cluster.end().await
}

#[tokio::test]
async fn redis_killed_and_back_costs_no_session_and_no_focus() -> Result<()> {
    lose_and_find(false).await
}

#[tokio::test]
async fn redis_back_and_empty_is_told_everything_again() -> Result<()> {
    lose_and_find(true).await
}

/// What a gateway and a worker say of a Redis that will not do.
async fn said_of(home: &Home, url: &str) -> Result<Vec<String>> {
    let mut said = Vec::new();
    for command in ["gateway", "worker"] {
        let ended = attempt(home, command, url).await?;
        let text = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(!ended.status.success(), "{command}: {text}");
        let last = text.trim_end().lines().last().unwrap_or_default().to_owned();
        assert!(last.starts_with("termfleet: "), "{command}: {text}");
        said.push(last);
    }
    Ok(said)
}

#[tokio::test]
async fn a_redis_that_will_not_do_is_one_clear_line_at_the_start() -> Result<()> {
    let home = Home::new()?;
    let nobody = termfleet_tests::ports::free()?;
    let evicting = Redis::start(&home, &["--maxmemory-policy", "allkeys-lru"]).await?;
    let guarded = Redis::start(&home, &["--requirepass", "right"]).await?;
    let master = Redis::start(&home, &[]).await?;
    let (host, port) = (master.address().ip().to_string(), master.address().port().to_string());
    let replica = Redis::start(&home, &["--replicaof", &host, &port]).await?;
    let with_password = guarded.url().replace("redis://", "redis://:wrong-secret@");
    for (name, url, word) in [
        ("none", format!("redis://{nobody}"), "127.0.0.1"),
        ("evicting", evicting.url(), "noeviction"),
        ("no password", guarded.url(), "password"),
        ("a wrong password", with_password, "password"),
        ("a replica", replica.url(), "replica"),
    ] {
        for line in said_of(&home, &url).await? {
            eprintln!("{name}: {line}");
            assert!(line.contains(word), "{name}: {line}");
            assert!(!line.contains("wrong-secret"), "{line}");
        }
    }
    Ok(())
}

/// The list of a project, whoever asks it where.
async fn listed(user: &User, gateway: std::net::SocketAddr) -> Result<Value> {
    let answer = user.http_at(gateway).get("/api/terminal/projects/p/sessions").await?;
    Ok(answer.json()["sessions"].clone())
}

#[tokio::test]
async fn limits_hold_over_all_gateways_at_once() -> Result<()> {
    const ASKED: usize = 1_000;
    /// At once: a process has only so many descriptors, and this one holds every client's end.
    const HEAP: usize = 500;
    let cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let gateways: Vec<_> = cluster.gateways.iter().map(|gateway| gateway.address()).collect();
    let mut answers = Vec::new();
    for _ in 0..ASKED / HEAP {
        let asks = (0..HEAP).map(|at| {
            let http = ann.http_at(gateways[at % gateways.len()]);
            async move { http.post(SESSIONS, json!({ "projectId": "p" })).await }
        });
        answers.extend(futures_util::future::try_join_all(asks).await?);
    }
    let made = answers.iter().filter(|answer| answer.status == 201).count();
    let refused = answers.iter().filter(|answer| answer.json()["code"] == 1002).count();
    assert_eq!((made, refused), (10, ASKED - 10));
    for gateway in gateways {
        assert_eq!(listed(&ann, gateway).await?.as_array().map(Vec::len), Some(10));
    }
    cluster.end().await
}
