//! The connection for subscriptions: one for all projects that this process watches and all tenants
//! whose creations somebody here waits for, and one channel of each.
//!
//! Publications are at most once, so this connection proves itself: every few seconds it is sent a
//! probe, by the other connection and through the whole of Redis. One that does not come back in time
//! ends it. After every new connection, and when anything may have been lost, every subscriber is
//! told to read again.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use redis::{Msg, PushInfo, PushKind, RedisResult, aio::MultiplexedConnection};
use termfleet_runtime::Backoff;
use tokio::{
    sync::{mpsc, oneshot, watch},
    time::{self, Instant},
};

use super::{
    client::Client,
    dial::{Dialer, RESPONSE_TIMEOUT},
    failure::FAILOVER_MS,
    keeper::random_name,
};
use crate::{
    bus::{Hint, Subject, Subscription, Topics},
    error::StoreError,
    keys::Keys,
};

/// How often the connection proves itself (`cluster.md` §1), and how long it may take for it.
const PROBE: Duration = Duration::from_secs(5);
const PROBE_ANSWER: Duration = Duration::from_secs(2);
/// Pushed messages that may wait for us: what all projects of a gateway do in a moment. Beyond, all
/// subscribers read again.
const PUSHED: usize = 4_096;
/// Subscriptions that may be under way.
const ASKED: usize = 256;
/// Waits between attempts to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));

/// Subscribes for this process.
pub(super) struct Hints {
    topics: Topics,
    asks: mpsc::Sender<Ask>,
}

/// Somebody wants to hear of something, and waits until it is so.
struct Ask {
    subject: Subject,
    heard: oneshot::Sender<()>,
}

impl Hints {
    /// The subscribing side, and the task behind it.
    pub(super) fn new(
        dialer: Arc<Dialer>,
        client: Client,
        keys: Keys,
        losses: watch::Receiver<u64>,
    ) -> (Self, Listener) {
        let (topics, (asks, asked)) = (Topics::default(), mpsc::channel(ASKED));
        let probe = keys.probe(&random_name());
        let listener =
            Listener { dialer, client, keys, losses, topics: topics.clone(), asked, probe };
        (Self { topics, asks }, listener)
    }

    pub(super) async fn subscribe(&self, subject: Subject) -> Result<Subscription, StoreError> {
        // Before Redis is asked, so that the listener finds the topic whenever it looks.
        let subscription = self.topics.subscribe(subject.clone());
        let (heard, hearing) = oneshot::channel();
        let ask = Ask { subject, heard };
        let unavailable = StoreError::Unavailable { retry_after_ms: FAILOVER_MS };
        self.asks.try_send(ask).map_err(|_| unavailable.clone())?;
        match time::timeout(RESPONSE_TIMEOUT, hearing).await {
            Ok(Ok(())) => Ok(subscription),
            Ok(Err(_)) | Err(_) => Err(unavailable),
        }
    }
}

/// The task that owns the connection.
pub(super) struct Listener {
    dialer: Arc<Dialer>,
    client: Client,
    keys: Keys,
    losses: watch::Receiver<u64>,
    topics: Topics,
    asked: mpsc::Receiver<Ask>,
    /// The channel of our own probes.
    probe: String,
}

/// One connection, while it lasts.
struct Line {
    connection: MultiplexedConnection,
    pushed: mpsc::Receiver<PushInfo>,
    /// Something was pushed that had no room.
    overflowed: Arc<AtomicBool>,
    channels: HashMap<String, Subject>,
    /// Until when a probe must be back.
    probed: Option<Instant>,
}

enum Event {
    Pushed(Option<PushInfo>),
    Asked(Option<Ask>),
    Lost,
    ProbeDue,
    ProbeLost,
}

/// The connection has to be made again.
struct Broken;

impl Listener {
    /// Listens until nobody subscribes any more (the store is gone).
    pub(super) async fn listen(mut self) {
        let mut backoff = Backoff::new(BACKOFF.0, BACKOFF.1);
        let mut connected_before = false;
        for attempt in 0.. {
            match self.connect(attempt).await {
                Ok(line) => {
                    backoff.reset();
                    if connected_before {
                        self.client.shared().metrics.subscription_reconnects.inc();
                        // What was told between the connections is not known.
                        self.topics.publish_all(&Hint::Resync);
                    }
                    connected_before = true;
                    self.follow(line).await;
                    tracing::info!("lost the connection for hints");
                }
                Err(error) => tracing::debug!(%error, "no connection for hints"),
            }
            time::sleep(backoff.next_delay()).await;
        }
    }

    /// Connects, and subscribes to all that is watched.
    async fn connect(&self, attempt: usize) -> RedisResult<Line> {
        let (sender, pushed) = mpsc::channel(PUSHED);
        let overflowed = Arc::new(AtomicBool::new(false));
        let full = Arc::clone(&overflowed);
        let push = move |info| {
            if sender.try_send(info).is_err() {
                full.store(true, Ordering::Relaxed);
            }
            Ok(())
        };
        let mut connection = self.dialer.listener(attempt, push).await?;
        let subjects = self.topics.subjects().into_iter();
        let channels: HashMap<_, _> =
            subjects.map(|subject| (self.channel(&subject), subject)).collect();
        let mut wanted: Vec<_> = channels.keys().map(String::as_str).collect();
        wanted.push(&self.probe);
        connection.subscribe(&wanted).await?;
        Ok(Line { connection, pushed, overflowed, channels, probed: None })
    }

    /// Where hints about it are published.
    fn channel(&self, subject: &Subject) -> String {
        match subject {
            Subject::Project(tenant, project) => self.keys.events(tenant, project),
            Subject::Creations(tenant) => self.keys.created(tenant),
        }
    }

    /// Returns when the connection is gone.
    async fn follow(&mut self, mut line: Line) {
        let mut probes = time::interval(PROBE);
        probes.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let probe_lost = async {
                match line.probed {
                    Some(until) => time::sleep_until(until).await,
                    None => std::future::pending().await,
                }
            };
            let event = tokio::select! {
                pushed = line.pushed.recv() => Event::Pushed(pushed),
                ask = self.asked.recv() => Event::Asked(ask),
                _ = self.losses.changed() => Event::Lost,
                _ = probes.tick() => Event::ProbeDue,
                () = probe_lost => Event::ProbeLost,
            };
            if self.handle(&mut line, event).await.is_err() {
                return;
            }
        }
    }

    async fn handle(&mut self, line: &mut Line, event: Event) -> Result<(), Broken> {
        match event {
            Event::Pushed(Some(info)) => self.hear(line, info),
            Event::Asked(Some(ask)) => self.watch(line, ask).await,
            Event::Lost => {
                self.topics.publish_all(&Hint::Resync);
                Ok(())
            }
            Event::ProbeDue => self.probe(line).await,
            // Without a sender the connection's task has ended; without askers the store has.
            Event::Pushed(None) | Event::Asked(None) | Event::ProbeLost => Err(Broken),
        }
    }

    fn hear(&self, line: &mut Line, info: PushInfo) -> Result<(), Broken> {
        if line.overflowed.swap(false, Ordering::Relaxed) {
            self.topics.publish_all(&Hint::Resync);
        }
        if info.kind == PushKind::Disconnection {
            return Err(Broken);
        }
        let Some(message) = Msg::from_push_info(info) else { return Ok(()) };
        let channel = message.get_channel_name();
        if channel == self.probe {
            line.probed = None;
        } else if let Some(subject) = line.channels.get(channel) {
            // What we cannot read is of a later version; what has changed is read anyway.
            let hint = serde_json::from_slice(message.get_payload_bytes()).unwrap_or(Hint::Resync);
            self.topics.publish(subject, hint);
        }
        Ok(())
    }

    async fn watch(&self, line: &mut Line, ask: Ask) -> Result<(), Broken> {
        let Ask { subject, heard } = ask;
        let channel = self.channel(&subject);
        if !line.channels.contains_key(&channel) {
            line.connection.subscribe(&channel).await.map_err(|_| Broken)?;
            line.channels.insert(channel, subject);
        }
        // Who has given up meanwhile does not wait for it.
        let _ = heard.send(());
        Ok(())
    }

    /// Sends the next probe, and leaves the channels that nobody watches any more.
    async fn probe(&self, line: &mut Line) -> Result<(), Broken> {
        let watched = self.topics.subjects();
        let left: Vec<_> = line
            .channels
            .iter()
            .filter(|(_, subject)| !watched.contains(subject))
            .map(|(channel, _)| channel.clone())
            .collect();
        if !left.is_empty() {
            line.connection.unsubscribe(&left).await.map_err(|_| Broken)?;
            line.channels.retain(|channel, _| !left.contains(channel));
        }
        let mut publish = redis::cmd("PUBLISH");
        publish.arg(&self.probe).arg("");
        // Awaited from before it is sent: it may be back before the answer is. If it could not be
        // sent, nothing is known of this connection.
        line.probed = Some(Instant::now() + RESPONSE_TIMEOUT + PROBE_ANSWER);
        if self.client.query::<i64>(&publish).await.is_err() {
            line.probed = None;
        }
        Ok(())
    }
}
