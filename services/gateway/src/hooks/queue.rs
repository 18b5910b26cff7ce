//! What a webhook is told: a bounded queue, some calls at once, and a few tries each.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use termfleet_runtime::{Backoff, Drain, Tasks};
use tokio::{
    sync::{Semaphore, mpsc},
    time,
};
use tokio_util::sync::CancellationToken;

use super::{
    call::{Answer, NoAnswer},
    event::Message,
    metrics::Outcome,
    webhook::Caller,
};

/// How much is told at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Events that may wait: of a minute or so of a busy gateway, at 2 KiB each.
    pub(super) waiting: usize,
    /// Calls at once.
    pub(super) at_once: usize,
    /// How often one event is tried.
    pub(super) tries: u32,
    /// First and longest pause between two tries.
    pub(super) pause: (Duration, Duration),
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            waiting: 1024,
            at_once: 16,
            tries: 4,
            pause: (Duration::from_millis(500), Duration::from_secs(10)),
        }
    }
}

/// Events on their way to a webhook.
pub(super) struct Queue {
    caller: Arc<Caller>,
    messages: mpsc::Sender<Message>,
}

impl Queue {
    pub(super) fn start(caller: Arc<Caller>, bounds: Bounds, tasks: &Tasks, drain: &Drain) -> Self {
        let (messages, waiting) = mpsc::channel(bounds.waiting);
        let teller = Teller {
            caller: Arc::clone(&caller),
            bounds,
            drain: drain.child_token(),
            tasks: tasks.clone(),
        };
        drop(tasks.spawn("hooks", teller.tell_all(waiting)));
        Self { caller, messages }
    }

    /// Has it told, if there is room.
    pub(super) fn tell(&self, message: Message) {
        let (event, metrics) = (message.event, &self.caller.metrics);
        match self.messages.try_send(message) {
            Ok(()) => _ = metrics.waiting.inc(),
            Err(_) => {
                tracing::warn!(event = event.name(), "the hook is too slow: it is not told");
                metrics.came_out(event, Outcome::Dropped);
            }
        }
    }
}

/// The task that tells.
#[derive(Clone)]
struct Teller {
    caller: Arc<Caller>,
    bounds: Bounds,
    /// Nothing is tried again from then on.
    drain: CancellationToken,
    tasks: Tasks,
}

impl Teller {
    /// Tells what comes until nobody can send any more and nothing is left.
    async fn tell_all(self, mut messages: mpsc::Receiver<Message>) {
        let places = Arc::new(Semaphore::new(self.bounds.at_once));
        while let Ok(place) = Arc::clone(&places).acquire_owned().await {
            let Some(message) = messages.recv().await else { break };
            let teller = self.clone();
            let telling = async move {
                let _place = place;
                teller.tell(message).await;
            };
            drop(self.tasks.spawn("hook", telling));
        }
    }

    async fn tell(&self, message: Message) {
        let outcome = self.try_all(&message).await;
        self.caller.metrics.came_out(message.event, outcome);
        self.caller.metrics.waiting.dec();
    }

    async fn try_all(&self, message: &Message) -> Outcome {
        let mut backoff = Backoff::new(self.bounds.pause.0, self.bounds.pause.1);
        for attempt in 1.. {
            let why = match understood(self.caller.call(message).await) {
                Ok(outcome) => return outcome,
                Err(why) => why,
            };
            if attempt >= self.bounds.tries {
                tracing::warn!(event = message.event.name(), why, "the hook was told in vain");
                break;
            }
            let pause = time::sleep(backoff.next_delay());
            if self.drain.run_until_cancelled(pause).await.is_none() {
                tracing::warn!(event = message.event.name(), why, "the hook is not told again");
                break;
            }
            self.caller.metrics.retries.inc();
        }
        Outcome::Failed
    }
}

/// What an answer means; else why it is worth another try.
fn understood(answer: Result<Answer, NoAnswer>) -> Result<Outcome, String> {
    let again = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS];
    match answer {
        Ok(answer) if answer.status.is_success() => Ok(Outcome::Accepted),
        Ok(answer) if answer.status.is_client_error() && !again.contains(&answer.status) => {
            Ok(Outcome::Refused)
        }
        Ok(answer) => Err(format!("it answered {}", answer.status)),
        Err(error) => Err(error.to_string()),
    }
}
