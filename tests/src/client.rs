//! A WebSocket client that shares no WebSocket code with the server: `Socket` speaks messages of any
//! dialect, `Terminal` one attachment of `termfleet.v1`.

use std::{collections::VecDeque, net::SocketAddr};

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use termfleet_proto::ws::frame::{ChannelId, ClientFrame, Offset, ServerFrame};
use tokio::net::TcpStream;
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use crate::wait::within;

/// The largest message that a server sends: a snapshot's frame and its header fit many times.
const MAX_MESSAGE: usize = 16 << 20;

/// What a server sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A JSON text.
    Message(Value),
    /// A binary frame.
    Frame(ServerFrame),
    /// The socket was closed with this code and reason.
    Closed(u16, String),
}

/// How to connect.
#[derive(Debug, Clone)]
pub struct Connect {
    /// Path and query.
    pub path: String,
    /// Subprotocols, in order of preference.
    pub subprotocols: Vec<String>,
    /// The bearer token of the upgrade's header.
    pub bearer: Option<String>,
}

impl Connect {
    /// `/terminal` in the canonical dialect.
    #[must_use]
    pub fn canonical() -> Self {
        Self { path: "/terminal".into(), subprotocols: vec!["termfleet.v1".into()], bearer: None }
    }

    /// A path in its default dialect.
    #[must_use]
    pub fn path(path: &str) -> Self {
        Self { path: path.into(), subprotocols: vec![], bearer: None }
    }

    /// Signed in by the upgrade's header.
    #[must_use]
    pub fn bearer(mut self, token: Option<&str>) -> Self {
        self.bearer = token.map(ToOwned::to_owned);
        self
    }
}

/// One WebSocket.
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
    pending: VecDeque<Incoming>,
}

impl Socket {
    /// Connects.
    ///
    /// # Errors
    /// If the server refuses the upgrade.
    pub async fn connect(address: SocketAddr, connect: &Connect) -> Result<Self> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut builder = ClientBuilder::new()
            .uri(&format!("ws://{address}{}", connect.path))?
            .limits(tokio_websockets::Limits::default().max_payload_len(Some(MAX_MESSAGE)));
        if !connect.subprotocols.is_empty() {
            let offered = connect.subprotocols.join(", ").parse()?;
            builder = builder.add_header(http::header::SEC_WEBSOCKET_PROTOCOL, offered)?;
        }
        if let Some(token) = &connect.bearer {
            let header = format!("Bearer {token}").parse()?;
            builder = builder.add_header(http::header::AUTHORIZATION, header)?;
        }
        let opened = async { Ok(builder.connect_on(tcp).await?) };
        let (stream, _) = within("the upgrade", opened).await?;
        Ok(Self { stream, pending: VecDeque::new() })
    }

    /// Connects in the canonical dialect, signs in, and takes the welcome.
    ///
    /// # Errors
    /// If there is no welcome.
    pub async fn canonical(address: SocketAddr, token: Option<&str>) -> Result<Self> {
        let mut socket = Self::connect(address, &Connect::canonical()).await?;
        let auth = token.map(|token| json!({ "token": token }));
        let mut handshake = json!({
            "type": "handshake",
            "client": { "name": "tests", "version": "1", "capabilities": [] },
        });
        if let Some(auth) = auth {
            handshake["auth"] = auth;
        }
        socket.send(&handshake).await?;
        socket.message("welcome").await?;
        Ok(socket)
    }

    /// Sends a JSON text.
    ///
    /// # Errors
    /// If the socket is gone.
    pub async fn send(&mut self, message: &Value) -> Result<()> {
        self.send_text(message.to_string()).await
    }

    /// Sends a text as it is.
    ///
    /// # Errors
    /// If the socket is gone.
    pub async fn send_text(&mut self, text: String) -> Result<()> {
        Ok(self.stream.send(Message::text(text)).await?)
    }

    /// Sends a binary frame.
    ///
    /// # Errors
    /// If the socket is gone.
    pub async fn send_frame(&mut self, frame: &ClientFrame) -> Result<()> {
        Ok(self.stream.send(Message::binary(Bytes::from(frame.encode()))).await?)
    }

    /// Closes the socket properly.
    ///
    /// # Errors
    /// If it was gone already.
    pub async fn close(mut self) -> Result<()> {
        Ok(self.stream.close().await?)
    }

    /// The next thing that the server sent.
    ///
    /// # Errors
    /// If it sends nothing in time or something that is not allowed.
    pub async fn next(&mut self) -> Result<Incoming> {
        if let Some(kept) = self.pending.pop_front() {
            return Ok(kept);
        }
        self.receive().await
    }

    async fn receive(&mut self) -> Result<Incoming> {
        let next = async {
            loop {
                let Some(message) = self.stream.next().await else {
                    return Ok(Incoming::Closed(1006, "no close frame".into()));
                };
                let message = message?;
                if let Some((code, reason)) = message.as_close() {
                    return Ok(Incoming::Closed(code.into(), reason.to_owned()));
                }
                if let Some(text) = message.as_text() {
                    return Ok(Incoming::Message(serde_json::from_str(text)?));
                }
                if message.is_binary() {
                    let bytes = Bytes::from(message.into_payload());
                    return Ok(Incoming::Frame(ServerFrame::decode(&bytes)?));
                }
            }
        };
        within("something from the server", next).await
    }

    /// The next message of a type; everything else before it is kept for later.
    ///
    /// # Errors
    /// If the socket closes first.
    pub async fn message(&mut self, kind: &str) -> Result<Value> {
        self.matching(kind, |incoming| match incoming {
            Incoming::Message(message) if message["type"] == kind => Some(message.clone()),
            _ => None,
        })
        .await
    }

    /// The next thing that a test is looking for; everything else before it is kept for later.
    ///
    /// # Errors
    /// If the socket closes first.
    pub async fn matching<T>(
        &mut self,
        what: &str,
        mut pick: impl FnMut(&Incoming) -> Option<T>,
    ) -> Result<T> {
        for at in 0..self.pending.len() {
            if let Some(found) = pick(&self.pending[at]) {
                self.pending.remove(at);
                return Ok(found);
            }
        }
        loop {
            let incoming = self.receive().await.with_context(|| format!("awaiting {what}"))?;
            if let Some(found) = pick(&incoming) {
                return Ok(found);
            }
            if let Incoming::Closed(code, reason) = &incoming {
                bail!("closed with {code} {reason:?} while awaiting {what}; {:?}", self.pending);
            }
            self.pending.push_back(incoming);
        }
    }

    /// The code that the server closes the socket with, whatever it says before.
    ///
    /// # Errors
    /// If it does not.
    pub async fn closed(&mut self) -> Result<u16> {
        loop {
            if let Incoming::Closed(code, _) = self.next().await? {
                return Ok(code);
            }
        }
    }

    /// Sends a request and takes its answer: the reply of that type, or else the error's code.
    ///
    /// # Errors
    /// If there is neither.
    pub async fn ask(&mut self, mut request: Value, reply: &str) -> Result<Result<Value, u64>> {
        let id = format!("{}-{}", reply, self.pending.len());
        request["id"] = json!(id);
        self.send(&request).await?;
        self.matching(reply, |incoming| match incoming {
            Incoming::Message(message) if message["id"] == id.as_str() => {
                let is_error = message["type"] == "error";
                let code = message["code"].as_u64().unwrap_or_default();
                Some(if is_error { Err(code) } else { Ok(message.clone()) })
            }
            _ => None,
        })
        .await
    }
}

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
    /// Everything that it was sent as output, from the first attachment's offset on.
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
        let number = |key: &str| attached[key].as_u64().context("attached has numbers");
        let channel = ChannelId::new(number("channel")?);
        if attached["recovered"] == false {
            memory.output.clear();
        } else {
            ensure!(number("offset")? == memory.offset, "recovered at another offset");
        }
        memory.epoch = number("epoch")?;
        memory.offset = number("offset")?;
        memory.input = number("nextInputOffset")?;
        Ok(Self { socket, memory, attached, channel })
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
            Incoming::Frame(ServerFrame::Snapshot { channel, offset, .. })
                if *channel == self.channel =>
            {
                self.memory.offset = offset.get();
                self.memory.output.clear();
            }
            Incoming::Frame(ServerFrame::InputAck { channel, offset, .. })
                if *channel == self.channel =>
            {
                self.memory.written = offset.get();
            }
            Incoming::Closed(code, reason) => bail!("closed with {code} {reason:?}"),
            Incoming::Frame(_) | Incoming::Message(_) => {}
        }
        Ok(incoming)
    }

    async fn acknowledge(&mut self) -> Result<()> {
        let offset = Offset::new(self.memory.offset);
        self.socket.send_frame(&ClientFrame::Ack { channel: self.channel, offset }).await
    }

    /// Reads until the output so far satisfies a condition.
    ///
    /// # Errors
    /// If it does not in time; with the end of what was printed.
    pub async fn read_until(&mut self, what: &str, done: impl Fn(&Memory) -> bool) -> Result<()> {
        let reading = async {
            while !done(&self.memory) {
                self.step().await?;
            }
            Ok(())
        };
        let read = within(what, reading).await;
        read.with_context(|| format!("printed so far: {:?}", self.tail()))
    }

    /// Reads until a text was printed.
    ///
    /// # Errors
    /// If it was not in time.
    pub async fn read_text(&mut self, text: &str) -> Result<()> {
        let wanted = text.as_bytes();
        self.read_until(text, |memory| {
            memory.output.windows(wanted.len()).any(|window| window == wanted)
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
        let from = self.memory.output.len().saturating_sub(2000);
        String::from_utf8_lossy(&self.memory.output[from..]).into_owned()
    }
}
