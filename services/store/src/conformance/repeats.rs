//! A request that comes again finds what the first one made.

use termfleet_session::ids::SessionId;

use super::{
    Stage,
    script::{Plan, race},
};
use crate::{directory::Directory, error::StoreError::KeyReused, repeat::Request};

fn request(user: &str, key: &str) -> Request {
    let (tenant, user, key) = ("acme".parse().unwrap(), user.parse().unwrap(), key.parse().unwrap());
    Request { tenant, user, key, body: [1; 32] }
}

fn id() -> SessionId {
    Plan::new().reservation().id
}

pub(super) async fn of_a_hundred_equal_requests_one_is_the_first<S: Stage>(stage: &S) {
    let plans = (0..100).map(|_| Plan::new());
    let answers = race(stage, plans, async |store, plan| {
        let id = plan.reservation().id;
        let answer = store.begin(&request("ann", "k"), &id).await.unwrap();
        (id, answer)
    })
    .await;
    let first = answers[0].1.clone();
    assert!(answers.iter().all(|(_, answer)| *answer == first));
    assert_eq!(answers.iter().filter(|(id, answer)| id == answer).count(), 1);
}

pub(super) async fn a_key_is_its_users_and_means_one_request<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let (first, second) = (id(), id());
    assert_eq!(store.begin(&request("ann", "k"), &first).await, Ok(first.clone()));
    let other = Request { body: [2; 32], ..request("ann", "k") };
    assert_eq!(store.begin(&other, &second).await, Err(KeyReused));
    assert_eq!(store.begin(&request("bob", "k"), &second).await, Ok(second.clone()));
    assert_eq!(store.begin(&request("ann", "l"), &second).await, Ok(second));
}

pub(super) async fn a_forgotten_key_is_free_and_only_its_own_session_forgets_it<S: Stage>(
    stage: &S,
) {
    let store = &**stage.store();
    let (first, second) = (id(), id());
    let request = request("ann", "k");
    store.begin(&request, &first).await.unwrap();
    store.forget(&request, &second).await.unwrap();
    assert_eq!(store.begin(&request, &second).await, Ok(first.clone()));
    store.forget(&request, &first).await.unwrap();
    assert_eq!(store.begin(&request, &second).await, Ok(second));
}

pub(super) async fn a_key_is_remembered_for_its_time<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let (first, second) = (id(), id());
    let request = request("ann", "k");
    store.begin(&request, &first).await.unwrap();
    stage.pass(stage.timings().linger_ms).await;
    assert_eq!(store.begin(&request, &second).await, Ok(second));
}
