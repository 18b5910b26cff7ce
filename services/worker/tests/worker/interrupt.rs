//! Interrupting a program drops what its driver has not seen of it, if that is much.

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann},
};
use termfleet_proto::worker_v1 as pb;

/// What may be on its way without being dropped.
const BACKLOG: u64 = 64 << 10;

fn interrupted(seen: &Seen) -> Option<()> {
    let last = seen.snapshots.last()?;
    (last.reason() == pb::Reason::Interrupted && !last.more).then_some(())
}

#[tokio::test]
async fn up_to_64_kib_stay_and_more_is_dropped() {
    let stage = Stage::new().await;
    let gateway = stage.gateway().await;
    for (bytes, dropped) in [(BACKLOG - 1, false), (BACKLOG, false), (BACKLOG + 1, true)] {
        let session = stage.create().await;
        let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
        let other = gateway.attach(&session, &Client::new(&ann(), 2)).await;
        viewer.types("stty -echo -echoctl; PS1=; echo re''ady\n").await;
        viewer.shows("ready\r\n").await;
        let parsed = viewer.stop();
        // One process prints all of it and then waits: between two the ^C would reach nobody.
        let make = format!("head -c {bytes} /dev/zero | tr '\\0' x >xs");
        viewer.types(format!("{make}; tail -c +1 -f xs\n")).await;
        other.until("all of it", |seen| (seen.end() >= parsed + bytes).then_some(())).await;
        assert_eq!(other.seen().end(), parsed + bytes);
        viewer.types("\x03").await;
        if dropped {
            viewer.until("the picture", interrupted).await;
        }
        viewer.go_on().await;
        viewer.types("echo so''on\n").await;
        viewer.shows("soon").await;
        assert_eq!(interrupted(&viewer.seen()).is_some(), dropped, "{bytes} bytes");
    }
}

#[tokio::test]
async fn whatever_interrupts_drops_the_backlog_and_what_comes_then_is_live() {
    let stage = Stage::new().await;
    let gateway = stage.gateway().await;
    for how in ["\x03", "\x1a", "\x1c", "control"] {
        let session = stage.create().await;
        let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
        viewer.types("set -m; echo re''ady\n").await;
        viewer.shows("ready\r\n").await;
        let parsed = viewer.stop();
        viewer.types("yes\n").await;
        viewer.until("a backlog", |seen| (seen.end() >= parsed + BACKLOG).then_some(())).await;
        if how == "control" {
            viewer.control(pb::Action::Interrupt).await.unwrap();
        } else {
            viewer.types(how).await;
        }
        viewer.until("the picture", interrupted).await;
        viewer.types("echo so''on\n").await;
        viewer.shows("soon").await;
    }
}
