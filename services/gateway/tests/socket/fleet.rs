//! Workers that come, go, move, are full or cannot be reached: what a gateway makes of the listing.

use std::{sync::Arc, time::Duration};

use serde_json::json;
use termfleet_proto::rest::CreateSession;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Generation, TenantId},
    record::Session,
    role::{Actor, Role},
};
use termfleet_store::{MemoryStore, Registration, Storage, Workers};
use tokio::{net::TcpListener, task::JoinHandle, time};

use crate::{
    harness::{DEADLINE, Server, Setup, owner},
    worker::Fake,
    world::{World, until},
};

/// A worker in the listing, as long as this lives.
pub(crate) struct Listed(JoinHandle<()>);

impl Drop for Listed {
    fn drop(&mut self) {
        self.0.abort();
    }
}

pub(crate) fn registration(address: &str) -> Registration {
    Registration {
        owner: owner(),
        generation: Generation::new(1),
        address: address.to_owned(),
        capacity: 10,
        load: 0,
        labels: Default::default(),
        backends: vec!["pty".into()],
        storage: Storage::Shared,
        draining: false,
    }
}

pub(crate) fn listed(store: &Arc<MemoryStore>, said: Registration) -> Listed {
    let store = Arc::clone(store);
    Listed(tokio::spawn(async move {
        while store.register(&said).await.is_ok() {
            time::sleep(Duration::from_millis(200)).await;
        }
    }))
}

/// A worker that nobody can reach: there is no other with that name.
fn unreachable(store: &Arc<MemoryStore>, name: &str, address: &str) -> Listed {
    let mut said = registration(address);
    said.owner.worker = name.parse().unwrap();
    listed(store, said)
}

pub(crate) async fn gateway() -> Server {
    Setup { watched: true, ..Setup::without_auth() }.start().await
}

/// A worker that plays its sessions, and where it listens.
pub(crate) async fn played(server: &Server) -> (Fake, String) {
    let fake = Fake::default();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    fake.serve(Arc::clone(&server.store), listener);
    (fake, address)
}

pub(crate) async fn create(server: &Server, project: &str) -> Result<Session, Refusal> {
    let user = "dev".parse().unwrap();
    let actor = Actor { tenant: TenantId::of_user(&user), user, role: Role::Admin };
    let project_id = project.parse().unwrap();
    let request = CreateSession { project_id, project_path: None, config: None };
    let created = server.edge.sessions.create(&actor, request);
    time::timeout(DEADLINE, created).await.expect("an answer in bounded time")
}

#[tokio::test]
async fn a_creation_waits_for_a_worker_that_comes() {
    let server = gateway().await;
    let (creating, coming) = (create(&server, "p"), async {
        let (fake, address) = played(&server).await;
        (fake, listed(&server.store, registration(&address)))
    });
    let (created, _coming) = tokio::join!(creating, coming);
    assert_eq!(created.unwrap().owner, Some(owner()));
}

#[tokio::test]
async fn without_any_worker_a_creation_is_refused_in_time() {
    let server = gateway().await;
    let begun = time::Instant::now();
    let refused = create(&server, "p").await.unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable);
    assert!(refused.retry_after_ms.is_some());
    let waited = begun.elapsed();
    assert!(waited >= Duration::from_secs(2) && waited < Duration::from_secs(6), "{waited:?}");
}

#[tokio::test]
async fn where_all_are_full_a_creation_waits_and_then_is_refused() {
    let server = gateway().await;
    let (_fake, address) = played(&server).await;
    let full = Registration { load: 10, ..registration(&address) };
    let listing = listed(&server.store, full);
    assert_eq!(create(&server, "p").await.unwrap_err().code, Code::ResourceExhausted);
    let creating = create(&server, "p");
    drop(listing);
    let room = async { listed(&server.store, Registration { load: 9, ..registration(&address) }) };
    let (created, _listing) = tokio::join!(creating, room);
    created.unwrap();
}

#[tokio::test]
async fn a_project_goes_on_at_its_worker_which_the_gateway_has_not_heard_of_yet() {
    let server = gateway().await;
    let local = |name: &str, address: &str| {
        let mut said = Registration { storage: Storage::Local, ..registration(address) };
        said.owner.worker = name.parse().unwrap();
        said
    };
    let (other, address) = played(&server).await;
    let _other = listed(&server.store, local("other", &address));
    create(&server, "elsewhere").await.unwrap();
    server.session("~dev", "dev", "p").await;
    let (host, address) = played(&server).await;
    let _host = listed(&server.store, local("worker", &address));
    create(&server, "p").await.unwrap();
    assert_eq!((other.created(), host.created()), (1, 1));
}

#[tokio::test]
async fn a_worker_that_nobody_can_reach_is_passed_over() {
    let server = gateway().await;
    let _dead = unreachable(&server.store, "dead", "127.0.0.1:1");
    let refused = create(&server, "p").await.unwrap_err();
    assert!(matches!(refused.code, Code::ConnectionFailed | Code::ServiceUnavailable), "{refused}");
    let (_fake, address) = played(&server).await;
    let _listing = listed(&server.store, registration(&address));
    for project in ["a", "b", "c", "d"] {
        create(&server, project).await.unwrap();
    }
}

#[tokio::test]
async fn an_address_outside_of_the_allowed_networks_is_not_dialled() {
    let server = gateway().await;
    let _elsewhere = unreachable(&server.store, "elsewhere", "192.0.2.1:7000");
    let refused = create(&server, "p").await.unwrap_err();
    assert_eq!(refused.code, Code::ServiceUnavailable);
}

#[tokio::test]
async fn seats_follow_their_worker_to_another_address() {
    let server = gateway().await;
    let (before, address) = played(&server).await;
    let listing = listed(&server.store, registration(&address));
    let world = World { worker: before, server, uri: address };
    let session = create(&world.server, "p").await.unwrap().id.to_string();
    let mut client = world.canonical().await;
    client.attach(&session).await;

    // The process dies, and another one takes over on another port.
    world.worker.cut(true);
    drop(listing);
    let (after, address) = played(&world.server).await;
    let next = Registration { generation: Generation::new(2), ..registration(&address) };
    let _listing = listed(&world.server.store, next);
    until("the seat is taken again", || after.viewers() == 1).await;
    assert_eq!(client.json("attached").await["replaces"], json!(1));
}

#[tokio::test]
async fn a_worker_that_has_vanished_is_forgotten_and_met_again_when_it_is_back() {
    let server = gateway().await;
    let (fake, address) = played(&server).await;
    let listing = listed(&server.store, registration(&address));
    let session = create(&server, "p").await.unwrap();
    drop(listing);
    server.store.deregister(&owner(), Generation::new(1)).await.unwrap();
    let gone = |server: &Server| server.edge.upstream.standings().borrow().workers == 0;
    until("the worker is gone", || gone(&server)).await;
    let _listing = listed(&server.store, registration(&address));
    let world = World { worker: fake, server, uri: address };
    // Attaching looks for it at once.
    let mut client = world.canonical().await;
    assert_eq!(client.attach(session.id.as_str()).await["channel"], 1);
}
