//! Processes: started as asked, resized, signalled, looked at, and ended to the last one.

use std::time::Duration;

use termfleet_ptyhost::client::{Refused, SignalTarget, SpawnStep};
use termfleet_session::{code::Code, ids::Epoch, limits::Size, record::Exit};
use tokio::time::Instant;

use crate::harness::{Host, eventually, lives, spawn};

const SIGINT: i32 = 2;
const SIGKILL: i32 = 9;
const SIGTERM: i32 = 15;
const SIGCONT: i32 = 18;
const SIGSTOP: i32 = 19;

#[tokio::test(flavor = "multi_thread")]
async fn the_environment_is_what_was_given() {
    let host = Host::start();
    let worker = host.connect().await;
    let spawn = spawn(&["/usr/bin/env"]);
    let mut expected: Vec<_> =
        spawn.env.iter().map(|(name, value)| format!("{name}={value}")).collect();
    expected.push(format!("TERMFLEET_SESSION_ID={}", spawn.session));
    let shell = worker.spawn_with(spawn).await;
    worker.exited(&shell).await;
    let output = shell.output();
    let mut lines: Vec<_> = output.lines().collect();
    lines.sort_unstable();
    expected.sort_unstable();
    assert_eq!(lines, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_owns_its_terminal_and_nothing_else() {
    let host = Host::start();
    let worker = host.connect().await;
    let mut spawn = spawn(&[
        "/bin/sh",
        "-c",
        "ls -l /proc/$$/fd; ps -o sid=,pgid=,tpgid= -p $$; pwd; ulimit -n",
    ]);
    spawn.cwd = "/usr".to_owned();
    let shell = worker.spawn_with(spawn).await;
    worker.exited(&shell).await;
    let output = shell.output();
    let lines: Vec<_> = output.lines().collect();
    let open = lines.iter().filter(|line| line.contains(" -> ")).count();
    let terminals = lines.iter().filter(|line| line.contains(" -> /dev/pts/")).count();
    assert_eq!((open, terminals), (3, 3), "{output}");
    let ids: Vec<u32> =
        lines[lines.len() - 3].split_whitespace().map(|id| id.parse().unwrap()).collect();
    assert_eq!(ids, [shell.pid; 3], "session, group and foreground are its own");
    assert_eq!(lines[lines.len() - 2], "/usr");
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap();
    assert_eq!(lines[lines.len() - 1], limit.to_string(), "not our raised limit of open files");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_that_the_host_handles_has_its_default_in_a_shell() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/grep", "-E", "Sig(Ign|Blk)", "/proc/self/status"]).await;
    worker.exited(&shell).await;
    let output = shell.output();
    for line in output.lines() {
        let (_, mask) = line.split_once('\t').unwrap();
        // Signals 32 and 33 are the C library's own, which its posix_spawn leaves ignored.
        let named = u64::from_str_radix(mask, 16).unwrap() & 0x7fff_ffff;
        assert_eq!(named, 0, "{line}");
    }
    assert_eq!(output.lines().count(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_started_is_told_with_its_errno() {
    let host = Host::start();
    let worker = host.connect().await;
    let failure = async |argv: &[&str], cwd: &str| {
        let mut spawn = spawn(argv);
        spawn.cwd = cwd.to_owned();
        worker.client.spawn(spawn).await.unwrap_err()
    };
    let failed = |step, errno| Refused::SpawnFailed { step, errno };
    let (enoent, eacces, enotdir) = (2, 13, 20);
    let missing = failure(&["/bin/no-such-shell"], "/").await;
    assert_eq!(missing, failed(SpawnStep::Program, enoent));
    assert_eq!(missing.code(), Code::ProcessSpawnFailed);
    assert_eq!(failure(&["/etc/passwd"], "/").await, failed(SpawnStep::Program, eacces));
    let nowhere = failure(&["/bin/sh"], "/no/such/place").await;
    assert_eq!(nowhere, failed(SpawnStep::Cwd, enoent));
    assert_eq!(nowhere.code(), Code::PathNotFound);
    assert_eq!(failure(&["/bin/sh"], "/etc/passwd").await, failed(SpawnStep::Cwd, enotdir));
    assert_eq!(failure(&[], "/").await.code(), Code::BadMessage);
    // Nothing stays of a shell that never was.
    assert!(host.connect().await.welcome.sessions.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_size_is_seen_at_once() {
    let host = Host::start();
    let worker = host.connect().await;
    let script = "trap 'stty size' WINCH; stty size; while :; do sleep 0.05; done";
    let shell = worker.spawn(&["/bin/sh", "-c", script]).await;
    worker.printed(&shell, "24 80").await;
    let size = Size { cols: 132, rows: 43 };
    worker.client.resize(&shell.session, shell.epoch, size).await.unwrap();
    worker.printed(&shell, "43 132").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_reaches_the_foreground_or_the_whole_session() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/bash", "--norc", "--noprofile", "-i"]).await;
    worker.printed(&shell, "$ ").await;
    worker.type_in(&shell, 0, "echo begin; sleep 60; echo status $?\n").await;
    worker.printed(&shell, "begin\r\n").await;
    let (session, epoch) = (&shell.session, shell.epoch);
    eventually("sleep in the foreground", async || {
        let stat = worker.client.stat(session, epoch).await.unwrap();
        (stat.command.as_deref() == Some("sleep")).then_some(())
    })
    .await;
    worker.client.signal(session, epoch, SignalTarget::Foreground, SIGINT).await.unwrap();
    eventually("the shell in the foreground", async || {
        let stat = worker.client.stat(session, epoch).await.unwrap();
        (stat.foreground == Some(shell.pid)).then_some(())
    })
    .await;
    assert!(lives(shell.pid));
    worker.client.signal(session, epoch, SignalTarget::Session, SIGKILL).await.unwrap();
    let ended = worker.exited(&shell).await;
    assert_eq!(ended.exit, Exit { code: None, signal: Some(SIGKILL) });
    let none = worker.client.signal(session, epoch, SignalTarget::Foreground, SIGTERM).await;
    assert_eq!(none.unwrap_err().code(), Code::SessionEnded);
    let odd = worker.client.signal(session, epoch, SignalTarget::Session, 999).await;
    assert_eq!(odd.unwrap_err().code(), Code::BadMessage);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_does_not_notice_that_its_session_was_stopped() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/bash", "--norc", "--noprofile", "-i"]).await;
    worker.printed(&shell, "$ ").await;
    let (session, epoch) = (&shell.session, shell.epoch);
    let mut at = 0;
    for round in 1..=5 {
        let line = format!("sleep 1; echo rou''nd-{round}\n");
        worker.type_in(&shell, at, &line).await;
        at += line.len() as u64;
        eventually("sleep in the foreground", async || {
            let stat = worker.client.stat(session, epoch).await.unwrap();
            (stat.command.as_deref() == Some("sleep")).then_some(())
        })
        .await;
        for signal in [SIGSTOP, SIGCONT] {
            worker.client.signal(session, epoch, SignalTarget::Session, signal).await.unwrap();
        }
        worker.printed(&shell, &format!("round-{round}")).await;
    }
    worker.type_in(&shell, at, "jobs; echo en''d\n").await;
    let said = worker.printed(&shell, "end").await;
    assert!(!said.contains("Stopped"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn stat_tells_directory_processor_memory_and_processes() {
    let host = Host::start();
    let worker = host.connect().await;
    let script =
        "cd /tmp; i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 60 & echo busy; wait";
    let shell = worker.spawn(&["/bin/sh", "-c", script]).await;
    worker.printed(&shell, "busy").await;
    let stat = eventually("both processes", async || {
        let stat = worker.client.stat(&shell.session, shell.epoch).await.unwrap();
        (stat.processes == 2).then_some(stat)
    })
    .await;
    assert_eq!(stat.cwd.as_deref(), Some("/tmp"));
    assert_eq!((stat.foreground, stat.command.as_deref()), (Some(shell.pid), Some("sh")));
    assert!(stat.cpu_ms >= 10 && stat.cpu_ms < 20_000, "{stat:?}");
    assert!(stat.rss_bytes > 500_000 && stat.rss_bytes < 100_000_000, "{stat:?}");
}

/// A script that leaves processes which are hard to find, and says their numbers.
const RUNAWAYS: &str = "\
    trap '' HUP TERM; \
    setsid sh -c 'trap \"\" HUP TERM; echo one $$; sleep 60; sleep 60' & \
    (setsid sh -c 'trap \"\" HUP TERM; echo two $$; sleep 60; sleep 60' &) ; \
    (setsid setsid nohup sh -c 'echo three $$ >/dev/tty; exec sleep 60' >/dev/null 2>&1 &) ; \
    (sh -c 'trap \"\" HUP TERM; echo three $$; sleep 60; sleep 60' &) ; \
    echo four $$; while :; do sleep 1; done";

fn numbers(output: &str) -> Vec<u32> {
    output.lines().filter_map(|line| line.split_once(' ')?.1.trim().parse().ok()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_ends_every_process_in_2_s_setsid_or_not_and_no_other() {
    let host = Host::start();
    let worker = host.connect().await;
    let shell = worker.spawn(&["/bin/sh", "-c", RUNAWAYS]).await;
    let other = worker.spawn(&["/bin/sh", "-c", RUNAWAYS]).await;
    let four = |shell: &crate::harness::Shell| {
        let found = numbers(&shell.output());
        (found.len() >= 4).then_some(found)
    };
    let doomed = worker.until("four processes", |_| four(&shell)).await;
    let spared = worker.until("four others", |_| four(&other)).await;
    assert!(doomed.iter().all(|pid| lives(*pid)), "{doomed:?}");
    let started = Instant::now();
    worker.client.kill(&shell.session, shell.epoch).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    let left: Vec<_> = doomed.iter().filter(|pid| lives(**pid)).collect();
    assert!(left.is_empty(), "{left:?} of {doomed:?}");
    assert!(spared.iter().all(|pid| lives(*pid)), "another session's processes: {spared:?}");
    worker.exited(&shell).await;
    worker.client.kill(&other.session, other.epoch).await.unwrap();
    assert!(!spared.iter().any(|pid| lives(*pid)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_is_forgotten_only_when_it_has_ended_and_takes_its_leftovers_along() {
    let host = Host::start();
    let worker = host.connect().await;
    let script = "setsid sh -c 'echo left $$; sleep 60; sleep 60' & sleep 0.2; read x; exit 0";
    let shell = worker.spawn(&["/bin/sh", "-c", script]).await;
    let (session, epoch) = (&shell.session, shell.epoch);
    worker.printed(&shell, "left").await;
    let early = worker.client.forget(session, epoch).await.unwrap_err();
    assert_eq!(early.code(), Code::VersionConflict);
    worker.type_in(&shell, 0, "\n").await;
    worker.exited(&shell).await;
    let left = numbers(&shell.output())[0];
    assert!(lives(left));
    // Until then the ring and the exit are there for a next worker.
    let next = host.connect().await;
    assert_eq!(next.welcome.sessions[0].ended.unwrap().exit.code, Some(0));
    assert!(next.welcome.sessions[0].ring.head() > termfleet_session::ids::Offset::new(0));
    next.client.forget(session, epoch).await.unwrap();
    assert!(!lives(left));
    let again = next.client.forget(session, epoch).await.unwrap_err();
    assert_eq!(again.code(), Code::SessionNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_shell_of_a_session_needs_a_higher_epoch() {
    let host = Host::start();
    let worker = host.connect().await;
    let first = spawn(&["/bin/sh", "-c", "read x"]);
    let shell = worker.spawn_with(first.clone()).await;
    let mut next = first;
    next.epoch = Epoch::new(2);
    let busy = worker.client.spawn(next.clone()).await.unwrap_err();
    assert_eq!(busy.code(), Code::SessionAlreadyExists);
    worker.client.kill(&shell.session, shell.epoch).await.unwrap();
    worker.client.spawn(next.clone()).await.unwrap();
    next.epoch = Epoch::new(1);
    let old = worker.client.spawn(next).await.unwrap_err();
    assert_eq!(
        old,
        Refused::Refused {
            code: Code::SessionAlreadyExists,
            text: "the session has a shell already".to_owned(),
            current: Some(2),
        }
    );
}
