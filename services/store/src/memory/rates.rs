//! The rates that the memory store counts: the rule of `rate.lua`. Pure; time comes in.

use std::{collections::HashMap, time::Duration};

use crate::rates::{Rate, Scope, Taken};

/// How many calls may pass before counts that are back at rest are looked for.
const TIDY_EVERY: u32 = 1_024;

/// When each scope is back at rest, in microseconds since 1970.
#[derive(Debug, Default)]
pub(super) struct Counts {
    at_rest: HashMap<Scope, u64>,
    calls: u32,
}

impl Counts {
    pub(super) fn take(&mut self, scope: &Scope, rate: Rate, cost: u32, now_ms: u64) -> Taken {
        let now = now_ms.saturating_mul(1_000);
        self.tidy(now);
        let full = now.saturating_add(rate.burst_us());
        // What lies further ahead was written at another rate: nobody waits longer than for a burst.
        let at_rest = self.at_rest.get(scope).map_or(now, |at| (*at).clamp(now, full));
        let next = at_rest.saturating_add(rate.cost_us(cost));
        if next > full {
            return Taken::Wait(Duration::from_micros(next - full));
        }
        self.at_rest.insert(scope.clone(), next);
        Taken::Yes
    }

    /// Else every user ever seen would stay.
    fn tidy(&mut self, now: u64) {
        self.calls = self.calls.wrapping_add(1);
        if self.calls.is_multiple_of(TIDY_EVERY) {
            self.at_rest.retain(|_, at| *at > now);
        }
    }
}

#[cfg(test)]
mod tests {
    //! What is kept.

    use super::*;

    #[test]
    fn who_is_at_rest_is_forgotten() {
        let (mut counts, rate) = (Counts::default(), Rate::new(1, Duration::from_secs(1)));
        let scope = |n: u32| Scope {
            limit: "requests",
            tenant: "acme".parse().unwrap(),
            user: format!("user-{n}").parse().unwrap(),
        };
        for n in 1..TIDY_EVERY {
            assert_eq!(counts.take(&scope(n), rate, 1, 1_000), Taken::Yes);
        }
        assert_eq!(counts.take(&scope(0), rate, 1, 2_000), Taken::Yes);
        assert_eq!(counts.at_rest.len(), 1);
    }
}
