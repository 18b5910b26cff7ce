//! What a worker can ask of a ptyhost, one method each.

use std::sync::Arc;

use bytes::Bytes;
use termfleet_session::{
    ids::{ClientId, Epoch, Incarnation, Offset, SessionId},
    input::Marks,
    limits::Size,
};

use super::{
    Checkpoint, Gone, Reading, Refused, SignalTarget, Spawn, Spawned, Stat,
    link::{Answer, Link, unexpected},
};
use crate::protocol::{Key, Request, Response};

/// A worker's handle on its ptyhost: cheap to clone, usable from any task.
#[derive(Debug, Clone)]
pub struct PtyHostClient {
    pub(super) link: Arc<Link>,
}

fn key(session: &SessionId, epoch: Epoch) -> Key {
    Key { session: session.clone(), epoch }
}

impl PtyHostClient {
    /// Starts a shell.
    ///
    /// # Errors
    /// [`Refused`]: the program or the directory cannot be used (with the kernel's errno), the
    /// session has a shell, or the epoch is not above its last one.
    #[tracing::instrument(name = "ptyhost spawn", level = "debug", skip_all, fields(otel.kind = "client"))]
    pub async fn spawn(&self, spawn: Spawn) -> Result<Spawned, Refused> {
        let Spawn { session, epoch, record, argv, env, cwd, size } = spawn;
        let request = Request::Spawn { key: Key { session, epoch }, argv, env, cwd, size };
        match self.link.ask(&request, &record).await? {
            Answer { response: Response::Spawned { pid }, ring: Some(ring), .. } => {
                Ok(Spawned { pid, ring })
            }
            other => Err(unexpected(&other)),
        }
    }

    /// Hands input on; its outcome comes as an event. Waits only for room towards the socket.
    ///
    /// # Errors
    /// [`Gone`] if the connection has ended: the client sends again after a resume.
    pub async fn input(
        &self,
        session: &SessionId,
        epoch: Epoch,
        client: &ClientId,
        offset: Offset,
        bytes: Bytes,
    ) -> Result<(), Gone> {
        let (key, client) = (key(session, epoch), client.clone());
        self.link.tell(&Request::Input { key, client, offset }, &bytes).await
    }

    /// Says whether a client that may type is attached, and asks how far its lane has come (zeros
    /// if it has none yet). A lane that is viewed is never replaced by another client's.
    ///
    /// # Errors
    /// [`Refused`] if the session or its epoch is unknown.
    pub async fn lane(
        &self,
        session: &SessionId,
        epoch: Epoch,
        client: &ClientId,
        viewed: bool,
    ) -> Result<Marks, Refused> {
        let (key, client) = (key(session, epoch), client.clone());
        match self.link.ask(&Request::Lane { key, client, viewed }, &[]).await?.response {
            Response::Lane(marks) => Ok(marks),
            other => Err(unexpected(&other)),
        }
    }

    /// Changes the terminal's size and says from which offset of the output on it holds.
    ///
    /// # Errors
    /// [`Refused`] if the session or its epoch is unknown, or it has ended.
    pub async fn resize(
        &self,
        session: &SessionId,
        epoch: Epoch,
        size: Size,
    ) -> Result<Offset, Refused> {
        match self
            .link
            .ask(&Request::Resize { key: key(session, epoch), size }, &[])
            .await?
            .response
        {
            Response::Resized(offset) => Ok(offset),
            other => Err(unexpected(&other)),
        }
    }

    /// Sends a signal, by its number.
    ///
    /// # Errors
    /// [`Refused`] if there is no such session or signal, or nobody to send it to.
    pub async fn signal(
        &self,
        session: &SessionId,
        epoch: Epoch,
        target: SignalTarget,
        signal: i32,
    ) -> Result<(), Refused> {
        self.link.order(&Request::Signal { key: key(session, epoch), target, signal }, &[]).await
    }

    /// Lets output be read up to `limit`; a lower one than before changes nothing. Not answered.
    ///
    /// # Errors
    /// [`Gone`] if the connection has ended.
    pub async fn limit(
        &self,
        session: &SessionId,
        epoch: Epoch,
        limit: Offset,
    ) -> Result<(), Gone> {
        self.link.tell(&Request::Limit { key: key(session, epoch), limit }, &[]).await
    }

    /// Replaces the worker's notes on a session, at most 16 KiB.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown or the notes are too long.
    pub async fn record(
        &self,
        session: &SessionId,
        epoch: Epoch,
        record: Bytes,
    ) -> Result<(), Refused> {
        self.link.order(&Request::Record { key: key(session, epoch) }, &record).await
    }

    /// Keeps a screen, at most 3 MiB, in place of the older of the two that are kept.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown or the screen is too large.
    pub async fn checkpoint(
        &self,
        session: &SessionId,
        epoch: Epoch,
        offset: Offset,
        bytes: Bytes,
    ) -> Result<(), Refused> {
        self.link.order(&Request::Checkpoint { key: key(session, epoch), offset }, &bytes).await
    }

    /// The screens that are kept, newest first.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown.
    pub async fn checkpoints(
        &self,
        session: &SessionId,
        epoch: Epoch,
    ) -> Result<Vec<Checkpoint>, Refused> {
        let request = Request::Checkpoints { key: key(session, epoch) };
        let Answer { response, mut body, .. } = self.link.ask(&request, &[]).await?;
        let Response::Checkpoints(parts) = response else { return Err(unexpected(&response)) };
        let part = |(offset, len): (Offset, usize)| Checkpoint {
            offset,
            bytes: body.split_to(len.min(body.len())),
        };
        Ok(parts.into_iter().map(part).collect())
    }

    /// Ends every process of a session, setsid or not, and answers when they are dead: in 2 s at
    /// most. The session stays, ended, until it is forgotten.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown.
    pub async fn kill(&self, session: &SessionId, epoch: Epoch) -> Result<(), Refused> {
        self.link.order(&Request::Kill { key: key(session, epoch) }, &[]).await
    }

    /// Drops a session whose shell has ended, and what it left running.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown or its shell still runs.
    pub async fn forget(&self, session: &SessionId, epoch: Epoch) -> Result<(), Refused> {
        self.link.order(&Request::Forget { key: key(session, epoch) }, &[]).await
    }

    /// What `/proc` tells of a session's processes; figures are at most 200 ms old.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown.
    pub async fn stat(&self, session: &SessionId, epoch: Epoch) -> Result<Stat, Refused> {
        self.look(Request::Stat { key: key(session, epoch), reading: false, place: false }).await
    }

    /// Where the session's shell is; none once it has ended.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown.
    pub async fn place(
        &self,
        session: &SessionId,
        epoch: Epoch,
    ) -> Result<Option<String>, Refused> {
        let request = Request::Stat { key: key(session, epoch), reading: false, place: true };
        Ok(self.look(request).await?.cwd)
    }

    /// Whether the session waits for its user; none if its ptyhost is an older one, which cannot tell.
    ///
    /// # Errors
    /// [`Refused`] if the session is unknown.
    pub async fn reading(
        &self,
        session: &SessionId,
        epoch: Epoch,
    ) -> Result<Option<Reading>, Refused> {
        let request = Request::Stat { key: key(session, epoch), reading: true, place: false };
        Ok(self.look(request).await?.reading)
    }

    async fn look(&self, request: Request) -> Result<Stat, Refused> {
        match self.link.ask(&request, &[]).await?.response {
            Response::Stat(stat) => Ok(stat),
            other => Err(unexpected(&other)),
        }
    }

    /// Kills and forgets everything; the ptyhost goes on with a new incarnation.
    ///
    /// # Errors
    /// [`Refused::Gone`] if the connection has ended.
    pub async fn reset(&self) -> Result<Incarnation, Refused> {
        match self.link.ask(&Request::Reset, &[]).await?.response {
            Response::Reset { incarnation } => Ok(incarnation),
            other => Err(unexpected(&other)),
        }
    }

    /// Kills everything and ends the ptyhost.
    ///
    /// # Errors
    /// [`Refused::Gone`] if the connection has ended.
    pub async fn end(&self) -> Result<(), Refused> {
        self.link.order(&Request::End, &[]).await
    }
}
