//! Flow control: who does not read holds up nobody else, and costs a bounded amount.

use std::time::Duration;

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann},
};
use termfleet_proto::worker_v1 as pb;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// What a client has to begin with that acknowledges nothing.
const WINDOW: u64 = 64 << 10;
/// What it may have at most.
const LARGEST_WINDOW: u64 = 512 << 10;

fn contains(seen: &Seen, text: &str) -> Option<()> {
    seen.tail().contains(text).then_some(())
}

#[tokio::test]
async fn a_client_that_parses_nothing_is_sent_a_window_and_others_go_on() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let mut still = Client::new(&ann(), 2);
    still.stopped = true;
    let stopped = gateway.attach(&session, &still).await;
    driver.types("stty -echo; head -c 5000000 /dev/zero | tr '\\0' x; echo done-$((1+1))\n").await;
    driver.until("the end", |seen| contains(seen, "done-2")).await;
    assert_eq!(driver.seen().snapshots.len(), 1, "the driver lost nothing");
    let seen = stopped.seen();
    assert_eq!(seen.output.len() as u64, WINDOW, "exactly its window");
    // When it parses again, it gets a snapshot in place of what it lacks.
    stopped.go_on().await;
    let snapshot = stopped.until("a snapshot", |seen| seen.snapshots.get(1).cloned()).await;
    assert_eq!(snapshot.reason(), pb::Reason::Lagging);
    stopped.until("the end", |seen| contains(seen, "done-2")).await;
}

#[tokio::test]
async fn a_slow_pipe_has_a_second_of_output_under_way_and_no_more() {
    const BYTES_PER_SECOND: u64 = 100_000;
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let mut still = Client::new(&ann(), 1);
    still.stopped = true;
    let driver = gateway.attach(&session, &still).await;
    driver.types("yes\n").await;
    driver.until("a window", |seen| (seen.end() >= WINDOW).then_some(())).await;
    let mut turns = interval(Duration::from_millis(20));
    // A pipe does not catch up on what it did not carry in time.
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut most, mut acked, mut frame) = (0, 0, 0);
    while acked < 3 * BYTES_PER_SECOND {
        turns.tick().await;
        let seen = driver.seen();
        most = most.max(seen.end() - acked);
        frame = frame.max(seen.longest_frame);
        acked = seen.end().min(acked + BYTES_PER_SECOND / 50);
        driver.ack(acked).await;
    }
    assert!(most <= BYTES_PER_SECOND * 21 / 20, "{most} bytes were under way");
    assert!(frame as u64 <= BYTES_PER_SECOND * 21 / 20 / 16, "a frame of {frame}");
}

#[tokio::test]
async fn a_client_that_parses_fast_gets_the_largest_window() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    driver.types("yes\n").await;
    driver.until("large frames", |seen| (seen.longest_frame == 32 << 10).then_some(())).await;
    let parsed = driver.stop();
    driver.until("a window", |seen| (seen.end() >= parsed + WINDOW * 2).then_some(())).await;
    assert!(driver.seen().end() - parsed <= LARGEST_WINDOW);
}

#[tokio::test]
async fn the_program_waits_for_its_driver() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    driver.types("yes\n").await;
    // The first ring of output waits for nobody.
    driver.until("a flood", |seen| (seen.end() > 2 << 20).then_some(())).await;
    let parsed = driver.stop();
    let head = async || gateway.describe(&session, &ann()).await.unwrap().record.unwrap().bytes_out;
    let mut before = head().await;
    loop {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let now = head().await;
        if now == before {
            break;
        }
        before = now;
    }
    assert!(before - parsed <= LARGEST_WINDOW + (512 << 10), "{} bytes waited", before - parsed);
    driver.go_on().await;
    driver.until("more", |seen| (seen.end() > before + 4_000_000).then_some(())).await;
    assert_eq!(driver.seen().snapshots.len(), 1);
}

#[tokio::test]
async fn a_driver_that_stands_still_for_ten_seconds_does_not_hold_the_program() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let mut still = Client::new(&ann(), 1);
    still.stopped = true;
    let driver = gateway.attach(&session, &still).await;
    let started = Instant::now();
    driver.types("stty -echo; head -c 5000000 /dev/zero | tr '\\0' x; touch finished\n").await;
    let finished = stage.dir.path().join("projects/acme/web/finished");
    crate::stage::eventually("the program to finish", async || finished.exists().then_some(()))
        .await;
    let took = started.elapsed();
    assert!((9..20).contains(&took.as_secs()), "after {took:?}");
    driver.until("the seat to be free", |seen| seen.drives().filter(|drives| !drives)).await;
    assert_eq!(driver.seen().output.len() as u64, WINDOW);
    driver.go_on().await;
    let snapshot = driver.until("a snapshot", |seen| seen.snapshots.get(1).cloned()).await;
    assert_eq!(snapshot.reason(), pb::Reason::Lagging);
}

#[tokio::test]
async fn nobody_attached_means_nobody_to_wait_for() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("sleep 0.2; head -c 5000000 /dev/zero | tr '\\0' x; touch finished\n").await;
    viewer.shows("touch finished").await;
    viewer.detach(false).await;
    let finished = stage.dir.path().join("projects/acme/web/finished");
    crate::stage::eventually("the program to finish", async || finished.exists().then_some(()))
        .await;
}

#[tokio::test]
async fn what_a_lost_driver_had_not_parsed_is_kept_for_it() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let mut client = Client::new(&ann(), 1);
    client.stopped = true;
    let lost = gateway.attach(&session, &client).await;
    lost.types("yes\n").await;
    lost.until("a full window", |seen| (seen.output.len() as u64 >= WINDOW).then_some(())).await;
    lost.detach(true).await;
    // More than a ring could have been printed by now, had the seat not been held.
    tokio::time::sleep(Duration::from_millis(500)).await;
    client.stopped = false;
    let back =
        gateway.attach(&session, &client.again(session.epoch.get(), lost.attached.offset)).await;
    assert!(back.attached.recovered, "{:?}", back.attached);
    back.until("all of it", |seen| (seen.output.len() > 1_500_000).then_some(())).await;
    assert!(back.seen().snapshots.is_empty());
}

#[tokio::test]
async fn a_gateway_that_reads_nothing_holds_up_itself_alone() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    let (deaf, hearing) = (stage.deaf(&session).await, stage.gateway().await);
    let viewer = hearing.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.control(pb::Action::Take).await.unwrap();
    viewer.types("stty -echo; head -c 3000000 /dev/zero | tr '\\0' x; echo done-$((1+1))\n").await;
    viewer.until("the end", |seen| contains(seen, "done-2")).await;
    drop(deaf);
}

#[tokio::test]
async fn a_flood_beside_it_does_not_slow_an_echo() {
    let stage = Stage::new().await;
    let (loud, quiet) = (stage.create().await, stage.create().await);
    let gateway = stage.gateway().await;
    let flood = gateway.attach(&loud, &Client::new(&ann(), 1)).await;
    let viewer = gateway.attach(&quiet, &Client::new(&ann(), 2)).await;
    flood.types("yes\n").await;
    flood.until("a flood", |seen| (seen.end() > 1_000_000).then_some(())).await;
    let mut worst = Duration::ZERO;
    for n in 0..20 {
        let started = Instant::now();
        viewer.types(format!("echo n{}-$((1+1))\n", n)).await;
        viewer.shows(&format!("n{n}-2")).await;
        worst = worst.max(started.elapsed());
    }
    // Generous: shells, client and flood share two cores here.
    assert!(worst < Duration::from_secs(2), "{worst:?}");
    flood.control(pb::Action::Interrupt).await.unwrap();
}
