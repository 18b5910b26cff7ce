//! A record: read back as written, in two halves, and gone some time after its end.

use jiff::{SignedDuration, Timestamp};
use termfleet_session::{
    limits::Size,
    record::{Counters, Exit, Patch, Session},
    state::Status,
};
use tokio::task::JoinSet;

use super::{
    Stage,
    script::{FIRST, Plan, close, create, fence, session, worker},
};
use crate::{
    change::Change,
    directory::Directory,
    error::StoreError::{Ended, NotFound},
};

pub(super) async fn a_committed_record_reads_back_as_it_was<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let reservation = Plan::new().alias("mine").reservation();
    store.reserve(&reservation).await.unwrap();
    let given = session(&reservation);
    let stored = store.commit(given.clone()).await.unwrap();
    assert!(stored.updated_at > given.updated_at, "the store's clock says when it was written");
    assert_eq!(stored, Session { updated_at: stored.updated_at, ..given });
    assert_eq!(store.get(&stored.id).await, Ok(Some(stored)));
}

pub(super) async fn an_unknown_id_has_no_record<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let id = Plan::new().reservation().id;
    assert_eq!(store.get(&id).await, Ok(None));
    assert_eq!(store.patch(&id, Patch::default()).await, Err(NotFound));
    assert_eq!(store.update(&id, &fence(), Change::default()).await, Err(NotFound));
    assert_eq!(store.close(&id, &fence(), None).await, Err(NotFound));
    assert_eq!(store.claim(&id, FIRST, worker("w2")).await, Err(NotFound));
}

pub(super) async fn a_shell_that_ended_before_its_commit_leaves_a_closed_record_and_no_place_taken<
    S: Stage,
>(
    stage: &S,
) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1);
    let reservation = plan.reservation();
    store.reserve(&reservation).await.unwrap();
    let exit = Some(Exit { code: Some(0), signal: None });
    let ended = Session { status: Status::Closed, exit, ..session(&reservation) };
    let stored = store.commit(ended).await.unwrap();
    assert_eq!((stored.exit, stored.process_id), (exit, None));
    create(store, &plan).await.unwrap();
    stage.pass(stage.timings().linger_ms).await;
    assert_eq!(store.get(&stored.id).await, Ok(None));
}

pub(super) async fn a_closed_record_can_be_read_for_its_time_and_then_is_gone<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let session = create(store, &Plan::new()).await.unwrap();
    let exit = Exit { code: Some(7), signal: None };
    let closed = store.close(&session.id, &fence(), Some(exit)).await.unwrap();
    assert_eq!((closed.status, closed.exit), (Status::Closed, Some(exit)));
    assert_eq!(closed.process_id, None);
    stage.pass(stage.timings().linger_ms / 2).await;
    assert_eq!(store.get(&session.id).await, Ok(Some(closed)));
    stage.pass(stage.timings().linger_ms / 2).await;
    assert_eq!(store.get(&session.id).await, Ok(None));
}

pub(super) async fn nothing_leaves_closed_and_closing_again_is_fine<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let running = create(store, &Plan::new()).await.unwrap();
    let closed = close(store, &running.id).await;
    let id = &running.id;
    assert_eq!(close(store, id).await, closed);
    let active = Change { status: Some(Status::Active), ..Change::default() };
    assert_eq!(store.update(id, &fence(), active).await, Err(Ended));
    assert_eq!(store.patch(id, Patch::default()).await, Err(Ended));
    assert_eq!(store.claim(id, FIRST, worker("w2")).await, Err(Ended));
    assert_eq!(store.assert(running.clone()).await, Err(Ended));
    assert_eq!(store.get(id).await, Ok(Some(closed)));
}

pub(super) async fn patches_and_updates_in_a_race_lose_nothing_of_each_other<S: Stage>(stage: &S) {
    let session = create(&**stage.store(), &Plan::new()).await.unwrap();
    let mut tasks = JoinSet::new();
    for n in 0..50_u16 {
        let (store, id) = (stage.store().clone(), session.id.clone());
        tasks.spawn(async move {
            let label = [("turn".to_owned(), n.to_string())].into();
            let patch = match n % 2 {
                0 => Patch { tab_name: Some("renamed".into()), ..Patch::default() },
                _ => Patch { labels: Some(label), ..Patch::default() },
            };
            store.patch(&id, patch).await.unwrap();
        });
        let (store, id) = (stage.store().clone(), session.id.clone());
        tasks.spawn(async move {
            let change = match n % 2 {
                0 => Change { size: Size::new(132, 50), ..Change::default() },
                _ => Change { current_path: Some("/srv/moved".into()), ..Change::default() },
            };
            store.update(&id, &fence(), change).await.unwrap();
        });
    }
    tasks.join_all().await;
    let stored = stage.store().get(&session.id).await.unwrap().unwrap();
    assert_eq!(stored.tab_name, "renamed");
    assert!(stored.labels.contains_key("turn"), "{:?}", stored.labels);
    assert_eq!(Some(stored.size), Size::new(132, 50));
    assert_eq!(stored.current_path, "/srv/moved");
    assert_eq!(stored.theme, session.theme, "what nobody named stays");
}

pub(super) async fn activity_never_goes_back<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let session = create(store, &Plan::new()).await.unwrap();
    let later = session.last_activity_at + SignedDuration::from_secs(60);
    let counters = Counters { bytes_in: 3, bytes_out: 9 };
    let active = |at: Timestamp| Change {
        last_activity_at: Some(at),
        counters: Some(counters),
        ..Change::default()
    };
    store.update(&session.id, &fence(), active(later)).await.unwrap();
    let stored = store.update(&session.id, &fence(), active(session.created_at)).await.unwrap();
    assert_eq!((stored.last_activity_at, stored.counters), (later, counters));
}

pub(super) async fn a_suspension_has_its_time_while_it_lasts<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let session = create(store, &Plan::new()).await.unwrap();
    let enter = |status| Change { status: Some(status), ..Change::default() };
    let suspended = store.update(&session.id, &fence(), enter(Status::Suspended)).await.unwrap();
    assert_eq!(suspended.suspended_at, Some(suspended.updated_at));
    stage.pass(5).await;
    let asserted = store.assert(Session { suspended_at: None, ..suspended.clone() }).await;
    assert_eq!(asserted.unwrap().suspended_at, suspended.suspended_at);
    let resumed = store.update(&session.id, &fence(), enter(Status::Active)).await.unwrap();
    assert_eq!((resumed.status, resumed.suspended_at), (Status::Active, None));
    assert!(resumed.updated_at > suspended.updated_at);
}

pub(super) async fn a_sweep_takes_what_has_expired_and_nothing_else<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(3, 3);
    let closed = create(store, &plan).await.unwrap();
    let running = create(store, &plan).await.unwrap();
    close(store, &closed.id).await;
    store.reserve(&plan.reservation()).await.unwrap();
    stage.pass(stage.timings().linger_ms.max(stage.timings().reservation_ms)).await;
    let standing = plan.reservation();
    store.reserve(&standing).await.unwrap();
    store.sweep().await.unwrap();
    assert_eq!(store.get(&closed.id).await, Ok(None));
    assert_eq!(store.get(&running.id).await, Ok(Some(running)));
    store.commit(session(&standing)).await.unwrap();
    create(store, &plan).await.unwrap();
}
