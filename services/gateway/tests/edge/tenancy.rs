//! Whose sessions somebody reaches: the Tenancy part of the abuse corpus.

use termfleet_session::role::Role;

use crate::harness::{Request, Server, Setup};

const SESSIONS: &str = "/api/terminal/sessions";
/// An id that nobody has, of the right form.
const RANDOM: &str = "abcdefgh-abcdefghijklmnopqrstuvwxyz";

async fn listed(server: &Server, target: &str, token: &str) -> Vec<String> {
    let answer = server.get(target, token).await;
    let json = answer.json();
    let sessions = json["sessions"].as_array().unwrap_or_else(|| panic!("{json}")).clone();
    sessions.iter().map(|session| session["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn anothers_session_and_a_random_id_answer_alike() {
    let server = Setup::with_auth().with_a_dead_worker().start().await;
    let neighbour = server.session_as("acme", "ann", "p", Some("hers")).await;
    let foreign = server.session("other", "ann", "p").await;
    let bob = server.token("bob", Some("acme"), Role::User);
    for method in ["GET", "PATCH", "DELETE"] {
        let ask = async |name: &str| {
            let request = Request::new(method, &format!("{SESSIONS}/{name}")).bearer(&bob);
            let body = if method == "PATCH" { r#"{"tabName":"x"}"# } else { "" };
            let answer = server.send(request.json(body)).await;
            let head: Vec<_> = answer
                .head
                .lines()
                .filter(|line| !line.starts_with("date"))
                .map(str::to_owned)
                .collect();
            (answer.problem(), head, answer.body)
        };
        let unknown = ask(RANDOM).await;
        assert_eq!(unknown.0, (404, 1001));
        for name in [neighbour.id.as_str(), "hers", foreign.id.as_str(), "no such alias"] {
            let name = name.replace(' ', "%20");
            assert_eq!(ask(&name).await, unknown, "{method} {name}");
        }
    }
    assert_eq!(server.edge.directory.get(&neighbour.id).await.unwrap().unwrap().tab_name, "bash");
}

#[tokio::test]
async fn a_user_lists_their_own_and_an_admin_the_tenants() {
    let server = Setup::with_auth().start().await;
    let anns = server.session("acme", "ann", "p").await.id.to_string();
    let bobs = server.session("acme", "bob", "p").await.id.to_string();
    let others = server.session("other", "ann", "p").await.id.to_string();
    let project = "/api/terminal/projects/p/sessions";

    let ann = server.token("ann", Some("acme"), Role::User);
    assert_eq!(listed(&server, project, &ann).await, [&*anns]);
    assert_eq!(listed(&server, SESSIONS, &ann).await, [&*anns]);
    let admin = server.token("root", Some("acme"), Role::Admin);
    assert_eq!(listed(&server, project, &admin).await, [&*anns, &*bobs]);
    assert!(listed(&server, SESSIONS, &admin).await.is_empty());
    // An administrator of every tenant reaches any session by its id.
    let every = server.token("root", Some("*"), Role::Admin);
    for id in [&anns, &others] {
        assert_eq!(server.get(&format!("{SESSIONS}/{id}"), &every).await.status, 200);
    }
}

#[tokio::test]
async fn one_alias_in_two_tenants_is_two_sessions() {
    let server = Setup::with_auth().start().await;
    let one = server.session_as("acme", "ann", "p", Some("build")).await;
    let two = server.session_as("other", "ann", "p", Some("build")).await;
    for (tenant, session) in [("acme", one), ("other", two)] {
        let token = server.token("ann", Some(tenant), Role::User);
        let answer = server.get(&format!("{SESSIONS}/build"), &token).await;
        assert_eq!(answer.json()["session"]["id"], session.id.as_str());
    }
}

#[tokio::test]
async fn a_project_id_is_a_plain_name_wherever_it_stands() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::Admin);
    let encode =
        |text: &str| -> String { text.bytes().map(|byte| format!("%{byte:02X}")).collect() };
    let long = "a".repeat(65);
    for project in ["a/b", "a:b", "{x}", "*", "a b", "a\r\nb", "ünï", "", long.as_str()] {
        let body = serde_json::json!({ "projectId": project }).to_string();
        let created = Request::new("POST", SESSIONS).bearer(&token).json(&body);
        assert_eq!(server.send(created).await.problem(), (400, 2004), "{project:?} in a body");
        let asked = format!("{SESSIONS}?projectId={}", encode(project));
        assert_eq!(
            server.get(&asked, &token).await.problem(),
            (400, 2004),
            "{project:?} in a query"
        );
        let path = format!("/api/terminal/projects/{}/sessions", encode(project));
        let status = server.get(&path, &token).await.status;
        assert!(matches!(status, 400 | 404), "{project:?} in a path: {status}");
    }
    let huge = format!(r#"{{"projectId":"{}"}}"#, "a".repeat((1 << 20) - 100));
    let huge = Request::new("POST", SESSIONS).bearer(&token).json(&huge);
    assert_eq!(server.send(huge).await.problem(), (400, 2004));
}
