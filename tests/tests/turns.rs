//! Sessions of one socket take turns: a flood in one does not freeze the others (`byte-lane.md` §4).
#![allow(clippy::unwrap_used)]

use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use serde_json::json;
use termfleet_proto::ws::frame::{ChannelId, ClientFrame, Offset, ServerFrame};
use termfleet_tests::{
    client::{Incoming, Memory, Socket},
    dev::Dev,
    http::Http,
};
use tokio::time::Instant;

/// Quiet sessions beside the flooding one.
const QUIET: usize = 11;
/// Echoes of one measurement: of 220 the third worst is the 99th in a hundred.
const ECHOES: usize = 20 * QUIET;
/// What must have come of the flood meanwhile.
const FLOOD: u64 = 1 << 20;
/// What of a flood may be under way to a client that parses it fast (`byte-lane.md` §4): that much an
/// echo has to wait for, at the client's own speed, and for nothing that waits behind it.
const UNDER_WAY: f64 = 512.0 * 1024.0;
/// Below this an idle echo is as good as another: the flood's own processes need a processor too.
const IDLE: Duration = Duration::from_millis(5);
/// How much longer it may take here than it should: the machine has more to do.
const PATIENCE: u32 = 3;

/// One socket with its sessions: channels count from 1, the flooding one is the first.
struct Grid {
    socket: Socket,
    typed: Vec<u64>,
    flooded: u64,
}

impl Grid {
    async fn open(dev: &Dev) -> Result<Self> {
        let http = Http::new(dev.address(), dev.token());
        let mut socket = Socket::canonical(dev.address(), dev.token()).await?;
        for at in 0..=QUIET {
            // A project has ten sessions at most.
            let project = if at < 6 { "one" } else { "two" };
            let created =
                http.post("/api/terminal/sessions", json!({ "projectId": project })).await?;
            let memory = Memory::new(created.json()["session"]["id"].as_str().unwrap());
            let attach = json!({ "type": "attach", "sessionId": memory.session,
                "clientId": memory.client, "attempt": 1 });
            socket.send(&attach).await?;
            assert_eq!(socket.message("attached").await?["channel"], at as u64 + 1);
        }
        let mut grid = Self { socket, typed: vec![0; QUIET + 2], flooded: 0 };
        for channel in 2..=QUIET as u64 + 1 {
            grid.types(channel, b"stty raw -echo; printf rea; printf dy; exec cat\n").await?;
            let mut shown = Vec::new();
            while !shown.ends_with(b"ready") {
                shown.extend_from_slice(&grid.output_of(channel).await?);
            }
        }
        Ok(grid)
    }

    async fn types(&mut self, channel: u64, data: &'static [u8]) -> Result<()> {
        let at = &mut self.typed[channel as usize];
        let offset = Offset::new(*at);
        *at += data.len() as u64;
        let (channel, data) = (ChannelId::new(channel), Bytes::from_static(data));
        self.socket.send_frame(&ClientFrame::Input { channel, offset, data }).await
    }

    /// The next output of a session; that of all others is acknowledged too.
    async fn output_of(&mut self, wanted: u64) -> Result<Bytes> {
        loop {
            match self.socket.next().await? {
                Incoming::Frame(ServerFrame::Output { channel, offset, data }) => {
                    let end = offset.plus(data.len() as u64);
                    self.socket.send_frame(&ClientFrame::Ack { channel, offset: end }).await?;
                    if channel.get() == 1 {
                        self.flooded += data.len() as u64;
                    }
                    if channel.get() == wanted {
                        return Ok(data);
                    }
                }
                Incoming::Closed(code, reason) => bail!("closed with {code} {reason}"),
                Incoming::Message(_) | Incoming::Frame(_) => {}
            }
        }
    }

    /// How long keystrokes took to come back, each quiet session in turn, best first.
    async fn echoes(&mut self) -> Result<Vec<Duration>> {
        let mut took = Vec::with_capacity(ECHOES);
        for at in 0..ECHOES {
            let channel = (at % QUIET) as u64 + 2;
            let typed = Instant::now();
            self.types(channel, b"k").await?;
            assert_eq!(self.output_of(channel).await?, "k");
            took.push(typed.elapsed());
        }
        took.sort_unstable();
        Ok(took)
    }
}

fn p99(took: &[Duration]) -> Duration {
    took[took.len() * 99 / 100 - 1]
}

#[tokio::test]
async fn an_echo_waits_for_no_more_of_a_flood_than_is_under_way() -> Result<()> {
    let dev = Dev::start().await?;
    let mut grid = Grid::open(&dev).await?;
    let idle = p99(&grid.echoes().await?);
    grid.types(1, b"yes\n").await?;
    while grid.flooded < 4 << 20 {
        grid.output_of(1).await?;
    }
    let (before, began) = (grid.flooded, Instant::now());
    let mut beside = grid.echoes().await?;
    // Where echoes are fast a few hundred of them leave no time for much of a flood.
    while grid.flooded - before <= FLOOD && beside.len() < 20 * ECHOES {
        beside.extend(grid.echoes().await?);
    }
    beside.sort_unstable();
    let (beside, flood) = (p99(&beside), grid.flooded - before);
    assert!(flood > FLOOD, "the flood went on all the while: {flood} bytes");
    let window = began.elapsed().mul_f64(UNDER_WAY / flood as f64);
    println!(
        "p99 of an echo: idle {idle:?}, beside a flood {beside:?}, of which a window is {window:?}"
    );
    assert!(
        beside < PATIENCE * (idle.max(IDLE) + window),
        "p99 {beside:?}, idle {idle:?}, window {window:?}"
    );
    Ok(())
}
