//! The description that is served is the one that stands in the documentation.

use std::{env, fs, path::Path};

use crate::harness::{Request, Setup};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
const REGENERATE: &str =
    "TERMFLEET_WRITE_DOCS=1 cargo test -p termfleet-gateway --test edge openapi";

#[tokio::test]
async fn the_documentation_is_what_is_served() {
    let server = Setup::with_auth().start().await;
    let answer = server.send(Request::new("GET", "/openapi.json")).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
    let served = String::from_utf8(answer.body).unwrap();
    if env::var_os("TERMFLEET_WRITE_DOCS").is_some() {
        fs::create_dir_all(Path::new(DOCUMENT).parent().unwrap()).unwrap();
        fs::write(DOCUMENT, &served).unwrap();
    }
    let documented = fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(documented == served, "docs/openapi.json is stale; write it again with\n{REGENERATE}");
}

#[tokio::test]
async fn it_describes_every_endpoint_and_the_sign_in() {
    let server = Setup::with_auth().start().await;
    let json = server.send(Request::new("GET", "/openapi.json")).await.json();
    for (path, methods) in [
        ("/api/terminal/sessions", &["get", "post"][..]),
        ("/api/terminal/sessions/{id}", &["get", "patch", "delete"]),
        ("/api/terminal/projects", &["get"]),
        ("/api/terminal/projects/{id}/sessions", &["get"]),
        ("/api/terminal/projects/{id}/suspend", &["post"]),
        ("/api/terminal/projects/{id}/resume", &["post"]),
        ("/api/terminal/projects/{id}/focus", &["get"]),
        ("/api/terminal/sessions/{id}/focus", &["put"]),
        ("/api/terminal/focus", &["put"]),
        ("/api/terminal/tickets", &["post"]),
        ("/api/terminal/metrics/sessions/{id}", &["get"]),
        ("/api/terminal/metrics/system", &["get"]),
        ("/api/terminal/alerts", &["get", "put"]),
        ("/api/terminal/workers", &["get"]),
        ("/api/terminal/workers/{id}/drain", &["post", "delete"]),
        ("/api/terminal/workers/scale", &["post"]),
    ] {
        for method in methods {
            assert!(json["paths"][path][method]["responses"].is_object(), "{method} {path}");
        }
    }
    assert_eq!(json["components"]["securitySchemes"]["bearer"]["scheme"], "bearer");
    for schema in ["Session", "CreateSession", "Problem", "SessionPage"] {
        assert!(json["components"]["schemas"][schema].is_object(), "{schema}");
    }
}
