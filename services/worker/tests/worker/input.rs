//! Every keystroke counts exactly once.

use crate::{
    gateway::Client,
    stage::{Stage, ann},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::code::Code;

#[tokio::test]
async fn input_sent_twice_is_applied_once() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let client = Client::new(&ann(), 1);
    let viewer = gateway.attach(&session, &client).await;
    let line = "echo x >> count; wc -l < count\n";
    viewer.input(0, line).await;
    viewer.input(0, line).await;
    viewer.written(line.len() as u64).await;
    // Once more after a reconnect, with something new behind it: only that is applied.
    let again = gateway.attach(&session, &client.again(session.epoch.get(), 0)).await;
    again.input(0, format!("{line}echo lines=$(wc -l < count)\n")).await;
    again.shows("lines=1").await;
}

#[tokio::test]
async fn a_gap_is_refused_once_with_the_expected_offset_and_moves_nothing() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "echo a").await;
    viewer.input(10, "LOST\n").await;
    viewer.input(15, "LOST\n").await;
    let refusal = viewer.refusal().await;
    assert_eq!((refusal.code, refusal.current), (Code::InputGap, Some(6)));
    viewer.input(6, "b-$((1+1))\n").await;
    viewer.shows("ab-2").await;
    assert_eq!(viewer.seen().refusals.len(), 1, "told once");
    assert!(!viewer.seen().text().contains("LOST"));
}

#[tokio::test]
async fn more_than_the_window_is_refused_and_the_rest_of_the_socket_goes_on() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    // Nobody reads: the terminal takes some kilobytes, then no more.
    let command = "stty raw -echo; echo ready-$((1+1)); sleep 60\n";
    let start = command.len() as u64;
    viewer.input(0, command).await;
    viewer.shows("ready-2").await;
    viewer.written(start).await;
    let paste = vec![b'x'; 32 << 10];
    for n in 0..4 {
        viewer.input(start + n * (32 << 10), paste.clone()).await;
    }
    let refusal = viewer.refusal().await;
    assert_eq!(refusal.code, Code::InputWindowExceeded);
    assert!(refusal.current.unwrap() <= start + (96 << 10));
    viewer.control(pb::Action::Interrupt).await.unwrap();
}

#[tokio::test]
async fn input_without_offsets_is_numbered_here_and_a_long_paste_waits() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("stty -echo; cat | wc -c\n").await;
    viewer.shows("wc -c").await;
    let line = format!("{}\n", "y".repeat(1_023));
    for _ in 0..200 {
        viewer.types(line.clone()).await;
    }
    viewer.types("\x04").await;
    viewer.shows("204800").await;
    assert!(viewer.seen().refusals.is_empty());
}

#[tokio::test]
async fn a_message_of_more_than_32_kib_is_too_large() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types(vec![b'x'; (32 << 10) + 1]).await;
    assert_eq!(viewer.refusal().await.code, Code::MessageTooLarge);
}

#[tokio::test]
async fn an_interrupt_does_not_queue_behind_input() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let program =
        r#"trap "echo got-$((1+1)); exit" INT; echo on-$((1+1)); while :; do sleep 1; done"#;
    viewer.types(format!("sh -c '{program}'\n")).await;
    viewer.shows("on-2").await;
    viewer.types(vec![b'z'; 20_000]).await;
    viewer.control(pb::Action::Interrupt).await.unwrap();
    viewer.shows("got-2").await;
}

#[tokio::test]
async fn clear_sends_a_form_feed_and_leaves_the_lane_alone() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "cat -v\n").await;
    viewer.shows("cat -v\r\n").await;
    viewer.control(pb::Action::Clear).await.unwrap();
    viewer.input(7, "\n").await;
    viewer.shows("^L\r\n").await;
    viewer.written(8).await;
}
