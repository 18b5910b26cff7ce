//! Bodies that are too large, of another type, or not what they should be.

use crate::harness::{Request, Server, Setup};

const SESSIONS: &str = "/api/terminal/sessions";

async fn post(server: &Server, body: &str) -> (u16, u64) {
    server.send(Request::new("POST", SESSIONS).json(body)).await.problem()
}

#[tokio::test]
async fn a_body_over_1_mib_is_413_announced_or_not() {
    let server = Setup::without_auth().start().await;
    let huge = "x".repeat((1 << 20) + 1);
    assert_eq!(post(&server, &huge).await, (413, 2005));

    let mut chunked = Request::new("POST", SESSIONS)
        .with("Content-Type", "application/json")
        .with("Transfer-Encoding", "chunked")
        .bytes();
    for _ in 0..17 {
        chunked.extend_from_slice(b"10000\r\n");
        chunked.extend_from_slice("x".repeat(0x10000).as_bytes());
        chunked.extend_from_slice(b"\r\n");
    }
    chunked.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(server.send_bytes(&chunked).await.problem(), (413, 2005));
}

#[tokio::test]
async fn a_body_that_does_not_fit_is_refused_before_it_is_sent() {
    let server = Setup::without_auth().start().await;
    let announced = Request::new("POST", SESSIONS)
        .with("Content-Type", "application/json")
        .with("Content-Length", "99999999999");
    assert_eq!(server.send(announced).await.problem(), (413, 2005));
}

#[tokio::test]
async fn anything_but_json_is_415() {
    let server = Setup::without_auth().start().await;
    for kind in ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", ""] {
        let request = Request::new("POST", SESSIONS).json(r#"{"projectId":"p"}"#);
        let request = request.without("Content-Type").with("Content-Type", kind);
        assert_eq!(server.send(request).await.problem(), (415, 2004), "{kind}");
    }
    let none = Request::new("POST", SESSIONS).json("{}").without("Content-Type");
    assert_eq!(server.send(none).await.problem(), (415, 2004));
    let with_charset = Request::new("POST", SESSIONS)
        .json("{}")
        .without("Content-Type")
        .with("Content-Type", "Application/JSON; charset=utf-8");
    assert_eq!(server.send(with_charset).await.problem(), (400, 2004));
}

#[tokio::test]
async fn what_is_not_a_session_to_create_is_400() {
    let server = Setup::without_auth().start().await;
    let deep = format!(
        r#"{{"projectId":"p","config":{{"layout":{}{}}}}}"#,
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let many: String = (0..10_000).map(|at| format!(r#""A{at}":"x","#)).collect();
    let many = format!(r#"{{"projectId":"p","config":{{"environment":{{{many}"B":"x"}}}}}}"#);
    let long = "x".repeat(300);
    for body in [
        "",
        "{",
        "[]",
        "null",
        "{}",
        r#"{"projectId":7}"#,
        r#"{"projectId":"p","projectId":"q"}"#,
        r#"{"projectId":"p"} trailing"#,
        r#"{"projectId":"p","config":{"cols":1e400,"rows":24}}"#,
        r#"{"projectId":"p","config":{"cols":-1,"rows":24}}"#,
        r#"{"projectId":"p","config":{"cols":0,"rows":0}}"#,
        r#"{"projectId":"p","config":{"cols":80}}"#,
        r#"{"projectId":"p","config":{"mode":"root"}}"#,
        r#"{"projectId":"p","config":{"backend":"docker"}}"#,
        r#"{"projectId":"p","config":{"alias":"a b"}}"#,
        r#"{"projectId":"p","config":{"alias":"abcdefgh-abcdefghijklmnopqrstuvwxyz"}}"#,
        r#"{"projectId":"p","projectPath":""}"#,
        r#"{"projectId":"p","projectPath":"/a\u0000b"}"#,
        r#"{"projectId":"p","config":{"environment":{"LD_PRELOAD":"x.so"}}}"#,
        r#"{"projectId":"p","config":{"environment":{"A":"x\ny"}}}"#,
        &format!(r#"{{"projectId":"p","config":{{"tabName":"{long}"}}}}"#),
        &deep,
        &many,
    ] {
        let shown: String = body.chars().take(80).collect();
        assert_eq!(post(&server, body).await, (400, 2004), "{shown}");
    }
}

#[tokio::test]
async fn an_unknown_field_is_ignored() {
    let server = Setup::without_auth().start().await;
    // Without a worker the request ends where it would have been started.
    let body = r#"{"projectId":"p","later":{"deep":[1]},"config":{"soon":true}}"#;
    assert_eq!(post(&server, body).await, (503, 5003));
}
