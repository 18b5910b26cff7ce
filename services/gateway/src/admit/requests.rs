//! REST requests of a user, counted over the whole cluster.

use std::{sync::Arc, time::Duration};

use governor::{Quota, RateLimiter, middleware::NoOpMiddleware, state::keyed::DashMapStateStore};
use prometheus_client::metrics::counter::Counter;
use termfleet_session::{
    code::Refusal,
    ids::{TenantId, UserId},
    role::Actor,
};
use termfleet_store::{Rate, Rates, Scope, Taken};

use super::{at_least_one, clock::SinceStart, limited, standby::Standby};

/// What the limit is called, in the store and in metrics.
pub(super) const REQUESTS: &str = "requests";

type Own = RateLimiter<
    (TenantId, UserId),
    DashMapStateStore<(TenantId, UserId)>,
    SinceStart,
    NoOpMiddleware<Duration>,
>;

/// The counts of requests.
pub(super) struct Requests {
    rates: Arc<dyn Rates>,
    rate: Rate,
    standby: Standby,
    own: Own,
    clock: SinceStart,
}

impl std::fmt::Debug for Requests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Requests").field("rate", &self.rate).finish_non_exhaustive()
    }
}

impl Requests {
    pub(super) fn new(
        rates: Arc<dyn Rates>,
        rate: Rate,
        decided: Counter,
        clock: SinceStart,
    ) -> Self {
        // A rate's interval is at least a microsecond.
        let quota =
            Quota::with_period(rate.interval()).unwrap_or(Quota::per_second(at_least_one(1)));
        let quota = quota.allow_burst(at_least_one(rate.burst()));
        let standby = Standby::new(REQUESTS, decided);
        let own = RateLimiter::dashmap_with_clock(quota, clock.clone());
        Self { rates, rate, standby, own, clock }
    }

    /// Counts a request of this user.
    pub(super) async fn count(&self, actor: &Actor) -> Result<(), Refusal> {
        let (tenant, user) = (actor.tenant.clone(), actor.user.clone());
        let scope = Scope { limit: REQUESTS, tenant, user };
        match self.shared(&scope).await {
            Some(Taken::Yes) => Ok(()),
            Some(Taken::Wait(wait)) => Err(too_many(wait)),
            None => self.alone(scope),
        }
    }

    /// What the store says, if it says anything.
    async fn shared(&self, scope: &Scope) -> Option<Taken> {
        if self.standby.stands_in() {
            return None;
        }
        self.standby.heard(self.rates.take(scope, self.rate, 1).await)
    }

    fn alone(&self, Scope { tenant, user, .. }: Scope) -> Result<(), Refusal> {
        self.standby.decided();
        let counted = self.own.check_key(&(tenant, user));
        counted.map_err(|until| too_many(until.wait_time_from(self.clock.read())))
    }

    /// Forgets users that are back at rest.
    pub(super) fn tidy(&self) {
        self.own.retain_recent();
        self.own.shrink_to_fit();
    }
}

fn too_many(wait: Duration) -> Refusal {
    limited("too many requests", wait)
}
