//! Tasks are counted by name, waited for with a deadline, and heard when they panic.
#![allow(clippy::unwrap_used)]

use std::future;

use tokio::sync::oneshot;

use super::*;
use crate::logs::tests::captured;

#[tokio::test]
async fn wait_ends_when_the_last_task_has() {
    let tasks = Tasks::new();
    let (go, gone) = oneshot::channel::<()>();
    let handle = tasks.spawn("waiter", async { gone.await.is_ok() });
    assert_eq!(tasks.len(), 1);
    go.send(()).unwrap();
    tasks.wait(Duration::from_secs(5)).await.unwrap();
    assert!(handle.await.unwrap());
    assert!(tasks.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_deadline_names_who_is_late() {
    let tasks = Tasks::new();
    for name in ["session", "session", "lease"] {
        drop(tasks.spawn(name, future::pending::<()>()));
    }
    drop(tasks.spawn("quick", async {}));
    let late = tasks.wait(Duration::from_secs(1)).await.unwrap_err();
    assert_eq!(late.to_string(), "tasks still running: lease (1), session (2)");
}

#[tokio::test]
async fn an_aborted_task_is_not_counted() {
    let tasks = Tasks::new();
    let handle = tasks.spawn("aborted", future::pending::<()>());
    handle.abort();
    assert_eq!(tasks.wait(Duration::from_secs(5)).await, Ok(()));
    assert!(tasks.running.names().is_empty());
}

#[test]
fn a_panic_is_logged_with_the_tasks_name_and_reaches_the_handle() {
    let log = captured(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let tasks = Tasks::new();
            let handle = tasks.spawn("fragile", async { panic!("broke {}", "here") });
            let error: tokio::task::JoinError = handle.await.map(|(): ()| ()).unwrap_err();
            assert!(error.is_panic());
            tasks.wait(Duration::from_secs(5)).await.unwrap();
        });
    });
    let line = log.lines().find(|line| line.contains("task panicked")).unwrap();
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["task"], "fragile");
    assert_eq!(line["panic"], "broke here");
}
