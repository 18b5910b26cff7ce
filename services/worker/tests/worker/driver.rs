//! Who drives: the seat, its taking over, and whose size holds.

use crate::{
    gateway::Client,
    stage::{Stage, actor, ann},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::{code::Code, role::Role};

#[tokio::test]
async fn the_second_client_types_only_after_it_took_the_seat() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let first = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let second = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    second.input(0, "echo no\n").await;
    second.input(8, "echo no\n").await;
    let refusal = second.refusal().await;
    assert_eq!((refusal.code, refusal.current), (Code::TakenOver, Some(0)));
    second.control(pb::Action::Take).await.unwrap();
    second.until("to drive", |seen| seen.drives().filter(|drives| *drives)).await;
    first.until("to lose the seat", |seen| seen.drives().filter(|drives| !drives)).await;
    second.input(0, "echo yes-$((1+1))\n").await;
    second.shows("yes-2").await;
    assert_eq!(second.seen().refusals.len(), 1);
    assert!(!second.seen().text().contains("no\r\n"));
    first.input(0, "x").await;
    assert_eq!(first.refusal().await.code, Code::TakenOver);
}

#[tokio::test]
async fn leaving_frees_the_seat_and_typing_takes_it() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let first = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let second = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    first.detach(false).await;
    second.input(0, "echo mine-$((1+1))\n").await;
    second.shows("mine-2").await;
    second.until("to drive", |seen| seen.drives().filter(|drives| *drives)).await;
    second.control(pb::Action::Release).await.unwrap();
    second.until("to release", |seen| seen.drives().filter(|drives| !drives)).await;
}

#[tokio::test]
async fn a_lost_seat_is_held_but_can_be_taken() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let first = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let second = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    first.detach(true).await;
    second.input(0, "x").await;
    assert_eq!(second.refusal().await.code, Code::TakenOver);
    second.control(pb::Action::Take).await.unwrap();
    let back = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    assert!(!back.attached.driver, "it was taken meanwhile");
}

#[tokio::test]
async fn the_drivers_size_holds_and_everybody_hears_of_it() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let first = gateway.attach(&session, &Client::new(&ann(), 1).sized(90, 25)).await;
    let second = gateway.attach(&session, &Client::new(&ann(), 2).sized(120, 40)).await;
    assert_eq!(second.attached.size, Some(pb::Size { cols: 90, rows: 25 }));
    second.resize(130, 50).await;
    first.types("stty size\n").await;
    first.shows("25 90").await;
    second.control(pb::Action::Take).await.unwrap();
    first
        .until("the size", |seen| {
            seen.sizes().last().filter(|size| **size == (130, 50)).map(|_| ())
        })
        .await;
    second.types("stty size\n").await;
    second.shows("50 130").await;
    stage.record(&session.id, |record| record.size.cols == 130).await;
}

#[tokio::test]
async fn a_thousand_sizes_are_gathered_and_the_last_one_wins() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let started = tokio::time::Instant::now();
    for n in 0..1_000 {
        viewer.resize(10 + n % 90, 20).await;
    }
    viewer.resize(200, 60).await;
    viewer
        .until("the last", |seen| {
            seen.sizes().last().filter(|size| **size == (200, 60)).map(|_| ())
        })
        .await;
    let applied = viewer.seen().sizes().len() as u128;
    let most = 2 + started.elapsed().as_millis() / 50;
    assert!(applied <= most, "{applied} sizes in {most} x 50 ms");
}

#[tokio::test]
async fn sizes_that_cannot_be_are_refused() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.resize(0, 0).await;
    assert_eq!(viewer.refusal().await.code, Code::BadMessage);
    viewer.types("stty size\n").await;
    viewer.shows("24 80").await;
}

#[tokio::test]
async fn who_only_watches_is_never_given_the_seat() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let mut watcher = Client::new(&actor("root", Role::Admin), 1);
    watcher.watch_only = true;
    let watching = gateway.attach(&session, &watcher).await;
    assert!(!watching.attached.driver);
    watching.types("x").await;
    assert_eq!(watching.refusal().await.code, Code::Forbidden);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    assert!(driver.attached.driver);
}
