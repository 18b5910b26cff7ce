//! What lets a gateway ask a worker to end its idle sessions: signed by the gateways' key like every
//! capability, for one worker, one time and a minute.
//!
//! It names no session and no user: the worker looks at its own. One that was overheard does nothing
//! elsewhere, and no session's capability passes for it, nor it for one.

use serde::Serialize;
use termfleet_session::ids::WorkerId;

use crate::{
    capability::{AUDIENCE, CAPABILITY_SECONDS, CapabilityCheck, CapabilityKey, ISSUER},
    error::{MintError, TokenError},
    jws::{self, Kind},
};

#[derive(Serialize)]
struct SweepClaims<'a> {
    iss: &'static str,
    aud: &'static str,
    worker: &'a WorkerId,
    idle_ms: String,
    iat: i64,
    exp: i64,
}

impl CapabilityKey {
    /// The right to ask this worker for the end of what was idle for so long, valid for
    /// [`CAPABILITY_SECONDS`].
    ///
    /// # Errors
    /// When signing fails.
    pub fn mint_sweep(
        &self,
        worker: &WorkerId,
        idle_ms: u64,
        now_unix: i64,
    ) -> Result<String, MintError> {
        let claims = SweepClaims {
            iss: ISSUER,
            aud: AUDIENCE,
            worker,
            // As text, like all claims that are no times: not every reader keeps 64 bits.
            idle_ms: idle_ms.to_string(),
            iat: now_unix,
            exp: now_unix.saturating_add(CAPABILITY_SECONDS),
        };
        jws::seal(&claims, self.signing.signing(), Some(self.signing.kid()), Kind::Sweep)
    }
}

impl CapabilityCheck {
    /// May this worker be asked for it, at this Unix second?
    ///
    /// # Errors
    /// Why not.
    pub fn verify_sweep(
        &self,
        capability: &str,
        worker: &WorkerId,
        idle_ms: u64,
        now_unix: i64,
    ) -> Result<(), TokenError> {
        let opened = jws::open(capability, &self.keys, Kind::Sweep)?;
        let claims = &opened.claims;
        claims.addressed(ISSUER, AUDIENCE)?;
        claims.current(now_unix)?;
        let asked: (WorkerId, u64) = (claims.parsed("worker")?, claims.parsed("idle_ms")?);
        if asked == (worker.clone(), idle_ms) { Ok(()) } else { Err(TokenError::OtherSweep) }
    }
}

#[cfg(test)]
mod tests {
    //! Whom it is for, what for and how long.

    use termfleet_session::{
        ids::SessionId,
        role::{Actor, Role},
    };

    use super::*;

    const NOW: i64 = 1_800_000_000;
    const IDLE_MS: u64 = 1_800_000;

    fn worker(name: &str) -> WorkerId {
        name.parse().unwrap()
    }

    #[test]
    fn it_is_for_one_worker_one_time_and_a_minute() {
        let key = CapabilityKey::generate().unwrap();
        let right = key.mint_sweep(&worker("w1"), IDLE_MS, NOW).unwrap();
        let asked =
            |name, idle_ms, now| key.check().verify_sweep(&right, &worker(name), idle_ms, now);
        assert_eq!(asked("w1", IDLE_MS, NOW), Ok(()));
        assert_eq!(asked("w1", IDLE_MS, NOW + CAPABILITY_SECONDS - 1), Ok(()));
        assert_eq!(asked("w1", IDLE_MS, NOW + CAPABILITY_SECONDS), Err(TokenError::Expired));
        assert_eq!(asked("w2", IDLE_MS, NOW), Err(TokenError::OtherSweep));
        assert_eq!(asked("w1", IDLE_MS - 1, NOW), Err(TokenError::OtherSweep));
        let other = CapabilityKey::generate().unwrap().check();
        assert!(other.verify_sweep(&right, &worker("w1"), IDLE_MS, NOW).is_err());
    }

    #[test]
    fn neither_kind_of_right_passes_for_the_other() {
        let key = CapabilityKey::generate().unwrap();
        let session: SessionId = "aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap();
        let (user, tenant) = ("ann".parse().unwrap(), "acme".parse().unwrap());
        let actor = Actor { user, tenant, role: Role::Admin };
        let of_session = key.mint(&session, &actor, NOW).unwrap();
        let of_sweep = key.mint_sweep(&worker("w1"), IDLE_MS, NOW).unwrap();
        let typ = TokenError::Header("typ");
        let swept = key.check().verify_sweep(&of_session, &worker("w1"), IDLE_MS, NOW);
        assert_eq!(swept, Err(typ));
        assert_eq!(key.check().verify(&of_sweep, &session, NOW), Err(typ));
    }
}
