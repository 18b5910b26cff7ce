//! A terminal that stays connected as the SDK does: a draining gateway is left once another socket
//! stands, a lost one is replaced at once, and what was not acknowledged is typed again.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;
use tokio::time::{Instant, sleep, sleep_until};

use super::User;
use crate::{
    client::{Incoming, Memory, Socket, Terminal},
    wait::within,
};

/// How long between two attempts to come back; the SDK's first one is as soon.
const TRY_AGAIN: Duration = Duration::from_millis(100);

/// A terminal that is never away for long.
pub struct Roaming {
    user: User,
    terminal: Terminal,
    /// What was typed, from the first offset that was ours on.
    typed: Vec<u8>,
    typed_from: u64,
    leave_at: Option<Instant>,
    last_output: Instant,
    /// Which gateway its socket is on.
    pub gateway: String,
    /// How often it left a draining gateway.
    pub moves: usize,
    /// How often it lost its socket.
    pub losses: usize,
    /// The longest time without output.
    pub longest_pause: Duration,
}

impl Roaming {
    /// Attaches through the front.
    ///
    /// # Errors
    /// If the session refuses.
    pub async fn attach(user: &User, session: &str) -> Result<Self> {
        let terminal = user.terminal(session).await?;
        Ok(Self {
            user: user.clone(),
            typed: Vec::new(),
            typed_from: terminal.memory.input,
            leave_at: None,
            last_output: Instant::now(),
            gateway: instance(&terminal.socket),
            moves: 0,
            losses: 0,
            longest_pause: Duration::ZERO,
            terminal,
        })
    }

    /// What it remembers: all output so far.
    #[must_use]
    pub fn memory(&self) -> &Memory {
        &self.terminal.memory
    }

    /// Pauses count from now on.
    pub fn count_pauses(&mut self) {
        (self.last_output, self.longest_pause) = (Instant::now(), Duration::ZERO);
    }

    /// Types; what a lost socket did not carry is typed again on the next one.
    pub async fn type_text(&mut self, text: &str) {
        self.typed.extend_from_slice(text.as_bytes());
        // If the socket is gone, the next step finds out and types it again.
        let _ = self.terminal.type_text(text).await;
    }

    /// Takes what comes next, wherever it comes from.
    ///
    /// # Errors
    /// If the session cannot be come back to.
    pub async fn step(&mut self) -> Result<()> {
        let before = self.terminal.memory.offset;
        let leave_at = self.leave_at;
        let leave = async {
            match leave_at {
                Some(at) => sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            stepped = self.terminal.step() => match stepped {
                Ok(Incoming::Message(message)) if message["type"] == "draining" => {
                    let wait = message["retryAfterMs"].as_u64().context("a hint")?;
                    self.leave_at = Some(Instant::now() + Duration::from_millis(wait));
                }
                // The gateway found its way back to the session: what was under way is typed again.
                Ok(Incoming::Message(message)) if message["replaces"].is_u64() => {
                    self.type_missing().await?;
                }
                Ok(_) => {}
                Err(_) => {
                    self.losses += 1;
                    self.come_back().await?;
                }
            },
            () = leave => {
                self.moves += 1;
                self.come_back().await?;
            }
        }
        if self.terminal.memory.offset > before {
            let now = Instant::now();
            self.longest_pause = self.longest_pause.max(now - self.last_output);
            self.last_output = now;
        }
        Ok(())
    }

    /// Opens another socket and resumes there; the one before is dropped once that is done.
    async fn come_back(&mut self) -> Result<()> {
        let coming = async {
            loop {
                match self.resume().await {
                    Ok(()) => return Ok(()),
                    Err(_) => sleep(TRY_AGAIN).await,
                }
            }
        };
        within("the session is come back to", coming).await
    }

    async fn resume(&mut self) -> Result<()> {
        let socket = self.user.socket().await?;
        let gateway = instance(&socket);
        let mut memory = self.terminal.memory.clone();
        // An attempt that fails half-way has used its number all the same.
        self.terminal.memory.attempt += 1;
        memory.attempt = self.terminal.memory.attempt;
        self.terminal = Terminal::resume(socket, memory).await?;
        (self.gateway, self.leave_at) = (gateway, None);
        self.type_missing().await
    }

    /// Types again what the session did not accept before.
    async fn type_missing(&mut self) -> Result<()> {
        let accepted = usize::try_from(self.terminal.memory.input - self.typed_from)?;
        let missing = String::from_utf8(self.typed[accepted..].to_vec())?;
        if !missing.is_empty() {
            self.terminal.type_text(&missing).await?;
        }
        Ok(())
    }

    /// Steps until a text was printed.
    ///
    /// # Errors
    /// If it was not in time; with the end of what was.
    pub async fn read_text(&mut self, text: &str) -> Result<()> {
        let wanted = text.as_bytes();
        let mut searched = 0;
        let reading = async {
            loop {
                let output = &self.terminal.memory.output;
                let from = searched.min(output.len());
                if output[from..].windows(wanted.len()).any(|window| window == wanted) {
                    return Ok(());
                }
                searched = output.len().saturating_sub(wanted.len() - 1);
                self.step().await?;
            }
        };
        let read = within(text, reading).await;
        read.with_context(|| format!("printed so far: {:?}", self.terminal.tail()))
    }
}

/// The gateway that a socket's welcome names.
fn instance(socket: &Socket) -> String {
    let name: &Value = &socket.welcome["server"]["instance"];
    name.as_str().unwrap_or_default().to_owned()
}
