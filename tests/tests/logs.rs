//! Logs as a log collector reads them: one JSON object a line, with the ids of its trace, and
//! without what nobody may read there.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Connect, Socket, Terminal},
    collector::Collector,
    dev::{Builder, Dev},
    http::Http,
};

/// What stands in queries here and must not stand in any line.
const QUERY: &str = "cafebabe-in-a-query";

fn lines(dev: &Dev) -> Result<Vec<Value>> {
    let text = dev.logged();
    let parsed = text.lines().map(|line| {
        let value: Value = serde_json::from_str(line).with_context(|| format!("{line:?}"))?;
        anyhow::ensure!(value.is_object(), "{line:?}");
        Ok(value)
    });
    parsed.collect()
}

/// Requests of every kind, good and bad.
async fn busy(dev: &Dev) -> Result<()> {
    let http = Http::new(dev.address(), dev.token());
    let created = http.post("/api/terminal/sessions", json!({ "projectId": "default" })).await?;
    let session = created.json()["session"]["id"].as_str().unwrap().to_owned();
    let token = dev.token().unwrap().to_owned();
    for path in [
        format!("/api/terminal/sessions?cursor={QUERY}"),
        format!("/api/terminal/sessions/{session}?x={QUERY}"),
        format!("/api/terminal/sessions?token={token}"),
        format!("/{token}"),
        format!("/nowhere?{QUERY}"),
        "/api/terminal/sessions/no\"such".replace('"', "%22"),
    ] {
        http.get(&path).await?;
    }
    let stranger = Http::new(dev.address(), Some("eyJhbGciOiJIUzI1NiJ9.e30.AAAA"));
    assert_eq!(stranger.get("/api/terminal/sessions").await?.status, 401);
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &session).await?;
    terminal.type_text("echo typed-$((1+1))\n").await?;
    let typed = |memory: &termfleet_tests::client::Memory| {
        String::from_utf8_lossy(&memory.output).contains("typed-2")
    };
    terminal.read_until("the echo", typed).await?;
    terminal.socket.send(&json!({ "type": "nonsense", "token": token })).await?;
    terminal.socket.message("error").await?;
    let refused = Connect::path(&format!("/terminal?token={token}"));
    assert!(Socket::connect(dev.address(), &refused).await.is_err());
    Ok(())
}

#[tokio::test]
async fn every_line_is_one_object_without_tokens_queries_or_what_was_typed() -> Result<()> {
    // The most that can be logged, of our own parts.
    let filter = "info,termfleet=trace,termfleet_gateway=trace,termfleet_worker=trace,\
                  termfleet_runtime=trace,termfleet_store=trace,termfleet_ptyhost=trace";
    let mut dev = Builder::default().arg("--log").arg(filter).start().await?;
    busy(&dev).await?;
    let token = dev.token().unwrap().to_owned();
    dev.stop().await?;
    let lines = lines(&dev)?;
    let requests = lines.iter().filter(|line| line["message"] == "request").count();
    assert!(requests >= 9, "{requests} of {}", lines.len());
    for line in &lines {
        for name in ["timestamp", "level", "target"] {
            assert!(line[name].is_string(), "{name} is missing in {line}");
        }
        assert_eq!(line.get("trace_id"), None);
    }
    let text = dev.logged();
    let secret = token.rsplit('.').next().unwrap();
    for forbidden in [token.as_str(), secret, QUERY, "typed-", "eyJ"] {
        assert!(!text.contains(forbidden), "{forbidden} is in the log:\n{text}");
    }
    Ok(())
}

#[tokio::test]
async fn a_line_in_a_span_carries_the_ids_that_the_collector_has() -> Result<()> {
    let collector = Collector::start().await?;
    let endpoint = collector.endpoint();
    let builder = Builder::default().arg("--log").arg("info").arg("--otlp-endpoint").arg(endpoint);
    let mut dev = builder.start().await?;
    busy(&dev).await?;
    dev.stop().await?;
    let (lines, spans) = (lines(&dev)?, collector.spans());
    let requests: Vec<_> = lines.iter().filter(|line| line["message"] == "request").collect();
    assert!(requests.len() >= 9, "{}", requests.len());
    for line in requests {
        let known = spans.iter().any(|span| {
            line["trace_id"] == span.trace.as_str() && line["span_id"] == span.id.as_str()
        });
        assert!(known, "no span for {line}");
    }
    Ok(())
}
