//! Who waits for a session that does not exist yet is attached as soon as any gateway has created it.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Connect, Socket},
    cluster::{Builder, User},
};
use tokio::time::{Instant, sleep_until, timeout_at};

/// A waiting socket looks 0, 100, 600, 1600, 3600 and 7710 ms after it came: here nobody looks for long.
const QUIET: Duration = Duration::from_millis(4_000);
/// When it looks again, with a margin: whoever is attached before that has heard of it.
const NEXT_LOOK: Duration = Duration::from_millis(7_500);

async fn opened(user: &User, gateway: SocketAddr, path: &str) -> Result<Socket> {
    Socket::connect(gateway, &Connect::path(path).bearer(Some(user.token()))).await
}

async fn create(user: &User, gateway: SocketAddr, alias: &str) -> Result<Value> {
    let body = json!({ "projectId": "p", "config": { "alias": alias } });
    let answer = user.http_at(gateway).post("/api/terminal/sessions", body).await?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok(answer.json()["session"].clone())
}

#[tokio::test]
async fn a_creation_through_another_gateway_wakes_those_who_wait() -> Result<()> {
    let cluster = Builder::default().workers(1).gateways(2).without_nginx().start().await?;
    let ann = cluster.user("ann").await?;
    let [one, two] = [0, 1].map(|at| cluster.gateways[at].address());
    let came = Instant::now();
    let mut direct = opened(&ann, one, "/ws/terminal/later").await?;
    let mut view = opened(&ann, one, "/ws/terminal/later?dialect=focus-sync.v1").await?;

    // Somebody else's session of that name is none of theirs.
    let bob = cluster.user("bob").await?;
    create(&bob, two, "later").await?;
    sleep_until(came + QUIET).await;
    let session = create(&ann, two, "later").await?;
    let created = Instant::now();

    let next_look = came + NEXT_LOOK;
    let connected = timeout_at(next_look, direct.message("connected")).await;
    let connected = connected.context("attached only when it looked again")??;
    assert_eq!(connected["sessionId"], "later", "{connected}");
    let shown = timeout_at(next_look, view.message("connection_status")).await;
    let shown = shown.context("shown only when it looked again")??;
    assert_eq!(shown["status"], "connected", "{shown}");
    println!("attached {} ms after its creation was answered", created.elapsed().as_millis());

    // It is this session that they have.
    direct.send(&json!({ "type": "input", "data": "echo it-is-$((40 + 2))\n" })).await?;
    let mut output = String::new();
    while !output.contains("it-is-42") {
        output.push_str(direct.message("output").await?["data"].as_str().unwrap());
    }
    let id = session["id"].as_str().unwrap();
    let seen = ann.http_at(one).get(&format!("/api/terminal/sessions/{id}")).await?.json();
    assert_eq!(seen["session"]["alias"], "later", "{seen}");
    drop((direct, view));
    cluster.end().await
}
