//! A client's own name for a session is one session's at a time.

use super::{
    Stage,
    script::{Plan, close, create, race, session},
};
use crate::{directory::Directory, error::StoreError::AliasTaken};

pub(super) async fn a_hundred_parallel_creates_of_one_alias_make_exactly_one<S: Stage>(stage: &S) {
    let plans = (0..100).map(|n| {
        // Aliases are of the tenant: neither project nor user makes another of it.
        let user = if n % 2 == 0 { "ann" } else { "bob" };
        Plan::new().project(format!("shop-{}", n % 7)).user(user).alias("mine").limits(100, 100)
    });
    let made = race(stage, plans, async |store, plan| create(&*store, &plan).await).await;
    let winners: Vec<_> = made.iter().flatten().map(|session| session.id.clone()).collect();
    assert_eq!(winners.len(), 1);
    for refusal in made.iter().filter_map(|made| made.as_ref().err()) {
        assert_eq!(*refusal, AliasTaken { holder: winners[0].clone() });
    }
}

pub(super) async fn an_alias_finds_its_session_in_its_own_tenant_alone<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().alias("mine");
    let ours = create(store, &plan).await.unwrap();
    let theirs = create(store, &plan.clone().tenant("umbrella")).await.unwrap();
    let alias = "mine".parse().unwrap();
    assert_eq!(store.resolve_alias(&ours.tenant, &alias).await, Ok(Some(ours.id)));
    assert_eq!(store.resolve_alias(&theirs.tenant, &alias).await, Ok(Some(theirs.id)));
    assert_eq!(store.resolve_alias(&"else".parse().unwrap(), &alias).await, Ok(None));
    assert_eq!(store.resolve_alias(&ours.tenant, &"yours".parse().unwrap()).await, Ok(None));
}

pub(super) async fn a_reserved_alias_is_taken_and_free_again_when_the_reservation_expires<
    S: Stage,
>(
    stage: &S,
) {
    let store = &**stage.store();
    let plan = Plan::new().alias("mine");
    let reservation = plan.reservation();
    store.reserve(&reservation).await.unwrap();
    let alias = "mine".parse().unwrap();
    let found = store.resolve_alias(&reservation.tenant, &alias).await;
    assert_eq!(found, Ok(Some(reservation.id.clone())));
    let holder = reservation.id.clone();
    assert_eq!(create(store, &plan).await, Err(AliasTaken { holder }));
    stage.pass(stage.timings().reservation_ms).await;
    assert_eq!(store.resolve_alias(&reservation.tenant, &alias).await, Ok(None));
    create(store, &plan).await.unwrap();
}

pub(super) async fn a_closed_session_is_found_by_its_alias_until_another_takes_it<S: Stage>(
    stage: &S,
) {
    let store = &**stage.store();
    let plan = Plan::new().alias("mine");
    let first = create(store, &plan).await.unwrap();
    close(store, &first.id).await;
    let alias = "mine".parse().unwrap();
    assert_eq!(store.resolve_alias(&first.tenant, &alias).await, Ok(Some(first.id)));
    let second = create(store, &plan).await.unwrap();
    assert_eq!(store.resolve_alias(&first.tenant, &alias).await, Ok(Some(second.id)));
}

pub(super) async fn a_record_that_goes_leaves_the_alias_to_its_new_holder<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().alias("mine");
    let first = create(store, &plan).await.unwrap();
    close(store, &first.id).await;
    let second = create(store, &plan).await.unwrap();
    stage.pass(stage.timings().linger_ms).await;
    assert_eq!(store.get(&first.id).await, Ok(None));
    let alias = "mine".parse().unwrap();
    assert_eq!(store.resolve_alias(&first.tenant, &alias).await, Ok(Some(second.id.clone())));
    close(store, &second.id).await;
    stage.pass(stage.timings().linger_ms).await;
    assert_eq!(store.resolve_alias(&first.tenant, &alias).await, Ok(None));
}

pub(super) async fn an_asserted_alias_that_another_has_is_dropped<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().alias("mine");
    let holder = create(store, &plan).await.unwrap();
    let lost = session(&plan.reservation());
    assert_eq!(store.assert(lost.clone()).await.unwrap().alias, None);
    let alias = "mine".parse().unwrap();
    assert_eq!(store.resolve_alias(&holder.tenant, &alias).await, Ok(Some(holder.id.clone())));
    close(store, &holder.id).await;
    assert_eq!(store.assert(lost.clone()).await.unwrap().alias, Some(alias.clone()));
    assert_eq!(store.resolve_alias(&holder.tenant, &alias).await, Ok(Some(lost.id)));
}
