//! `make cluster`, which is `deploy/cluster/run.sh`: one command up, one command down, nothing left.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, path::PathBuf, process::Output};

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use termfleet_tests::{
    client::{Socket, Terminal},
    dev::{binary, is_alive, signal},
    home::Home,
    http::Http,
    ports,
    process::Process,
    wait::{until, within},
};
use tokio::process::Command;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/cluster/run.sh");

/// Where one cluster lives.
struct Place {
    home: Home,
    base: u16,
}

impl Place {
    fn new() -> Result<Self> {
        // The ports above are its own too; what else takes them is told by the script.
        Ok(Self { home: Home::new()?, base: ports::free_range(50)? })
    }

    fn state(&self) -> PathBuf {
        self.home.path().join("c")
    }

    fn script(&self, word: &str) -> Result<Command> {
        let mut command = Command::new(SCRIPT);
        command
            .arg(word)
            .env("TERMFLEET_BIN", binary()?)
            .env("CLUSTER_STATE", self.state())
            .env("PORT_BASE", self.base.to_string())
            .env("HOME", self.home.path())
            .kill_on_drop(true);
        Ok(command)
    }

    async fn run(&self, word: &str) -> Result<Output> {
        let mut command = self.script(word)?;
        within(&format!("run.sh {word}"), async { Ok(command.output().await?) }).await
    }

    /// Starts it; its process, where it is, and a token.
    async fn start(&self) -> Result<(Process, SocketAddr, String)> {
        let log = self.home.path().join("said");
        let process = Process::start("make cluster", self.script("start")?, &log)?;
        let line = until("the URL", || async {
            process.logged().lines().find(|line| line.contains("http://")).map(str::to_owned)
        });
        let line = line.await.with_context(|| process.logged())?;
        let (url, token) = line.trim().split_once("/#token=").context("a token")?;
        Ok((process, url.trim_start_matches("http://").parse()?, token.to_owned()))
    }

    fn pid_of(&self, name: &str) -> Result<u32> {
        Ok(std::fs::read_to_string(self.state().join("pids").join(name))?.trim().parse()?)
    }

    /// Waits until no process of it is left.
    async fn is_empty(&self) -> Result<()> {
        until("nothing is left", || async { self.home.processes().is_empty().then_some(()) })
            .await
            .with_context(|| format!("{:?}", self.home.processes()))
    }
}

#[tokio::test]
async fn one_command_gives_a_cluster_and_another_one_ends_all_of_it() -> Result<()> {
    let place = Place::new()?;
    let (mut process, address, token) = place.start().await?;
    assert_eq!(address.port(), place.base);
    let id = Http::new(address, Some(&token)).create("default").await?;
    let mut terminal =
        Terminal::attach(Socket::canonical(address, Some(&token)).await?, &id).await?;
    terminal.type_text("x=kept; echo up-$((40 + 2))\n").await?;
    terminal.read_text("up-42").await?;

    // A second one is told what is in its way, and disturbs nothing.
    let second = place.run("start").await?;
    let said = String::from_utf8_lossy(&second.stderr).into_owned();
    assert!(!second.status.success());
    assert!(said.contains(&address.to_string()) && said.contains("in use"), "{said}");
    assert!(said.contains("cluster-stop") && said.contains("PORT_BASE"), "{said}");

    // What crashes comes back, and the shells with it.
    let workers = [place.pid_of("worker-1")?, place.pid_of("worker-2")?];
    for pid in workers {
        signal(pid, Signal::KILL)?;
    }
    until("the workers are back", || async {
        let now = [place.pid_of("worker-1").ok()?, place.pid_of("worker-2").ok()?];
        (now != workers && now[0] != workers[0] && now[1] != workers[1]).then_some(())
    })
    .await?;
    // The gateway finds its way back to the session, which has another channel then.
    let channel = terminal.channel();
    while terminal.channel() == channel {
        terminal.step().await?;
    }
    terminal.type_text("echo still-$x\n").await?;
    terminal.read_text("still-kept").await?;
    drop(terminal);

    let stopped = place.run("stop").await?;
    ensure!(stopped.status.success(), "{}", String::from_utf8_lossy(&stopped.stderr));
    assert!(process.ended().await?.success(), "{}", process.logged());
    place.is_empty().await?;
    let again = place.run("stop").await?;
    let said = String::from_utf8_lossy(&again.stdout).into_owned();
    assert!(again.status.success() && said.contains("no cluster runs"), "{said}");
    Ok(())
}

#[tokio::test]
async fn ctrl_c_ends_everything_and_a_killed_supervisor_leaves_it_to_stop() -> Result<()> {
    let place = Place::new()?;
    let (process, ..) = place.start().await?;
    assert!(process.stop(Signal::INT).await?.success());
    place.is_empty().await?;

    let (process, ..) = place.start().await?;
    let gateway = place.pid_of("gateway-1")?;
    process.kill().await?;
    assert!(is_alive(gateway));
    assert!(place.run("stop").await?.status.success());
    place.is_empty().await
}
