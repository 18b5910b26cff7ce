//! Under which names, and for whose pages, a gateway answers.

use termfleet_session::role::Role;

use crate::harness::{Request, Setup};

/// One of each kind of route.
fn requests() -> [Request; 4] {
    [
        Request::new("GET", "/"),
        Request::new("GET", "/openapi.json"),
        Request::new("GET", "/api/terminal/sessions"),
        Request::upgrade("/terminal"),
    ]
}

fn host(request: Request, host: &str) -> Request {
    request.without("Host").with("Host", host)
}

#[tokio::test]
async fn without_auth_only_loopback_names_are_answered() {
    let server = Setup::without_auth().start().await;
    for request in requests() {
        for foreign in
            ["evil.example", "localhost.evil.example", "0.0.0.0", "192.168.1.2", "localhost@x"]
        {
            let status = server.send(host(request.clone(), foreign)).await.status;
            assert!(matches!(status, 421 | 400), "{foreign}: {status}");
        }
        for ours in ["localhost", "127.0.0.1:4001", "[::1]:8000", "LOCALHOST:1"] {
            let status = server.send(host(request.clone(), ours)).await.status;
            assert!(matches!(status, 200 | 101), "{ours}: {status}");
        }
    }
}

#[tokio::test]
async fn without_auth_no_configuration_opens_it_to_others() {
    let mut setup = Setup::with_auth();
    setup.auth = false;
    let server = setup.start().await;
    let named = host(Request::new("GET", "/api/terminal/sessions"), "terminal.example");
    assert_eq!(server.send(named).await.problem(), (421, 2003));
    let page = Request::new("GET", "/api/terminal/sessions").with("Origin", "https://app.example");
    assert_eq!(server.send(page).await.problem(), (403, 2003));
}

#[tokio::test]
async fn without_auth_only_loopback_pages_may_call() {
    let server = Setup::without_auth().start().await;
    for request in requests() {
        for foreign in [
            "https://evil.example",
            "null",
            "http://localhost.evil.example",
            "http://127.0.0.1.evil.example",
            "file://",
            "",
        ] {
            let answer = server.send(request.clone().with("Origin", foreign)).await;
            assert_eq!(answer.problem(), (403, 2003), "{foreign}");
            assert_eq!(answer.header("access-control-allow-origin"), None);
        }
        for ours in ["http://localhost:5173", "http://127.0.0.1:4001", "https://[::1]"] {
            let status = server.send(request.clone().with("Origin", ours)).await.status;
            assert!(matches!(status, 200 | 101), "{ours}: {status}");
        }
    }
}

#[tokio::test]
async fn with_auth_known_hosts_are_answered_and_others_are_421() {
    let server = Setup::with_auth().start().await;
    for ours in ["terminal.example", "Terminal.Example:443", "localhost:4001", "127.0.0.1"] {
        assert_eq!(server.send(host(Request::new("GET", "/"), ours)).await.status, 200, "{ours}");
    }
    for foreign in ["evil.example", "terminal.example.evil.example", "xterminal.example"] {
        let answer = server.send(host(Request::new("GET", "/"), foreign)).await;
        assert_eq!(answer.problem(), (421, 2003), "{foreign}");
    }
}

#[tokio::test]
async fn with_auth_foreign_pages_get_nothing() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    for foreign in ["https://evil.example", "null", "https://app.example.evil.example"] {
        let request = Request::new("GET", "/api/terminal/sessions").bearer(&token);
        let answer = server.send(request.with("Origin", foreign)).await;
        assert_eq!(answer.problem(), (403, 2003), "{foreign}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
        let preflight = Request::new("OPTIONS", "/api/terminal/sessions")
            .with("Origin", foreign)
            .with("Access-Control-Request-Method", "POST");
        let answer = server.send(preflight).await;
        assert_eq!(answer.status, 403);
        assert!(!answer.head.to_lowercase().contains("access-control"), "{}", answer.head);
    }
}

#[tokio::test]
async fn our_own_and_configured_pages_may_call_and_only_the_latter_need_permission() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let request = |origin: &str| {
        let request = Request::new("GET", "/api/terminal/sessions").bearer(&token);
        host(request, "terminal.example").with("Origin", origin)
    };
    let own = server.send(request("https://terminal.example")).await;
    assert_eq!((own.status, own.header("access-control-allow-origin")), (200, None));
    let listed = server.send(request("https://app.example")).await;
    let allowed = listed.header("access-control-allow-origin");
    assert_eq!((listed.status, allowed), (200, Some("https://app.example")));
    assert_eq!(listed.header("access-control-allow-credentials"), None);

    let preflight = Request::new("OPTIONS", "/api/terminal/sessions")
        .with("Origin", "https://app.example")
        .with("Access-Control-Request-Method", "POST");
    let answer = server.send(preflight).await;
    assert_eq!(answer.status, 204);
    assert!(answer.header("access-control-allow-methods").unwrap().contains("POST"));
}
