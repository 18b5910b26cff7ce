//! Who is fed less: exact whatever it was fed before, and nobody waits for it.

use std::time::Duration;

use termfleet_proto::worker_v1::{self as pb, Tier};
use tokio::time::Instant;

use crate::{
    gateway::{Client, Gateway, Viewer},
    heard::Seen,
    stage::{Stage, ann, eventually},
};

/// What the worker brings back to a viewer that is live again, as bytes, at most.
const WINDOW: u64 = 64 << 10;

fn client(number: u8, tier: Tier) -> Client {
    Client { tier, ..Client::new(&ann(), number) }
}

/// A shell that prints only what it is told to, its driver who sees all of it, and a viewer that is
/// fed in some way.
async fn pair<'g>(
    gateway: &'g Gateway,
    session: &termfleet_session::record::Session,
    tier: Tier,
) -> (Viewer<'g>, Viewer<'g>) {
    let witness = gateway.attach(session, &Client::new(&ann(), 1)).await;
    let viewer = gateway.attach(session, &client(2, tier)).await;
    assert_eq!(viewer.attached.tier(), tier);
    witness.types("stty -echo -onlcr; PS1=; echo ready-$((1+1))\n").await;
    witness.shows("ready-2").await;
    (witness, viewer)
}

/// Waits until the viewer has what the witness has, from the viewer's last snapshot on, and checks
/// that it is the same.
async fn same(witness: &Viewer<'_>, viewer: &Viewer<'_>) -> Seen {
    let whole = witness.seen();
    let seen =
        viewer.until("all of it", |seen| (seen.end() >= whole.end()).then(|| seen.clone())).await;
    let from = (seen.start - whole.start) as usize;
    let until = whole.output.len();
    assert!(whole.output[from..] == seen.output[..until - from], "the bytes are others");
    seen
}

async fn prints(witness: &Viewer<'_>, bytes: u64) {
    let before = witness.seen().end();
    witness.types(format!("seq 1 99999999 | head -c {bytes}\n")).await;
    let there = |seen: &Seen| (seen.end() >= before + bytes).then_some(());
    witness.until("what was printed", there).await;
}

#[tokio::test]
async fn events_bring_no_byte_and_the_way_back_is_exact() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let (witness, viewer) = pair(&gateway, &session, Tier::Live).await;
    let before = same(&witness, &viewer).await;
    for (bytes, snapshots) in [(10 << 10, 0), (WINDOW - (4 << 10), 0), (WINDOW + (64 << 10), 1)] {
        viewer.set_tier(Tier::Events).await;
        let (had, shown) = (viewer.seen().end(), viewer.seen().snapshots.len());
        prints(&witness, bytes).await;
        assert_eq!(viewer.seen().end(), had, "not a byte of it");
        viewer.set_tier(Tier::Live).await;
        let seen = same(&witness, &viewer).await;
        assert_eq!(seen.snapshots.len() - shown, snapshots, "{bytes} bytes");
    }
    assert_eq!(viewer.seen().snapshots.last().unwrap().reason(), pb::Reason::Lagging);
    assert_eq!(before.snapshots.len(), 1);
    assert_eq!(stage.metric("termfleet_worker_lagging_snapshots_total"), Some(0.0));
}

#[tokio::test]
async fn who_comes_for_events_alone_is_shown_the_screen_when_it_wants_it() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let (witness, viewer) = pair(&gateway, &session, Tier::Events).await;
    // More than a ring: where it would have begun is gone by then.
    prints(&witness, 3 << 20).await;
    let seen = viewer.seen();
    assert_eq!((seen.snapshots.len(), seen.output.len()), (0, 0));
    viewer.set_tier(Tier::Live).await;
    let seen = same(&witness, &viewer).await;
    assert_eq!(seen.snapshots.len(), 1);
    assert_eq!(seen.snapshots[0].reason(), pb::Reason::NewClient);
}

#[tokio::test]
async fn a_preview_is_exact_in_few_bytes_and_a_snapshot_for_many() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let (witness, viewer) = pair(&gateway, &session, Tier::Preview).await;
    for _ in 0..3 {
        prints(&witness, 2_000).await;
        same(&witness, &viewer).await;
    }
    assert_eq!(viewer.seen().snapshots.len(), 1, "bytes are enough for that");
    prints(&witness, 300 << 10).await;
    let seen = same(&witness, &viewer).await;
    assert!(seen.snapshots.len() > 1);
    viewer.set_tier(Tier::Live).await;
    prints(&witness, 10 << 10).await;
    same(&witness, &viewer).await;
    assert_eq!(stage.metric("termfleet_worker_lagging_snapshots_total"), Some(0.0));
}

#[tokio::test]
async fn a_preview_of_a_flood_is_two_updates_a_second() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let (witness, viewer) = pair(&gateway, &session, Tier::Preview).await;
    // The one it begins with has its own time.
    viewer.until("the first", |seen: &Seen| (!seen.snapshots.is_empty()).then_some(())).await;
    let updates = |seen: &Seen| seen.snapshots.iter().filter(|part| !part.more).count();
    let (before, started) = (updates(&viewer.seen()), Instant::now());
    witness.types("yes\n").await;
    let four = |seen: &Seen| (updates(seen) - before >= 4).then_some(());
    viewer.until("four updates", four).await;
    let took = started.elapsed();
    witness.control(pb::Action::Interrupt).await.unwrap();
    // Three spans of 500 ms lie between four updates.
    assert!(took >= Duration::from_millis(1_490), "four updates in {took:?}");
    // What one of them has seen of a flood that goes on, the other may never be shown.
    witness.types("echo settled-$((1+1))\n").await;
    witness.shows("settled-2").await;
    let seen = same(&witness, &viewer).await;
    assert!((seen.output.len() as u64) < 200 << 10, "{} bytes", seen.output.len());
    assert_eq!(stage.metric("termfleet_worker_lagging_snapshots_total"), Some(0.0));
}

#[tokio::test]
async fn a_program_waits_only_for_a_driver_that_is_live() {
    let stage = Stage::new().await;
    let gateway = stage.gateway().await;
    for (tier, file) in [(Tier::Events, "events"), (Tier::Preview, "preview")] {
        let session = stage.create().await;
        let driver = gateway.attach(&session, &Client { stopped: true, ..client(1, tier) }).await;
        let started = Instant::now();
        driver.types(format!("head -c 5000000 /dev/zero | tr '\\0' x; touch {file}\n")).await;
        let finished = stage.dir.path().join("projects/acme/web").join(file);
        eventually("the program to finish", async || finished.exists().then_some(())).await;
        // A stalled driver would have been unseated after ten seconds.
        assert!(started.elapsed() < Duration::from_secs(9), "{tier:?}: {:?}", started.elapsed());
        assert_ne!(driver.seen().drives(), Some(false), "it still drives");
    }
}

#[tokio::test]
async fn a_driver_that_is_live_again_is_waited_for_again() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let driver = gateway.attach(&session, &client(1, Tier::Events)).await;
    driver.types("yes\n").await;
    driver.set_tier(Tier::Live).await;
    driver.until("a flood", |seen| (seen.end() > 4 << 20).then_some(())).await;
    let snapshots = driver.seen().snapshots.len();
    let end = driver.seen().end();
    driver.until("more of it", |seen| (seen.end() > end + (8 << 20)).then_some(())).await;
    assert_eq!(driver.seen().snapshots.len(), snapshots, "every byte from there on");
    driver.control(pb::Action::Interrupt).await.unwrap();
}

#[tokio::test]
async fn events_reach_who_is_fed_nothing() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let (witness, viewer) = pair(&gateway, &session, Tier::Events).await;
    prints(&witness, 100 << 10).await;
    witness.types("exit 3\n").await;
    let exited = viewer.until("the exit", Seen::exited).await;
    assert_eq!(exited.code, Some(3));
    viewer.set_tier(Tier::Live).await;
    same(&witness, &viewer).await;
    assert_eq!(
        viewer
            .seen()
            .events
            .iter()
            .filter(|event| matches!(event, pb::event::Kind::Exited(_)))
            .count(),
        1
    );
}
