//! A voice client says a command again when it heard no answer, and it has run once: on a real
//! shell, and whichever gateway hears it.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, path::Path};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Connect, Incoming, Socket},
    cluster::Cluster,
    dev::Dev,
    http::Http,
    wait::until,
};

/// A client of `voice.v1`, and the session that it speaks with.
struct Voice {
    socket: Socket,
    session: String,
}

impl Voice {
    async fn open(gateway: SocketAddr, token: Option<&str>, session: &str) -> Result<Self> {
        let connect = Connect::path("/terminal?dialect=voice.v1").bearer(token);
        let socket = Socket::connect(gateway, &connect).await?;
        Ok(Self { socket, session: session.to_owned() })
    }

    async fn ask(&mut self, kind: &str, id: &str, payload: Value) -> Result<Value> {
        let (question, id) = (
            json!({ "type": kind, "sessionId": self.session, "messageId": id, "payload": payload }),
            json!(id),
        );
        self.socket.send(&question).await?;
        let answers = |incoming: &Incoming| match incoming {
            Incoming::Message(m) if m["inReplyTo"] == id => Some(m.clone()),
            _ => None,
        };
        self.socket.matching("an answer", answers).await
    }

    async fn command(&mut self, id: &str, command: impl Into<Value>) -> Result<Value> {
        self.ask("command", id, command.into()).await
    }

    async fn control(&mut self, id: &str, payload: Value) -> Result<Value> {
        self.ask("control", id, payload).await
    }

    /// Reads output until it holds a text.
    async fn hears(&mut self, text: &str) -> Result<String> {
        let mut printed = String::new();
        while !printed.contains(text) {
            let output = self.socket.message("output").await;
            printed +=
                output.with_context(|| format!("heard {printed:?}"))?["payload"].as_str().unwrap();
        }
        Ok(printed)
    }
}

async fn on_dev() -> Result<(Dev, Http, Voice)> {
    let dev = Dev::start().await?;
    let http = Http::new(dev.address(), dev.token());
    let session = http.create("default").await?;
    let voice = Voice::open(dev.address(), dev.token(), &session).await?;
    Ok((dev, http, voice))
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap_or_default().lines().count()
}

#[tokio::test]
async fn a_command_that_is_said_twice_runs_once() -> Result<()> {
    let (dev, _, mut voice) = on_dev().await?;
    let file = dev.work().join("ran");
    let append = format!("echo once >> {}", file.display());
    let first = voice.command("m1", append.as_str()).await?;
    assert_eq!(first["payload"]["status"], "typed", "{first}");
    let mut other = Voice::open(dev.address(), dev.token(), &voice.session).await?;
    for _ in 0..20 {
        assert_eq!(voice.command("m1", append.as_str()).await?, first);
        assert_eq!(other.command("m1", append.as_str()).await?, first);
    }
    // What is typed after all of them has run after all of them.
    voice.command("m2", "echo dir-$((40 + 2))").await?;
    voice.hears("dir-42").await?;
    assert_eq!(lines(&file), 1);
    Ok(())
}

#[tokio::test]
async fn a_command_runs_where_and_with_what_it_says() -> Result<()> {
    let (dev, _, mut voice) = on_dev().await?;
    let place = dev.work().join("a place; with 'quotes'");
    std::fs::create_dir(&place)?;
    let command = json!({ "command": "echo \"$PWD:$WHO:\" && echo over-$((40 + 2))",
        "workingDirectory": place, "environment": { "WHO": "it's $HOME" } });
    voice.command("m1", command).await?;
    let printed = voice.hears("over-42").await?;
    assert!(printed.contains(&format!("{}:it's $HOME:", place.display())), "{printed}");
    // The variables were that command's alone, the directory stays.
    voice.command("m2", "echo \"[$WHO] $PWD\" && echo over-$((40 + 3))").await?;
    let printed = voice.hears("over-43").await?;
    assert!(printed.contains(&format!("[] {}", place.display())), "{printed}");
    let lost = json!({ "command": "echo ran-$((40 + 4))", "workingDirectory": "/nowhere/at/all" });
    voice.command("m3", lost).await?;
    voice.command("m4", "echo over-$((40 + 5))").await?;
    let printed = voice.hears("over-45").await?;
    assert!(!printed.contains("ran-44"), "what has no place does not run: {printed}");
    Ok(())
}

#[tokio::test]
async fn an_interrupt_stops_what_runs() -> Result<()> {
    let (_dev, _, mut voice) = on_dev().await?;
    // No prompt comes back before somebody interrupts it: it would last an hour. What says that it
    // has begun is in the foreground already.
    voice.command("m1", "(echo begun-$((40 + 2)); sleep 3600)").await?;
    voice.hears("begun-42").await?;
    let done = voice.control("m2", json!({ "action": "interrupt" })).await?;
    assert_eq!(done["payload"], json!({ "action": "interrupt", "status": "done" }));
    voice.command("m3", "echo after-$((40 + 3))").await?;
    voice.hears("after-43").await?;
    Ok(())
}

#[tokio::test]
async fn leaving_keeps_the_session_and_destroying_ends_it() -> Result<()> {
    let (_dev, http, mut voice) = on_dev().await?;
    let record = format!("/api/terminal/sessions/{}", voice.session);
    voice.command("m1", "echo begun-$((40 + 2))").await?;
    voice.hears("begun-42").await?;
    let state = voice.control("s1", json!({ "action": "status" })).await?["payload"].take();
    let state = &state["state"];
    assert_eq!((&state["status"], &state["connectionCount"]), (&json!("active"), &json!(1)));
    let left = voice.control("m2", json!({ "action": "disconnect" })).await?;
    assert_eq!(left["payload"]["status"], "done", "{left}");
    assert_eq!(http.get(&record).await?.json()["session"]["status"], "active");
    let state = voice.control("m3", json!({ "action": "status" })).await?;
    assert_eq!(state["payload"]["state"]["status"], "disconnected", "{state}");
    let destroy = json!({ "action": "disconnect", "parameters": { "destroy": true } });
    let destroyed = voice.control("m4", destroy).await?;
    assert_eq!(destroyed["payload"]["status"], "done", "{destroyed}");
    until("the session is closed", async || {
        let record = http.get(&record).await.ok()?.json();
        (record["session"]["status"] == "closed").then_some(())
    })
    .await
}

#[tokio::test]
async fn a_command_said_again_to_another_gateway_has_run_once() -> Result<()> {
    let cluster = Cluster::start().await?;
    let ann = cluster.user("ann").await?;
    let gateways = [0, 1, 2].map(|at| cluster.gateways[at].address());
    let session = ann.http_at(gateways[0]).create("p").await?;
    let mut voices = Vec::new();
    for gateway in gateways {
        voices.push(Voice::open(gateway, Some(ann.token()), &session).await?);
    }
    let count = "echo n$((++n))x";
    let first = voices[0].command("m1", count).await?;
    voices[0].hears("n1x").await?;
    for _ in 0..5 {
        for voice in &mut voices {
            assert_eq!(voice.command("m1", count).await?, first);
        }
    }
    // All at once, before any of them is answered: one of them runs.
    let [one, two, three] = voices.as_mut_slice() else { unreachable!("three gateways") };
    let said = tokio::join!(
        one.command("m2", count),
        two.command("m2", count),
        three.command("m2", count),
    );
    let typed = [said.0?, said.1?, said.2?].into_iter().filter(|a| a["type"] == "command").count();
    assert!(typed >= 1, "somebody was answered that it was typed");
    voices[1].command("m3", "echo last-$((++n))x").await?;
    voices[1].hears("last-3x").await?;
    drop(voices);
    cluster.end().await
}
