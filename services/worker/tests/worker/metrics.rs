//! What a worker measures of real shells.

use crate::{
    gateway::Client,
    stage::{Stage, ann, eventually},
};
use termfleet_store::Directory;

const ACTIVE: &str = "terminal_sessions_total{status=\"active\"}";
const CLOSED: &str = "terminal_sessions_total{status=\"closed\"}";
const SUSPENDED: &str = "terminal_sessions_total{status=\"suspended\"}";

#[tokio::test]
async fn a_busy_shell_shows_in_processors_and_memory() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "while :; do :; done\n").await;
    let above = |name: &'static str, least: f64| {
        let stage = &stage;
        async move { eventually(name, async || stage.metric(name).filter(|value| *value > least)).await }
    };
    above("terminal_process_cpu_usage", 0.05).await;
    above("terminal_process_memory_usage", 1e5).await;
    assert_eq!(stage.metric("terminal_command_execution_duration_seconds_count"), None);
}

#[tokio::test]
async fn bytes_are_counted_once_whoever_watches_and_across_workers() {
    let mut stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    let _other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
    viewer.input(0, "echo there-$((1+1))\n").await;
    viewer.shows("there-2").await;
    let record = stage.record(&session.id, |record| record.counters.bytes_in == 20).await;
    let bytes = (record.counters.bytes_in as f64, record.counters.bytes_out as f64);
    assert_eq!(stage.metric("terminal_input_bytes_total"), Some(bytes.0));
    let printed = stage.metric("terminal_output_bytes_total").unwrap();
    assert!(printed >= bytes.1, "{printed} of {}", bytes.1);
    assert!(stage.metric("termfleet_worker_output_bytes_total").unwrap() >= printed);

    // The next worker process counts from its own beginning.
    stage.start_worker().await;
    assert_eq!(stage.metric("terminal_output_bytes_total"), Some(0.0));
    assert_eq!(stage.metric(ACTIVE), Some(1.0));
    assert_eq!(stage.metric("terminal_sessions_created_total"), Some(0.0));
}

#[tokio::test]
async fn sessions_are_counted_where_they_are() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    assert_eq!(stage.metric("terminal_sessions_created_total"), Some(1.0));
    assert_eq!((stage.metric(ACTIVE), stage.metric(SUSPENDED)), (Some(1.0), Some(0.0)));
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "exit\n").await;
    let closed = async || stage.metric(CLOSED).filter(|closed| *closed == 1.0);
    eventually("the session to be closed", closed).await;
    assert_eq!(stage.metric(ACTIVE), Some(0.0));
    assert_eq!(stage.metric("terminal_sessions_closed_total"), Some(1.0));
    assert!(stage.store.get(&session.id).await.unwrap().is_some());
}
