//! What a program asks its terminal is answered once, whoever watches.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::json;
use termfleet_tests::{
    client::{Connect, Incoming, Socket, Terminal},
    dev::Dev,
    http::Http,
    wait::{until, within},
};

async fn session(dev: &Dev) -> Result<String> {
    let answer = Http::new(dev.address(), dev.token())
        .post("/api/terminal/sessions", json!({ "projectId": "default" }))
        .await?;
    Ok(answer.json()["session"]["id"].as_str().unwrap().to_owned())
}

/// Asks where the cursor is as soon as a file is there, and writes down what it was answered, and
/// what more it was answered in a second.
fn program(folder: &str) -> String {
    format!(
        "bash -c 'until [ -e {folder}/go ]; do sleep 0.05; done; printf \"\\e[2;5H\\e[6n\"; \
         read -rs -d R x; read -rs -t 1 -n 1 y; printf \"%q|%q\\n\" \"$x\" \"$y\" > {folder}/part; \
         mv {folder}/part {folder}/answer'\n"
    )
}

#[tokio::test]
async fn a_query_has_one_answer_with_nobody_one_or_three_attached() -> Result<()> {
    let dev = Dev::start().await?;
    for viewers in [0, 1, 3] {
        let folder = dev.state().join(format!("asked-by-{viewers}"));
        std::fs::create_dir(&folder)?;
        let id = session(&dev).await?;
        let socket = Socket::canonical(dev.address(), dev.token()).await?;
        let mut driver = Terminal::attach(socket, &id).await?;
        driver.type_text(&program(folder.to_str().unwrap())).await?;
        driver.read_text("mv ").await?;
        let mut others = Vec::new();
        for _ in 1..viewers {
            let socket = Socket::canonical(dev.address(), dev.token()).await?;
            others.push(Terminal::attach(socket, &id).await?);
        }
        if viewers == 0 {
            drop(driver);
        }
        std::fs::write(folder.join("go"), "")?;
        let answer = folder.join("answer");
        let read = || async { std::fs::read_to_string(&answer).ok() };
        let answered = until("an answer", read).await?;
        assert_eq!(answered.trim(), "$'\\E[2;5'|''", "{viewers} viewers");
    }
    Ok(())
}

#[tokio::test]
async fn the_server_says_that_it_answers_and_clients_of_text_are_not_asked() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    assert_eq!(socket.welcome["answersQueries"], true);
    let direct = Connect::path(&format!("/ws/terminal/{id}")).bearer(dev.token());
    let mut text = Socket::connect(dev.address(), &direct).await?;
    let input = "printf 'asks-\\033[6n\\033[c-not\\n'\n";
    text.send(&json!({ "type": "input", "data": input })).await?;
    let mut shown = String::new();
    within("what was printed", async {
        while !shown.contains("asks--not") {
            match text.next().await? {
                Incoming::Message(message) if message["type"] == "output" => {
                    shown.push_str(message["data"].as_str().unwrap_or_default());
                }
                Incoming::Message(_) | Incoming::Frame(_) => {}
                Incoming::Closed(code, reason) => anyhow::bail!("closed: {code} {reason}"),
            }
        }
        Ok(())
    })
    .await?;
    assert!(!shown.contains("\x1b[6n") && !shown.contains("\x1b[c"), "{shown:?}");
    Ok(())
}
