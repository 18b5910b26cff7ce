//! The reading task of a socket: it alone owns the guard's reader, and nothing cancels it.
//!
//! What it reads waits in a queue that is bounded by bytes; a loop that is busy lets the client
//! wait, through TCP.

use std::sync::Arc;

use termfleet_runtime::Tasks;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::task::AbortOnDropHandle;

use crate::ws::{Ended, Message, Reader};

/// Bytes of messages that may wait for the socket's loop: two of the largest.
const AHEAD_BYTES: usize = 128 << 10;
/// What a message costs beside its bytes.
const MESSAGE_COST: usize = 512;
/// Messages that may wait: as many as the bytes allow.
const AHEAD_MESSAGES: usize = AHEAD_BYTES / MESSAGE_COST;

/// What a client did.
#[derive(Debug)]
pub(super) enum Heard {
    /// It said something.
    Message(Message),
    /// It said its last, or something that ends the socket.
    Ended(Ended),
}

/// What was read and not yet handled.
#[derive(Debug)]
pub(super) struct Incoming {
    queue: mpsc::Receiver<(Heard, Option<OwnedSemaphorePermit>)>,
}

impl Incoming {
    /// The next thing; `None` when there is no more. Cancel-safe.
    pub(super) async fn next(&mut self) -> Option<Heard> {
        // The permit is given back here: what is being handled no longer waits.
        self.queue.recv().await.map(|(heard, _waited)| heard)
    }
}

/// Starts the task. It ends soon after the socket's writer has finished, and at once when its handle
/// is dropped: a socket that is given up has nobody to linger for.
pub(super) fn start(tasks: &Tasks, reader: Reader) -> (AbortOnDropHandle<()>, Incoming) {
    let (sender, queue) = mpsc::channel(AHEAD_MESSAGES);
    let reading = tasks.spawn("socket reader", read(reader, sender));
    (AbortOnDropHandle::new(reading), Incoming { queue })
}

async fn read(mut reader: Reader, sender: mpsc::Sender<(Heard, Option<OwnedSemaphorePermit>)>) {
    let room = Arc::new(Semaphore::new(AHEAD_BYTES));
    loop {
        let heard = match reader.next().await {
            Ok(message) => Heard::Message(message),
            Err(ended) => Heard::Ended(ended),
        };
        let last = matches!(heard, Heard::Ended(_) | Heard::Message(Message::Close(_)));
        let cost = u32::try_from(cost(&heard).min(AHEAD_BYTES)).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let permit = Arc::clone(&room).acquire_many_owned(cost).await.ok();
        if sender.send((heard, permit)).await.is_err() || last {
            break;
        }
    }
    drop(sender);
    reader.linger().await;
}

fn cost(heard: &Heard) -> usize {
    MESSAGE_COST
        + match heard {
            Heard::Message(message) => message.len(),
            Heard::Ended(_) => 0,
        }
}
