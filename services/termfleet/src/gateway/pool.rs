//! The workers that a gateway starts itself (`cluster.pool_driver = "process"`): for development, on
//! its own machine (`cluster.md` §4).
//!
//! One task owns them all. It starts again what ended by itself, tells those that are too many to
//! take no new sessions, ends these once they have none, and ends all of them with the gateway.
//! Their ptyhosts outlive them, as those of any worker. Which of them come and go is `plan`'s
//! business, how one is started `child`'s.

mod child;
mod plan;
mod slot;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use anyhow::Result;
use async_trait::async_trait;
use futures_util::future::join_all;
use termfleet_gateway::{
    scale::{Scaler, StaticPool},
    upstream::Upstream,
};
use termfleet_proto::rest::workers::ScaledPool;
use termfleet_runtime::Tasks;
use termfleet_session::{
    code::{Code, Refusal},
    role::{Actor, EVERY_TENANT, Role},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::{self, Instant, MissedTickBehavior},
};
use tokio_util::sync::CancellationToken;

pub(super) use self::slot::SETTLED;
use self::{
    child::Recipe,
    plan::{Number, Plan, plan},
    slot::Slot,
};
use super::kubernetes::{Api, Pods};
use crate::{
    cli,
    config::{PoolDriver, Settings},
};

/// How often is looked which of them have ended, are known, have no session left.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How long telling them may take: it takes milliseconds, and others wait for it.
const TELL_TIME: Duration = Duration::from_secs(2);
/// Requests that wait for the one before them.
const MAX_ASKED: usize = 16;
/// How long workers may take to end with the gateway: creations under way and last spans have their
/// deadlines in it. Who takes longer is killed; the ptyhost keeps the shells.
const END_TIME: Duration = Duration::from_secs(7);
/// How often is looked whether they have.
const END_LOOK: Duration = Duration::from_millis(20);
/// In whose name the pool drains workers.
const NAME: &str = "pool";

/// How workers are started.
pub(super) enum Starter {
    /// By somebody else.
    Nobody,
    /// By this gateway, by this recipe.
    Gateway(Recipe),
    /// By Kubernetes, which is asked here.
    Kubernetes(Api),
}

impl Starter {
    /// As it is configured.
    ///
    /// # Errors
    /// If that cannot work here.
    pub(super) fn of(options: &cli::Gateway, settings: &Settings) -> Result<Self> {
        Ok(match settings.cluster.pool_driver {
            PoolDriver::Static => Self::Nobody,
            PoolDriver::Process => Self::Gateway(Recipe::of(options, settings)?),
            PoolDriver::Kubernetes => Self::Kubernetes(Api::of(&settings.cluster.kubernetes)?),
        })
    }
}

/// Who starts this gateway's workers.
pub(super) struct Pool {
    scaler: Arc<dyn Scaler>,
    keeping: Option<(CancellationToken, JoinHandle<()>)>,
}

impl Pool {
    /// Starts as many as are configured, if that is this gateway's to do.
    pub(super) fn start(
        starter: Starter,
        settings: &Settings,
        upstream: &Arc<Upstream>,
        tasks: &Tasks,
    ) -> Self {
        let stop = CancellationToken::new();
        let recipe = match starter {
            Starter::Nobody => return Self { scaler: Arc::new(StaticPool), keeping: None },
            Starter::Kubernetes(api) => {
                let pods = Pods::new(api, &settings.cluster.kubernetes, upstream);
                let kept = tasks.spawn("pool", pods.clone().keep(stop.clone()));
                return Self { scaler: pods, keeping: Some((stop, kept)) };
            }
            Starter::Gateway(recipe) => recipe,
        };
        let (asks, asked) = mpsc::channel(MAX_ASKED);
        let keeper =
            Keeper { recipe, upstream: upstream.clone(), wanted: 0, slots: BTreeMap::new() };
        let kept = tasks.spawn("pool", keeper.run(settings.cluster.pool_size, asked, stop.clone()));
        Self { scaler: Arc::new(Asking(asks)), keeping: Some((stop, kept)) }
    }

    /// Whom to ask for another number of them.
    pub(super) fn scaler(&self) -> Arc<dyn Scaler> {
        self.scaler.clone()
    }

    /// Ends them, and waits until they have.
    pub(super) async fn end(self) {
        if let Some((stop, kept)) = self.keeping {
            stop.cancel();
            // A panic in it was logged.
            let _ = kept.await;
        }
    }
}

/// A request, and whom to answer.
struct Ask {
    wanted: u32,
    answer: oneshot::Sender<ScaledPool>,
}

/// Asks the task that keeps the pool.
struct Asking(mpsc::Sender<Ask>);

#[async_trait]
impl Scaler for Asking {
    async fn scale(&self, wanted: u32) -> Result<ScaledPool, Refusal> {
        let (answer, answered) = oneshot::channel();
        let ended =
            || Refusal::new(Code::ServiceUnavailable, "the gateway ends, and its pool with it");
        self.0.send(Ask { wanted, answer }).await.map_err(|_| ended())?;
        answered.await.map_err(|_| ended())
    }
}

/// Owns the workers.
struct Keeper {
    recipe: Recipe,
    upstream: Arc<Upstream>,
    wanted: u32,
    slots: BTreeMap<Number, Slot>,
}

impl Keeper {
    async fn run(mut self, size: u32, mut asked: mpsc::Receiver<Ask>, stop: CancellationToken) {
        let mut turns = time::interval(LOOK_EVERY);
        turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.scale(size);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                Some(Ask { wanted, answer }) = asked.recv() => {
                    // Who has ended just now is nobody to keep.
                    self.reap();
                    self.scale(wanted);
                    // Told before it is answered: nothing new goes to those that shall go.
                    self.see();
                    self.tell().await;
                    // Whoever asked may have left.
                    let _ = answer.send(self.stands());
                }
                _ = turns.tick() => self.look().await,
            }
        }
        self.end().await;
    }

    /// Starts, keeps and lets go so that it will be so many.
    fn scale(&mut self, wanted: u32) {
        let pool = self.slots.iter().map(|(number, slot)| (*number, slot.is_draining())).collect();
        let Plan { undrain, start, drain } = plan(&pool, wanted);
        self.wanted = wanted;
        for (numbers, draining) in [(undrain, false), (drain, true)] {
            for number in numbers {
                tracing::info!(worker = %number, draining, "the pool changes");
                if let Some(slot) = self.slots.get_mut(&number) {
                    slot.set_draining(draining);
                }
            }
        }
        self.slots.extend(start.into_iter().map(|number| (number, Slot::new(Instant::now()))));
        self.start();
    }

    /// Starts those whose time has come.
    fn start(&mut self) {
        let now = Instant::now();
        for (number, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.is_due(now)) {
            slot.started(*number, now, self.recipe.start(*number));
        }
    }

    async fn look(&mut self) {
        self.reap();
        self.start();
        self.see();
        self.tell().await;
    }

    /// Lets go of those that have ended, and waits to start the others again.
    fn reap(&mut self) {
        self.slots.retain(|number, slot| slot.look(*number));
    }

    /// Sees them as the gateway does.
    fn see(&mut self) {
        if !self.upstream.standings().borrow().store {
            // What is known of them is old.
            return;
        }
        for (number, slot) in &mut self.slots {
            let known = number.id().and_then(|id| self.upstream.known(&id));
            slot.seen(*number, known.as_ref(), Instant::now());
        }
    }

    /// Tells those that do not know it yet whether to take new sessions. Who cannot be asked now is
    /// asked with the next look.
    async fn tell(&mut self) {
        let Some(actor) = actor() else { return };
        let (upstream, actor) = (&self.upstream, &actor);
        let telling = self.slots.iter_mut().filter_map(|(number, slot)| {
            let draining = slot.to_tell()?;
            let id = number.id()?;
            Some(async move {
                match upstream.drain(&id, draining, actor).await {
                    Ok(_) => slot.told(draining, Instant::now()),
                    Err(error) => tracing::debug!(worker = %id, %error, "not told yet"),
                }
            })
        });
        // The rest is told with the next look.
        let _ = time::timeout(TELL_TIME, join_all(telling)).await;
    }

    fn stands(&self) -> ScaledPool {
        let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        let draining = self.slots.values().filter(|slot| slot.is_draining()).count();
        let running = self.slots.values().filter(|slot| slot.runs() && !slot.is_draining()).count();
        ScaledPool { wanted: self.wanted, running: number(running), draining: number(draining) }
    }

    async fn end(mut self) {
        for (number, slot) in &mut self.slots {
            slot.ask_to_end(*number);
        }
        let ending = async {
            while self.slots.values_mut().any(Slot::still_runs) {
                time::sleep(END_LOOK).await;
            }
        };
        if time::timeout(END_TIME, ending).await.is_err() {
            for (number, slot) in self.slots.iter_mut().filter(|(_, slot)| slot.runs()) {
                tracing::warn!(worker = %number, "it does not end, and is killed");
                slot.kill();
            }
        }
    }
}

/// The pool itself, as workers hear of it.
pub(super) fn actor() -> Option<Actor> {
    Some(Actor { user: NAME.parse().ok()?, tenant: EVERY_TENANT.parse().ok()?, role: Role::Admin })
}
