//! Who may reach a session: the capability that a gateway sends with a request, checked by this
//! worker's own key (`security.md` §1).
//!
//! What the role then allows is asked for every message, of the session's facts.

use sha2::{Digest, Sha256};
use termfleet_proto::{convert::Malformed, worker_v1 as pb};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ClientId, SessionId, UserId, WorkerId},
    role::{Actor, Denied, EVERY_TENANT, Operation, Role},
};
use termfleet_token::CapabilityCheck;

use crate::session::Facts;

/// The actor of a request, if the capability says the same.
pub(crate) fn actor(
    key: &CapabilityCheck,
    capability: &str,
    session: &SessionId,
    claimed: Option<pb::Actor>,
) -> Result<Actor, Refusal> {
    let claimed = said(claimed)?;
    let shown = key.verify(capability, session, clock::now_unix()).map_err(|error| {
        tracing::debug!(%error, %session, "capability refused");
        Refusal::from(error.code())
    })?;
    only(&shown.actor, claimed)
}

/// The administrator who asks something of this worker as a whole, if the capability says the same.
pub(crate) fn administrator(
    key: &CapabilityCheck,
    capability: &str,
    worker: &WorkerId,
    claimed: Option<pb::Actor>,
) -> Result<Actor, Refusal> {
    let claimed = said(claimed)?;
    let shown = key.verify_for_worker(capability, worker, clock::now_unix()).map_err(|error| {
        tracing::debug!(%error, "capability refused");
        Refusal::from(error.code())
    })?;
    let actor = only(&shown, claimed)?;
    if actor.role == Role::Admin { Ok(actor) } else { Err(Code::Forbidden.into()) }
}

fn said(claimed: Option<pb::Actor>) -> Result<Actor, Refusal> {
    let claimed = claimed.map(Actor::try_from).transpose().map_err(malformed)?;
    claimed.ok_or(Refusal::new(Code::BadMessage, "the actor is missing"))
}

fn only(shown: &Actor, claimed: Actor) -> Result<Actor, Refusal> {
    if speaks_for(shown, &claimed) {
        Ok(claimed)
    } else {
        Err(Refusal::new(Code::Forbidden, "the capability is for somebody else"))
    }
}

/// An administrator of every tenant acts within one of them; everybody else is who they are.
fn speaks_for(shown: &Actor, claimed: &Actor) -> bool {
    let everywhere = shown.role == Role::Admin && shown.tenant.as_str() == EVERY_TENANT;
    shown.user == claimed.user
        && shown.role == claimed.role
        && (shown.tenant == claimed.tenant || everywhere)
}

/// May this actor do this to that session? Someone else's session answers like one that does not
/// exist.
pub(crate) fn may(actor: &Actor, operation: Operation, facts: &Facts) -> Result<(), Refusal> {
    actor.may(operation, &facts.tenant, &facts.user).map_err(denied)
}

/// What somebody is told who may not.
pub(crate) fn denied(denied: Denied) -> Refusal {
    match denied {
        Denied::Hidden => Code::SessionNotFound.into(),
        Denied::Forbidden => Code::Forbidden.into(),
    }
}

/// What a client is told about a message of another process that means nothing.
pub(crate) fn malformed(error: Malformed) -> Refusal {
    Refusal::new(Code::BadMessage, error.to_string())
}

/// The name of a lane in the ptyhost, which knows no users: client ids are scoped to their user.
pub(crate) fn lane(user: &UserId, client: &ClientId) -> ClientId {
    let mut hash = Sha256::new();
    hash.update(user.as_str());
    hash.update([0]);
    hash.update(client.as_str());
    let mut random = [0; 16];
    random.copy_from_slice(&hash.finalize()[..16]);
    ClientId::new(random)
}

#[cfg(test)]
mod tests {
    //! Whom a capability covers.
    use termfleet_token::CapabilityKey;

    use super::*;

    fn actor_of(user: &str, tenant: &str, role: Role) -> Actor {
        Actor { user: user.parse().unwrap(), tenant: tenant.parse().unwrap(), role }
    }

    fn asked(shown: &Actor, claimed: &Actor) -> Result<Actor, Code> {
        let key = CapabilityKey::generate().unwrap();
        let session: SessionId = "aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap();
        let capability = key.mint(&session, shown, clock::now_unix()).unwrap();
        let asked = actor(&key.check(), &capability, &session, Some(claimed.into()));
        asked.map_err(|refusal| refusal.code)
    }

    #[test]
    fn a_capability_is_for_its_actor_alone() {
        let ann = actor_of("ann", "acme", Role::User);
        assert_eq!(asked(&ann, &ann).as_ref(), Ok(&ann));
        for other in [
            actor_of("bob", "acme", Role::User),
            actor_of("ann", "other", Role::User),
            actor_of("ann", "acme", Role::Admin),
        ] {
            assert_eq!(asked(&ann, &other), Err(Code::Forbidden));
        }
    }

    #[test]
    fn an_admin_of_every_tenant_may_act_within_one() {
        let root = actor_of("root", "*", Role::Admin);
        let within = actor_of("root", "acme", Role::Admin);
        assert_eq!(asked(&root, &within).as_ref(), Ok(&within));
        let user = actor_of("root", "*", Role::User);
        assert_eq!(asked(&user, &actor_of("root", "acme", Role::User)), Err(Code::Forbidden));
    }

    #[test]
    fn nothing_and_somebody_elses_signature_are_refused() {
        let ann = actor_of("ann", "acme", Role::User);
        let session: SessionId = "aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap();
        let theirs = CapabilityKey::generate().unwrap();
        let forged = theirs.mint(&session, &ann, clock::now_unix()).unwrap();
        let key = CapabilityKey::generate().unwrap().check();
        for capability in ["", &forged] {
            let refused = actor(&key, capability, &session, Some((&ann).into())).unwrap_err();
            assert_eq!(refused.code, Code::Unauthorized);
        }
        assert_eq!(actor(&key, &forged, &session, None).unwrap_err().code, Code::BadMessage);
    }

    #[test]
    fn only_an_administrator_asks_something_of_a_worker_and_of_this_one_alone() {
        let key = CapabilityKey::generate().unwrap();
        let (own, other): (WorkerId, WorkerId) = ("w1".parse().unwrap(), "w2".parse().unwrap());
        let ask = |worker: &WorkerId, shown: &Actor, claimed: &Actor| {
            let capability = key.mint_for_worker(worker, shown, clock::now_unix()).unwrap();
            let asked = administrator(&key.check(), &capability, &own, Some(claimed.into()));
            asked.map_err(|refusal| refusal.code)
        };
        let admin = actor_of("root", "acme", Role::Admin);
        assert_eq!(ask(&own, &admin, &admin).as_ref(), Ok(&admin));
        assert_eq!(ask(&other, &admin, &admin), Err(Code::Forbidden));
        let user = actor_of("root", "acme", Role::User);
        assert_eq!(ask(&own, &user, &user), Err(Code::Forbidden));
        assert_eq!(ask(&own, &user, &admin), Err(Code::Forbidden));
        let session: SessionId = "aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap();
        let of_session = key.mint(&session, &admin, clock::now_unix()).unwrap();
        let refused = administrator(&key.check(), &of_session, &own, Some((&admin).into()));
        assert_eq!(refused.unwrap_err().code, Code::Unauthorized);
    }

    #[test]
    fn the_same_client_id_of_two_users_is_two_lanes() {
        let client = ClientId::new([1; 16]);
        let of = |user: &str| lane(&user.parse().unwrap(), &client);
        assert_ne!(of("ann"), of("bob"));
        assert_eq!(of("ann"), of("ann"));
    }
}
