//! How a worker is listed for gateways: with what is so, as long as it is there.

use std::sync::Arc;

use crate::stage::{Stage, eventually};
use termfleet_session::ids::Generation;
use termfleet_store::{MemoryStore, Registration, Storage, Workers};
use termfleet_worker::{Ended, Offer};

fn offer() -> Offer {
    Offer {
        address: "127.0.0.1:7001".into(),
        labels: [("zone".to_owned(), "a".to_owned())].into(),
        storage: Storage::Shared,
    }
}

async fn listed(
    store: &Arc<MemoryStore>,
    what: &str,
    is: impl Fn(&Registration) -> bool,
) -> Registration {
    let look = async || store.workers().await.unwrap().into_iter().find(&is);
    eventually(what, look).await
}

#[tokio::test]
async fn it_is_listed_with_its_load_until_it_stops() {
    let stage = Stage::with_capacity(5).await;
    stage.worker().list(stage.store.clone(), offer());
    let said = listed(&stage.store, "it is listed", |_| true).await;
    assert_eq!((said.address.as_str(), said.capacity, said.load), ("127.0.0.1:7001", 5, 0));
    assert_eq!((said.labels["zone"].as_str(), said.storage), ("a", Storage::Shared));
    assert_eq!((said.backends, said.draining), (vec!["pty".to_owned()], false));

    let session = stage.create().await;
    assert_eq!(session.owner.as_ref(), Some(&said.owner));
    listed(&stage.store, "the load is told", |said| said.load == 1).await;
    stage.drain();
    listed(&stage.store, "the drain is told", |said| said.draining).await;
    stage.worker().stop();
    let gone = async || stage.store.workers().await.unwrap().is_empty().then_some(());
    eventually("it is gone before its lease is over", gone).await;
}

#[tokio::test]
async fn a_later_process_in_the_listing_ends_it() {
    let stage = Stage::new().await;
    stage.worker().list(stage.store.clone(), offer());
    let said = listed(&stage.store, "it is listed", |_| true).await;
    let generation = Generation::new(said.generation.get() + 1);
    let later = Registration { generation, ..said };
    stage.store.register(&later).await.unwrap();
    assert_eq!(stage.worker().ended().await, Ended::Superseded);
    assert_eq!(stage.store.workers().await.unwrap(), [later], "it touches nothing");
}
