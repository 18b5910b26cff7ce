//! The messages that the memory store remembers. Pure; time comes in.

use std::collections::{HashMap, VecDeque};

use termfleet_session::ids::SessionId;

use crate::{
    error::StoreError,
    messages::{Heard, MESSAGE_MS, MESSAGES_PER_SESSION, Message},
    repeat::IdempotencyKey,
};

/// What is remembered, by session and in the order in which it came.
#[derive(Debug, Default)]
pub(super) struct Memories {
    sessions: HashMap<SessionId, VecDeque<First>>,
}

#[derive(Debug)]
struct First {
    id: IdempotencyKey,
    body: [u8; 32],
    answer: Option<String>,
    until_ms: u64,
}

impl Memories {
    pub(super) fn hear(&mut self, message: &Message, now_ms: u64) -> Result<Heard, StoreError> {
        self.expire(now_ms);
        let Message { session, id, body } = message.clone();
        let firsts = self.sessions.entry(session).or_default();
        if let Some(first) = firsts.iter().find(|first| first.id == id) {
            return match &first.answer {
                _ if first.body != body => Err(StoreError::KeyReused),
                Some(answer) => Ok(Heard::Again(answer.clone())),
                None => Ok(Heard::UnderWay),
            };
        }
        if firsts.len() == MESSAGES_PER_SESSION {
            firsts.pop_front();
        }
        let until_ms = now_ms.saturating_add(MESSAGE_MS);
        firsts.push_back(First { id, body, answer: None, until_ms });
        Ok(Heard::First)
    }

    pub(super) fn answer(&mut self, message: &Message, answer: &str) {
        let firsts = self.sessions.get_mut(&message.session);
        let first = firsts.and_then(|firsts| firsts.iter_mut().find(|f| f.id == message.id));
        if let Some(first) = first {
            first.answer = Some(answer.to_owned());
        }
    }

    pub(super) fn unhear(&mut self, message: &Message) {
        if let Some(firsts) = self.sessions.get_mut(&message.session) {
            firsts.retain(|first| first.id != message.id);
        }
    }

    fn expire(&mut self, now_ms: u64) {
        for firsts in self.sessions.values_mut() {
            while firsts.front().is_some_and(|first| first.until_ms <= now_ms) {
                firsts.pop_front();
            }
        }
        // Else every session ever spoken to would stay.
        self.sessions.retain(|_, firsts| !firsts.is_empty());
    }
}
