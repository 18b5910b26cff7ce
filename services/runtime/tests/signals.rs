//! A signal is told by name, and the process survives it.
#![allow(clippy::unwrap_used)]

use std::{process::Command, time::Duration};

use termfleet_runtime::Signals;
use tokio::time;

#[tokio::test]
async fn both_signals_are_told_by_name() {
    let mut signals = Signals::listen().unwrap();
    for (flag, name) in [("-TERM", "SIGTERM"), ("-INT", "SIGINT"), ("-TERM", "SIGTERM")] {
        let pid = std::process::id().to_string();
        assert!(Command::new("kill").args([flag, &pid]).status().unwrap().success());
        let told = time::timeout(Duration::from_secs(5), signals.next()).await.unwrap();
        assert_eq!(told, name);
    }
}
