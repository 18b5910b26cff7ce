//! What others may say to the creation and deletion of sessions, and hear of it (`cluster.md` §3).
//!
//! [`Hooks`] is the trait, for whoever builds a gateway of their own; [`Webhook`] is the one
//! implementation here: it asks an HTTP server that the operator runs. A *before* hook may refuse;
//! an *after* hook only hears, and nobody waits for it. They are about what clients ask of this
//! gateway: a session whose shell exits, or that was idle for too long, ends without them.

mod call;
mod event;
mod queue;
mod webhook;

pub mod metrics;

use async_trait::async_trait;
use termfleet_session::{
    code::Refusal,
    ids::{ProjectId, SessionId, TenantId},
    record::{Config, Session},
    role::Actor,
};

pub use self::{
    call::{Endpoint, InvalidEndpoint},
    event::{EVENTS, Event},
    metrics::HookMetrics,
    webhook::{OnFailure, Settings, Webhook},
};

/// A session that somebody wants and that does not exist yet. Everything in it was checked.
#[derive(Debug, Clone)]
pub struct Creation {
    /// Who wants it.
    pub actor: Actor,
    /// The id that it will have.
    pub session: SessionId,
    /// Where it will live.
    pub tenant: TenantId,
    /// Its project.
    pub project: ProjectId,
    /// The directory that it shall start in; absent: the project's own.
    pub project_path: Option<String>,
    /// Everything else.
    pub config: Config,
}

/// What is asked and told around the life of sessions.
#[async_trait]
pub trait Hooks: Send + Sync {
    /// May this session be created? Asked before anything is reserved for it.
    ///
    /// # Errors
    /// What the client is told if it may not.
    async fn before_create(&self, creation: &Creation) -> Result<(), Refusal>;

    /// This session was created. It must not keep its caller waiting.
    async fn after_create(&self, by: &Actor, session: &Session);

    /// May this session be ended by this actor, who is allowed to by their role?
    ///
    /// # Errors
    /// What the client is told if it may not.
    async fn before_delete(&self, by: &Actor, session: &Session) -> Result<(), Refusal>;

    /// This session was ended. It must not keep its caller waiting.
    async fn after_delete(&self, by: &Actor, session: &Session);
}

/// Nobody is asked, and nobody is told.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoHooks;

#[async_trait]
impl Hooks for NoHooks {
    async fn before_create(&self, _: &Creation) -> Result<(), Refusal> {
        Ok(())
    }

    async fn after_create(&self, _: &Actor, _: &Session) {}

    async fn before_delete(&self, _: &Actor, _: &Session) -> Result<(), Refusal> {
        Ok(())
    }

    async fn after_delete(&self, _: &Actor, _: &Session) {}
}

#[cfg(test)]
mod tests;
