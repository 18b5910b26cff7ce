//! What a socket costs that is signed in and attached to nothing: growth of the resident memory of the
//! process that holds it.

use anyhow::Result;

use super::{process, target::Target};
use crate::report::{Goal, Row};

/// Sockets that are not counted: the first ones warm the allocator up.
const WARM: usize = 100;
const KEYS: [(&str, usize); 3] =
    [("idle_1000", 1_000), ("idle_5000", 5_000), ("idle_10000", 10_000)];
/// Files that a process has open beside its sockets.
const OTHER_FILES: u64 = 300;

pub(super) async fn measure(open_files: u64) -> Result<Vec<Row>> {
    let mut rows = KEYS.map(|(key, count)| {
        Row::new(key, format!("memory of an idle socket, {count} of them"), "KiB")
            .goal(Goal::AtMost(12.0))
    });
    one(Target::direct().await?, open_files, &mut rows).await?;
    one(Target::dev().await?, open_files, &mut rows).await?;
    one(Target::cluster().await?, open_files, &mut rows).await?;
    Ok(rows.into())
}

async fn one(target: Target, open_files: u64, rows: &mut [Row]) -> Result<()> {
    let (mut open, edge) = (Vec::new(), [target.edge()?]);
    for _ in 0..WARM {
        open.push(target.idle(0).await?);
    }
    let before = process::resident(&edge)?;
    for ((_, count), row) in KEYS.iter().zip(rows) {
        if (count + WARM) as u64 + OTHER_FILES > open_files {
            eprintln!("        left out: {count} sockets, as {open_files} files may be open");
            break;
        }
        while open.len() < count + WARM {
            // All at the first gateway, whose memory it is.
            open.push(target.idle(0).await?);
        }
        let each = process::resident(&edge)?.saturating_sub(before) as f64 / *count as f64;
        row.add(target.side(), each / 1024.0);
    }
    drop(open);
    target.end().await
}
