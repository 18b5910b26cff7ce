//! A rate is exact at its edge, tells the truth about when to come again, and is its scope's alone.

use std::time::Duration;

use super::{
    Stage,
    script::{Plan, race},
};
use crate::rates::{Rate, Rates, Scope, Taken};

fn scope(user: &str) -> Scope {
    Scope { limit: "requests", tenant: "acme".parse().unwrap(), user: user.parse().unwrap() }
}

/// So many at once, of which none comes back while a test runs.
fn a_burst(count: u32) -> Rate {
    Rate::new(1, Duration::from_secs(3_600)).with_burst(count)
}

/// Lets the time pass that somebody was told to wait.
async fn wait<S: Stage>(stage: &S, taken: Taken) {
    let Taken::Wait(wait) = taken else { panic!("nothing to wait for") };
    stage.pass(u64::try_from(wait.as_micros().div_ceil(1_000)).unwrap()).await;
}

pub(super) async fn of_a_thousand_parallel_calls_exactly_the_burst_is_taken<S: Stage>(stage: &S) {
    let taken = race(stage, vec![Plan::new(); 1_000], async |store, _| {
        store.take(&scope("ann"), a_burst(100), 1).await.unwrap()
    })
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken == Taken::Yes).count(), 100);
}

pub(super) async fn a_rate_is_taken_below_and_at_its_burst_and_not_above<S: Stage>(stage: &S) {
    let (store, rate) = (stage.store(), a_burst(3));
    for _ in 0..3 {
        assert_eq!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes));
    }
    assert_ne!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes));
}

pub(super) async fn what_is_told_to_wait_is_taken_after_it_and_not_before<S: Stage>(stage: &S) {
    let (store, rate) = (stage.store(), a_burst(3));
    for _ in 0..3 {
        assert_eq!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes));
    }
    let told = store.take(&scope("ann"), rate, 1).await.unwrap();
    let Taken::Wait(all) = told else { panic!("{told:?}") };
    assert!(all <= Duration::from_secs(3_600) && all > Duration::from_secs(3_500), "{all:?}");
    stage.pass(u64::try_from(all.as_millis()).unwrap() / 2).await;
    let rest = store.take(&scope("ann"), rate, 1).await.unwrap();
    assert_ne!(rest, Taken::Yes, "half of the wait is not enough");
    wait(stage, rest).await;
    assert_eq!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes));
    assert_ne!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes), "one has come back");
}

pub(super) async fn a_refused_call_costs_nothing<S: Stage>(stage: &S) {
    let (store, rate) = (stage.store(), a_burst(3));
    assert_eq!(store.take(&scope("ann"), rate, 2).await, Ok(Taken::Yes));
    let mut told = Taken::Yes;
    for _ in 0..20 {
        told = store.take(&scope("ann"), rate, 2).await.unwrap();
        assert_ne!(told, Taken::Yes);
    }
    assert_eq!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes), "the third is there");
    wait(stage, told).await;
    wait(stage, store.take(&scope("ann"), rate, 2).await.unwrap()).await;
    assert_eq!(store.take(&scope("ann"), rate, 2).await, Ok(Taken::Yes));
}

pub(super) async fn what_is_more_than_a_burst_is_the_whole_burst<S: Stage>(stage: &S) {
    let (store, rate) = (stage.store(), a_burst(3));
    assert_eq!(store.take(&scope("ann"), rate, 1_000).await, Ok(Taken::Yes));
    assert_ne!(store.take(&scope("ann"), rate, 1).await, Ok(Taken::Yes));
}

pub(super) async fn scopes_count_apart<S: Stage>(stage: &S) {
    let (store, rate) = (stage.store(), a_burst(1));
    let cut = |tenant: &str, user: &str| Scope {
        tenant: tenant.parse().unwrap(),
        ..scope(user)
    };
    let other = Scope { limit: "others", ..scope("ann") };
    // Names that are alike but for where they are cut, or that look like a part of a key.
    let scopes =
        [scope("ann"), other, cut("a", "b/c"), cut("a/b", "c"), cut("a", "}:{*"), cut("a", "%7D")];
    for scope in &scopes {
        assert_eq!(store.take(scope, rate, 1).await, Ok(Taken::Yes), "{scope:?}");
    }
    for scope in &scopes {
        assert_ne!(store.take(scope, rate, 1).await, Ok(Taken::Yes), "{scope:?}");
    }
}

pub(super) async fn a_lower_rate_counts_at_once_and_nobody_waits_for_the_old_one<S: Stage>(
    stage: &S,
) {
    let store = stage.store();
    assert_eq!(store.take(&scope("ann"), a_burst(100), 100).await, Ok(Taken::Yes));
    let second = Rate::new(1, Duration::from_secs(1));
    let told = store.take(&scope("ann"), second, 1).await.unwrap();
    assert!(matches!(told, Taken::Wait(wait) if wait <= Duration::from_secs(1)), "{told:?}");
}
