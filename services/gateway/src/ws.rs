//! The WebSocket guard: everything between a TCP socket and whole, valid messages.
//!
//! It owns the upgrade ([`check`], [`Upgrade`]), who may speak to us ([`Site`]), the split socket
//! ([`Reader`], [`Writer`]) with its limits, and the close codes. What a message *means*, sign-in,
//! heartbeats and rate limits are left to whoever owns the connection.
//!
//! fastwebsockets frames and unmasks; what it does not check is checked before it sees a byte
//! (`gate`, with the rules of `rules`) or after it gave a frame (`assemble`).
//!
//! The life of a socket: `check` the request → answer [`Upgrade::response`] → [`open`] → one task
//! calls [`Reader::next`] in a loop, another queues on the [`Writer`] and flushes. To end it, in
//! whichever order it began: queue a close, [`Writer::finish`], and let the reader
//! [`Reader::linger`], or the kernel's reset would overtake the close frame.

mod assemble;
mod close;
mod gate;
mod handshake;
mod limits;
mod patience;
mod pipe;
mod pongs;
mod reader;
mod rules;
mod site;
mod utf8;
mod writer;

use bytes::Bytes;
use hyper::upgrade::{OnUpgrade, Parts};
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};

pub use self::{
    assemble::{Close, Message},
    close::{CloseCode, Violation},
    handshake::{Reject, Upgrade, check},
    limits::{Limits, tune},
    reader::{Ended, Reader},
    site::{Hosts, Origins, Site},
    writer::{BATCH_BYTES, WriteError, Writer},
};

/// Why an accepted upgrade gave no socket.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The client left before the switch.
    #[error("the upgrade was not finished")]
    Upgrade(#[from] hyper::Error),
    /// The server was set up over something else than a TCP stream: a mistake of ours.
    #[error("the upgraded connection is not a TCP stream")]
    Transport,
}

/// Takes the socket over from hyper once the 101 is sent. The connection must have been served as
/// `TokioIo<TcpStream>`, with upgrades.
///
/// # Errors
/// [`OpenError`]; the socket is gone then.
pub async fn open(upgrade: OnUpgrade, limits: Limits) -> Result<(Reader, Writer), OpenError> {
    let upgraded = upgrade.await?;
    let parts = upgraded.downcast::<TokioIo<TcpStream>>().map_err(|_| OpenError::Transport)?;
    let Parts { io, read_buf, .. } = parts;
    let (read, write) = io.into_inner().into_split();
    Ok(split(read, write, read_buf, limits))
}

/// The guarded halves of a stream whose upgrade is done; `leftover` is what was read beyond it.
pub fn split<R, W>(read: R, write: W, leftover: Bytes, limits: Limits) -> (Reader<R>, Writer<W>)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let pongs = pongs::Pongs::default();
    let writer = Writer::new(write, pongs.clone(), limits.write_stall);
    (Reader::new(read, leftover, pongs, limits), writer)
}
