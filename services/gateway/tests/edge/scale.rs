//! How many workers there shall be: asked by administrators of every tenant alone, within bounds, of
//! whoever starts workers here.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::{Value, json};
use termfleet_gateway::scale::Scaler;
use termfleet_proto::rest::workers::ScaledPool;
use termfleet_session::{code::Refusal, role::Role};

use crate::harness::{Answer, Request, Server, Setup};

const SCALE: &str = "/api/terminal/workers/scale";

/// A pool that is at once as it is wanted, and remembers what was.
#[derive(Default)]
struct Willing(Mutex<Vec<u32>>);

#[async_trait]
impl Scaler for Willing {
    async fn scale(&self, wanted: u32) -> Result<ScaledPool, Refusal> {
        self.0.lock().unwrap().push(wanted);
        Ok(ScaledPool { wanted, running: wanted, draining: 2 })
    }
}

async fn willing() -> (Server, Arc<Willing>) {
    let scaler = Arc::new(Willing::default());
    let server = Setup { scaler: scaler.clone(), ..Setup::with_auth() }.start().await;
    (server, scaler)
}

async fn ask(server: &Server, role: Role, body: &Value) -> Answer {
    let token = server.token("root", Some("*"), role);
    server.send(Request::new("POST", SCALE).bearer(&token).json(&body.to_string())).await
}

#[tokio::test]
async fn an_administrator_asks_and_is_told_how_the_pool_stands() {
    let (server, _) = willing().await;
    let answer = ask(&server, Role::Admin, &json!({ "workers": 3 })).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json(), json!({ "wanted": 3, "running": 3, "draining": 2 }));
}

#[tokio::test]
async fn nobody_else_may() {
    let (server, asked) = willing().await;
    for role in [Role::User, Role::Viewer] {
        let answer = ask(&server, role, &json!({ "workers": 3 })).await;
        assert_eq!(answer.problem(), (403, 4002), "{role:?}");
    }
    for tenant in [None, Some("acme")] {
        let token = server.token("root", tenant, Role::Admin);
        let asking = Request::new("POST", SCALE).bearer(&token).json("{\"workers\":3}");
        assert_eq!(server.send(asking).await.problem(), (403, 4002), "{tenant:?}");
    }
    let nobody = Request::new("POST", SCALE).json("{\"workers\":3}");
    assert_eq!(server.send(nobody).await.status, 401);
    assert_eq!(*asked.0.lock().unwrap(), [0; 0]);
}

#[tokio::test]
async fn it_is_1_to_64_workers() {
    let (server, asked) = willing().await;
    for workers in [1, 64] {
        let answer = ask(&server, Role::Admin, &json!({ "workers": workers })).await;
        assert_eq!(answer.status, 200, "{workers}");
    }
    for workers in [json!(0), json!(65), json!(-1), json!(1.5), json!("2"), Value::Null] {
        let answer = ask(&server, Role::Admin, &json!({ "workers": workers })).await;
        assert_eq!(answer.problem(), (400, 2004), "{workers}");
    }
    assert_eq!(ask(&server, Role::Admin, &json!({})).await.problem(), (400, 2004));
    assert_eq!(*asked.0.lock().unwrap(), [1, 64]);
}

#[tokio::test]
async fn a_static_pool_says_what_to_do_instead() {
    let server = Setup::with_auth().start().await;
    let answer = ask(&server, Role::Admin, &json!({ "workers": 3 })).await;
    assert_eq!(answer.problem(), (409, 4005));
    let problem = answer.json();
    let text = problem["detail"].as_str().unwrap();
    assert!(text.contains("start or stop") && text.contains("cluster.pool_driver"), "{text}");
    assert_eq!(problem["retryable"], false);
}
