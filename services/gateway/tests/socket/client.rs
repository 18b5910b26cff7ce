//! A client that shares no code with the server's WebSocket half.

use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use termfleet_proto::ws::{
    deflate::DEFLATED,
    frame::{ClientFrame, ServerFrame},
};
use termfleet_session::ids::{ChannelId, Offset};
use tokio::{net::TcpStream, time};
use tokio_websockets::{MaybeTlsStream, Message, WebSocketStream};

use crate::harness::DEADLINE;

/// A client.
pub(crate) struct Client {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    /// Frames that came deflated.
    pub(crate) deflated: usize,
}

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    Json(Value),
    Frame(ServerFrame),
    Closed(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

impl Client {
    pub(crate) fn new(socket: WebSocketStream<MaybeTlsStream<TcpStream>>) -> Self {
        Self { socket, deflated: 0 }
    }

    /// Sends a text. What the server has closed on takes nothing: that is seen in what comes.
    pub(crate) async fn say(&mut self, text: impl Into<String>) {
        let _ = self.socket.send(Message::text(text.into())).await;
    }

    pub(crate) async fn send(&mut self, value: Value) {
        self.say(value.to_string()).await;
    }

    pub(crate) async fn frame(&mut self, frame: &ClientFrame) {
        self.binary(frame.encode()).await;
    }

    pub(crate) async fn binary(&mut self, bytes: Vec<u8>) {
        let _ = self.socket.send(Message::binary(Bytes::from(bytes))).await;
    }

    pub(crate) async fn input(&mut self, channel: u64, offset: u64, data: &[u8]) {
        let data = Bytes::copy_from_slice(data);
        let (channel, offset) = (ChannelId::new(channel), Offset::new(offset));
        self.frame(&ClientFrame::Input { channel, offset, data }).await;
    }

    pub(crate) async fn ack(&mut self, channel: u64, offset: u64) {
        let (channel, offset) = (ChannelId::new(channel), Offset::new(offset));
        self.frame(&ClientFrame::Ack { channel, offset }).await;
    }

    /// Says goodbye.
    pub(crate) async fn close(mut self) {
        let _ = self.socket.close().await;
    }

    /// The next thing.
    pub(crate) async fn next(&mut self) -> Got {
        self.next_within(DEADLINE).await.expect("nothing came")
    }

    /// The next thing, if there is one in time.
    pub(crate) async fn next_within(&mut self, patience: Duration) -> Option<Got> {
        time::timeout(patience, self.read()).await.ok()
    }

    async fn read(&mut self) -> Got {
        loop {
            let Some(Ok(message)) = self.socket.next().await else { return Got::Gone };
            if let Some((code, reason)) = message.as_close() {
                return Got::Closed(code.into(), reason.to_owned());
            }
            if let Some(text) = message.as_text() {
                return Got::Json(serde_json::from_str(text).unwrap());
            }
            if message.is_binary() {
                let bytes = Bytes::copy_from_slice(message.as_payload());
                self.deflated += usize::from(bytes[0] & DEFLATED != 0);
                return Got::Frame(ServerFrame::decode(&bytes).unwrap());
            }
        }
    }

    /// The next message of this type; whatever else comes before it is passed over.
    pub(crate) async fn json(&mut self, kind: &str) -> Value {
        loop {
            match self.next().await {
                Got::Json(value) if value["type"] == kind => return value,
                end @ (Got::Closed(..) | Got::Gone) => panic!("{end:?} instead of {kind}"),
                Got::Json(_) | Got::Frame(_) => {}
            }
        }
    }

    /// The code of the next error.
    pub(crate) async fn error(&mut self) -> u64 {
        self.json("error").await["code"].as_u64().unwrap()
    }

    /// How the socket ends.
    pub(crate) async fn closed(&mut self) -> (u16, String) {
        loop {
            match self.next().await {
                Got::Closed(code, reason) => return (code, reason),
                Got::Gone => panic!("the connection ended without a close frame"),
                Got::Json(_) | Got::Frame(_) => {}
            }
        }
    }

    /// The next output frame of a channel: its offset and bytes.
    pub(crate) async fn output(&mut self, wanted: u64) -> (u64, Bytes) {
        loop {
            match self.next().await {
                Got::Frame(ServerFrame::Output { channel, offset, data })
                    if channel.get() == wanted =>
                {
                    return (offset.get(), data);
                }
                end @ (Got::Closed(..) | Got::Gone) => panic!("{end:?} instead of output"),
                Got::Json(_) | Got::Frame(_) => {}
            }
        }
    }

    /// The mark of the next `input_ack` of a channel.
    pub(crate) async fn input_ack(&mut self, wanted: u64) -> u64 {
        loop {
            match self.next().await {
                Got::Frame(ServerFrame::InputAck { channel, offset, .. })
                    if channel.get() == wanted =>
                {
                    return offset.get();
                }
                end @ (Got::Closed(..) | Got::Gone) => panic!("{end:?} instead of input_ack"),
                Got::Json(_) | Got::Frame(_) => {}
            }
        }
    }

    /// Attaches as a new client; answers `attached`.
    pub(crate) async fn attach(&mut self, session: &str) -> Value {
        self.attach_with(session, json!({})).await
    }

    /// Attaches with more fields.
    pub(crate) async fn attach_with(&mut self, session: &str, more: Value) -> Value {
        let mut random = [0; 16];
        getrandom::fill(&mut random).unwrap();
        let client: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut attach =
            json!({ "type": "attach", "sessionId": session, "clientId": client, "attempt": 1 });
        for (field, value) in more.as_object().unwrap() {
            attach[field] = value.clone();
        }
        self.send(attach).await;
        self.json("attached").await
    }
}
