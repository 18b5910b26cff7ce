//! One command gives a real terminal: create, attach, type, read, resize, close.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::Dev,
    http::Http,
};

async fn create(dev: &Dev) -> Result<Value> {
    let answer = Http::new(dev.address(), dev.token())
        .post("/api/terminal/sessions", json!({ "projectId": "default" }))
        .await?;
    assert_eq!(answer.status, 201, "{}", answer.text());
    Ok(answer.json()["session"].clone())
}

#[tokio::test]
async fn a_shell_echoes_what_is_typed() -> Result<()> {
    let dev = Dev::start().await?;
    assert_eq!((dev.ready().event.as_str(), dev.ready().project.as_str()), ("ready", "default"));
    let session = create(&dev).await?;
    assert_eq!(session["status"], "active");
    assert_eq!(session["currentPath"], json!(dev.work().canonicalize()?));

    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, session["id"].as_str().unwrap()).await?;
    assert_eq!(terminal.attached["driver"], true);
    terminal.type_text("echo first-$((40 + 2))-light\n").await?;
    terminal.read_text("first-42-light").await?;
    terminal.read_written().await?;
    Ok(())
}

#[tokio::test]
async fn the_program_sees_the_size_of_its_driver() -> Result<()> {
    let dev = Dev::start().await?;
    let session = create(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, session["id"].as_str().unwrap()).await?;
    let channel = terminal.channel();
    let resize = json!({ "type": "resize", "channel": channel, "cols": 132, "rows": 43 });
    terminal.socket.send(&resize).await?;
    let event = terminal
        .socket
        .matching("the resize took effect", |incoming| match incoming {
            termfleet_tests::client::Incoming::Message(m) if m["kind"] == "resized" => {
                Some(m.clone())
            }
            _ => None,
        })
        .await?;
    assert_eq!((&event["cols"], &event["rows"]), (&json!(132), &json!(43)));
    terminal.type_text("stty size\n").await?;
    terminal.read_text("43 132").await
}

#[tokio::test]
async fn a_closed_session_takes_its_processes_with_it() -> Result<()> {
    let dev = Dev::start().await?;
    let session = create(&dev).await?;
    let id = session["id"].as_str().unwrap();
    let shell = u32::try_from(session["processId"].as_u64().context("a live pid")?)?;
    let http = Http::new(dev.address(), dev.token());
    assert!(termfleet_tests::dev::is_alive(shell));
    let closed = http.delete(&format!("/api/terminal/sessions/{id}")).await?;
    assert_eq!((closed.status.as_u16(), closed.json()["success"].clone()), (200, json!(true)));
    termfleet_tests::wait::until("the shell is gone", || async {
        (!termfleet_tests::dev::is_alive(shell)).then_some(())
    })
    .await?;
    let record = http.get(&format!("/api/terminal/sessions/{id}")).await?;
    assert_eq!(record.json()["session"]["status"], "closed");
    let listed = http.get("/api/terminal/projects/default/sessions").await?;
    assert_eq!(listed.json()["sessions"], json!([]));
    Ok(())
}

#[tokio::test]
async fn an_exited_shell_tells_its_code_and_its_output_stays_readable() -> Result<()> {
    let dev = Dev::start().await?;
    let session = create(&dev).await?;
    let id = session["id"].as_str().unwrap();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, id).await?;
    terminal.type_text("echo last-words; exit 7\n").await?;
    let exited = terminal
        .socket
        .matching("the exit", |incoming| match incoming {
            termfleet_tests::client::Incoming::Message(m) if m["kind"] == "exited" => {
                Some(m.clone())
            }
            _ => None,
        })
        .await?;
    assert_eq!(exited["exitCode"], 7);
    drop(terminal);

    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut after = Terminal::attach(socket, id).await?;
    after.read_text("last-words").await?;
    let record =
        Http::new(dev.address(), dev.token()).get(&format!("/api/terminal/sessions/{id}")).await?;
    assert_eq!(record.json()["session"]["exitCode"], 7);
    Ok(())
}

#[tokio::test]
async fn the_shells_environment_holds_no_secret_of_ours() -> Result<()> {
    let dev = Dev::start().await?;
    let session = create(&dev).await?;
    let shell = session["processId"].as_u64().context("a live pid")?;
    let environment = std::fs::read(format!("/proc/{shell}/environ"))?;
    let names: Vec<_> = environment
        .split(|byte| *byte == 0)
        .filter_map(|entry| Some(String::from_utf8_lossy(entry).split_once('=')?.0.to_owned()))
        .collect();
    for name in &names {
        let allowed =
            ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ", "TERM", "COLORTERM"];
        let ours = name == "TERMFLEET_SESSION_ID";
        assert!(ours || name.starts_with("LC_") || allowed.contains(&name.as_str()), "{name}");
    }
    assert!(names.contains(&"TERM".to_owned()));
    Ok(())
}
