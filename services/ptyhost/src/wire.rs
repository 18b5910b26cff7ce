//! Frames on the ptyhost's socket: how messages become bytes and back, and how the descriptors of
//! rings travel beside them (SCM_RIGHTS). What the messages mean is `protocol`'s business.
//!
//! A frame is `length, request, head length` (each a little-endian u32; the length counts what
//! follows it), a JSON head and a raw body. Request 0 marks what nobody asked for. A frame that
//! announces a ring carries its descriptor with its first byte.

use std::{
    collections::VecDeque,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Arc,
};

use crate::{
    protocol::{CHECKPOINT_SLOTS, MAX_CHECKPOINT_BYTES},
    watch::Socket,
};
use bytes::{Buf, Bytes, BytesMut};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use serde::{Serialize, de::DeserializeOwned};

/// The longest frame: both checkpoints and a head. Whoever sends a longer one is cut off.
const MAX_FRAME_BYTES: usize = CHECKPOINT_SLOTS * MAX_CHECKPOINT_BYTES + (1 << 20);
/// Bytes of the three numbers in front of a head.
const PREFIX_BYTES: usize = 12;
/// What one read takes from the socket: two client messages of the longest kind.
const READ_BYTES: usize = 64 << 10;
/// Descriptors taken by one read. Linux ends a read behind a descriptor, so one would do.
const READ_FDS: usize = 4;

/// One message as it came.
#[derive(Debug)]
pub(crate) struct Frame {
    /// Which request it is or answers; 0 for a notice.
    pub(crate) request: u32,
    head: Bytes,
    /// The bytes that nobody looks into.
    pub(crate) body: Bytes,
}

impl Frame {
    /// The message in the head.
    pub(crate) fn message<M: DeserializeOwned>(&self) -> io::Result<M> {
        serde_json::from_slice(&self.head).map_err(|e| invalid(&e.to_string()))
    }
}

/// Appends a frame to a buffer.
pub(crate) fn encode(out: &mut Vec<u8>, request: u32, head: &impl Serialize, body: &[u8]) {
    let start = out.len();
    out.extend_from_slice(&[0; PREFIX_BYTES]);
    // Our own messages have no maps with odd keys, and a Vec takes every write.
    let encoded = serde_json::to_writer(&mut *out, head);
    debug_assert!(encoded.is_ok(), "a message that is not JSON");
    let head_len = out.len() - start - PREFIX_BYTES;
    out.extend_from_slice(body);
    let len = out.len() - start - 4;
    for (at, number) in [len as u32, request, head_len as u32].into_iter().enumerate() {
        out[start + at * 4..][..4].copy_from_slice(&number.to_le_bytes());
    }
}

/// A frame on its own.
pub(crate) fn frame(request: u32, head: &impl Serialize, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(PREFIX_BYTES + 192 + body.len());
    encode(&mut out, request, head, body);
    out
}

/// The reading half of a socket.
pub(crate) struct FrameReader {
    socket: Arc<Socket>,
    buffer: BytesMut,
    /// Where the kernel puts bytes: made once, since memory must be set before it is lent.
    scratch: Box<[u8]>,
    fds: VecDeque<OwnedFd>,
}

impl FrameReader {
    pub(crate) fn new(socket: Arc<Socket>) -> Self {
        let scratch = vec![0; READ_BYTES].into();
        Self { socket, buffer: BytesMut::new(), scratch, fds: VecDeque::new() }
    }

    /// The next frame, or `None` where the other end closed between two frames. Cancel-safe.
    pub(crate) async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            if self.fill().await? == 0 {
                let clean = self.buffer.is_empty();
                return if clean { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// The descriptor that came with the frame just taken.
    #[cfg(feature = "client")]
    pub(crate) fn take_fd(&mut self) -> io::Result<OwnedFd> {
        self.fds.pop_front().ok_or_else(|| invalid("a descriptor is missing"))
    }

    fn take(&mut self) -> io::Result<Option<Frame>> {
        let Some((prefix, _)) = self.buffer.split_first_chunk::<PREFIX_BYTES>() else {
            return Ok(None);
        };
        let (numbers, _) = prefix.as_chunks::<4>();
        let [len, request, head_len] = [0, 1, 2].map(|at| u32::from_le_bytes(numbers[at]));
        let (len, head_len) = (len as usize + 4, head_len as usize);
        if !(PREFIX_BYTES..=MAX_FRAME_BYTES).contains(&len) || head_len > len - PREFIX_BYTES {
            return Err(invalid("not a frame"));
        }
        if self.buffer.len() < len {
            self.buffer.reserve(len - self.buffer.len());
            return Ok(None);
        }
        let mut body = self.buffer.split_to(len).freeze();
        body.advance(PREFIX_BYTES);
        let head = body.split_to(head_len);
        Ok(Some(Frame { request, head, body }))
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let Self { socket, scratch, fds, .. } = self;
        let got = socket.read(|socket| receive(socket, scratch, fds)).await?;
        self.buffer.extend_from_slice(&self.scratch[..got]);
        Ok(got)
    }
}

fn receive(
    socket: BorrowedFd<'_>,
    bytes: &mut [u8],
    fds: &mut VecDeque<OwnedFd>,
) -> io::Result<usize> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(READ_FDS))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut parts = [IoSliceMut::new(bytes)];
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = rustix::net::recvmsg(socket, &mut parts, &mut ancillary, flags)?;
    for message in ancillary.drain() {
        if let RecvAncillaryMessage::ScmRights(passed) = message {
            fds.extend(passed);
        }
    }
    Ok(received.bytes)
}

/// Sends all of `bytes`.
pub(crate) async fn write_all(socket: &Socket, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = taken(socket, || socket.try_write(bytes)).await?;
        bytes = &bytes[sent..];
    }
    Ok(())
}

/// Sends all of `bytes`, with a descriptor beside the first of them.
pub(crate) async fn write_with_fd(socket: &Socket, bytes: &[u8], fd: impl AsFd) -> io::Result<()> {
    let send = || {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut ancillary = SendAncillaryBuffer::new(&mut space);
        let fds = [fd.as_fd()];
        ancillary.push(SendAncillaryMessage::ScmRights(&fds));
        let parts = [IoSlice::new(bytes)];
        let flags = SendFlags::NOSIGNAL;
        Ok(rustix::net::sendmsg(socket, &parts, &mut ancillary, flags)?)
    };
    let sent = taken(socket, send).await?;
    write_all(socket, &bytes[sent..]).await
}

/// Tries until the socket takes something.
async fn taken(socket: &Socket, mut send: impl FnMut() -> io::Result<usize>) -> io::Result<usize> {
    loop {
        match send() {
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => socket.room().await?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            sent => return sent,
        }
    }
}

pub(crate) fn invalid(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}
