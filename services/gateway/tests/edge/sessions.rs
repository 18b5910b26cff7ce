//! Sessions over REST, as far as they need no worker that answers.

use termfleet_session::{ids::Epoch, record::Exit, role::Role};
use termfleet_store::{Directory, Fence};

use crate::harness::{Request, Server, Setup, owner};

const SESSIONS: &str = "/api/terminal/sessions";

async fn ann() -> (Server, String) {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    (server, token)
}

#[tokio::test]
async fn a_creation_that_no_worker_takes_gives_its_place_and_its_alias_back() {
    for (setup, expected) in
        [(Setup::with_auth(), (503, 5003)), (Setup::with_auth().with_a_dead_worker(), (502, 2001))]
    {
        let server = setup.start().await;
        let token = server.token("ann", None, Role::User);
        let body = r#"{"projectId":"p","config":{"alias":"mine"}}"#;
        // A reservation that stayed would answer 1003 the second time, and 1002 the eleventh.
        for _ in 0..12 {
            let request = Request::new("POST", SESSIONS).bearer(&token).json(body);
            assert_eq!(server.send(request).await.problem(), expected);
        }
    }
}

#[tokio::test]
async fn a_record_is_read_by_id_and_by_alias_even_when_its_worker_is_away() {
    let server = Setup::with_auth().with_a_dead_worker().start().await;
    let token = server.token("ann", None, Role::User);
    let session = server.session_as("~ann", "ann", "p", Some("build.1")).await;
    for name in [session.id.as_str(), "build.1"] {
        let answer = server.get(&format!("{SESSIONS}/{name}"), &token).await;
        let json = answer.json();
        assert_eq!((answer.status, &json["session"]["id"]), (200, &session.id.as_str().into()));
        assert_eq!(json["session"]["currentPath"], "/tmp");
        assert_eq!(answer.header("cache-control"), None);
    }
}

#[tokio::test]
async fn a_taken_alias_is_409_and_a_full_project_429() {
    let (server, token) = ann().await;
    server.session_as("~ann", "ann", "p", Some("taken")).await;
    let post = |body: &str| Request::new("POST", SESSIONS).bearer(&token).json(body);
    let body = r#"{"projectId":"q","config":{"alias":"taken"}}"#;
    assert_eq!(server.send(post(body)).await.problem(), (409, 1003));
    for _ in 1..10 {
        server.session("~ann", "ann", "p").await;
    }
    let answer = server.send(post(r#"{"projectId":"p"}"#)).await;
    assert_eq!(answer.problem(), (429, 1002));
}

#[tokio::test]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let (server, token) = ann().await;
    let session = server.session("~ann", "ann", "p").await;
    let path = format!("{SESSIONS}/{}", session.id);
    let patch = |body: &str| Request::new("PATCH", &path).bearer(&token).json(body);
    let changed = r#"{"tabName":"logs","labels":{"a":"b"},"layout":{"x":[1,2]}}"#;
    assert_eq!(server.send(patch(changed)).await.status, 200);
    let renamed = server.send(patch(r#"{"tabName":"again"}"#)).await.json();
    assert_eq!(renamed["session"]["tabName"], "again");
    assert_eq!(renamed["session"]["labels"], serde_json::json!({"a": "b"}));
    assert_eq!(renamed["session"]["layout"], serde_json::json!({"x": [1, 2]}));
    let control = server.send(patch("{\"tabName\":\"a\\u001b[31m\"}")).await;
    assert_eq!(control.problem(), (400, 2004));
}

#[tokio::test]
async fn a_closed_session_stays_readable_and_closes_again_without_complaint() {
    let (server, token) = ann().await;
    let session = server.session("~ann", "ann", "p").await;
    let fence = Fence { owner: owner(), epoch: Epoch::new(1) };
    let exit = Exit { code: Some(3), signal: None };
    server.store.close(&session.id, &fence, Some(exit)).await.unwrap();
    let path = format!("{SESSIONS}/{}", session.id);
    let read = server.get(&path, &token).await.json();
    assert_eq!(
        (&read["session"]["status"], &read["session"]["exitCode"]),
        (&"closed".into(), &3.into())
    );
    let patch = Request::new("PATCH", &path).bearer(&token).json(r#"{"tabName":"x"}"#);
    assert_eq!(server.send(patch).await.problem(), (410, 1006));
    let deleted = server.send(Request::new("DELETE", &path).bearer(&token)).await;
    assert_eq!((deleted.status, deleted.json()), (200, serde_json::json!({"success": true})));
}

#[tokio::test]
async fn a_live_session_cannot_be_closed_while_its_worker_is_away() {
    let server = Setup::with_auth().with_a_dead_worker().start().await;
    let token = server.token("ann", None, Role::User);
    let session = server.session("~ann", "ann", "p").await;
    let path = format!("{SESSIONS}/{}", session.id);
    let answer = server.send(Request::new("DELETE", &path).bearer(&token)).await;
    assert_eq!(answer.problem(), (502, 2001));
}

#[tokio::test]
async fn lists_come_in_pages_oldest_first() {
    let (server, token) = ann().await;
    let mut ids = Vec::new();
    for project in ["p", "q", "p", "p", "q"] {
        ids.push(server.session("~ann", "ann", project).await.id.to_string());
    }
    let mut seen = Vec::new();
    let mut target = format!("{SESSIONS}?limit=2");
    loop {
        let page = server.get(&target, &token).await.json();
        let sessions = page["sessions"].as_array().unwrap();
        assert!((1..=2).contains(&sessions.len()));
        seen.extend(sessions.iter().map(|s| s["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        target = format!("{SESSIONS}?limit=2&cursor={next}");
    }
    assert_eq!(seen, ids);

    let of_p = server.get(&format!("{SESSIONS}?projectId=p"), &token).await.json();
    let same = server.get("/api/terminal/projects/p/sessions", &token).await.json();
    assert_eq!((of_p["sessions"].as_array().unwrap().len(), &of_p), (3, &same));
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=x", "projectId=a%2Fb"] {
        let answer = server.get(&format!("{SESSIONS}?{bad}"), &token).await;
        assert_eq!(answer.problem(), (400, 2004), "{bad}");
    }
}
