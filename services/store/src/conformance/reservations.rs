//! A reservation is a place for a while: it turns into a session, or it frees itself.

use super::{
    Stage,
    script::{Plan, create, fence, race, session, worker},
};
use crate::{
    directory::{Directory, Reservation},
    error::StoreError::{AlreadyExists, Misplaced, ProjectFull, ReservationGone, Superseded},
};

pub(super) async fn half_done_creations_leak_nothing<S: Stage>(stage: &S) {
    let plan = Plan::new().limits(10, 10);
    let held = race(stage, vec![plan.clone(); 100], async |store, plan| {
        store.reserve(&plan.reservation()).await.is_ok()
    })
    .await;
    assert_eq!(held.iter().filter(|held| **held).count(), 10);
    stage.pass(stage.timings().reservation_ms).await;
    for _ in 0..10 {
        create(&**stage.store(), &plan).await.unwrap();
    }
}

pub(super) async fn an_expired_reservation_cannot_be_committed<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let reservation = Plan::new().reservation();
    store.reserve(&reservation).await.unwrap();
    stage.pass(stage.timings().reservation_ms).await;
    assert_eq!(store.commit(session(&reservation)).await, Err(ReservationGone));
    assert_eq!(store.get(&reservation.id).await, Ok(None));
}

pub(super) async fn a_place_that_was_lost_to_another_is_not_committed<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1);
    let slow = plan.reservation();
    store.reserve(&slow).await.unwrap();
    stage.pass(stage.timings().reservation_ms).await;
    create(store, &plan).await.unwrap();
    assert_eq!(store.commit(session(&slow)).await, Err(ReservationGone));
}

pub(super) async fn a_renewed_reservation_counts_once_and_stands_longer<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let reservation = Plan::new().limits(1, 1).reservation();
    let step = stage.timings().reservation_ms / 4 * 3;
    store.reserve(&reservation).await.unwrap();
    stage.pass(step).await;
    store.reserve(&reservation).await.unwrap();
    stage.pass(step).await;
    store.commit(session(&reservation)).await.unwrap();
}

pub(super) async fn a_cancelled_reservation_frees_its_place_at_once<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1).alias("mine");
    let reservation = plan.reservation();
    store.reserve(&reservation).await.unwrap();
    store.cancel(&reservation).await.unwrap();
    store.cancel(&reservation).await.unwrap();
    assert_eq!(store.commit(session(&reservation)).await, Err(ReservationGone));
    create(store, &plan).await.unwrap();
}

pub(super) async fn cancelling_what_is_committed_changes_nothing<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1).alias("mine");
    let reservation = plan.reservation();
    store.reserve(&reservation).await.unwrap();
    let stored = store.commit(session(&reservation)).await.unwrap();
    store.cancel(&reservation).await.unwrap();
    stage.pass(stage.timings().reservation_ms).await;
    assert_eq!(store.get(&stored.id).await, Ok(Some(stored.clone())));
    let alias = stored.alias.clone().unwrap();
    assert_eq!(store.resolve_alias(&stored.tenant, &alias).await, Ok(Some(stored.id)));
    let other = plan.clone().alias("other");
    assert_eq!(create(store, &other).await, Err(ProjectFull { limit: 1 }));
}

pub(super) async fn only_what_was_reserved_can_be_committed<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let reservation = Plan::new().reservation();
    assert_eq!(store.commit(session(&reservation)).await, Err(ReservationGone));
    store.reserve(&reservation).await.unwrap();
    let others = [
        Reservation { user: "bob".parse().unwrap(), ..reservation.clone() },
        Reservation { alias: Some("mine".parse().unwrap()), ..reservation.clone() },
    ];
    for other in others {
        assert_eq!(store.commit(session(&other)).await, Err(ReservationGone));
    }
    store.commit(session(&reservation)).await.unwrap();
}

pub(super) async fn a_commit_again_is_fine_and_by_another_is_superseded<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let reservation = Plan::new().reservation();
    store.reserve(&reservation).await.unwrap();
    let session = session(&reservation);
    let stored = store.commit(session.clone()).await.unwrap();
    assert_eq!(store.commit(session.clone()).await, Ok(stored));
    let mut other = session;
    other.owner = Some(worker("w2"));
    assert_eq!(store.commit(other).await, Err(Superseded { current: fence().epoch }));
}

pub(super) async fn an_id_that_exists_is_not_reserved_again<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let reservation = Plan::new().reservation();
    store.reserve(&reservation).await.unwrap();
    let bobs = Reservation { user: "bob".parse().unwrap(), ..reservation.clone() };
    assert_eq!(store.reserve(&bobs).await, Err(AlreadyExists));
    store.commit(session(&reservation)).await.unwrap();
    assert_eq!(store.reserve(&reservation).await, Err(AlreadyExists));
}

pub(super) async fn an_id_made_for_another_project_is_misplaced<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let here = Plan::new().reservation();
    let there = Reservation { project: "other".parse().unwrap(), ..here.clone() };
    assert_eq!(store.reserve(&there).await, Err(Misplaced));
    assert_eq!(store.assert(session(&there)).await, Err(Misplaced));
    store.reserve(&here).await.unwrap();
}
