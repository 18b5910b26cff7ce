//! The sweep lease of the memory store. Pure; time comes in.

use crate::sweep::Lease;

/// Who has the lease.
#[derive(Debug, Default)]
pub(super) struct Leader {
    held: Option<(String, u64)>,
}

impl Leader {
    pub(super) fn take(&mut self, holder: &str, lease_ms: u64, now_ms: u64) -> Lease {
        match &self.held {
            Some((other, until_ms)) if other != holder && *until_ms > now_ms => {
                Lease::Taken { for_ms: until_ms - now_ms }
            }
            _ => {
                self.held = Some((holder.to_owned(), now_ms.saturating_add(lease_ms)));
                Lease::Mine
            }
        }
    }

    pub(super) fn leave(&mut self, holder: &str) {
        self.held.take_if(|(held_by, _)| held_by == holder);
    }
}
