//! A suspended project stops and goes on as if nothing had happened: no shell says that it stopped.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Incoming, Socket, Terminal},
    dev::Dev,
    http::Http,
};

async fn create(http: &Http) -> Result<String> {
    let body = json!({ "projectId": "default" });
    let answer = http.post("/api/terminal/sessions", body).await?;
    Ok(answer.json()["session"]["id"].as_str().unwrap().to_owned())
}

async fn status(terminal: &mut Terminal, wanted: &str) -> Result<()> {
    let told = |incoming: &Incoming| match incoming {
        Incoming::Message(m) if m["kind"] == "status" && m["status"] == wanted => Some(()),
        _ => None,
    };
    terminal.socket.matching(wanted, told).await
}

#[tokio::test]
async fn output_stops_and_goes_on_and_no_shell_notices() -> Result<()> {
    let dev = Dev::start().await?;
    let http = Http::new(dev.address(), dev.token());
    let id = create(&http).await?;
    create(&http).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    let ticking =
        "n=0; while [ ! -e go ]; do n=$((n+1)); echo tick-$n; sleep 0.05; done; echo over\n";
    terminal.type_text(ticking).await?;
    terminal.read_text("tick-3\r\n").await?;

    let project = "/api/terminal/projects/default";
    let suspended = http.post(&format!("{project}/suspend"), Value::Null).await?;
    assert_eq!(suspended.json(), json!({ "suspendedCount": 2 }), "{}", suspended.text());
    status(&mut terminal, "suspended").await?;

    // Its processes are stopped, every one: what would end the loop is not even seen.
    std::fs::write(dev.work().join("go"), "")?;
    let told = http.get("/api/terminal/projects").await?.json();
    assert_eq!(told["projects"][0]["suspendedSessions"], 2, "{told}");
    terminal.type_text("echo typed-too-early\n").await?;
    let refused = terminal.socket.message("error").await?;
    assert_eq!(refused["code"], 1007, "{refused}");
    // What was refused moved nothing: the lane is where it was.
    terminal.memory.input -= "echo typed-too-early\n".len() as u64;

    let resumed = http.post(&format!("{project}/resume"), Value::Null).await?.json();
    assert_eq!(resumed["resumedSessions"].as_array().unwrap().len(), 2, "{resumed}");
    status(&mut terminal, "active").await?;
    terminal.read_text("over\r\n").await?;
    terminal.type_text("jobs; echo done-$((40 + 2))\n").await?;
    terminal.read_text("done-42").await?;
    let printed = String::from_utf8_lossy(&terminal.memory.output).into_owned();
    assert!(!printed.contains("Stopped"), "{printed}");
    let early = printed.matches("typed-too-early").count();
    assert_eq!(early, 0, "{printed}");
    Ok(())
}
