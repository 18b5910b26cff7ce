//! Who may do what, asked for every message.

use crate::{
    gateway::Client,
    stage::{Stage, actor, ann},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::{code::Code, role::Role};

#[tokio::test]
async fn a_viewer_sees_and_does_nothing() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let eyes = actor("ann", Role::Viewer);
    let watching = gateway.attach(&session, &Client::new(&eyes, 2)).await;
    assert!(!watching.attached.driver);
    watching.input(0, "echo no\n").await;
    assert_eq!(watching.refusal().await.code, Code::Forbidden);
    for action in [
        pb::Action::Take,
        pb::Action::Interrupt,
        pb::Action::Clear,
        pb::Action::Kill,
        pb::Action::Restart,
    ] {
        let refusal = watching.control(action).await.unwrap_err();
        assert_eq!(refusal.code, Code::Forbidden, "{action:?}");
    }
    assert_eq!(gateway.close(&session, &eyes).await.unwrap_err().code, Code::Forbidden);
    assert_eq!(gateway.suspend(&session, &eyes).await.unwrap_err().code, Code::Forbidden);
    let driver = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    driver.types("echo seen-$((1+1))\n").await;
    let text = watching.shows("seen-2").await;
    assert!(!text.contains("no\r\n"));
}

#[tokio::test]
async fn a_readonly_session_takes_input_from_nobody() {
    let stage = Stage::new().await;
    let session = stage.create_with(|request| request.mode = "readonly".into()).await.unwrap();
    let gateway = stage.gateway().await;
    for actor in [ann(), actor("root", Role::Admin)] {
        let viewer = gateway.attach(&session, &Client::new(&actor, 1)).await;
        assert!(!viewer.attached.driver);
        viewer.input(0, "echo no\n").await;
        assert_eq!(viewer.refusal().await.code, Code::Forbidden);
        assert_eq!(viewer.control(pb::Action::Take).await.unwrap_err().code, Code::Forbidden);
    }
}

#[tokio::test]
async fn foreign_sessions_cannot_be_closed_or_looked_at() {
    let stage = Stage::new().await;
    let (session, gateway) = (stage.create().await, stage.gateway().await);
    let bob = actor("bob", Role::User);
    assert_eq!(gateway.close(&session, &bob).await.unwrap_err().code, Code::SessionNotFound);
    assert_eq!(gateway.describe(&session, &bob).await.unwrap_err().code, Code::SessionNotFound);
    assert_eq!(gateway.resume(&session, &bob).await.unwrap_err().code, Code::SessionNotFound);
}
