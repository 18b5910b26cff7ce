//! One attachment of `termfleet.v1`, and what its client keeps over reconnects.

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use serde_json::{Value, json};
use termfleet_proto::ws::frame::{ChannelId, ClientFrame, Offset, ServerFrame};

use super::{Incoming, Socket};
use crate::wait::within;

/// What a client keeps of one session over reconnects.
#[derive(Debug, Clone)]
pub struct Memory {
    /// The session.
    pub session: String,
    /// This client.
    pub client: String,
    /// Which attempt comes next.
    pub attempt: u64,
    /// The epoch it has bytes of.
    pub epoch: u64,
    /// All output before this it has.
    pub offset: u64,
    /// The last snapshot.
    pub screen: Vec<u8>,
    /// A part of it is missing.
    pub incomplete: bool,
    /// Everything that it was sent as output since then, or since the first attachment's offset.
    pub output: Vec<u8>,
    /// All input that it has sent.
    pub input: u64,
    /// All input that was acknowledged.
    pub written: u64,
}

impl Memory {
    /// A client that has seen nothing yet.
    #[must_use]
    pub fn new(session: &str) -> Self {
        let random: [u8; 16] = std::array::from_fn(|_| fastrand());
        Self {
            session: session.to_owned(),
            client: random.iter().map(|byte| format!("{byte:02x}")).collect(),
            attempt: 1,
            epoch: 0,
            offset: 0,
            screen: Vec::new(),
            incomplete: false,
            output: Vec::new(),
            input: 0,
            written: 0,
        }
    }
}

/// A random byte from the standard library's own hasher seed: test clients need no more.
fn fastrand() -> u8 {
    use std::hash::{BuildHasher, Hasher};
    std::hash::RandomState::new().build_hasher().finish().to_le_bytes()[0]
}

/// One attachment in the canonical dialect, which checks that every output frame continues the last.
pub struct Terminal {
    /// Its socket.
    pub socket: Socket,
    /// What the client remembers.
    pub memory: Memory,
    /// What the server answered to `attach`.
    pub attached: Value,
    channel: ChannelId,
}

impl Terminal {
    /// Attaches for the first time.
    ///
    /// # Errors
    /// If the session refuses.
    pub async fn attach(socket: Socket, session: &str) -> Result<Self> {
        Self::resume(socket, Memory::new(session)).await
    }

    /// Attaches with what the client remembers.
    ///
    /// # Errors
    /// If the session refuses.
    pub async fn resume(mut socket: Socket, mut memory: Memory) -> Result<Self> {
        let mut attach = json!({
            "type": "attach",
            "sessionId": memory.session,
            "clientId": memory.client,
            "attempt": memory.attempt,
        });
        memory.attempt += 1;
        if memory.epoch > 0 {
            attach["epoch"] = json!(memory.epoch);
            attach["offset"] = json!(memory.offset);
        }
        let answer = socket.ask(attach, "attached").await?;
        let attached = answer.map_err(|code| anyhow::anyhow!("attach refused: {code}"))?;
        let channel = ChannelId::new(attached["channel"].as_u64().context("a channel")?);
        let mut terminal = Self { socket, memory, attached: attached.clone(), channel };
        terminal.follow(&attached)?;
        Ok(terminal)
    }

    /// The channel's number.
    #[must_use]
    pub fn channel(&self) -> u64 {
        self.channel.get()
    }

    /// Types.
    ///
    /// # Errors
    /// If the socket is gone.
    pub async fn type_text(&mut self, text: &str) -> Result<()> {
        let offset = self.memory.input;
        self.memory.input += text.len() as u64;
        self.send_input(offset, text.as_bytes()).await
    }

    /// Sends input at an offset of the caller's choice.
    ///
    /// # Errors
    /// If the socket is gone.
    pub async fn send_input(&mut self, offset: u64, data: &[u8]) -> Result<()> {
        let data = Bytes::copy_from_slice(data);
        let (channel, offset) = (self.channel, Offset::new(offset));
        self.socket.send_frame(&ClientFrame::Input { channel, offset, data }).await
    }

    /// Takes what comes next and acknowledges output.
    ///
    /// # Errors
    /// If output does not continue what came before it, or the socket closes.
    pub async fn step(&mut self) -> Result<Incoming> {
        let incoming = self.socket.next().await?;
        match &incoming {
            Incoming::Frame(ServerFrame::Output { channel, offset, data })
                if *channel == self.channel =>
            {
                ensure!(
                    offset.get() == self.memory.offset,
                    "a hole: output at {offset} after {}",
                    self.memory.offset
                );
                self.memory.offset += data.len() as u64;
                self.memory.output.extend_from_slice(data);
                self.acknowledge().await?;
            }
            Incoming::Frame(ServerFrame::Snapshot { channel, offset, more, data, .. })
                if *channel == self.channel =>
            {
                let memory = &mut self.memory;
                if !std::mem::replace(&mut memory.incomplete, *more) {
                    memory.screen.clear();
                }
                memory.screen.extend_from_slice(data);
                memory.offset = offset.get();
                memory.output.clear();
            }
            Incoming::Frame(ServerFrame::InputAck { channel, offset, .. })
                if *channel == self.channel =>
            {
                self.memory.written = offset.get();
            }
            // The way to the session broke and stands again: the channel has another number now.
            Incoming::Message(attached)
                if attached["type"] == "attached" && attached["replaces"] == self.channel.get() =>
            {
                self.follow(&attached.clone())?;
            }
            Incoming::Closed(code, reason) => bail!("closed with {code} {reason:?}"),
            Incoming::Frame(_) | Incoming::Message(_) => {}
        }
        Ok(incoming)
    }

    /// Takes what a session says of an attachment.
    fn follow(&mut self, attached: &Value) -> Result<()> {
        let number = |key: &str| attached[key].as_u64().context("attached has numbers");
        if attached["recovered"] == false {
            self.memory.output.clear();
        } else {
            ensure!(number("offset")? == self.memory.offset, "recovered at another offset");
        }
        self.channel = ChannelId::new(number("channel")?);
        self.memory.epoch = number("epoch")?;
        self.memory.offset = number("offset")?;
        self.memory.input = number("nextInputOffset")?;
        Ok(())
    }

    async fn acknowledge(&mut self) -> Result<()> {
        let offset = Offset::new(self.memory.offset);
        self.socket.send_frame(&ClientFrame::Ack { channel: self.channel, offset }).await
    }

    /// Reads until the output so far satisfies a condition.
    ///
    /// # Errors
    /// If it does not in time; with the end of what was printed.
    pub async fn read_until(
        &mut self,
        what: &str,
        mut done: impl FnMut(&Memory) -> bool,
    ) -> Result<()> {
        let reading = async {
            while !done(&self.memory) {
                self.step().await?;
            }
            Ok(())
        };
        let read = within(what, reading).await;
        read.with_context(|| format!("printed so far: {:?}", self.tail()))
    }

    /// Reads until a text was printed, or shown by the last snapshot.
    ///
    /// # Errors
    /// If it was not in time.
    pub async fn read_text(&mut self, text: &str) -> Result<()> {
        let (wanted, mut searched) = (text.as_bytes(), 0);
        self.read_until(text, |memory| {
            // What was searched before is not searched again: a flood would take for ever.
            let from = searched.min(memory.output.len());
            let shows = |bytes: &[u8]| bytes.windows(wanted.len()).any(|window| window == wanted);
            let found = shows(&memory.output[from..]) || shows(&memory.screen);
            searched = memory.output.len().saturating_sub(wanted.len() - 1);
            found && !memory.incomplete
        })
        .await
    }

    /// Reads until all input was written.
    ///
    /// # Errors
    /// If it was not in time.
    pub async fn read_written(&mut self) -> Result<()> {
        self.read_until("input is written", |memory| memory.written >= memory.input).await
    }

    /// The end of what was printed.
    #[must_use]
    pub fn tail(&self) -> String {
        let all = [&self.memory.screen[..], &self.memory.output].concat();
        String::from_utf8_lossy(&all[all.len().saturating_sub(2000)..]).into_owned()
    }
}
