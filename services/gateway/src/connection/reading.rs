//! What a socket's client reads of a session beside its output: rows that have left the screen, and
//! whether its own screen is the session's.

use termfleet_proto::{
    worker_v1::ScreenFormat,
    ws::{
        text::Tell,
        v1::{RequestId, ServerMessage},
    },
};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ChannelId, Offset},
    role::Operation,
};

use super::{Connection, close::Closing, errand::Outcome, tell::About};
use crate::{sessions::RowsPage, upstream::SeatKey};

/// Rows for a client of text that does not say how many: what a large screen shows.
const TEXT_ROWS: u64 = 200;

/// What a session's screen is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sum {
    epoch: u64,
    offset: Offset,
    hash: u32,
}

impl Connection {
    /// The client wants rows of a session that it names.
    pub(super) fn ask_history(
        &mut self,
        id: Option<RequestId>,
        name: String,
        before: Option<u64>,
        lines: u64,
    ) -> Result<(), Closing> {
        if self.path.as_ref().is_some_and(|path| *path != name) {
            let text = "this socket is one session's";
            return self.refuse(About::named(id, &name), &Refusal::new(Code::BadMessage, text));
        }
        if let Err(refusal) = self.may(Operation::Read) {
            return self.refuse(About::named(id, &name), &refusal);
        }
        let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
        self.errands.run(async move {
            let page = sessions.history(&actor, &name, before, lines, false).await;
            Outcome::Recalled(id, name, page)
        });
        Ok(())
    }

    pub(super) fn recalled(
        &mut self,
        id: Option<RequestId>,
        name: &str,
        page: Result<RowsPage, Refusal>,
    ) -> Result<(), Closing> {
        match page {
            Err(refusal) => self.refuse(About::named(id, name), &refusal),
            Ok(RowsPage { lines, before }) if self.voice.is_text() => {
                self.say_history(name, &lines.join("\r\n"), before)
            }
            Ok(RowsPage { lines, before }) => {
                self.tell(id, None, ServerMessage::History { lines, before })
            }
        }
    }

    fn say_history(&mut self, name: &str, text: &str, before: Option<u64>) -> Result<(), Closing> {
        let Some(seat) = self.names.seat(name).and_then(|key| self.seats.look(key)) else {
            return Ok(());
        };
        match self.voice.text(seat.named(), Tell::History { text, before }) {
            Some(message) => self.outgoing.say(message),
            None => Ok(()),
        }
    }

    /// A client of text wants rows of a session that it has a seat at.
    pub(super) fn ask_history_by_name(
        &mut self,
        key: SeatKey,
        lines: Option<u64>,
        before: Option<u64>,
    ) -> Result<(), Closing> {
        let Some(seat) = self.seats.look(key) else { return Ok(()) };
        let name = seat.name.clone();
        self.ask_history(None, name, before, lines.unwrap_or(TEXT_ROWS))
    }

    /// The client wants to know what the session's screen is like.
    pub(super) fn check(
        &mut self,
        id: Option<RequestId>,
        channel: ChannelId,
    ) -> Result<(), Closing> {
        self.on_channel(id, channel, |this, key, id| {
            let Some(seat) = this.seats.look(key) else { return Ok(()) };
            let session = seat.session_id();
            let (sessions, actor) = (this.edge.sessions.clone(), this.actor()?.clone());
            this.errands.run(async move {
                let format = ScreenFormat::Unspecified;
                let screen = sessions.screen(&actor, &session, format).await;
                let sum = screen.map(|screen| Sum {
                    epoch: screen.epoch,
                    offset: Offset::new(screen.offset),
                    hash: screen.hash,
                });
                Outcome::Checked(id, key, channel, sum)
            });
            Ok(())
        })
    }

    pub(super) fn checked(
        &mut self,
        id: Option<RequestId>,
        key: SeatKey,
        channel: ChannelId,
        sum: Result<Sum, Refusal>,
    ) -> Result<(), Closing> {
        let about = self.about(key, id.clone());
        let Some(seat) = self.seats.look(key) else { return Ok(()) };
        match sum {
            Err(refusal) => self.refuse(about, &refusal),
            // Of another shell, or for a channel that is no more: the client compares nothing with it.
            Ok(sum) if seat.epoch.is_none_or(|epoch| epoch.get() != sum.epoch) => {
                self.refuse(about, &Code::ServiceUnavailable.into())
            }
            Ok(Sum { offset, hash, .. }) => {
                let hash = format!("{hash:08x}");
                self.tell(id, None, ServerMessage::Checked { channel, offset, hash })
            }
        }
    }
}
