//! A session with what only its worker knows right now: its directory, its counters, and what its
//! processes use.

use std::time::Duration;

use termfleet_proto::rest::measures::SessionMeasures;
use termfleet_runtime::clock;
use termfleet_session::{
    code::Refusal,
    record::Session,
    role::{Actor, Operation},
};
use tokio::time;

use super::Sessions;
use crate::upstream::Described;

/// How long a worker may take to say what it knows of a session before the store's record has to
/// do: a reader of a record should not feel a worker that is away.
const DESCRIBE_DEADLINE: Duration = Duration::from_secs(1);

impl Sessions {
    /// The record, with the directory and the counters that its worker knows right now.
    ///
    /// # Errors
    /// As [`Sessions::find`].
    pub async fn get(&self, actor: &Actor, name: &str) -> Result<Session, Refusal> {
        Ok(self.look(actor, name).await?.0)
    }

    /// The same, with how many clients are attached, as far as its worker could be asked.
    ///
    /// # Errors
    /// As [`Sessions::find`].
    pub async fn look(&self, actor: &Actor, name: &str) -> Result<(Session, u32), Refusal> {
        let record = self.find(actor, Operation::Read, name).await?;
        if !record.status.is_alive() || record.owner.is_none() {
            return Ok((record, 0));
        }
        match self.described(&record, actor).await {
            Some(live) => Ok((newest(record, live.record), live.viewers)),
            None => Ok((record, 0)),
        }
    }

    /// What is known of a session: its bytes always, what its processes use if its worker says so.
    ///
    /// # Errors
    /// As [`Sessions::find`].
    pub async fn measure(&self, actor: &Actor, name: &str) -> Result<SessionMeasures, Refusal> {
        let record = self.find(actor, Operation::Read, name).await?;
        let alive = record.status.is_alive() && record.owner.is_some();
        let live = if alive { self.described(&record, actor).await } else { None };
        let live = live.filter(|live| live.record.epoch == record.epoch);
        let record = match &live {
            Some(live) => newest(record, live.record.clone()),
            None => record,
        };
        Ok(SessionMeasures {
            session_id: record.id.to_string(),
            bytes_in: record.counters.bytes_in,
            bytes_out: record.counters.bytes_out,
            cpu_ms: live.as_ref().and_then(|live| live.cpu_ms),
            memory_bytes: live.as_ref().and_then(|live| live.memory_bytes),
            viewers: live.as_ref().map(|live| live.viewers),
            created_at: record.created_at,
            last_activity_at: record.last_activity_at,
            timestamp: clock::now_ms(),
        })
    }

    /// What its worker says of a session, if it says so in time.
    async fn described(&self, record: &Session, actor: &Actor) -> Option<Described> {
        let described = self.upstream.describe(record, actor);
        let answer = time::timeout(DESCRIBE_DEADLINE, described).await.ok()?;
        let untold =
            |error: &Refusal| tracing::debug!(%error, "a worker said nothing of a session");
        answer.inspect_err(untold).ok()
    }
}

/// The store's record with what only the worker knows so exactly. What clients name is the store's
/// to say, and a worker at another epoch describes another shell.
pub(super) fn newest(record: Session, live: Session) -> Session {
    if live.epoch != record.epoch {
        return record;
    }
    Session {
        status: live.status,
        current_path: live.current_path,
        size: live.size,
        process_id: live.process_id,
        last_activity_at: live.last_activity_at.max(record.last_activity_at),
        counters: live.counters,
        exit: live.exit.or(record.exit),
        ..record
    }
}
