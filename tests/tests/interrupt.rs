//! Interrupting a program brings the prompt back at once, however much of what it printed is on its
//! way through a thin pipe.
#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::{net::SocketAddr, time::Duration};

use anyhow::Result;
use serde_json::json;
use termfleet_tests::{
    client::{Memory, Socket, Terminal},
    dev::Dev,
    http::Http,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpSocket, TcpStream},
    time::{Instant, MissedTickBehavior, interval},
};

/// What the pipe carries to the client.
const BYTES_A_SECOND: usize = 100_000;
/// How often it carries a part of that.
const TICK: Duration = Duration::from_millis(20);
/// The promise is 2 seconds.
const DEADLINE: Duration = Duration::from_secs(6);

/// A relay whose way down is thin, and which holds little itself; answers where it listens.
async fn thin_pipe(to: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(relay(client, to));
        }
    });
    Ok(address)
}

async fn relay(client: TcpStream, to: SocketAddr) -> std::io::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(8 << 10)?;
    let (mut from_server, mut to_server) = socket.connect(to).await?.into_split();
    let (mut from_client, mut to_client) = client.into_split();
    let up = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let mut turns = interval(TICK);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut buffer = vec![0; BYTES_A_SECOND / 50];
    loop {
        turns.tick().await;
        let read = from_server.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        to_client.write_all(&buffer[..read]).await?;
    }
    up.abort();
    Ok(())
}

#[tokio::test]
async fn a_prompt_is_back_at_once_through_a_thin_pipe() -> Result<()> {
    let dev = Dev::start().await?;
    let answer = Http::new(dev.address(), dev.token())
        .post("/api/terminal/sessions", json!({ "projectId": "default" }))
        .await?;
    let id = answer.json()["session"]["id"].as_str().unwrap().to_owned();
    let pipe = thin_pipe(dev.address()).await?;
    let socket = Socket::canonical(pipe, dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("yes\n").await?;
    let long = |memory: &Memory| memory.output.len() > 4 * BYTES_A_SECOND;
    terminal.read_until("a long backlog", long).await?;
    let asked = Instant::now();
    terminal.type_text("\x03").await?;
    terminal.type_text("echo back-a''gain\n").await?;
    terminal.read_text("back-again").await?;
    let took = asked.elapsed();
    println!("the prompt was back after {took:?}");
    assert!(took < DEADLINE, "the prompt was back after {took:?}");
    Ok(())
}
