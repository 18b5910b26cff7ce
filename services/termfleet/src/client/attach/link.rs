//! One WebSocket to one server, from the upgrade to its end; two tasks move its messages.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use anyhow::{Result, anyhow};
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use hyper::body::Bytes;
use termfleet_proto::ws::{
    deflate,
    frame::{ClientFrame, ServerFrame},
    v1::{self, ClientInfo, ClientMessage, Reply, Request, ServerMessage},
};
use termfleet_runtime::Tasks;
use tokio::{sync::mpsc, task::JoinHandle, time::Instant};
use tokio_websockets::{ClientBuilder, Error, Message, upgrade};

use crate::client::target::{Server, Stream, Target};

/// Longest message of a server: a snapshot's frame fits many times.
const MAX_MESSAGE: usize = 16 << 20;
/// How long the upgrade and the welcome may take.
const WELCOME_TIME: Duration = Duration::from_secs(5);
/// Messages that may wait to be sent: single keys, as many as somebody types while a dead server is
/// not yet known to be dead.
const OUTGOING: usize = 4096;
/// Messages that may wait to be handled: the server's window bounds their bytes.
const INCOMING: usize = 64;

/// The newest ticket to come back with, whichever server gave it. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ticket(Arc<Mutex<Option<String>>>);

impl Ticket {
    /// Keeps the ticket of a message that brings one.
    fn keep(&self, message: &ServerMessage) {
        if let ServerMessage::Welcome { resume_ticket: Some(ticket), .. }
        | ServerMessage::Heartbeat { resume_ticket: Some(ticket), .. } = message
        {
            *self.lock() = Some(ticket.clone());
        }
    }

    /// Where to come back: this address with the ticket, which is made for one.
    fn onto(&self, url: String) -> String {
        match &*self.lock() {
            Some(ticket) => format!("{url}?resume={ticket}"),
            None => url,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a server sends.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A control message.
    Message(Box<ServerMessage>),
    /// Bytes.
    Frame(ServerFrame),
    /// It closed the socket, with this code.
    Closed(u16, String),
}

/// Why there is no link.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failed {
    /// Trying again would not help.
    #[error("{0}")]
    Refused(String),
    /// Another server, or the same one later, may do.
    #[error("{0:#}")]
    Away(#[from] anyhow::Error),
}

/// A link that stands.
pub(super) struct Link {
    out: mpsc::Sender<Message>,
    pub(super) incoming: mpsc::Receiver<Incoming>,
    reader: JoinHandle<()>,
    /// When something last came.
    pub(super) heard: Instant,
    /// Longest input of one message.
    pub(super) max_input: usize,
    /// The server answers programs' questions to their terminal.
    pub(super) answers_queries: bool,
}

impl Drop for Link {
    fn drop(&mut self) {
        // The writer ends by itself, once what was queued is sent.
        self.reader.abort();
    }
}

impl Link {
    /// Opens one, signed in.
    pub(super) async fn open(
        target: &Target,
        server: &Server,
        ticket: &Ticket,
        tasks: &Tasks,
    ) -> Result<Self, Failed> {
        let opening = Self::welcomed(target, server, ticket, tasks);
        let opened = tokio::time::timeout(WELCOME_TIME, opening).await;
        opened.map_err(|_| anyhow!("{} does not answer", server.url()))?
    }

    async fn welcomed(
        target: &Target,
        server: &Server,
        ticket: &Ticket,
        tasks: &Tasks,
    ) -> Result<Self, Failed> {
        let stream = target.connect(server).await?;
        let mut link = Self::upgraded(target, server, stream, ticket, tasks).await?;
        let client = ClientInfo {
            name: "termfleet attach".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            capabilities: vec![deflate::CAPABILITY.to_owned()],
        };
        link.send(ClientMessage::Handshake { auth: None, client });
        match link.incoming.recv().await {
            Some(Incoming::Message(message)) => match *message {
                ServerMessage::Welcome { limits, answers_queries, .. } => {
                    link.answers_queries = answers_queries;
                    link.max_input = usize::try_from(limits.max_input_bytes).unwrap_or(1).max(1);
                    link.heard = Instant::now();
                    Ok(link)
                }
                ServerMessage::Error(error) => Err(Failed::Refused(error.message)),
                _ => Err(anyhow!("{} does not welcome", server.url()).into()),
            },
            Some(Incoming::Closed(code, reason)) if is_final(code) => {
                Err(Failed::Refused(closed(code, &reason)))
            }
            _ => Err(anyhow!("{} closed the connection", server.url()).into()),
        }
    }

    async fn upgraded(
        target: &Target,
        server: &Server,
        stream: Box<dyn Stream>,
        ticket: &Ticket,
        tasks: &Tasks,
    ) -> Result<Self, Failed> {
        let wrong = |error: &dyn std::fmt::Display| Failed::Refused(error.to_string());
        let mut builder = ClientBuilder::new()
            .uri(&ticket.onto(server.socket_url()))
            .map_err(|error| wrong(&error))?
            .limits(tokio_websockets::Limits::default().max_payload_len(Some(MAX_MESSAGE)));
        let dialect = v1::NAME.parse().map_err(|_| wrong(&"no dialect"))?;
        builder =
            builder.add_header(SEC_WEBSOCKET_PROTOCOL, dialect).map_err(|error| wrong(&error))?;
        if let Some(token) = &target.token {
            let bearer = format!("Bearer {token}").parse();
            let bearer = bearer.map_err(|_| wrong(&"the token is not one"))?;
            builder = builder.add_header(AUTHORIZATION, bearer).map_err(|error| wrong(&error))?;
        }
        let (socket, _) =
            builder.connect_on(stream).await.map_err(|error| refused(server, error))?;
        let (mut sink, mut source) = socket.split();
        let (out, mut queue) = mpsc::channel(OUTGOING);
        let (sender, incoming) = mpsc::channel(INCOMING);
        tasks.spawn("link writer", async move {
            while let Some(message) = queue.recv().await {
                if sink.send(message).await.is_err() {
                    return;
                }
            }
            // The server may be gone already.
            sink.close().await.ok();
        });
        let ticket = ticket.clone();
        let reader = tasks.spawn("link reader", async move {
            while let Some(Ok(message)) = source.next().await {
                let Some(incoming) = read(message) else { continue };
                if let Incoming::Message(message) = &incoming {
                    ticket.keep(message);
                }
                if sender.send(incoming).await.is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            out,
            incoming,
            reader,
            heard: Instant::now(),
            max_input: 1,
            answers_queries: false,
        })
    }

    /// Sends a message; false if the link is as good as dead.
    pub(super) fn send(&self, message: ClientMessage) -> bool {
        let request = Request { id: None, message };
        let Ok(text) = serde_json::to_string(&request) else { return false };
        self.out.try_send(Message::text(text)).is_ok()
    }

    /// Sends a frame; false if the link is as good as dead.
    pub(super) fn send_frame(&self, frame: &ClientFrame) -> bool {
        self.out.try_send(Message::binary(Bytes::from(frame.encode()))).is_ok()
    }
}

fn read(message: Message) -> Option<Incoming> {
    if let Some((code, reason)) = message.as_close() {
        return Some(Incoming::Closed(code.into(), reason.to_owned()));
    }
    if let Some(text) = message.as_text() {
        // What a newer server says beyond what is known here is not for this client.
        let reply: Reply = serde_json::from_str(text).ok()?;
        return Some(Incoming::Message(Box::new(reply.message)));
    }
    let bytes = Bytes::from(message.into_payload());
    ServerFrame::decode(&bytes).ok().map(Incoming::Frame)
}

/// Does this close code mean that coming back would not help?
pub(super) fn is_final(code: u16) -> bool {
    matches!(code, 1002 | 1003 | 1007 | 1008 | 1009 | 4001..=4003)
}

/// What to do about a socket that was closed for good.
pub(super) fn closed(code: u16, reason: &str) -> String {
    match code {
        4001..=4003 => sign_in(),
        _ => format!("the server closed the connection: {reason} ({code})"),
    }
}

/// What to do about a token that is not accepted.
fn sign_in() -> String {
    "the token is missing, expired or not for this server: `termfleet token` prints one; give it \
     with --token or TERMFLEET_TOKEN"
        .into()
}

fn refused(server: &Server, error: Error) -> Failed {
    match error {
        Error::Upgrade(upgrade::Error::DidNotSwitchProtocols(401 | 403)) => {
            Failed::Refused(sign_in())
        }
        Error::Upgrade(upgrade::Error::DidNotSwitchProtocols(status @ (400 | 404 | 421))) => {
            Failed::Refused(format!(
                "{} is no Termfleet, or not by this name ({status})",
                server.url()
            ))
        }
        error => Failed::Away(anyhow!(error).context(format!("{} does not answer", server.url()))),
    }
}

#[cfg(test)]
mod tests {
    //! Which ticket a client comes back with.

    use serde_json::json;

    use super::*;

    fn keep(ticket: &Ticket, message: serde_json::Value) {
        ticket.keep(&serde_json::from_value(message).unwrap());
    }

    #[test]
    fn the_newest_ticket_is_shown_and_a_message_without_leaves_it() {
        let (ticket, url) = (Ticket::default(), || "ws://host/terminal".to_owned());
        assert_eq!(ticket.onto(url()), "ws://host/terminal");
        keep(
            &ticket,
            json!({ "type": "welcome", "connectionId": "c1", "heartbeatMs": 15_000,
                    "user": { "id": "ann", "role": "user", "tenant": "~ann" },
                    "server": { "version": "1", "instance": "g1" },
                    "limits": { "maxMessageBytes": 1, "maxInputBytes": 1, "maxChannels": 1,
                                "windowBytes": 1 },
                    "resumeTicket": "one" }),
        );
        // Whoever dials next has a clone.
        assert_eq!(ticket.clone().onto(url()), "ws://host/terminal?resume=one");
        keep(&ticket, json!({ "type": "heartbeat", "serverTime": 1, "resumeTicket": "two" }));
        keep(&ticket, json!({ "type": "heartbeat", "serverTime": 2 }));
        assert_eq!(ticket.onto(url()), "ws://host/terminal?resume=two");
    }
}
