//! Limits hold at every moment, exactly, and nothing leaks.

use super::{
    Stage,
    script::{Plan, close, create, of_project, of_user, race, session},
};
use crate::{
    directory::Directory,
    error::StoreError::{ProjectFull, UserFull},
};

pub(super) async fn a_thousand_parallel_creates_make_exactly_the_projects_limit<S: Stage>(
    stage: &S,
) {
    let plan = Plan::new().limits(10, 2_000);
    let made =
        race(stage, vec![plan.clone(); 1_000], async |store, plan| create(&*store, &plan).await)
            .await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 10);
    let refused = |made: &&Result<_, _>| **made == Err(ProjectFull { limit: 10 });
    assert_eq!(made.iter().filter(refused).count(), 990);
    assert_eq!(of_project(&**stage.store(), &plan).await.len(), 10);
}

pub(super) async fn a_thousand_parallel_creates_over_five_projects_make_exactly_the_users_limit<
    S: Stage,
>(
    stage: &S,
) {
    let plans = (0..1_000).map(|n| Plan::new().project(format!("shop-{}", n % 5)).limits(10, 20));
    let made = race(stage, plans, async |store, plan| create(&*store, &plan).await).await;
    assert_eq!(made.iter().filter(|made| made.is_ok()).count(), 20);
    for refusal in made.into_iter().filter_map(Result::err) {
        let full = matches!(refusal, ProjectFull { limit: 10 } | UserFull { limit: 20 });
        assert!(full, "{refusal}");
    }
    assert_eq!(of_user(&**stage.store(), &Plan::new()).await.len(), 20);
}

pub(super) async fn creates_and_closes_in_a_race_stay_within_the_limit_and_leak_nothing<
    S: Stage,
>(
    stage: &S,
) {
    let plan = Plan::new().limits(4, 20);
    let seen = race(stage, vec![plan.clone(); 200], async |store, plan| {
        let session = create(&*store, &plan).await.ok()?;
        let seen = of_project(&*store, &plan).await.len();
        close(&*store, &session.id).await;
        Some(seen)
    })
    .await;
    let seen: Vec<_> = seen.into_iter().flatten().collect();
    assert!(!seen.is_empty() && seen.iter().all(|seen| (1..=4).contains(seen)), "{seen:?}");
    for _ in 0..4 {
        create(&**stage.store(), &plan).await.unwrap();
    }
    assert_eq!(create(&**stage.store(), &plan).await, Err(ProjectFull { limit: 4 }));
}

pub(super) async fn a_refused_reservation_holds_nothing<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(3, 2).alias("mine");
    let full = Plan::new().project("other");
    for _ in 0..2 {
        create(store, &full).await.unwrap();
    }
    for _ in 0..5 {
        assert_eq!(create(store, &plan).await, Err(UserFull { limit: 2 }));
    }
    let bob = plan.clone().user("bob");
    let first = create(store, &bob).await.unwrap();
    assert_eq!(first.alias, bob.reservation().alias, "the alias was not held either");
}

pub(super) async fn a_closed_session_frees_its_places_at_once<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1);
    let first = create(store, &plan).await.unwrap();
    assert_eq!(create(store, &plan).await, Err(ProjectFull { limit: 1 }));
    assert_eq!(create(store, &plan.clone().project("other")).await, Err(UserFull { limit: 1 }));
    close(store, &first.id).await;
    create(store, &plan).await.unwrap();
}

pub(super) async fn tenants_with_the_same_names_count_apart<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1);
    create(store, &plan).await.unwrap();
    create(store, &plan.clone().tenant("umbrella")).await.unwrap();
    assert_eq!(create(store, &plan).await, Err(ProjectFull { limit: 1 }));
}

pub(super) async fn a_shell_that_runs_is_asserted_above_the_limit_and_counts<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let plan = Plan::new().limits(1, 1);
    create(store, &plan).await.unwrap();
    let lost = session(&plan.reservation());
    store.assert(lost.clone()).await.unwrap();
    let two = plan.clone().limits(2, 20);
    assert_eq!(create(store, &two).await, Err(ProjectFull { limit: 2 }));
    close(store, &lost.id).await;
    create(store, &two).await.unwrap();
}
