//! Any gateway serves any session, and one may go without anybody losing a byte.
#![allow(clippy::unwrap_used)]

use std::{path::Path, time::Duration};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Connect, Socket, Terminal},
    cluster::{Cluster, Roaming, User},
};
use tokio::time::{Instant, interval, timeout};

/// A client is back within 2 s of a gateway's death; tests wait three times as long.
const BACK: Duration = Duration::from_secs(6);
/// No session pauses over 1 s while gateways are replaced; tests wait three times as long.
const PAUSE: Duration = Duration::from_secs(3);

/// Prints numbers, a hundred at a time, until there is a file; then how many hundreds there were.
fn count_until(file: &Path) -> String {
    let file = file.display();
    format!(
        "clear; i=0; while [ ! -e {file} ]; do seq $((i*100+1)) $((i*100+100)); i=$((i+1)); \
         sleep 0.01; done; echo EN''D-$i-\n"
    )
}

/// Checks that all numbers were printed once each and in order; how many there were.
fn counted(output: &[u8]) -> Result<usize> {
    let printed = std::str::from_utf8(output)?;
    let (numbers, end) = printed.split_once("END-").context("an end")?;
    let hundreds: usize = end.split('-').next().unwrap_or_default().parse()?;
    let all: String = (1..=hundreds * 100).map(|n| format!("{n}\r\n")).collect();
    assert!(numbers.ends_with(&all), "a byte was lost or doubled in {hundreds} hundred numbers");
    Ok(hundreds * 100)
}

#[tokio::test]
async fn a_session_made_through_one_gateway_is_used_through_all() -> Result<()> {
    let cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let [one, two, three] = [0, 1, 2].map(|at| cluster.gateways[at].address());
    let id = ann.http_at(one).create("p").await?;

    let listed = ann.http_at(two).get("/api/terminal/projects/p/sessions").await?.json();
    assert_eq!(listed["sessions"][0]["id"], id.as_str());
    let record = ann.http_at(three).get(&format!("/api/terminal/sessions/{id}")).await?.json();
    assert_eq!(record["session"]["status"], "active");

    let mut typing = ann.terminal_at(two, &id).await?;
    let mut watching = ann.terminal_at(three, &id).await?;
    typing.type_text("x=kept; echo typed-$((40 + 2))\n").await?;
    typing.read_text("typed-42").await?;
    watching.read_text("typed-42").await?;

    // Output that nobody reads meanwhile is there for whoever resumes, at whichever gateway.
    let memory = typing.memory.clone();
    watching.type_text("seq 1 5000; echo EN''D\n").await.ok();
    drop(typing);
    let mut resumed = Terminal::resume(ann.socket_at(one).await?, memory).await?;
    assert_eq!(resumed.attached["recovered"], true);
    resumed.type_text("seq 1 5000; echo DO''NE-$x\n").await?;
    resumed.read_text("DONE-kept").await?;
    watching.read_text("DONE-kept").await?;
    let all: String = (1..=5000).map(|n| format!("{n}\r\n")).collect();
    for memory in [&resumed.memory, &watching.memory] {
        assert!(String::from_utf8_lossy(&memory.output).contains(&all), "a byte was lost");
    }

    // Nobody else sees it, at any gateway.
    let bob = cluster.user("bob").await?;
    for gateway in [one, two, three] {
        let foreign = bob.http_at(gateway).get(&format!("/api/terminal/sessions/{id}")).await?;
        assert_eq!(foreign.json()["code"], 1001);
    }
    drop((resumed, watching));
    cluster.end().await
}

async fn opened(user: &User, gateway: std::net::SocketAddr, path: &str) -> Result<Socket> {
    Socket::connect(gateway, &Connect::path(path).bearer(Some(user.token()))).await
}

#[tokio::test]
async fn focus_is_one_truth_for_clients_of_all_dialects_on_all_gateways() -> Result<()> {
    let cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let [one, two, three] = [0, 1, 2].map(|at| cluster.gateways[at].address());
    let first = ann.http_at(one).create("p").await?;
    let second = ann.http_at(two).create("p").await?;

    let mut canonical = ann.socket_at(one).await?;
    canonical.ask(json!({ "type": "subscribe", "projectId": "p" }), "subscribed").await?.unwrap();
    let mut text = opened(&ann, two, "/terminal").await?;
    let naming = json!({ "type": "subscribe", "projectId": "p", "payload": { "projectId": "p" } });
    text.send(&naming).await?;
    text.send(&json!({ "type": "resize", "sessionId": second,
        "payload": { "cols": 80, "rows": 24 } }))
        .await?;
    let path = format!("/ws/terminal/{first}?dialect=focus-sync.v1");
    let mut view = opened(&ann, three, &path).await?;
    view.message("connection_status").await?;

    // Each of them asks once, and all hear it.
    let change = json!([{ "sessionId": first, "focused": true }]);
    canonical.send(&json!({ "type": "focus", "projectId": "p", "changes": change })).await?;
    heard(&mut canonical, &mut text, &mut view, &json!([first])).await?;
    text.send(&json!({ "type": "set_focus", "sessionId": second, "payload": { "focused": true } }))
        .await?;
    heard(&mut canonical, &mut text, &mut view, &json!([first, second])).await?;
    view.send(&json!({ "type": "blur", "sessionId": first })).await?;
    let version = heard(&mut canonical, &mut text, &mut view, &json!([second])).await?;
    let rest = ann.http_at(one).get("/api/terminal/projects/p/focus").await?.json();
    assert_eq!((&rest["focusedSessions"], &rest["version"]), (&json!([second]), &version));
    cluster.end().await
}

/// Waits until all three have heard of this set, and that with one version.
async fn heard(
    canonical: &mut Socket,
    text: &mut Socket,
    view: &mut Socket,
    set: &Value,
) -> Result<Value> {
    let mut versions = Vec::new();
    for (socket, kind) in
        [(canonical, "focus_update"), (text, "focus_changed"), (view, "focus_update")]
    {
        let version = loop {
            let told = socket.message(kind).await?;
            let body = if told["payload"].is_object() { &told["payload"] } else { &told };
            if &body["focusedSessions"] == set {
                break body["version"].clone();
            }
        };
        versions.push(version);
    }
    assert!(versions.windows(2).all(|pair| pair[0] == pair[1]), "{versions:?}");
    Ok(versions.remove(0))
}

#[tokio::test]
async fn after_the_death_of_its_gateway_a_client_is_back_on_the_same_shell() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let id = ann.http().create("p").await?;
    let mut roaming = Roaming::attach(&ann, &id).await?;
    let stop = cluster.home().path().join("stop");
    roaming.type_text("x=kept\n").await;
    roaming.type_text(&count_until(&stop)).await;
    for reached in ["\r\n100\r\n", "\r\n200\r\n"] {
        roaming.read_text(reached).await?;
        let (died, losses) = (roaming.gateway.clone(), roaming.losses);
        cluster.gateway(&died)?.kill().await?;
        let killed = Instant::now();
        let coming = async {
            while roaming.losses == losses {
                roaming.step().await?;
            }
            anyhow::Ok(())
        };
        timeout(BACK, coming).await.context("the client is not back in time")??;
        eprintln!("back after {:?}", killed.elapsed());
        assert_ne!(roaming.gateway, died);
        assert_eq!(roaming.losses, losses + 1);
        cluster.gateway(&died)?.start().await?;
    }
    std::fs::write(&stop, "")?;
    roaming.read_text("END-").await?;
    roaming.type_text("echo still-$x\n").await;
    roaming.read_text("still-kept").await?;
    assert!(counted(&roaming.memory().output)? >= 200);
    drop(roaming);
    cluster.end().await
}

#[tokio::test]
async fn gateways_are_replaced_one_by_one_under_load_and_nobody_loses_anything() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let stop = cluster.home().path().join("stop");
    let mut counting = Vec::new();
    for _ in 0..3 {
        let mut roaming = Roaming::attach(&ann, &ann.http().create("p").await?).await?;
        roaming.type_text(&count_until(&stop)).await;
        roaming.read_text("\r\n100\r\n").await?;
        roaming.count_pauses();
        counting.push(roaming);
    }
    let mut typing = Roaming::attach(&ann, &ann.http().create("p").await?).await?;
    typing.type_text("stty -echo; clear; while read -r x; do echo \"got-$x-\"; done\n").await;

    let replacing = async {
        for at in 0..3 {
            let gateway = &mut cluster.gateways[at];
            gateway.stop().await?;
            gateway.start().await?;
            // nginx looks again at a gateway that was away after 2 s.
            let back = cluster.nginx.as_ref().context("nginx")?.address();
            Socket::canonical(back, Some(ann.token())).await?;
        }
        anyhow::Ok(std::fs::write(&stop, "")?)
    };
    let counting = counting.into_iter().map(|mut roaming| async move {
        roaming.read_text("END-").await?;
        anyhow::Ok(roaming)
    });
    let typed = async {
        let mut turns = interval(Duration::from_millis(20));
        let mut lines = 0_usize;
        while !stop.exists() {
            tokio::select! {
                stepped = typing.step() => stepped?,
                _ = turns.tick() => {
                    lines += 1;
                    typing.type_text(&format!("{lines}\n")).await;
                }
            }
        }
        typing.read_text(&format!("got-{lines}-")).await?;
        anyhow::Ok(lines)
    };
    let counting = futures_util::future::try_join_all(counting);
    let ((), counted_by, lines) = tokio::try_join!(replacing, counting, typed)?;

    for roaming in &counted_by {
        let numbers = counted(&roaming.memory().output)?;
        let (moves, pause) = (roaming.moves, roaming.longest_pause);
        eprintln!("{numbers} numbers, {moves} moves, {} losses, {pause:?}", roaming.losses);
        assert!(pause < PAUSE, "a session paused for {pause:?}");
    }
    let moves: usize = counted_by.iter().map(|roaming| roaming.moves).sum();
    assert!(moves >= 3, "clients left draining gateways {moves} times");
    let printed = String::from_utf8(typing.memory().output.clone())?;
    let all: String = (1..=lines).map(|line| format!("got-{line}-\r\n")).collect();
    assert!(lines > 20 && printed.ends_with(&all), "input was lost or doubled: {printed}");
    drop((counted_by, typing));
    cluster.end().await
}
