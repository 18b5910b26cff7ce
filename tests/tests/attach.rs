//! `termfleet attach` on a cluster: in a real terminal, over TLS, through whichever gateway is there.
#![allow(clippy::unwrap_used)]

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};
use termfleet_tests::{
    cluster::{Builder, Cluster},
    http::Http,
    tmux::Terminal,
    wait::until,
};

/// How many numbers are printed while gateways go: less than tmux keeps of what scrolled away.
const NUMBERS: usize = 1_000;

#[tokio::test]
async fn a_terminal_goes_through_tls_and_trusts_what_it_is_told_to() -> Result<()> {
    let cluster = Builder::default().tls().start().await?;
    let nginx = cluster.nginx.as_ref().context("nginx")?;
    let certificate = cluster.home().path().join("ca.pem");
    std::fs::write(&certificate, nginx.certificate()?)?;
    let ann = cluster.user("ann").await?;
    let id = ann.http_at(cluster.gateways[0].address()).create("p").await?;
    let variables = [("TERMFLEET_TOKEN", ann.token())];
    let url = format!("https://localhost:{}", nginx.address().port());

    let trusting = format!("attach {id} --url {url} --ca {}", certificate.display());
    let terminal = Terminal::start(&variables, &trusting).await?;
    terminal.type_line("echo secure-$((40 + 2)); exit 3").await?;
    terminal.shows("secure-42").await?;
    assert_eq!(terminal.code().await?, "3");
    let careful = Terminal::start(&variables, &format!("attach {id} --url {url}")).await?;
    assert_eq!(careful.code().await?, "1");
    assert!(careful.screen().await?.contains("--ca FILE"), "it says what to do");
    cluster.end().await
}

/// A terminal at a session, with all gateways to choose from, and the numbers in it.
async fn counting(cluster: &Cluster) -> Result<Terminal> {
    let ann = cluster.user("ann").await?;
    let id = ann.http_at(cluster.gateways[0].address()).create("p").await?;
    let urls: Vec<_> = cluster.gateways.iter().map(|g| format!("http://{}", g.address())).collect();
    let variables = [("TERMFLEET_TOKEN", ann.token())];
    let attach = format!("attach {id} --url {}", urls.join(","));
    let terminal = Terminal::start(&variables, &attach).await?;
    terminal.type_line("PS1='> '; clear; echo ready-$((40 + 2))").await?;
    terminal.shows("ready-42").await?;
    let count = format!(
        "for n in $(seq {NUMBERS}); do echo n$n; sleep 0.002; done; read -r x; echo \"got $x.\""
    );
    terminal.type_line(&count).await?;
    until("it counts", || async { terminal.screen().await.ok()?.contains("\nn").then_some(()) })
        .await?;
    Ok(terminal)
}

/// Every number was shown once, in its order, and what is typed arrives.
async fn whole(terminal: &Terminal) -> Result<()> {
    terminal.shows(&format!("n{NUMBERS}")).await?;
    terminal.type_line("typed").await?;
    terminal.shows("got typed.").await?;
    let shown = terminal.tmux(&["capture-pane", "-p", "-S", "-"]).await?;
    // Acknowledging line after line was once more than a socket may say.
    assert!(!shown.contains("too many messages"), "{shown}");
    let numbers: Vec<usize> =
        shown.lines().filter_map(|line| line.trim_end().strip_prefix('n')?.parse().ok()).collect();
    assert!(numbers.iter().copied().eq(1..=NUMBERS), "a line was lost or doubled: {shown}");
    Ok(())
}

#[tokio::test]
async fn gateways_die_and_the_terminal_goes_on_at_the_next() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let terminal = counting(&cluster).await?;
    // It prefers the first that answers.
    cluster.gateways[0].kill().await?;
    until("it is at the second", || async { sockets(&cluster, 1).await.filter(|n| *n == 1) })
        .await?;
    cluster.gateways[1].kill().await?;
    whole(&terminal).await?;
    drop(terminal);
    cluster.end().await
}

#[tokio::test]
async fn a_gateway_that_drains_is_left_before_it_goes() -> Result<()> {
    let mut cluster = Cluster::start().await?;
    let terminal = counting(&cluster).await?;
    for leaving in 0..2 {
        until("it is there", || async { sockets(&cluster, leaving).await.filter(|n| *n == 1) })
            .await?;
        cluster.gateways[leaving].stop().await?;
    }
    whole(&terminal).await?;
    drop(terminal);
    cluster.end().await
}

/// The WebSockets that a gateway has.
async fn sockets(cluster: &Cluster, gateway: usize) -> Option<usize> {
    let admin = Http::new(cluster.gateways[gateway].admin(), None);
    let metrics = admin.get("/metrics").await.ok()?.text();
    let line =
        metrics.lines().find(|line| line.starts_with("terminal_websocket_connections_active"))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[tokio::test]
async fn a_signal_ends_it_and_the_terminal_is_as_it_was() -> Result<()> {
    let cluster = Builder::default().gateways(1).workers(1).without_nginx().start().await?;
    let ann = cluster.user("ann").await?;
    let gateway = cluster.gateways[0].address();
    let id = ann.http_at(gateway).create("p").await?;
    let variables = [("TERMFLEET_TOKEN", ann.token())];
    for (signal, code) in [(Signal::TERM, "143"), (Signal::HUP, "129"), (Signal::INT, "130")] {
        let attach = format!("attach {id} --url http://{gateway}");
        let terminal = Terminal::start(&variables, &attach).await?;
        // Another screen, a hidden cursor: what a program leaves behind when its client goes.
        terminal.type_line("printf '\\033[?1049h\\033[?25l'; echo on-$((40 + 2))").await?;
        terminal.shows("on-42").await?;
        let process = Pid::from_raw(i32::try_from(terminal.pid().await?)?).context("a process")?;
        kill_process(process, signal)?;
        assert_eq!(terminal.code().await?, code);
        terminal.is_restored().await?;
        let state = terminal.tmux(&["display", "-p", "#{alternate_on}#{cursor_flag}"]).await?;
        assert_eq!(state.trim(), "01", "its own screen, with a cursor");
    }
    let record = ann.http().get(&format!("/api/terminal/sessions/{id}")).await?.json();
    assert_eq!(record["session"]["status"], "active", "the session goes on");
    cluster.end().await
}
