//! The end of processes: waiting for children, and ending whole sessions, setsid or not.

use std::{sync::Arc, time::Duration};

use rustix::process::{PidfdFlags, Signal, WaitOptions};
use termfleet_session::{ids::SessionId, record::Exit};
use tokio::{
    sync::Mutex,
    time::{Instant, sleep},
};
use tracing::warn;

use crate::{
    proc::{Birth, Census, Mark, Process},
    session::Session,
};

/// How long processes may take to end by themselves; deletion promises 2 s in all.
const GRACE: Duration = Duration::from_millis(700);
/// How often to look who is left.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long figures from `/proc` hold.
const FRESH_FOR: Duration = Duration::from_millis(200);
/// When to stop waiting for processes that the kernel does not let go (a dead file server).
const GIVE_UP: Duration = Duration::from_secs(5);

/// How long one process may take to stop after it was told to: one that waits for a disk does so
/// late, and the others must not wait for it.
const STOP_WITHIN: Duration = Duration::from_millis(100);
/// How often to look whether it has: it only has to be scheduled once.
const STOP_LOOK_EVERY: Duration = Duration::from_millis(1);

/// Whom to end.
#[derive(Debug, Clone)]
pub(crate) enum Target {
    /// One session.
    Session(SessionId),
    /// Every process below this one.
    Everything,
}

impl Target {
    fn among(&self, census: &Census) -> Vec<Birth> {
        let birth = |process: &Process| process.birth;
        match self {
            Self::Session(session) => census.of(session).map(birth).collect(),
            Self::Everything => census.all().map(birth).collect(),
        }
    }
}

/// Collects every child that has ended, also those that others left to this process.
pub(crate) fn ended_children() -> Vec<(u32, Exit)> {
    let mut ended = Vec::new();
    while let Ok(Some((pid, status))) = rustix::process::wait(WaitOptions::NOHANG) {
        let exit = Exit { code: status.exit_status(), signal: status.terminating_signal() };
        ended.push((pid.as_raw_nonzero().get().unsigned_abs(), exit));
    }
    ended
}

/// Takes a census on a thread that may wait.
async fn census(marks: Vec<Mark>) -> Option<Census> {
    tokio::task::spawn_blocking(move || Census::take(&marks)).await.ok()
}

/// The newest census: whoever asks about many sessions at once looks through `/proc` once.
#[derive(Default)]
pub(crate) struct Censuses(Mutex<Option<(Instant, Arc<Census>)>>);

impl Censuses {
    /// A census that is fresh enough for figures.
    pub(crate) async fn fresh(&self, sessions: &[Arc<Session>]) -> Option<Arc<Census>> {
        let mut newest = self.0.lock().await;
        if let Some((_, census)) = newest.as_ref().filter(|(at, _)| at.elapsed() < FRESH_FOR) {
            return Some(census.clone());
        }
        let taken = census(sessions.iter().map(|session| session.mark()).collect()).await?;
        for session in sessions {
            let known = taken.of(&session.key.session).map(|process| process.birth);
            session.remember(known.collect());
        }
        let taken = Arc::new(taken);
        *newest = Some((Instant::now(), taken.clone()));
        Some(taken)
    }
}

/// Ends processes: first asks, then kills, until none is left. `marks` gives the sessions as they
/// are at each look.
pub(crate) async fn end(target: &Target, marks: impl Fn() -> Vec<Mark>) {
    let started = Instant::now();
    let mut asked = false;
    while let Some(census) = census(marks()).await {
        let left = target.among(&census);
        if left.is_empty() {
            return;
        }
        let elapsed = started.elapsed();
        if elapsed > GIVE_UP {
            return warn!(left = left.len(), "processes could not be ended");
        }
        if elapsed >= GRACE {
            send(&left, &[Signal::KILL]);
        } else if !std::mem::replace(&mut asked, true) {
            // A shell takes its leave on HUP, most others on TERM; a stopped one must run for it.
            send(&left, &[Signal::HUP, Signal::TERM, Signal::CONT]);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Signals whom there is to signal; `false` if there is nobody. A shell is stopped before its
/// children and continued after them: else it would hear that they stopped, and say so. It has
/// stopped only once the kernel says so: a shell that is still on its way out of `wait` when its
/// child stops takes the news along.
pub(crate) async fn signal(target: &Target, marks: Vec<Mark>, signal: Signal) -> bool {
    let census = census(marks).await;
    let mut processes = census.map(|census| target.among(&census)).unwrap_or_default();
    processes.sort_unstable();
    if signal == Signal::CONT {
        processes.reverse();
    }
    for process in &processes {
        send(std::slice::from_ref(process), &[signal]);
        if signal == Signal::STOP {
            stopped(*process).await;
        }
    }
    !processes.is_empty()
}

/// Waits until the process has stopped, as long as that may take.
async fn stopped(process: Birth) {
    let started = Instant::now();
    while process.executes() && started.elapsed() < STOP_WITHIN {
        sleep(STOP_LOOK_EVERY).await;
    }
}

/// Signals processes, and nobody who has got one of their numbers since.
fn send(processes: &[Birth], signals: &[Signal]) {
    for birth in processes {
        let Some(pid) = birth.pid() else { continue };
        let Ok(process) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else { continue };
        // The descriptor holds whoever has the number now: is it still the one that was meant?
        if Birth::of(pid) == *birth {
            for signal in signals {
                let _ = rustix::process::pidfd_send_signal(&process, *signal);
            }
        }
    }
}
