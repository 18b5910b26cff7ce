//! Which session each request made, for as long as it may come again. Pure; time comes in.

use std::collections::{HashMap, VecDeque};

use termfleet_session::ids::{SessionId, TenantId, UserId};

use crate::{
    error::StoreError,
    repeat::{IdempotencyKey, KEPT_PER_USER, Request},
};

/// What is remembered, by user.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    users: HashMap<(TenantId, UserId), VecDeque<First>>,
}

/// The first request of its key.
#[derive(Debug)]
struct First {
    key: IdempotencyKey,
    body: [u8; 32],
    id: SessionId,
    until_ms: u64,
}

impl Repeats {
    /// Whose the key is: `id`, if this is the first request of it.
    pub(super) fn begin(
        &mut self,
        request: &Request,
        id: &SessionId,
        now_ms: u64,
        until_ms: u64,
    ) -> Result<SessionId, StoreError> {
        self.expire(now_ms);
        let firsts = self.users.entry(owner(request)).or_default();
        if let Some(first) = firsts.iter().find(|first| first.key == request.key) {
            let same = first.body == request.body;
            return if same { Ok(first.id.clone()) } else { Err(StoreError::KeyReused) };
        }
        if firsts.len() == KEPT_PER_USER {
            firsts.pop_front();
        }
        let Request { tenant: _, user: _, key, body } = request.clone();
        firsts.push_back(First { key, body, id: id.clone(), until_ms });
        Ok(id.clone())
    }

    /// Frees the key, if it is this session's.
    pub(super) fn forget(&mut self, request: &Request, id: &SessionId) {
        if let Some(firsts) = self.users.get_mut(&owner(request)) {
            firsts.retain(|first| first.key != request.key || first.id != *id);
        }
        self.drop_empty();
    }

    pub(super) fn expire(&mut self, now_ms: u64) {
        // Each user's stand in the order of their time.
        for firsts in self.users.values_mut() {
            while firsts.front().is_some_and(|first| first.until_ms <= now_ms) {
                firsts.pop_front();
            }
        }
        self.drop_empty();
    }

    /// Else every user ever seen would stay.
    fn drop_empty(&mut self) {
        self.users.retain(|_, firsts| !firsts.is_empty());
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

fn owner(request: &Request) -> (TenantId, UserId) {
    (request.tenant.clone(), request.user.clone())
}
