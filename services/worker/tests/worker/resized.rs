//! After the size has changed, viewers get the screen as it is then.

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann},
};
use termfleet_proto::worker_v1 as pb;

/// The snapshots that it got because of a size, by their size.
fn redrawn(seen: &Seen) -> Vec<(u32, u32)> {
    let resized = |part: &&pb::Snapshot| part.reason() == pb::Reason::Resized && !part.more;
    let size = |part: &pb::Snapshot| part.size.map(|size| (size.cols, size.rows)).unwrap();
    seen.snapshots.iter().filter(resized).map(size).collect()
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
        assert_eq!(drawn.await, [(90, 24)]);
    }
    driver.types("echo so''on\n").await;
    other.shows("soon").await;
}

/// Terminals take rows out of their history when they become taller, or do not; which of them there
/// are is not the same for everybody.
#[tokio::test]
async fn rows_alone_are_a_reason_too() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    driver.types("seq 1 100; echo he''re\n").await;
    other.shows("here").await;
    let sizes = [(80, 30), (80, 10)];
    for (at, (cols, rows)) in sizes.into_iter().enumerate() {
        driver.resize(cols, rows).await;
        for viewer in [&driver, &other] {
            let drawn =
                viewer.until("the screen", |seen| Some(redrawn(seen)).filter(|all| all.len() > at));
            assert_eq!(drawn.await, sizes[..=at]);
        }
    }
    // A size that is the present one is no change.
    driver.resize(80, 10).await;
    driver.resize(80, 11).await;
    let drawn = driver.until("the screen", |seen| Some(redrawn(seen)).filter(|all| all.len() > 2));
    assert_eq!(drawn.await[2..], [(80, 11)]);
}

#[tokio::test]
async fn who_has_seen_the_new_size_is_not_shown_it_again() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    other.control(pb::Action::Release).await.unwrap();
    for (at, (cols, rows)) in [(120, 24), (120, 30)].into_iter().enumerate() {
        let client = Client::new(&ann(), 3 + at as u8).sized(cols, rows);
        let new = gateway.attach(&session, &client).await;
        assert!(new.attached.driver);
        let drawn =
            other.until("the screen", |seen| Some(redrawn(seen)).filter(|all| all.len() > at));
        assert_eq!(drawn.await[at..], [(cols, rows)]);
        new.types(format!("echo so''on{at}\n")).await;
        new.shows(&format!("soon{at}")).await;
        let seen = new.seen();
        assert_eq!((seen.snapshots.len(), seen.snapshots[0].reason()), (1, pb::Reason::NewClient));
        assert_eq!(seen.snapshots[0].size, Some(pb::Size { cols, rows }));
        new.detach(false).await;
    }
}

#[tokio::test]
async fn it_takes_the_place_of_no_output_and_brings_as_much_scrollback_as_asked_for() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let clients = [(1, None), (2, Some(0)), (3, Some(7))];
    let mut viewers = Vec::new();
    for (number, redraw_rows) in clients {
        let client = Client { redraw_rows, ..Client::new(&ann(), number) };
        viewers.push(gateway.attach(&session, &client).await);
    }
    let driver = &viewers[0];
    driver.types("stty -echo; for n in $(seq 3000); do echo n$n; sleep 0.001; done\n").await;
    for rows in [30, 20, 28] {
        let already = redrawn(&driver.seen()).len();
        driver.resize(80, rows).await;
        // That it misses nothing is looked at where everything is heard.
        driver.until("the screen", |seen| (redrawn(seen).len() > already).then_some(())).await;
    }
    for (viewer, (_, rows)) in viewers.iter().zip(clients) {
        viewer.shows("n3000\r\n").await;
        let seen = viewer.seen();
        let last = seen.snapshots.iter().rfind(|part| part.reason() == pb::Reason::Resized);
        let text = String::from_utf8_lossy(&last.unwrap().data).into_owned();
        let lines = text.matches("\r\n").count();
        let above = lines - 27;
        assert!(rows.map_or(above > 7, |rows| above == rows as usize), "{above}: {text:?}");
    }
}
