//! Upgrades: what they must be, what they may speak, and who may open one. The frames after them
//! are the guard's.

use termfleet_session::role::Role;

use crate::harness::{Request, Setup};

#[tokio::test]
async fn a_malformed_upgrade_is_refused_with_its_status() {
    let server = Setup::without_auth().start().await;
    let good = Request::upgrade("/terminal");
    let other = |name: &str, value: &str| good.clone().without(name).with(name, value);
    for (request, status) in [
        (good.clone().without("Upgrade"), 400),
        (other("Upgrade", "h2c"), 400),
        (other("Connection", "keep-alive"), 400),
        (good.clone().without("Sec-WebSocket-Version"), 426),
        (other("Sec-WebSocket-Version", "12"), 426),
        (good.clone().without("Sec-WebSocket-Key"), 400),
        (other("Sec-WebSocket-Key", "c2hvcnQ="), 400),
        (good.clone().with("Content-Length", "5"), 400),
        (good.clone().with("Transfer-Encoding", "chunked"), 400),
        (good.clone().with("Host", "localhost"), 400),
    ] {
        let answer = server.send(request.clone()).await;
        assert_eq!(answer.problem().0, status, "{}", String::from_utf8_lossy(&request.bytes()));
    }
    let old = String::from_utf8(good.bytes()).unwrap().replace("HTTP/1.1", "HTTP/1.0");
    assert_eq!(server.send_bytes(old.as_bytes()).await.status, 400);
}

#[tokio::test]
async fn the_dialect_is_the_subprotocols_the_querys_or_the_endpoints() {
    let server = Setup::without_auth().start().await;
    for target in ["/terminal", "/ws/terminal/some-name", "/terminal?dialect=terminal-direct.v1"] {
        let answer = server.send(Request::upgrade(target)).await;
        assert_eq!((answer.status, answer.header("sec-websocket-protocol")), (101, None));
    }
    let offered = Request::upgrade("/terminal").with("Sec-WebSocket-Protocol", "x, termfleet.v1");
    let answer = server.send(offered).await;
    assert_eq!(answer.header("sec-websocket-protocol"), Some("termfleet.v1"));
    for unknown in [
        Request::upgrade("/terminal?dialect=nope"),
        Request::upgrade("/ws/terminal/x?dialect=voice.v2"),
        Request::upgrade("/terminal").with("Sec-WebSocket-Protocol", "nope"),
    ] {
        let answer = server.send(unknown).await;
        assert_eq!(answer.problem(), (400, 2004));
        let detail = answer.json()["detail"].to_string();
        assert!(detail.contains("termfleet.v1, terminal.v1, terminal-direct.v1"), "{detail}");
    }
}

#[tokio::test]
async fn a_bearer_subprotocol_signs_in_and_is_never_echoed() {
    let server = Setup::with_auth().start().await;
    let bearer = format!("bearer.{}", server.token("ann", None, Role::User));
    let direct = || Request::upgrade("/ws/terminal/x");
    let both = format!("{bearer}, terminal-direct.v1");
    let answer = server.send(direct().with("Sec-WebSocket-Protocol", &both)).await;
    assert_eq!(answer.status, 101);
    assert_eq!(answer.header("sec-websocket-protocol"), Some("terminal-direct.v1"));
    assert!(!answer.head.contains("bearer."));

    let alone = server.send(direct().with("Sec-WebSocket-Protocol", &bearer)).await;
    assert_eq!(alone.problem(), (400, 2004));
    let wrong = "bearer.abc, terminal-direct.v1";
    let wrong = server.send(direct().with("Sec-WebSocket-Protocol", wrong)).await;
    assert_eq!(wrong.problem(), (401, 4001));
}

#[tokio::test]
async fn without_a_token_only_dialects_with_a_handshake_are_opened() {
    let server = Setup::with_auth().start().await;
    assert_eq!(server.send(Request::upgrade("/terminal")).await.status, 101);
    let canonical = Request::upgrade("/ws/terminal/x?dialect=termfleet.v1");
    assert_eq!(server.send(canonical).await.status, 101);
    let direct = server.send(Request::upgrade("/ws/terminal/x")).await;
    assert_eq!(direct.problem(), (401, 4001));
    let token = server.token("ann", None, Role::Viewer);
    let signed = server.send(Request::upgrade("/ws/terminal/x").bearer(&token)).await;
    assert_eq!(signed.status, 101);
    let twice = Request::upgrade("/terminal").bearer(&token).bearer(&token);
    assert_eq!(server.send(twice).await.problem(), (400, 2004));
}
