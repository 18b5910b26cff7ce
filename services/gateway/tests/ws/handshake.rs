//! The handshake part of the abuse corpus (`security.md` §7), as bytes over real sockets.

use std::{net::SocketAddr, time::Duration};

use termfleet_gateway::ws::{Limits, Site};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::Instant,
};

use crate::raw::{Raw, serve, within};

const GOOD: [(&str, &str); 5] = [
    ("Host", "localhost"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ("Sec-WebSocket-Version", "13"),
];

/// The head of the answer to a request of this line and these headers.
async fn ask(address: SocketAddr, line: &str, headers: &[(&str, &str)]) -> String {
    let mut raw = Raw { stream: TcpStream::connect(address).await.unwrap() };
    let mut head = format!("{line}\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    raw.send(format!("{head}\r\n").as_bytes()).await;
    raw.head().await
}

async fn status(line: &str, headers: &[(&str, &str)]) -> u16 {
    let address = serve(Limits::default(), Some(Site::loopback())).await;
    code(&ask(address, line, headers).await)
}

fn code(head: &str) -> u16 {
    head.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The status where one header is another, or with `None` is missing.
async fn with(name: &str, value: Option<&str>) -> u16 {
    let mut headers = GOOD.to_vec();
    headers.retain(|(known, _)| *known != name);
    headers.extend(value.map(|value| (name, value)));
    status("GET / HTTP/1.1", &headers).await
}

/// The status with these headers beside the good ones.
async fn beside(more: &[(&str, &str)]) -> u16 {
    status("GET / HTTP/1.1", &[&GOOD, more].concat()).await
}

#[tokio::test]
async fn a_good_request_switches_and_negotiates_no_extension() {
    let address = serve(Limits::default(), None).await;
    let offers = [
        ("Sec-WebSocket-Protocol", "termfleet.v1, bearer.abc"),
        ("Sec-WebSocket-Extensions", "permessage-deflate"),
    ];
    let head = ask(address, "GET / HTTP/1.1", &[&GOOD[..], &offers].concat()).await;
    assert_eq!(code(&head), 101);
    let head = head.to_ascii_lowercase();
    assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n"), "{head}");
    assert!(head.contains("sec-websocket-protocol: termfleet.v1\r\n"), "{head}");
    assert!(!head.contains("extensions") && !head.contains("bearer"), "{head}");
}

#[tokio::test]
async fn missing_or_wrong_headers_of_the_upgrade_are_400() {
    for name in ["Host", "Upgrade", "Connection", "Sec-WebSocket-Key"] {
        assert_eq!(with(name, None).await, 400, "{name}");
    }
    assert_eq!(with("Upgrade", Some("h2c")).await, 400);
    assert_eq!(with("Connection", Some("keep-alive")).await, 400);
    assert_eq!(with("Sec-WebSocket-Key", Some("short")).await, 400);
    assert_eq!(with("Sec-WebSocket-Key", Some("AAAAAAAAAAAAAAAAAAAA")).await, 400);
    assert_eq!(beside(&[("Sec-WebSocket-Protocol", "a b")]).await, 400);
}

#[tokio::test]
async fn another_version_is_426_and_told_the_right_one() {
    assert_eq!(with("Sec-WebSocket-Version", None).await, 426);
    let address = serve(Limits::default(), None).await;
    let mut headers = GOOD;
    headers[4].1 = "8";
    let head = ask(address, "GET / HTTP/1.1", &headers).await.to_ascii_lowercase();
    assert_eq!(code(&head), 426);
    assert!(head.contains("sec-websocket-version: 13\r\n"), "{head}");
}

#[tokio::test]
async fn other_methods_are_405() {
    for method in ["POST", "PUT", "HEAD", "OPTIONS", "DELETE"] {
        assert_eq!(status(&format!("{method} / HTTP/1.1"), &GOOD).await, 405, "{method}");
    }
}

#[tokio::test]
async fn http_1_0_is_400() {
    assert_eq!(status("GET / HTTP/1.0", &GOOD).await, 400);
}

#[tokio::test]
async fn a_body_or_the_promise_of_one_is_400() {
    assert_eq!(beside(&[("Content-Length", "5")]).await, 400);
    assert_eq!(beside(&[("Transfer-Encoding", "chunked")]).await, 400);
    assert_eq!(beside(&[("Content-Length", "0")]).await, 101);
}

#[tokio::test]
async fn two_hosts_are_400() {
    assert_eq!(beside(&[("Host", "localhost")]).await, 400);
    assert_eq!(status("GET http://127.0.0.1/ HTTP/1.1", &GOOD).await, 400);
}

#[tokio::test]
async fn a_foreign_host_is_421() {
    for host in ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example", "10.0.0.1"] {
        assert_eq!(with("Host", Some(host)).await, 421, "{host}");
    }
    assert_eq!(with("Host", Some("127.0.0.1:4001")).await, 101);
}

#[tokio::test]
async fn foreign_null_and_look_alike_origins_are_403() {
    for origin in
        ["https://evil.example", "null", "http://localhost.evil.example", "http://localhost@evil"]
    {
        assert_eq!(beside(&[("Origin", origin)]).await, 403, "{origin}");
    }
    assert_eq!(
        beside(&[("Origin", "http://localhost"), ("Origin", "http://localhost")]).await,
        403
    );
    assert_eq!(beside(&[("Origin", "http://localhost:4001")]).await, 101);
}

#[tokio::test]
async fn a_missing_origin_is_403_only_with_a_cookie() {
    assert_eq!(beside(&[]).await, 101);
    assert_eq!(beside(&[("Cookie", "session=x")]).await, 403);
    assert_eq!(beside(&[("Cookie", "session=x"), ("Origin", "http://[::1]")]).await, 101);
}

#[tokio::test]
async fn a_hundred_kilobytes_of_headers_are_431_and_fifteen_are_fine() {
    let long = "x".repeat(100_000);
    assert_eq!(beside(&[("X-Long", &long)]).await, 431);
    assert_eq!(beside(&[("X-Long", &long[..15_000])]).await, 101);
}

#[tokio::test]
async fn headers_that_never_end_are_cut_off_after_ten_seconds() {
    let address = serve(Limits::default(), None).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n").await.unwrap();
    let began = Instant::now();
    let mut answer = Vec::new();
    // Whether hyper says something or not, the connection ends.
    let _ = within(stream.read_to_end(&mut answer)).await;
    let took = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(15)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn frames_sent_along_with_the_request_are_not_lost() {
    let address = serve(Limits::default(), None).await;
    let mut raw = Raw { stream: TcpStream::connect(address).await.unwrap() };
    let mut bytes = String::from("GET / HTTP/1.1\r\n").into_bytes();
    for (name, value) in GOOD {
        bytes.extend(format!("{name}: {value}\r\n").into_bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(crate::raw::frame(crate::raw::TEXT, b"early"));
    raw.send(&bytes).await;
    assert_eq!(code(&raw.head().await), 101);
    assert_eq!(raw.frame().await, (crate::raw::TEXT, b"early".to_vec()));
}
