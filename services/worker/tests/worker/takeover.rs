//! A worker process dies: the next one has the same shells, bytes and lanes.

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann, eventually},
};
use termfleet_session::{code::Code, record::Patch, state::Status};
use termfleet_store::Directory;
use termfleet_worker::Ended;

#[tokio::test]
async fn a_killed_worker_is_followed_by_one_that_knows_everything() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    let client = Client::new(&ann(), 1);
    let offset = {
        let gateway = stage.gateway().await;
        let viewer = gateway.attach(&session, &client).await;
        viewer.input(0, "X=kept; echo $$; echo one-$((1+1))\n").await;
        viewer.shows("one-2").await;
        viewer.written(35).await;
        viewer.seen().end()
    };
    stage.kill_worker();
    // As in `dev`: the memory store has gone with the process.
    stage.lose_store();
    stage.start_worker().await;
    let record = stage.store.get(&session.id).await.unwrap().unwrap();
    assert_eq!((record.process_id, record.epoch), (session.process_id, session.epoch));
    assert_eq!((record.status, &record.tab_name), (Status::Active, &session.tab_name));
    assert_eq!(record.created_at, session.created_at);
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &client.again(session.epoch.get(), offset)).await;
    assert!(viewer.attached.recovered && viewer.attached.driver);
    assert_eq!(viewer.attached.next_input_offset, 35);
    // Sent again in full, only what is new is typed.
    viewer.input(0, "X=kept; echo $$; echo one-$((1+1))\necho $X-$$\n").await;
    let text = viewer.shows(&format!("kept-{}", session.process_id.unwrap())).await;
    assert!(!text.contains("one-2"), "typed twice: {text}");
}

#[tokio::test]
async fn a_flood_goes_on_byte_exact_over_a_worker_that_dies() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    let client = Client::new(&ann(), 1);
    let (mut whole, end) = {
        let gateway = stage.gateway().await;
        let viewer = gateway.attach(&session, &client).await;
        viewer.input(0, "stty -echo -onlcr; seq 1 300000; echo the-end\n").await;
        viewer.until("output", |seen| (seen.output.len() > 300_000).then_some(())).await;
        stage.kill_worker();
        (viewer.seen().output, viewer.seen().end())
    };
    stage.start_worker().await;
    let gateway = stage.gateway().await;
    let again = client.again(session.epoch.get(), end);
    let viewer = gateway.attach(&session, &again).await;
    assert!(viewer.attached.recovered, "what the driver had not parsed was kept for it");
    let ended = |seen: &Seen| seen.tail().contains("\nthe-end\n").then(|| seen.output.clone());
    whole.extend(viewer.until("the end", ended).await);
    let text = String::from_utf8(whole).unwrap();
    let expected: String = (2..=300_000).map(|n| format!("{n}\n")).collect();
    assert!(text.contains(&format!("\n{expected}the-end\n")), "bytes were lost or doubled");
}

#[tokio::test]
async fn an_ended_session_lingers_over_a_restart() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    {
        let gateway = stage.gateway().await;
        let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
        viewer.types("echo bye-$((1+1)); exit 4\n").await;
        viewer.until("the exit", Seen::exited).await;
        stage.record(&session.id, |record| record.status == Status::Closed).await;
    }
    stage.kill_worker();
    stage.lose_store();
    stage.start_worker().await;
    let record = stage.store.get(&session.id).await.unwrap().unwrap();
    assert_eq!((record.status, record.exit.unwrap().code), (Status::Closed, Some(4)));
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.until("the exit", Seen::exited).await;
    assert!(viewer.seen().text().contains("bye-2"));
}

#[tokio::test]
async fn a_suspended_session_stays_suspended_over_a_restart() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    stage.gateway().await.suspend(&session, &ann()).await.unwrap();
    stage.kill_worker();
    stage.start_worker().await;
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "echo up-$((1+1))\n").await;
    assert_eq!(viewer.refusal().await.code, Code::SessionSuspended);
    gateway.resume(&session, &ann()).await.unwrap();
    viewer.input(0, "echo up-$((1+1))\n").await;
    viewer.shows("up-2").await;
}

#[tokio::test]
async fn a_renamed_tab_keeps_its_name_when_the_store_is_lost() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    let patch = Patch { tab_name: Some("build".into()), ..Patch::default() };
    stage.store.patch(&session.id, patch).await.unwrap();
    // Asserting takes its turn, and brings the client's half along.
    let gateway = stage.gateway().await;
    eventually("the worker to know", async || {
        let known = gateway.describe(&session, &ann()).await.unwrap().record.unwrap();
        (known.tab_name == "build").then_some(())
    })
    .await;
    stage.kill_worker();
    stage.lose_store();
    stage.start_worker().await;
    assert_eq!(stage.store.get(&session.id).await.unwrap().unwrap().tab_name, "build");
}

#[tokio::test]
async fn the_older_of_two_workers_stops_and_touches_nothing() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    let gateway = stage.gateway().await;
    gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let old = stage.start_worker().await.unwrap();
    assert_eq!(old.worker.ended().await, Ended::Superseded);
    gateway.ended().await;
    let record = stage.store.get(&session.id).await.unwrap().unwrap();
    assert_eq!(record.status, Status::Active);
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("echo alive-$((1+1))\n").await;
    viewer.shows("alive-2").await;
}
