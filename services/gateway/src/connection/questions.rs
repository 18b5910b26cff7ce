//! The questions of `voice.v1`: each is noted, done and answered once, whichever gateway hears it and
//! however often it comes.
//!
//! ```text
//! heard ─▶ waiting ─▶ noting ─▶ seating ─▶ doing ─▶ keeping ─▶ (told)
//! ```
//!
//! One question of a socket is in hand at a time, so that commands are typed in their order. What
//! has begun when its socket ends is answered all the same, for whoever asks again elsewhere.

mod doing;
mod noting;
mod state_of;

use std::collections::VecDeque;

use data_encoding::BASE32_NOPAD;
use termfleet_proto::ws::{
    v1::ErrorMessage,
    voice_v1::{self, Answer, Asked, BadQuestion, Envelope, Question, SessionState},
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    limits::Size,
    role::Operation,
};
use termfleet_store::{Heard, Message};

use self::noting::Noted;
use super::{
    Connection,
    canonical::{bad, bad_size},
    close::Closing,
    errand::Outcome,
    trace,
};
use crate::upstream::SeatKey;

/// Questions of one socket that may wait for those before them: a person speaks some a minute.
const MOST_WAITING: usize = 64;
/// When to ask again about a question that is under way.
const UNDER_WAY_RETRY_MS: u64 = 1_000;

/// The questions of one socket.
#[derive(Debug, Default)]
pub(super) struct Questions {
    waiting: VecDeque<Question>,
    current: Option<Current>,
    /// The socket's end, once the question in hand is answered.
    then: Option<Closing>,
}

/// The question in hand.
#[derive(Debug)]
struct Current {
    question: Question,
    /// The session as the client calls it.
    name: String,
    /// What the store knows it by, once it is this socket's to answer.
    message: Option<Message>,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It is asked whether it came before.
    Noting,
    /// It needs a channel.
    Seating(SeatKey),
    /// The worker has it, or the session is being closed.
    Doing(Option<SeatKey>),
    /// It is done, and its answer is being kept.
    Keeping,
}

/// What came of an errand of a question.
#[derive(Debug)]
pub(super) enum Progress {
    /// It is known whether the question in hand came before.
    Noted(Result<Box<Noted>, Refusal>),
    /// Its session was to be closed.
    Destroyed(Result<(), Refusal>),
    /// Its answer is kept, and can be told.
    Kept(String),
    /// A session was looked at, for the question of this id about a session called so.
    Looked(String, String, Result<Box<SessionState>, Refusal>),
}

/// An envelope about a session that the client calls so.
pub(super) fn envelope<'a>(name: Option<&'a str>, message_id: &'a str) -> Envelope<'a> {
    Envelope { session: name, message_id, now_ms: clock::now_ms() }
}

/// What the server calls a message of its own: nothing refers to it, so without randomness it may
/// be the same twice.
pub(super) fn new_message_id() -> String {
    let mut random = [0; 16];
    if let Err(error) = getrandom::fill(&mut random) {
        tracing::error!(%error, "the operating system gave no randomness");
    }
    BASE32_NOPAD.encode(&random).to_ascii_lowercase()
}

impl Connection {
    /// A message of `voice.v1` came.
    pub(super) fn heard_question(&mut self, text: &str) -> Result<(), Closing> {
        let question = match voice_v1::read(text) {
            Ok(question) => question,
            Err(BadQuestion { message_id, error }) => {
                return self.refuse_question(message_id.as_deref(), None, &bad(&error.to_string()));
            }
        };
        let name = question.session.clone().or_else(|| self.path.clone());
        let id = question.message_id.clone();
        if let Err(refusal) = self.limits.message() {
            return self.refuse_question(Some(&id), name.as_deref(), &refusal);
        }
        trace::asked(&question.asked).in_scope(|| self.asked(id, name, question))
    }

    fn asked(
        &mut self,
        id: String,
        name: Option<String>,
        question: Question,
    ) -> Result<(), Closing> {
        if let Asked::Heartbeat { payload } = &question.asked {
            return self.say_answer(name.as_deref(), &id, &Answer::Alive(payload));
        }
        let Some(name) = name else {
            let refusal = bad("which session? sessionId is missing");
            return self.refuse_question(Some(&id), None, &refusal);
        };
        if let Err(refusal) = self.may_ask(&question.asked) {
            return self.refuse_question(Some(&id), Some(&name), &refusal);
        }
        if question.asked == Asked::Status {
            return self.look_at(id, name);
        }
        if self.questions.waiting.len() == MOST_WAITING {
            let text = format!("{MOST_WAITING} questions wait already");
            let refusal = Refusal::new(Code::RateLimited, text).retry_after(UNDER_WAY_RETRY_MS);
            return self.refuse_question(Some(&id), Some(&name), &refusal);
        }
        self.questions.waiting.push_back(Question { session: Some(name), ..question });
        self.next_question()
    }

    /// What can be said of a question without asking anybody.
    fn may_ask(&self, asked: &Asked) -> Result<(), Refusal> {
        match asked {
            Asked::Status | Asked::Heartbeat { .. } | Asked::Disconnect { destroy: false } => {
                return Ok(());
            }
            Asked::Disconnect { destroy: true } => return self.may(Operation::Delete),
            Asked::Command(command) => {
                command.line(self.edge.config.limits.input_message_bytes)?;
            }
            Asked::Resize { cols, rows } => {
                Size::new(*cols, *rows).ok_or_else(bad_size)?;
            }
            Asked::Interrupt | Asked::Clear => {}
        }
        self.may(Operation::Write)
    }

    fn look_at(&mut self, id: String, name: String) -> Result<(), Closing> {
        let (sessions, actor) = (self.edge.sessions.clone(), self.actor()?.clone());
        let seat = self.names.seat(&name).and_then(|key| self.seats.look(key));
        let printed_at = seat.and_then(|seat| seat.printed_at);
        self.errands.run(async move {
            let state = sessions.look(&actor, &name).await.map(|(session, viewers)| {
                let printed = printed_at.map(|at| at.elapsed());
                Box::new(state_of::state_of(&session, viewers, printed))
            });
            Outcome::Question(Progress::Looked(id, name, state))
        });
        Ok(())
    }

    /// An errand of a question is done.
    pub(super) fn question_goes_on(&mut self, progress: Progress) -> Result<(), Closing> {
        match progress {
            Progress::Noted(Ok(noted)) => self.noted(*noted),
            Progress::Noted(Err(refusal)) => self.give_up_question(&refusal),
            Progress::Destroyed(Ok(())) => {
                let asked = Asked::Disconnect { destroy: true };
                self.conclude_question(&Answer::Done(&asked))
            }
            Progress::Destroyed(Err(refusal)) => self.give_up_question(&refusal),
            Progress::Kept(answer) => self.kept(answer),
            Progress::Looked(id, name, Ok(state)) => {
                self.say_answer(Some(&name), &id, &Answer::State(state))
            }
            Progress::Looked(id, name, Err(refusal)) => {
                self.refuse_question(Some(&id), Some(&name), &refusal)
            }
        }
    }

    /// Takes the next question in hand, if there is none.
    fn next_question(&mut self) -> Result<(), Closing> {
        if self.questions.current.is_some() {
            return Ok(());
        }
        if let Some(closing) = self.questions.then.take() {
            return Err(closing);
        }
        let Some(question) = self.questions.waiting.pop_front() else { return Ok(()) };
        let name = question.session.clone().unwrap_or_default();
        self.note(&question, name.clone())?;
        let stage = Stage::Noting;
        self.questions.current = Some(Current { question, name, message: None, stage });
        Ok(())
    }

    fn noted(&mut self, noted: Noted) -> Result<(), Closing> {
        let Noted { session, heard, first } = noted;
        match heard {
            Heard::Again(answer) => {
                self.outgoing.say(answer)?;
                self.finish_question()
            }
            Heard::UnderWay => {
                let text = "the first message of this id is under way: it is not done twice";
                let refusal = Refusal::new(Code::ServiceUnavailable, text);
                self.give_up_question(&refusal.retry_after(UNDER_WAY_RETRY_MS))
            }
            Heard::First => {
                if let Some(current) = &mut self.questions.current {
                    current.message = Some(first.taken());
                }
                self.begin(&session)
            }
        }
    }

    /// Answers the question in hand, for ever.
    fn conclude_question(&mut self, answer: &Answer<'_>) -> Result<(), Closing> {
        let Some(current) = &mut self.questions.current else { return Ok(()) };
        let Some(message) = current.message.clone() else { return Ok(()) };
        current.stage = Stage::Keeping;
        let text = envelope(Some(&current.name), &new_message_id())
            .answer(Some(&current.question.message_id), answer);
        let kept = noting::keep(&self.edge, message, text.clone());
        self.errands.run(async move {
            // It is told also when it could not be kept: the question was done.
            let _ = kept.await;
            Outcome::Question(Progress::Kept(text))
        });
        Ok(())
    }

    fn conclude_refused(&mut self, refusal: &Refusal) -> Result<(), Closing> {
        self.edge.metrics.refused(refusal.code);
        self.conclude_question(&Answer::Refused(&ErrorMessage::of(refusal)))
    }

    /// The answer of the question in hand is kept.
    fn kept(&mut self, answer: String) -> Result<(), Closing> {
        self.outgoing.say(answer)?;
        let asked = self.questions.current.as_ref().map(|current| &current.question.asked);
        let leaves = matches!(asked, Some(Asked::Disconnect { .. })) && self.path.is_some();
        if leaves { Err(Closing::asked()) } else { self.finish_question() }
    }

    /// Refuses the question in hand. Nothing was done about it: it may be asked again.
    fn give_up_question(&mut self, refusal: &Refusal) -> Result<(), Closing> {
        let Some(current) = self.questions.current.take() else { return Ok(()) };
        if let Some(message) = current.message {
            noting::forget(&self.edge, message);
        }
        let id = current.question.message_id;
        self.refuse_question(Some(&id), Some(&current.name), refusal)?;
        self.next_question()
    }

    fn finish_question(&mut self) -> Result<(), Closing> {
        self.questions.current = None;
        self.next_question()
    }

    /// The socket is to end, but not before the question in hand is answered that is done already,
    /// or that asked for this very end.
    pub(super) fn after_question(&mut self, closing: Closing) -> Result<(), Closing> {
        let destroys = Asked::Disconnect { destroy: true };
        let ends = |current: &Current| {
            current.stage == Stage::Keeping || current.question.asked == destroys
        };
        if !self.questions.current.as_ref().is_some_and(ends) {
            return Err(closing);
        }
        self.questions.then = Some(closing);
        Ok(())
    }

    /// The socket ends: what was begun is answered for whoever asks again.
    pub(super) fn abandon_question(&mut self) {
        let Some(Current { question, name, message: Some(message), stage }) =
            self.questions.current.take()
        else {
            return;
        };
        let sent = match stage {
            // Its own task answers.
            Stage::Keeping => return,
            Stage::Noting | Stage::Seating(_) => false,
            Stage::Doing(None) => true,
            Stage::Doing(Some(key)) => {
                self.seats.look(key).is_none_or(|seat| seat.typing.is_empty())
            }
        };
        if !sent {
            return noting::forget(&self.edge, message);
        }
        let answer = Answer::Sent(&question.asked);
        let text =
            envelope(Some(&name), &new_message_id()).answer(Some(&question.message_id), &answer);
        // Nobody waits for it here.
        drop(noting::keep(&self.edge, message, text));
    }

    fn say_answer(
        &mut self,
        name: Option<&str>,
        question: &str,
        answer: &Answer<'_>,
    ) -> Result<(), Closing> {
        self.outgoing.say(envelope(name, &new_message_id()).answer(Some(question), answer))
    }

    /// Refuses a message that is not, or no longer, in hand.
    fn refuse_question(
        &mut self,
        id: Option<&str>,
        name: Option<&str>,
        refusal: &Refusal,
    ) -> Result<(), Closing> {
        let answer = Answer::Refused(&ErrorMessage::of(refusal));
        self.outgoing.say(envelope(name, &new_message_id()).answer(id, &answer))?;
        self.count_refusal(refusal)
    }
}
