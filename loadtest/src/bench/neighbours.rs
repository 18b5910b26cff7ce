//! What a flood does to the quiet sessions beside it: eleven are typed in, the twelfth prints without
//! pause. The product has all twelve on one socket; a floor has a socket for each.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use tokio::time::{Instant, timeout};

use super::{
    MICROS,
    echo::{typed, typist},
    order,
    program::{self, Files},
    quantile,
    target::Target,
    wire::{self, Wire},
};
use crate::report::{Goal, Row};

const QUIET: usize = 11;
const ROUND: Duration = Duration::from_millis(1_500);
/// More files than can be printed in a round, before the printer is told to stop.
const TIMES: u64 = 1_000_000;
/// A flood that has printed so much is under way.
const FLOODING: u64 = 1 << 20;
/// A flood that has been silent for so long is over.
const SILENCE: Duration = Duration::from_millis(300);

/// Twelve terminals.
enum Twelve {
    /// On one socket, the flooding one last.
    Shared(Box<Wire>),
    /// Eleven quiet sockets, and one.
    Apart(Vec<Wire>, Box<Wire>),
}

pub(super) async fn measure(
    targets: &mut [Target],
    rounds: u32,
    files: &Files,
) -> Result<Vec<Row>> {
    let mut all: Vec<Twelve> = Vec::new();
    for target in &mut *targets {
        all.push(twelve(target, files).await?);
    }
    let mut idle = Row::new("neighbours_idle", "11 quiet sessions' echo, p99", "µs");
    let mut beside = Row::new("neighbours_flood", "the same beside a flood, p99", "µs");
    let mut ratio =
        Row::new("neighbours", "beside a flood / alone", "×").deciding(Goal::AtMost(1.5));
    for round in 0..rounds {
        for index in order(round, targets.len()) {
            for twelve in &mut all {
                twelve.breathe().await?;
            }
            let (side, twelve) = (targets[index].side(), &mut all[index]);
            let alone = quantile(&twelve.typed().await?, 0.99, MICROS)?;
            let flooded = quantile(&twelve.flooded(files).await?, 0.99, MICROS)?;
            idle.add(side, alone);
            beside.add(side, flooded);
            ratio.add(side, flooded / alone);
        }
    }
    Ok(vec![idle, beside, ratio])
}

async fn twelve(target: &mut Target, files: &Files) -> Result<Twelve> {
    let printer = program::printer(files);
    if target.is_floor() {
        let quiet = program::sockets(target, QUIET, &program::cat()).await?;
        let flood = program::sockets(target, 1, &printer).await?.pop().context("one")?;
        return Ok(Twelve::Apart(quiet, Box::new(flood)));
    }
    let mut wire = target.idle(0).await?;
    for _ in 0..QUIET {
        target.seat(&mut wire).await?;
    }
    program::start(&mut wire, &program::cat()).await?;
    target.seat(&mut wire).await?;
    wire.type_bytes(QUIET, printer.as_bytes()).await?;
    wire.read_word(QUIET, program::READY).await?;
    Ok(Twelve::Shared(Box::new(wire)))
}

impl Twelve {
    async fn breathe(&mut self) -> Result<()> {
        match self {
            Self::Shared(wire) => wire.breathe().await,
            Self::Apart(quiet, flood) => {
                wire::breathe(quiet.iter_mut().chain([&mut **flood])).await
            }
        }
    }

    /// How long the echoes of the quiet ones take.
    async fn typed(&mut self) -> Result<Vec<u64>> {
        match self {
            Self::Shared(wire) => {
                let begun = Instant::now();
                typist(wire, QUIET, begun, begun + ROUND).await
            }
            Self::Apart(quiet, _) => typed(quiet, ROUND).await,
        }
    }

    /// The same while the last one prints.
    async fn flooded(&mut self, files: &Files) -> Result<Vec<u64>> {
        let line = format!("{} {TIMES}\n", files.plain().display());
        let (wire, seat) = match self {
            Self::Shared(wire) => (wire, QUIET),
            Self::Apart(_, flood) => (flood, 0),
        };
        wire.type_bytes(seat, line.as_bytes()).await?;
        wire.printed_to(seat, wire.came(seat) + FLOODING).await?;
        let times = match self {
            Self::Shared(_) => self.typed().await?,
            Self::Apart(quiet, flood) => tokio::select! {
                times = typed(quiet, ROUND) => times?,
                ended = read_on(flood) => anyhow::bail!("the flood ended: {ended:?}"),
            },
        };
        fs::write(files.stop(), "")?;
        let (Self::Shared(wire) | Self::Apart(_, wire)) = self;
        while let Ok(printed) = timeout(SILENCE, wire.printed()).await {
            printed?;
        }
        fs::remove_file(files.stop())?;
        Ok(times)
    }
}

/// Reads a socket for ever.
async fn read_on(wire: &mut Wire) -> Result<()> {
    loop {
        wire.printed().await?;
    }
}
