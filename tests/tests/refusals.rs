//! Bad input ends in a clear error with its code, and nothing is lost by it.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Connect, Incoming, Socket, Terminal},
    dev::{Dev, run},
    http::{Answer, Http},
};

async fn post(dev: &Dev, body: Value) -> Result<Answer> {
    Http::new(dev.address(), dev.token()).post("/api/terminal/sessions", body).await
}

async fn session(dev: &Dev) -> Result<String> {
    let answer = post(dev, json!({ "projectId": "default" })).await?;
    Ok(answer.json()["session"]["id"].as_str().unwrap().to_owned())
}

async fn token(dev: &Dev, user: &str, role: &str) -> Result<String> {
    let state = dev.state().to_str().unwrap();
    let output = run(&["token", "--state-dir", state, "--user", user, "--role", role]).await?;
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

#[tokio::test]
async fn what_cannot_be_created_says_why() -> Result<()> {
    let dev = Dev::start().await?;
    let config = |config: Value| json!({ "projectId": "default", "config": config });
    for (name, body, status, code) in [
        ("a shell that is not there", config(json!({ "shell": "/no/such/shell" })), 502, 3001),
        (
            "a directory that is not there",
            json!({ "projectId": "default", "projectPath": "nope" }),
            404,
            6001,
        ),
        ("a directory outside", json!({ "projectId": "default", "projectPath": "/" }), 403, 6002),
        ("a way out", json!({ "projectId": "default", "projectPath": "../.." }), 403, 6002),
        ("a project id with a slash", json!({ "projectId": "a/b" }), 400, 2004),
        ("a project id too long", json!({ "projectId": "x".repeat(65) }), 400, 2004),
        ("no project id", json!({}), 400, 2004),
        ("a size of 0", config(json!({ "cols": 0, "rows": 0 })), 400, 2004),
        ("a size too large", config(json!({ "cols": 1001, "rows": 24 })), 400, 2004),
        ("half a size", config(json!({ "cols": 80 })), 400, 2004),
        (
            "the loader's variable",
            config(json!({ "environment": { "LD_PRELOAD": "x" } })),
            400,
            2004,
        ),
        ("an unknown mode", config(json!({ "mode": "dance" })), 400, 2004),
        ("an unknown backend", config(json!({ "backend": "screen" })), 400, 2004),
    ] {
        let answer = post(&dev, body).await?;
        let problem = answer.json();
        assert_eq!(
            (answer.status.as_u16(), &problem["code"]),
            (status, &json!(code)),
            "{name}: {problem}"
        );
        assert_eq!(problem["success"], false, "{name}");
        assert!(problem["detail"].as_str().is_some_and(|text| !text.is_empty()), "{name}");
    }
    // Nothing of all that is left.
    let listed = Http::new(dev.address(), dev.token())
        .get("/api/terminal/projects/default/sessions")
        .await?;
    assert_eq!(listed.json()["sessions"], json!([]));
    Ok(())
}

#[tokio::test]
async fn a_request_that_comes_again_makes_one_session() -> Result<()> {
    let dev = Dev::start().await?;
    let asker = Http::new(dev.address(), dev.token());
    let path = "/api/terminal/sessions";
    let ask = async |key: &str, body: Value| {
        let request = http::Request::post(path)
            .header("host", dev.address().to_string())
            .header("connection", "close")
            .header("authorization", format!("Bearer {}", dev.token().unwrap()))
            .header("content-type", "application/json")
            .header("idempotency-key", key)
            .body(http_body_util::Full::from(body.to_string()))?;
        asker.exchange(request).await
    };
    let body = json!({ "projectId": "default" });
    // The key of a request that failed is free again.
    let failed = ask("k", json!({ "projectId": "default", "projectPath": "nope" })).await?;
    assert_eq!(failed.status, 404);
    let first = ask("k", body.clone()).await?;
    let again = ask("k", body.clone()).await?;
    assert_eq!((first.status.as_u16(), again.status.as_u16()), (201, 201));
    assert_eq!(first.json()["session"]["id"], again.json()["session"]["id"]);
    let listed = asker.get("/api/terminal/projects/default/sessions").await?;
    assert_eq!(listed.json()["sessions"].as_array().map(Vec::len), Some(1));
    let other = ask("k", json!({ "projectId": "p" })).await?;
    assert_eq!((other.status.as_u16(), &other.json()["code"]), (409, &json!(1003)));
    let bad = ask("two words", body).await?;
    assert_eq!((bad.status.as_u16(), &bad.json()["code"]), (400, &json!(2004)));
    Ok(())
}

#[tokio::test]
async fn the_limit_of_a_project_holds_at_ten() -> Result<()> {
    let dev = Dev::start().await?;
    for number in 0..10 {
        assert_eq!(post(&dev, json!({ "projectId": "default" })).await?.status, 201, "{number}");
    }
    let answer = post(&dev, json!({ "projectId": "default" })).await?;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (429, &json!(1002)));
    Ok(())
}

#[tokio::test]
async fn a_foreign_session_answers_exactly_like_an_unknown_one() -> Result<()> {
    let dev = Dev::start().await?;
    let ann = Http::new(dev.address(), Some(&token(&dev, "ann", "user").await?));
    let created = ann.post("/api/terminal/sessions", json!({ "projectId": "p" })).await?;
    let id = created.json()["session"]["id"].as_str().unwrap().to_owned();
    let unknown = format!("{}{}", &id[..id.len() - 4], "aaaa");
    let bob_token = token(&dev, "bob", "user").await?;
    let bob = Http::new(dev.address(), Some(&bob_token));
    let strip = |answer: Answer, id: &str| answer.text().replace(id, "ID");
    let foreign = bob.get(&format!("/api/terminal/sessions/{id}")).await?;
    assert_eq!(foreign.status, 404);
    let missing = bob.get(&format!("/api/terminal/sessions/{unknown}")).await?;
    assert_eq!(strip(foreign, &id), strip(missing, &unknown));
    for method in [http::Method::DELETE, http::Method::PATCH] {
        let path = format!("/api/terminal/sessions/{id}");
        let answer = bob.send(method, &path, json!({ "tabName": "mine" })).await?;
        assert_eq!(answer.json()["code"], 1001);
    }
    let mut socket = Socket::canonical(dev.address(), Some(&bob_token)).await?;
    for id in [&id, &unknown] {
        let attach =
            json!({ "type": "attach", "sessionId": id, "clientId": "0".repeat(32), "attempt": 1 });
        assert_eq!(socket.ask(attach, "attached").await?, Err(1001));
    }
    // And it is still ann's.
    assert_eq!(ann.get(&format!("/api/terminal/sessions/{id}")).await?.status, 200);
    Ok(())
}

#[tokio::test]
async fn a_viewer_sees_and_does_not_touch() -> Result<()> {
    let dev = Dev::start().await?;
    let ann = Http::new(dev.address(), Some(&token(&dev, "ann", "user").await?));
    let created = ann.post("/api/terminal/sessions", json!({ "projectId": "p" })).await?;
    let id = created.json()["session"]["id"].as_str().unwrap().to_owned();
    let viewer = token(&dev, "ann", "viewer").await?;
    let socket = Socket::canonical(dev.address(), Some(&viewer)).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    assert_eq!(terminal.attached["driver"], false);
    terminal.type_text("echo never\n").await?;
    let error = terminal.socket.message("error").await?;
    assert_eq!(error["code"], 4002);
    let channel = terminal.channel();
    for action in ["take", "kill", "interrupt", "restart"] {
        let control = json!({ "type": "control", "channel": channel, "action": action });
        assert_eq!(terminal.socket.ask(control, "done").await?, Err(4002), "{action}");
    }
    let close = json!({ "type": "close", "sessionId": id });
    assert_eq!(terminal.socket.ask(close, "closed").await?, Err(4002));
    Ok(())
}

#[tokio::test]
async fn a_readonly_session_takes_input_from_nobody() -> Result<()> {
    let dev = Dev::start().await?;
    let answer =
        post(&dev, json!({ "projectId": "default", "config": { "mode": "readonly" } })).await?;
    let id = answer.json()["session"]["id"].as_str().unwrap().to_owned();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("echo never\n").await?;
    assert_eq!(terminal.socket.message("error").await?["code"], 4002);
    Ok(())
}

#[tokio::test]
async fn malformed_messages_are_named_and_the_fifth_closes() -> Result<()> {
    let dev = Dev::start().await?;
    for bad in [
        "not json",
        "[]",
        r#"{"type":"dance"}"#,
        r#"{"type":"detach"}"#,
        r#"{"type":"detach","channel":1e400}"#,
    ] {
        let mut socket = Socket::canonical(dev.address(), dev.token()).await?;
        socket.send_text(bad.into()).await?;
        assert_eq!(socket.message("error").await?["code"], 2004, "{bad}");
        // The socket lives on.
        socket.send(&json!({ "type": "heartbeat", "timestamp": 1 })).await?;
        socket.message("heartbeat").await?;
    }
    let mut socket = Socket::canonical(dev.address(), dev.token()).await?;
    let deep = format!("{}{}", "[".repeat(30_000), "]".repeat(30_000));
    for _ in 0..5 {
        socket.send_text(deep.clone()).await?;
    }
    assert_eq!(socket.closed().await?, 1008);
    Ok(())
}

#[tokio::test]
async fn messages_hold_at_their_limit_and_fall_above() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("stty raw -echo; cat > /dev/null\n").await?;
    terminal.read_written().await?;
    let at = terminal.memory.input;
    terminal.send_input(at, &[b'x'; 32 << 10]).await?;
    terminal.memory.input = at + (32 << 10);
    terminal.read_written().await?;
    let at = terminal.memory.input;
    terminal.send_input(at, &vec![b'x'; (32 << 10) + 1]).await?;
    assert_eq!(terminal.socket.message("error").await?["code"], 2005);

    let mut socket = Socket::canonical(dev.address(), dev.token()).await?;
    socket.send_text("x".repeat((64 << 10) + 1)).await?;
    assert_eq!(socket.closed().await?, 1009);
    Ok(())
}

#[tokio::test]
async fn input_beyond_the_window_is_refused_and_nothing_of_it_written() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    // A program that reads nothing: the PTY fills up and the window with it.
    terminal.type_text("stty raw -echo; echo re''ady; sleep 1000\n").await?;
    terminal.read_text("ready").await?;
    let mut at = terminal.memory.input;
    for _ in 0..40 {
        terminal.send_input(at, &[b'x'; 4096]).await?;
        at += 4096;
    }
    let error = terminal.socket.message("error").await?;
    assert_eq!(error["code"], 2009);
    assert!(error["nextInputOffset"].as_u64().is_some_and(|next| next < at));
    Ok(())
}

#[tokio::test]
async fn an_offset_that_does_not_exist_yet_gets_an_error_and_a_snapshot() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &id).await?;
    terminal.type_text("echo he''re\n").await?;
    terminal.read_text("here").await?;
    let mut memory = terminal.memory.clone();
    drop(terminal);
    memory.offset += 1_000_000;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::resume(socket, memory).await?;
    assert_eq!(terminal.attached["recovered"], false);
    assert_eq!(terminal.attached["reason"], "bad_offset");
    assert_eq!(terminal.socket.message("error").await?["code"], 2007);
    terminal.read_text("here").await
}

#[tokio::test]
async fn two_attachments_of_one_client_leave_the_newer_one() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut first = Terminal::attach(socket, &id).await?;
    let memory = first.memory.clone();
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let _second = Terminal::resume(socket, memory.clone()).await?;
    assert_eq!(first.socket.message("detached").await?["code"], 4006);
    let mut socket = Socket::canonical(dev.address(), dev.token()).await?;
    let lower =
        json!({ "type": "attach", "sessionId": id, "clientId": memory.client, "attempt": 1 });
    assert_eq!(socket.ask(lower, "attached").await?, Err(4006));
    Ok(())
}

#[tokio::test]
async fn who_does_not_sign_in_is_let_go() -> Result<()> {
    let dev = Dev::start().await?;
    let mut socket = Socket::connect(dev.address(), &Connect::canonical()).await?;
    socket.send(&json!({ "type": "heartbeat" })).await?;
    assert_eq!(socket.closed().await?, 4001);
    let mut socket = Socket::connect(dev.address(), &Connect::canonical()).await?;
    socket.send(&json!({ "type": "handshake", "auth": { "token": "nonsense" } })).await?;
    assert_eq!(socket.closed().await?, 4001);
    let mut silent = Socket::connect(dev.address(), &Connect::canonical()).await?;
    assert_eq!(silent.closed().await?, 4008);
    let direct = Socket::connect(dev.address(), &Connect::path("/ws/terminal/x")).await;
    assert!(direct.err().is_some_and(|error| format!("{error:#}").contains("401")));
    Ok(())
}

#[tokio::test]
async fn a_second_client_watches_and_takes_over_with_one_message() -> Result<()> {
    let dev = Dev::start().await?;
    let id = session(&dev).await?;
    let mut first =
        Terminal::attach(Socket::canonical(dev.address(), dev.token()).await?, &id).await?;
    let mut second =
        Terminal::attach(Socket::canonical(dev.address(), dev.token()).await?, &id).await?;
    assert_eq!(
        (&first.attached["driver"], &second.attached["driver"]),
        (&json!(true), &json!(false))
    );
    first.type_text("echo bo''th\n").await?;
    first.read_text("both").await?;
    second.read_text("both").await?;
    second.type_text("echo never\n").await?;
    let error = second.socket.message("error").await?;
    assert_eq!((&error["code"], &error["nextInputOffset"]), (&json!(4006), &json!(0)));
    let take = json!({ "type": "control", "channel": second.channel(), "action": "take" });
    assert!(second.socket.ask(take, "done").await?.is_ok());
    second.memory.input = 0;
    second.type_text("echo mi''ne\n").await?;
    second.read_text("mine").await?;
    first
        .socket
        .matching("the seat is lost", |incoming| match incoming {
            Incoming::Message(m) if m["kind"] == "driver" && m["driver"] == false => Some(()),
            _ => None,
        })
        .await
}
