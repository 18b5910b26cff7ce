//! When a ptyhost lives on and when it ends, and how many sessions it holds.

use std::{process::Command, time::Duration};

use rustix::process::Signal;
use termfleet_session::ids::Offset;

use crate::harness::{Host, PTYHOST, Shell, eventually, lives};

async fn ended(host: &mut Host) -> bool {
    eventually("the ptyhost's end", async || host.ended()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn without_anything_to_hold_it_ends_at_once_when_asked() {
    let mut host = Host::start();
    drop(host.connect().await);
    host.signal(Signal::TERM);
    assert!(ended(&mut host).await);
    assert!(!host.socket().exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn signals_of_a_terminal_and_sigterm_do_not_end_what_a_worker_uses() {
    let mut host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", "stty -echo; printf ready; exec cat"]).await;
    worker.printed(&shell, "ready").await;
    for signal in [Signal::INT, Signal::HUP, Signal::QUIT, Signal::TERM] {
        host.signal(signal);
    }
    worker.type_in(&shell, 0, "still here\n").await;
    worker.printed(&shell, "still here").await;
    assert_eq!(host.ended(), None);
    // The SIGTERM is heeded as soon as nobody needs it any more.
    let pid = shell.pid;
    drop(worker);
    assert!(ended(&mut host).await);
    assert!(!lives(pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_worker_it_ends_its_shells_and_itself_in_time() {
    let mut host = Host::with(1 << 16, 400);
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", "printf ready; exec sleep 60"]).await;
    worker.printed(&shell, "ready").await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    assert_eq!(host.ended(), None, "it has a worker");
    drop(worker);
    assert!(ended(&mut host).await);
    assert!(!lives(shell.pid));
}

#[tokio::test(flavor = "multi_thread")]
async fn reset_ends_everything_and_begins_a_new_incarnation() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", "setsid sleep 60 & printf ready; sleep 60"]).await;
    worker.printed(&shell, "ready").await;
    let incarnation = worker.client.reset().await.unwrap();
    assert_ne!(incarnation, worker.welcome.incarnation);
    assert!(!lives(shell.pid));
    let next = host.connect().await;
    assert_eq!(next.welcome.incarnation, incarnation);
    assert!(next.welcome.sessions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn end_is_answered_when_everything_is_over() {
    let mut host = Host::start();
    let worker = host.connect().await;
    let shell = worker
        .spawn(&["/bin/sh", "-c", "trap '' HUP TERM; printf ready; sleep 60; sleep 60"])
        .await;
    worker.printed(&shell, "ready").await;
    worker.client.end().await.unwrap();
    assert!(!lives(shell.pid));
    assert!(ended(&mut host).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sessions_answer_and_are_handed_over() {
    let host = Host::with(1 << 16, 60_000);
    let worker = host.connect().await;
    let mut shells: Vec<Shell> = Vec::new();
    for _ in 0..100 {
        shells.push(worker.spawn(&["/bin/sh", "-c", "stty -echo; printf ready; exec cat"]).await);
    }
    for (n, shell) in shells.iter().enumerate() {
        worker.printed(shell, "ready").await;
        worker.type_in(shell, 0, &format!("number {n}.\n")).await;
    }
    for (n, shell) in shells.iter().enumerate() {
        worker.printed(shell, &format!("number {n}.\r\n")).await;
    }
    let next = host.connect().await;
    assert_eq!(next.welcome.sessions.len(), 100);
    for shell in &shells {
        let held = next.welcome.sessions.iter().find(|h| h.session == shell.session).unwrap();
        assert_eq!((held.pid, held.ring.head()), (shell.pid, shell.ring.head()));
        assert!(held.lanes[0].marks.written > Offset::new(0));
    }
}

#[test]
fn a_socket_that_cannot_be_is_told_clearly() {
    let told = |socket: &std::path::Path| {
        let output = Command::new(PTYHOST).arg(socket).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let dir = tempfile::tempdir().unwrap();
    let long = dir.path().join("x".repeat(120));
    assert!(told(&long).contains("at most 107 fit"), "{}", told(&long));
    assert!(told(&dir.path().join("none/s")).contains("listening"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_socket_in_use_is_refused_and_a_stale_one_is_replaced() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::start();
    host.connect().await;
    let mode = std::fs::metadata(host.socket()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let output = Command::new(PTYHOST).arg(host.socket()).output().unwrap();
    assert!(String::from_utf8(output.stderr).unwrap().contains("another ptyhost listens"));
    host.signal(Signal::KILL);
    let mut dead = host;
    assert!(!ended(&mut dead).await);
    let mut second = Command::new(PTYHOST).arg(dead.socket()).spawn().unwrap();
    dead.connect().await;
    second.kill().unwrap();
    second.wait().unwrap();
}
