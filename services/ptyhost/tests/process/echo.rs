//! What is typed comes back.

use termfleet_ptyhost::client::Event;
use termfleet_session::ids::Offset;

use crate::harness::{Host, typist};

#[tokio::test(flavor = "multi_thread")]
async fn bash_echoes_runs_and_acknowledges() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/bash", "--norc", "--noprofile", "-i"]).await;
    worker.printed(&shell, "$ ").await;
    worker.type_in(&shell, 0, "echo $((6*7))-it-is\n").await;
    let output = worker.printed(&shell, "42-it-is").await;
    assert!(output.contains("echo $((6*7))-it-is"), "the echo: {output:?}");
    let marks = worker
        .until("the acknowledgement", |heard| {
            heard.iter().find_map(|event| match event {
                Event::InputDone { client, marks, .. } if *client == typist(1) => Some(*marks),
                _ => None,
            })
        })
        .await;
    assert_eq!((marks.accepted, marks.written), (Offset::new(20), Offset::new(20)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_byte_value_comes_through_as_it_is() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", "stty raw -echo; printf ready; exec cat"]).await;
    worker.printed(&shell, "ready").await;
    let all: Vec<u8> = (0..=255).cycle().take(40_000).collect();
    let bytes = bytes::Bytes::from(all.clone());
    let client = &worker.client;
    client.input(&shell.session, shell.epoch, &typist(1), Offset::new(0), bytes).await.unwrap();
    let end = Offset::new(5 + all.len() as u64);
    worker.until("all bytes", |_| (shell.ring.head() == end).then_some(())).await;
    assert_eq!(&shell.bytes()[5..], &all[..]);
}
