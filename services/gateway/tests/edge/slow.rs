//! Clients that take their time, on a paused clock: it moves on whenever everybody waits.

use std::time::Duration;

use tokio::{io::AsyncWriteExt, net::TcpStream, time::Instant};

use crate::harness::{Request, Setup, read};

/// The limit is 10 s; the rest is what may follow an answer.
fn is_ten_seconds(took: Duration) -> bool {
    (9..=12).contains(&took.as_secs())
}

#[tokio::test(start_paused = true)]
async fn a_head_that_never_ends_is_closed_after_10_s_while_others_are_served() {
    let server = Setup::without_auth().start().await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\nX-").await.unwrap();
    let started = Instant::now();
    assert_eq!(server.send(Request::new("GET", "/")).await.status, 200);
    assert!(started.elapsed() < Duration::from_secs(5));
    let answer = read(&mut slow).await;
    assert!(is_ten_seconds(started.elapsed()), "{:?}", started.elapsed());
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 408"));
}

#[tokio::test(start_paused = true)]
async fn a_body_that_never_ends_is_408_after_10_s() {
    let server = Setup::without_auth().start().await;
    let head = Request::new("POST", "/api/terminal/sessions")
        .with("Content-Type", "application/json")
        .with("Content-Length", "1000");
    let started = Instant::now();
    let answer = server.send(head).await;
    assert_eq!(answer.problem(), (408, 2008));
    assert!(is_ten_seconds(started.elapsed()), "{:?}", started.elapsed());
}
