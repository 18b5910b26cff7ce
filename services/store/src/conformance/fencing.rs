//! Who may write a record: its owner at its epoch, and nobody who was superseded.

use jiff::SignedDuration;
use termfleet_session::{
    ids::Epoch,
    record::{Counters, Patch, Session},
    state::Status,
};
use tokio::task::JoinSet;

use super::{
    Stage,
    script::{FIRST, Plan, close, create, fence, of_project, worker},
};
use crate::{
    change::Change,
    directory::{Directory, Fence, Touch, Untouched},
    error::StoreError::{Ended, NotFound, Outdated, Superseded},
};

fn moved(path: &str) -> Change {
    Change { current_path: Some(path.into()), ..Change::default() }
}

fn touch(session: &Session) -> Touch {
    Touch {
        id: session.id.clone(),
        epoch: session.epoch,
        last_activity_at: session.last_activity_at + SignedDuration::from_secs(10),
        counters: Counters { bytes_in: 1, bytes_out: 2 },
    }
}

pub(super) async fn a_write_below_the_epoch_is_superseded_and_above_it_the_record_is_outdated<
    S: Stage,
>(
    stage: &S,
) {
    let store = &**stage.store();
    let running = Session { epoch: Epoch::new(5), ..Plan::new().running() };
    let stored = store.assert(running).await.unwrap();
    let current = Epoch::new(5);
    let update = async |epoch| {
        let fence = Fence { owner: worker("w1"), epoch: Epoch::new(epoch) };
        store.update(&stored.id, &fence, moved("/srv/elsewhere")).await
    };
    assert_eq!(update(4).await, Err(Superseded { current }));
    assert_eq!(update(6).await, Err(Outdated { stored: current }));
    assert_eq!(store.get(&stored.id).await, Ok(Some(stored.clone())));
    assert_eq!(update(5).await.unwrap().current_path, "/srv/elsewhere");
}

pub(super) async fn at_equal_epochs_the_owner_in_the_store_wins<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let stored = create(store, &Plan::new()).await.unwrap();
    let superseded = Err(Superseded { current: FIRST });
    let other = Fence { owner: worker("w2"), epoch: FIRST };
    assert_eq!(store.update(&stored.id, &other, moved("/")).await, superseded);
    assert_eq!(store.close(&stored.id, &other, None).await, superseded);
    let copy = Session { owner: Some(worker("w2")), ..stored.clone() };
    assert_eq!(store.assert(copy).await, superseded);
    assert_eq!(store.get(&stored.id).await, Ok(Some(stored)));
}

pub(super) async fn of_fifty_claims_exactly_one_wins<S: Stage>(stage: &S) {
    let stored = create(&**stage.store(), &Plan::new()).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let (store, id) = (stage.store().clone(), stored.id.clone());
        let owner = worker(&format!("c{n}"));
        tasks.spawn(async move { store.claim(&id, FIRST, owner).await });
    }
    let claims = tasks.join_all().await;
    let won: Vec<_> = claims.iter().flatten().collect();
    assert_eq!(won.len(), 1);
    assert_eq!(stage.store().get(&stored.id).await, Ok(Some(won[0].clone())));
    for lost in claims.iter().filter_map(|claim| claim.as_ref().err()) {
        assert_eq!(*lost, Superseded { current: won[0].epoch });
    }
}

pub(super) async fn a_claim_fences_the_old_owner_out_of_everything<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let old = create(store, &Plan::new()).await.unwrap();
    let claimed = store.claim(&old.id, old.epoch, worker("w2")).await.unwrap();
    assert!(claimed.epoch > old.epoch);
    assert_eq!(claimed.owner, Some(worker("w2")));
    assert_eq!(claimed.process_id, None, "the new shell is not known yet");
    let superseded = Superseded { current: claimed.epoch };
    assert_eq!(store.update(&old.id, &fence(), moved("/")).await, Err(superseded.clone()));
    assert_eq!(store.close(&old.id, &fence(), None).await, Err(superseded.clone()));
    assert_eq!(store.assert(old.clone()).await, Err(superseded.clone()));
    assert_eq!(
        store.touch(&worker("w1"), &[touch(&old)]).await,
        Ok(vec![Untouched { id: old.id.clone(), error: superseded }])
    );
    assert_eq!(store.get(&old.id).await, Ok(Some(claimed)));
}

pub(super) async fn an_owner_raises_its_own_epoch_for_a_new_shell<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let first = create(store, &Plan::new()).await.unwrap();
    store.touch(&worker("w1"), &[touch(&first)]).await.unwrap();
    let second = store.claim(&first.id, first.epoch, worker("w1")).await.unwrap();
    assert_eq!(second.counters, Counters::default(), "a new shell counts from 0");
    let fence = Fence { owner: worker("w1"), epoch: second.epoch };
    let started = Change { process_id: Some(7), ..Change::default() };
    let running = store.update(&first.id, &fence, started).await.unwrap();
    assert_eq!((running.process_id, running.status), (Some(7), Status::Active));
    let outdated = Err(Outdated { stored: second.epoch });
    let later = Epoch::new(second.epoch.get() + 1);
    assert_eq!(store.claim(&first.id, later, worker("w1")).await, outdated);
}

pub(super) async fn a_lost_record_is_written_again_as_it_was<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let lost = Plan::new().alias("mine").running();
    let stored = store.assert(lost.clone()).await.unwrap();
    assert_eq!(stored, lost);
    assert_eq!(of_project(store, &Plan::new()).await, std::slice::from_ref(&lost));
    let alias = lost.alias.clone().unwrap();
    assert_eq!(store.resolve_alias(&lost.tenant, &alias).await, Ok(Some(lost.id)));
}

pub(super) async fn asserting_again_and_again_changes_nothing<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let running = create(store, &Plan::new()).await.unwrap();
    for _ in 0..3 {
        stage.pass(1).await;
        assert_eq!(store.assert(running.clone()).await, Ok(running.clone()));
    }
    let closed = close(store, &running.id).await;
    assert_eq!(store.assert(closed.clone()).await, Ok(closed));
}

pub(super) async fn an_assertion_keeps_the_clients_half<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let running = create(store, &Plan::new()).await.unwrap();
    let patch = Patch { tab_name: Some("renamed".into()), ..Patch::default() };
    store.patch(&running.id, patch).await.unwrap();
    let moved = Session { current_path: "/srv/moved".into(), ..running };
    let stored = store.assert(moved).await.unwrap();
    assert_eq!((&*stored.tab_name, &*stored.current_path), ("renamed", "/srv/moved"));
}

pub(super) async fn an_assertion_keeps_what_was_settled_at_creation<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let settled = create(store, &Plan::new().alias("mine")).await.unwrap();
    let earlier = settled.created_at - SignedDuration::from_secs(60);
    let forgetful = Session {
        user: "bob".parse().unwrap(),
        alias: None,
        created_at: earlier,
        updated_at: earlier,
        last_activity_at: earlier,
        ..settled.clone()
    };
    assert_eq!(store.assert(forgetful).await, Ok(settled));
}

pub(super) async fn an_assertion_at_a_higher_epoch_wins<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let old = create(store, &Plan::new()).await.unwrap();
    let epoch = Epoch::new(FIRST.get() + 1);
    let newer = Session { epoch, owner: Some(worker("w2")), process_id: Some(7), ..old.clone() };
    let stored = store.assert(newer.clone()).await.unwrap();
    assert_eq!(stored, Session { updated_at: stored.updated_at, ..newer });
    assert_eq!(store.assert(old).await, Err(Superseded { current: epoch }));
}

pub(super) async fn what_closed_long_ago_is_not_written_again<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let running = create(store, &Plan::new()).await.unwrap();
    let closed = close(store, &running.id).await;
    stage.pass(stage.timings().linger_ms).await;
    assert_eq!(store.assert(closed.clone()).await, Err(Ended));
    assert_eq!(store.get(&closed.id).await, Ok(None));
}

pub(super) async fn what_closed_in_the_future_goes_in_time_all_the_same<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let running = create(store, &Plan::new()).await.unwrap();
    let future = running.updated_at + SignedDuration::from_hours(24);
    let lost = Session { status: Status::Closed, updated_at: future, ..Plan::new().running() };
    store.assert(lost.clone()).await.unwrap();
    stage.pass(stage.timings().linger_ms).await;
    assert_eq!(store.get(&lost.id).await, Ok(None));
}

pub(super) async fn a_batch_of_activity_is_noted_but_for_what_is_not_the_owners<S: Stage>(
    stage: &S,
) {
    let store = &**stage.store();
    let mine = create(store, &Plan::new()).await.unwrap();
    let theirs = Session { owner: Some(worker("w2")), ..Plan::new().running() };
    let theirs = store.assert(theirs).await.unwrap();
    let unknown = Plan::new().running();
    let batch = [touch(&theirs), touch(&mine), touch(&unknown)];
    let untouched = store.touch(&worker("w1"), &batch).await.unwrap();
    let superseded = Superseded { current: theirs.epoch };
    assert_eq!(
        untouched,
        [
            Untouched { id: theirs.id.clone(), error: superseded },
            Untouched { id: unknown.id, error: NotFound },
        ]
    );
    let Touch { id, epoch: _, last_activity_at, counters } = touch(&mine);
    let noted = Session { last_activity_at, counters, ..mine };
    assert_eq!(store.get(&id).await, Ok(Some(noted)));
    assert_eq!(store.get(&theirs.id).await, Ok(Some(theirs)));
}
