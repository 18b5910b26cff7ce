//! The writing half of a worker's connection: answers first, then whatever notices have come
//! together since the last turn, in as few writes as possible.

use std::{io, os::fd::OwnedFd, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::{host::Host, protocol::Notice, watch::Socket, wire};

/// How long a worker that was superseded while it was stopped may take to wake up and be told.
const SUPERSEDED_WITHIN: Duration = Duration::from_secs(60);
/// How much of the buffer is kept between turns: one large answer must not stay for ever.
const KEPT_BYTES: usize = 256 << 10;

/// A frame to send.
pub(crate) struct Outgoing {
    pub(crate) bytes: Vec<u8>,
    /// The ring that it announces.
    pub(crate) fd: Option<Arc<OwnedFd>>,
}

pub(crate) struct Writer {
    host: Arc<Host>,
    socket: Arc<Socket>,
    queue: mpsc::Receiver<Outgoing>,
    unsent: Vec<u8>,
}

impl Writer {
    pub(crate) fn new(
        host: Arc<Host>,
        socket: Arc<Socket>,
        queue: mpsc::Receiver<Outgoing>,
    ) -> Self {
        Self { host, socket, queue, unsent: Vec::new() }
    }

    /// Writes until the connection closes, then says the last words.
    pub(crate) async fn run(mut self, closing: CancellationToken) {
        while !closing.is_cancelled() {
            if let Err(e) = self.turn(&closing).await {
                // Its reader learns it too.
                closing.cancel();
                return debug!(error = %e, "writing to the worker failed");
            }
        }
        let _ = timeout(SUPERSEDED_WITHIN, self.last_words()).await;
    }

    async fn turn(&mut self, closing: &CancellationToken) -> io::Result<()> {
        tokio::select! {
            biased;
            () = closing.cancelled() => return Ok(()),
            Some(answer) = self.queue.recv() => self.add(answer).await?,
            () = self.host.outbox.wait() => {}
        }
        self.add_answers().await?;
        // From the moment of closing on, notices are for the next worker.
        if !closing.is_cancelled() {
            for notice in self.host.outbox.take() {
                wire::encode(&mut self.unsent, 0, &notice, &[]);
            }
        }
        self.flush().await
    }

    async fn last_words(&mut self) -> io::Result<()> {
        self.add_answers().await?;
        if !self.host.stop.is_cancelled() {
            wire::encode(&mut self.unsent, 0, &Notice::Superseded, &[]);
        }
        self.flush().await
    }

    async fn add_answers(&mut self) -> io::Result<()> {
        while let Ok(answer) = self.queue.try_recv() {
            self.add(answer).await?;
        }
        Ok(())
    }

    async fn add(&mut self, answer: Outgoing) -> io::Result<()> {
        let Some(fd) = answer.fd else {
            self.unsent.extend_from_slice(&answer.bytes);
            return Ok(());
        };
        self.flush().await?;
        wire::write_with_fd(&self.socket, &answer.bytes, fd).await
    }

    async fn flush(&mut self) -> io::Result<()> {
        wire::write_all(&self.socket, &self.unsent).await?;
        self.unsent.clear();
        self.unsent.shrink_to(KEPT_BYTES);
        Ok(())
    }
}
