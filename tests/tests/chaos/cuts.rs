//! The connection between a client and its gateway is cut at every byte of handshake, attach, input,
//! acknowledgements and resume, in both directions.

use anyhow::Result;
use futures_util::future::try_join_all;
use termfleet_tests::{
    chaos::{Chaos, Fault, Way, Weather},
    client::{Memory, Socket, Terminal},
    dev::Builder,
    http::Http,
};

use crate::probe::{Probe, is_a_break};

/// Clients that share the bytes to cut at.
const CLIENTS: u64 = 4;
const LIMITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../loadtest/limits.toml");

async fn probe_through(dev: &termfleet_tests::dev::Dev, number: u64) -> Result<(Chaos, Probe)> {
    let session = Http::new(dev.address(), None).create("chaos").await?;
    let chaos = Chaos::before(dev.address()).await?;
    let journal = dev.work().join(format!("journal-{number}"));
    let probe = Probe::start(chaos.address(), None, &session, journal).await?;
    Ok((chaos, probe))
}

#[tokio::test]
async fn a_resume_may_break_at_any_byte() -> Result<()> {
    let dev = Builder::default().arg("--no-auth").arg("--config").arg(LIMITS).start().await?;
    // How much a resume with a key and its echo carries when nothing breaks.
    let (chaos, mut probe) = probe_through(&dev, CLIENTS).await?;
    probe.type_bytes(b"k");
    probe.finish(chaos.address()).await?;
    let [up, down] = chaos.passed();
    assert!(up > 400 && down > 600, "{up} {down}: that is no handshake");
    let cut = |number: u64| {
        let dev = &dev;
        async move {
            let (chaos, mut probe) = probe_through(dev, number).await?;
            // A little more than it takes: offsets grow.
            let cuts = (0..up + 16)
                .map(|at| (Way::Up, at))
                .chain((0..down + 16).map(|at| (Way::Down, at)));
            for (way, at) in cuts.filter(|(_, at)| at % CLIENTS == number) {
                chaos.set(Weather { fault: Some((Fault::Cut, way, at)), ..Weather::default() });
                probe.type_bytes(b"k");
                match probe.connect(chaos.address()).await {
                    Err(error) if !is_a_break(&error) => return Err(error),
                    _ => {}
                }
                chaos.set(Weather::default());
                probe.finish(chaos.address()).await?;
            }
            probe.check()
        }
    };
    try_join_all((0..CLIENTS).map(cut)).await?;
    Ok(())
}

#[tokio::test]
async fn a_first_attach_may_break_at_any_byte() -> Result<()> {
    let dev = Builder::default().arg("--no-auth").arg("--config").arg(LIMITS).start().await?;
    let session = Http::new(dev.address(), None).create("chaos").await?;
    let chaos = Chaos::before(dev.address()).await?;
    let mut page = Memory::new(&session);
    // As a page that is loaded again: the same client, with nothing on its screen.
    let mut attach = || {
        page.attempt += 1;
        let (page, address) = (page.clone(), chaos.address());
        async move { Terminal::resume(Socket::canonical(address, None).await?, page).await }
    };
    let mut clean = attach().await?;
    clean.type_text("PS1=; echo he''re\n").await?;
    clean.read_text("here").await?;
    drop(clean);
    let mut clean = attach().await?;
    clean.type_text("\n").await?;
    clean.read_written().await?;
    let [up, down] = chaos.passed();
    drop(clean);
    for (way, bytes) in [(Way::Up, up), (Way::Down, down)] {
        for at in 0..bytes {
            chaos.set(Weather { fault: Some((Fault::Cut, way, at)), ..Weather::default() });
            let broken = async {
                let mut terminal = attach().await?;
                terminal.type_text("\n").await?;
                terminal.read_written().await
            };
            if let Err(error) = broken.await {
                assert!(is_a_break(&error), "{way:?} at {at}: {error:#}");
            }
        }
    }
    // It still has the same shell, and the seat.
    chaos.set(Weather::default());
    let mut terminal = attach().await?;
    terminal.type_text("echo still-''here\n").await?;
    terminal.read_text("still-here").await
}
