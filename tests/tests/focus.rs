//! Focus is one truth: clients that share nothing see each other's, in whatever dialect they speak.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use http::Method;
use serde_json::{Value, json};
use termfleet_tests::{
    client::{Connect, Incoming, Socket},
    dev::{Builder, Dev},
    home::Home,
    http::Http,
};

struct Stage {
    dev: Dev,
    http: Http,
    ids: Vec<String>,
}

async fn stage(sessions: usize) -> Result<Stage> {
    let dev = Dev::start().await?;
    let http = Http::new(dev.address(), dev.token());
    let mut ids = Vec::new();
    for _ in 0..sessions {
        ids.push(http.create("shop").await?);
    }
    Ok(Stage { dev, http, ids })
}

impl Stage {
    async fn put(&self, body: Value) -> Result<(u16, Value)> {
        let answer = self.http.send(Method::PUT, "/api/terminal/focus", body).await?;
        Ok((answer.status.as_u16(), answer.json()))
    }

    async fn focus(&self) -> Result<Value> {
        Ok(self.http.get("/api/terminal/projects/shop/focus").await?.json())
    }

    /// A canonical client that watches the project.
    async fn watcher(&self) -> Result<Socket> {
        let mut socket = Socket::canonical(self.dev.address(), self.dev.token()).await?;
        socket.send(&json!({ "type": "subscribe", "projectId": "shop" })).await?;
        socket.message("subscribed").await?;
        Ok(socket)
    }

    /// A client in another dialect, signed in by its upgrade.
    async fn speaking(&self, path: &str, dialect: &str) -> Result<Socket> {
        let connect = Connect { subprotocols: vec![dialect.into()], ..Connect::path(path) };
        Socket::connect(self.dev.address(), &connect.bearer(self.dev.token())).await
    }
}

#[tokio::test]
async fn clients_in_three_dialects_see_each_others_focus() -> Result<()> {
    let stage = stage(2).await?;
    let (one, two) = (&stage.ids[0], &stage.ids[1]);
    let mut canonical = stage.watcher().await?;
    let mut view = stage.speaking(&format!("/ws/terminal/{two}"), "focus-sync.v1").await?;
    let first = view.next().await?;
    assert!(
        matches!(&first, Incoming::Message(m) if m["type"] == "connection_status"
            && m["status"] == "connected" && m["focusedSessions"] == json!([])),
        "{first:?}"
    );
    let mut text = stage.speaking("/terminal", "terminal.v1").await?;
    text.send(&json!({ "type": "set_focus", "sessionId": one, "payload": { "focused": true } }))
        .await?;
    let changed = text.message("focus_changed").await?;
    assert_eq!(changed["payload"]["focusedSessions"], json!([one]));
    for socket in [&mut canonical, &mut view] {
        let update = socket.message("focus_update").await?;
        assert_eq!((&update["sessionId"], &update["focused"]), (&json!(one), &json!(true)));
        assert_eq!(update["version"], changed["payload"]["version"]);
    }
    view.send(&json!({ "type": "focus", "sessionId": two })).await?;
    for socket in [&mut canonical, &mut view] {
        let update = socket.message("focus_update").await?;
        assert_eq!(update["focusedSessions"], json!([one, two]));
    }
    assert_eq!(text.message("focus_changed").await?["payload"]["totalFocused"], 2);
    stage.http.delete(&format!("/api/terminal/sessions/{one}")).await?;
    let update = canonical.message("focus_update").await?;
    assert_eq!((&update["sessionId"], &update["focused"]), (&json!(one), &json!(false)));
    assert_eq!(stage.focus().await?["focusedSessions"], json!([two]));
    Ok(())
}

#[tokio::test]
async fn of_five_focused_sessions_four_stay_and_the_eviction_is_told_first() -> Result<()> {
    let stage = stage(5).await?;
    let mut watcher = stage.watcher().await?;
    let grid = json!({ "projectId": "shop", "sessionIds": stage.ids[..4], "focused": true });
    let (status, focused) = stage.put(grid).await?;
    assert_eq!((status, &focused["focusedSessions"]), (200, &json!(stage.ids[..4])));
    for id in &stage.ids[..4] {
        assert_eq!(watcher.message("focus_update").await?["sessionId"], json!(id));
    }
    let fifth = json!({ "projectId": "shop", "sessionId": stage.ids[4], "focused": true });
    let (_, focused) = stage.put(fifth).await?;
    assert_eq!((&focused["totalFocused"], &focused["maxFocused"]), (&json!(4), &json!(4)));
    let evicted = watcher.message("focus_update").await?;
    assert_eq!((&evicted["sessionId"], &evicted["focused"]), (&json!(stage.ids[0]), &json!(false)));
    let gained = watcher.message("focus_update").await?;
    assert_eq!((&gained["sessionId"], &gained["focused"]), (&json!(stage.ids[4]), &json!(true)));
    assert!(gained["version"].as_u64() > evicted["version"].as_u64());
    assert_eq!(stage.focus().await?["focusedSessions"], json!(stage.ids[1..]));
    Ok(())
}

#[tokio::test]
async fn who_decides_by_an_old_version_is_told_the_new_one() -> Result<()> {
    let stage = stage(2).await?;
    let change = |at: usize, version: &Value| {
        json!({ "projectId": "shop", "sessionId": stage.ids[at], "focused": true,
            "expectedVersion": version })
    };
    let old = stage.focus().await?["version"].clone();
    let (status, first) = stage.put(change(0, &old)).await?;
    assert_eq!(status, 200);
    let (status, problem) = stage.put(change(1, &old)).await?;
    assert_eq!((status, &problem["code"]), (409, &json!(1005)));
    assert_eq!(problem["focusState"]["version"], first["version"]);
    assert_eq!(stage.put(change(1, &first["version"])).await?.0, 200);
    Ok(())
}

#[tokio::test]
async fn a_focused_session_is_measured_for_whoever_sits_at_it() -> Result<()> {
    let home = Home::new()?;
    let config = home.path().join("measures.toml");
    std::fs::write(&config, "[monitoring]\nmetrics_interval_ms = 200\n")?;
    let dev = Builder::default().arg("--config").arg(config.display().to_string()).start().await?;
    let http = Http::new(dev.address(), dev.token());
    let ids = vec![http.create("shop").await?, http.create("shop").await?];
    let stage = Stage { dev, http, ids };
    let mut text = stage.speaking("/terminal", "terminal.v1").await?;
    for id in &stage.ids {
        text.send(&json!({ "type": "send_input", "sessionId": id, "payload": "\r" })).await?;
    }
    let focused = &stage.ids[1];
    let set_focus =
        json!({ "type": "set_focus", "sessionId": focused, "payload": { "focused": true } });
    text.send(&set_focus).await?;
    let mut measured = Value::Null;
    // What a shell holds is known once its worker has looked.
    for _ in 0..20 {
        let update = text.message("metrics_update").await?;
        assert_eq!(
            (&update["sessionId"], &update["payload"]["viewers"]),
            (&json!(focused), &json!(1))
        );
        measured = update["payload"].clone();
        if measured["memoryBytes"].is_u64() {
            break;
        }
    }
    assert!(measured["memoryBytes"].as_u64().is_some_and(|bytes| bytes > 100_000), "{measured}");
    assert!(measured["bytesOut"].as_u64().is_some_and(|bytes| bytes > 0), "{measured}");
    let asked = stage.http.get(&format!("/api/terminal/metrics/sessions/{focused}")).await?;
    let fields = |of: &Value| -> Vec<String> { of.as_object().unwrap().keys().cloned().collect() };
    assert_eq!(fields(&asked.json()["metrics"]), fields(&measured));
    Ok(())
}
