//! Spans from a client's message to its PTY, as a collector sees them.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::json;
use termfleet_tests::{
    client::{Socket, Terminal},
    collector::{Collector, Span},
    dev::{Builder, run},
    http::Http,
};

async fn traced(collector: &Collector) -> Result<termfleet_tests::dev::Dev> {
    Builder::default().arg("--otlp-endpoint").arg(collector.endpoint()).start().await
}

fn is(span: &Span, target: &str, name: &str) -> bool {
    span.target.starts_with(target) && span.name == name
}

#[tokio::test]
async fn a_creation_is_one_trace_from_the_request_to_the_pty() -> Result<()> {
    let collector = Collector::start().await?;
    let dev = traced(&collector).await?;
    let http = Http::new(dev.address(), dev.token());
    let created = http.post("/api/terminal/sessions", json!({ "projectId": "default" })).await?;
    assert_eq!(created.status, 201);

    let spawn = |span: &Span| is(span, "termfleet_ptyhost", "ptyhost spawn");
    let spawned = collector.span("the PTY's span", spawn).await?;
    let trace = |span: &Span| span.trace == spawned.trace;
    let call = |span: &Span| is(span, "termfleet_worker", "worker call") && trace(span);
    let worker = collector.span("the worker's span", call).await?;
    let request = |span: &Span| is(span, "termfleet_gateway", "request") && trace(span);
    let gateway = collector.span("the gateway's span", request).await?;
    assert_eq!((gateway.parent.as_str(), &worker.parent), ("", &gateway.id));
    assert_eq!(spawned.parent, worker.id);
    assert_eq!(gateway.service, "termfleet-dev");
    Ok(())
}

#[tokio::test]
async fn an_attachment_is_one_trace_from_the_socket_to_the_pty_and_keystrokes_are_none()
-> Result<()> {
    let collector = Collector::start().await?;
    let mut dev = traced(&collector).await?;
    let http = Http::new(dev.address(), dev.token());
    let created = http.post("/api/terminal/sessions", json!({ "projectId": "default" })).await?;
    let session = created.json()["session"]["id"].as_str().unwrap().to_owned();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &session).await?;
    terminal.type_text("echo typed-$((1+1))\n").await?;
    let typed = |memory: &termfleet_tests::client::Memory| {
        String::from_utf8_lossy(&memory.output).contains("typed-2")
    };
    terminal.read_until("the echo", typed).await?;
    terminal.socket.close().await?;
    // Whatever has not been sent by now is sent at the end.
    dev.stop().await?;

    let spans = collector.spans();
    let attached = spans.iter().find(|span| is(span, "termfleet_worker", "attach")).unwrap();
    let same: Vec<_> = spans.iter().filter(|span| span.trace == attached.trace).collect();
    let message = same.iter().find(|span| is(span, "termfleet_gateway", "socket message")).unwrap();
    assert_eq!(attached.parent, message.id);
    assert!(message.attributes.contains(&("message".into(), "attach".into())), "{message:?}");
    let lane = same.iter().find(|span| span.name == "ptyhost lane").unwrap();
    assert_eq!(lane.parent, attached.id);
    assert!(spans.iter().all(|span| !span.name.contains("input")), "{spans:?}");
    let told = format!("{spans:?}");
    assert!(!told.contains(dev.token().unwrap_or("eyJ")) && !told.contains("typed-"), "{told}");
    Ok(())
}

#[tokio::test]
async fn a_client_cannot_have_its_own_trace_continued() -> Result<()> {
    let collector = Collector::start().await?;
    let dev = traced(&collector).await?;
    let http = Http::new(dev.address(), dev.token());
    let request = ::http::Request::builder()
        .uri("/openapi.json")
        .header("host", dev.address().to_string())
        .header("connection", "close")
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    let answer = http.exchange(request.body(http_body_util::Full::default())?).await?;
    assert_eq!(answer.status, 200);
    let route = ("http.route".to_owned(), "openapi".to_owned());
    let span =
        collector.span("the request's span", |span| span.attributes.contains(&route)).await?;
    assert_ne!(span.trace, "0af7651916cd43dd8448eb211c80319c");
    Ok(())
}

#[tokio::test]
async fn a_collector_that_is_away_costs_only_spans() -> Result<()> {
    let endpoint = {
        let collector = Collector::start().await?;
        collector.endpoint()
    };
    let mut dev = Builder::default().arg("--otlp-endpoint").arg(endpoint).start().await?;
    let http = Http::new(dev.address(), dev.token());
    let created = http.post("/api/terminal/sessions", json!({ "projectId": "default" })).await?;
    assert_eq!(created.status, 201);
    dev.stop().await
}

#[tokio::test]
async fn a_wrong_endpoint_is_told_with_a_right_one() -> Result<()> {
    let output = run(&["dev", "--otlp-endpoint", "https://collector:4317"]).await?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && said.contains("http://127.0.0.1:4317"), "{said}");
    Ok(())
}
