//! What is measured of `dev`, each against a process of its own build profile.

mod echo;
mod flood;
mod memory;

use anyhow::{Context, Result};
use serde_json::json;
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::Dev,
    http::Http,
};

use crate::report::Figure;

/// Sessions of one project: the limit that the product itself sets.
const SESSIONS_PER_PROJECT: usize = 10;

/// Measures everything.
pub(crate) async fn run(rounds: u32) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    eprintln!("measuring keystroke echo");
    figures.extend(echo::measure(rounds).await?);
    eprintln!("measuring floods");
    figures.extend(flood::measure(rounds).await?);
    eprintln!("measuring memory");
    figures.extend(memory::measure().await?);
    Ok(figures)
}

/// Creates a session; the number decides its project, so that no limit of a project is met.
async fn create(dev: &Dev, number: usize) -> Result<String> {
    let project = format!("bench-{}", number / SESSIONS_PER_PROJECT);
    let answer = Http::new(dev.address(), None)
        .post("/api/terminal/sessions", json!({ "projectId": project }))
        .await?;
    let id = answer.json()["session"]["id"].as_str().map(ToOwned::to_owned);
    id.with_context(|| format!("no session: {}", answer.text()))
}

/// Attaches to a fresh session and waits for its shell to be ready.
async fn terminal(dev: &Dev, number: usize) -> Result<Terminal> {
    let id = create(dev, number).await?;
    let socket = Socket::canonical(dev.address(), None).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("PS1=; stty -echo; echo rea''dy\n").await?;
    terminal.read_text("ready\r\n").await?;
    Ok(terminal)
}

/// The resident memory of a process, in bytes.
fn resident(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib * 1024)
}
