//! What is measured of a session and of the gateway, and the thresholds that raise alerts.

use serde_json::{Value, json};
use termfleet_session::role::Role;

use crate::harness::{Request, Server, Setup, owner};

const ALERTS: &str = "/api/terminal/alerts";

fn put(server: &Server, role: Role, thresholds: &Value) -> Request {
    put_as(server, Some("*"), role, thresholds)
}

fn put_as(server: &Server, tenant: Option<&str>, role: Role, thresholds: &Value) -> Request {
    let request = Request::new("PUT", ALERTS).bearer(&server.token("ann", tenant, role));
    request.json(&json!({ "thresholds": thresholds }).to_string())
}

#[tokio::test]
async fn a_gateway_measures_itself_from_the_start() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::Viewer);
    let system = Request::new("GET", "/api/terminal/metrics/system").bearer(&token);
    let system = server.send(system).await.json();
    let metrics = &system["metrics"];
    assert!(metrics["memory"]["rss"].as_u64().unwrap() > 100_000, "{system}");
    assert!(metrics["cpu"]["user"].is_u64() && metrics["timestamp"].is_u64(), "{system}");
    assert_eq!(metrics["activeConnections"], 0);
    assert_eq!((&system["history"][0], &system["intervalMs"]), (metrics, &json!(10_000)));
    assert_eq!(system["instance"], "test");
}

#[tokio::test]
async fn an_administrator_of_every_tenant_sets_thresholds_and_everybody_reads_them() {
    let server = Setup::with_auth().start().await;
    let set = json!({ "memory": 1.0, "activeConnections": 1000.0 });
    let answer = server.send(put(&server, Role::Admin, &set)).await;
    assert_eq!(answer.status, 200);
    let token = server.token("bob", None, Role::Viewer);
    let read = server.send(Request::new("GET", ALERTS).bearer(&token)).await.json();
    assert_eq!(read["thresholds"], set);
    // One byte is exceeded at once, by what was sampled last.
    let alerts = read["alerts"].as_array().unwrap();
    assert_eq!((alerts.len(), &alerts[0]["metric"]), (1, &json!("memory")), "{read}");
    assert!(alerts[0]["value"].as_f64().unwrap() > 1.0 && alerts[0]["since"].is_string());
    let none = server.send(put(&server, Role::Admin, &json!({}))).await.json();
    assert_eq!((&none["alerts"], &none["thresholds"]), (&json!([]), &json!({})));
}

#[tokio::test]
async fn nobody_else_sets_them_and_what_is_no_threshold_is_refused() {
    let server = Setup::with_auth().start().await;
    for role in [Role::User, Role::Viewer] {
        let answer = server.send(put(&server, role, &json!({ "cpu": 1.0 }))).await;
        assert_eq!(answer.problem(), (403, 4002), "{role:?}");
    }
    for tenant in [None, Some("acme")] {
        let answer =
            server.send(put_as(&server, tenant, Role::Admin, &json!({ "cpu": 1.0 }))).await;
        assert_eq!(answer.problem(), (403, 4002), "a tenant's own administrator: {tenant:?}");
    }
    for bad in [json!({ "temperature": 1.0 }), json!({ "cpu": 0.0 }), json!({ "cpu": -1.0 })] {
        let answer = server.send(put(&server, Role::Admin, &bad)).await;
        assert_eq!(answer.problem(), (400, 2004), "{bad}");
    }
    let text = put(&server, Role::Admin, &json!({ "cpu": "much" }));
    assert_eq!(server.send(text).await.problem(), (400, 2004));
    for path in [ALERTS, "/api/terminal/metrics/system", "/api/terminal/metrics/sessions/x"] {
        assert_eq!(server.send(Request::new("GET", path)).await.status, 401, "{path}");
    }
}

#[tokio::test]
async fn of_a_session_whose_worker_is_away_only_what_the_store_knows_is_told() {
    let server = Setup::with_auth().with_a_dead_worker().start().await;
    let session = server.session("~ann", "ann", "web").await;
    assert_eq!(session.owner, Some(owner()));
    let path = format!("/api/terminal/metrics/sessions/{}", session.id);
    let asked =
        |user: &str| Request::new("GET", &path).bearer(&server.token(user, None, Role::Viewer));
    let metrics = server.send(asked("ann")).await.json()["metrics"].clone();
    assert_eq!(metrics["sessionId"], session.id.to_string());
    assert_eq!((&metrics["bytesIn"], &metrics["bytesOut"]), (&json!(0), &json!(0)));
    assert!(metrics["createdAt"].is_string() && metrics["timestamp"].is_u64());
    for absent in ["cpuMs", "memoryBytes", "viewers", "commandCount", "errorCount"] {
        assert_eq!(metrics.get(absent), None, "{absent}");
    }
    assert_eq!(server.send(asked("bob")).await.problem(), (404, 1001));
}
