//! One gateway at a time has the sweep lease, and none has it for longer than its time.

use super::{
    Stage,
    script::{Plan, race},
};
use crate::sweep::{Lease, Sweeps};

/// Some time, much longer than a test takes.
const LEASE_MS: u64 = 60_000;

async fn take<S: Stage>(stage: &S, holder: &str) -> Lease {
    stage.store().take_sweep(holder, LEASE_MS).await.unwrap()
}

fn is_taken(lease: Lease) -> bool {
    matches!(lease, Lease::Taken { for_ms } if (1..=LEASE_MS).contains(&for_ms))
}

pub(super) async fn of_a_hundred_who_take_the_lease_one_has_it<S: Stage>(stage: &S) {
    let plans = (0..100).map(|number| Plan::new().alias(format!("g{number}")));
    let answers = race(stage, plans, async |store, plan| {
        let holder = plan.reservation().alias.unwrap().to_string();
        store.take_sweep(&holder, LEASE_MS).await.unwrap()
    })
    .await;
    let (mine, taken): (Vec<_>, Vec<_>) =
        answers.into_iter().partition(|lease| *lease == Lease::Mine);
    assert_eq!(mine.len(), 1);
    assert!(taken.into_iter().all(is_taken));
}

pub(super) async fn the_lease_is_its_holders_for_its_time_and_then_anybodys<S: Stage>(stage: &S) {
    assert_eq!(take(stage, "one").await, Lease::Mine);
    stage.pass(LEASE_MS / 2).await;
    let lease = take(stage, "other").await;
    let Lease::Taken { for_ms } = lease else { panic!("two have it") };
    assert!(for_ms <= LEASE_MS / 2, "{for_ms}");
    stage.pass(for_ms).await;
    assert_eq!(take(stage, "other").await, Lease::Mine);
    assert!(is_taken(take(stage, "one").await));
}

pub(super) async fn a_holder_takes_it_again_and_from_then_on<S: Stage>(stage: &S) {
    assert_eq!(take(stage, "one").await, Lease::Mine);
    stage.pass(LEASE_MS / 2).await;
    assert_eq!(take(stage, "one").await, Lease::Mine);
    stage.pass(LEASE_MS / 2 + 1).await;
    assert!(is_taken(take(stage, "other").await));
}

pub(super) async fn a_lease_that_is_left_is_free_and_only_its_holder_leaves_it<S: Stage>(
    stage: &S,
) {
    let store = stage.store();
    store.leave_sweep("one").await.unwrap();
    assert_eq!(take(stage, "one").await, Lease::Mine);
    store.leave_sweep("other").await.unwrap();
    assert!(is_taken(take(stage, "other").await));
    store.leave_sweep("one").await.unwrap();
    assert_eq!(take(stage, "other").await, Lease::Mine);
}
