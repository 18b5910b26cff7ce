//! A link that breaks: the client keeps its socket, gets a new channel, and not one byte is lost or
//! doubled.

use serde_json::json;
use termfleet_proto::ws::frame::ServerFrame;

use crate::{
    client::{Client, Got},
    harness::DEADLINE,
    world::{World, until},
};

/// Reads output, acknowledges it, and follows replaced channels, until `end`.
async fn follow(client: &mut Client, from: u64, end: u64) -> (Vec<u8>, u64) {
    let (mut bytes, mut replaced, mut now) = (Vec::new(), 0, 1);
    while from + (bytes.len() as u64) < end {
        match client.next().await {
            Got::Json(message) if message["type"] == "attached" => {
                assert_eq!(message["replaces"], now, "{message}");
                assert_eq!(message["recovered"], true, "{message}");
                now = message["channel"].as_u64().unwrap();
                replaced += 1;
            }
            Got::Frame(ServerFrame::Output { channel, offset, data }) => {
                assert_eq!(channel.get(), now);
                assert_eq!(offset.get(), from + bytes.len() as u64, "contiguous");
                bytes.extend_from_slice(&data);
                client.ack(now, from + bytes.len() as u64).await;
            }
            end @ (Got::Closed(..) | Got::Gone) => panic!("{end:?}"),
            Got::Json(_) | Got::Frame(_) => {}
        }
    }
    (bytes, replaced)
}

#[tokio::test]
async fn output_goes_on_at_the_byte_where_it_broke_off() {
    const ROUNDS: usize = 8;
    const ROUND: usize = 200_000;
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    let worker = world.worker.clone();
    let printing = tokio::spawn({
        let session = session.clone();
        async move {
            for round in 0..ROUNDS {
                let bytes: Vec<u8> = (0..ROUND).map(|at| (at * 7 + round) as u8).collect();
                worker.print(&session, &bytes);
                worker.cut(false);
                // The next cut has something to cut.
                until("somebody attached again", || worker.viewers() == 1).await;
            }
        }
    });
    let (bytes, replaced) = follow(&mut client, 0, (ROUNDS * ROUND) as u64).await;
    printing.await.unwrap();
    assert_eq!(bytes, world.worker.printed(&session));
    assert!(replaced >= 1, "{replaced} channels were replaced");
}

#[tokio::test]
async fn input_goes_on_where_the_lane_stands() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    client.input(1, 0, b"one ").await;
    assert_eq!(client.input_ack(1).await, 4);
    world.worker.cut(true);
    // Whatever is typed meanwhile is the client's to send again.
    client.input(1, 4, b"two ").await;
    world.worker.listen();
    let attached = client.json("attached").await;
    assert_eq!((&attached["replaces"], &attached["nextInputOffset"]), (&json!(1), &json!(4)));
    client.input(2, 0, b"one two ").await;
    assert_eq!(client.input_ack(2).await, 8);
    assert_eq!(world.worker.printed(&session), b"one two ");
}

#[tokio::test]
async fn what_was_trimmed_meanwhile_is_told_as_a_gap() {
    let world = World::open().await;
    let session = world.session().await;
    world.worker.print(&session, b"0123456789");
    let mut client = world.canonical().await;
    client.attach(&session).await;
    assert_eq!(client.output(1).await.1, "0123456789");
    world.worker.cut(true);
    world.worker.print(&session, &[b'x'; 100]);
    world.worker.trim(&session, 50);
    world.worker.listen();
    let attached = client.json("attached").await;
    assert_eq!((&attached["recovered"], &attached["reason"]), (&json!(false), &json!("trimmed")));
    assert_eq!(client.output(2).await.0, 50);
}

#[tokio::test]
async fn a_request_whose_answer_was_lost_is_answered() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    world.worker.cut(true);
    client.send(json!({ "type": "control", "id": "c", "channel": 1, "action": "clear" })).await;
    let error = client.json("error").await;
    assert_eq!((&error["id"], &error["code"]), (&json!("c"), &json!(2001)));
}

#[tokio::test]
async fn a_worker_that_stays_away_ends_the_channel_and_not_the_socket() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.canonical().await;
    client.attach(&session).await;
    world.worker.cut(true);
    let (channel, code) = tokio::time::timeout(DEADLINE, async {
        let detached = client.json("detached").await;
        (detached["channel"].clone(), detached["code"].clone())
    })
    .await
    .unwrap();
    assert_eq!((channel, code), (json!(1), json!(2001)));
    world.worker.listen();
    let mut standing = world.server.edge.upstream.standing();
    standing.wait_for(|stands| *stands).await.unwrap();
    assert_eq!(client.attach(&session).await["channel"], 2);
}

#[tokio::test]
async fn a_client_of_text_hears_nothing_of_it() {
    let world = World::open().await;
    let session = world.session().await;
    let mut client = world.client(&format!("/ws/terminal/{session}"), "").await;
    client.json("connected").await;
    world.worker.print(&session, "half of \u{20AC}"[..].as_bytes().split_at(9).0);
    while client.json("output").await["data"] != "half of " {}
    world.worker.cut(false);
    until("somebody attached again", || world.worker.viewers() == 1).await;
    world.worker.print(&session, &"\u{20AC}".as_bytes()[1..]);
    let Got::Json(output) = client.next().await else { panic!() };
    assert_eq!((&output["type"], &output["data"]), (&json!("output"), &json!("\u{20AC}")));
}
