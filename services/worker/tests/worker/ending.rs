//! How sessions end: by themselves, closed, restarted, suspended, lost with their ptyhost.

use std::time::Duration;

use crate::{
    gateway::Client,
    heard::Seen,
    stage::{Stage, ann, eventually},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::{code::Code, state::Status};
use termfleet_store::{Directory, Page};
use termfleet_worker::Ended;

#[tokio::test]
async fn an_exit_code_follows_the_last_byte_and_the_output_stays_readable() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let client = Client::new(&ann(), 1);
    let viewer = gateway.attach(&session, &client).await;
    viewer.input(0, "echo last-$((1+1)); exit 3\n").await;
    let exited = viewer.until("the exit", Seen::exited).await;
    assert_eq!((exited.code, exited.signal), (Some(3), None));
    assert!(viewer.seen().text().contains("last-2"));
    let closed = stage.record(&session.id, |record| record.status == Status::Closed).await;
    assert_eq!(closed.exit.unwrap().code, Some(3));
    assert_eq!(closed.counters.bytes_out, exited.offset);
    assert_eq!(closed.process_id, None);
    // Attachable, and read-only.
    let late = gateway.attach(&session, &client.again(session.epoch.get(), 0)).await;
    assert_eq!((late.attached.driver, late.attached.status.as_str()), (false, "closed"));
    late.until("the exit again", Seen::exited).await;
    assert!(late.seen().text().contains("last-2"));
    late.input(27, "echo no\n").await;
    assert_eq!(late.refusal().await.code, Code::SessionEnded);
    assert_eq!(late.control(pb::Action::Restart).await.unwrap_err().code, Code::SessionEnded);
}

#[tokio::test]
async fn the_new_status_follows_the_exit() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("exit\n").await;
    let events =
        viewer.until("both", |seen| Some(seen.events.clone()).filter(|e| e.len() >= 2)).await;
    let [pb::event::Kind::Exited(_), pb::event::Kind::Status(status)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((status.status.as_str(), status.previous.as_str()), ("closed", "active"));
}

#[tokio::test]
async fn closing_ends_the_processes_the_channels_and_the_place() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("trap '' TERM HUP; setsid sleep 1000 & echo pid=$!.\n").await;
    let text = viewer.shows(".\r\n").await;
    let pid = text.split("pid=").last().unwrap().split('.').next().unwrap().to_owned();
    let started = tokio::time::Instant::now();
    let closed = gateway.close(&session, &ann()).await.unwrap();
    assert!(started.elapsed() < Duration::from_secs(5));
    assert_eq!(closed.status, Status::Closed);
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists(), "the orphan lives");
    let goodbye = viewer.detached().await;
    assert_eq!(goodbye.code, Some(u32::from(Code::SessionEnded.number())));
    assert_eq!(goodbye.reason, "closed");
    assert_eq!(stage.worker().sessions(), 0);
    // It is readable as a record, and closing it again changes nothing.
    assert_eq!(gateway.close(&session, &ann()).await.unwrap().status, Status::Closed);
    let refusal = gateway.try_attach(&session, &Client::new(&ann(), 2)).await.err().unwrap();
    assert_eq!(refusal.code, Code::SessionEnded);
    let listed = stage.store.list_user(&session.tenant, &session.user, &Page::default()).await;
    assert!(listed.unwrap().sessions.is_empty());
}

#[tokio::test]
async fn kill_ends_the_shell_and_leaves_its_output() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("echo here-$((1+1))\n").await;
    viewer.shows("here-2").await;
    viewer.control(pb::Action::Kill).await.unwrap();
    let exited = viewer.until("the exit", Seen::exited).await;
    assert!(exited.code.is_some() != exited.signal.is_some(), "{exited:?}");
    gateway.attach(&session, &Client::new(&ann(), 2)).await.shows("here-2").await;
}

#[tokio::test]
async fn restart_is_a_new_shell_in_a_new_epoch_on_a_new_channel() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1).sized(101, 31)).await;
    viewer.input(0, "cd /tmp && X=old; echo ok-$((1+1))\n").await;
    viewer.shows("ok-2").await;
    viewer.control(pb::Action::Restart).await.unwrap();
    let attached = viewer.until("the new channel", |seen| seen.replaced_by.clone()).await;
    assert!(attached.epoch > session.epoch.get() && attached.driver && !attached.recovered);
    assert_eq!((attached.reason(), attached.next_input_offset), (pb::Reason::NewEpoch, 0));
    assert_eq!(attached.size, Some(pb::Size { cols: 101, rows: 31 }));
    let new = gateway.viewer(attached.clone());
    new.input(0, "echo \"X=[$X] $(stty size)\"\n").await;
    new.shows("X=[] 31 101").await;
    let record = stage.record(&session.id, |record| record.epoch.get() == attached.epoch).await;
    let record = match record.process_id {
        Some(_) => record,
        None => stage.record(&session.id, |record| record.process_id.is_some()).await,
    };
    assert_eq!(record.status, Status::Active);
    assert_ne!(record.process_id, session.process_id);
    assert!(viewer.seen().exited().is_none(), "the old shell's end is not the session's");
    // A client of the old epoch is told that it is another shell.
    let old = Client::new(&ann(), 3).again(session.epoch.get(), 0);
    assert_eq!(gateway.attach(&session, &old).await.attached.reason(), pb::Reason::NewEpoch);
}

#[tokio::test]
async fn suspended_processes_stand_still_and_go_on() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.input(0, "while :; do echo tick; sleep 0.02; done\n").await;
    viewer.shows("tick\r\ntick").await;
    let suspended = gateway.suspend(&session, &ann()).await.unwrap();
    assert_eq!(suspended.status, Status::Suspended);
    assert!(stage.store.get(&session.id).await.unwrap().unwrap().suspended_at.is_some());
    viewer.input(40, "x").await;
    assert_eq!(viewer.refusal().await.code, Code::SessionSuspended);
    let silent = eventually("silence", async || {
        let before = viewer.seen().end();
        tokio::time::sleep(Duration::from_millis(200)).await;
        (viewer.seen().end() == before).then_some(before)
    })
    .await;
    assert_eq!(gateway.suspend(&session, &ann()).await.unwrap().status, Status::Suspended);
    let resumed = gateway.resume(&session, &ann()).await.unwrap();
    assert_eq!((resumed.status, resumed.suspended_at), (Status::Active, None));
    viewer.until("more ticks", |seen| (seen.end() > silent + 50).then_some(())).await;
}

#[tokio::test]
async fn without_its_ptyhost_every_session_has_ended() {
    let mut stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("echo up-$((1+1))\n").await;
    viewer.shows("up-2").await;
    stage.kill_ptyhost();
    assert_eq!(stage.worker().ended().await, Ended::PtyHostGone);
    let closed = stage.store.get(&session.id).await.unwrap().unwrap();
    assert_eq!(closed.status, Status::Closed);
    gateway.ended().await;
    assert_eq!(viewer.seen().detached.unwrap().code, Some(u32::from(Code::SessionEnded.number())));
}
