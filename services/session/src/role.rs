//! Roles, and what each may do to a session. Every message is authorised with this, at the gateway
//! and again at the worker.

use serde::{Deserialize, Serialize};

use crate::ids::{TenantId, UserId};

/// The tenant claim of an administrator of every tenant.
pub const EVERY_TENANT: &str = "*";

/// What a user may do at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Everything, to every session of the tenant.
    Admin,
    /// Create, read, update and delete their own sessions.
    User,
    /// Read their own sessions.
    Viewer,
}

/// What somebody wants to do to a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Start a new one.
    Create,
    /// Look at its record, its output or its history.
    Read,
    /// Type into it, resize it, rename it, signal it.
    Write,
    /// End it.
    Delete,
}

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// The user.
    pub user: UserId,
    /// Their tenant.
    pub tenant: TenantId,
    /// Their role.
    pub role: Role,
}

/// Why somebody may not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// It is not theirs: they must not learn that it exists.
    Hidden,
    /// Their role does not allow it.
    Forbidden,
}

impl Role {
    /// Whether this role allows the operation on a session within its reach.
    #[must_use]
    pub fn allows(self, operation: Operation) -> bool {
        match self {
            Self::Admin | Self::User => true,
            Self::Viewer => operation == Operation::Read,
        }
    }

    /// The role's name in tokens and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::User => "user",
            Self::Viewer => "viewer",
        }
    }

    /// The role of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Admin, Self::User, Self::Viewer].into_iter().find(|role| role.name() == name)
    }
}

impl Actor {
    /// May this actor do this to a session of that owner? Reach is asked before role, so that a
    /// foreign session answers exactly like one that does not exist.
    ///
    /// # Errors
    /// `Hidden` if the session is out of reach, `Forbidden` if only the role stands against it.
    pub fn may(
        &self,
        operation: Operation,
        tenant: &TenantId,
        owner: &UserId,
    ) -> Result<(), Denied> {
        if !self.reaches(tenant, owner) {
            return Err(Denied::Hidden);
        }
        if self.role.allows(operation) { Ok(()) } else { Err(Denied::Forbidden) }
    }

    /// May this actor run the machines that all tenants share: an administrator of every tenant?
    #[must_use]
    pub fn operates(&self) -> bool {
        self.role == Role::Admin && self.tenant.as_str() == EVERY_TENANT
    }

    fn reaches(&self, tenant: &TenantId, owner: &UserId) -> bool {
        match self.role {
            Role::Admin => self.tenant.as_str() == EVERY_TENANT || self.tenant == *tenant,
            Role::User | Role::Viewer => self.tenant == *tenant && self.user == *owner,
        }
    }
}

#[cfg(test)]
mod tests {
    //! Who reaches what.
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn actor(user: &str, tenant: &str, role: Role) -> Actor {
        Actor { user: user.parse().unwrap(), tenant: tenant.parse().unwrap(), role }
    }

    #[test]
    fn a_user_reaches_only_their_own() {
        let (acme, ann, bob) =
            ("acme".parse().unwrap(), "ann".parse().unwrap(), "bob".parse().unwrap());
        let user = actor("ann", "acme", Role::User);
        assert_eq!(user.may(Operation::Write, &acme, &ann), Ok(()));
        assert_eq!(user.may(Operation::Read, &acme, &bob), Err(Denied::Hidden));
        let other = actor("ann", "other", Role::User);
        assert_eq!(other.may(Operation::Read, &acme, &ann), Err(Denied::Hidden));
    }

    #[test]
    fn a_viewer_only_reads() {
        let (acme, ann) = ("acme".parse().unwrap(), "ann".parse().unwrap());
        let viewer = actor("ann", "acme", Role::Viewer);
        assert_eq!(viewer.may(Operation::Read, &acme, &ann), Ok(()));
        for operation in [Operation::Write, Operation::Create, Operation::Delete] {
            assert_eq!(viewer.may(operation, &acme, &ann), Err(Denied::Forbidden));
        }
    }

    #[test]
    fn an_admin_reaches_the_tenant_and_with_a_star_every_tenant() {
        let (acme, ann) = ("acme".parse().unwrap(), "ann".parse().unwrap());
        let admin = |tenant| actor("root", tenant, Role::Admin);
        assert_eq!(admin("acme").may(Operation::Delete, &acme, &ann), Ok(()));
        assert_eq!(admin("other").may(Operation::Read, &acme, &ann), Err(Denied::Hidden));
        assert_eq!(admin("*").may(Operation::Delete, &acme, &ann), Ok(()));
        assert!(admin("*").operates() && !admin("acme").operates());
        // A star is a reach for administrators alone.
        let user = actor("ann", "*", Role::User);
        assert_eq!(user.may(Operation::Read, &acme, &ann), Err(Denied::Hidden));
        assert!(!user.operates());
    }
}
