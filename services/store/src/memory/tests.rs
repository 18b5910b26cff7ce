//! Nothing stays in memory that nobody can reach any more.

use termfleet_session::focus::Step;

use super::*;
use crate::{
    clock::ManualClock,
    conformance::script::{Plan, close, create},
    focus::{self, Wanted},
};

const TIMINGS: Timings = Timings { reservation_ms: 100, linger_ms: 1_000, lease_ms: 300 };

fn store() -> (MemoryStore, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(1_782_864_000_000));
    (MemoryStore::with(TIMINGS, clock.clone()), clock)
}

fn is_empty(store: &MemoryStore) -> bool {
    store.book.lock().unwrap().is_empty()
}

#[tokio::test]
async fn a_sweep_gives_back_all_memory_of_what_has_expired() {
    let (store, clock) = store();
    let session = create(&store, &Plan::new().alias("closed")).await.unwrap();
    close(&store, &session.id).await;
    let again = create(&store, &Plan::new().alias("closed")).await.unwrap();
    let steps = vec![Step::focus(again.id.clone())];
    let (tenant, project) = (again.tenant.clone(), again.project.clone());
    let wanted = Wanted { tenant, project, steps, expected: None, max: 4 };
    focus::change(&store, &wanted).await.unwrap();
    for n in 0..5 {
        let plan = Plan::new().project(format!("shop-{n}")).alias(format!("reserved-{n}"));
        store.reserve(&plan.reservation()).await.unwrap();
    }
    let (tenant, user) = (session.tenant.clone(), session.user.clone());
    let request = Request { tenant, user, key: "k".parse().unwrap(), body: [0; 32] };
    store.begin(&request, &session.id).await.unwrap();
    clock.advance(TIMINGS.reservation_ms);
    assert_eq!(store.sweep().await, Ok(5));
    assert_eq!(store.sweep().await, Ok(0));
    let running = store.resolve_alias(&session.tenant, &"closed".parse().unwrap()).await.unwrap();
    close(&store, &running.unwrap()).await;
    clock.advance(TIMINGS.linger_ms);
    assert_eq!(store.sweep().await, Ok(2));
    assert!(is_empty(&store));
}

#[tokio::test]
async fn a_cancelled_or_renewed_reservation_leaves_nothing_behind() {
    let (store, clock) = store();
    let renewed = Plan::new().alias("renewed").reservation();
    let cancelled = Plan::new().alias("cancelled").reservation();
    for _ in 0..3 {
        store.reserve(&renewed).await.unwrap();
        store.reserve(&cancelled).await.unwrap();
        clock.advance(1);
    }
    store.cancel(&cancelled).await.unwrap();
    clock.advance(TIMINGS.reservation_ms);
    assert_eq!(store.sweep().await, Ok(1));
    assert!(is_empty(&store));
}

#[tokio::test]
async fn an_asserted_record_leaves_nothing_of_another_reservation_of_its_id() {
    let (store, clock) = store();
    let reservation = Plan::new().user("bob").alias("bobs").reservation();
    store.reserve(&reservation).await.unwrap();
    let anns = Session { id: reservation.id, ..Plan::new().alias("anns").running() };
    store.assert(anns.clone()).await.unwrap();
    close(&store, &anns.id).await;
    clock.advance(TIMINGS.linger_ms);
    assert_eq!(store.sweep().await, Ok(1));
    assert!(is_empty(&store));
}
