//! Tickets: a socket is signed in by an address that is worth nothing afterwards.

use termfleet_session::role::Role;

use crate::harness::{Request, Server, Setup, logged};

const TICKETS: &str = "/api/terminal/tickets";

async fn ticket(server: &Server, token: &str) -> String {
    let request = Request::new("POST", TICKETS).bearer(token).with("Content-Length", "0");
    let answer = server.send(request).await;
    let json = answer.json();
    assert_eq!(answer.status, 201, "{json}");
    let until: jiff::Timestamp = json["expiresAt"].as_str().unwrap().parse().unwrap();
    let left = until.duration_since(jiff::Timestamp::now()).as_secs();
    assert!((25..=30).contains(&left), "{json}");
    json["ticket"].as_str().unwrap().to_owned()
}

/// The address of a socket that only a signed-in client gets.
fn direct(ticket: &str) -> Request {
    Request::upgrade(&format!("/ws/terminal/some-session?ticket={ticket}"))
}

#[tokio::test]
async fn a_ticket_opens_one_socket_on_either_endpoint() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let first = ticket(&server, &token).await;
    assert_eq!(server.send(direct(&first)).await.status, 101);
    assert_eq!(server.send(direct(&first)).await.problem(), (401, 4001));
    let second = ticket(&server, &token).await;
    let shared = Request::upgrade(&format!("/terminal?ticket={second}"));
    assert_eq!(server.send(shared.clone()).await.status, 101);
    // A bad ticket is no lesser thing than a bad token: it does not fall back on a handshake.
    assert_eq!(server.send(shared).await.problem(), (401, 4001));
    assert!(logged().contains("/ws/terminal/some-session"), "requests are logged");
    for ticket in [first, second] {
        let secret = ticket.rsplit('.').next().unwrap();
        assert!(!logged().contains(secret), "a ticket was logged");
    }
}

#[tokio::test]
async fn what_is_no_ticket_of_ours_is_401() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let good = ticket(&server, &token).await;
    let theirs = ticket(&server, &server.token("bob", None, Role::User)).await;
    let (_, bobs_secret) = theirs.rsplit_once('.').unwrap();
    let (anns_name, _) = good.rsplit_once('.').unwrap();
    let of_another = format!("{anns_name}.{bobs_secret}");
    for bad in ["", "x", "a.b.c", "%00", "..", &of_another] {
        assert_eq!(server.send(direct(bad)).await.problem(), (401, 4001), "{bad}");
    }
    let twice = format!("/terminal?ticket={good}&ticket={good}");
    assert_eq!(server.send(Request::upgrade(&twice)).await.problem(), (400, 2004));
    assert_eq!(server.send(direct(&token)).await.problem(), (400, 2004), "a token is no ticket");
    assert_eq!(server.send(direct(&good)).await.status, 101, "nothing of this used it up");
}

#[tokio::test]
async fn a_header_goes_before_a_ticket_and_leaves_it_unused() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let ticket = ticket(&server, &token).await;
    assert_eq!(server.send(direct(&ticket).bearer(&token)).await.status, 101);
    assert_eq!(server.send(direct(&ticket)).await.status, 101);
}

#[tokio::test]
async fn a_ticket_is_for_whom_is_signed_in_and_reads_no_rest() {
    let server = Setup::with_auth().start().await;
    let nobody = Request::new("POST", TICKETS).with("Content-Length", "0");
    assert_eq!(server.send(nobody).await.problem(), (401, 4001));
    let token = server.token("ann", None, Role::User);
    let ticket = ticket(&server, &token).await;
    let rest = Request::new("GET", &format!("/api/terminal/sessions?ticket={ticket}"));
    assert_eq!(server.send(rest).await.problem(), (401, 4001));
}

#[tokio::test]
async fn without_auth_a_ticket_is_a_formality() {
    let server = Setup::without_auth().start().await;
    let ticket = ticket(&server, "any").await;
    assert_eq!(server.send(direct(&ticket)).await.status, 101);
    assert_eq!(server.send(direct("nonsense")).await.status, 101);
}
