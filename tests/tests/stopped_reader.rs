//! A client that stops reading costs a window, however much is printed.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use serde_json::json;
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::Dev,
    http::Http,
};

/// What is printed before memory is looked at first, and then.
const FIRST_BYTES: u64 = 8_000_000;
const THEN_BYTES: u64 = 40_000_000;
/// What three stopped readers may hold: their windows on the way through worker, link and gateway,
/// and what the allocator makes of that.
const MAY_GROW_KIB: u64 = 8 << 10;

/// Resident memory of a process, in KiB.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    Ok(line.context("VmRSS")?.trim().trim_end_matches(" kB").trim().parse()?)
}

/// Reads so much more of the flood, keeping none of it.
async fn read(terminal: &mut Terminal, bytes: u64) -> Result<()> {
    let until = terminal.memory.offset + bytes;
    while terminal.memory.offset < until {
        terminal.step().await?;
        terminal.memory.output.clear();
    }
    Ok(())
}

#[tokio::test]
async fn stopped_readers_of_a_flood_cost_no_more_the_longer_it_lasts() -> Result<()> {
    let dev = Dev::start().await?;
    let pid = dev.pid().context("a process")?;
    let answer = Http::new(dev.address(), dev.token())
        .post("/api/terminal/sessions", json!({ "projectId": "default" }))
        .await?;
    let id = answer.json()["session"]["id"].as_str().unwrap().to_owned();
    let attach = async || {
        let socket = Socket::canonical(dev.address(), dev.token()).await?;
        Terminal::attach(socket, &id).await
    };
    let mut driver = attach().await?;
    // Nobody calls their `step`: they take nothing from their sockets.
    let stopped = [attach().await?, attach().await?, attach().await?];
    driver.type_text("yes 'a line of some length, as programs print them'\n").await?;
    read(&mut driver, FIRST_BYTES).await?;
    let before = resident(pid)?;
    read(&mut driver, THEN_BYTES).await?;
    let after = resident(pid)?;
    println!("{before} KiB after {FIRST_BYTES} bytes, {after} KiB {THEN_BYTES} bytes later");
    assert!(after <= before + MAY_GROW_KIB, "{before} KiB grew to {after} KiB");
    drop(stopped);
    Ok(())
}
