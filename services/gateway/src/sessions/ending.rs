//! The end of a session that somebody asks for: a hook may refuse it, its worker does it, a hook hears.

use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    record::Session,
    role::{Actor, Operation},
};
use tracing::Span;

use super::Sessions;

impl Sessions {
    /// Ends a session; one that has ended already stays as it is.
    ///
    /// # Errors
    /// As [`Sessions::find`], a hook's refusal, or why its worker could not be asked.
    pub async fn close(&self, actor: &Actor, name: &str) -> Result<Session, Refusal> {
        let session = self.find(actor, Operation::Delete, name).await?;
        if !session.status.is_alive() {
            return Ok(session);
        }
        self.hooks.before_delete(actor, &session).await?;
        let (sessions, actor) = (self.clone(), actor.clone());
        let ending = async move { sessions.end(&actor, session).await };
        // A task of its own: it is told that a session ended also if the client has left meanwhile.
        let ending = self.tasks.spawn("session end", traces::within(Span::current(), ending));
        // A panic is logged by the task's tracker.
        ending.await.unwrap_or_else(|_| Err(Code::InternalError.into()))
    }

    async fn end(&self, actor: &Actor, session: Session) -> Result<Session, Refusal> {
        match self.upstream.close(&session, actor).await {
            Ok(closed) => {
                self.hooks.after_delete(actor, &closed).await;
                Ok(closed)
            }
            // Somebody else ended it between our look and the worker's.
            Err(refusal) if refusal.code == Code::SessionEnded => Ok(session),
            Err(refusal) => Err(refusal),
        }
    }
}
