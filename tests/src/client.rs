//! A WebSocket client that shares no WebSocket code with the server: `Socket` speaks messages of any
//! dialect, `Terminal` one attachment of `termfleet.v1`.

use std::{collections::VecDeque, net::SocketAddr};

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::HeaderName;
use serde_json::{Value, json};
use termfleet_proto::ws::frame::{ClientFrame, ServerFrame};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_websockets::{ClientBuilder, Message, WebSocketStream};

use crate::wait::within;

mod terminal;

pub use terminal::{Memory, Terminal};

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
    /// Other headers.
    pub headers: Vec<(HeaderName, String)>,
}

impl Connect {
    /// `/terminal` in the canonical dialect.
    #[must_use]
    pub fn canonical() -> Self {
        Self { subprotocols: vec!["termfleet.v1".into()], ..Self::path("/terminal") }
    }

    /// A path in its default dialect.
    #[must_use]
    pub fn path(path: &str) -> Self {
        Self { path: path.into(), subprotocols: vec![], bearer: None, headers: vec![] }
    }

    /// Signed in by the upgrade's header.
    #[must_use]
    pub fn bearer(mut self, token: Option<&str>) -> Self {
        self.bearer = token.map(ToOwned::to_owned);
        self
    }

    /// With another header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((HeaderName::from_static(name), value.to_owned()));
        self
    }
}

/// What a WebSocket runs over: TCP, or TLS over it.
pub trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// One WebSocket.
pub struct Socket {
    stream: WebSocketStream<Box<dyn Wire>>,
    /// What it was welcomed with, once it has signed in.
    pub welcome: Value,
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
        Self::over(Box::new(tcp), &address.to_string(), connect).await
    }

    /// Connects over a wire that stands, to a host of that name.
    ///
    /// # Errors
    /// If the server refuses the upgrade.
    pub async fn over(wire: Box<dyn Wire>, host: &str, connect: &Connect) -> Result<Self> {
        let mut builder = ClientBuilder::new()
            .uri(&format!("ws://{host}{}", connect.path))?
            .limits(tokio_websockets::Limits::default().max_payload_len(Some(MAX_MESSAGE)));
        if !connect.subprotocols.is_empty() {
            let offered = connect.subprotocols.join(", ").parse()?;
            builder = builder.add_header(http::header::SEC_WEBSOCKET_PROTOCOL, offered)?;
        }
        if let Some(token) = &connect.bearer {
            let header = format!("Bearer {token}").parse()?;
            builder = builder.add_header(http::header::AUTHORIZATION, header)?;
        }
        for (name, value) in &connect.headers {
            builder = builder.add_header(name.clone(), value.parse()?)?;
        }
        let opened = async { Ok(builder.connect_on(wire).await?) };
        let (stream, _) = within("the upgrade", opened).await?;
        Ok(Self { stream, welcome: Value::Null, pending: VecDeque::new() })
    }

    /// Connects in the canonical dialect, signs in, and takes the welcome.
    ///
    /// # Errors
    /// If there is no welcome.
    pub async fn canonical(address: SocketAddr, token: Option<&str>) -> Result<Self> {
        Self::connect(address, &Connect::canonical()).await?.signed_in(token).await
    }

    /// The same socket once the client has signed in and been welcomed.
    ///
    /// # Errors
    /// If there is no welcome.
    pub async fn signed_in(mut self, token: Option<&str>) -> Result<Self> {
        let auth = token.map(|token| json!({ "token": token }));
        let mut handshake = json!({
            "type": "handshake",
            "client": { "name": "tests", "version": "1", "capabilities": [] },
        });
        if let Some(auth) = auth {
            handshake["auth"] = auth;
        }
        self.send(&handshake).await?;
        self.welcome = self.message("welcome").await?;
        Ok(self)
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
