//! The rules of frames as a state machine over bytes: no I/O, no clock, nothing kept but a header.
//!
//! It sees every byte that a client sends, before anything is unmasked or reserved, and says how
//! many of them stand and which rule the next one breaks. Payloads are skipped, not looked at.
//!
//! ```text
//!            14 bytes at most            length bytes
//!  Header ───────────────────▶ Payload ───────────────▶ Header
//!     │ a broken rule
//!     ▼
//!  the violation; nothing is accepted after it
//! ```

use super::{Limits, Violation};

/// Longest header of a masked frame: 2 bytes, 8 of length, 4 of mask.
const HEADER_BYTES: usize = 14;
/// Longest payload of a control frame (RFC 6455 §5.5).
const CONTROL_BYTES: u8 = 125;
/// The length code that announces two bytes of length.
const LENGTH_16: u8 = 126;
/// The length code that announces eight bytes of length.
const LENGTH_64: u8 = 127;

const FIN: u8 = 0x80;
const RESERVED: u8 = 0x70;
const OPCODE: u8 = 0x0f;
const CONTROL: u8 = 0x08;
const MASKED: u8 = 0x80;

/// Where a socket stands in its stream of frames.
#[derive(Debug)]
pub(super) struct Rules {
    max_bytes: u64,
    max_frames: u32,
    phase: Phase,
    /// The data message that is open: some of its frames have come, its last has not.
    open: bool,
    /// Bytes announced by the open message's frames.
    bytes: u64,
    /// Frames since the open message began, control frames included.
    frames: u32,
}

#[derive(Debug)]
enum Phase {
    Header { bytes: [u8; HEADER_BYTES], have: usize },
    Payload { left: u64 },
}

const START: Phase = Phase::Header { bytes: [0; HEADER_BYTES], have: 0 };

/// What [`Rules::inspect`] found in some bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Seen {
    /// How many of the bytes stand: none behind the end of a frame.
    pub(super) passed: usize,
    /// Did they end a message, or a control frame between messages?
    pub(super) ended: bool,
    /// The rule that the byte after them breaks.
    pub(super) violation: Option<Violation>,
}

impl Rules {
    pub(super) fn new(limits: &Limits) -> Self {
        let max_bytes = u64::try_from(limits.message_bytes).unwrap_or(u64::MAX);
        let max_frames = limits.message_frames;
        Self { max_bytes, max_frames, phase: START, open: false, bytes: 0, frames: 0 }
    }

    /// Has something begun that the client has yet to finish?
    pub(super) fn unfinished(&self) -> bool {
        self.open || !matches!(self.phase, Phase::Header { have: 0, .. })
    }

    /// Goes on with the next bytes of the stream, up to the end of a frame.
    pub(super) fn inspect(&mut self, input: &[u8]) -> Seen {
        let mut seen = Seen { passed: 0, ended: false, violation: None };
        while seen.passed < input.len() {
            match &mut self.phase {
                Phase::Payload { left } => {
                    let here = (input.len() - seen.passed) as u64;
                    let taken = here.min(*left);
                    *left -= taken;
                    // No more than `input` is long.
                    seen.passed += taken as usize;
                }
                Phase::Header { bytes, have } => {
                    bytes[*have] = input[seen.passed];
                    *have += 1;
                    if let Err(violation) = self.header() {
                        seen.violation = Some(violation);
                        return seen;
                    }
                    seen.passed += 1;
                }
            }
            if matches!(self.phase, Phase::Payload { left: 0 }) {
                self.phase = START;
                seen.ended = !self.open;
                return seen;
            }
        }
        seen
    }

    /// Checks the header's newest byte; with the last one the payload begins.
    fn header(&mut self) -> Result<(), Violation> {
        let Phase::Header { bytes, have } = &self.phase else { return Ok(()) };
        let (bytes, have) = (*bytes, *have);
        let length_bytes = match bytes[1] & !MASKED {
            LENGTH_16 => 2,
            LENGTH_64 => 8,
            _ => 0,
        };
        match have {
            1 => return self.first(bytes[0]),
            2 => second(bytes[0], bytes[1])?,
            _ => {}
        }
        if have == 2 + length_bytes {
            self.length(bytes[0], announced(&bytes[1..have])?)?;
        }
        if have == 2 + length_bytes + 4 {
            let left = announced(&bytes[1..2 + length_bytes])?;
            self.open = if bytes[0] & CONTROL == 0 { bytes[0] & FIN == 0 } else { self.open };
            self.phase = Phase::Payload { left };
        }
        Ok(())
    }

    /// The first byte: reserved bits, opcode, and its place among fragments.
    fn first(&mut self, byte: u8) -> Result<(), Violation> {
        if byte & RESERVED != 0 {
            return Err(Violation::protocol("reserved bits are set"));
        }
        match byte & OPCODE {
            0x0 if !self.open => return Err(Violation::protocol("continuation of nothing")),
            0x1 | 0x2 if self.open => {
                return Err(Violation::protocol("a new message within a fragmented one"));
            }
            0x8..=0xa if byte & FIN == 0 => {
                return Err(Violation::protocol("control frames are never fragmented"));
            }
            0x0..=0x2 | 0x8..=0xa => {}
            _ => return Err(Violation::protocol("reserved opcode")),
        }
        if !self.open {
            (self.bytes, self.frames) = (0, 0);
        }
        self.frames += 1;
        if self.frames > self.max_frames { Err(Violation::TOO_MANY_FRAMES) } else { Ok(()) }
    }

    /// The announced length: refused here, nothing has been reserved for it.
    fn length(&mut self, first: u8, length: u64) -> Result<(), Violation> {
        if first & CONTROL != 0 {
            return Ok(());
        }
        self.bytes = self.bytes.saturating_add(length);
        if self.bytes > self.max_bytes { Err(Violation::TOO_BIG) } else { Ok(()) }
    }
}

/// The second byte: the mask, and what control frames may be long.
fn second(first: u8, second: u8) -> Result<(), Violation> {
    if second & MASKED == 0 {
        return Err(Violation::protocol("client frames must be masked"));
    }
    if first & CONTROL != 0 && second & !MASKED > CONTROL_BYTES {
        return Err(Violation::protocol("control frames carry 125 bytes at most"));
    }
    Ok(())
}

/// The payload's length from the header's length code and the bytes after it, which must be the
/// shortest form (RFC 6455 §5.2).
fn announced(code_and_bytes: &[u8]) -> Result<u64, Violation> {
    let (code, bytes) = (code_and_bytes[0] & !MASKED, &code_and_bytes[1..]);
    let length = bytes.iter().fold(0, |length, byte| length << 8 | u64::from(*byte));
    match code {
        LENGTH_16 if length < u64::from(LENGTH_16) => {
            Err(Violation::protocol("length is not in its shortest form"))
        }
        LENGTH_64 if length <= u64::from(u16::MAX) => {
            Err(Violation::protocol("length is not in its shortest form"))
        }
        LENGTH_64 if length >> 63 != 0 => Err(Violation::protocol("length has its top bit set")),
        LENGTH_16 | LENGTH_64 => Ok(length),
        short => Ok(u64::from(short)),
    }
}

#[cfg(test)]
mod tests;
