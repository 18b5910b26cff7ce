//! A client that types into a program which writes down all that it reads and prints it again, and
//! goes on after every break.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use anyhow::{Context, Result, bail, ensure};
use termfleet_tests::{
    client::{Incoming, Memory, Socket, Terminal},
    wait::within,
};

/// The program's first output, after which it prints what it reads.
const READY: &[u8] = b"READY";
/// Bytes of one input frame, and what may be unacknowledged.
const PIECE: usize = 700;
const WINDOW: u64 = 16 << 10;
/// A client that hears nothing for so long takes its connection for lost, unless told otherwise.
const PATIENCE: Duration = Duration::from_millis(400);

/// A client with a session of its own.
pub(crate) struct Probe {
    memory: Memory,
    token: Option<String>,
    /// Everything typed, from the first byte of the lane on.
    typed: Vec<u8>,
    /// How much of it came before what the program reads.
    preamble: usize,
    /// Everything that was printed since the program runs.
    printed: Vec<u8>,
    journal: PathBuf,
    /// How long it waits for something before it takes its connection for lost.
    pub(crate) patience: Duration,
    /// Resumes so far.
    pub(crate) resumes: usize,
}

impl Probe {
    /// Starts the program; over a connection on which nothing breaks.
    pub(crate) async fn start(
        address: SocketAddr,
        token: Option<&str>,
        session: &str,
        journal: PathBuf,
    ) -> Result<Self> {
        let socket = Socket::canonical(address, token).await?;
        let mut terminal = Terminal::attach(socket, session).await?;
        let line = format!("stty raw -echo; printf RE''ADY; exec tee {}\n", journal.display());
        terminal.type_text(&line).await?;
        terminal.read_text("READY").await?;
        terminal.read_written().await?;
        let at = terminal.memory.output.windows(READY.len()).rposition(|window| window == READY);
        let printed = terminal.memory.output.split_off(at.unwrap() + READY.len());
        terminal.memory.output.clear();
        Ok(Self {
            memory: terminal.memory,
            token: token.map(ToOwned::to_owned),
            preamble: line.len(),
            typed: line.into_bytes(),
            printed,
            journal,
            patience: PATIENCE,
            resumes: 0,
        })
    }

    /// Types this on the connections that come.
    pub(crate) fn type_bytes(&mut self, bytes: &[u8]) {
        self.typed.extend_from_slice(bytes);
    }

    /// Connects, resumes and goes on until everything is typed and was printed, or the connection
    /// breaks.
    pub(crate) async fn connect(&mut self, address: SocketAddr) -> Result<()> {
        let token = self.token.clone();
        let attaching = async {
            let socket = Socket::canonical(address, token.as_deref()).await?;
            Terminal::resume(socket, self.memory.clone()).await
        };
        // The attempt counts, whether or not its answer comes.
        let attaching = tokio::time::timeout(self.patience, attaching).await;
        self.memory.attempt += 1;
        let mut terminal = attaching??;
        ensure!(terminal.attached["recovered"] == true, "not recovered: {}", terminal.attached);
        self.resumes += 1;
        let played = self.play(&mut terminal).await;
        // What came before the break stays.
        self.printed.append(&mut terminal.memory.output);
        let attempt = self.memory.attempt;
        self.memory = Memory { attempt, ..terminal.memory };
        played
    }

    async fn play(&mut self, terminal: &mut Terminal) -> Result<()> {
        let all = self.typed.len() as u64;
        loop {
            while terminal.memory.input < all
                && terminal.memory.input.saturating_sub(terminal.memory.written) < WINDOW
            {
                let from = terminal.memory.input as usize;
                let piece = &self.typed[from..self.typed.len().min(from + PIECE)];
                terminal.send_input(from as u64, piece).await?;
                terminal.memory.input += piece.len() as u64;
            }
            let printed = self.printed.len() + terminal.memory.output.len();
            if terminal.memory.written >= all && printed >= self.typed.len() - self.preamble {
                return Ok(());
            }
            let next = tokio::time::timeout(self.patience, terminal.step()).await;
            let came = next.with_context(|| {
                let Memory { input, written, offset, .. } = terminal.memory;
                format!(
                    "nothing comes: {all} typed, {input} sent, {written} written, {printed} printed, \
                     up to {offset}; {}",
                    terminal.attached
                )
            })??;
            if let Incoming::Message(message) = &came
                && message["type"] == "error"
            {
                bail!("refused: {message}");
            }
        }
    }

    /// Connects until everything is typed and was printed.
    pub(crate) async fn finish(&mut self, address: SocketAddr) -> Result<()> {
        let mut breaks = Vec::new();
        let finishing = async {
            loop {
                match self.connect(address).await {
                    Ok(()) => return Ok(()),
                    Err(error) if is_a_break(&error) => breaks.push(format!("{error:#}")),
                    Err(error) => return Err(error),
                }
            }
        };
        let finished = within("everything is typed", finishing).await;
        finished.with_context(|| format!("breaks on the way: {breaks:?}"))
    }

    /// Compares all that was typed, read and printed.
    pub(crate) fn check(&self) -> Result<()> {
        let typed = &self.typed[self.preamble..];
        ensure!(self.printed == typed, "printed: {}", difference(&self.printed, typed));
        let read = std::fs::read(&self.journal)?;
        ensure!(read == typed, "read: {}", difference(&read, typed));
        ensure!(self.memory.written == self.typed.len() as u64, "not all is acknowledged");
        Ok(())
    }
}

/// No worker answered in time: clients try again.
const IN_TIME: &str = "attach refused: 2002";

/// A break, and not a broken promise: those say what they are.
pub(crate) fn is_a_break(error: &anyhow::Error) -> bool {
    let promises = ["a hole", "recovered at", "not recovered", "refused", "attach refused"];
    let ended = ["closed with 1002", "closed with 1007", "closed with 1008"];
    !error
        .chain()
        .map(ToString::to_string)
        .filter(|text| text != IN_TIME)
        .any(|text| promises.iter().chain(&ended).any(|promise| text.starts_with(promise)))
}

fn difference(seen: &[u8], wanted: &[u8]) -> String {
    let at = seen.iter().zip(wanted).take_while(|(a, b)| a == b).count();
    let around = |bytes: &[u8]| {
        let bytes = &bytes[at.saturating_sub(20).min(bytes.len())..bytes.len().min(at + 20)];
        String::from_utf8_lossy(bytes).into_owned()
    };
    let (len, all) = (seen.len(), wanted.len());
    format!("{len} of {all} bytes, other at {at}: {:?} for {:?}", around(seen), around(wanted))
}
