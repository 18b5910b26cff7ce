//! A project is suspended and resumed as a whole, on whichever workers its sessions run.

use serde_json::json;
use termfleet_session::{
    code::{Code, Refusal},
    role::Role,
};

use crate::{
    harness::{Answer, Request},
    world::World,
};

async fn post(world: &World, token: &str, target: &str) -> Answer {
    world.server.send(Request::new("POST", target).bearer(token).with("Content-Length", "0")).await
}

const SUSPEND: &str = "/api/terminal/projects/p/suspend";
const RESUME: &str = "/api/terminal/projects/p/resume";

#[tokio::test]
async fn all_of_a_project_stop_once_and_go_on_once() {
    let world = World::open().await;
    let sessions = [world.session().await, world.session().await];
    world.server.session("~dev", "dev", "other").await;
    let suspended = post(&world, "any", SUSPEND).await;
    assert_eq!((suspended.status, suspended.json()), (200, json!({ "suspendedCount": 2 })));
    assert_eq!(post(&world, "any", SUSPEND).await.json(), json!({ "suspendedCount": 0 }));

    let resumed = post(&world, "any", RESUME).await.json();
    let resumed = resumed["resumedSessions"].as_array().unwrap();
    let ids: Vec<_> = resumed.iter().map(|session| session["id"].as_str().unwrap()).collect();
    assert_eq!(ids, sessions);
    assert!(resumed.iter().all(|session| session["status"] == "active"));
    assert_eq!(post(&world, "any", RESUME).await.json(), json!({ "resumedSessions": [] }));
}

#[tokio::test]
async fn one_that_cannot_be_stopped_is_told_and_the_rest_is_stopped() {
    let world = World::open().await;
    let stubborn = world.session().await;
    world.session().await;
    world.worker.hold(&stubborn, Some(Refusal::from(Code::ServiceUnavailable)));
    let refused = post(&world, "any", SUSPEND).await;
    assert_eq!(refused.problem(), (503, 5003));
    assert!(refused.json()["detail"].as_str().unwrap().starts_with("1 of 2 sessions: "));
    world.worker.hold(&stubborn, None);
    assert_eq!(post(&world, "any", SUSPEND).await.json(), json!({ "suspendedCount": 1 }));

    // One that ends meanwhile is no failure: there is nothing to be stopped any more.
    post(&world, "any", RESUME).await;
    world.worker.hold(&stubborn, Some(Refusal::from(Code::SessionEnded)));
    assert_eq!(post(&world, "any", SUSPEND).await.json(), json!({ "suspendedCount": 1 }));
}

#[tokio::test]
async fn only_ones_own_sessions_are_stopped_and_a_viewer_stops_none() {
    let world = World::guarded().await;
    world.session_of_ann().await;
    let bob = world.server.token("bob", None, Role::User);
    assert_eq!(post(&world, &bob, SUSPEND).await.json(), json!({ "suspendedCount": 0 }));
    let viewer = world.server.token("ann", None, Role::Viewer);
    assert_eq!(post(&world, &viewer, SUSPEND).await.problem(), (403, 4002));
    assert_eq!(post(&world, &viewer, RESUME).await.problem(), (403, 4002));
    let ann = world.server.token("ann", None, Role::User);
    assert_eq!(post(&world, &ann, SUSPEND).await.json(), json!({ "suspendedCount": 1 }));
    let listed = world.server.get("/api/terminal/projects", &ann).await.json();
    assert_eq!(listed["projects"][0]["suspendedSessions"], 1);
}
