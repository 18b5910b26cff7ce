//! Paths that do not exist, and paths that nobody sends by accident.

use termfleet_session::role::Role;

use crate::harness::{Request, Setup};

#[tokio::test]
async fn unknown_routes_and_those_of_later_versions_are_404() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::Admin);
    for (method, path) in [
        ("GET", "/nope"),
        ("GET", "/api"),
        ("GET", "/api/terminal"),
        ("GET", "/api/terminal/metrics"),
        ("POST", "/api/terminal/projects/p/close"),
        ("GET", "/api/terminal/sessions/"),
        ("GET", "/ws"),
        ("GET", "/ws/terminal/"),
        ("GET", "/livez"),
        ("GET", "/metrics"),
    ] {
        let answer = server.send(Request::new(method, path).bearer(&token)).await;
        assert_eq!(answer.problem(), (404, 2004), "{method} {path}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_405_with_those_that_there_are() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::Admin);
    for (method, path, allowed) in [
        ("PUT", "/api/terminal/sessions", &["GET", "POST"][..]),
        ("POST", "/api/terminal/sessions/x", &["GET", "PATCH", "DELETE"]),
        ("DELETE", "/api/terminal/projects/p/sessions", &["GET"]),
        ("POST", "/openapi.json", &["GET"]),
        ("POST", "/", &["GET"]),
        ("POST", "/terminal", &["GET"]),
    ] {
        let answer = server.send(Request::new(method, path).bearer(&token)).await;
        assert_eq!(answer.problem(), (405, 2004), "{method} {path}");
        let allow = answer.header("allow").unwrap_or_default();
        assert!(allowed.iter().all(|method| allow.contains(method)), "{path}: {allow}");
    }
}

#[tokio::test]
async fn chat_has_moved() {
    let server = Setup::without_auth().start().await;
    let answer = server.send(Request::upgrade("/ws/chat")).await;
    assert_eq!(answer.problem().0, 410);
}

#[tokio::test]
async fn an_address_has_an_end() {
    let server = Setup::without_auth().start().await;
    let path = format!("/{}", "a".repeat(5_000));
    assert_eq!(server.send(Request::new("GET", &path)).await.problem(), (414, 2004));
    let query = format!("/api/terminal/sessions?cursor={}", "a".repeat(5_000));
    assert_eq!(server.send(Request::new("GET", &query)).await.problem(), (414, 2004));
}

#[tokio::test]
async fn encoded_separators_and_dot_segments_are_400() {
    let server = Setup::without_auth().start().await;
    for path in [
        "/api/terminal/sessions/%00",
        "/%2e%2e%2fetc%2fpasswd",
        "/api/terminal/sessions/..%2f..%2f",
        "/..;/admin",
        "/assets/../index.html",
        "/assets/%2e%2e/index.html",
        "/a%0d%0aX:1",
        "/%zz",
        "/%ff%fe",
        "/a\\b",
    ] {
        let status = server.send(Request::new("GET", path)).await.status;
        assert_eq!(status, 400, "{path}");
    }
}

#[tokio::test]
async fn a_target_that_is_no_path_is_400() {
    let server = Setup::without_auth().start().await;
    for target in ["*", "http://evil.example/", "localhost:80"] {
        let answer = server.send(Request::new("GET", target)).await;
        assert!(matches!(answer.status, 400 | 421), "{target}: {}", answer.status);
    }
    // The absolute form of our own name is allowed by HTTP.
    let absolute = server.send(Request::new("GET", "http://localhost/openapi.json")).await;
    assert_eq!(absolute.status, 200);
}
