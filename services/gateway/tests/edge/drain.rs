//! How a gateway goes.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time,
};

use crate::harness::{DEADLINE, Request, Setup, read};

#[tokio::test]
async fn a_drain_ends_idle_connections_and_accepts_no_more() {
    let server = Setup::without_auth().start().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    idle.write_all(b"GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    assert!(read(&mut idle).await.starts_with(b"HTTP/1.1 200"));

    server.drain.trigger();
    let rest = time::timeout(DEADLINE, idle.read(&mut [0; 1])).await.expect("it was not ended");
    assert_eq!(rest.unwrap(), 0);
    time::timeout(DEADLINE, server.serving).await.expect("the gateway did not end").unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    assert!(server.edge.tasks.is_empty());
}

#[tokio::test]
async fn a_request_under_way_is_answered() {
    let server = Setup::without_auth().start().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = Request::new("POST", "/api/terminal/sessions").json(r#"{"projectId":"p"}"#);
    let bytes = request.bytes();
    let (head, rest) = bytes.split_at(bytes.len() - 3);
    stream.write_all(head).await.unwrap();
    // Once another request is answered, this one's head has been read too.
    assert_eq!(server.send(Request::new("GET", "/")).await.status, 200);
    server.drain.trigger();
    stream.write_all(rest).await.unwrap();
    let answer = String::from_utf8(read(&mut stream).await).unwrap();
    assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("SERVICE_UNAVAILABLE"));
    time::timeout(DEADLINE, server.serving).await.expect("the gateway did not end").unwrap();
}

#[tokio::test]
async fn open_sockets_are_closed_with_1012_and_then_the_gateway_ends() {
    let mut setup = Setup::without_auth();
    // Clients are told first and have most of this time to move.
    setup.drain_deadline = Duration::from_secs(1);
    let server = setup.start().await;
    let (mut socket, answer) = server.open(Request::upgrade("/terminal")).await;
    assert_eq!(answer.status, 101);
    server.drain.trigger();
    let frames = read(&mut socket).await;
    // FIN and close, then a code before whatever reason.
    let close =
        frames.windows(4).find(|four| four[0] == 0x88 && four[2..] == 1012_u16.to_be_bytes());
    assert!(close.is_some(), "{frames:?}");
    drop(socket);
    time::timeout(DEADLINE, server.serving).await.expect("the gateway did not end").unwrap();
}

#[tokio::test]
async fn what_never_ends_does_not_hold_a_gateway_longer_than_its_time() {
    let mut setup = Setup::without_auth();
    setup.drain_deadline = Duration::from_millis(200);
    let server = setup.start().await;
    server.edge.tasks.spawn("stubborn", std::future::pending::<()>());
    let (mut socket, answer) = server.open(Request::upgrade("/terminal")).await;
    assert_eq!(answer.status, 101);
    server.drain.trigger();
    time::timeout(DEADLINE, server.serving).await.expect("the gateway did not end").unwrap();
    assert!(!server.edge.tasks.is_empty());
    read(&mut socket).await;
}
