//! The admin port over a real socket: its endpoints, its refusals, its header timeout, its end.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use termfleet_runtime::{About, Admin, Drain, Metrics, Readiness, Tasks};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time,
};
use tokio_util::sync::CancellationToken;

const ABOUT: About = About { service: "test", version: "9.8.7" };
const DEADLINE: Duration = Duration::from_secs(5);

struct Server {
    address: SocketAddr,
    readiness: Readiness,
    drain: Drain,
    tasks: Tasks,
    stop: CancellationToken,
}

async fn server() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (drain, tasks, stop) = (Drain::new(), Tasks::new(), CancellationToken::new());
    let readiness = Readiness::new(drain.clone());
    let admin = Admin::new(ABOUT, readiness.clone(), Metrics::new(ABOUT).export());
    tasks.spawn("admin", admin.serve(listener, tasks.clone(), stop.clone()));
    Server { address, readiness, drain, tasks, stop }
}

impl Server {
    /// The whole answer to one request, head and body.
    async fn ask(&self, method: &str, path: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        time::timeout(DEADLINE, stream.read_to_string(&mut answer)).await.unwrap().unwrap();
        (answer.split(' ').nth(1).unwrap().parse().unwrap(), answer)
    }

    async fn json(&self, path: &str) -> (u16, serde_json::Value) {
        let (status, answer) = self.ask("GET", path).await;
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        (status, serde_json::from_str(body).unwrap())
    }
}

#[tokio::test]
async fn readyz_says_what_is_missing() {
    let server = server().await;
    let gate = server.readiness.gate("worker");
    let (status, body) = server.json("/readyz").await;
    assert_eq!(status, 503);
    assert_eq!(
        body,
        serde_json::json!({"ready": false, "draining": false, "missing": ["worker"], "modes": []})
    );
    gate.set(true);
    let (status, body) = server.json("/readyz").await;
    assert_eq!(status, 200);
    assert_eq!(
        body,
        serde_json::json!({"ready": true, "draining": false, "missing": [], "modes": []})
    );
}

#[tokio::test]
async fn a_draining_process_lives_but_is_not_ready() {
    let server = server().await;
    server.drain.trigger();
    assert_eq!(server.json("/readyz").await.0, 503);
    assert_eq!(server.ask("GET", "/livez").await.0, 200);
    let (status, health) = server.json("/healthz").await;
    assert_eq!((status, &health["status"]), (200, &"draining".into()));
}

#[tokio::test]
async fn healthz_says_what_runs_here() {
    let (status, health) = server().await.json("/healthz").await;
    assert_eq!(status, 200);
    assert_eq!(health["status"], "ok");
    assert_eq!(health["service"], "test");
    assert_eq!(health["version"], "9.8.7");
    assert!(health["uptimeSeconds"].is_u64());
    assert_eq!(health["ready"], true);
}

#[tokio::test]
async fn metrics_are_openmetrics() {
    let (status, answer) = server().await.ask("GET", "/metrics").await;
    assert_eq!(status, 200);
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"));
    assert!(answer.contains("process_resident_memory_bytes "), "{answer}");
    assert!(answer.ends_with("# EOF\n"));
}

#[tokio::test]
async fn other_paths_and_methods_are_refused() {
    let server = server().await;
    for path in ["/", "/livez/", "/debug", "/%2e%2e/livez"] {
        assert_eq!(server.ask("GET", path).await.0, 404, "{path}");
    }
    for path in ["/livez", "/readyz", "/healthz", "/metrics"] {
        for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"] {
            assert_eq!(server.ask(method, path).await.0, 405, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn slow_headers_are_cut_off_while_others_are_served() {
    let server = server().await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    slow.write_all(b"GET /livez HTTP/1.1\r\nHost:").await.unwrap();
    assert_eq!(server.ask("GET", "/livez").await.0, 200);
    // Only now may time jump: with nothing else to do it goes straight to the header timeout.
    time::pause();
    let started = time::Instant::now();
    let mut rest = Vec::new();
    let ended = time::timeout(Duration::from_secs(60), slow.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection was kept open");
    assert!(started.elapsed() <= Duration::from_secs(11));
}

#[tokio::test]
async fn stop_ends_open_connections_and_the_server() {
    let server = server().await;
    let mut idle = TcpStream::connect(server.address).await.unwrap();
    assert_eq!(server.ask("GET", "/livez").await.0, 200);
    server.stop.cancel();
    server.tasks.wait(DEADLINE).await.unwrap();
    let mut rest = Vec::new();
    let _ = time::timeout(DEADLINE, idle.read_to_end(&mut rest)).await.unwrap();
    assert!(rest.is_empty());
}
