//! What a new session is made of, and what is refused.

use std::os::unix::fs::symlink;

use crate::{
    gateway::{Client, code},
    stage::{Stage, actor, ann, eventually, new_id},
};
use termfleet_proto::worker_v1 as pb;
use termfleet_session::{
    code::Code,
    record::Mode,
    role::{Actor, Role},
    state::Status,
};
use termfleet_store::Directory;

#[tokio::test]
async fn the_record_says_what_is_known() {
    let stage = Stage::new().await;
    let session = stage
        .create_with(|request| {
            request.size = Some(pb::Size { cols: 100, rows: 30 });
            request.labels = [("a".to_owned(), "b".to_owned())].into();
        })
        .await
        .unwrap();
    let root = stage.dir.path().canonicalize().unwrap().join("projects/acme/web");
    assert_eq!(session.current_path, root.to_str().unwrap());
    assert_eq!((session.shell.as_str(), session.tab_name.as_str()), ("/bin/sh", "sh"));
    assert_eq!((session.status, session.mode), (Status::Active, Mode::Normal));
    assert_eq!((session.size.cols, session.size.rows), (100, 30));
    assert_eq!(session.labels["a"], "b");
    assert!(session.process_id.is_some() && session.epoch.get() > 1_600_000_000_000);
    assert_eq!(session.owner.as_ref().unwrap().worker.as_str(), "w1");
    assert_eq!(stage.store.get(&session.id).await.unwrap().unwrap(), session);
}

#[tokio::test]
async fn the_shell_has_the_environment_of_the_list_and_its_own() {
    let stage = Stage::new().await;
    let session = stage
        .create_with(|request| {
            request.environment = [("GREETING".to_owned(), "hello".to_owned())].into();
            request.shell = Some("/bin/sh".into());
        })
        .await
        .unwrap();
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer
        .types("echo \"[$GREETING $TERM $SHELL $SECRET]\"; pwd; tty >/dev/null && echo a-tty\n")
        .await;
    viewer.shows("[hello xterm-256color /bin/sh ]").await;
    viewer.shows("projects/acme/web\r\n").await;
    viewer.shows("\r\na-tty\r\n").await;
}

#[tokio::test]
async fn paths_lead_into_the_root_or_are_refused() {
    let stage = Stage::new().await;
    stage.create().await;
    let root = stage.dir.path().join("projects/acme/web");
    std::fs::create_dir(root.join("src")).unwrap();
    symlink("/etc", root.join("etc")).unwrap();
    let at = async |path: &str| {
        let path = path.to_owned();
        stage.create_with(|request| request.project_path = Some(path)).await
    };
    assert!(at("src").await.unwrap().current_path.ends_with("/projects/acme/web/src"));
    for (path, expected) in [
        ("/no/such/directory", Code::PathNotFound),
        ("missing", Code::PathNotFound),
        ("/etc", Code::PathNotAllowed),
        ("../..", Code::PathNotAllowed),
        ("etc", Code::PathNotAllowed),
        ("", Code::BadMessage),
    ] {
        assert_eq!(code(&at(path).await.unwrap_err()), expected, "{path}");
    }
}

#[tokio::test]
async fn a_dead_shell_and_a_shell_off_the_list_are_told_apart() {
    let stage = Stage::new().await;
    let with = async |shell: &str| {
        let shell = shell.to_owned();
        stage.create_with(|request| request.shell = Some(shell)).await.unwrap_err()
    };
    for dead in ["/no/such/shell", "/no/shell/of/any/list"] {
        let status = with(dead).await;
        assert_eq!(code(&status), Code::ProcessSpawnFailed);
        assert!(status.message().contains(dead), "{}", status.message());
    }
    let unlisted = with("/bin/ls").await;
    assert_eq!(code(&unlisted), Code::BadMessage);
    assert!(unlisted.message().contains("/bin/sh"), "{}", unlisted.message());
    assert_eq!(stage.worker().sessions(), 0);
}

#[tokio::test]
async fn without_a_reservation_there_is_no_session_and_no_shell() {
    let stage = Stage::new().await;
    let id = new_id(&ann().tenant);
    let request = stage.request(&id, &ann());
    let status = stage.gateway().await.client.create(request).await.unwrap_err();
    assert_eq!(code(&status), Code::SessionCreationFailed);
    assert_eq!((stage.worker().sessions(), stage.store.get(&id).await.unwrap()), (0, None));
}

#[tokio::test]
async fn a_full_worker_takes_no_more_until_one_ends() {
    let stage = Stage::with_capacity(2).await;
    let (first, _second) = (stage.create().await, stage.create().await);
    let full = stage.create_with(|_| {}).await.unwrap_err();
    assert_eq!(code(&full), Code::ResourceExhausted);
    stage.gateway().await.close(&first, &ann()).await.unwrap();
    stage.create().await;
}

#[tokio::test]
async fn a_hundred_at_once_never_pass_the_capacity() {
    let stage = Stage::with_capacity(5).await;
    let client = stage.gateway().await.client.clone();
    let mut creating = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let (request, mut client) = (stage.reserved(&ann()).await, client.clone());
        creating.spawn(async move { client.create(request).await.is_ok() });
    }
    let made = creating.join_all().await.into_iter().filter(|made| *made).count();
    assert_eq!((made, stage.worker().sessions()), (5, 5));
}

#[tokio::test]
async fn the_same_id_twice_is_refused() {
    let stage = Stage::new().await;
    let request = stage.reserved(&ann()).await;
    let mut client = stage.gateway().await.client;
    client.create(request.clone()).await.unwrap();
    let again = client.create(request).await.unwrap_err();
    assert_eq!(code(&again), Code::SessionAlreadyExists);
}

#[tokio::test]
async fn viewers_create_nothing_and_a_drained_worker_neither() {
    let stage = Stage::new().await;
    let viewer = actor("eve", Role::Viewer);
    let request = stage.reserved(&viewer).await;
    let mut client = stage.gateway().await.client;
    assert_eq!(code(&client.create(request).await.unwrap_err()), Code::Forbidden);
    stage.drain();
    let refused = stage.create_with(|_| {}).await.unwrap_err();
    assert_eq!(code(&refused), Code::ServiceUnavailable);
}

#[tokio::test]
async fn an_admin_of_every_tenant_creates_in_one() {
    let stage = Stage::new().await;
    let within = actor("root", Role::Admin);
    let everywhere = Actor { tenant: "*".parse().unwrap(), ..within.clone() };
    let mut request = stage.reserved(&within).await;
    let id = request.session.parse().unwrap();
    request.capability = stage.request(&id, &everywhere).capability;
    let response = stage.gateway().await.client.create(request).await.unwrap().into_inner();
    assert_eq!(response.record.unwrap().tenant, "acme");
}

#[tokio::test]
async fn mode_claude_runs_the_configured_command() {
    let stage = Stage::new().await;
    let session = stage.create_with(|request| request.mode = "claude".into()).await.unwrap();
    assert_eq!((session.shell.as_str(), session.tab_name.as_str()), ("/bin/cat", "cat"));
    let gateway = stage.gateway().await;
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("miaow\n").await;
    viewer.shows("miaow\r\nmiaow\r\n").await;
}

#[tokio::test]
async fn a_shell_that_ends_at_once_is_a_session_that_has_ended() {
    let stage = Stage::new().await;
    let session =
        stage.create_with(|request| request.shell = Some("/bin/false".into())).await.unwrap();
    let closed = stage.record(&session.id, |record| record.status == Status::Closed).await;
    assert_eq!(closed.exit.unwrap().code, Some(1));
    eventually("no live session", async || (stage.worker().sessions() == 0).then_some(())).await;
}

#[tokio::test]
async fn variables_that_run_code_are_refused_here_too() {
    let stage = Stage::new().await;
    let status = stage
        .create_with(|request| {
            request.environment = [("LD_PRELOAD".to_owned(), "/tmp/x.so".to_owned())].into();
        })
        .await
        .unwrap_err();
    assert_eq!(code(&status), Code::BadMessage);
}

#[tokio::test]
async fn a_worker_that_was_told_to_drain_takes_no_sessions_until_it_is_told_otherwise() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    let gateway = stage.gateway().await;
    let root = actor("root", Role::Admin);
    let told = async |draining, by: &Actor| {
        let worker = "w1".parse().unwrap();
        let now = termfleet_runtime::clock::now_unix();
        let capability = stage.key.mint_for_worker(&worker, by, now).unwrap();
        let request = pb::DrainRequest { draining, actor: Some(by.into()), capability };
        let answer = gateway.client.clone().drain(request).await;
        answer.map(|answer| answer.into_inner().draining).map_err(|status| code(&status))
    };
    assert_eq!(told(true, &ann()).await, Err(Code::Forbidden));
    // Twice is fine.
    assert_eq!(told(true, &root).await, Ok(true));
    assert_eq!(told(true, &root).await, Ok(true));
    let refused = stage.create_with(|_| {}).await.unwrap_err();
    assert_eq!(code(&refused), Code::ServiceUnavailable);
    let viewer = gateway.attach(&session, &Client::new(&ann(), 1)).await;
    viewer.types("echo still-$((1+1))\n").await;
    viewer.shows("still-2\r\n").await;
    assert_eq!(told(false, &root).await, Ok(false));
    stage.create().await;
    // A process that ends takes none whatever it is told.
    stage.drain();
    assert_eq!(told(false, &root).await, Ok(true));
}
