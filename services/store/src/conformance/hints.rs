//! Hints: what changed in a project is told to whoever watches it, in order.

use std::time::Duration;

use jiff::SignedDuration;
use termfleet_session::{
    ids::{Alias, SessionId},
    record::{Counters, Patch, Session},
    state::Status,
};
use tokio::time::timeout;

use super::{
    Stage,
    script::{Plan, close, create, fence, worker},
};
use crate::{
    bus::{Bus, Hint, Subscription, What},
    change::Change,
    directory::{Directory, Touch},
};

/// Longer than any hint takes: a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(5);

async fn heard(hints: &mut Subscription) -> (What, SessionId, u64) {
    match timeout(DEADLINE, hints.recv()).await {
        Ok(Some(Hint::Session { what, id, version })) => (what, id, version),
        other => panic!("expected a hint about a session, got {other:?}"),
    }
}

async fn watch<S: Stage>(stage: &S, plan: &Plan) -> Subscription {
    let place = plan.reservation();
    stage.store().subscribe(&place.tenant, &place.project).await.unwrap()
}

fn renamed(name: &str) -> Patch {
    Patch { tab_name: Some(name.into()), ..Patch::default() }
}

pub(super) async fn a_sessions_life_is_heard_in_order_with_growing_versions<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let mut hints = watch(stage, &Plan::new()).await;
    let session = create(store, &Plan::new()).await.unwrap();
    store.patch(&session.id, renamed("renamed")).await.unwrap();
    let suspend = Change { status: Some(Status::Suspended), ..Change::default() };
    store.update(&session.id, &fence(), suspend).await.unwrap();
    close(store, &session.id).await;
    let mut versions = Vec::new();
    for expected in [What::Created, What::Updated, What::Updated, What::Closed] {
        let (what, id, version) = heard(&mut hints).await;
        assert_eq!((what, &id), (expected, &session.id));
        versions.push(version);
    }
    assert!(versions.is_sorted_by(|earlier, later| earlier < later), "{versions:?}");
}

pub(super) async fn only_the_projects_own_subscribers_hear<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let mut one = watch(stage, &Plan::new()).await;
    let mut two = watch(stage, &Plan::new()).await;
    for elsewhere in [Plan::new().project("other"), Plan::new().tenant("umbrella")] {
        create(store, &elsewhere).await.unwrap();
    }
    let session = create(store, &Plan::new().user("bob")).await.unwrap();
    for hints in [&mut one, &mut two] {
        let (what, id, _) = heard(hints).await;
        assert_eq!((what, &id), (What::Created, &session.id));
    }
}

pub(super) async fn what_changes_nothing_or_only_activity_is_not_told<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let quiet = create(store, &Plan::new()).await.unwrap();
    let told = create(store, &Plan::new()).await.unwrap();
    let mut hints = watch(stage, &Plan::new()).await;
    let batch = [Touch {
        id: quiet.id.clone(),
        epoch: quiet.epoch,
        last_activity_at: quiet.last_activity_at + SignedDuration::from_secs(10),
        counters: Counters { bytes_in: 1, bytes_out: 2 },
    }];
    store.touch(&worker("w1"), &batch).await.unwrap();
    store.assert(quiet.clone()).await.unwrap();
    store.patch(&told.id, renamed("first")).await.unwrap();
    let same = Change { size: Some(quiet.size), ..Change::default() };
    store.update(&quiet.id, &fence(), same).await.unwrap();
    store.reserve(&Plan::new().reservation()).await.unwrap();
    store.patch(&told.id, renamed("second")).await.unwrap();
    for _ in ["first", "second"] {
        let (what, id, _) = heard(&mut hints).await;
        assert_eq!((what, &id), (What::Updated, &told.id));
    }
}

pub(super) async fn an_assertion_after_a_loss_is_heard_as_a_creation<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let mut hints = watch(stage, &Plan::new()).await;
    let lost = Plan::new().running();
    store.assert(lost.clone()).await.unwrap();
    store.assert(Session { current_path: "/srv/moved".into(), ..lost.clone() }).await.unwrap();
    for expected in [What::Created, What::Updated] {
        let (what, id, _) = heard(&mut hints).await;
        assert_eq!((what, &id), (expected, &lost.id));
    }
}

async fn creation(hints: &mut Subscription) -> (SessionId, Option<Alias>) {
    match timeout(DEADLINE, hints.recv()).await {
        Ok(Some(Hint::Creation { id, alias })) => (id, alias),
        other => panic!("expected a creation, got {other:?}"),
    }
}

pub(super) async fn a_creation_is_heard_in_its_tenant_by_its_names_and_nothing_else_is<S: Stage>(
    stage: &S,
) {
    let store = &**stage.store();
    let tenant = Plan::new().reservation().tenant;
    let mut one = store.subscribe_creations(&tenant).await.unwrap();
    let mut two = store.subscribe_creations(&tenant).await.unwrap();
    create(store, &Plan::new().tenant("umbrella").alias("theirs")).await.unwrap();
    store.reserve(&Plan::new().alias("reserved").reservation()).await.unwrap();
    let named = create(store, &Plan::new().alias("mine")).await.unwrap();
    store.patch(&named.id, renamed("renamed")).await.unwrap();
    close(store, &named.id).await;
    let other = create(store, &Plan::new().project("other").user("bob")).await.unwrap();
    for hints in [&mut one, &mut two] {
        assert_eq!(creation(hints).await, (named.id.clone(), Some("mine".parse().unwrap())));
        assert_eq!(creation(hints).await, (other.id.clone(), None));
    }
}

pub(super) async fn a_record_that_was_lost_is_heard_as_a_creation_in_its_tenant<S: Stage>(
    stage: &S,
) {
    let store = &**stage.store();
    let lost = Plan::new().running();
    let mut hints = store.subscribe_creations(&lost.tenant).await.unwrap();
    store.assert(lost.clone()).await.unwrap();
    store.assert(Session { current_path: "/srv/moved".into(), ..lost.clone() }).await.unwrap();
    let next = create(store, &Plan::new()).await.unwrap();
    assert_eq!(creation(&mut hints).await.0, lost.id);
    assert_eq!(creation(&mut hints).await.0, next.id);
}
