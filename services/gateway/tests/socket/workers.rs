//! Draining a worker over REST: it is asked itself, and is passed over from its answer on.

use termfleet_session::{code::Code, ids::Incarnation, record::Owner};
use termfleet_store::Registration;

use crate::{
    fleet::{create, gateway, listed, played, registration},
    harness::{Request, Server},
    world::until,
};

async fn told(server: &Server, method: &str, worker: &str) -> serde_json::Value {
    let path = format!("/api/terminal/workers/{worker}/drain");
    let answer = server.send(Request::new(method, &path)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()["worker"].clone()
}

fn known(server: &Server) -> usize {
    server.edge.upstream.standings().borrow().workers
}

#[tokio::test]
async fn a_worker_that_is_drained_is_given_nothing_until_that_is_undone() {
    let server = gateway().await;
    let (fake, address) = played(&server).await;
    let said = registration(&address);
    // It tells by itself too.
    let _listing = listed(&server.store, said.clone());
    until("it is known", || known(&server) == 1).await;
    create(&server, "p").await.unwrap();

    let worker = told(&server, "POST", "worker").await;
    assert_eq!((&worker["state"], &worker["id"]), (&"draining".into(), &"worker".into()));
    assert!(fake.is_draining());
    let again = told(&server, "POST", "worker").await;
    assert_eq!(again["state"], "draining");

    let worker = told(&server, "DELETE", "worker").await;
    assert_eq!(worker["state"], "healthy");
    assert!(!fake.is_draining());
    create(&server, "p").await.unwrap();
}

#[tokio::test]
async fn where_all_workers_drain_nobody_would_do() {
    let server = gateway().await;
    let (_fake, address) = played(&server).await;
    let draining = Registration { draining: true, ..registration(&address) };
    let _first = listed(&server.store, draining.clone());
    let incarnation = Incarnation::new([9; 16]);
    let owner = Owner { worker: "other".parse().unwrap(), incarnation };
    let _second = listed(&server.store, Registration { owner, ..draining });
    assert_eq!(create(&server, "p").await.unwrap_err().code, Code::ServiceUnavailable);
}
