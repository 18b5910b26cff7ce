//! One busy session does not hold up another, and a client that does not read costs a bounded
//! amount.

use std::time::{Duration, Instant};

use termfleet_proto::ws::frame::ServerFrame;
use termfleet_session::limits::MAX_WINDOW_BYTES;

use crate::{
    client::Got,
    world::{World, until},
};

#[tokio::test]
async fn an_echo_passes_a_flood_on_the_same_socket() {
    let world = World::open().await;
    let (loud, quiet) = (world.session().await, world.session().await);
    let mut client = world.canonical().await;
    assert_eq!(client.attach(&loud).await["channel"], 1);
    assert_eq!(client.attach(&quiet).await["channel"], 2);
    world.worker.print(&loud, &vec![b'y'; 64 << 20]);

    let mut longest = Duration::ZERO;
    for at in 0..50 {
        let typed = Instant::now();
        client.input(2, at, b"k").await;
        loop {
            match client.next().await {
                Got::Frame(ServerFrame::Output { channel, offset, data }) if channel.get() == 1 => {
                    client.ack(1, offset.get() + data.len() as u64).await;
                }
                Got::Frame(ServerFrame::Output { channel, .. }) if channel.get() == 2 => break,
                end @ (Got::Closed(..) | Got::Gone) => panic!("{end:?}"),
                Got::Json(_) | Got::Frame(_) => {}
            }
        }
        longest = longest.max(typed.elapsed());
    }
    assert!(world.worker.unacknowledged() > 0, "the flood went on all the while");
    assert!(longest < Duration::from_millis(500), "an echo took {longest:?}");
}

#[tokio::test]
async fn a_client_that_acknowledges_nothing_is_sent_one_window() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    world.worker.print(&session, &vec![b'y'; 4 << 20]);
    let mut got = 0;
    while got < MAX_WINDOW_BYTES {
        got += client.output(1).await.1.len() as u64;
    }
    assert_eq!(got, MAX_WINDOW_BYTES);
    client.send(serde_json::json!({ "type": "heartbeat" })).await;
    let Got::Json(beat) = client.next().await else { panic!("more than the window") };
    assert_eq!(beat["type"], "heartbeat");
    client.ack(1, 1000).await;
    assert_eq!(client.output(1).await, (MAX_WINDOW_BYTES, vec![b'y'; 1000].into()));
}

#[tokio::test]
async fn a_snapshot_takes_the_place_of_what_waits() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    world.worker.print(&session, &vec![b'y'; 200 << 10]);
    world.worker.lag(&session);
    world.worker.print(&session, b"after");
    let mut end = 0;
    loop {
        match client.next().await {
            Got::Frame(ServerFrame::Output { offset, data, .. }) => {
                assert_eq!(offset.get(), end, "contiguous but for the snapshot");
                end = offset.get() + data.len() as u64;
                if data == "after" {
                    break;
                }
            }
            Got::Frame(ServerFrame::Snapshot { offset, .. }) => end = offset.get(),
            end @ (Got::Closed(..) | Got::Gone) => panic!("{end:?}"),
            Got::Json(_) | Got::Frame(_) => {}
        }
    }
    assert_eq!(end, (200 << 10) + 5);
}

#[tokio::test]
async fn a_text_client_is_acknowledged_for_as_it_reads() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(&format!("/ws/terminal/{session}"), "").await;
    client.json("connected").await;
    let much = vec![b'z'; 3 << 20];
    world.worker.print(&session, &much);
    let mut got = 0;
    while got < much.len() {
        let output = client.json("output").await;
        got += output["data"].as_str().unwrap().matches('z').count();
    }
    until("all of it acknowledged", || world.worker.unacknowledged() == 0).await;
}

#[tokio::test]
async fn a_stuck_paste_is_refused_beyond_its_bound_and_nothing_else_is() {
    let world = World::open().await;
    let (stuck, other) = (world.session().await, world.session().await);
    world.worker.stick(&stuck);
    let mut client = world.client("/terminal", "terminal.v1").await;
    let paste = "p".repeat(30_000);
    for _ in 0..10 {
        client
            .send(serde_json::json!({ "type": "send_input", "sessionId": stuck, "payload": paste }))
            .await;
    }
    let error = client.json("error").await;
    assert_eq!((&error["payload"]["code"], &error["sessionId"]), (&2009.into(), &stuck.into()));
    client
        .send(serde_json::json!({ "type": "send_input", "sessionId": other, "payload": "k" }))
        .await;
    loop {
        let output = client.json("output").await;
        if output["sessionId"] == other.as_str()
            && output["payload"].as_str().unwrap().contains('k')
        {
            break;
        }
    }
    let left = world.worker.input().len();
    assert!(left <= (64 << 10) + 1, "{left} bytes left, more than the lane's window");
}
