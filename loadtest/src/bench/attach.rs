//! A client that comes after a long history: how many bytes its snapshot has, and how long until it is there.

use anyhow::Result;
use tokio::time::Instant;

use super::{
    MILLIS, flood, order,
    program::{self, Files},
    quantile,
    target::Target,
    wire::SIZE,
};
use crate::report::{Goal, Row};

/// Files that were printed before.
const TIMES: u64 = 2;
/// Clients of a round.
const CLIENTS: usize = 10;

pub(super) async fn measure(
    targets: &mut [Target],
    rounds: u32,
    files: &Files,
) -> Result<Vec<Row>> {
    let mut size = Row::new("attach_bytes", "attach after a long history, bytes", "KiB")
        .goal(Goal::AtMost(64.0));
    let mut time =
        Row::new("attach_p99", "attach after a long history, p99", "ms").goal(Goal::AtMost(150.0));
    let mut sessions = Vec::new();
    for target in &mut *targets {
        if target.is_floor() {
            sessions.push(None);
            continue;
        }
        let mut wire = target.idle(0).await?;
        let session = target.seat(&mut wire).await?;
        program::start(&mut wire, &program::printer(files)).await?;
        flood::print(&mut wire, &files.coloured(), TIMES).await?;
        // It stays attached: the driver's size holds.
        sessions.push(Some((session, wire)));
    }
    for round in 0..rounds {
        for index in order(round, targets.len()) {
            let (target, Some((session, _))) = (&targets[index], &sessions[index]) else {
                continue;
            };
            let (mut most, mut times) = (0, Vec::new());
            for number in 0..CLIENTS {
                let mut wire = target.idle(number).await?;
                let begun = Instant::now();
                most = most.max(wire.snapshot(session, SIZE).await?.len());
                times.push(u64::try_from(begun.elapsed().as_nanos())?);
            }
            size.add(target.side(), most as f64 / 1024.0);
            time.add(target.side(), quantile(&times, 0.99, MILLIS)?);
        }
    }
    Ok(vec![size, time])
}
