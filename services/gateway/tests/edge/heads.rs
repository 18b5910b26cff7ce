//! Request heads that are not what they should be.

use termfleet_session::role::Role;

use crate::harness::{Request, Setup};

#[tokio::test]
async fn two_hosts_or_none_are_400() {
    let server = Setup::without_auth().start().await;
    let twice = Request::new("GET", "/").with("Host", "localhost");
    assert_eq!(server.send(twice).await.problem(), (400, 2004));
    let none = Request::new("GET", "/").without("Host");
    assert_eq!(server.send(none).await.problem(), (400, 2004));
}

#[tokio::test]
async fn headers_of_100_kb_are_431() {
    let server = Setup::without_auth().start().await;
    let one = Request::new("GET", "/").with("X-Long", &"a".repeat(100_000));
    assert_eq!(server.send(one).await.status, 431);
    let mut many = Request::new("GET", "/");
    for at in 0..1_000 {
        many = many.with(&format!("X-{at}"), &"b".repeat(90));
    }
    assert_eq!(server.send(many).await.status, 431);
}

#[tokio::test]
async fn what_is_not_http_is_400() {
    let server = Setup::without_auth().start().await;
    for bytes in
        [&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03 hello tls\r\n\r\n"[..], b"GET\r\n\r\n"]
    {
        assert_eq!(server.send_bytes(bytes).await.status, 400);
    }
}

#[tokio::test]
async fn two_lengths_are_not_guessed_about() {
    let server = Setup::without_auth().start().await;
    let request = Request::new("POST", "/api/terminal/sessions")
        .json(r#"{"projectId":"p"}"#)
        .with("Content-Length", "2");
    assert_eq!(server.send(request).await.status, 400);
}

#[tokio::test]
async fn a_method_override_is_ignored() {
    let server = Setup::with_auth().start().await;
    let session = server.session("~ann", "ann", "p").await;
    let token = server.token("ann", None, Role::User);
    let path = format!("/api/terminal/sessions/{}", session.id);
    for name in ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"] {
        let request = Request::new("GET", &path).bearer(&token).with(name, "DELETE");
        let answer = server.send(request).await;
        assert_eq!((answer.status, &answer.json()["session"]["status"]), (200, &"active".into()));
    }
}
