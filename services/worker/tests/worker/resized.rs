//! After the columns have changed, viewers get the screen as it is then.

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann},
};
use termfleet_proto::worker_v1 as pb;

/// The snapshots that it got because of a size, by their columns.
fn redrawn(seen: &Seen) -> Vec<u32> {
    let resized = |part: &&pb::Snapshot| part.reason() == pb::Reason::Resized && !part.more;
    let columns = |part: &pb::Snapshot| part.size.unwrap().cols;
    seen.snapshots.iter().filter(resized).map(columns).collect()
}

#[tokio::test]
async fn everybody_gets_the_screen_once_after_the_last_of_many_sizes() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    for cols in 81..=90 {
        driver.resize(cols, 24).await;
    }
    for viewer in [&driver, &other] {
        let drawn =
            viewer.until("the screen", |seen| Some(redrawn(seen)).filter(|all| !all.is_empty()));
        assert_eq!(drawn.await, [90]);
    }
    driver.types("echo so''on\n").await;
    other.shows("soon").await;
}

#[tokio::test]
async fn rows_alone_change_nothing_and_who_has_seen_the_new_size_is_not_shown_it_again() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    other.types("echo he''re\n").await;
    other.shows("here").await;
    other.resize(80, 30).await;
    other.until("the rows", |seen| (seen.sizes() == [(80, 30)]).then_some(())).await;
    other.resize(90, 30).await;
    let drawn = other.until("the screen", |seen| Some(redrawn(seen)).filter(|all| !all.is_empty()));
    assert_eq!(drawn.await, [90], "the rows alone were no reason");
    let gone = other.detach(false).await;
    assert_eq!(gone.code, None);
    let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    other.control(pb::Action::Release).await.unwrap();
    let new = gateway.attach(&session, &Client::new(&ann(), 1).sized(120, 30)).await;
    assert!(new.attached.driver);
    let drawn = other.until("the screen", |seen| Some(redrawn(seen)).filter(|all| !all.is_empty()));
    assert_eq!(drawn.await, [120]);
    new.types("echo so''on\n").await;
    new.shows("soon").await;
    let seen = new.seen();
    assert_eq!((seen.snapshots.len(), seen.snapshots[0].size.unwrap().cols), (1, 120));
}
