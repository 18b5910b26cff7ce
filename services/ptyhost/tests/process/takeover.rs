//! A worker may die at any moment, or be replaced: shells, bytes and marks stay.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use bytes::Bytes;
use termfleet_ptyhost::client::{Event, LaneMarks};
use termfleet_session::{ids::Offset, input::Marks, limits::Size};

use crate::harness::{Host, TYPIST, lives, spawn, typist};

/// The typist's stream.
fn byte(offset: u64) -> u8 {
    b'!' + ((offset.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) % 90) as u8
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_9_of_the_worker_loses_no_output_and_doubles_no_input() {
    // Rings that hold everything, so that everything can be compared.
    let host = Host::with(64 << 20, 60_000);
    let worker = host.connect().await;
    let mut cat = spawn(&["/bin/sh", "-c", "stty raw -echo; printf ready; exec cat"]);
    cat.record = Bytes::from_static(b"typed into");
    let cat = worker.spawn_with(cat).await;
    worker.printed(&cat, "ready").await;
    let flood = "stty raw; i=0; while [ $i -lt 600000 ]; do i=$((i+1)); echo $i; done";
    let flood = worker.spawn(&["/bin/sh", "-c", flood]).await;
    drop(worker);

    let (mut seen, mut flooded) = (flood.ring.head(), 0);
    for round in 0..25u64 {
        let mut typist =
            Command::new(TYPIST).arg(host.socket()).stderr(Stdio::null()).spawn().unwrap();
        // The moment of death is what varies; nothing is waited for.
        tokio::time::sleep(Duration::from_millis(15 + round * 7 % 60)).await;
        assert!(typist.try_wait().unwrap().is_none(), "it worked until it was killed");
        typist.kill().unwrap();
        typist.wait().unwrap();
        flooded += u32::from(flood.ring.head() > std::mem::replace(&mut seen, flood.ring.head()));
    }
    assert!(flooded >= 5, "it printed while workers died: in {flooded} rounds of 25");

    let worker = host.connect().await;
    let held = &worker.welcome.sessions;
    assert_eq!(held.len(), 2);
    for shell in [&cat, &flood] {
        let same = held.iter().find(|held| held.session == shell.session).unwrap();
        assert_eq!((same.pid, same.epoch), (shell.pid, shell.epoch));
    }
    let lane = &held.iter().find(|held| held.session == cat.session).unwrap().lanes[0];
    let Marks { accepted, .. } = lane.marks;
    assert!(accepted > Offset::new(500_000), "a paste took place: {accepted}");
    let end = accepted.plus(5);
    worker.until("all of the echo", |_| (cat.ring.head() >= end).then_some(())).await;
    let expected: Vec<u8> = b"ready".iter().copied().chain((0..accepted.get()).map(byte)).collect();
    assert!(cat.bytes() == expected, "input was lost, doubled or reordered");

    let exit = worker.exited_or_held(&flood).await;
    assert_eq!(exit.exit.code, Some(0));
    let expected: String = (1..=600_000).map(|n| format!("{n}\n")).collect();
    assert!(flood.bytes() == expected.as_bytes(), "output was lost or doubled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_worker_supersedes_the_older_one_and_learns_everything() {
    let host = Host::start();
    let first = host.connect().await;
    let shell = first.spawn(&["/bin/sh", "-c", "stty -echo; printf ready; exec cat"]).await;
    first.printed(&shell, "ready").await;
    first.type_in(&shell, 0, "hi\n").await;
    first.printed(&shell, "hi\r\n").await;
    let (session, epoch) = (&shell.session, shell.epoch);
    first.client.record(session, epoch, Bytes::from_static(b"newer notes")).await.unwrap();
    let wide = Size { cols: 100, rows: 30 };
    let from = first.client.resize(session, epoch, wide).await.unwrap();
    for (offset, screen) in [(1, "one"), (2, "two"), (3, "three")] {
        let offset = Offset::new(offset);
        first.client.checkpoint(session, epoch, offset, Bytes::from(screen)).await.unwrap();
    }

    let second = host.connect().await;
    let told = |heard: &[Event]| heard.contains(&Event::Superseded).then_some(());
    first.until("the word that it is superseded", told).await;
    assert!(first.client.resize(session, epoch, wide).await.is_err(), "its connection is closed");

    assert_eq!(second.welcome.incarnation, first.welcome.incarnation);
    assert!(second.welcome.generation > first.welcome.generation);
    assert_eq!((second.welcome.pid, second.welcome.ring_bytes), (host.pid(), 1 << 20));
    let held = &second.welcome.sessions[0];
    assert_eq!((held.pid, &held.record[..]), (shell.pid, &b"newer notes"[..]));
    let marks = Marks { accepted: Offset::new(3), written: Offset::new(3) };
    assert_eq!(held.lanes, [LaneMarks { client: typist(1), marks }]);
    assert_eq!(held.ring.head(), shell.ring.head());
    let last = held.sizes.last().unwrap();
    assert_eq!((held.sizes.len(), last.offset, last.size), (2, from, wide));
    let screens = second.client.checkpoints(session, epoch).await.unwrap();
    let screens: Vec<_> = screens.iter().map(|s| (s.offset.get(), &s.bytes[..])).collect();
    assert_eq!(screens, [(3, &b"three"[..]), (2, &b"two"[..])]);
    assert!(lives(shell.pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn input_sent_again_after_a_takeover_is_written_once() {
    let host = Host::start();
    let first = host.connect().await;
    let shell = first.spawn(&["/bin/sh", "-c", "stty raw -echo; printf ready; exec cat"]).await;
    first.printed(&shell, "ready").await;
    first.type_in(&shell, 0, "abcdef").await;
    first.printed(&shell, "abcdef").await;

    let second = host.connect().await;
    let (session, epoch) = (&shell.session, shell.epoch);
    let marks = second.client.lane(session, epoch, &typist(1), true).await.unwrap();
    assert_eq!(marks.accepted, Offset::new(6));
    second.type_in(&shell, 0, "abcdef").await;
    second.type_in(&shell, 3, "defghi").await;
    second.type_in(&shell, 9, "!").await;
    assert_eq!(second.printed(&shell, "!").await, "readyabcdefghi!");
}
