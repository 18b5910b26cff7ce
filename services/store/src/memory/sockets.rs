//! The places of sockets that the memory store knows. Pure; time comes in.

use std::collections::HashMap;

use crate::sockets::{PLACE_MS, SocketUser};

/// Users who have places.
#[derive(Debug, Default)]
pub(super) struct Seating {
    users: HashMap<SocketUser, Taken>,
}

/// What one user has: sockets by name, and until when.
#[derive(Debug, Default)]
struct Taken {
    places: HashMap<String, u64>,
    /// Sockets whose places others have taken over, for as long as they might be renewed.
    replaced: HashMap<String, u64>,
}

impl Seating {
    pub(super) fn take(
        &mut self,
        user: &SocketUser,
        socket: &str,
        replaces: Option<&str>,
        most: u32,
        now_ms: u64,
    ) -> bool {
        self.expire(now_ms);
        let taken = self.users.entry(user.clone()).or_default();
        let other = replaces.filter(|other| *other != socket && taken.places.contains_key(*other));
        let others = taken.places.len() - usize::from(other.is_some());
        let granted = taken.places.contains_key(socket) || others < most as usize;
        if granted {
            let until_ms = now_ms.saturating_add(PLACE_MS);
            if let Some(other) = other {
                taken.places.remove(other);
                taken.replaced.insert(other.to_owned(), until_ms);
            }
            taken.places.insert(socket.to_owned(), until_ms);
        }
        granted
    }

    pub(super) fn renew(
        &mut self,
        user: &SocketUser,
        sockets: &[String],
        now_ms: u64,
    ) -> Vec<String> {
        self.expire(now_ms);
        let taken = self.users.entry(user.clone()).or_default();
        let until_ms = now_ms.saturating_add(PLACE_MS);
        let mut gone = Vec::new();
        for socket in sockets {
            match taken.replaced.get_mut(socket) {
                Some(until) => {
                    *until = until_ms;
                    gone.push(socket.clone());
                }
                None => {
                    taken.places.insert(socket.clone(), until_ms);
                }
            }
        }
        gone
    }

    pub(super) fn free(&mut self, user: &SocketUser, sockets: &[String]) {
        let Some(taken) = self.users.get_mut(user) else { return };
        for socket in sockets {
            taken.places.remove(socket);
            taken.replaced.remove(socket);
        }
    }

    fn expire(&mut self, now_ms: u64) {
        // Else every user ever seen would stay.
        self.users.retain(|_, taken| {
            taken.places.retain(|_, until_ms| *until_ms > now_ms);
            taken.replaced.retain(|_, until_ms| *until_ms > now_ms);
            !taken.places.is_empty() || !taken.replaced.is_empty()
        });
    }
}
