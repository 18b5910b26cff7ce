//! The workers that the memory store knows. Pure; time comes in.

use std::collections::BTreeMap;

use termfleet_session::{
    ids::{Generation, Incarnation, WorkerId},
    record::Owner,
};

use crate::{error::StoreError, workers::Registration};

/// Registered incarnations. Those whose lease is over go with the next registration, but for their
/// generation nothing is remembered of them.
#[derive(Debug, Default)]
pub(super) struct Fleet {
    leases: BTreeMap<(WorkerId, u64, Incarnation), Lease>,
    last: u64,
}

#[derive(Debug)]
struct Lease {
    registration: Registration,
    until_ms: u64,
}

impl Fleet {
    pub(super) fn register(
        &mut self,
        registration: &Registration,
        now_ms: u64,
        lease_ms: u64,
    ) -> Result<(), StoreError> {
        self.leases.retain(|_, lease| lease.until_ms > now_ms);
        let Owner { worker, incarnation } = &registration.owner;
        let until_ms = now_ms + lease_ms;
        let lease = Lease { registration: registration.clone(), until_ms };
        match self.find(&registration.owner, registration.generation)? {
            Some(known) => *known = lease,
            None => {
                self.last += 1;
                self.leases.insert((worker.clone(), self.last, incarnation.clone()), lease);
            }
        }
        Ok(())
    }

    pub(super) fn deregister(
        &mut self,
        owner: &Owner,
        generation: Generation,
    ) -> Result<(), StoreError> {
        if self.find(owner, generation)?.is_some() {
            self.leases.retain(|_, lease| lease.registration.owner != *owner);
        }
        Ok(())
    }

    pub(super) fn alive(&self, now_ms: u64) -> Vec<Registration> {
        let alive = self.leases.values().filter(|lease| lease.until_ms > now_ms);
        alive.map(|lease| lease.registration.clone()).collect()
    }

    /// This incarnation's lease, unless a later process of it has one.
    fn find(
        &mut self,
        owner: &Owner,
        generation: Generation,
    ) -> Result<Option<&mut Lease>, StoreError> {
        let found = self.leases.values_mut().find(|lease| lease.registration.owner == *owner);
        match found {
            Some(lease) if lease.registration.generation > generation => {
                Err(StoreError::Fenced { current: lease.registration.generation })
            }
            found => Ok(found),
        }
    }
}
