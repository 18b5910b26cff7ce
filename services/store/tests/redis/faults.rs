//! What befalls a Redis and its connections, each met by the store: told as "try again", or not at
//! all, and over as soon as the server is well.

use std::{sync::Arc, time::Duration};

use futures_util::FutureExt;
use rustix::process::Signal;
use termfleet_runtime::Tasks;
use termfleet_session::{
    ids::{SessionId, Tag},
    record::Patch,
};
use termfleet_store::{
    Bus, Change, Directory, Fence, Hint, Limits, RedisStore, Reservation, StoreError, Subscription,
    What,
    conformance::record,
    redis::{IN_FLIGHT, Options},
};
use tokio::time::{self, Instant};

use crate::servers::{Cluster, DEADLINE, Server, Watched, until};

/// No call may take longer, whatever happens to Redis: its own time, and some for a busy machine.
const BOUND: Duration = Duration::from_secs(8);

async fn connect(url: &str) -> Arc<RedisStore> {
    connect_with(url, Options::default()).await
}

async fn connect_with(url: &str, options: Options) -> Arc<RedisStore> {
    Arc::new(RedisStore::connect(url, options, &Tasks::new()).await.unwrap())
}

/// A reservation in a project of this number.
fn reservation(project: u32) -> Reservation {
    let (tenant, project) = ("acme".parse().unwrap(), format!("shop-{project}").parse().unwrap());
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    Reservation {
        id: SessionId::new(&Tag::of(&tenant, &project), random),
        tenant,
        project,
        user: "ann".parse().unwrap(),
        alias: None,
        limits: Limits { per_project: 10_000, per_user: 10_000 },
    }
}

/// Does the store take writes? In any case it says so in time.
async fn writes(store: &RedisStore) -> bool {
    let reserved = time::timeout(BOUND, store.reserve(&reservation(0))).await;
    match reserved.expect("a call without an answer") {
        Ok(()) => true,
        Err(StoreError::Unavailable { retry_after_ms }) => {
            assert!(retry_after_ms > 0);
            false
        }
        Err(error) => panic!("{error}"),
    }
}

async fn until_it_writes(store: &RedisStore) {
    until("a store that takes writes", async || writes(store).await).await;
}

async fn until_it_does_not_write(store: &RedisStore) {
    until("a store that does not take writes", async || !writes(store).await).await;
}

async fn subscribe(store: &RedisStore) -> Subscription {
    let Reservation { tenant, project, .. } = reservation(0);
    let start = Instant::now();
    loop {
        match store.subscribe(&tenant, &project).await {
            Ok(subscription) => return subscription,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
        time::sleep(Duration::from_millis(20)).await;
    }
}

async fn hear(hints: &mut Subscription, wanted: impl Fn(&Hint) -> bool) {
    let heard = async { while !wanted(&hints.recv().await.unwrap()) {} };
    time::timeout(DEADLINE, heard).await.expect("the hint was not heard");
}

/// A session, as far as it can be made without a worker: closed at once, and so told.
async fn close_one(store: &RedisStore) {
    let reservation = reservation(0);
    store.reserve(&reservation).await.unwrap();
    store.commit(record(&reservation)).await.unwrap();
}

fn is_created(hint: &Hint) -> bool {
    matches!(hint, Hint::Session { what: What::Created, .. })
}

#[tokio::test]
async fn scripts_that_a_server_has_forgotten_are_taught_again() {
    let server = Server::start("").await;
    let store = connect(&server.url()).await;
    assert!(writes(&store).await);
    server.ask::<()>("SCRIPT FLUSH").await;
    assert!(writes(&store).await, "NOSCRIPT reached the caller");
}

#[tokio::test]
async fn slots_that_move_are_followed() {
    let cluster = Cluster::start().await;
    let store = connect(&cluster.url()).await;
    let known: Vec<_> = (0..24).map(reservation).collect();
    for reservation in &known {
        store.reserve(reservation).await.unwrap();
    }
    // Every slot of the first node goes to the second, keys and all, while the store works on.
    let busy = async {
        for reservation in known.iter().cycle().take(400) {
            store.reserve(reservation).await.unwrap();
        }
    };
    tokio::join!(busy, cluster.move_slots(0, 1));
    for reservation in &known {
        store.reserve(reservation).await.unwrap();
    }
}

#[tokio::test]
async fn a_server_that_loads_its_data_is_waited_for() {
    let mut server = Server::start(
        "--enable-debug-command yes --key-load-delay 300 \
         --loading-process-events-interval-bytes 1024",
    )
    .await;
    let store = connect(&server.url()).await;
    // Some thousand keys that each take a while, as many times more would.
    server.ask::<()>("DEBUG POPULATE 20000").await;
    server.ask::<()>("SAVE").await;
    server.kill();
    server.spawn();
    until("a server that loads", async || server.info("loading").await == "1").await;
    assert!(!writes(&store).await, "it cannot have written while it loads");
    until_it_writes(&store).await;
}

#[tokio::test]
async fn a_master_that_becomes_a_replica_is_left() {
    let (one, two) = (Server::start("").await, Server::start("").await);
    let store = connect(&one.url()).await;
    assert!(writes(&store).await);
    one.ask::<()>(&format!("REPLICAOF 127.0.0.1 {}", two.port)).await;
    until_it_does_not_write(&store).await;
    one.ask::<()>("REPLICAOF NO ONE").await;
    until_it_writes(&store).await;
}

#[tokio::test]
async fn a_connection_that_is_cut_is_made_again_and_counts_as_a_loss() {
    let server = Server::start("").await;
    let store = connect(&server.url()).await;
    let mut losses = store.losses();
    let mut hints = subscribe(&store).await;
    server.ask::<i64>("CLIENT KILL TYPE normal SKIPME yes").await;
    time::timeout(DEADLINE, losses.changed()).await.unwrap().unwrap();
    until_it_writes(&store).await;
    server.ask::<i64>("CLIENT KILL TYPE pubsub").await;
    hear(&mut hints, |hint| *hint == Hint::Resync).await;
    until("hints that are heard again", async || {
        server.ask::<Vec<String>>("PUBSUB CHANNELS *events*").await.len() == 1
    })
    .await;
    close_one(&store).await;
    hear(&mut hints, is_created).await;
}

#[tokio::test]
async fn a_server_that_pauses_holds_nobody_for_long() {
    let server = Server::start("").await;
    let store = connect(&server.url()).await;
    server.signal(Signal::STOP);
    let start = Instant::now();
    let calls = (0..500).map(|_| writes(&store));
    let answers = futures_util::future::join_all(calls).await;
    assert!(answers.iter().all(|written| !written));
    assert!(start.elapsed() < BOUND, "{:?}", start.elapsed());
    server.signal(Signal::CONT);
    until_it_writes(&store).await;
}

#[tokio::test]
async fn no_more_calls_wait_for_a_server_than_may() {
    let server = Server::start("").await;
    let store = connect(&server.url()).await;
    let unknown = reservation(0).id;
    server.signal(Signal::STOP);
    let mut calls: Vec<_> = (0..=IN_FLIGHT).map(|_| store.get(&unknown).boxed()).collect();
    let refused = calls.pop().unwrap();
    for call in &mut calls {
        assert!(call.now_or_never().is_none(), "it has an answer already");
    }
    let answer = refused.now_or_never().expect("one more than may waits too");
    assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    drop(calls);
    server.signal(Signal::CONT);
    until_it_writes(&store).await;
}

#[tokio::test]
async fn an_owner_is_told_of_its_lost_record_at_once_and_others_to_ask_again() {
    let server = Server::start("").await;
    let store = connect(&server.url()).await;
    let wanted = reservation(0);
    store.reserve(&wanted).await.unwrap();
    let session = store.commit(record(&wanted)).await.unwrap();
    let mut losses = store.losses();
    server.ask::<()>("FLUSHALL").await;
    time::timeout(DEADLINE, losses.changed()).await.unwrap().unwrap();
    let fence = Fence { owner: session.owner.clone().unwrap(), epoch: session.epoch };
    let update = store.update(&session.id, &fence, Change::default()).await;
    assert_eq!(update, Err(StoreError::NotFound), "the owner asserts");
    let patch = store.patch(&session.id, Patch::default()).await;
    assert!(matches!(patch, Err(StoreError::Unavailable { .. })), "{patch:?}");
    store.assert(session.clone()).await.unwrap();
    store.patch(&session.id, Patch::default()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_is_slow_answers_late_but_answers() {
    let server = Server::start("--enable-debug-command yes").await;
    let store = connect(&server.url()).await;
    let slow = async { server.ask::<()>("DEBUG SLEEP 0.5").await };
    let (answer, ()) = tokio::join!(writes(&store), slow);
    assert!(answer, "half a second is not too slow");
}

#[tokio::test]
async fn a_server_that_is_back_and_empty_is_found_out_and_unknown_ids_are_not_denied() {
    let grace = Duration::from_millis(1_500);
    let mut server = Server::start("").await;
    let store = connect_with(&server.url(), Options { grace, ..Options::default() }).await;
    let losses = store.losses();
    let unknown = reservation(0).id;
    assert_eq!(store.get(&unknown).await, Ok(None));
    server.kill();
    until_it_does_not_write(&store).await;
    assert_eq!(*losses.borrow(), 0);
    server.resume().await;
    until_it_writes(&store).await;
    assert_eq!(*losses.borrow(), 1);
    assert!(matches!(store.get(&unknown).await, Err(StoreError::Unavailable { .. })));
    until("the end of the grace", async || store.get(&unknown).await == Ok(None)).await;
}

#[tokio::test]
async fn a_server_that_was_emptied_without_a_word_is_found_out() {
    let server = Server::start("").await;
    let store = connect(&server.url()).await;
    let mut losses = store.losses();
    server.ask::<()>("FLUSHALL").await;
    time::timeout(DEADLINE, losses.changed()).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_node_of_a_cluster_that_is_back_and_empty_is_found_out() {
    let mut cluster = Cluster::start().await;
    let store = connect(&cluster.url()).await;
    let mut losses = store.losses();
    for node in 0..3 {
        cluster.nodes[node].kill();
        cluster.nodes[node].resume().await;
        time::timeout(DEADLINE, losses.changed()).await.unwrap().unwrap();
        until_it_writes(&store).await;
    }
}

#[tokio::test]
async fn a_master_that_dies_is_replaced_by_the_sentinels_and_the_store_follows() {
    let mut watched = Watched::start().await;
    let store = connect(&watched.url()).await;
    let mut losses = store.losses();
    let mut hints = subscribe(&store).await;
    watched.servers[0].kill();
    until_it_does_not_write(&store).await;
    until_it_writes(&store).await;
    assert!(*losses.borrow_and_update() > 0);
    hear(&mut hints, |hint| *hint == Hint::Resync).await;
    close_one(&store).await;
    hear(&mut hints, is_created).await;
}
