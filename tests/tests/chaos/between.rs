//! The same between a gateway and its worker: the client's own connection stays, its channel is
//! replaced, and it sends again what was not acknowledged.

use std::time::Duration;

use anyhow::{Context, Result};
use termfleet_tests::{
    chaos::{Chaos, Fault, Weather},
    cluster::Builder,
};

use crate::{
    probe::Probe,
    weather::{Chance, seeds},
};

/// A link is found again within a second, and one that vanished is noticed after two to four.
const RUNS: u64 = 24;
/// How many links in a row may vanish: what is typed comes through within the common deadline.
const MOST_VANISHED: u64 = 2;
/// The client's own connection does not break: whatever comes, comes.
const PATIENCE: Duration = Duration::from_secs(15);
/// Within how many bytes of a link something goes wrong.
const WITHIN: u64 = 20_000;

#[tokio::test]
async fn links_between_gateway_and_worker_may_break_at_any_byte() -> Result<()> {
    let chaos = Chaos::start().await?;
    let advertise = format!("advertise = \"{}\"\n", chaos.address());
    let builder = Builder::default().workers(1).gateways(1).without_nginx();
    let limits = "[limits]\ninput_messages_per_second = 1000000\nhandshakes_per_minute = 1000000\n";
    let builder = builder.worker_config(&advertise).gateway_config(limits);
    let cluster = builder.start().await?;
    chaos.lead_to(cluster.workers[0].address());
    let user = cluster.user("ann").await?;
    let session = user.http().create("chaos").await?;
    let journal = cluster.home().path().join("journal");
    let front = cluster.address();
    let mut probe = Probe::start(front, Some(user.token()), &session, journal).await?;
    probe.patience = PATIENCE;
    for seed in seeds(RUNS) {
        let mut chance = Chance::new(seed);
        // What stands is reset; on what comes in its place something goes wrong later.
        let weather = chance.weather(WITHIN);
        let vanishes = matches!(weather.fault, Some((Fault::Vanish, ..)));
        let most = if vanishes { MOST_VANISHED } else { 6 };
        chaos.set_for(weather, 1 + chance.below(most) as usize);
        chaos.cut();
        for _ in 0..3 {
            probe.type_bytes(&chance.bytes(8_000));
            probe.finish(front).await.with_context(|| format!("seed {seed}"))?;
        }
        chaos.set(Weather::default());
        chaos.cut();
        probe.finish(front).await.with_context(|| format!("seed {seed}"))?;
        probe.check().with_context(|| format!("seed {seed}"))?;
    }
    cluster.end().await
}
