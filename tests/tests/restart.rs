//! `dev` is killed without warning and started again: same shells, same bytes, same input.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::{Dev, is_alive, ptyhost_of},
    http::Http,
    wait::until,
};

/// Less than a lane's window, so that all of it may be on its way at once.
const TYPED: usize = 50_000;

async fn create(dev: &Dev, config: Value) -> Result<Value> {
    let body = json!({ "projectId": "default", "config": config });
    let answer = Http::new(dev.address(), dev.token()).post("/api/terminal/sessions", body).await?;
    Ok(answer.json()["session"].clone())
}

#[tokio::test]
async fn after_a_kill_the_same_shell_goes_on_byte_exact() -> Result<()> {
    let mut dev = Dev::start().await?;
    let before = create(&dev, json!({ "tabName": "kept", "labels": { "a": "b" } })).await?;
    let id = before["id"].as_str().unwrap().to_owned();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal
        .type_text("x=kept; for i in $(seq 1 2000); do echo line-$i; done; echo E''ND\n")
        .await?;
    terminal.read_text("line-50\r\n").await?;
    let memory = terminal.memory.clone();

    dev.kill().await?;
    drop(terminal);
    dev.start_again().await?;

    let http = Http::new(dev.address(), dev.token());
    let after = http.get(&format!("/api/terminal/sessions/{id}")).await?.json()["session"].clone();
    for field in ["id", "processId", "epoch", "tabName", "labels", "createdAt", "projectId"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::resume(socket, memory).await?;
    assert_eq!(terminal.attached["recovered"], true);
    terminal.read_text("END").await?;
    let printed = String::from_utf8_lossy(&terminal.memory.output).into_owned();
    let all: String = (1..=2000).map(|i| format!("line-{i}\r\n")).collect();
    assert!(printed.contains(&all), "lines were lost or doubled");
    terminal.type_text("echo still-$x\n").await?;
    terminal.read_text("still-kept").await
}

#[tokio::test]
async fn input_is_not_doubled_by_a_kill() -> Result<()> {
    let mut dev = Dev::start().await?;
    let id = create(&dev, json!({})).await?["id"].as_str().unwrap().to_owned();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    // A raw counter of bytes: whatever arrives twice or not at all changes its sum.
    terminal
        .type_text(&format!(
            "stty raw -echo; echo RE''ADY; head -c {TYPED} | cksum; stty sane; echo E''ND\n"
        ))
        .await?;
    // Before the terminal is raw it holds a line of 4,095 bytes, and drops what does not fit.
    terminal.read_text("READY").await?;
    let sent: Vec<u8> = (0..TYPED).map(|i| b'a' + (i % 23) as u8).collect();
    let start = terminal.memory.input;
    send_from(&mut terminal, start, 0, &sent[..TYPED / 2]).await?;
    dev.kill().await?;
    let memory = terminal.memory.clone();
    drop(terminal);
    dev.start_again().await?;

    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::resume(socket, memory).await?;
    let at = usize::try_from(terminal.memory.input - start)?;
    assert!(at <= TYPED / 2, "more was accepted than sent");
    // What the server has is sent again in part, as a client does whose ack was lost.
    let again = at.saturating_sub(1000);
    send_from(&mut terminal, start, again, &sent[again..]).await?;
    terminal.read_text("END").await?;
    let expected = std::process::Command::new("sh")
        .args(["-c", "printf %s \"$1\" | cksum", "sh", std::str::from_utf8(&sent)?])
        .output()?;
    let expected = String::from_utf8(expected.stdout)?;
    let printed = String::from_utf8_lossy(&terminal.memory.output).into_owned();
    assert!(printed.contains(expected.trim()), "wanted {expected} in {}", terminal.tail());
    Ok(())
}

async fn send_from(terminal: &mut Terminal, start: u64, mut at: usize, bytes: &[u8]) -> Result<()> {
    for chunk in bytes.chunks(4096) {
        terminal.send_input(start + at as u64, chunk).await?;
        at += chunk.len();
    }
    Ok(())
}

#[tokio::test]
async fn ctrl_c_ends_everything() -> Result<()> {
    let mut dev = Dev::start().await?;
    let shell = create(&dev, json!({})).await?["processId"].as_u64().context("a pid")?;
    let ptyhost = ptyhost_of(dev.state()).context("a ptyhost runs")?;
    // Without a dev it would end by itself after a minute; how it does is the ptyhost's own test.
    let command = std::fs::read_to_string(format!("/proc/{ptyhost}/cmdline"))?;
    assert!(command.replace('\0', " ").contains("--orphan-after 60 "), "{command}");
    dev.stop().await?;
    until("ptyhost and shell are gone", || async {
        (!is_alive(ptyhost) && !is_alive(u32::try_from(shell).ok()?)).then_some(())
    })
    .await
}
