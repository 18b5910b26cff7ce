//! One attachment from a gateway's side: what is asked for, and the handle through which a socket
//! speaks to its session, whichever link carries it at the moment.

use bytes::Bytes;
use termfleet_proto::{
    worker_v1 as pb,
    ws::v1::{Action, Tier},
};
use termfleet_session::{
    code::Refusal,
    ids::{Attempt, ChannelId, ClientId, Epoch, Offset, SessionId},
    limits::Size,
    role::Actor,
};

use super::{
    inbox::Token,
    link::{Link, SeatId},
};

/// What a client asks for when it attaches.
#[derive(Debug, Clone)]
pub(crate) struct Attach {
    /// The session.
    pub(crate) session: SessionId,
    /// Who asks.
    pub(crate) actor: Actor,
    /// The client, scoped to its user.
    pub(crate) client: ClientId,
    /// Which attempt of it: the same or a higher one wins.
    pub(crate) attempt: Attempt,
    /// All output of that epoch before that offset it has.
    pub(crate) resume: Option<(Epoch, Offset)>,
    /// How it wants to be fed.
    pub(crate) tier: Tier,
    /// Its window's size.
    pub(crate) size: Option<Size>,
    /// Rows of scrollback that a snapshot may bring.
    pub(crate) snapshot_rows: u32,
    /// The same of one that comes because the size has changed, if that is to be different.
    pub(crate) redraw_rows: Option<u32>,
    /// The span that it belongs to, also when it is asked for again.
    pub(crate) traceparent: Option<String>,
}

impl Attach {
    /// The frame, for this request and from this position on.
    pub(super) fn to_frame(
        &self,
        request: u64,
        resume: Option<(Epoch, Offset)>,
        capability: String,
    ) -> pb::Attach {
        pb::Attach {
            request,
            session: self.session.to_string(),
            actor: Some((&self.actor).into()),
            capability,
            client_id: self.client.to_string(),
            attempt: self.attempt.get(),
            epoch: resume.map(|(epoch, _)| epoch.get()),
            offset: resume.map(|(_, offset)| offset.get()),
            tier: pb::Tier::from(self.tier).into(),
            size: self.size.map(Into::into),
            snapshot_rows: self.snapshot_rows,
            watch_only: false,
            traceparent: self.traceparent.clone(),
            redraw_rows: self.redraw_rows,
            reports_parts: true,
        }
    }
}

/// What became of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Typed {
    /// It is on its way.
    Sent,
    /// There is no channel now, or another one than the socket knows of.
    Away,
    /// More waits for the link than one client may have unacknowledged.
    Full,
}

/// A socket's hold on one seat. Dropping it detaches as a lost socket does.
///
/// It speaks on the channel that its socket knows of: what a client says to one shell must not
/// reach the next one, only because the worker was faster than the news of it.
#[derive(Debug)]
pub(crate) struct Attachment {
    link: Link,
    seat: SeatId,
    channel: Option<ChannelId>,
}

impl Attachment {
    pub(super) fn new(link: Link, seat: SeatId) -> Self {
        Self { link, seat, channel: None }
    }

    /// The socket has heard that this is the seat's channel on its link now.
    pub(crate) fn stands_on(&mut self, channel: ChannelId) {
        self.channel = Some(channel);
    }

    /// Bytes for the shell; without an offset they are appended to the client's lane.
    pub(crate) fn input(&self, offset: Option<Offset>, data: Bytes) -> Typed {
        self.link.input(self.seat, self.channel, offset, data)
    }

    /// All output before this is parsed.
    pub(crate) fn ack(&self, offset: Offset) {
        self.link.ack(self.seat, self.channel, offset);
    }

    /// A part of a snapshot, which is not its last, has left for the client.
    pub(crate) fn took_part(&self) {
        self.link.took_part(self.seat, self.channel);
    }

    /// The client's window has another size.
    pub(crate) fn resize(&self, size: Size) {
        self.link.resize(self.seat, size);
    }

    /// It is to be fed in another way from now on; a change is answered by the event `tier`.
    pub(crate) fn set_tier(&self, tier: Tier) {
        self.link.set_tier(self.seat, tier);
    }

    /// Does something to the session; answered by a delivery with this token.
    ///
    /// # Errors
    /// If there is no channel now, or too many requests wait for an answer.
    pub(crate) fn control(&self, token: Token, action: Action) -> Result<(), Refusal> {
        self.link.control(self.seat, self.channel, token, action)
    }

    /// Brings the channel up to date; answered by a delivery with this token.
    ///
    /// # Errors
    /// As for [`Self::control`].
    pub(crate) fn sync(&self, token: Token, offset: Option<Offset>) -> Result<(), Refusal> {
        self.link.sync(self.seat, self.channel, token, offset)
    }

    /// Leaves on purpose: the driver's seat is free at once.
    pub(crate) fn leave(self) {
        self.link.detach(self.seat, false);
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // After `leave`, or when the worker ended it, there is nothing left to detach.
        self.link.detach(self.seat, true);
    }
}
