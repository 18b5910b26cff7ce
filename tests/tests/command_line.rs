//! `termfleet ls`, `new`, `kill` and `attach` against a real `dev`; `attach` in a real terminal, which
//! tmux holds.
#![allow(clippy::unwrap_used)]

use std::process::{Output, Stdio};

use anyhow::Result;
use termfleet_tests::{
    dev::{Builder, Dev, binary},
    tmux::Terminal,
    wait::{until, within},
};
use tokio::{io::AsyncWriteExt, process::Command};

/// Runs `termfleet` as the user of this `dev`.
fn command(dev: &Dev, arguments: &[&str]) -> Result<Command> {
    let mut command = Command::new(binary()?);
    command
        .args(arguments)
        .env("TERMFLEET_STATE_DIR", dev.state())
        .env_remove("TERMFLEET_URL")
        .env_remove("TERMFLEET_TOKEN")
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

async fn run(dev: &Dev, arguments: &[&str]) -> Result<Output> {
    let mut command = command(dev, arguments)?;
    within(&format!("termfleet {arguments:?} ends"), async { Ok(command.output().await?) }).await
}

fn printed(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// A terminal in which a command of this `dev`'s user runs.
async fn terminal(dev: &Dev, arguments: &str) -> Result<Terminal> {
    let state = dev.state().display().to_string();
    Terminal::start(&[("TERMFLEET_STATE_DIR", &state)], arguments).await
}

#[tokio::test]
async fn sessions_are_made_listed_and_ended() -> Result<()> {
    let dev = Dev::start().await?;
    let made =
        run(&dev, &["new", "--name", "build", "--alias", "b1", "--shell", "/bin/sh"]).await?;
    assert!(made.status.success(), "{}", said(&made));
    let id = printed(&made);
    let table = printed(&run(&dev, &["ls"]).await?);
    assert!(table.starts_with("SESSION"), "{table}");
    assert!(table.contains("b1") && table.contains("build") && table.contains("80x24"), "{table}");
    let lines = printed(&run(&dev, &["ls", "--project", "default", "--json"]).await?);
    let session: serde_json::Value = serde_json::from_str(&lines)?;
    assert_eq!(session["id"], id.as_str());
    // Where its shell is, as soon as that says that it has moved.
    let moved = terminal(&dev, "attach b1").await?;
    moved.type_line("cd /usr/bin; printf '\\033]7;file://here/usr/bin\\007'").await?;
    until("its directory is listed", || async {
        printed(&run(&dev, &["ls"]).await.ok()?).contains("/usr/bin").then_some(())
    })
    .await?;
    drop(moved);
    let ended = run(&dev, &["kill", "b1", "nobody"]).await?;
    assert_eq!(ended.status.code(), Some(1));
    assert_eq!(printed(&ended), "b1");
    assert!(said(&ended).contains("nobody: there is no such session"), "{}", said(&ended));
    Ok(())
}

#[tokio::test]
async fn what_is_wrong_is_told_with_what_to_do() -> Result<()> {
    let dev = Dev::start().await?;
    let url = format!("http://{}", dev.address());
    for (arguments, hint) in [
        (&["ls", "--url", "http://127.0.0.1:1"][..], "--url"),
        (&["attach", "x", "--url", "http://127.0.0.1:1"], "--url"),
        (&["ls", "--url", &url, "--token", "wrong"], "termfleet token"),
        (&["attach", "x", "--url", &url, "--token", "wrong"], "termfleet token"),
        (&["attach", "nobody"], "termfleet ls"),
        (&["ls", "--url", "example"], "http://HOST:4001"),
        (&["ls", "--token-file", "/nowhere"], "/nowhere cannot be read"),
    ] {
        let output = run(&dev, arguments).await?;
        assert!(!output.status.success(), "{arguments:?}");
        assert!(said(&output).contains(hint), "{arguments:?}: {}", said(&output));
    }
    let both = format!("http://127.0.0.1:1,{}", dev.ready().url);
    assert!(run(&dev, &["ls", "--url", &both]).await?.status.success(), "the next one is tried");
    Ok(())
}

#[tokio::test]
async fn a_script_attaches_and_gets_the_shells_exit_code() -> Result<()> {
    let dev = Dev::start().await?;
    let id = printed(&run(&dev, &["new", "--shell", "/bin/sh"]).await?);
    let mut attach = command(&dev, &["attach", &id])?;
    let mut process = attach.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let mut input = process.stdin.take().unwrap();
    input.write_all(b"echo a$((1 + 1))b; exit 7\n").await?;
    drop(input);
    let output = within("attach ends", async { Ok(process.wait_with_output().await?) }).await?;
    assert_eq!(output.status.code(), Some(7));
    assert!(printed(&output).contains("a2b"), "{}", printed(&output));
    Ok(())
}

#[tokio::test]
async fn a_terminal_is_the_sessions_until_it_is_detached() -> Result<()> {
    let dev = Dev::start().await?;
    let id = printed(&run(&dev, &["new", "--shell", "/bin/sh"]).await?);
    let terminal = terminal(&dev, &format!("attach {id}")).await?;
    terminal.type_line("stty size; echo r$((40 + 2))").await?;
    terminal.shows("r42").await?;
    terminal.shows("30 100").await?;
    terminal.tmux(&["resize-window", "-x", "90", "-y", "20"]).await?;
    until("the session has the new size", || async {
        let listed = run(&dev, &["ls"]).await.ok()?;
        printed(&listed).contains("90x20").then_some(())
    })
    .await?;
    terminal.type_line("~~").await?;
    terminal.type_line("~.").await?;
    assert_eq!(terminal.code().await?, "0");
    // The terminal is as it was: lines are edited and echoed again.
    terminal.is_restored().await?;
    assert!(printed(&run(&dev, &["ls"]).await?).contains("active"), "the session goes on");
    Ok(())
}

#[tokio::test]
async fn a_crash_of_the_server_is_gone_through_with_the_same_shell() -> Result<()> {
    // The next one must listen where the first did, so port 0 will not do.
    let free = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let mut dev = Builder::default().listen(&[&free]).start().await?;
    let id = printed(&run(&dev, &["new", "--shell", "/bin/sh"]).await?);
    let terminal = terminal(&dev, &format!("attach {id}")).await?;
    terminal.type_line("mark=s$((20 + 1)); echo $mark").await?;
    terminal.shows("s21").await?;
    dev.kill().await?;
    dev.start_again().await?;
    terminal.type_line("echo again $mark").await?;
    terminal.shows("again s21").await?;
    terminal.type_line("exit 5").await?;
    assert_eq!(terminal.code().await?, "5");
    Ok(())
}
