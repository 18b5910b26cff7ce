//! The attachments of one socket. A **seat** is one attachment over its whole life; a **channel** is
//! what the client calls it at the moment: a number from 1 that is never used again on the socket.

use std::{collections::HashMap, time::Duration};

use termfleet_proto::ws::{
    text::Said,
    v1::{RequestId, Tier},
};
use termfleet_session::{
    ids::{Attempt, ChannelId, ClientId, Epoch, Offset, SessionId},
    limits::{CHANNELS_PER_SOCKET, Size},
};
use tokio::time::Instant;

use super::{screen::Screen, tiers::Place, typing::Typing, voice::Named};
use crate::upstream::{Attachment, SeatKey, Token};

/// How far apart sizes go on that come faster than messages may: as often as a worker applies them
/// (`byte-lane.md` §7).
const LATE_SIZE_EVERY: Duration = Duration::from_millis(50);

/// How a client wants to be attached.
#[derive(Debug, Clone)]
pub(super) struct Wish {
    /// The client.
    pub(super) client: ClientId,
    /// Which attempt of it.
    pub(super) attempt: Attempt,
    /// What it has already.
    pub(super) resume: Option<(Epoch, Offset)>,
    /// How it wants to be fed.
    pub(super) tier: Tier,
    /// Its window's size.
    pub(super) size: Option<Size>,
    /// Rows of scrollback that it wants.
    pub(super) snapshot_rows: u32,
    /// The same of a snapshot that comes because the size has changed, if that is to be different.
    pub(super) redraw_rows: Option<u32>,
}

/// One attachment.
#[derive(Debug)]
pub(super) struct Seat {
    /// The session as the client named it last.
    pub(super) name: String,
    /// How the client wants it.
    pub(super) wish: Wish,
    /// The request that asked for it, until it is answered.
    pub(super) request: Option<RequestId>,
    /// The session, once it is found.
    pub(super) session: Option<SessionId>,
    /// Its project, once it is found.
    pub(super) place: Option<Place>,
    /// What a client of text asked of it before it was found.
    pub(super) waiting: Vec<Said>,
    /// The client shows it, as far as is known.
    pub(super) visible: bool,
    /// The way to it, once it is asked for.
    pub(super) attachment: Option<Attachment>,
    /// What the client calls it, once it is attached.
    pub(super) channel: Option<ChannelId>,
    /// Requests about it that wait for an answer.
    pub(super) pending: HashMap<Token, Pending>,
    /// Input that may not go yet.
    pub(super) typing: Typing,
    /// Marks of its input that came before its channel: marks overtake everything else.
    pub(super) early_ack: Option<(Offset, Offset)>,
    /// The newest size of those that came too fast, and when it goes on.
    pub(super) late_size: Option<(Instant, Size)>,
    /// How output becomes text, for dialects of text.
    pub(super) screen: Option<Screen>,
    /// This client drives, as far as is known.
    pub(super) driver: bool,
    /// The number of the shell that it is attached to, or was last.
    pub(super) epoch: Option<Epoch>,
    /// The session's status, as far as is known.
    pub(super) status: String,
    /// Up to where the client was sent output, …
    pub(super) sent: Offset,
    /// … ever, on this channel, …
    pub(super) sent_most: Offset,
    /// … and up to where it acknowledged it.
    pub(super) acked: Offset,
    /// Output before this was there before the client, …
    pub(super) head: Offset,
    /// … and of the rest something was printed at this time last.
    pub(super) printed_at: Option<Instant>,
    /// The client was told that it may not type here, and nothing has changed since.
    pub(super) told_forbidden: bool,
}

/// A request about a seat.
#[derive(Debug, Clone)]
pub(super) enum Pending {
    /// `sync`.
    Sync(Option<RequestId>),
    /// `control`.
    Control(Option<RequestId>),
    /// The gateway's own, for a client whose dialect knows no drivers.
    Take,
    /// What the question in hand asks for.
    Question,
}

impl Seat {
    pub(super) fn new(name: String, wish: Wish, typing: Typing, screen: Option<Screen>) -> Self {
        Self {
            name,
            wish,
            request: None,
            session: None,
            place: None,
            waiting: Vec::new(),
            visible: true,
            attachment: None,
            channel: None,
            pending: HashMap::new(),
            typing,
            early_ack: None,
            late_size: None,
            screen,
            driver: false,
            epoch: None,
            status: String::new(),
            sent: Offset::default(),
            sent_most: Offset::default(),
            acked: Offset::default(),
            head: Offset::default(),
            printed_at: None,
            told_forbidden: false,
        }
    }

    /// The session's id, or while it is not known the client's name for it.
    pub(super) fn session_id(&self) -> String {
        self.session.as_ref().map_or_else(|| self.name.clone(), SessionId::to_string)
    }

    /// Does focus decide how it is fed?
    pub(super) fn is_auto(&self) -> bool {
        self.wish.tier == Tier::Auto
    }

    /// Its project, once it is found.
    pub(super) fn place(&self) -> Option<Place> {
        self.place.clone()
    }

    /// What a client of text calls the session, and its project.
    pub(super) fn named(&self) -> Named<'_> {
        let project = self.place.as_ref().map(|(_, project)| project);
        Named { name: Some(&self.name), project }
    }

    /// A `sync` is on its way: acknowledgements of what was sent before it mean nothing after it.
    pub(super) fn is_syncing(&self) -> bool {
        self.pending.values().any(|pending| matches!(pending, Pending::Sync(_)))
    }

    /// The client's window has another size, in time.
    pub(super) fn resize(&mut self, size: Size) {
        // Older than this one.
        self.late_size = None;
        if let Some(attachment) = &self.attachment {
            attachment.resize(size);
        }
    }

    /// The same, of a client that says so too often: of its sizes only the last one must hold.
    pub(super) fn resize_late(&mut self, now: Instant, size: Size) {
        let due = self.late_size.map_or(now + LATE_SIZE_EVERY, |(due, _)| due);
        self.late_size = Some((due, size));
    }

    /// When something that is held may go.
    fn due(&self) -> Option<Instant> {
        self.attachment.as_ref()?;
        let size = self.late_size.map(|(due, _)| due);
        self.typing.due().into_iter().chain(size).min()
    }

    /// The client was sent output up to here.
    pub(super) fn sent_to(&mut self, offset: Offset) {
        self.sent = offset;
        self.sent_most = self.sent_most.max(offset);
    }
}

/// What a channel number stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channel {
    /// This seat.
    Seat(SeatKey),
    /// An attachment that ended: what comes for it is ignored.
    Ended,
    /// Nothing, ever: the client made it up.
    Unknown,
}

/// All seats of a socket: at most [`CHANNELS_PER_SOCKET`].
#[derive(Debug, Default)]
pub(super) struct Seats {
    seats: HashMap<SeatKey, Seat>,
    channels: HashMap<ChannelId, SeatKey>,
    last_key: SeatKey,
    last_channel: u64,
    last_token: Token,
}

impl Seats {
    /// Is there no room for another seat?
    pub(super) fn is_full(&self) -> bool {
        self.seats.len() >= CHANNELS_PER_SOCKET
    }

    /// Adds a seat; `None`: there is no room for another one.
    pub(super) fn add(&mut self, seat: Seat) -> Option<SeatKey> {
        if self.is_full() {
            return None;
        }
        self.last_key += 1;
        self.seats.insert(self.last_key, seat);
        Some(self.last_key)
    }

    pub(super) fn get(&mut self, key: SeatKey) -> Option<&mut Seat> {
        self.seats.get_mut(&key)
    }

    pub(super) fn look(&self, key: SeatKey) -> Option<&Seat> {
        self.seats.get(&key)
    }

    /// What the client means by this number.
    pub(super) fn channel(&self, channel: ChannelId) -> Channel {
        match self.channels.get(&channel) {
            Some(key) => Channel::Seat(*key),
            None if (1..=self.last_channel).contains(&channel.get()) => Channel::Ended,
            None => Channel::Unknown,
        }
    }

    /// Gives a seat a new number; answers it, and the one that it replaces.
    pub(super) fn number(&mut self, key: SeatKey) -> Option<(ChannelId, Option<ChannelId>)> {
        let seat = self.seats.get_mut(&key)?;
        self.last_channel += 1;
        let channel = ChannelId::new(self.last_channel);
        let replaces = seat.channel.replace(channel);
        if let Some(old) = replaces {
            self.channels.remove(&old);
        }
        self.channels.insert(channel, key);
        Some((channel, replaces))
    }

    /// A number for a request about a seat.
    pub(super) fn token(&mut self) -> Token {
        self.last_token += 1;
        self.last_token
    }

    pub(super) fn remove(&mut self, key: SeatKey) -> Option<Seat> {
        let seat = self.seats.remove(&key)?;
        if let Some(channel) = seat.channel {
            self.channels.remove(&channel);
        }
        Some(seat)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (SeatKey, &Seat)> {
        self.seats.iter().map(|(key, seat)| (*key, seat))
    }

    /// Takes every seat out.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = Seat> {
        self.channels.clear();
        self.seats.drain().map(|(_, seat)| seat)
    }

    /// When the next of what is held may go.
    pub(super) fn next_held(&self) -> Option<Instant> {
        self.seats.values().filter_map(Seat::due).min()
    }

    /// Sends all held input, and sizes, that may go now.
    pub(super) fn release(&mut self, now: Instant) {
        for seat in self.seats.values_mut() {
            if let Some((_, size)) = seat.late_size.take_if(|(due, _)| *due <= now) {
                seat.resize(size);
            }
            if let Some(attachment) = &seat.attachment {
                seat.typing.release(now, |offset, data| attachment.input(offset, data));
            }
        }
    }
}
