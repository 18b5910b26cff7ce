//! `termfleet dev`, `token` and `health`, as somebody at a prompt meets them.
#![allow(clippy::unwrap_used)]

use anyhow::Result;
use serde_json::json;
use termfleet_tests::{
    client::{Connect, Socket, Terminal},
    dev::{Builder, Dev, run},
    http::Http,
};

fn said(output: &std::process::Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_port_in_use_is_told_with_what_to_do() -> Result<()> {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = taken.local_addr()?.to_string();
    let home = tempfile::tempdir()?;
    let state = home.path().to_str().unwrap();
    let output =
        run(&["dev", "--listen", &address, "--admin-listen", "127.0.0.1:0", "--state-dir", state])
            .await?;
    assert!(!output.status.success());
    let said = said(&output);
    assert!(
        said.contains(&address) && said.contains("in use") && said.contains("--listen"),
        "{said}"
    );
    Ok(())
}

#[tokio::test]
async fn two_on_one_state_directory_are_told_apart() -> Result<()> {
    let dev = Dev::start().await?;
    let state = dev.state().to_str().unwrap();
    let output = run(&[
        "dev",
        "--listen",
        "127.0.0.1:0",
        "--admin-listen",
        "127.0.0.1:0",
        "--state-dir",
        state,
    ])
    .await?;
    assert!(!output.status.success());
    assert!(said(&output).contains("--state-dir"), "{}", said(&output));
    Ok(())
}

#[tokio::test]
async fn the_state_directory_is_the_users_alone() -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let dev = Dev::start().await?;
    let mode = |path: &std::path::Path| anyhow::Ok(path.metadata()?.permissions().mode() & 0o777);
    assert_eq!(mode(dev.state())?, 0o700);
    for file in ["lock", "signing.key", "ptyhost.sock", "ptyhost.log", "url"] {
        assert_eq!(mode(&dev.state().join(file))?, 0o600, "{file}");
    }
    Ok(())
}

#[tokio::test]
async fn other_addresses_than_loopback_are_refused() -> Result<()> {
    let home = tempfile::tempdir()?;
    let state = home.path().to_str().unwrap();
    for flag in ["--listen", "--admin-listen"] {
        let output = run(&["dev", flag, "0.0.0.0:0", "--state-dir", state]).await?;
        assert_eq!(output.status.code(), Some(64), "{flag}");
        assert!(said(&output).contains("loopback"), "{}", said(&output));
    }
    Ok(())
}

#[tokio::test]
async fn a_printed_token_opens_the_door_and_its_role_holds() -> Result<()> {
    let dev = Dev::start().await?;
    let state = dev.state().to_str().unwrap();
    let print = |role: &'static str| async move {
        let output = run(&["token", "--state-dir", state, "--user", "ann", "--role", role]).await?;
        anyhow::Ok(String::from_utf8(output.stdout)?.trim().to_owned())
    };
    let body = json!({ "projectId": "p" });
    let user = Http::new(dev.address(), Some(&print("user").await?));
    assert_eq!(user.post("/api/terminal/sessions", body.clone()).await?.status, 201);
    let viewer = Http::new(dev.address(), Some(&print("viewer").await?));
    assert_eq!(viewer.post("/api/terminal/sessions", body.clone()).await?.json()["code"], 4002);
    let nobody = Http::new(dev.address(), None);
    assert_eq!(nobody.post("/api/terminal/sessions", body).await?.json()["code"], 4001);
    Ok(())
}

#[tokio::test]
async fn health_and_the_admin_port_agree() -> Result<()> {
    let dev = Dev::start().await?;
    let admin = Http::new(dev.admin(), None);
    for (path, wanted) in
        [("/livez", "ok"), ("/readyz", "true"), ("/healthz", "version"), ("/metrics", "termfleet_")]
    {
        let answer = admin.get(path).await?;
        assert_eq!(answer.status, 200, "{path}");
        assert!(answer.text().contains(wanted), "{path}: {}", answer.text());
    }
    assert!(run(&["health", "--admin", &dev.ready().admin]).await?.status.success());
    assert!(!run(&["health", "--admin", "127.0.0.1:1"]).await?.status.success());
    Ok(())
}

#[tokio::test]
async fn it_has_one_thread_to_serve_unless_it_is_told_otherwise() -> Result<()> {
    const MANY: usize = 64;
    let dev = Dev::start().await?;
    serves(&dev).await?;
    assert!(threads(&dev)? < MANY, "those that read files come and go beside it");

    let home = tempfile::tempdir()?;
    let config = home.path().join("threads.toml");
    std::fs::write(&config, format!("server.threads = {MANY}\n"))?;
    let dev = Builder::default().arg("--config").arg(config.to_str().unwrap()).start().await?;
    serves(&dev).await?;
    assert!(threads(&dev)? >= MANY);
    Ok(())
}

/// A terminal gives an answer.
async fn serves(dev: &Dev) -> Result<()> {
    let session = Http::new(dev.address(), dev.token()).create("default").await?;
    let socket = Socket::canonical(dev.address(), dev.token()).await?;
    let mut terminal = Terminal::attach(socket, &session).await?;
    terminal.type_text("echo it-''serves\n").await?;
    terminal.read_text("it-serves").await
}

fn threads(dev: &Dev) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{}/task", dev.pid().unwrap()))?.count())
}

#[tokio::test]
async fn without_auth_only_this_machines_own_pages_get_in() -> Result<()> {
    let dev = Builder::default().arg("--no-auth").start().await?;
    let address = dev.address();
    assert!(dev.token().is_none());
    let ask = |host: String, origin: Option<&'static str>| async move {
        let mut request = http::Request::get("/api/terminal/projects/default/sessions")
            .header("host", host)
            .header("connection", "close");
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request.body(http_body_util::Full::default())?;
        anyhow::Ok(Http::new(address, None).exchange(request).await?.status.as_u16())
    };
    assert_eq!(ask(address.to_string(), None).await?, 200);
    assert_eq!(ask(address.to_string(), Some("http://127.0.0.1:5173")).await?, 200);
    assert_eq!(ask(address.to_string(), Some("https://evil.example")).await?, 403);
    assert_eq!(ask(address.to_string(), Some("null")).await?, 403);
    assert_eq!(ask("evil.example".into(), None).await?, 421);
    Socket::canonical(address, None).await?;
    assert!(Socket::connect(address, &Connect::path("/nowhere")).await.is_err());
    Ok(())
}
