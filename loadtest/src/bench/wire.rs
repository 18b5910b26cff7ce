//! One WebSocket to whatever is measured: terminals of the product, or a floor's only one. It costs as
//! little as it can, since it runs on the machine that is measured; it acknowledges as the SDK does.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use termfleet_proto::ws::frame::{ChannelId, ClientFrame, Offset, ServerFrame};
use termfleet_tests::{client::Memory, wait::within};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_websockets::{ClientBuilder, Limits, Message, WebSocketStream};

/// An acknowledgement leaves at once when it moves this far, as in the SDK.
const ACK_BYTES: u64 = 64 << 10;
/// A smaller one leaves after this, …
const ACK_DELAY: Duration = Duration::from_millis(20);
/// … and one of less than this, what a key echoes, with the next key, or after so long.
const SMALL_ACK_BYTES: u64 = 4 << 10;
const SMALL_ACK_DELAY: Duration = Duration::from_millis(250);
/// The largest message that anything sends.
const MAX_MESSAGE: usize = 16 << 20;
/// Where a floor serves a socket without a shell.
pub(super) const FLOOR_IDLE: &str = "/idle";

/// Columns and rows.
pub(super) type Size = (u16, u16);
/// That of all terminals unless it is said.
pub(super) const SIZE: Size = (80, 24);

/// One terminal on a wire.
#[derive(Debug, Clone, Default)]
struct Seat {
    channel: u64,
    /// Snapshots that came whole.
    snapshots: u64,
    /// Where its input goes on.
    input: u64,
    /// All output before this came.
    came: u64,
    acked: u64,
}

/// One WebSocket with its terminals.
pub(super) struct Wire {
    stream: WebSocketStream<TcpStream>,
    seats: Vec<Seat>,
    /// Frames have headers.
    product: bool,
    ack_at: Option<Instant>,
}

impl Wire {
    /// A floor's socket: its shell starts with it.
    pub(super) async fn floor(address: SocketAddr, path: &str) -> Result<Self> {
        let stream = connect(address, path, false).await?;
        Ok(Self { stream, seats: vec![Seat::default()], product: false, ack_at: None })
    }

    /// A signed-in socket of the product, attached to nothing.
    pub(super) async fn product(address: SocketAddr, token: Option<&str>) -> Result<Self> {
        let stream = connect(address, "/terminal", true).await?;
        let mut wire = Self { stream, seats: Vec::new(), product: true, ack_at: None };
        let mut handshake = json!({
            "type": "handshake",
            "client": { "name": "load", "version": "1", "capabilities": [] },
        });
        if let Some(token) = token {
            handshake["auth"] = json!({ "token": token });
        }
        wire.ask(&handshake, "welcome").await?;
        Ok(wire)
    }

    /// Creates a session; its id.
    pub(super) async fn create(&mut self, project: &str) -> Result<String> {
        let create = json!({ "type": "create", "projectId": project });
        let created = self.ask(&create, "created").await?;
        let id = created["session"]["id"].as_str().context("a session has an id")?;
        Ok(id.to_owned())
    }

    /// Attaches to a session as a new client.
    pub(super) async fn attach(&mut self, session: &str) -> Result<Value> {
        self.attach_sized(session, SIZE).await
    }

    /// The same with a screen of this size.
    pub(super) async fn attach_sized(&mut self, session: &str, size: Size) -> Result<Value> {
        let (client, (cols, rows)) = (Memory::new(session).client, size);
        let attach = json!({
            "type": "attach", "sessionId": session, "clientId": client, "attempt": 1,
            "cols": cols, "rows": rows,
        });
        let attached = self.ask(&attach, "attached").await?;
        let number = |key: &str| attached[key].as_u64().with_context(|| format!("{key}: a number"));
        let offset = number("offset")?;
        let (channel, input) = (number("channel")?, number("nextInputOffset")?);
        self.seats.push(Seat { channel, input, came: offset, acked: offset, snapshots: 0 });
        Ok(attached)
    }

    /// Attaches to a session as a new client of this size, and waits for the whole snapshot that it is
    /// given; what that draws, as it came.
    pub(super) async fn snapshot(&mut self, session: &str, size: Size) -> Result<Vec<u8>> {
        let (seat, mut drawn) = (self.seats(), Vec::new());
        self.attach_sized(session, size).await?;
        let whole = async {
            while self.seats[seat].snapshots == 0 {
                let (whose, bytes) = self.printed().await?;
                if whose == seat {
                    drawn.extend_from_slice(&bytes);
                }
            }
            Ok(())
        };
        within("a snapshot", whole).await?;
        Ok(drawn)
    }

    /// Sends a request and waits for its answer. Output that comes meanwhile is counted.
    pub(super) async fn ask(&mut self, request: &Value, answer: &str) -> Result<Value> {
        self.stream.send(Message::text(request.to_string())).await?;
        let answered = async {
            loop {
                let message = self.stream.next().await.context("the socket ended")??;
                let Some(text) = message.as_text() else {
                    self.take(message)?;
                    continue;
                };
                let told: Value = serde_json::from_str(text)?;
                match told["type"].as_str() {
                    Some(kind) if kind == answer => return Ok(told),
                    Some("error") => bail!("{request}: {told}"),
                    _ => {}
                }
            }
        };
        within(answer, answered).await
    }

    /// Its terminals.
    pub(super) fn seats(&self) -> usize {
        self.seats.len()
    }

    /// How many bytes a terminal has printed, or at which offset its output is.
    pub(super) fn came(&self, seat: usize) -> u64 {
        self.seats[seat].came
    }

    /// Types.
    pub(super) async fn type_bytes(&mut self, seat: usize, bytes: &[u8]) -> Result<()> {
        let data = Bytes::copy_from_slice(bytes);
        let payload = if self.product {
            let seat = &mut self.seats[seat];
            let (channel, offset) = (ChannelId::new(seat.channel), Offset::new(seat.input));
            seat.input += bytes.len() as u64;
            if seat.came > seat.acked {
                seat.acked = seat.came;
                let ack = ClientFrame::Ack { channel, offset: Offset::new(seat.came) }.encode();
                self.stream.feed(Message::binary(Bytes::from(ack))).await?;
            }
            ClientFrame::Input { channel, offset, data }.encode().into()
        } else {
            data
        };
        Ok(self.stream.send(Message::binary(payload)).await?)
    }

    /// The next output: whose, and how many bytes. Cancel-safe; to be asked again and again, since
    /// acknowledgements leave from here.
    pub(super) async fn printed(&mut self) -> Result<(usize, Bytes)> {
        loop {
            let due = async {
                match self.ack_at {
                    Some(at) => sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                message = self.stream.next() => {
                    let printed = self.take(message.context("the socket ended")??)?;
                    if self.seats.iter().any(|seat| seat.came - seat.acked >= ACK_BYTES) {
                        self.acknowledge(ACK_BYTES).await?;
                    }
                    if let Some(printed) = printed {
                        return Ok(printed);
                    }
                }
                () = due => {
                    self.ack_at = None;
                    self.acknowledge(1).await?;
                }
            }
        }
    }

    /// Answers the pings that came while others were measured: who is silent for 30 s is closed.
    pub(super) async fn breathe(&mut self) -> Result<()> {
        while let Ok(printed) = timeout(Duration::ZERO, self.printed()).await {
            printed?;
        }
        Ok(self.stream.flush().await?)
    }

    /// Waits until a terminal has printed up to there.
    pub(super) async fn printed_to(&mut self, seat: usize, offset: u64) -> Result<()> {
        while self.came(seat) < offset {
            self.printed().await?;
        }
        Ok(())
    }

    /// Waits until a terminal has printed a word that comes once.
    pub(super) async fn read_word(&mut self, seat: usize, word: &str) -> Result<()> {
        let mut seen = Vec::new();
        let reading = async {
            while !seen.windows(word.len()).any(|window| window == word.as_bytes()) {
                let (whose, bytes) = self.printed().await?;
                if whose == seat {
                    seen.extend_from_slice(&bytes);
                }
            }
            Ok(())
        };
        let read = within(word, reading).await;
        read.with_context(|| format!("printed: {:?}", String::from_utf8_lossy(&seen)))
    }

    /// Takes a message in; the output that it was.
    fn take(&mut self, message: Message) -> Result<Option<(usize, Bytes)>> {
        if let Some((code, reason)) = message.as_close() {
            bail!("closed with {code:?} {reason}");
        }
        if let Some(text) = message.as_text() {
            let told: Value = serde_json::from_str(text)?;
            if told["type"] == "error" {
                bail!("the server refused: {told}");
            }
            return Ok(None);
        }
        if !message.is_binary() {
            return Ok(None);
        }
        let bytes = Bytes::from(message.into_payload());
        if !self.product {
            self.seats[0].came += bytes.len() as u64;
            self.seats[0].acked = self.seats[0].came;
            return Ok(Some((0, bytes)));
        }
        match ServerFrame::decode(&bytes)? {
            ServerFrame::Output { channel, offset, data } => {
                let end = offset.get() + data.len() as u64;
                Ok(self.moved(channel, end).map(|seat| (seat, data)))
            }
            ServerFrame::Snapshot { channel, offset, data, more, .. } => {
                let seat =
                    if more { self.seat(channel) } else { self.moved(channel, offset.get()) };
                if let Some(seat) = seat.filter(|_| !more) {
                    self.seats[seat].snapshots += 1;
                }
                Ok(seat.map(|seat| (seat, data)))
            }
            ServerFrame::InputAck { .. } => Ok(None),
        }
    }

    fn moved(&mut self, channel: ChannelId, to: u64) -> Option<usize> {
        let seat = self.seat(channel)?;
        self.seats[seat].came = to;
        let small = to.saturating_sub(self.seats[seat].acked) < SMALL_ACK_BYTES;
        let at = Instant::now() + if small { SMALL_ACK_DELAY } else { ACK_DELAY };
        self.ack_at = Some(self.ack_at.map_or(at, |known| known.min(at)));
        Some(seat)
    }

    fn seat(&self, channel: ChannelId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.channel == channel.get())
    }

    /// Acknowledges whatever has moved so far.
    async fn acknowledge(&mut self, at_least: u64) -> Result<()> {
        for seat in 0..self.seats.len() {
            let Seat { channel, came, acked, .. } = self.seats[seat];
            if came < acked + at_least {
                continue;
            }
            self.seats[seat].acked = came;
            let (channel, offset) = (ChannelId::new(channel), Offset::new(came));
            let frame = ClientFrame::Ack { channel, offset }.encode();
            self.stream.feed(Message::binary(Bytes::from(frame))).await?;
        }
        Ok(self.stream.flush().await?)
    }
}

/// Lets all sockets of a scenario answer their pings.
pub(super) async fn breathe(wires: impl IntoIterator<Item = &mut Wire>) -> Result<()> {
    for wire in wires {
        wire.breathe().await?;
    }
    Ok(())
}

async fn connect(
    address: SocketAddr,
    path: &str,
    product: bool,
) -> Result<WebSocketStream<TcpStream>> {
    let connecting = async {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut builder = ClientBuilder::new()
            .uri(&format!("ws://{address}{path}"))?
            .limits(Limits::default().max_payload_len(Some(MAX_MESSAGE)));
        if product {
            let dialect = http::HeaderValue::from_static("termfleet.v1");
            builder = builder.add_header(http::header::SEC_WEBSOCKET_PROTOCOL, dialect)?;
        }
        Ok(builder.connect_on(tcp).await?.0)
    };
    within("the upgrade", connecting).await
}
