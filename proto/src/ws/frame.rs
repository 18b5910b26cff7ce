//! Binary frames of `termfleet.v1`: bytes of a terminal, and the marks that go with them.
//!
//! A frame is its kind (one byte), then its numbers as unsigned LEB128, then its bytes. Headers are
//! made apart from the bytes, so that output is never copied to be framed.

use bytes::Bytes;
/// The counted things that frames carry, for clients that speak the protocol alone.
pub use termfleet_session::ids::{ChannelId, Epoch, Offset};
use termfleet_session::limits::Size;

use super::{
    deflate::{DEFLATED, inflate},
    varint::{put, take},
};

/// Output to a client.
pub const OUTPUT: u8 = 0x01;
/// A snapshot to a client.
pub const SNAPSHOT: u8 = 0x02;
/// Input was written.
pub const INPUT_ACK: u8 = 0x03;
/// Input from a client.
pub const INPUT: u8 = 0x11;
/// Output was parsed by a client.
pub const ACK: u8 = 0x12;
/// Set in a snapshot's reason: it goes on in the next frame.
pub const MORE: u8 = 0x80;

/// Why a client gets a snapshot; the numbers are the wire's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Reason {
    /// It has seen nothing yet.
    NewClient = 1,
    /// What it lacks is no longer in the ring.
    Trimmed = 2,
    /// The shell is another one.
    NewEpoch = 3,
    /// It fell too far behind.
    Lagging = 4,
    /// Its backlog was dropped by an interrupt.
    Interrupted = 5,
    /// The columns changed.
    Resized = 6,
    /// It asked for one.
    Asked = 7,
    /// It asked for an offset that does not exist.
    BadOffset = 8,
}

/// Every reason, in the order of the numbers.
pub const REASONS: [Reason; 8] = [
    Reason::NewClient,
    Reason::Trimmed,
    Reason::NewEpoch,
    Reason::Lagging,
    Reason::Interrupted,
    Reason::Resized,
    Reason::Asked,
    Reason::BadOffset,
];

/// A frame that a client sends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ClientFrame {
    /// Bytes for the shell.
    Input {
        /// The attachment.
        channel: ChannelId,
        /// Offset of the first byte in the client's lane.
        offset: Offset,
        /// The bytes.
        data: Bytes,
    },
    /// All output before `offset` was parsed.
    Ack {
        /// The attachment.
        channel: ChannelId,
        /// The offset.
        offset: Offset,
    },
}

/// A frame that a client is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServerFrame {
    /// Output.
    Output {
        /// The attachment.
        channel: ChannelId,
        /// Offset of the first byte.
        offset: Offset,
        /// The bytes.
        data: Bytes,
    },
    /// The state after all output before `offset`.
    Snapshot {
        /// The attachment.
        channel: ChannelId,
        /// The number of the shell.
        epoch: Epoch,
        /// Where output goes on.
        offset: Offset,
        /// The screen's size.
        size: Size,
        /// Why.
        reason: Reason,
        /// It goes on in the next frame.
        more: bool,
        /// The sequences.
        data: Bytes,
    },
    /// Input was written.
    InputAck {
        /// The attachment.
        channel: ChannelId,
        /// All input before this is written.
        offset: Offset,
        /// All input before this was written at least 50 ms ago.
        echo: Offset,
    },
}

/// Bytes that are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadFrame {
    /// The kind is not one that this side takes.
    #[error("unknown frame kind")]
    Kind,
    /// A number is cut off, overlong or too large.
    #[error("bad number in a frame")]
    Number,
    /// Bytes are left over or a field is out of its range.
    #[error("bad field in a frame")]
    Field,
}

impl ClientFrame {
    /// Reads a frame; its bytes stay where they are.
    ///
    /// # Errors
    /// If it is not one that a client may send.
    pub fn decode(frame: &Bytes) -> Result<Self, BadFrame> {
        let mut rest = &frame[..];
        match kind(&mut rest)? {
            INPUT => {
                let (channel, offset) = (channel(&mut rest)?, offset(&mut rest)?);
                Ok(Self::Input { channel, offset, data: tail(frame, rest) })
            }
            ACK => {
                let (channel, offset) = (channel(&mut rest)?, offset(&mut rest)?);
                if rest.is_empty() {
                    Ok(Self::Ack { channel, offset })
                } else {
                    Err(BadFrame::Field)
                }
            }
            _ => Err(BadFrame::Kind),
        }
    }

    /// Writes the frame (clients in Rust: tests, the load generator, `attach`).
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        match self {
            Self::Input { channel, offset, data } => {
                header(&mut out, INPUT, &[channel.get(), offset.get()]);
                out.extend_from_slice(data);
            }
            Self::Ack { channel, offset } => {
                header(&mut out, ACK, &[channel.get(), offset.get()]);
            }
        }
        out
    }
}

impl ServerFrame {
    /// The header, after which come [`Self::payload`]'s bytes.
    #[must_use]
    pub fn header(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(24);
        match self {
            Self::Output { channel, offset, .. } => {
                header(&mut out, OUTPUT, &[channel.get(), offset.get()]);
            }
            Self::Snapshot { channel, epoch, offset, size, reason, more, .. } => {
                let numbers =
                    [channel.get(), epoch.get(), offset.get(), size.cols.into(), size.rows.into()];
                header(&mut out, SNAPSHOT, &numbers);
                out.push(*reason as u8 | if *more { MORE } else { 0 });
            }
            Self::InputAck { channel, offset, echo } => {
                header(&mut out, INPUT_ACK, &[channel.get(), offset.get(), echo.get()]);
            }
        }
        out
    }

    /// The bytes after the header.
    #[must_use]
    pub fn payload(&self) -> Bytes {
        match self {
            Self::Output { data, .. } | Self::Snapshot { data, .. } => data.clone(),
            Self::InputAck { .. } => Bytes::new(),
        }
    }

    /// Reads a frame, deflated or not (clients in Rust).
    ///
    /// # Errors
    /// If it is not one that a server may send.
    pub fn decode(frame: &Bytes) -> Result<Self, BadFrame> {
        let mut rest = &frame[..];
        let kind = kind(&mut rest)?;
        let mut decoded = Self::decode_as(kind & !DEFLATED, frame, rest)?;
        if kind & DEFLATED != 0 {
            let (Self::Output { data, .. } | Self::Snapshot { data, .. }) = &mut decoded else {
                return Err(BadFrame::Kind);
            };
            *data = inflate(data).ok_or(BadFrame::Field)?;
        }
        Ok(decoded)
    }

    fn decode_as(kind: u8, frame: &Bytes, mut rest: &[u8]) -> Result<Self, BadFrame> {
        match kind {
            OUTPUT => {
                let (channel, offset) = (channel(&mut rest)?, offset(&mut rest)?);
                Ok(Self::Output { channel, offset, data: tail(frame, rest) })
            }
            SNAPSHOT => Self::decode_snapshot(frame, rest),
            INPUT_ACK => {
                let channel = channel(&mut rest)?;
                let (offset, echo) = (offset(&mut rest)?, offset(&mut rest)?);
                if rest.is_empty() {
                    Ok(Self::InputAck { channel, offset, echo })
                } else {
                    Err(BadFrame::Field)
                }
            }
            _ => Err(BadFrame::Kind),
        }
    }

    fn decode_snapshot(frame: &Bytes, mut rest: &[u8]) -> Result<Self, BadFrame> {
        let channel = channel(&mut rest)?;
        let epoch = Epoch::new(number(&mut rest)?);
        let offset = offset(&mut rest)?;
        let (cols, rows) = (number(&mut rest)?, number(&mut rest)?);
        let size = Size::new(cols, rows).ok_or(BadFrame::Field)?;
        let reason = kind(&mut rest).map_err(|_| BadFrame::Field)?;
        let more = reason & MORE != 0;
        let reason = usize::from(reason & !MORE).checked_sub(1).and_then(|at| REASONS.get(at));
        let reason = *reason.ok_or(BadFrame::Field)?;
        Ok(Self::Snapshot { channel, epoch, offset, size, reason, more, data: tail(frame, rest) })
    }
}

fn header(out: &mut Vec<u8>, kind: u8, numbers: &[u64]) {
    out.push(kind);
    for number in numbers {
        put(out, *number);
    }
}

fn kind(rest: &mut &[u8]) -> Result<u8, BadFrame> {
    let (first, after) = rest.split_first().ok_or(BadFrame::Kind)?;
    *rest = after;
    Ok(*first)
}

fn number(rest: &mut &[u8]) -> Result<u64, BadFrame> {
    take(rest).ok_or(BadFrame::Number)
}

fn channel(rest: &mut &[u8]) -> Result<ChannelId, BadFrame> {
    number(rest).map(ChannelId::new)
}

fn offset(rest: &mut &[u8]) -> Result<Offset, BadFrame> {
    number(rest).map(Offset::new)
}

fn tail(frame: &Bytes, rest: &[u8]) -> Bytes {
    frame.slice(frame.len() - rest.len()..)
}

#[cfg(test)]
mod tests;
