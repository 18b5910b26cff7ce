//! How many and how often.

use termfleet_session::role::Role;
use tokio::{io::AsyncWriteExt, net::TcpStream, time};

use crate::harness::{DEADLINE, Request, Setup, read};

#[tokio::test]
async fn an_address_has_so_many_upgrades_a_minute_and_a_forged_header_does_not_help() {
    let server = Setup::with_auth().limits(|limits| limits.handshakes_per_minute = 2).start().await;
    for _ in 0..2 {
        assert_eq!(server.send(Request::upgrade("/terminal")).await.status, 101);
    }
    let forged = Request::upgrade("/terminal").with("X-Forwarded-For", "203.0.113.5");
    let answer = server.send(forged).await;
    assert_eq!(answer.problem(), (429, 4004));
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&seconds), "{seconds}");
    assert!(answer.json()["retryAfterMs"].as_u64().unwrap() > 0);
    // Only upgrades are counted.
    assert_eq!(server.send(Request::new("GET", "/")).await.status, 200);
    assert!(server.metrics().contains("termfleet_gateway_refusals_total{code=\"RATE_LIMITED\"} 1"));
}

#[tokio::test]
async fn without_auth_upgrades_are_not_counted() {
    let server =
        Setup::without_auth().limits(|limits| limits.handshakes_per_minute = 1).start().await;
    for _ in 0..5 {
        assert_eq!(server.send(Request::upgrade("/terminal")).await.status, 101);
    }
}

#[tokio::test]
async fn a_user_has_so_many_requests_and_is_told_when_the_next_is_taken() {
    let server = Setup::with_auth().limits(|limits| limits.max_requests = 3).start().await;
    let (ann, bob) = (server.token("ann", None, Role::User), server.token("bob", None, Role::User));
    let sessions = "/api/terminal/sessions";
    // Who cannot sign in is nobody's request.
    assert_eq!(server.get(sessions, "nonsense").await.status, 401);
    for _ in 0..3 {
        assert_eq!(server.get(sessions, &ann).await.status, 200);
    }
    let refused = server.get(sessions, &ann).await;
    assert_eq!(refused.problem(), (429, 4004));
    let ms = refused.json()["retryAfterMs"].as_u64().unwrap();
    assert!((1..=20_000).contains(&ms), "{ms}");
    assert_eq!(refused.header("retry-after").unwrap(), ms.div_ceil(1_000).to_string());
    let other = server.send(Request::new("POST", "/api/terminal/tickets").bearer(&ann)).await;
    assert_eq!(other.problem(), (429, 4004), "all of REST is one count");
    assert_eq!(server.get(sessions, &bob).await.status, 200);
    assert_eq!(server.send(Request::new("GET", "/openapi.json")).await.status, 200);
}

#[tokio::test]
async fn without_auth_requests_are_not_counted() {
    let server = Setup::without_auth().limits(|limits| limits.max_requests = 1).start().await;
    for _ in 0..5 {
        assert_eq!(server.get("/api/terminal/sessions", "any").await.status, 200);
    }
}

#[tokio::test]
async fn a_user_has_so_many_sockets_and_a_closed_one_is_free_again() {
    let server = Setup::with_auth().limits(|limits| limits.sockets_per_user = 1).start().await;
    let upgrade =
        |user: &str| Request::upgrade("/terminal").bearer(&server.token(user, None, Role::User));
    let (first, answer) = server.open(upgrade("ann")).await;
    assert_eq!(answer.status, 101);
    let open = "\ntermfleet_gateway_sockets{dialect=\"terminal.v1\"} 1\n";
    assert!(server.metrics().contains(open), "{}", server.metrics());
    let second = server.send(upgrade("ann")).await;
    assert_eq!((second.problem(), second.header("retry-after")), ((429, 4004), Some("1")));
    let (_bobs, answer) = server.open(upgrade("bob")).await;
    assert_eq!(answer.status, 101);
    drop(first);
    let freed = async { while server.send(upgrade("ann")).await.status != 101 {} };
    time::timeout(DEADLINE, freed).await.expect("the place was not given back");
}

#[tokio::test]
async fn beyond_the_last_place_a_connection_is_told_503_and_a_freed_one_is_taken() {
    let server = Setup::without_auth().limits(|limits| limits.http_connections = 1).start().await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    let keep = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";
    first.write_all(keep.as_bytes()).await.unwrap();
    // Its answer has begun, so its place is taken.
    first.readable().await.unwrap();
    let answer = server.send(Request::new("GET", "/")).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("1")));
    drop(first);
    let freed = async { while server.send(Request::new("GET", "/")).await.status != 200 {} };
    time::timeout(DEADLINE, freed).await.expect("the place was not given back");
    assert!(server.metrics().contains("\ntermfleet_gateway_connections_turned_away_total "));
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let server =
        Setup::with_auth().limits(|limits| limits.connections_per_address = 1).start().await;
    let mut first = TcpStream::connect(server.address).await.unwrap();
    first.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    first.readable().await.unwrap();
    let mut second = TcpStream::connect(server.address).await.unwrap();
    assert!(read(&mut second).await.starts_with(b"HTTP/1.1 503"));
}
