//! A client attaches anew to a long history in colours, and its connection breaks anywhere in what it
//! is sent: in the middle of a part of its snapshot, between two of them, after the last. What it has
//! in the end, drawn by a terminal, is what the session shows.

use std::{net::SocketAddr, path::Path};

use anyhow::{Context, Result};
use termfleet_tests::{
    chaos::{Chaos, Fault, Way, Weather},
    client::{Memory, Socket, Terminal},
    dev::Builder,
    http::Http,
    wait::{until, within},
};

use crate::probe::is_a_break;

/// Cuts are so far apart: a prime, so that they fall anywhere in sequences and frames.
const STEP: usize = 997;
/// Part of a snapshot comes in a frame of at most so many bytes.
const FRAME_BYTES: u64 = 32 << 10;
/// A history longer than a snapshot takes, then a line for each that is typed.
const PROGRAM: &str = "\
    PS1=; stty -echo; for n in $(seq 900); do \
    printf '\\033[1;3%dmline %d\\033[m of a \\033[48;5;%dmlong\\033[m history %050d\\n' \
    $((n % 8)) $n $((n % 256)) $n; done; printf 'rea''dy\\n'; \
    while read -r x; do printf '\\033[4%dm %s \\033[K\\033[m\\n' $((n++ % 8)) \"$x\"; done\n";
/// Prints the files that it is told of, as they are.
const PAINTER: &str = "stty raw -echo; printf 'rea''dy'; while read -r f; do cat \"$f\"; done\n";
const LIMITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../loadtest/limits.toml");

/// A session in which what a client has is drawn.
struct Mirror<'a> {
    terminal: Terminal,
    http: &'a Http,
    file: std::path::PathBuf,
}

impl Mirror<'_> {
    /// Waits until what the client has looks as the session does.
    async fn shows(&mut self, page: &Memory) -> Result<()> {
        let bytes = [&page.screen[..], &page.output].concat();
        tokio::fs::write(&self.file, &bytes).await?;
        let end = self.terminal.memory.offset + bytes.len() as u64;
        self.terminal.type_text(&format!("{}\n", self.file.display())).await?;
        // Its program waits for who drives it.
        settle(&mut self.terminal, end).await?;
        self.terminal.memory.output.clear();
        let wanted = screen(self.http, &page.session).await?;
        let mirror = self.terminal.memory.session.clone();
        until("it looks the same", || async {
            (screen(self.http, &mirror).await.ok()? == wanted).then_some(())
        })
        .await
        .with_context(|| format!("wanted: {wanted}"))
    }
}

async fn screen(http: &Http, session: &str) -> Result<String> {
    let path = format!("/api/terminal/sessions/{session}/screen?format=ansi");
    Ok(http.get(&path).await?.text())
}

/// Attaches with what a page has, and reads until it has a whole screen or the connection breaks.
async fn attach(address: SocketAddr, page: &mut Memory) -> Result<Terminal> {
    let before = page.clone();
    page.attempt += 1;
    let socket = Socket::canonical(address, None).await?;
    let mut terminal = Terminal::resume(socket, before).await?;
    let read = terminal.read_until("a screen", |page| !page.screen.is_empty() && !page.incomplete);
    let read = read.await;
    let attempt = page.attempt;
    *page = Memory { attempt, ..terminal.memory.clone() };
    read.map(|()| terminal)
}

/// As a page that is loaded again, or one with half a screen: nothing is on it.
fn begin_again(page: &mut Memory) {
    let Memory { session, client, attempt, .. } = page.clone();
    *page = Memory { client, attempt, ..Memory::new(&session) };
}

/// It has all that the session has printed.
async fn settle(terminal: &mut Terminal, printed: u64) -> Result<()> {
    terminal.read_until("all of it", |page| page.offset >= printed && !page.incomplete).await
}

async fn started(address: SocketAddr, session: &str, program: &str) -> Result<Terminal> {
    let mut terminal = Terminal::attach(Socket::canonical(address, None).await?, session).await?;
    terminal.type_text(program).await?;
    terminal.read_text("ready").await?;
    Ok(terminal)
}

#[tokio::test]
async fn a_snapshot_may_break_anywhere() -> Result<()> {
    let dev = Builder::default().arg("--no-auth").arg("--config").arg(LIMITS).start().await?;
    let http = Http::new(dev.address(), None);
    let session = http.create("chaos").await?;
    let mut driver = started(dev.address(), &session, PROGRAM).await?;
    let painter = started(dev.address(), &http.create("chaos").await?, PAINTER).await?;
    let file = Path::new(&dev.work()).join("painted");
    let mut mirror = Mirror { terminal: painter, http: &http, file };
    let chaos = Chaos::before(dev.address()).await?;
    let mut page = Memory::new(&session);
    drop(attach(chaos.address(), &mut page).await?);
    let down = chaos.passed()[1];
    assert!(down > FRAME_BYTES + 8_000, "{down} bytes: that is one part");
    let mut broken = [0; 3];
    for at in (0..down).step_by(STEP) {
        begin_again(&mut page);
        chaos.set(Weather { fault: Some((Fault::Cut, Way::Down, at)), ..Weather::default() });
        match within("the break", attach(chaos.address(), &mut page)).await {
            Err(error) if !is_a_break(&error) => return Err(error),
            _ => {}
        }
        chaos.set(Weather::default());
        let whole = !page.screen.is_empty() && !page.incomplete;
        broken[if whole { 2 } else { usize::from(page.incomplete) }] += 1;
        if !whole {
            begin_again(&mut page);
        }
        driver.type_text(&format!("typed at {at}\n")).await?;
        driver.read_text(&format!("typed at {at} ")).await?;
        let mut terminal = attach(chaos.address(), &mut page).await?;
        settle(&mut terminal, driver.memory.offset).await?;
        mirror.shows(&terminal.memory).await.with_context(|| format!("cut at {at}"))?;
    }
    let [none, half, _] = broken;
    assert!(none > 0 && half > 9, "cut before, amid and after the snapshot: {broken:?}");
    Ok(())
}
