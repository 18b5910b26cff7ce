//! Which workers are listed, for how long, and who is refused.

use termfleet_session::{ids::Generation, record::Owner};

use super::{Stage, script::worker};
use crate::{
    error::StoreError::Fenced,
    workers::{Registration, Storage, Workers},
};

/// A worker's first process.
fn registration(name: &str) -> Registration {
    Registration {
        owner: worker(name),
        generation: Generation::new(1),
        address: "127.0.0.1:7001".into(),
        capacity: 1_000,
        load: 3,
        labels: [("zone".to_owned(), "a".to_owned())].into(),
        backends: vec!["pty".into()],
        storage: Storage::Local,
        draining: false,
    }
}

fn generation(worker: &Registration, generation: u64) -> Registration {
    Registration { generation: Generation::new(generation), ..worker.clone() }
}

pub(super) async fn a_registered_worker_is_listed_as_it_said<S: Stage>(stage: &S) {
    let store = &**stage.store();
    assert_eq!(store.workers().await, Ok(Vec::new()));
    let (one, two) = (registration("w1"), registration("w2"));
    let shared = Registration {
        storage: Storage::Shared,
        labels: [("a }{:*\r\n".to_owned(), "ü".to_owned())].into(),
        ..two
    };
    store.register(&shared).await.unwrap();
    store.register(&one).await.unwrap();
    assert_eq!(store.workers().await, Ok(vec![one, shared]));
}

pub(super) async fn a_renewal_brings_what_is_so_now<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let first = registration("w1");
    store.register(&first).await.unwrap();
    let now = Registration { load: 4, draining: true, address: "[::1]:7002".into(), ..first };
    store.register(&now).await.unwrap();
    assert_eq!(store.workers().await, Ok(vec![now]));
}

pub(super) async fn a_lease_that_is_not_renewed_ends<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let (silent, renewing) = (registration("w1"), registration("w2"));
    store.register(&silent).await.unwrap();
    store.register(&renewing).await.unwrap();
    let lease = stage.timings().lease_ms;
    stage.pass(lease / 2).await;
    store.register(&renewing).await.unwrap();
    stage.pass(lease / 2).await;
    assert_eq!(store.workers().await, Ok(vec![renewing]));
    store.register(&silent).await.unwrap();
    assert_eq!(store.workers().await.unwrap().len(), 2, "and may come back");
}

pub(super) async fn a_worker_that_goes_is_gone_at_once<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let going = registration("w1");
    store.register(&going).await.unwrap();
    store.deregister(&going.owner, going.generation).await.unwrap();
    assert_eq!(store.workers().await, Ok(Vec::new()));
    store.deregister(&going.owner, going.generation).await.unwrap();
}

pub(super) async fn a_later_process_supersedes_the_earlier<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let (first, second) = (registration("w1"), generation(&registration("w1"), 2));
    store.register(&first).await.unwrap();
    store.register(&second).await.unwrap();
    let fenced = Err(Fenced { current: second.generation });
    assert_eq!(store.register(&first).await, fenced);
    assert_eq!(store.deregister(&first.owner, first.generation).await, fenced);
    assert_eq!(store.workers().await, Ok(vec![second]));
}

pub(super) async fn another_incarnation_counts_its_generations_anew<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let old = generation(&registration("w1"), 7);
    store.register(&old).await.unwrap();
    let life = worker("other").incarnation;
    let owner = Owner { worker: old.owner.worker.clone(), incarnation: life };
    let new = Registration { owner, ..generation(&old, 1) };
    store.register(&new).await.unwrap();
    assert_eq!(store.workers().await, Ok(vec![old.clone(), new.clone()]), "the newer one last");
    store.deregister(&old.owner, old.generation).await.unwrap();
    assert_eq!(store.workers().await, Ok(vec![new]));
}
