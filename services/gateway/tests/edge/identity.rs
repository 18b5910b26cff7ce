//! Who is let in: the Identity part of the abuse corpus, as far as it is the edge's. What a token
//! must look like is tested where tokens are checked.

use data_encoding::BASE64URL_NOPAD;
use termfleet_session::role::Role;
use termfleet_token::{Minter, SigningKey};

use crate::harness::{Request, Server, Setup, logged};

const MINE: &str = "/api/terminal/sessions";

async fn with_token(server: &Server, token: &str) -> (u16, u64) {
    server.get(MINE, token).await.problem()
}

#[tokio::test]
async fn no_token_is_401_and_says_how_to_sign_in() {
    let server = Setup::with_auth().start().await;
    let answer = server.send(Request::new("GET", MINE)).await;
    assert_eq!(answer.problem(), (401, 4001));
    assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn a_good_token_is_let_in() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::Viewer);
    let answer = server.get(MINE, &token).await;
    assert_eq!((answer.status, answer.json()), (200, serde_json::json!({"sessions": []})));
}

#[tokio::test]
async fn two_authorization_headers_are_400() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let twice = Request::new("GET", MINE).bearer(&token).bearer(&token);
    assert_eq!(server.send(twice).await.problem(), (400, 2004));
}

#[tokio::test]
async fn another_scheme_is_401() {
    let server = Setup::with_auth().start().await;
    let basic = Request::new("GET", MINE).with("Authorization", "Basic YTpi");
    assert_eq!(server.send(basic).await.problem(), (401, 4001));
}

#[tokio::test]
async fn a_token_in_the_query_is_400_everywhere_and_in_no_log() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let query = format!("token={token}");
    for target in [
        format!("{MINE}?{query}"),
        format!("{MINE}?x={token}"),
        format!("/?{query}"),
        format!("/openapi.json?access_token={token}"),
    ] {
        assert_eq!(server.send(Request::new("GET", &target)).await.problem(), (400, 2004));
    }
    let upgrade = Request::upgrade(&format!("/terminal?{query}"));
    assert_eq!(server.send(upgrade).await.problem(), (400, 2004));
    let in_the_path = Request::new("GET", &format!("/x/{token}")).bearer(&token);
    assert_eq!(server.send(in_the_path).await.status, 404);
    assert!(logged().contains("\"path\":\"/openapi.json\""), "requests are logged");
    assert!(!logged().contains(&token), "a token was logged");
    assert!(!logged().contains(token.rsplit('.').next().unwrap()), "a signature was logged");
}

#[tokio::test]
async fn a_request_is_one_line_of_json_with_stable_fields() {
    let server = Setup::with_auth().start().await;
    let token = server.token("ann", None, Role::User);
    let path = "/api/terminal/sessions/of-the-log-test";
    server.get(&format!("{path}?x=secret-in-a-query"), &token).await;
    let logged = logged();
    let line = logged.lines().find(|line| line.contains("of-the-log-test")).unwrap();
    let json: serde_json::Value = serde_json::from_str(line).unwrap();
    for (field, value) in [
        ("message", "request".into()),
        ("method", "GET".into()),
        ("path", path.into()),
        ("route", "session".into()),
        ("status", 404.into()),
        ("code", serde_json::Value::from("SESSION_NOT_FOUND")),
    ] {
        assert_eq!(json[field], value, "{field} of {line}");
    }
    assert!(json["ms"].is_u64() && json["connection"].as_str().unwrap().len() == 16, "{line}");
    assert!(!logged.contains("secret-in-a-query"));
}

#[tokio::test]
async fn foreign_expired_misdirected_and_unsigned_tokens_are_401() {
    let server = Setup::with_auth().start().await;
    let now = termfleet_runtime::clock::now_unix();
    let grant =
        || termfleet_token::Grant { user: "ann".parse().unwrap(), tenant: None, role: Role::Admin };
    let foreign = Minter::new(SigningKey::generate().unwrap()).mint(&grant(), now, 600).unwrap();
    let expired = server.token_for("ann", None, Role::Admin, 7_200, 60);
    let issuer = server.minter().with_issuer("somebody").mint(&grant(), now, 600).unwrap();
    let audience = server.minter().with_audience("others").mint(&grant(), now, 600).unwrap();
    assert_eq!(with_token(&server, &foreign).await, (401, 4001));
    assert_eq!(with_token(&server, &expired).await, (401, 4003));
    assert_eq!(with_token(&server, &issuer).await, (401, 4001));
    assert_eq!(with_token(&server, &audience).await, (401, 4001));

    let good = server.token("ann", None, Role::User);
    let claims = good.split('.').nth(1).unwrap();
    for algorithm in ["none", "None", "NONE", "nOnE"] {
        let header = format!(r#"{{"alg":"{algorithm}","typ":"JWT"}}"#);
        let header = BASE64URL_NOPAD.encode(header.as_bytes());
        for signature in ["", "AAAA"] {
            let unsigned = format!("{header}.{claims}.{signature}");
            assert_eq!(with_token(&server, &unsigned).await, (401, 4001), "{algorithm}");
        }
    }
}

#[tokio::test]
async fn a_token_of_64_kb_is_431() {
    let server = Setup::with_auth().start().await;
    let huge = "a".repeat(64 << 10);
    let answer = server.get(MINE, &huge).await;
    assert_eq!(answer.status, 431);
}

#[tokio::test]
async fn a_viewer_reads_and_nothing_else() {
    let server = Setup::with_auth().start().await;
    let session = server.session("~ann", "ann", "p").await;
    let viewer = server.token("ann", None, Role::Viewer);
    let path = format!("{MINE}/{}", session.id);
    assert_eq!(server.get(&path, &viewer).await.status, 200);
    for request in [
        Request::new("POST", MINE).json(r#"{"projectId":"p"}"#),
        Request::new("PATCH", &path).json(r#"{"tabName":"x"}"#),
        Request::new("DELETE", &path),
    ] {
        assert_eq!(server.send(request.bearer(&viewer)).await.problem(), (403, 4002));
    }
}

#[tokio::test]
async fn without_auth_everybody_is_dev_whatever_they_send() {
    let server = Setup::without_auth().start().await;
    let session = server.session("~dev", "dev", "p").await;
    let path = format!("{MINE}/{}", session.id);
    assert_eq!(server.send(Request::new("GET", &path)).await.status, 200);
    assert_eq!(server.get(&path, "nonsense").await.json()["session"]["userId"], "dev");
}
