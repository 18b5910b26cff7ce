//! What a session costs in `dev` and its ptyhost, the shell itself not counted: as it was made, once
//! somebody has seen its screen, and once that screen has scrolled. Memory that both share (a
//! session's ring) counts once.

use anyhow::{Result, ensure};
use serde_json::json;

use super::{
    process,
    target::Target,
    wire::{SIZE, Wire},
};
use crate::report::{Goal, Row};

/// Sessions that are not counted.
const WARM: usize = 10;
/// Sessions that are: each is a shell, so that fewer than sockets must do.
const SESSIONS: usize = 60;
/// Rows above its screen that a session must have once it has scrolled.
const HISTORY: usize = 1_000;
/// As of a session that was worked in.
const SCROLL: &[u8] =
    b"for i in {1..2000}; do echo \"line $i of what was printed\"; done; echo e''nd\n";

pub(super) async fn measure() -> Result<Vec<Row>> {
    let mut target = Target::dev().await?;
    let servers = target.servers()?;
    // Everybody sits at one socket, so that it is sessions that are measured.
    let mut wire = target.idle(0).await?;
    for _ in 0..WARM {
        wire.create(&target.project()).await?;
    }
    let before = process::shared(&servers)?;
    let each = |now: u64| now.saturating_sub(before) as f64 / SESSIONS as f64 / 1024.0;

    let mut made = Vec::new();
    for _ in 0..SESSIONS {
        made.push(wire.create(&target.project()).await?);
    }
    let unseen = each(process::shared(&servers)?);
    for session in &made {
        wire.snapshot(session, SIZE).await?;
    }
    in_all(&mut wire, b"echo e''nd\n").await?;
    let fresh = each(process::shared(&servers)?);
    in_all(&mut wire, SCROLL).await?;
    let scrolled = each(process::shared(&servers)?);
    let side = target.side();
    for session in &made {
        has_history(&mut wire, session).await?;
    }
    drop(wire);
    target.end().await?;

    let row = |key, what: &str, most, value| {
        let name = format!("memory of a session, {what}");
        let mut row = Row::new(key, name, "KiB").goal(Goal::AtMost(most));
        row.add(side, value);
        row
    };
    Ok(vec![
        row("session_unseen", "nobody attached", 64.0, unseen),
        row("session_fresh", "attached, fresh", 300.0, fresh),
        row("session_scrolled", "attached, scrolled", 600.0, scrolled),
    ])
}

/// Runs a command in every terminal, one after the other.
async fn in_all(wire: &mut Wire, command: &[u8]) -> Result<()> {
    for seat in 0..wire.seats() {
        wire.type_bytes(seat, command).await?;
        wire.read_word(seat, "end\r\n").await?;
    }
    Ok(())
}

/// Makes sure that the server's screen of a session has scrolled: what has left it can be read.
async fn has_history(wire: &mut Wire, session: &str) -> Result<()> {
    let history = json!({ "type": "history", "sessionId": session, "lines": HISTORY });
    let told = wire.ask(&history, "history").await?;
    let rows = told["lines"].as_array().map_or(0, Vec::len);
    ensure!(rows == HISTORY, "{session} has {rows} rows of history");
    Ok(())
}
