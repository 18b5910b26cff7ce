//! What waits for one seat of a socket: a few slots for answers and marks, which only their newest
//! value matters for, and a queue of bytes and events in the order of the session.

use std::{collections::VecDeque, mem::discriminant};

use bytes::{Bytes, BytesMut};
use termfleet_proto::ws::{frame::Reason, v1::EventKind};
use termfleet_session::{
    code::Refusal,
    ids::{Epoch, Offset},
    limits::MIN_FRAME_BYTES,
};

use super::inbox::{Delivery, Overfull, SEAT_BYTES, SEAT_ITEMS, SEAT_REQUESTS, Snapshot};

/// Output up to this size is copied: a slice of a link's receive buffer would keep all of it alive.
const COPY_BYTES: usize = 4 << 10;

/// What waits for one seat.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// Newest marks of the client's input: older ones say nothing more.
    input_ack: Option<(Offset, Offset)>,
    /// The last refusal of input: the offset to go on from is in it.
    input_refused: Option<Refusal>,
    /// How often the link was looked for since it was lost.
    away: Option<u32>,
    answers: VecDeque<Delivery>,
    items: VecDeque<Item>,
    bytes: usize,
    position: Position,
    /// The last part of a snapshot that was put in has more parts to come.
    amid_snapshot: bool,
    /// The last part of a snapshot that was taken has more parts to come.
    half_taken: bool,
}

#[derive(Debug)]
enum Item {
    Other(Delivery),
    Output(Run),
}

/// Contiguous output: small pieces that have to wait are put together, so that a program which prints
/// byte by byte does not cost a frame a byte. Only up to the smallest frame: how long frames of this
/// seat may be is known to its worker, which cuts them by its window.
#[derive(Debug)]
struct Run {
    offset: Offset,
    first: Bytes,
    rest: BytesMut,
}

/// What the socket has taken of a seat's output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Position {
    /// Nothing yet, not even that it is attached.
    #[default]
    Start,
    /// Not yet the screen, or not all of it.
    NoScreen,
    /// All output of this epoch before this offset.
    At(Epoch, Offset),
}

/// What a push changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Placed {
    /// There were no answers and marks before.
    pub(super) first_answer: bool,
    /// There was nothing else before.
    pub(super) first_item: bool,
}

impl Queue {
    pub(super) fn push(&mut self, delivery: Delivery) -> Result<Placed, Overfull> {
        let (had_answers, had_items) = (self.has_answers(), self.has_items());
        match delivery {
            Delivery::InputAck { offset, echo } => self.input_ack = Some((offset, echo)),
            Delivery::InputRefused(refusal) => self.input_refused = Some(refusal),
            Delivery::Away { attempts } => self.push_away(attempts),
            answer @ (Delivery::Refused(..) | Delivery::Done(..)) => self.push_answer(answer)?,
            Delivery::Output { offset, data } => self.push_output(offset, data)?,
            Delivery::Snapshot(snapshot) => self.push_snapshot(snapshot)?,
            other @ (Delivery::Attached(..)
            | Delivery::AttachRefused(_)
            | Delivery::Event(_)
            | Delivery::Detached(_)) => self.push_other(other)?,
        }
        Ok(Placed {
            first_answer: !had_answers && self.has_answers(),
            first_item: !had_items && self.has_items(),
        })
    }

    fn push_answer(&mut self, answer: Delivery) -> Result<(), Overfull> {
        if self.answers.len() >= SEAT_REQUESTS {
            return Err(Overfull);
        }
        self.answers.push_back(answer);
        Ok(())
    }

    fn push_other(&mut self, other: Delivery) -> Result<(), Overfull> {
        if let Delivery::Event(event) = &other
            && event.is_news()
        {
            self.items.retain(|item| !is_same_news(item, event));
        }
        let is_end = matches!(other, Delivery::Detached(_) | Delivery::AttachRefused(_));
        if self.items.len() >= SEAT_ITEMS && !is_end {
            return Err(Overfull);
        }
        let resized =
            |delivery: &Delivery| matches!(delivery, Delivery::Event(EventKind::Resized { .. }));
        match self.items.back_mut() {
            // Of two sizes with nothing between them only the second was ever on a screen.
            Some(Item::Other(last)) if resized(last) && resized(&other) => *last = other,
            _ => self.items.push_back(Item::Other(other)),
        }
        Ok(())
    }

    /// An attachment that the socket has not heard of yet is over before it is told.
    fn push_away(&mut self, attempts: u32) {
        self.forget_attached();
        self.away = Some(attempts);
    }

    fn forget_attached(&mut self) {
        self.items.retain(|item| !matches!(item, Item::Other(Delivery::Attached(..))));
    }

    fn push_output(&mut self, offset: Offset, data: Bytes) -> Result<(), Overfull> {
        self.grow(data.len())?;
        self.amid_snapshot = false;
        if let Some(Item::Output(run)) = self.items.back_mut()
            && run.takes(offset, data.len())
        {
            run.rest.extend_from_slice(&data);
            return Ok(());
        }
        let first = if data.len() <= COPY_BYTES { Bytes::copy_from_slice(&data) } else { data };
        self.items.push_back(Item::Output(Run { offset, first, rest: BytesMut::new() }));
        Ok(())
    }

    /// A snapshot says all that the bytes waiting before it say: they are dropped. That is how an
    /// interrupt bites: what has not left yet never does. One that comes because of a size stands for
    /// another such one alone: a client that keeps its scrollback misses no output.
    fn push_snapshot(&mut self, snapshot: Snapshot) -> Result<(), Overfull> {
        if !self.amid_snapshot {
            self.drop_bytes(self.half_taken, snapshot.reason == Reason::Resized);
        }
        self.grow(snapshot.data.len())?;
        self.amid_snapshot = snapshot.more;
        self.items.push_back(Item::Other(Delivery::Snapshot(snapshot)));
        Ok(())
    }

    fn grow(&mut self, bytes: usize) -> Result<(), Overfull> {
        if self.bytes + bytes > SEAT_BYTES || self.items.len() >= SEAT_ITEMS {
            return Err(Overfull);
        }
        self.bytes += bytes;
        Ok(())
    }

    /// Drops what waits of output and snapshots, or those snapshots alone that came because of a size;
    /// but for the rest of a snapshot of which the socket has a part, if that is wanted: half a screen
    /// is none.
    fn drop_bytes(&mut self, mut but_begun: bool, redrawn: bool) {
        self.items.retain(|item| match item {
            Item::Output(run) => {
                self.bytes -= if redrawn { 0 } else { run.len() };
                redrawn
            }
            Item::Other(Delivery::Snapshot(part)) => {
                let kept = but_begun || (redrawn && part.reason != Reason::Resized);
                but_begun &= part.more;
                self.bytes -= if kept { 0 } else { part.data.len() };
                kept
            }
            Item::Other(_) => true,
        });
    }

    fn has_answers(&self) -> bool {
        self.input_ack.is_some()
            || self.input_refused.is_some()
            || self.away.is_some()
            || !self.answers.is_empty()
    }

    pub(super) fn has_items(&self) -> bool {
        !self.items.is_empty()
    }

    pub(super) fn pop_answer(&mut self) -> Option<Delivery> {
        if let Some(answer) = self.answers.pop_front() {
            return Some(answer);
        }
        if let Some(refusal) = self.input_refused.take() {
            return Some(Delivery::InputRefused(refusal));
        }
        if let Some(attempts) = self.away.take() {
            return Some(Delivery::Away { attempts });
        }
        let (offset, echo) = self.input_ack.take()?;
        Some(Delivery::InputAck { offset, echo })
    }

    /// The next item; of output at most `most` bytes.
    pub(super) fn pop_item(&mut self, most: usize) -> Option<Delivery> {
        let delivery = match self.items.pop_front()? {
            Item::Other(delivery) => delivery,
            Item::Output(run) => {
                let (offset, mut data) = run.into_parts();
                if data.len() > most {
                    let rest = Run {
                        offset: offset.plus(most as u64),
                        first: data.split_off(most),
                        rest: BytesMut::new(),
                    };
                    self.items.push_front(Item::Output(rest));
                }
                Delivery::Output { offset, data }
            }
        };
        self.note_taken(&delivery);
        Some(delivery)
    }

    fn note_taken(&mut self, delivery: &Delivery) {
        match delivery {
            Delivery::Attached(attached, _) => {
                // Without recovery the position means nothing until the screen is there.
                self.position = match attached.recovered {
                    true => Position::At(attached.epoch, attached.offset),
                    false => Position::NoScreen,
                };
            }
            Delivery::Output { offset, data } => {
                self.bytes -= data.len();
                if let Position::At(_, taken) = &mut self.position {
                    *taken = offset.plus(data.len() as u64);
                }
            }
            Delivery::Snapshot(snapshot) => {
                self.bytes -= snapshot.data.len();
                self.half_taken = snapshot.more;
                self.position = match snapshot.more {
                    true => Position::NoScreen,
                    false => Position::At(snapshot.epoch, snapshot.offset),
                };
            }
            Delivery::AttachRefused(_)
            | Delivery::Away { .. }
            | Delivery::InputAck { .. }
            | Delivery::Event(_)
            | Delivery::InputRefused(_)
            | Delivery::Refused(..)
            | Delivery::Done(..)
            | Delivery::Detached(_) => {}
        }
    }

    pub(super) fn rewind(&mut self) -> Position {
        self.drop_bytes(false, false);
        (self.amid_snapshot, self.half_taken) = (false, false);
        // An attachment that the socket never heard of is asked for anew; a new epoch that it has
        // not heard of is found out again by the worker.
        self.forget_attached();
        self.position
    }
}

impl Run {
    fn len(&self) -> usize {
        self.first.len() + self.rest.len()
    }

    fn takes(&self, offset: Offset, more: usize) -> bool {
        let len = self.len();
        self.offset.plus(len as u64) == offset && len + more <= MIN_FRAME_BYTES
    }

    fn into_parts(mut self) -> (Offset, Bytes) {
        if self.rest.is_empty() {
            return (self.offset, self.first);
        }
        let mut whole = BytesMut::with_capacity(self.first.len() + self.rest.len());
        whole.extend_from_slice(&self.first);
        whole.unsplit(std::mem::take(&mut self.rest));
        (self.offset, whole.freeze())
    }
}

/// Does it wait to say something of that kind, which is out of date then?
fn is_same_news(item: &Item, event: &EventKind) -> bool {
    match item {
        Item::Other(Delivery::Event(other)) => discriminant(other) == discriminant(event),
        Item::Other(_) | Item::Output(_) => false,
    }
}
