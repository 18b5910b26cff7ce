//! A gateway that starts its workers itself: as many as it is told, gone only when they are empty,
//! back when they die, and none of them left behind.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};
use termfleet_tests::{
    client::Terminal,
    cluster::{Builder, Cluster, User},
    dev::{is_alive, run, signal},
    home::Home,
    http::Http,
    wait::until,
};

const WORKERS: &str = "/api/terminal/workers";
/// Two of three get a session each so soon that this is only reached when something is wrong.
const MOST_SESSIONS: usize = 18;

async fn start(workers: u32) -> Result<Cluster> {
    let builder = Builder::default().workers(0).gateways(1).without_nginx().process_pool(workers);
    builder.worker_config("storage = \"shared\"\n").start().await
}

async fn scale(http: &Http, workers: u32) -> Result<Value> {
    let answer = http.post(&format!("{WORKERS}/scale"), json!({ "workers": workers })).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(answer.json())
}

/// How the gateway sees its workers, by name.
async fn states(http: &Http) -> Result<BTreeMap<String, String>> {
    let page = http.get(WORKERS).await?.json();
    let workers = page["workers"].as_array().context("a page")?;
    let text = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
    Ok(workers.iter().map(|worker| (text(&worker["id"]), text(&worker["state"]))).collect())
}

/// Waits until the gateway sees these workers, and them alone, in these states.
async fn stand(http: &Http, wanted: &[(&str, &str)]) -> Result<()> {
    let wanted: BTreeMap<_, _> =
        wanted.iter().map(|(name, state)| ((*name).to_owned(), (*state).to_owned())).collect();
    let seen = || async { (states(http).await.ok()? == wanted).then_some(()) };
    until(&format!("the workers are {wanted:?}"), seen).await
}

async fn worker_of(user: &User, id: &str) -> Result<String> {
    let record = user.http().get(&format!("/api/terminal/sessions/{id}")).await?.json();
    record["session"]["backendId"].as_str().map(str::to_owned).context("a worker")
}

async fn close(user: &User, id: &str) -> Result<()> {
    let answer = user.http().delete(&format!("/api/terminal/sessions/{id}")).await?;
    ensure!(answer.status == 200, "{}", answer.text());
    Ok(())
}

/// The worker processes that the pool runs, by name.
fn pids(cluster: &Cluster) -> BTreeMap<String, u32> {
    let named = |line: &str| Some(line.split_once(" --id pool-")?.1.split_once(' ')?.0.to_owned());
    let all = cluster.home().processes().into_iter();
    all.filter_map(|(pid, line)| Some((format!("pool-{}", named(&line)?), pid))).collect()
}

/// Sessions on these workers, at least one on each.
async fn spread(user: &User, over: usize) -> Result<BTreeMap<String, Vec<String>>> {
    let mut of_worker = BTreeMap::<String, Vec<String>>::new();
    for number in 0..MOST_SESSIONS {
        let id = user.http().create(&format!("p-{}", number / 9)).await?;
        of_worker.entry(worker_of(user, &id).await?).or_default().push(id);
        if of_worker.len() == over {
            return Ok(of_worker);
        }
    }
    anyhow::bail!("the sessions are all on {of_worker:?}")
}

/// Types something that only a shell that runs can answer.
async fn answers(terminal: &mut Terminal, word: &str) -> Result<()> {
    terminal.type_text(&format!("echo {word}-$x\n")).await?;
    terminal.read_text(&format!("{word}-kept")).await
}

#[tokio::test]
async fn a_pool_grows_at_once_and_shrinks_as_its_sessions_end() -> Result<()> {
    let mut cluster = start(1).await?;
    let (ann, root) = (cluster.user("ann").await?, cluster.admin("root").await?);
    let http = root.http();
    stand(&http, &[("pool-1", "healthy")]).await?;
    let refused = ann.http().post(&format!("{WORKERS}/scale"), json!({ "workers": 3 })).await?;
    assert_eq!(refused.status, 403);
    let grown = scale(&http, 3).await?;
    assert_eq!(grown, json!({ "wanted": 3, "running": 3, "draining": 0 }));
    stand(&http, &[("pool-1", "healthy"), ("pool-2", "healthy"), ("pool-3", "healthy")]).await?;
    let mut sessions = spread(&ann, 3).await?;
    let kept = sessions.get_mut("pool-3").and_then(Vec::pop).context("one on the third")?;
    let mut terminal = ann.terminal(&kept).await?;
    terminal.type_text("x=kept\n").await?;
    answers(&mut terminal, "before").await?;

    // The highest go first: one with a session, one without after a while.
    let shrunk = scale(&http, 1).await?;
    assert_eq!(shrunk, json!({ "wanted": 1, "running": 1, "draining": 2 }));
    let at_once = states(&http).await?;
    assert_eq!((&*at_once["pool-2"], &*at_once["pool-3"]), ("draining", "draining"));
    let before = pids(&cluster);
    for id in sessions.into_values().flatten() {
        close(&ann, &id).await?;
    }
    until("the empty one ends", || async { (!is_alive(before["pool-2"])).then_some(()) }).await?;
    assert!(is_alive(before["pool-3"]));
    assert_eq!(worker_of(&ann, &ann.http().create("p-3").await?).await?, "pool-1");
    answers(&mut terminal, "draining").await?;

    // Who is still there comes back before anybody new is started.
    let again = scale(&http, 2).await?;
    assert_eq!(again, json!({ "wanted": 2, "running": 2, "draining": 0 }));
    stand(&http, &[("pool-1", "healthy"), ("pool-3", "healthy")]).await?;
    assert_eq!(pids(&cluster)["pool-3"], before["pool-3"]);
    answers(&mut terminal, "back").await?;

    scale(&http, 1).await?;
    drop(terminal);
    close(&ann, &kept).await?;
    until("the last of those ends", || async { (!is_alive(before["pool-3"])).then_some(()) })
        .await?;
    stand(&http, &[("pool-1", "healthy")]).await?;
    cluster.gateways[0].stop().await?;
    assert_eq!(pids(&cluster), BTreeMap::new(), "workers end with their gateway");
    cluster.end().await
}

#[tokio::test]
async fn what_dies_comes_back_with_its_shells_and_nobody_outlives_the_gateway() -> Result<()> {
    let mut cluster = start(1).await?;
    let (ann, root) = (cluster.user("ann").await?, cluster.admin("root").await?);
    stand(&root.http(), &[("pool-1", "healthy")]).await?;
    let id = ann.http().create("p").await?;
    let mut terminal = ann.terminal(&id).await?;
    terminal.type_text("x=kept\n").await?;
    answers(&mut terminal, "before").await?;

    let first = pids(&cluster)["pool-1"];
    signal(first, Signal::KILL)?;
    let is_new = |pids: BTreeMap<String, u32>| pids.get("pool-1").is_some_and(|pid| *pid != first);
    until("the worker is back", || async { is_new(pids(&cluster)).then_some(()) }).await?;
    // The gateway finds its way back to the session, which has another channel then.
    let channel = terminal.channel();
    while terminal.channel() == channel {
        terminal.step().await?;
    }
    answers(&mut terminal, "after").await?;
    drop(terminal);

    // Killed, the gateway can end nobody: they see to it themselves, and the next one has them again.
    cluster.gateways[0].kill().await?;
    until("no worker is left", || async { pids(&cluster).is_empty().then_some(()) }).await?;
    cluster.gateways[0].start().await?;
    stand(&root.http(), &[("pool-1", "healthy")]).await?;
    let mut terminal = ann.terminal(&id).await?;
    answers(&mut terminal, "again").await?;
    drop(terminal);
    cluster.end().await
}

#[tokio::test]
async fn what_its_workers_would_stumble_over_is_told_when_it_starts() -> Result<()> {
    let home = Home::new()?;
    let keys = home.folder("keys")?;
    let file = |name: &str| keys.join(name).display().to_string();
    assert!(run(&["keys", "--dir", &keys.display().to_string()]).await?.status.success());
    let secret = format!("auth.secret_file={}", file("tokens.key"));
    let signing = format!("cluster.signing_key_file={}", file("cluster.key"));
    let verify = format!("cluster.verify_key_file={}", file("cluster.pub"));
    let gateway =
        ["gateway", "--set", &secret, "--set", &signing, "--set", "cluster.pool_driver=process"];
    for (more, why) in [
        (&[][..], "cluster.verify_key_file is not set"),
        (&["--set", &verify, "--set", "worker.advertise=127.0.0.1:9"], "worker.advertise cannot"),
        (&["--set", "cluster.backend_pool_size=65"], "at most 64"),
    ] {
        let ended = run(&[&gateway[..], more].concat()).await?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(64) && said.contains(why), "{why}: {said}");
    }
    Ok(())
}
