//! A cookie signs a socket in, if the page that asks is one that may: a browser sends it along for
//! every page.

use termfleet_session::role::Role;

use crate::harness::{Request, Server, Setup};

const NAME: &str = "__Host-termfleet";
const PAGE: &str = "https://app.example";

async fn server() -> Server {
    Setup { cookie: Some(NAME.parse().unwrap()), ..Setup::with_auth() }.start().await
}

/// A socket that only a signed-in client gets.
fn direct(cookie: &str) -> Request {
    Request::upgrade("/ws/terminal/some-session").with("Cookie", cookie)
}

fn carrying(token: &str) -> Request {
    direct(&format!("theme=dark; {NAME}={token}; other=1"))
}

#[tokio::test]
async fn the_cookie_of_a_page_that_may_call_signs_in() {
    let server = server().await;
    let token = server.token("ann", None, Role::User);
    for origin in [PAGE, "http://localhost"] {
        let answer = server.send(carrying(&token).with("Origin", origin)).await;
        assert_eq!(answer.status, 101, "{origin}");
    }
}

#[tokio::test]
async fn no_foreign_null_look_alike_or_missing_origin_gets_in() {
    let server = server().await;
    let token = server.token("ann", None, Role::User);
    let none = server.send(carrying(&token)).await;
    assert_eq!(none.problem(), (403, 2003), "a request without an Origin");
    let origins =
        ["https://evil.example", "null", "https://app.example.evil", "http://app.example", ""];
    for origin in origins {
        let answer = server.send(carrying(&token).with("Origin", origin)).await;
        assert_eq!(answer.problem(), (403, 2003), "{origin}");
    }
}

#[tokio::test]
async fn a_bad_cookie_is_refused_and_another_one_is_none() {
    let server = server().await;
    let at = |request: Request| server.send(request.with("Origin", PAGE));
    let token = server.token("ann", None, Role::User);
    assert_eq!(at(carrying("nonsense")).await.problem(), (401, 4001));
    assert_eq!(at(direct(&format!("{NAME}x={token}"))).await.problem(), (401, 4001));
    let twice = direct(&format!("{NAME}={token}; {NAME}={token}"));
    assert_eq!(at(twice).await.problem(), (400, 2004));
    let expired = server.token_for("ann", None, Role::User, 700, 100);
    assert_eq!(at(carrying(&expired)).await.problem(), (401, 4003));
}

#[tokio::test]
async fn a_header_goes_before_a_cookie_and_needs_no_origin() {
    let server = server().await;
    let token = server.token("ann", None, Role::User);
    assert_eq!(server.send(carrying("nonsense").bearer(&token)).await.status, 101);
}

#[tokio::test]
async fn it_signs_no_rest_in_and_none_is_read_unless_configured() {
    let signing = server().await;
    let cookie = |server: &Server| format!("{NAME}={}", server.token("ann", None, Role::User));
    let rest = Request::new("GET", "/api/terminal/sessions").with("Origin", PAGE);
    let answer = signing.send(rest.with("Cookie", &cookie(&signing))).await;
    assert_eq!(answer.problem(), (401, 4001), "a form of another page could post there");
    let plain = Setup::with_auth().start().await;
    let answer = plain.send(direct(&cookie(&plain)).with("Origin", PAGE)).await;
    assert_eq!(answer.problem(), (401, 4001));
}
