//! Resume is byte-exact, and input that is sent twice is applied once.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::json;
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::Dev,
    http::Http,
};

async fn session(dev: &Dev) -> Result<String> {
    let answer = Http::new(dev.address(), dev.token())
        .post("/api/terminal/sessions", json!({ "projectId": "default" }))
        .await?;
    Ok(answer.json()["session"]["id"].as_str().unwrap().to_owned())
}

/// What `seq 1 last` prints on a terminal, from the first line on.
fn sequence(last: usize) -> Vec<u8> {
    (1..=last).flat_map(|n| format!("{n}\r\n").into_bytes()).collect()
}

#[tokio::test]
async fn not_a_byte_is_lost_over_reconnects_under_a_program_that_prints() -> Result<()> {
    const LAST: usize = 40_000;
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text(&format!("clear; seq 1 {LAST}; echo DO''NE\n")).await?;
    let mut reconnects = 0;
    let end = b"DONE\r\n";
    loop {
        let before = terminal.memory.output.len();
        // The socket is dropped in the middle of the flood, without a word.
        terminal
            .read_until("more output", |memory| {
                memory.output.len() > before + 20_000 || contains(&memory.output, end)
            })
            .await?;
        if contains(&terminal.memory.output, end) {
            break;
        }
        let memory = terminal.memory.clone();
        drop(terminal);
        let socket = Socket::canonical(dev.address(), dev.token()).await?;
        terminal = Terminal::resume(socket, memory).await?;
        assert_eq!(terminal.attached["recovered"], true);
        reconnects += 1;
    }
    assert!(
        reconnects >= 5,
        "only {reconnects} reconnects: the flood was too short to show anything"
    );
    assert!(contains(&terminal.memory.output, &sequence(LAST)), "a byte was lost or doubled");
    Ok(())
}

fn contains(text: &[u8], wanted: &[u8]) -> bool {
    // The wanted part ends near the end of the text: search from there.
    text.windows(wanted.len()).rev().take(4096).any(|window| window == wanted)
}

#[tokio::test]
async fn input_sent_twice_after_a_reconnect_is_applied_once() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal
        .type_text("stty -echo; n=0; while read -r x; do n=$((n+1)); echo \"got-$n-$x\"; done\n")
        .await?;
    terminal.type_text("one\n").await?;
    terminal.read_text("got-1-one").await?;
    let at = terminal.memory.input;
    terminal.type_text("two\n").await?;
    terminal.read_written().await?;
    let memory = terminal.memory.clone();
    drop(terminal);

    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::resume(socket, memory).await?;
    assert_eq!(terminal.attached["nextInputOffset"], at + 4);
    // The client did not see the ack, say, and sends everything again, with more behind it.
    terminal.send_input(at, b"two\nthree\n").await?;
    terminal.read_text("got-3-three").await?;
    let printed = String::from_utf8_lossy(&terminal.memory.output).into_owned();
    assert_eq!(printed.matches("-two").count(), 1, "{printed}");
    Ok(())
}

#[tokio::test]
async fn a_gap_in_the_input_is_refused_with_the_offset_to_go_on_from() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("echo a\n").await?;
    terminal.read_written().await?;
    terminal.send_input(100, b"echo never\n").await?;
    let error = terminal.socket.message("error").await?;
    assert_eq!((&error["code"], &error["nextInputOffset"]), (&json!(2006), &json!(7)));
    terminal.send_input(7, b"echo af''ter\n").await?;
    terminal.read_text("after").await?;
    assert!(!String::from_utf8_lossy(&terminal.memory.output).contains("never"));
    Ok(())
}

#[tokio::test]
async fn a_client_whose_bytes_are_gone_is_told_so_and_gets_the_tail() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut first = Terminal::attach(socket, &id).await?;
    let early = first.memory.clone();
    first.type_text("head -c 3000000 /dev/zero | tr '\\0' x; echo E''ND\n").await?;
    first.read_text("END").await?;
    drop(first);
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let early = termfleet_tests::client::Memory { attempt: 10, ..early };
    let mut late = Terminal::resume(socket, early).await?;
    assert_eq!(late.attached["recovered"], false);
    assert_eq!(late.attached["reason"], "trimmed");
    late.read_text("END").await?;
    assert!(late.memory.output.len() < 80_000, "the tail is at most 64 KiB");
    Ok(())
}
