//! Whole messages out of frames. Order, masks and lengths were checked beneath (`rules`); here
//! stand the rules about content: UTF-8 and the body of a close frame.

use bytes::{Bytes, BytesMut};
use fastwebsockets::OpCode;

use super::{CloseCode, Violation, utf8::Utf8};

/// Up to this size a payload is copied out of the read buffer: a kept message would else pin a
/// buffer many times its size, and the buffer could not be used again for the next read.
const COPY_BYTES: usize = 2048;

/// What a client said, whole and valid.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
    /// A ping; its pong is on the writer's queue already. A sign of life.
    Ping(Bytes),
    /// A pong. A sign of life.
    Pong(Bytes),
    /// The client closes: answer with the same code, finish, linger.
    Close(Close),
}

impl Message {
    /// The bytes that its client chose to say; a close frame's few do not count.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) | Self::Ping(bytes) | Self::Pong(bytes) => bytes.len(),
            Self::Close(_) => 0,
        }
    }
}

/// The body of a close frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Close {
    /// The code, if there was one.
    pub code: Option<CloseCode>,
    /// The reason: at most 123 bytes, usually empty.
    pub reason: String,
}

/// The message that is open, if one is.
#[derive(Debug, Default)]
pub(super) struct Assembly {
    open: Option<Open>,
}

#[derive(Debug)]
enum Open {
    Text(Vec<u8>, Utf8),
    Binary(BytesMut),
}

impl Assembly {
    /// Takes the next frame: the message that it completes, if it does.
    pub(super) fn push(
        &mut self,
        opcode: OpCode,
        fin: bool,
        payload: BytesMut,
    ) -> Result<Option<Message>, Violation> {
        match opcode {
            OpCode::Ping => Ok(Some(Message::Ping(kept(payload)))),
            OpCode::Pong => Ok(Some(Message::Pong(kept(payload)))),
            OpCode::Close => close(&payload).map(|close| Some(Message::Close(close))),
            OpCode::Text if fin => text(payload.into()).map(Some),
            OpCode::Binary if fin => Ok(Some(Message::Binary(kept(payload)))),
            OpCode::Text => {
                self.open = Some(Open::Text(Vec::new(), Utf8::default()));
                self.more(fin, &payload)
            }
            OpCode::Binary => {
                self.open = Some(Open::Binary(BytesMut::new()));
                self.more(fin, &payload)
            }
            OpCode::Continuation => self.more(fin, &payload),
        }
    }

    fn more(&mut self, fin: bool, payload: &[u8]) -> Result<Option<Message>, Violation> {
        match &mut self.open {
            Some(Open::Text(bytes, utf8)) => {
                if !utf8.push(payload) || (fin && !utf8.complete()) {
                    return Err(Violation::NOT_UTF8);
                }
                bytes.extend_from_slice(payload);
            }
            Some(Open::Binary(bytes)) => bytes.extend_from_slice(payload),
            // The rules beneath let no such frame through.
            None => return Err(Violation::protocol("continuation of nothing")),
        }
        if !fin {
            return Ok(None);
        }
        match self.open.take() {
            Some(Open::Text(bytes, _)) => text(bytes).map(Some),
            Some(Open::Binary(bytes)) => Ok(Some(Message::Binary(bytes.freeze()))),
            None => Ok(None),
        }
    }
}

fn kept(payload: BytesMut) -> Bytes {
    if payload.len() <= COPY_BYTES { Bytes::copy_from_slice(&payload) } else { payload.freeze() }
}

fn text(bytes: Vec<u8>) -> Result<Message, Violation> {
    String::from_utf8(bytes).map(Message::Text).map_err(|_| Violation::NOT_UTF8)
}

fn close(payload: &[u8]) -> Result<Close, Violation> {
    let Some((code, reason)) = payload.split_first_chunk() else {
        return match payload {
            [] => Ok(Close { code: None, reason: String::new() }),
            _ => Err(Violation::protocol("half a close code")),
        };
    };
    let code = CloseCode::from_wire(u16::from_be_bytes(*code))
        .ok_or(Violation::protocol("close code is not allowed"))?;
    let reason = std::str::from_utf8(reason).map_err(|_| Violation::NOT_UTF8)?;
    Ok(Close { code: Some(code), reason: reason.to_owned() })
}
