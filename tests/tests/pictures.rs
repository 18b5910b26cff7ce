//! A screen in true colours takes megabytes to draw, and comes as fast as its client takes it.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::json;
use termfleet_tests::{
    chaos::{Chaos, Weather},
    client::{Socket, Terminal},
    dev::Dev,
    http::Http,
};

/// More than a gateway and the sockets after it hold for anybody.
const LARGE_BYTES: usize = 4 << 20;
/// What the client's connection carries in a second.
const RATE: u64 = 4_000_000;

#[tokio::test]
async fn a_screen_of_true_colours_reaches_a_slow_client_whole() -> Result<()> {
    let dev = Dev::start().await?;
    let http = Http::new(dev.address(), dev.token());
    let body = json!({ "projectId": "default", "config": { "cols": 1000, "rows": 200 } });
    let created = http.post("/api/terminal/sessions", body).await?.json();
    let session = created["session"]["id"].as_str().unwrap().to_owned();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut driver = Terminal::attach(socket, &session).await?;
    let cell = "\\033[38;2;%d;%d;7;48;2;%d;%d;9mx";
    let paint = format!(
        "stty -echo; awk 'BEGIN {{ for (i = 0; i < 200000; i++) \
         printf \"{cell}\", i % 256, i / 1000, i / 1000, i % 256 }}'; echo en''d\n"
    );
    driver.type_text(&paint).await?;
    driver.read_text("end\r\n").await?;

    let chaos = Chaos::before(dev.address()).await?;
    chaos.set(Weather { rate: Some(RATE), ..Weather::default() });
    let socket = Socket::canonical(chaos.address(), dev.token()).await?;
    let mut slow = Terminal::attach(socket, &session).await?;
    slow.read_until("all of it", |page| !page.screen.is_empty() && !page.incomplete).await?;
    assert!(slow.memory.screen.len() > LARGE_BYTES, "{} bytes", slow.memory.screen.len());
    driver.type_text("echo still-''here\n").await?;
    slow.read_text("still-here").await
}
