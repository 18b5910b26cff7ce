//! The WebSocket of a floor: accepted, upgraded by hand, and framed by fastwebsockets alone.

use std::io;

use anyhow::{Context, Result, ensure};
use bytes::BytesMut;
use data_encoding::BASE64;
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocket};
use sha1::{Digest, Sha1};
use socket2::SockRef;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, Empty, Join, Sink, empty, join, sink},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};
use tokio_util::task::TaskTracker;

/// As the gateway's sockets have it.
const NOTSENT_LOWAT: u32 = 128 << 10;
/// Longest head of an upgrade.
const HEAD_BYTES: usize = 16 << 10;
/// RFC 6455's own words.
const ACCEPT: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// An upgraded socket.
pub(crate) struct Socket {
    pub(crate) incoming: Incoming,
    pub(crate) outgoing: Outgoing,
}

/// Its reading half.
pub(crate) struct Incoming(WebSocket<Join<OwnedReadHalf, Sink>>);

/// Its writing half.
pub(crate) struct Outgoing(WebSocket<Join<Empty, OwnedWriteHalf>>);

/// Serves every socket in a task of its own.
pub(crate) async fn serve<F>(
    listener: TcpListener,
    converse: impl Fn(Socket) -> F + Clone + Send + Sync + 'static,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send,
{
    let tasks = TaskTracker::new();
    loop {
        let (stream, _) = listener.accept().await?;
        let converse = converse.clone();
        tasks.spawn(async move {
            let served = async {
                let (idle, socket) = upgrade(stream).await?;
                if idle { socket.idle().await } else { converse(socket).await }
            };
            // A client that leaves is how every conversation ends.
            let _: Result<()> = served.await;
        });
    }
}

/// Upgrades a connection; whether its client only wants to be connected.
async fn upgrade(mut stream: TcpStream) -> Result<(bool, Socket)> {
    stream.set_nodelay(true)?;
    SockRef::from(&stream).set_tcp_notsent_lowat(NOTSENT_LOWAT)?;
    let mut head = BytesMut::new();
    while !head.ends_with(b"\r\n\r\n") {
        ensure!(head.len() < HEAD_BYTES, "the head is too long");
        ensure!(stream.read_buf(&mut head).await? > 0, "the client left");
    }
    let head = std::str::from_utf8(&head)?;
    let key = head
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-key").then_some(value));
    let key = key.context("the client sent no key")?;
    let accept = BASE64.encode(&Sha1::digest(format!("{key}{ACCEPT}")));
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
         sec-websocket-accept: {accept}\r\n\r\n"
    );
    stream.write_all(answer.as_bytes()).await?;
    let idle = head.starts_with("GET /idle ");
    let (read, write) = stream.into_split();
    let mut incoming = WebSocket::after_handshake(join(read, sink()), Role::Server);
    incoming.set_auto_close(false);
    incoming.set_auto_pong(false);
    let outgoing = WebSocket::after_handshake(join(empty(), write), Role::Server);
    Ok((idle, Socket { incoming: Incoming(incoming), outgoing: Outgoing(outgoing) }))
}

impl Socket {
    async fn idle(mut self) -> Result<()> {
        while self.incoming.next().await?.is_some() {}
        Ok(())
    }
}

impl Incoming {
    /// The next message's bytes; none when the client closes.
    pub(crate) async fn next(&mut self) -> Result<Option<BytesMut>> {
        let frame = self.0.read_frame().await?;
        Ok(match frame.opcode {
            OpCode::Close => None,
            _ => Some(match frame.payload {
                Payload::Bytes(bytes) => bytes,
                other => BytesMut::from(&*other),
            }),
        })
    }
}

impl Outgoing {
    /// Sends a binary message.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let frame = Frame::binary(Payload::Borrowed(bytes));
        Ok(self.0.write_frame(frame).await.map_err(io::Error::other)?)
    }
}
