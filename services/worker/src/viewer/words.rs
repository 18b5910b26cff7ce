//! What waits to be told to one client, besides output.
//!
//! Answers are as many as the link has requests under way, which it bounds; everything else is
//! merged with what it makes out of date. The order in which they leave is the order of the fields.

use std::collections::VecDeque;

use termfleet_proto::worker_v1::{self as pb, worker_frame::Frame};
use termfleet_session::ids::ChannelId;
use tokio::sync::OwnedSemaphorePermit;

use super::Tier;
use crate::keeper::merge;

/// Gives a request's place on its link back when its answer leaves.
pub(crate) type Permit = OwnedSemaphorePermit;

/// Something to tell.
pub(crate) enum Told {
    /// The answer to a request, or the news of a replaced channel.
    Attached(pb::Attached, Option<Permit>),
    /// Input or a resize was refused.
    Refused(pb::Refusal),
    /// Input was written, and echoed.
    Ack {
        /// All before it is written.
        written: u64,
        /// All before it was written a while ago.
        echo: u64,
    },
    /// Who drives changed.
    Driver(pb::DriverChanged),
    /// The status changed.
    Status(pb::StatusChanged),
    /// It is fed in another way.
    Tier(Tier),
    /// The program rang, named its window, …
    Happened(pb::event::Kind),
    /// It is over. Nothing follows.
    Detached(pb::Detached),
}

/// What waits.
#[derive(Default)]
pub(super) struct Words {
    attached: VecDeque<(pb::Attached, Option<Permit>)>,
    detached: Option<pb::Detached>,
    refused: Option<pb::Refusal>,
    ack: Option<(u64, u64)>,
    driver: Option<pb::DriverChanged>,
    status: Option<pb::StatusChanged>,
    tier: Option<Tier>,
    /// At most one of each kind.
    happened: Vec<pb::event::Kind>,
}

impl Words {
    pub(super) fn add(&mut self, told: Told) {
        match told {
            Told::Attached(attached, permit) => self.attached.push_back((attached, permit)),
            Told::Refused(refusal) => self.refused = Some(refusal),
            Told::Ack { written, echo } => self.ack = Some((written, echo)),
            Told::Driver(driver) => self.driver = Some(driver),
            Told::Status(status) => self.merge(status),
            Told::Tier(tier) => self.tier = Some(tier),
            Told::Happened(kind) => merge(&mut self.happened, kind),
            // The first reason stands.
            Told::Detached(detached) => {
                self.detached.get_or_insert(detached);
            }
        }
    }

    /// What it was before is what the client last heard of.
    fn merge(&mut self, mut status: pb::StatusChanged) {
        if let Some(unheard) = self.status.take() {
            status.previous = unheard.previous;
        }
        self.status = Some(status);
    }

    pub(super) fn ending(&self) -> bool {
        self.detached.is_some()
    }

    pub(super) fn next(&mut self, channel: ChannelId) -> Option<(Frame, Option<Permit>)> {
        if let Some((attached, permit)) = self.attached.pop_front() {
            return Some((Frame::Attached(attached), permit));
        }
        let channel = channel.get();
        let event = |kind| Frame::Event(pb::Event { channel, kind: Some(kind) });
        let frame = if let Some(detached) = self.detached.clone() {
            Frame::Detached(pb::Detached { channel, ..detached })
        } else if let Some(refusal) = self.refused.take() {
            let (request, refusal) = (None, Some(refusal));
            Frame::Refused(pb::Refused { request, channel: Some(channel), refusal })
        } else if let Some((offset, echo_offset)) = self.ack.take() {
            Frame::InputAck(pb::InputAck { channel, offset, echo_offset })
        } else if let Some(driver) = self.driver.take() {
            event(pb::event::Kind::Driver(driver))
        } else if let Some(tier) = self.tier.take() {
            let tier = pb::Tier::from(tier).into();
            event(pb::event::Kind::Tier(pb::TierChanged { tier }))
        } else if let Some(status) = self.status.take() {
            event(pb::event::Kind::Status(status))
        } else if self.happened.is_empty() {
            return None;
        } else {
            event(self.happened.remove(0))
        };
        Some((frame, None))
    }
}
