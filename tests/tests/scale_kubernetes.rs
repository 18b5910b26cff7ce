//! Workers as pods of a StatefulSet: more at once, fewer as they are empty, whichever gateway was
//! asked and whichever is still there. The test does what a kubelet does with the pods.
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use termfleet_tests::{
    cluster::{Builder, Cluster, User},
    dev::run,
    home::Home,
    http::Http,
    kubernetes::ApiServer,
    wait::until,
};

const WORKERS: &str = "/api/terminal/workers";
const NOTE: &str = "termfleet.io/scale-down-to";
/// Gateways look for workers twice a second.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

async fn start(home: &Home, workers: usize) -> Result<(Cluster, ApiServer)> {
    let api = ApiServer::start(home, workers as u64).await?;
    let builder = Builder::default().workers(workers).gateways(2).without_nginx();
    let builder = builder.worker_config("storage = \"shared\"\n").cluster_config(&api.config());
    Ok((builder.start().await?, api))
}

async fn scale(http: &Http, workers: u32) -> Result<Value> {
    let answer = http.post(&format!("{WORKERS}/scale"), json!({ "workers": workers })).await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(answer.json())
}

async fn state(http: &Http, worker: &str) -> Result<String> {
    let page = http.get(WORKERS).await?.json();
    let found = page["workers"].as_array().unwrap().iter().find(|one| one["id"] == worker);
    Ok(found.map_or("absent", |one| one["state"].as_str().unwrap()).to_owned())
}

/// A session on this worker, made where only it takes any.
async fn session_on(user: &User, http: &Http, worker: &str) -> Result<String> {
    for _ in 0..18 {
        let id = user.http().create("p").await?;
        let record = http.get(&format!("/api/terminal/sessions/{id}")).await?.json();
        if record["session"]["backendId"] == worker {
            return Ok(id);
        }
        user.http().delete(&format!("/api/terminal/sessions/{id}")).await?;
        // The gateway may not have heard of that worker yet, and says to nobody when it has.
        tokio::time::sleep(LOOK_AGAIN).await;
    }
    anyhow::bail!("no session came to {worker}")
}

#[tokio::test]
async fn a_pool_shrinks_pod_by_pod_as_they_are_empty_also_without_the_gateway_that_was_asked()
-> Result<()> {
    let home = Home::new()?;
    let (mut cluster, api) = start(&home, 3).await?;
    let (ann, root) = (cluster.user("ann").await?, cluster.admin("root").await?);
    let other = root.http_at(cluster.gateways[1].address());
    let kept = session_on(&ann, &root.http(), "worker-2").await?;
    let mut terminal = ann.terminal_at(cluster.gateways[1].address(), &kept).await?;

    let shrunk = scale(&root.http(), 1).await?;
    assert_eq!(shrunk, json!({ "wanted": 1, "running": 1, "draining": 2 }));
    assert_eq!(api.annotations()[NOTE], "1");
    for worker in ["worker-2", "worker-3"] {
        until("it takes nothing new", || async {
            (state(&other, worker).await.ok()? == "draining").then_some(())
        })
        .await?;
    }
    assert_eq!(api.scaled(), [0; 0], "nothing ends before it is certainly empty");

    // The gateway that was asked is no more: another one goes on.
    cluster.gateways[0].kill().await?;
    until("the empty one ends", || async { (api.replicas() == 2).then_some(()) }).await?;
    cluster.worker("worker-3")?.stop().await?;
    terminal.type_text("echo still-''here\n").await?;
    terminal.read_text("still-here").await?;
    assert_eq!(api.scaled(), [2]);

    let ended = ann.http_at(cluster.gateways[1].address());
    let ended = ended.delete(&format!("/api/terminal/sessions/{kept}")).await?;
    assert_eq!(ended.status, 200, "{}", ended.text());
    until("the other one ends too", || async { (api.replicas() == 1).then_some(()) }).await?;
    cluster.worker("worker-2")?.stop().await?;
    until("it is noted no more", || async { api.annotations().is_empty().then_some(()) }).await?;
    assert_eq!(api.scaled(), [2, 1]);
    // Whoever scales by other means is left alone from now on.
    api.change(2);
    cluster.worker("worker-2")?.start().await?;
    until("a pod that was added takes sessions", || async {
        (state(&other, "worker-2").await.ok()? == "healthy").then_some(())
    })
    .await?;
    drop(terminal);
    cluster.end().await
}

#[tokio::test]
async fn a_pool_grows_at_once_and_who_should_leave_stays() -> Result<()> {
    let home = Home::new()?;
    let (cluster, api) = start(&home, 2).await?;
    let (ann, root) = (cluster.user("ann").await?, cluster.admin("root").await?);
    let http = root.http();
    let _kept = session_on(&ann, &http, "worker-2").await?;
    scale(&http, 1).await?;
    until("it takes nothing new", || async {
        (state(&http, "worker-2").await.ok()? == "draining").then_some(())
    })
    .await?;
    // Asked at the other gateway, beside somebody who changes the StatefulSet at the same time.
    api.conflict(3);
    let other = root.http_at(cluster.gateways[1].address());
    let grown = scale(&other, 3).await?;
    assert_eq!(grown, json!({ "wanted": 3, "running": 3, "draining": 0 }));
    assert_eq!((api.scaled(), api.annotations().is_empty()), (vec![3], true));
    assert_eq!(state(&other, "worker-2").await?, "healthy");

    api.conflict(9);
    let late = other.post(&format!("{WORKERS}/scale"), json!({ "workers": 4 })).await?;
    assert_eq!(
        (late.status.as_u16(), &late.json()["code"]),
        (503, &json!(5003)),
        "{}",
        late.text()
    );
    api.conflict(0);
    api.forbid(true);
    let refused = other.post(&format!("{WORKERS}/scale"), json!({ "workers": 4 })).await?;
    assert_eq!((refused.status.as_u16(), &refused.json()["code"]), (409, &json!(4005)));
    let text = refused.text();
    assert!(text.contains("403") && text.contains("patch its scale"), "{text}");
    drop(api);
    let away = other.post(&format!("{WORKERS}/scale"), json!({ "workers": 4 })).await?;
    assert_eq!((away.status.as_u16(), &away.json()["code"]), (503, &json!(5003)));
    cluster.end().await
}

#[tokio::test]
async fn what_is_missing_is_told_when_it_starts() -> Result<()> {
    let home = Home::new()?;
    let keys = home.folder("keys")?;
    let file = |name: &str| keys.join(name).display().to_string();
    assert!(run(&["keys", "--dir", &keys.display().to_string()]).await?.status.success());
    let secret = format!("auth.secret_file={}", file("tokens.key"));
    let signing = format!("cluster.signing_key_file={}", file("cluster.key"));
    let gateway =
        ["gateway", "--set", &secret, "--set", &signing, "--set", "cluster.pool_driver=kubernetes"];
    let account = format!("cluster.kubernetes_account={}", file("nowhere"));
    for (more, why) in [
        (&[][..], "no KUBERNETES_SERVICE_HOST here"),
        (&["--set", "cluster.kubernetes_api=http://127.0.0.1:1"], "is not an https:// URL"),
        (
            &["--set", "cluster.kubernetes_api=https://127.0.0.1", "--set", &account],
            "nowhere/token",
        ),
    ] {
        let ended = run(&[&gateway[..], more].concat()).await?;
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert!(ended.status.code() == Some(64) && said.contains(why), "{why}: {said}");
    }
    Ok(())
}
