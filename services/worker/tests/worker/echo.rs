//! A shell is created, attached to and typed into; several clients see the same.

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, actor, ann},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::role::Role;

#[tokio::test]
async fn what_is_typed_runs_and_is_seen() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let attached = &viewer.attached;
    assert_eq!((attached.channel, attached.epoch), (1, session.epoch.get()));
    assert!(attached.driver && !attached.recovered);
    assert_eq!(attached.reason(), pb::Reason::NewClient);
    assert_eq!((attached.next_input_offset, attached.status.as_str()), (0, "active"));
    viewer.input(0, "echo $((40+2))\n").await;
    viewer.shows("42\r\n").await;
    viewer.written(15).await;
    let snapshot = &viewer.seen().snapshots[0];
    assert!(snapshot.data.starts_with(b"\x1bc") && !snapshot.more);
    assert_eq!(snapshot.offset, viewer.attached.offset);
}

#[tokio::test]
async fn two_viewers_on_two_links_see_every_byte() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    let (one, two) = (stage.gateway().await, stage.gateway().await);
    let first = one.attach(&session, &Client::new(&ann(), 1)).await;
    let admin = actor("root", Role::Admin);
    let second = two.attach(&session, &Client::new(&admin, 1)).await;
    assert!(first.attached.driver && !second.attached.driver);
    first.input(0, "seq 1 30000; echo the-end-$((1+1))\n").await;
    let finished = |seen: &Seen| seen.tail().contains("the-end-2").then(|| seen.clone());
    let (a, b) = (first.until("the end", finished).await, second.until("the end", finished).await);
    // The first prompt may have been printed before one of them, or both, were there.
    let (from, until) = (a.start.max(b.start), a.end().min(b.end()));
    let whole = |seen: &Seen| {
        assert!(seen.start <= 16 && seen.snapshots.len() == 1);
        seen.output[(from - seen.start) as usize..(until - seen.start) as usize].to_vec()
    };
    assert!(whole(&a) == whole(&b), "two viewers saw different bytes");
    assert!(a.text().contains("\r\n29999\r\n30000\r\n"));
    assert!(a.longest_frame <= 16 << 10);
}

#[tokio::test]
async fn one_acknowledgement_tells_of_a_keys_write_and_of_its_echo() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "true\n").await;
    viewer.written(5).await;
    let first = viewer.seen().acks[0];
    assert_eq!((first.offset, first.echo_offset), (5, 5), "it left when the echo was due");
}

#[tokio::test]
async fn both_sides_beat() {
    let stage = Stage::new().await;
    stage.gateway().await.beats(3).await;
}
