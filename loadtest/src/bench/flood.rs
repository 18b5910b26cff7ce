//! How much output passes, and what it costs: a file through `cat`, as often as makes a round, to
//! clients that read as fast as they can.

use std::path::Path;

use anyhow::Result;
use futures_util::future::try_join_all;
use tokio::time::Instant;

use super::{
    order, process,
    program::{self, FILE_BYTES, Files},
    target::Target,
    wire::{self, Wire},
};
use crate::report::{Goal, Row};

/// Sessions that flood at once.
const SESSIONS: usize = 8;
/// Files of a round of one session.
const TIMES: u64 = 4;

pub(super) async fn measure(
    targets: &mut [Target],
    rounds: u32,
    files: &Files,
) -> Result<Vec<Row>> {
    let mut sockets: Vec<Vec<Wire>> = Vec::new();
    for target in &mut *targets {
        sockets.push(program::sockets(target, SESSIONS, &program::printer(files)).await?);
    }
    let speed = |key, what: &str| {
        Row::new(key, format!("flood, {what}"), "MB/s").goal(Goal::HopAtLeast(0.95))
    };
    let cost = |key, what: &str| {
        let name = format!("server CPU per GB of flood, {what}");
        Row::new(key, name, "s").goal(Goal::HopAtMost(1.6))
    };
    let mut speeds = [
        speed("flood_plain_1", "plain, 1 session"),
        speed("flood_coloured_1", "coloured, 1 session"),
        speed("flood_plain_8", "plain, 8 sessions"),
        speed("flood_coloured_8", "coloured, 8 sessions"),
    ];
    let mut costs = [cost("cpu_per_gb_plain", "plain"), cost("cpu_per_gb_coloured", "coloured")];
    for round in 0..rounds {
        for index in order(round, targets.len()) {
            wire::breathe(sockets.iter_mut().flatten()).await?;
            let (target, wires) = (&targets[index], &mut sockets[index]);
            let servers = target.servers()?;
            for (row, file) in [files.plain(), files.coloured()].iter().enumerate() {
                let before = process::processor(&servers)?;
                speeds[row].add(target.side(), flood(&mut wires[..1], file, TIMES).await?);
                let used = process::processor(&servers)?.saturating_sub(before);
                let gigabytes = (TIMES * FILE_BYTES) as f64 / 1e9;
                costs[row].add(target.side(), used.as_secs_f64() / gigabytes);
                speeds[row + 2].add(target.side(), flood(wires, file, 1).await?);
            }
        }
    }
    Ok(speeds.into_iter().chain(costs).collect())
}

/// Every session prints the file so often; MB/s of all of them.
async fn flood(wires: &mut [Wire], file: &Path, times: u64) -> Result<f64> {
    let (bytes, begun) = (FILE_BYTES * times * wires.len() as u64, Instant::now());
    let floods = wires.iter_mut().map(|wire| print(wire, file, times));
    try_join_all(floods).await?;
    Ok(bytes as f64 / 1e6 / begun.elapsed().as_secs_f64())
}

/// Has the printer in a socket's first terminal print a file so often.
pub(super) async fn print(wire: &mut Wire, file: &Path, times: u64) -> Result<()> {
    let end = wire.came(0) + FILE_BYTES * times;
    let line = format!("{} {times}\n", file.display());
    wire.type_bytes(0, line.as_bytes()).await?;
    wire.printed_to(0, end).await
}
