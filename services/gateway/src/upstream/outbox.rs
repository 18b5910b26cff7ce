//! What waits to be sent over one link: attachments and requests first, then each channel in turn,
//! at most a frame of input at a time, so that one client's paste does not delay another's key.
//!
//! Everything in it is bounded: attachments by seats, requests by what a seat may have open (the
//! link counts them), acknowledgements, sizes and tiers by keeping the newest, input by the window.

use std::collections::{HashMap, VecDeque};

use bytes::Bytes;
use termfleet_proto::{
    worker_v1::{self as pb, gateway_frame::Frame},
    ws::v1::Tier,
};
use termfleet_session::{
    ids::Offset,
    limits::{INPUT_WINDOW_BYTES, MAX_INPUT_BYTES, MIN_WINDOW_BYTES, Size},
};

use super::link::SeatId;

/// Input that may wait for one channel: the window, and the message that reaches over its end.
const CHANNEL_INPUT_BYTES: usize = INPUT_WINDOW_BYTES as usize + MAX_INPUT_BYTES;
/// An acknowledgement that moves less than this waits for the next frame of its link, the beat at the
/// latest: a sixteenth of the smallest window, so that no viewer ever stands still for it. One comes
/// after every keystroke, and would cost as much as the key.
const ACK_STEP_BYTES: u64 = MIN_WINDOW_BYTES / 16;
/// What a piece of input costs beside its bytes: a client that types empty or tiny messages must
/// not queue more of them than these bounds mean.
const INPUT_OVERHEAD_BYTES: usize = 64;

/// The next thing to send.
#[derive(Debug, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "it is handed on at once, never kept")]
pub(super) enum Next {
    /// This seat's attachment; its frame is made when it leaves, for capabilities are short-lived.
    Attach(SeatId),
    /// A frame.
    Frame(Frame),
}

/// There is no room for more input of this channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// The frames that wait for one link.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    beat: Option<u64>,
    attaches: VecDeque<SeatId>,
    requests: VecDeque<Frame>,
    channels: HashMap<u64, Outgoing>,
    turn: VecDeque<u64>,
    /// Up to where each channel's output is acknowledged on this stream.
    acked: HashMap<u64, Offset>,
}

#[derive(Debug, Default)]
struct Outgoing {
    ack: Option<Offset>,
    /// Parts of snapshots that were taken since that was said last.
    taken: u32,
    resize: Option<Size>,
    tier: Option<Tier>,
    input: VecDeque<(Option<Offset>, Bytes)>,
    cost: usize,
    detach: Option<bool>,
}

impl Outbox {
    pub(super) fn beat(&mut self, at_ms: u64) {
        self.beat = Some(at_ms);
    }

    pub(super) fn attach(&mut self, seat: SeatId) {
        self.attaches.push_back(seat);
    }

    pub(super) fn request(&mut self, frame: Frame) {
        self.requests.push_back(frame);
    }

    /// Acknowledges output; true if that may not wait for company.
    pub(super) fn ack(&mut self, channel: u64, offset: Offset) -> bool {
        self.channel(channel).ack = Some(offset);
        // The first one says where the channel stands; one that goes back says so anew.
        let known = self.acked.get(&channel).filter(|known| **known <= offset);
        let far = known.is_none_or(|known| offset.since(*known) >= ACK_STEP_BYTES);
        if far {
            self.acked.insert(channel, offset);
        }
        far
    }

    pub(super) fn took_part(&mut self, channel: u64) {
        self.channel(channel).taken += 1;
    }

    pub(super) fn resize(&mut self, channel: u64, size: Size) {
        self.channel(channel).resize = Some(size);
    }

    pub(super) fn tier(&mut self, channel: u64, tier: Tier) {
        self.channel(channel).tier = Some(tier);
    }

    pub(super) fn input(
        &mut self,
        channel: u64,
        offset: Option<Offset>,
        data: Bytes,
    ) -> Result<(), Full> {
        let cost = data.len() + INPUT_OVERHEAD_BYTES;
        if self.channels.get(&channel).is_some_and(|out| out.cost + cost > CHANNEL_INPUT_BYTES) {
            return Err(Full);
        }
        let out = self.channel(channel);
        out.cost += cost;
        out.input.push_back((offset, data));
        Ok(())
    }

    /// Ends a channel, after the input that waits for it.
    pub(super) fn detach(&mut self, channel: u64, lost: bool) {
        self.acked.remove(&channel);
        let out = self.channel(channel);
        (out.ack, out.taken, out.resize, out.tier) = (None, 0, None, None);
        out.detach = Some(lost);
    }

    /// Drops what waits for a channel that the worker has ended.
    pub(super) fn forget(&mut self, channel: u64) {
        self.acked.remove(&channel);
        self.channels.remove(&channel);
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    pub(super) fn is_empty(&self) -> bool {
        self.attaches.is_empty() && self.requests.is_empty() && self.channels.is_empty()
    }

    pub(super) fn pop(&mut self) -> Option<Next> {
        if let Some(at_ms) = self.beat.take() {
            return Some(Next::Frame(Frame::Beat(pb::Beat { at_ms })));
        }
        if let Some(seat) = self.attaches.pop_front() {
            return Some(Next::Attach(seat));
        }
        if let Some(frame) = self.requests.pop_front() {
            return Some(Next::Frame(frame));
        }
        while let Some(channel) = self.turn.pop_front() {
            let Some(out) = self.channels.get_mut(&channel) else { continue };
            let frame = out.pop(channel);
            if out.is_empty() {
                self.channels.remove(&channel);
            } else {
                self.turn.push_back(channel);
            }
            let Some(frame) = frame else { continue };
            if let Frame::Ack(ack) = &frame {
                self.acked.insert(channel, Offset::new(ack.offset));
            }
            return Some(Next::Frame(frame));
        }
        None
    }

    /// The channel's queue; a new one takes its turn.
    fn channel(&mut self, channel: u64) -> &mut Outgoing {
        let Self { channels, turn, .. } = self;
        channels.entry(channel).or_insert_with(|| {
            turn.push_back(channel);
            Outgoing::default()
        })
    }
}

impl Outgoing {
    fn is_empty(&self) -> bool {
        self.ack.is_none()
            && self.taken == 0
            && self.resize.is_none()
            && self.tier.is_none()
            && self.input.is_empty()
            && self.detach.is_none()
    }

    fn pop(&mut self, channel: u64) -> Option<Frame> {
        if let Some(offset) = self.ack.take() {
            return Some(Frame::Ack(pb::Ack { channel, offset: offset.get() }));
        }
        if let parts @ 1.. = std::mem::take(&mut self.taken) {
            return Some(Frame::Taken(pb::Taken { channel, parts }));
        }
        if let Some(size) = self.resize.take() {
            return Some(Frame::Resize(pb::Resize { channel, size: Some(size.into()) }));
        }
        if let Some(tier) = self.tier.take() {
            let tier = pb::Tier::from(tier).into();
            return Some(Frame::SetTier(pb::SetTier { channel, tier }));
        }
        if let Some((offset, data)) = self.input.pop_front() {
            self.cost -= data.len() + INPUT_OVERHEAD_BYTES;
            return Some(Frame::Input(pb::Input {
                channel,
                offset: offset.map(Offset::get),
                data,
            }));
        }
        let lost = self.detach.take()?;
        Some(Frame::Detach(pb::Detach { channel, lost }))
    }
}

#[cfg(test)]
mod tests;
