//! Hooks by HTTP: one server is asked and told, with a signature and within a time.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use serde::Deserialize;
use termfleet_runtime::{Drain, Tasks, clock};
use termfleet_session::{
    code::{Code, Refusal},
    record::Session,
    role::Actor,
};
use tokio::{sync::Semaphore, time};
use tokio_rustls::TlsConnector;

use super::{
    Creation, Hooks,
    call::{self, Answer, Endpoint, NoAnswer},
    event::{Event, Message, signature},
    metrics::{HookMetrics, Outcome},
    queue::{self, Queue},
};

/// Longest text of a refusal that a client is told: a sentence.
const MAX_TEXT: usize = 200;
/// Creations and deletions that may ask at once: each has a socket. Who comes then waits, as long as
/// an answer may take.
const AT_ONCE: usize = 64;
/// When to try again where a hook gave no answer: it may be restarting.
const RETRY_MS: u64 = 2_000;
/// What a client is told where the hook gives no reason.
const NO_REASON: &str = "a hook of this server refuses it";

/// How a webhook is called.
#[derive(Clone)]
pub struct Settings {
    /// Where it is.
    pub endpoint: Endpoint,
    /// What its calls are signed with.
    pub secret: Vec<u8>,
    /// How long one call may take.
    pub timeout: Duration,
    /// What it is asked and told.
    pub events: Vec<Event>,
    /// What happens if it does not answer when it is asked.
    pub on_failure: OnFailure,
    /// Whom to trust; needed for an endpoint that is secure.
    pub tls: Option<TlsConnector>,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings").field("events", &self.events).finish_non_exhaustive()
    }
}

/// What a hook that does not answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Nothing is created or ended.
    Refuse,
    /// Everything is.
    Allow,
}

/// A webhook.
pub struct Webhook {
    caller: Arc<Caller>,
    on_failure: OnFailure,
    places: Semaphore,
    queue: Queue,
}

/// Calls it.
pub(super) struct Caller {
    settings: Settings,
    pub(super) metrics: HookMetrics,
}

impl fmt::Debug for Webhook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Webhook").field("settings", &self.caller.settings).finish_non_exhaustive()
    }
}

/// What of an answer is read.
#[derive(Deserialize)]
struct Said {
    message: String,
}

impl Webhook {
    /// Starts to call it. What it is to be told is told by a task that ends when the webhook is
    /// dropped; once the process drains nothing is tried again.
    #[must_use]
    pub fn start(settings: Settings, metrics: HookMetrics, tasks: &Tasks, drain: &Drain) -> Self {
        Self::with(settings, metrics, tasks, drain, queue::Bounds::default())
    }

    pub(super) fn with(
        settings: Settings,
        metrics: HookMetrics,
        tasks: &Tasks,
        drain: &Drain,
        bounds: queue::Bounds,
    ) -> Self {
        let on_failure = settings.on_failure;
        let caller = Arc::new(Caller { settings, metrics });
        let queue = Queue::start(Arc::clone(&caller), bounds, tasks, drain);
        Self { caller, on_failure, places: Semaphore::new(AT_ONCE), queue }
    }

    fn wants(&self, event: Event) -> bool {
        self.caller.settings.events.contains(&event)
    }

    /// Asks, and says what the answer means.
    async fn ask(&self, message: Message) -> Result<(), Refusal> {
        let answer = time::timeout(self.caller.settings.timeout, async {
            let _place = self.places.acquire().await;
            self.caller.call(&message).await
        });
        let answer = answer.await.unwrap_or(Err(NoAnswer::Late));
        let metrics = &self.caller.metrics;
        match answer {
            Ok(answer) if answer.status.is_success() => {
                metrics.came_out(message.event, Outcome::Accepted);
                Ok(())
            }
            Ok(answer) if answer.status.is_client_error() => {
                metrics.came_out(message.event, Outcome::Refused);
                Err(Refusal::new(Code::Forbidden, reason(&answer.body)))
            }
            answer => {
                metrics.came_out(message.event, Outcome::Failed);
                self.unanswered(message.event, answer)
            }
        }
    }

    fn unanswered(&self, event: Event, answer: Result<Answer, NoAnswer>) -> Result<(), Refusal> {
        let why = match answer {
            Ok(answer) => format!("it answered {}", answer.status),
            Err(error) => error.to_string(),
        };
        tracing::warn!(event = event.name(), why, decision = ?self.on_failure, "a hook is no help");
        match self.on_failure {
            OnFailure::Allow => Ok(()),
            OnFailure::Refuse => {
                let text = "a hook of this server gave no answer";
                Err(Refusal::new(Code::ServiceUnavailable, text).retry_after(RETRY_MS))
            }
        }
    }
}

impl Caller {
    /// Calls once, in its time.
    pub(super) async fn call(&self, message: &Message) -> Result<Answer, NoAnswer> {
        let Settings { endpoint, secret, timeout, tls, .. } = &self.settings;
        let signature = signature(secret, clock::now_unix(), &message.body);
        let call = call::post(endpoint, tls.as_ref(), &signature, &message.body);
        time::timeout(*timeout, call).await.unwrap_or(Err(NoAnswer::Late))
    }
}

#[async_trait]
impl Hooks for Webhook {
    async fn before_create(&self, creation: &Creation) -> Result<(), Refusal> {
        if !self.wants(Event::BeforeCreate) {
            return Ok(());
        }
        self.ask(Message::of_creation(creation, clock::now_ms())).await
    }

    async fn after_create(&self, by: &Actor, session: &Session) {
        if self.wants(Event::AfterCreate) {
            let event = Event::AfterCreate;
            self.queue.tell(Message::of_session(event, by, session, clock::now_ms()));
        }
    }

    async fn before_delete(&self, by: &Actor, session: &Session) -> Result<(), Refusal> {
        if !self.wants(Event::BeforeDelete) {
            return Ok(());
        }
        let event = Event::BeforeDelete;
        self.ask(Message::of_session(event, by, session, clock::now_ms())).await
    }

    async fn after_delete(&self, by: &Actor, session: &Session) {
        if self.wants(Event::AfterDelete) {
            let event = Event::AfterDelete;
            self.queue.tell(Message::of_session(event, by, session, clock::now_ms()));
        }
    }
}

/// What a client is told: the hook's message, made one line and cut to a sentence.
fn reason(body: &[u8]) -> String {
    let said = serde_json::from_slice::<Said>(body).map(|said| said.message).unwrap_or_default();
    let line: String = said.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    if line.is_empty() {
        return NO_REASON.to_owned();
    }
    line.chars().take(MAX_TEXT).collect()
}
