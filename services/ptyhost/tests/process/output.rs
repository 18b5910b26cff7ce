//! Output: held back at the limit, complete at the end, told in batches.

use termfleet_ptyhost::client::Event;
use termfleet_session::{ids::Offset, record::Exit};

use crate::harness::{Host, Shell, Worker, spawn};

async fn spawn_limited(worker: &Worker, script: &str) -> Shell {
    let spawn = spawn(&["/bin/sh", "-c", script]);
    let (session, epoch) = (spawn.session.clone(), spawn.epoch);
    let spawned = worker.client.spawn(spawn).await.unwrap();
    Shell { session, epoch, pid: spawned.pid, ring: spawned.ring }
}

#[tokio::test(flavor = "multi_thread")]
async fn output_stops_at_the_limit_and_goes_on_where_it_is_raised() {
    let host = Host::with(1 << 16, 60_000);
    let worker = host.connect().await;
    let shell = spawn_limited(&worker, "stty raw; exec seq 1 100000").await;
    let expected: Vec<u8> = (1..=100_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
    let (mut read, mut limit) = (Vec::new(), 1u64 << 16);
    while read.len() < expected.len() {
        let end = Offset::new(limit.min(expected.len() as u64));
        worker.until("output up to the limit", |_| (shell.ring.head() >= end).then_some(())).await;
        // A moment in which it could run over: asking for something takes a turn of the ptyhost.
        worker.client.stat(&shell.session, shell.epoch).await.unwrap();
        assert_eq!(shell.ring.head(), end, "not a byte beyond the limit");
        let mut buf = vec![0; 1 << 16];
        let len = shell.ring.read_at(Offset::new(read.len() as u64), &mut buf).unwrap();
        read.extend_from_slice(&buf[..len]);
        assert_eq!(read.len() as u64, end.get(), "nothing was overwritten");
        limit += 20_011;
        worker.client.limit(&shell.session, shell.epoch, Offset::new(limit)).await.unwrap();
    }
    assert!(read == expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_byte_comes_before_the_exit() {
    let host = Host::start();
    let worker = host.connect().await;
    for code in [0, 7, 255] {
        let script = format!("stty raw; head -c 300000 /dev/zero; printf end; exit {code}");
        let shell = worker.spawn(&["/bin/sh", "-c", &script]).await;
        let ended = worker.exited(&shell).await;
        assert_eq!(ended.exit, Exit { code: Some(code), signal: None });
        assert_eq!(ended.offset, Offset::new(300_003));
        assert_eq!(shell.ring.head(), ended.offset);
        assert!(shell.bytes().ends_with(b"end"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exit_waits_for_output_that_the_limit_holds_back() {
    let host = Host::with(4096, 60_000);
    let worker = host.connect().await;
    // Less than the kernel holds for a terminal, so that the program can end before it is read.
    let shell = spawn_limited(&worker, "stty raw; head -c 6000 /dev/zero").await;
    worker.until("the limit", |_| (shell.ring.head() == Offset::new(4096)).then_some(())).await;
    let zombie_or_gone = || !crate::harness::lives(shell.pid);
    crate::harness::eventually("the program's end", async || zombie_or_gone().then_some(())).await;
    worker.client.limit(&shell.session, shell.epoch, Offset::new(u64::MAX)).await.unwrap();
    assert_eq!(worker.exited(&shell).await.offset, Offset::new(6000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_background_process_does_not_hold_up_the_exit() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell =
        worker.spawn(&["/bin/sh", "-c", "trap '' HUP; sleep 60 & printf done; exit 3"]).await;
    let ended = worker.exited(&shell).await;
    assert_eq!((ended.exit.code, ended.offset), (Some(3), Offset::new(4)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_was_closed_and_opened_again_goes_on() {
    let host = Host::start();
    let worker = host.connect().await;
    let script =
        "exec 3</dev/tty 0<&- 1>&- 2>&- 3<&-; sleep 0.3; exec >/dev/tty; echo again; exec sleep 60";
    let shell = worker.spawn(&["/bin/sh", "-c", script]).await;
    worker.printed(&shell, "again").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_is_told_in_batches() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", "stty raw; head -c 20000000 /dev/zero"]).await;
    worker.exited(&shell).await;
    let told = worker
        .until("anything", |heard| {
            Some(heard.iter().filter(|event| matches!(event, Event::Heads(_))).count())
        })
        .await;
    // The kernel gives 4 KiB a read: without gathering there were some 4,900.
    assert!(told < 2_500, "{told} notices for 20 MB");
}
