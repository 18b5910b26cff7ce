//! What is done about the question in hand: typed, asked of its session's worker, or of nobody.

use bytes::Bytes;
use termfleet_proto::ws::{
    v1::Action,
    voice_v1::{Answer, Asked, Command},
};
use termfleet_session::{
    code::{Code, Refusal},
    limits::Size,
    record::Session,
};
use tokio::time::Instant;

use super::{Progress, Stage, bad};
use crate::{
    connection::{
        Connection, canonical::full_house, close::Closing, errand::Outcome, seats::Pending,
    },
    upstream::SeatKey,
};

impl Connection {
    /// The question in hand is this socket's to do, about this session.
    pub(super) fn begin(&mut self, session: &Session) -> Result<(), Closing> {
        let Some(current) = &self.questions.current else { return Ok(()) };
        let (asked, name) = (current.question.asked.clone(), current.name.clone());
        let alias = session.alias.as_ref().map(|alias| alias.as_str());
        let is_it = |path: &String| path == session.id.as_str() || alias == Some(path.as_str());
        if !self.path.as_ref().is_none_or(is_it) {
            return self.give_up_question(&bad("this socket is another session's"));
        }
        match asked {
            Asked::Disconnect { destroy: true } => {
                let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
                let id = session.id.to_string();
                self.set_stage(Stage::Doing(None));
                self.errands.run(async move {
                    let closed = sessions.close(&actor, &id).await;
                    Outcome::Question(Progress::Destroyed(closed.map(drop)))
                });
                Ok(())
            }
            Asked::Disconnect { destroy: false } => {
                if let Some(key) = self.names.seat(&name)
                    && let Some(attachment) = self.forget(key).and_then(|seat| seat.attachment)
                {
                    attachment.leave();
                }
                self.conclude_question(&Answer::Done(&asked))
            }
            Asked::Command(_) | Asked::Resize { .. } | Asked::Interrupt | Asked::Clear => {
                if self.names.seat(&name).is_none() && self.seats.is_full() {
                    return self.give_up_question(&full_house());
                }
                let Some(key) = self.sit(name)? else { return Ok(()) };
                self.set_stage(Stage::Seating(key));
                self.question_seated(key)
            }
            // Answered without being noted.
            Asked::Status | Asked::Heartbeat { .. } => self.finish_question(),
        }
    }

    /// A seat has become one with another, which is at the same session.
    pub(in crate::connection) fn question_joins(
        &mut self,
        key: SeatKey,
        other: SeatKey,
    ) -> Result<(), Closing> {
        if self.question_is_at(Stage::Seating(key)) {
            self.set_stage(Stage::Seating(other));
        }
        self.question_seated(other)
    }

    /// A seat may have a channel now, or another one: what waits for it is done.
    pub(in crate::connection) fn question_seated(&mut self, key: SeatKey) -> Result<(), Closing> {
        let Some(current) = &self.questions.current else { return Ok(()) };
        let Some(seat) = self.seats.look(key).filter(|seat| seat.channel.is_some()) else {
            return Ok(());
        };
        // What waits in the seat goes over the new channel.
        if current.stage == Stage::Doing(Some(key)) && seat.typing.is_empty() {
            let refusal = Refusal::new(
                Code::ConnectionFailed,
                "the way to the session broke meanwhile: its output tells whether it was done",
            );
            return self.conclude_refused(&refusal);
        }
        if current.stage != Stage::Seating(key) {
            return Ok(());
        }
        let asked = current.question.asked.clone();
        match &asked {
            Asked::Command(command) => self.type_command(key, command),
            Asked::Resize { cols, rows } => {
                if let (Some(size), Some(seat)) = (Size::new(*cols, *rows), self.seats.get(key)) {
                    seat.wish.size = Some(size);
                    seat.resize(size);
                }
                self.conclude_question(&Answer::Done(&asked))
            }
            Asked::Interrupt => self.control_by_question(key, Action::Interrupt),
            Asked::Clear => self.control_by_question(key, Action::Clear),
            Asked::Disconnect { .. } | Asked::Status | Asked::Heartbeat { .. } => Ok(()),
        }
    }

    fn type_command(&mut self, key: SeatKey, command: &Command) -> Result<(), Closing> {
        let line = match command.line(self.edge.config.limits.input_message_bytes) {
            Ok(line) => line,
            Err(refusal) => return self.give_up_question(&refusal),
        };
        let now = Instant::now();
        let due = now + self.limits.input(key, line.len());
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        if seat.typing.push(due, None, Bytes::from(line)).is_err() {
            return self.give_up_question(&Code::InputWindowExceeded.into());
        }
        self.set_stage(Stage::Doing(Some(key)));
        self.release(key, now);
        Ok(())
    }

    fn control_by_question(&mut self, key: SeatKey, action: Action) -> Result<(), Closing> {
        let (take, token) = (self.seats.token(), self.seats.token());
        let Some(seat) = self.seats.get(key) else { return Ok(()) };
        let Some(attachment) = &seat.attachment else { return Ok(()) };
        if !seat.driver && attachment.control(take, Action::Take).is_ok() {
            seat.pending.insert(take, Pending::Take);
            seat.driver = true;
        }
        match attachment.control(token, action) {
            Ok(()) => {
                seat.pending.insert(token, Pending::Question);
                self.set_stage(Stage::Doing(Some(key)));
                Ok(())
            }
            Err(refusal) => self.give_up_question(&refusal),
        }
    }

    /// Input of a seat was written: a command is typed once nothing of it is on its way.
    pub(in crate::connection) fn question_written(&mut self, key: SeatKey) -> Result<(), Closing> {
        let current = self.questions.current.as_ref();
        let types = current.is_some_and(|current| {
            current.stage == Stage::Doing(Some(key))
                && matches!(current.question.asked, Asked::Command(_))
        });
        let settled = self.seats.look(key).is_some_and(|seat| seat.typing.is_settled());
        if types && settled { self.conclude_question(&Answer::Typed) } else { Ok(()) }
    }

    /// What the question in hand asked of a worker was done.
    pub(in crate::connection) fn question_done(&mut self, key: SeatKey) -> Result<(), Closing> {
        if !self.question_is_at(Stage::Doing(Some(key))) {
            return Ok(());
        }
        let Some(current) = &self.questions.current else { return Ok(()) };
        let asked = current.question.asked.clone();
        self.conclude_question(&Answer::Done(&asked))
    }

    /// A worker refused what the question in hand asked at this seat, so nothing was done. False:
    /// there is no such question.
    pub(in crate::connection) fn question_refused(
        &mut self,
        key: SeatKey,
        refusal: &Refusal,
    ) -> Result<bool, Closing> {
        if !self.question_is_at(Stage::Doing(Some(key))) {
            return Ok(false);
        }
        self.give_up_question(refusal).map(|()| true)
    }

    /// A seat is lost, and with it what the question in hand asked there: nothing was done yet, or
    /// nobody knows. False: there is no such question.
    pub(in crate::connection) fn question_lost(
        &mut self,
        key: SeatKey,
        refusal: &Refusal,
    ) -> Result<bool, Closing> {
        if self.question_is_at(Stage::Seating(key)) {
            return self.give_up_question(refusal).map(|()| true);
        }
        if self.question_is_at(Stage::Doing(Some(key))) {
            return self.conclude_refused(refusal).map(|()| true);
        }
        Ok(false)
    }

    fn question_is_at(&self, stage: Stage) -> bool {
        self.questions.current.as_ref().is_some_and(|current| current.stage == stage)
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(current) = &mut self.questions.current {
            current.stage = stage;
        }
    }
}
