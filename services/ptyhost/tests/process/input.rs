//! Input that does not fit its lane is refused, told once, and moves nothing.

use std::time::Duration;

use bytes::Bytes;
use termfleet_ptyhost::client::Event;
use termfleet_session::{
    code::Code,
    ids::{Epoch, Offset},
    limits::INPUT_WINDOW_BYTES,
};

use crate::harness::{Host, Shell, Worker, eventually, session, spawn, typist};

async fn refused(worker: &Worker) -> (Code, Offset) {
    let find = |heard: &[Event]| {
        heard.iter().find_map(|event| match event {
            Event::InputRefused { code, expected, .. } => Some((*code, *expected)),
            _ => None,
        })
    };
    worker.until("a refusal", find).await
}

async fn cat(worker: &Worker) -> Shell {
    let shell = worker.spawn(&["/bin/sh", "-c", "stty raw -echo; printf ready; exec cat"]).await;
    worker.printed(&shell, "ready").await;
    shell
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gap_names_the_expected_offset_and_nothing_is_typed() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = cat(&worker).await;
    worker.type_in(&shell, 0, "ab").await;
    worker.type_in(&shell, 5, "lost").await;
    assert_eq!(refused(&worker).await, (Code::InputGap, Offset::new(2)));
    worker.type_in(&shell, 2, "cd!").await;
    assert_eq!(worker.printed(&shell, "!").await, "readyabcd!");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_lane_must_start_at_zero() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = cat(&worker).await;
    worker.type_in(&shell, 7, "x").await;
    assert_eq!(refused(&worker).await, (Code::InputGap, Offset::new(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stuck_program_holds_up_a_lane_at_its_window() {
    let host = Host::start();
    let worker = host.connect().await;
    // It never reads: the terminal fills up, then the queue.
    let shell =
        worker.spawn(&["/bin/sh", "-c", "stty raw -echo; printf ready; exec sleep 60"]).await;
    worker.printed(&shell, "ready").await;
    let piece = Bytes::from(vec![b'x'; 16 << 10]);
    for n in 0..64u64 {
        let at = Offset::new(n * piece.len() as u64);
        let client = &worker.client;
        client.input(&shell.session, shell.epoch, &typist(1), at, piece.clone()).await.unwrap();
    }
    let (code, expected) = refused(&worker).await;
    assert_eq!(code, Code::InputWindowExceeded);
    let (session, epoch) = (&shell.session, shell.epoch);
    let marks = worker.client.lane(session, epoch, &typist(1), true).await.unwrap();
    assert_eq!(marks.accepted, expected);
    assert!(marks.accepted.since(marks.written) <= INPUT_WINDOW_BYTES);
    assert!(marks.accepted < Offset::new(64 * piece.len() as u64));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_unknown_or_of_another_epoch_takes_nothing() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = cat(&worker).await;
    let (client, at, bytes) = (typist(1), Offset::new(0), Bytes::from_static(b"x"));
    let stranger = session();
    worker.client.input(&stranger, shell.epoch, &client, at, bytes.clone()).await.unwrap();
    assert_eq!(refused(&worker).await.0, Code::SessionNotFound);
    let other = Epoch::new(99);
    worker.client.input(&shell.session, other, &client, at, bytes).await.unwrap();
    let find = |heard: &[Event]| {
        let is_it = |event: &Event| matches!(event, Event::InputRefused { code: Code::VersionConflict, epoch, .. } if *epoch == other);
        heard.iter().any(is_it).then_some(())
    };
    worker.until("the refusal of the other epoch", find).await;
    worker.type_in(&shell, 0, "!").await;
    assert_eq!(worker.printed(&shell, "!").await, "ready!");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_with_its_input_unread_ends_like_any_other() {
    let host = Host::start();
    let worker = host.connect().await;
    let script = "stty raw -echo; printf ready; exec sleep 60";
    let shell = worker.spawn(&["/bin/sh", "-c", script]).await;
    worker.printed(&shell, "ready").await;
    let piece = Bytes::from(vec![b'x'; 16 << 10]);
    for n in 0..8u64 {
        let at = Offset::new(n * piece.len() as u64);
        let client = &worker.client;
        client.input(&shell.session, shell.epoch, &typist(1), at, piece.clone()).await.unwrap();
    }
    let busy_before = ticks(host.pid());
    worker.client.kill(&shell.session, shell.epoch).await.unwrap();
    assert_eq!(worker.exited(&shell).await.offset, Offset::new(5));
    assert!(ticks(host.pid()) - busy_before < 20, "the ptyhost waited, it did not spin");
    let (session, epoch) = (&shell.session, shell.epoch);
    let at = Offset::new(0);
    worker.client.input(session, epoch, &typist(2), at, Bytes::from_static(b"x")).await.unwrap();
    let find = |heard: &[Event]| {
        let is_it =
            |event: &Event| matches!(event, Event::InputRefused { code: Code::SessionEnded, .. });
        heard.iter().any(is_it).then_some(())
    };
    worker.until("the refusal of input after the end", find).await;
}

/// Both directions stand still on a terminal that is hung up: input waits, and the limit is reached.
#[tokio::test(flavor = "multi_thread")]
async fn a_hung_up_terminal_at_its_limit_costs_nothing() {
    let host = Host::with(4096, 60_000);
    let worker = host.connect().await;
    let script = "stty raw -echo; printf ready; read x; head -c 5000 /dev/zero; \
                  exec 0<&- 1>&- 2>&-; sleep 60";
    let spawn = spawn(&["/bin/sh", "-c", script]);
    let (session, epoch) = (spawn.session.clone(), spawn.epoch);
    let ring = worker.client.spawn(spawn).await.unwrap().ring;
    worker.until("ready", |_| (ring.head() == Offset::new(5)).then_some(())).await;
    let go = Bytes::from_static(b"\n");
    worker.client.input(&session, epoch, &typist(2), Offset::new(0), go).await.unwrap();
    worker.until("the limit", |_| (ring.head() == Offset::new(4096)).then_some(())).await;
    eventually("sleep, without a terminal", async || {
        let stat = worker.client.stat(&session, epoch).await.unwrap();
        (stat.processes == 2).then_some(())
    })
    .await;
    for n in 0..8u64 {
        let piece = Bytes::from(vec![b'x'; 8 << 10]);
        let at = Offset::new(n * piece.len() as u64);
        worker.client.input(&session, epoch, &typist(1), at, piece).await.unwrap();
    }
    let marks = worker.client.lane(&session, epoch, &typist(1), true).await.unwrap();
    assert!(marks.written < marks.accepted, "input waits: {marks:?}");
    let before = ticks(host.pid());
    // Not a wait for anything: the span whose cost is measured.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let spent = ticks(host.pid()) - before;
    assert!(spent < 15, "{spent} of 50 ticks were spent on nothing");
}

/// Processor time that a process has used, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_that_nobody_reads_cost_little_more_than_their_bytes() {
    /// Much less than a buffer for each of the 60,000 keys (17 MiB), far more than their bytes.
    const MOST_KIB: u64 = 4 << 10;
    let host = Host::start();
    let worker = host.connect().await;
    let script = "stty raw -echo; printf ready; exec sleep 60";
    let shell = worker.spawn(&["/bin/sh", "-c", script]).await;
    worker.printed(&shell, "ready").await;
    let before = resident_kib(host.pid());
    let (client, session, epoch) = (&worker.client, &shell.session, shell.epoch);
    for n in 0..60_000u64 {
        let key = Bytes::from_static(b"x");
        client.input(session, epoch, &typist(1), Offset::new(n), key).await.unwrap();
    }
    let marks = client.lane(session, epoch, &typist(1), true).await.unwrap();
    assert_eq!(marks.accepted, Offset::new(60_000));
    assert!(marks.written < Offset::new(30_000), "the terminal takes a few thousand: {marks:?}");
    let grown = resident_kib(host.pid()).saturating_sub(before);
    assert!(grown < MOST_KIB, "grown by {grown} KiB");
}

/// The memory of a process that is in RAM.
fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
