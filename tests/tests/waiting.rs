//! A program that waits for its user: everybody who is attached hears of it, once for a question.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Incoming, Socket, Terminal},
    dev::Dev,
    http::Http,
};

/// The next question.
async fn waiting(terminal: &mut Terminal) -> Result<Value> {
    let next = terminal.socket.matching("a question", |incoming| match incoming {
        Incoming::Message(message) if message["kind"] == "waiting" => Some(message.clone()),
        _ => None,
    });
    next.await
}

#[tokio::test]
async fn a_question_is_told_once_to_everybody() -> Result<()> {
    let dev = Dev::start().await?;
    let answer = Http::new(dev.address(), dev.token())
        .post("/api/terminal/sessions", json!({ "projectId": "default" }))
        .await?;
    let id = answer.json()["session"]["id"].as_str().unwrap().to_owned();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut driver = Terminal::attach(socket, &id).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut other = Terminal::attach(socket, &id).await?;

    driver
        .type_text("sleep 1.5; bash -c 'read -p sure? x; read -sp secret? y; echo an''swered'\n")
        .await?;
    for terminal in [&mut driver, &mut other] {
        let event = waiting(terminal).await?;
        assert_eq!((&event["type"], &event["hidden"]), (&json!("event"), &json!(false)));
        assert_eq!(event["sessionId"], id.as_str());
    }
    // The line is typed on, for longer than a question takes to be heard of.
    for key in ["y", "e", "s"] {
        driver.type_text(key).await?;
        driver.read_text(key).await?;
        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
    }
    driver.type_text("\n").await?;
    for terminal in [&mut driver, &mut other] {
        let event = waiting(terminal).await?;
        assert_eq!(event["hidden"], true, "the second question, and the first one only once");
    }
    driver.type_text("it\n").await?;
    driver.read_text("answered").await?;
    // The shell's prompt is no question, and a full-screen program asks none.
    driver.type_text("tput smcup; cat\n").await?;
    driver.read_text("\x1b[?1049h").await?;
    tokio::time::sleep(std::time::Duration::from_millis(1500)).await;
    driver.type_text("\x03").await?;
    driver.read_text("^C").await?;
    driver.type_text("tput rmcup; bash -c 'read -sp secret? y'\n").await?;
    driver.read_text("\x1b[?1049l").await?;
    driver.read_text("secret?").await?;
    assert_eq!(waiting(&mut driver).await?["hidden"], true, "none but this one");
    Ok(())
}
