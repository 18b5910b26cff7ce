//! Where a client's output starts, and which of its attempts counts.

use crate::{
    gateway::{Client, code},
    stage::{Stage, actor, ann, eventually},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::{code::Code, role::Role};

#[tokio::test]
async fn an_offset_in_the_ring_goes_on_there() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let ann = Client::new(&ann(), 1);
    let viewer = gateway.attach(&session, &ann).await;
    viewer.input(0, "echo one-$((1+1))\n").await;
    viewer.shows("one-2").await;
    let at = viewer.seen().end() - 3;
    let again = gateway.attach(&session, &ann.again(session.epoch.get(), at)).await;
    assert!(again.attached.recovered);
    assert_eq!((again.attached.offset, again.attached.reason()), (at, pb::Reason::Unspecified));
    assert_eq!(again.attached.next_input_offset, 18);
    again.input(18, "echo two-$((1+1))\n").await;
    again.shows("two-2").await;
    assert!(again.seen().snapshots.is_empty());
    assert_eq!(again.seen().acks[0].offset, 18, "what it sent before is acknowledged again");
    assert_eq!(viewer.detached().await.code, Some(u32::from(Code::TakenOver.number())));
}

#[tokio::test]
async fn an_offset_that_does_not_exist_yet_gets_a_snapshot_that_says_so() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let ahead = Client::new(&ann(), 1).again(session.epoch.get(), 1 << 40);
    let viewer = gateway.attach(&session, &ahead).await;
    assert_eq!(
        (viewer.attached.recovered, viewer.attached.reason()),
        (false, pb::Reason::BadOffset)
    );
    let snapshot = viewer.until("a snapshot", |seen| seen.snapshots.first().cloned()).await;
    assert_eq!(snapshot.reason(), pb::Reason::BadOffset);
}

#[tokio::test]
async fn a_lower_epoch_gets_a_snapshot_and_a_higher_one_is_asked_to_come_again() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let (client, epoch) = (Client::new(&ann(), 1), session.epoch.get());
    let old = gateway.attach(&session, &client.again(epoch - 1, 0)).await;
    assert_eq!(old.attached.reason(), pb::Reason::NewEpoch);
    let refusal = gateway.try_attach(&session, &client.again(epoch + 1, 0)).await.err().unwrap();
    assert_eq!(refusal.code, Code::ServiceUnavailable);
    assert!(refusal.retry_after_ms.is_some());
    // The record was looked at again, and nobody else owns it: the shell lives on.
    let again = gateway.attach(&session, &client.again(epoch, 0)).await;
    again.types("echo alive-$((1+1))\n").await;
    again.shows("alive-2").await;
}

#[tokio::test]
async fn a_replay_changes_the_size_where_it_changed() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let mut changes = Vec::new();
    for cols in [90, 100, 110] {
        viewer.types(format!("echo now-{cols}-$((1+1))\n")).await;
        viewer.shows(&format!("now-{cols}-2")).await;
        viewer.resize(cols, 24).await;
        changes.push(viewer.until("the size", |seen| seen.resized(cols)).await);
    }
    let other = Client::new(&ann(), 2).again(session.epoch.get(), 0);
    let replayed = gateway.attach(&session, &other).await;
    assert_eq!(replayed.attached.size.unwrap().cols, 110);
    replayed.until("the last size", |seen| seen.resized(110)).await;
    let seen = replayed.seen();
    let places: Vec<_> = [90, 100, 110].iter().filter_map(|cols| seen.resized(*cols)).collect();
    assert!(places.iter().all(|(offset, at)| offset == at), "told elsewhere: {places:?}");
    assert!(places.iter().map(|(offset, _)| offset).eq(changes.iter().map(|(offset, _)| offset)));
}

#[tokio::test]
async fn what_left_the_ring_is_not_promised() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("head -c 2000000 /dev/zero | tr '\\0' x; echo; echo done-$((1+1))\n").await;
    viewer.until("the end", |seen| seen.tail().contains("done-2").then_some(())).await;
    let end = viewer.seen().end();
    let late =
        gateway.attach(&session, &Client::new(&ann(), 2).again(session.epoch.get(), 5)).await;
    assert_eq!((late.attached.recovered, late.attached.reason()), (false, pb::Reason::Trimmed));
    assert!(end - late.attached.offset <= 64, "it is the screen as it is now");
    late.shows("done-2").await;
}

#[tokio::test]
async fn a_new_client_is_shown_the_screen_and_as_much_above_it_as_it_asks_for() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("seq -f 'line %.0f' 1 20000; echo done-$((1+1))\n").await;
    viewer.until("the end", |seen| seen.tail().contains("done-2").then_some(())).await;
    // Of 24 rows the last two are the end's and the prompt's.
    for (rows, number) in [(0, 2), (499, 3), (500, 4), (501, 5)] {
        let mut client = Client::new(&ann(), number);
        client.rows = rows;
        let late = gateway.attach(&session, &client).await;
        let text = late.shows("done-2").await;
        let first = 20_000 - 21 - rows.min(500);
        assert!(text.contains(&format!("line {first}\r")), "{rows} rows: {text:?}");
        assert!(!text.contains(&format!("line {}\r", first - 1)), "{rows} rows: {text:?}");
        assert!(late.seen().output.is_empty(), "the picture is all there is");
    }
}

#[tokio::test]
async fn the_higher_attempt_wins_whichever_comes_first() {
    let stage = Stage::new().await;
    let (session, one, two) = (stage.create().await, stage.gateway().await, stage.gateway().await);
    let mut client = Client::new(&ann(), 1);
    client.attempt = 5;
    let winner = one.attach(&session, &client).await;
    client.attempt = 4;
    let refusal = two.try_attach(&session, &client).await.err().unwrap();
    assert_eq!(refusal.code, Code::TakenOver);
    client.attempt = 5;
    let same = two.attach(&session, &client).await;
    assert!(same.attached.driver, "the seat is its client's, not its attachment's");
    let goodbye = winner.detached().await;
    assert_eq!(goodbye.code, Some(u32::from(Code::TakenOver.number())));
    // The same id of another user is another client.
    let mut root = Client::new(&actor("root", Role::Admin), 1);
    root.attempt = 1;
    one.attach(&session, &root).await;
    same.types("echo still-$((1+1))\n").await;
    same.shows("still-2").await;
}

#[tokio::test]
async fn channels_are_never_used_again() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    for expected in 1..=3 {
        let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
        assert_eq!(viewer.channel, expected);
        assert_eq!(viewer.detach(false).await.code, None);
    }
    let over = gateway.viewer(pb::Attached { channel: 2, ..pb::Attached::default() });
    // Late frames reach nobody: not even a complaint comes back.
    over.ack(1 << 40).await;
    over.resize(10, 10).await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("stty size\n").await;
    viewer.shows("24 80").await;
}

#[tokio::test]
async fn sync_gives_the_bytes_from_an_offset_or_a_snapshot() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("echo one-$((1+1))\n").await;
    viewer.shows("one-2").await;
    let synced = viewer.sync(Some(2)).await;
    assert!(synced.recovered && synced.channel == viewer.channel && synced.offset == 2);
    viewer.shows("one-2").await;
    let asked = viewer.sync(None).await;
    assert_eq!((asked.recovered, asked.reason()), (false, pb::Reason::Asked));
    let two = viewer.until("a snapshot", |seen| seen.snapshots.get(1).cloned()).await;
    assert_eq!(two.reason(), pb::Reason::Asked);
    viewer.types("echo two-$((1+1))\n").await;
    viewer.shows("two-2").await;
}

#[tokio::test]
async fn unknown_and_foreign_sessions_answer_alike() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let bob = Client::new(&actor("bob", Role::User), 1);
    let foreign = gateway.try_attach(&session, &bob).await.err().unwrap();
    let mut nowhere = session.clone();
    nowhere.id = crate::stage::new_id(&session.tenant);
    let unknown = gateway.try_attach(&nowhere, &bob).await.err().unwrap();
    assert_eq!(foreign, unknown);
    assert_eq!(foreign.code, Code::SessionNotFound);
}

#[tokio::test]
async fn a_lost_link_detaches_its_clients() {
    let stage = Stage::new().await;
    let (session, one, two) = (stage.create().await, stage.gateway().await, stage.gateway().await);
    one.attach(&session, &Client::new(&ann(), 1)).await;
    drop(one);
    eventually("nobody to be attached", async || {
        let known = two.describe(&session, &ann()).await.unwrap();
        (known.viewers == 0).then_some(())
    })
    .await;
    // The seat waits for the client that was lost, and for no other.
    let other = two.attach(&session, &Client::new(&ann(), 2)).await;
    assert!(!other.attached.driver);
    let back = two.attach(&session, &Client::new(&ann(), 1)).await;
    assert!(back.attached.driver);
}

#[tokio::test]
async fn a_call_without_a_capability_reaches_nothing() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    let request = pb::DescribeRequest {
        session: session.id.to_string(),
        actor: Some((&ann()).into()),
        capability: "forged".into(),
    };
    let status = stage.gateway().await.client.describe(request).await.unwrap_err();
    assert_eq!(code(&status), Code::Unauthorized);
}
