//! Focus: one value for everybody, never above its limit, and no change of it is lost.

use std::{sync::Arc, time::Duration};

use jiff::{SignedDuration, Timestamp};
use termfleet_session::{
    focus::{Change, FocusSet, Step},
    ids::{FocusVersion, SessionId},
    record::{Counters, Session},
    state::Status,
};
use tokio::{task::JoinSet, time::timeout};

use super::{
    Stage,
    script::{FIRST, Plan, close, create, fence, worker},
};
use crate::{
    bus::{Bus, Hint, Subscription},
    change::Change as Update,
    directory::{Directory, Touch},
    error::StoreError,
    focus::{self, Changed, Focus, NotChanged, Wanted},
};

/// Longer than any hint takes: a test that waits for it has failed.
const DEADLINE: Duration = Duration::from_secs(5);
/// What may be focused in these plays.
const MAX: usize = 4;

fn wanted(plan: &Plan, steps: Vec<Step>) -> Wanted {
    let place = plan.reservation();
    let (tenant, project) = (place.tenant, place.project);
    Wanted { tenant, project, steps, expected: None, max: MAX }
}

async fn change<F: Focus>(store: &F, steps: Vec<Step>) -> Changed {
    focus::change(store, &wanted(&Plan::new(), steps)).await.unwrap()
}

async fn read<F: Focus>(store: &F) -> FocusSet {
    let place = Plan::new().reservation();
    store.focused(&place.tenant, &place.project).await.unwrap()
}

async fn assert<F: Focus>(store: &F, set: &FocusSet) -> FocusSet {
    let place = Plan::new().reservation();
    store.assert_focus(&place.tenant, &place.project, set).await.unwrap()
}

async fn watch<S: Stage>(stage: &S) -> Subscription {
    let place = Plan::new().reservation();
    stage.store().subscribe(&place.tenant, &place.project).await.unwrap()
}

/// The next set that is told; hints about sessions are passed over.
async fn told(hints: &mut Subscription) -> FocusSet {
    loop {
        match timeout(DEADLINE, hints.recv()).await {
            Ok(Some(Hint::Focus { set })) => return set,
            Ok(Some(Hint::Session { .. } | Hint::Creation { .. })) => {}
            other => panic!("expected a focus set, got {other:?}"),
        }
    }
}

async fn many<D: Directory>(store: &D, count: usize) -> Vec<Session> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(create(store, &Plan::new().limits(500, 500)).await.unwrap());
    }
    made
}

fn ids(set: &FocusSet) -> Vec<SessionId> {
    set.sessions().cloned().collect()
}

fn focus_of(session: &Session) -> Step {
    Step::focus(session.id.clone())
}

pub(super) async fn a_change_is_read_back_and_told_step_by_step<S: Stage>(stage: &S) {
    let store = &**stage.store();
    assert_eq!(read(store).await, FocusSet::default());
    let made = many(store, 5).await;
    let mut hints = watch(stage).await;
    let grid = change(store, made[..4].iter().map(focus_of).collect()).await;
    let evicting = change(store, vec![focus_of(&made[4])]).await;
    let evicted = Step::unfocus(made[0].id.clone());
    assert_eq!(evicting.steps, [evicted, focus_of(&made[4])]);
    let read = read(store).await;
    assert_eq!((read.version, ids(&read)), (evicting.set.version, ids(&evicting.set)));
    let mut known = FocusSet::default();
    for expected in grid.sets.iter().chain(&evicting.sets) {
        let set = told(&mut hints).await;
        assert_eq!((set.version, ids(&set)), (expected.version, ids(expected)));
        assert!(set.version > known.version);
        assert_eq!(known.steps_to(&set).len(), 1, "one step a version");
        known = set;
    }
}

pub(super) async fn fifty_changers_never_exceed_the_limit_and_lose_nothing<S: Stage>(stage: &S) {
    let made = many(&**stage.store(), 20).await;
    let mut hints = watch(stage).await;
    let mut tasks = JoinSet::new();
    for n in 0..50 {
        let store = Arc::clone(stage.store());
        let (one, two) = (made[n % 20].id.clone(), made[(n * 7 + 3) % 20].id.clone());
        let steps = vec![Step::focus(one), Step { session: two, focused: n % 3 > 0 }];
        tasks.spawn(async move {
            loop {
                match focus::change(&*store, &wanted(&Plan::new(), steps.clone())).await {
                    Ok(changed) => return changed,
                    // Fifty at once are more than any number of gateways.
                    Err(NotChanged::Store(StoreError::FocusMoved { .. })) => {}
                    Err(other) => panic!("{other}"),
                }
            }
        });
    }
    let changes = tasks.join_all().await;
    let mut taken: Vec<_> = changes.into_iter().flat_map(|changed| changed.sets).collect();
    taken.sort_by_key(|set| set.version);
    let mut known = FocusSet::default();
    for expected in &taken {
        let set = told(&mut hints).await;
        assert_eq!((set.version, ids(&set)), (expected.version, ids(expected)), "told in order");
        assert!(set.members.len() <= MAX, "{set:?}");
        assert_eq!(known.steps_to(&set).len(), 1, "each builds on the one before");
        known = set;
    }
    assert_eq!(ids(&read(&**stage.store()).await), ids(&known));
}

pub(super) async fn a_wrong_expectation_conflicts_and_tells_the_set<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 2).await;
    let first = change(store, vec![focus_of(&made[0])]).await;
    let second = wanted(&Plan::new(), vec![focus_of(&made[1])]);
    let stale = Wanted { expected: Some(FocusVersion::new(1)), ..second.clone() };
    let Err(NotChanged::Conflict(set)) = focus::change(store, &stale).await else {
        panic!("no conflict")
    };
    assert_eq!((set.version, ids(&set)), (first.set.version, ids(&first.set)));
    let fresh = Wanted { expected: Some(set.version), ..second };
    assert_eq!(focus::change(store, &fresh).await.unwrap().steps, [focus_of(&made[1])]);
    let late = Change { steps: vec![Step::unfocus(made[0].id.clone())], touched: vec![] };
    let place = Plan::new().reservation();
    let refused = store.refocus(&place.tenant, &place.project, set.version, &late).await;
    let current = read(store).await.version;
    assert_eq!(refused, Err(StoreError::FocusMoved { current }));
}

pub(super) async fn what_is_no_session_of_the_project_is_not_focused<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let here = create(store, &Plan::new()).await.unwrap();
    let closed = create(store, &Plan::new()).await.unwrap();
    let elsewhere = create(store, &Plan::new().project("other")).await.unwrap();
    let foreign = create(store, &Plan::new().tenant("umbrella")).await.unwrap();
    let reserved = Plan::new().reservation();
    store.reserve(&reserved).await.unwrap();
    close(store, &closed.id).await;
    for id in [closed.id, elsewhere.id, foreign.id, reserved.id] {
        let steps = vec![focus_of(&here), Step::focus(id)];
        let refused = focus::change(store, &wanted(&Plan::new(), steps)).await;
        assert_eq!(refused, Err(NotChanged::Store(StoreError::NotFound)));
    }
    assert_eq!(read(store).await, FocusSet::default(), "nothing of it was done");
}

pub(super) async fn a_session_that_closes_or_is_suspended_is_unfocused<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 3).await;
    let mut hints = watch(stage).await;
    let grid = change(store, made.iter().map(focus_of).collect()).await;
    for _ in &grid.sets {
        told(&mut hints).await;
    }
    close(store, &made[0].id).await;
    let after = told(&mut hints).await;
    assert!(after.version > grid.set.version);
    assert_eq!(ids(&after), [made[1].id.clone(), made[2].id.clone()]);
    let suspend = Update { status: Some(Status::Suspended), ..Update::default() };
    store.update(&made[1].id, &fence(), suspend).await.unwrap();
    assert_eq!(ids(&told(&mut hints).await), [made[2].id.clone()]);
    // A worker that comes back after a loss says what happened meanwhile.
    store.assert(Session { status: Status::Closed, ..made[2].clone() }).await.unwrap();
    assert_eq!(ids(&told(&mut hints).await), []);
    assert_eq!(ids(&read(store).await), []);
}

pub(super) async fn typing_keeps_the_focus_and_focus_is_activity<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 6).await;
    let four = change(store, made[..4].iter().map(focus_of).collect()).await;
    assert!(
        store.get(&made[0].id).await.unwrap().unwrap().last_activity_at
            > made[0].last_activity_at + SignedDuration::from_hours(24),
        "the session was created in another year"
    );
    // The first was focused first, but somebody types into it.
    let later = four.set.members[3].active_ms + 10_000;
    let later = Timestamp::from_millisecond(i64::try_from(later).unwrap()).unwrap();
    let counters = Counters::default();
    let id = made[0].id.clone();
    let batch = [Touch { id, epoch: FIRST, last_activity_at: later, counters }];
    assert_eq!(store.touch(&worker("w1"), &batch).await, Ok(vec![]));
    let fifth = change(store, vec![focus_of(&made[4])]).await;
    assert_eq!(fifth.steps[0], Step::unfocus(made[1].id.clone()));
    stage.pass(20).await;
    // Focusing the focused is no new version, but it counts.
    let again = change(store, vec![focus_of(&made[2])]).await;
    assert_eq!((again.steps, again.set.version), (vec![], fifth.set.version));
    let sixth = change(store, vec![focus_of(&made[5])]).await;
    assert_eq!(sixth.steps[0], Step::unfocus(made[3].id.clone()));
}

pub(super) async fn versions_grow_when_time_stands_still_and_with_it<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 1).await;
    let mut last = FocusVersion::default();
    for turn in 0..20 {
        let step = Step { session: made[0].id.clone(), focused: turn % 2 == 0 };
        let set = change(store, vec![step]).await.set;
        assert!(set.version > last, "{} after {last}", set.version);
        last = set.version;
    }
    assert!(last.get() < 1 << 53, "JavaScript can count so far");
}

pub(super) async fn a_set_that_the_store_lost_is_asserted_and_versions_go_on<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 2).await;
    let known = change(store, vec![focus_of(&made[0])]).await.set;
    // What the store had written after that is lost, as far as it is concerned.
    let mut ahead = known.clone();
    ahead.take(&focus_of(&made[1]), known.version.get() + 60_000);
    let mut hints = watch(stage).await;
    assert_eq!(ids(&assert(store, &ahead).await), ids(&ahead));
    assert_eq!(told(&mut hints).await.version, ahead.version);
    assert_eq!(assert(store, &known).await.version, ahead.version, "the higher version holds");
    assert_eq!(assert(store, &ahead).await.version, ahead.version);
    let next = change(store, vec![Step::unfocus(made[0].id.clone())]).await.set;
    assert!(next.version > ahead.version, "also while the clock is behind it");
    assert_eq!(told(&mut hints).await.version, next.version, "an assertion again is not told");
}

pub(super) async fn projects_and_tenants_focus_apart<S: Stage>(stage: &S) {
    let store = &**stage.store();
    change(store, vec![focus_of(&many(store, 1).await[0])]).await;
    for plan in [Plan::new().project("other"), Plan::new().tenant("umbrella")] {
        let place = plan.reservation();
        let set = store.focused(&place.tenant, &place.project).await.unwrap();
        assert_eq!(set, FocusSet::default());
    }
}
