//! Who takes up a place: of a project, of a user, and under an alias. Pure counting; whether a
//! place has expired is asked in `book`.

use std::{
    collections::{HashMap, HashSet},
    hash::Hash,
};

use termfleet_session::{
    ids::{Alias, ProjectId, SessionId, TenantId, UserId},
    record::Session,
};

use crate::{
    directory::{Limits, Reservation},
    error::StoreError,
};

type Taken<K> = HashMap<K, HashSet<SessionId>>;

/// The places that are taken.
#[derive(Debug, Default)]
pub(super) struct Places {
    projects: Taken<(TenantId, ProjectId)>,
    users: Taken<(TenantId, UserId)>,
    aliases: HashMap<(TenantId, Alias), SessionId>,
}

/// What takes a place: a reservation or a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) id: SessionId,
    pub(super) tenant: TenantId,
    pub(super) project: ProjectId,
    pub(super) user: UserId,
}

impl Places {
    /// Is there room for one more?
    pub(super) fn check(&self, place: &Place, limits: Limits) -> Result<(), StoreError> {
        let Limits { per_project, per_user } = limits;
        if count(&self.projects, &place.in_project()) >= per_project as usize {
            return Err(StoreError::ProjectFull { limit: per_project });
        }
        if count(&self.users, &place.of_user()) >= per_user as usize {
            return Err(StoreError::UserFull { limit: per_user });
        }
        Ok(())
    }

    pub(super) fn take(&mut self, place: &Place) {
        self.projects.entry(place.in_project()).or_default().insert(place.id.clone());
        self.users.entry(place.of_user()).or_default().insert(place.id.clone());
    }

    pub(super) fn free(&mut self, place: &Place) {
        remove(&mut self.projects, place.in_project(), &place.id);
        remove(&mut self.users, place.of_user(), &place.id);
    }

    /// Who has the alias.
    pub(super) fn holder(&self, tenant: &TenantId, alias: &Alias) -> Option<&SessionId> {
        self.aliases.get(&(tenant.clone(), alias.clone()))
    }

    /// Gives the alias to this session, whoever had it.
    pub(super) fn name(&mut self, tenant: &TenantId, alias: &Alias, id: &SessionId) {
        self.aliases.insert((tenant.clone(), alias.clone()), id.clone());
    }

    /// Frees the alias, unless it is another session's.
    pub(super) fn unname(&mut self, tenant: &TenantId, alias: Option<&Alias>, id: &SessionId) {
        if let Some(alias) = alias
            && self.holder(tenant, alias) == Some(id)
        {
            self.aliases.remove(&(tenant.clone(), alias.clone()));
        }
    }

    pub(super) fn of_project(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> impl Iterator<Item = &SessionId> {
        self.projects.get(&(tenant.clone(), project.clone())).into_iter().flatten()
    }

    pub(super) fn of_user(
        &self,
        tenant: &TenantId,
        user: &UserId,
    ) -> impl Iterator<Item = &SessionId> {
        self.users.get(&(tenant.clone(), user.clone())).into_iter().flatten()
    }

    /// Is nothing kept at all, not even an empty set?
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.projects.is_empty() && self.users.is_empty() && self.aliases.is_empty()
    }
}

impl Place {
    fn in_project(&self) -> (TenantId, ProjectId) {
        (self.tenant.clone(), self.project.clone())
    }

    fn of_user(&self) -> (TenantId, UserId) {
        (self.tenant.clone(), self.user.clone())
    }
}

impl From<&Reservation> for Place {
    fn from(reservation: &Reservation) -> Self {
        let Reservation { id, tenant, project, user, alias: _, limits: _ } = reservation;
        Self {
            id: id.clone(),
            tenant: tenant.clone(),
            project: project.clone(),
            user: user.clone(),
        }
    }
}

impl From<&Session> for Place {
    fn from(session: &Session) -> Self {
        Self {
            id: session.id.clone(),
            tenant: session.tenant.clone(),
            project: session.project.clone(),
            user: session.user.clone(),
        }
    }
}

fn count<K: Eq + Hash>(taken: &Taken<K>, key: &K) -> usize {
    taken.get(key).map_or(0, HashSet::len)
}

/// Removes one id, and with the last one the set: else every project ever seen would stay.
fn remove<K: Eq + Hash>(taken: &mut Taken<K>, key: K, id: &SessionId) {
    if let Some(ids) = taken.get_mut(&key) {
        ids.remove(id);
        if ids.is_empty() {
            taken.remove(&key);
        }
    }
}
