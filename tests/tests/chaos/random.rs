//! A thousand runs of chance between clients and their gateway, each told by its seed.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use termfleet_tests::{
    chaos::{Chaos, Weather},
    dev::Builder,
    http::Http,
};

use crate::{
    probe::{Probe, is_a_break},
    weather::{Chance, seeds},
};

const RUNS: u64 = 1_000;
/// Sessions that run at the same time.
const SESSIONS: usize = 8;
/// Within how many bytes of a connection something goes wrong.
const WITHIN: u64 = 6_000;
const LIMITS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../loadtest/limits.toml");

#[tokio::test]
async fn a_thousand_runs_lose_nothing_and_double_nothing() -> Result<()> {
    let dev = Builder::default().arg("--no-auth").arg("--config").arg(LIMITS).start().await?;
    let seeds = seeds(RUNS);
    let one = |number: usize| {
        let (dev, seeds) = (&dev, &seeds);
        async move {
            let session = Http::new(dev.address(), None).create("chaos").await?;
            let chaos = Chaos::before(dev.address()).await?;
            let journal = dev.work().join(format!("journal-{number}"));
            let mut probe = Probe::start(chaos.address(), None, &session, journal).await?;
            for seed in seeds.iter().skip(number).step_by(SESSIONS) {
                run(&chaos, &mut probe, *seed).await.with_context(|| format!("seed {seed}"))?;
            }
            anyhow::Ok(probe.resumes)
        }
    };
    let resumes: usize = try_join_all((0..SESSIONS).map(one)).await?.into_iter().sum();
    eprintln!("{} runs, {resumes} resumes", seeds.len());
    Ok(())
}

/// Up to three connections that break, then one that does not.
async fn run(chaos: &Chaos, probe: &mut Probe, seed: u64) -> Result<()> {
    let mut chance = Chance::new(seed);
    for _ in 0..=chance.below(3) {
        probe.type_bytes(&chance.bytes(1_500));
        chaos.set(chance.weather(WITHIN));
        match probe.connect(chaos.address()).await {
            Err(error) if !is_a_break(&error) => return Err(error),
            _ => {}
        }
    }
    chaos.set(Weather::default());
    probe.finish(chaos.address()).await?;
    probe.check()
}
