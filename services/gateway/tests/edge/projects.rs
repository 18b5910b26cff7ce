//! Which projects somebody has, page by page.

use serde_json::json;
use termfleet_session::role::Role;

use crate::harness::{Request, Setup};

const PROJECTS: &str = "/api/terminal/projects";

#[tokio::test]
async fn my_projects_come_by_name_with_their_counts() {
    let server = Setup::with_auth().start().await;
    let ann = server.token("ann", Some("acme"), Role::User);
    assert_eq!(server.get(PROJECTS, &ann).await.json(), json!({ "projects": [] }));
    for (tenant, user, project) in [
        ("acme", "ann", "shop"),
        ("acme", "ann", "blog"),
        ("acme", "ann", "shop"),
        ("acme", "bob", "bobs"),
        ("other", "ann", "elsewhere"),
    ] {
        server.session(tenant, user, project).await;
    }
    let json = server.get(PROJECTS, &ann).await.json();
    let projects = json["projects"].as_array().unwrap();
    let counts = |at: usize| {
        let project = &projects[at];
        (project["projectId"].as_str().unwrap(), project["totalSessions"].as_u64().unwrap())
    };
    assert_eq!((projects.len(), counts(0), counts(1)), (2, ("blog", 1), ("shop", 2)));
    assert_eq!(projects[1]["activeSessions"], 2);
    assert_eq!(projects[1]["suspendedSessions"], 0);
    assert!(projects[1]["lastActivityAt"].as_str().unwrap().ends_with('Z'), "{json}");
}

#[tokio::test]
async fn pages_of_projects_show_each_once() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    for project in ["e", "b", "a", "d", "c"] {
        server.session("~ann", "ann", project).await;
    }
    let mut seen = Vec::new();
    let mut target = format!("{PROJECTS}?limit=2");
    loop {
        let page = server.get(&target, &token).await.json();
        let projects = page["projects"].as_array().unwrap();
        assert!((1..=2).contains(&projects.len()));
        seen.extend(projects.iter().map(|p| p["projectId"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextCursor"].as_str() else { break };
        target = format!("{PROJECTS}?limit=2&cursor={next}");
    }
    assert_eq!(seen, ["a", "b", "c", "d", "e"]);
    for bad in ["limit=0", "limit=201", "limit=x", "cursor=a%2Fb", "cursor="] {
        let answer = server.get(&format!("{PROJECTS}?{bad}"), &token).await;
        assert_eq!(answer.problem(), (400, 2004), "{bad}");
    }
}

#[tokio::test]
async fn a_project_id_is_a_plain_name_when_suspended_too() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let long = "a".repeat(65);
    for project in ["a%3Ab", "%2A", "%7Bx%7D", "a%20b", long.as_str()] {
        for what in ["suspend", "resume"] {
            let target = format!("{PROJECTS}/{project}/{what}");
            let request = Request::new("POST", &target).bearer(&token).with("Content-Length", "0");
            assert_eq!(server.send(request).await.problem(), (400, 2004), "{target}");
        }
    }
    let read = server.get(&format!("{PROJECTS}/p/suspend"), &token).await;
    assert_eq!((read.status, read.header("allow")), (405, Some("POST")));
}
