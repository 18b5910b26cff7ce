//! The workers as administrators see them: listed in pages, and nobody else's business.

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use termfleet_session::{
    ids::{Generation, Incarnation},
    record::Owner,
    role::Role,
};
use termfleet_store::{Registration, Storage, Workers};
use tokio::{task::JoinHandle, time};

use crate::harness::{DEADLINE, Request, Server, Setup};

const WORKERS: &str = "/api/terminal/workers";

fn registration(name: &str, load: u32) -> Registration {
    let incarnation = Incarnation::new([7; 16]);
    Registration {
        owner: Owner { worker: name.parse().unwrap(), incarnation },
        generation: Generation::new(1),
        // Nobody listens there.
        address: "127.0.0.1:1".to_owned(),
        capacity: 10,
        load,
        labels: [("zone".to_owned(), "a".to_owned())].into(),
        backends: vec!["pty".to_owned()],
        storage: Storage::Shared,
        draining: name == "w2",
    }
}

/// A gateway that knows three workers, none of which can be reached, as long as this lives.
struct Fleet {
    server: Server,
    renewing: JoinHandle<()>,
}

impl std::ops::Deref for Fleet {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl Drop for Fleet {
    fn drop(&mut self) {
        self.renewing.abort();
    }
}

async fn gateway() -> Fleet {
    let sample_interval = Duration::from_millis(50);
    let server = Setup { watched: true, sample_interval, ..Setup::with_auth() }.start().await;
    let store = Arc::clone(&server.store);
    let renewing = tokio::spawn(async move {
        loop {
            for (name, load) in [("w1", 3), ("w2", 4), ("w3", 0)] {
                store.register(&registration(name, load)).await.unwrap();
            }
            time::sleep(Duration::from_millis(200)).await;
        }
    });
    until(&server, WORKERS, |page| page["workers"].as_array().unwrap().len() == 3).await;
    Fleet { server, renewing }
}

async fn get(server: &Server, path: &str, role: Role) -> crate::harness::Answer {
    let token = server.token("root", Some("*"), role);
    server.send(Request::new("GET", path).bearer(&token)).await
}

async fn until(server: &Server, path: &str, is: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = get(server, path, Role::Admin).await.json();
            if is(&answer) {
                return answer;
            }
            time::sleep(Duration::from_millis(20)).await;
        }
    };
    time::timeout(DEADLINE, asking).await.unwrap()
}

#[tokio::test]
async fn each_worker_is_shown_as_it_registered_and_as_it_stands() {
    let server = gateway().await;
    let unreachable = |page: &Value| page["workers"][0]["state"] == "unreachable";
    let page = until(&server, WORKERS, unreachable).await;
    let mut first = page["workers"][0].clone();
    assert!(first["since"].is_string());
    first.as_object_mut().unwrap().remove("since");
    assert_eq!(
        first,
        json!({ "id": "w1", "state": "unreachable", "incarnation": "07".repeat(16),
            "address": "127.0.0.1:1", "capacity": 10, "load": 3, "labels": { "zone": "a" },
            "backends": ["pty"], "storage": "shared" })
    );
    assert_eq!(page["workers"][1]["state"], "draining");
    let text = server.exporter.text().unwrap();
    assert!(text.contains("termfleet_gateway_workers{state=\"draining\"} 1\n"), "{text}");
}

#[tokio::test]
async fn workers_come_in_pages_by_name() {
    let server = gateway().await;
    let page = get(&server, &format!("{WORKERS}?limit=2"), Role::Admin).await.json();
    let ids = |page: &Value| -> Vec<Value> {
        page["workers"].as_array().unwrap().iter().map(|worker| worker["id"].clone()).collect()
    };
    assert_eq!((ids(&page), &page["nextCursor"]), (vec!["w1".into(), "w2".into()], &json!("w2")));
    let rest = get(&server, &format!("{WORKERS}?limit=2&cursor=w2"), Role::Admin).await.json();
    assert_eq!((ids(&rest), rest.get("nextCursor")), (vec!["w3".into()], None));
    let exact = get(&server, &format!("{WORKERS}?limit=3"), Role::Admin).await.json();
    assert_eq!((ids(&exact).len(), exact.get("nextCursor")), (3, None));
    for bad in ["limit=0", "limit=201", "cursor=%20"] {
        let answer = get(&server, &format!("{WORKERS}?{bad}"), Role::Admin).await;
        assert_eq!(answer.problem(), (400, 2004), "{bad}");
    }
}

#[tokio::test]
async fn nobody_but_an_administrator_of_every_tenant_sees_or_drains_them() {
    let server = gateway().await;
    let drain = format!("{WORKERS}/w1/drain");
    for role in [Role::User, Role::Viewer] {
        assert_eq!(get(&server, WORKERS, role).await.problem(), (403, 4002), "{role:?}");
        let token = server.token("ann", None, role);
        for method in ["POST", "DELETE"] {
            let answer = server.send(Request::new(method, &drain).bearer(&token)).await;
            assert_eq!(answer.problem(), (403, 4002), "{method} {role:?}");
        }
    }
    // Workers are everybody's: who rules one tenant does not rule them.
    for tenant in [None, Some("acme")] {
        let token = server.token("root", tenant, Role::Admin);
        for (method, path) in [("GET", WORKERS), ("POST", &drain), ("DELETE", &drain)] {
            let answer = server.send(Request::new(method, path).bearer(&token)).await;
            assert_eq!(answer.problem(), (403, 4002), "{method} {tenant:?}");
        }
    }
    assert_eq!(server.send(Request::new("GET", WORKERS)).await.status, 401);
    assert_eq!(server.send(Request::new("POST", &drain)).await.status, 401);
}

#[tokio::test]
async fn one_that_is_not_known_is_not_found_and_one_that_is_away_is_said_to_be() {
    let server = gateway().await;
    let token = server.token("root", Some("*"), Role::Admin);
    for (name, problem) in [("w9", (404, 3003)), ("no%20name", (404, 3003)), ("w1", (502, 2001))] {
        let path = format!("{WORKERS}/{name}/drain");
        let answer = server.send(Request::new("POST", &path).bearer(&token)).await;
        assert_eq!(answer.problem(), problem, "{name}");
    }
}

#[tokio::test]
async fn the_sessions_of_all_workers_are_counted_once_they_are_known() {
    let system = "/api/terminal/metrics/system";
    let server = gateway().await;
    let known = until(&server, system, |system| system["metrics"]["sessionCount"] == 7).await;
    let history = known["history"].as_array().unwrap();
    assert_eq!(history[0].get("sessionCount"), None, "before the listing was read nobody knows");
    let given = Setup::with_auth().with_a_dead_worker().start().await;
    let metrics = get(&given, system, Role::Viewer).await.json()["metrics"].clone();
    assert_eq!(metrics.get("sessionCount"), None, "{metrics}");
}
