//! Keystroke to echo: keys through `cat` on a raw terminal, there and back. One session types as soon
//! as it sees the echo; of many each types ten keys a second; at saturation all type as fast as they
//! see.

use std::{collections::VecDeque, time::Duration};

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    MICROS, order, process, program, quantile,
    target::Target,
    wire::{self, Wire},
};
use crate::report::{Goal, Row, Side};

/// Keys of one round of one session: enough for a p99 of ten samples.
const KEYS: usize = 1_000;
/// Sessions of the largest round.
const SESSIONS: usize = 200;
/// And of the middle one.
const FEWER: usize = 50;
/// How often a session's user presses a key: a fast typist.
pub(super) const KEY_EVERY: Duration = Duration::from_millis(100);
/// How long a round of many sessions lasts.
const ROUND: Duration = Duration::from_millis(2_000);
/// How long a round at saturation lasts.
const SATURATED: Duration = Duration::from_secs(1);
/// What the last echoes of a round may take.
const LATE: Duration = Duration::from_secs(20);

struct Rows {
    one: [Row; 2],
    fewer: [Row; 2],
    many: [Row; 2],
    cpu: Row,
    saturated: Row,
    nginx: [Row; 2],
}

impl Rows {
    fn new() -> Self {
        let pair = |p50, p99, what: &str| {
            let name = |quantile| format!("keystroke echo, {what}, {quantile}");
            [Row::new(p50, name("p50"), "µs"), Row::new(p99, name("p99"), "µs")]
        };
        let judged = |[p50, p99]: [Row; 2]| {
            [p50.deciding(Goal::HopAtMost(1.25)), p99.deciding(Goal::HopAtMost(1.4))]
        };
        Self {
            one: judged(pair("echo_1_p50", "echo_1_p99", "1 session")),
            fewer: judged(pair("echo_50_p50", "echo_50_p99", "50 sessions")),
            many: judged(pair("echo_200_p50", "echo_200_p99", "200 sessions")),
            cpu: Row::new("cpu_per_key", "server CPU per key, 200 sessions", "µs")
                .deciding(Goal::HopAtMost(0.8)),
            saturated: Row::new("round_trips", "round trips at saturation, 200 sessions", "1/s")
                .goal(Goal::HopAtLeast(1.5)),
            nginx: pair("echo_nginx_p50", "echo_nginx_p99", "1 session, through nginx"),
        }
    }

    fn all(self) -> Vec<Row> {
        let Self { one, fewer, many, cpu, saturated, nginx } = self;
        let mut rows: Vec<_> = one.into_iter().chain(fewer).chain(many).collect();
        rows.extend([cpu, saturated]);
        rows.extend(nginx);
        rows
    }
}

pub(super) async fn measure(
    targets: &mut [Target],
    rounds: u32,
    say: impl Fn(&str),
) -> Result<Vec<Row>> {
    let mut sockets: Vec<Vec<Wire>> = Vec::new();
    for target in &mut *targets {
        sockets.push(program::sockets(target, SESSIONS, &program::cat()).await?);
        wire::breathe(sockets.iter_mut().flatten()).await?;
        say(&format!("{SESSIONS} sessions stand ({})", target.side().name()));
    }
    let mut rows = Rows::new();
    for round in 0..rounds {
        say(&format!("echo, round {}", round + 1));
        for index in order(round, targets.len()) {
            wire::breathe(sockets.iter_mut().flatten()).await?;
            let (target, wires) = (&targets[index], &mut sockets[index]);
            let side = target.side();
            note(&mut rows.one, side, &pressed(&mut wires[0]).await?)?;
            note(&mut rows.fewer, side, &typed(&mut wires[..FEWER], ROUND).await?)?;

            let servers = target.servers()?;
            let before = process::processor(&servers)?;
            let times = typed(wires, ROUND).await?;
            let used = process::processor(&servers)?.saturating_sub(before);
            note(&mut rows.many, side, &times)?;
            rows.cpu.add(side, used.as_secs_f64() * 1e6 / times.len() as f64);

            let echoes = saturated(wires).await?;
            rows.saturated.add(side, echoes as f64 / SATURATED.as_secs_f64());
        }
    }
    through_nginx(targets, rounds, &mut rows.nginx).await?;
    Ok(rows.all())
}

fn note([p50, p99]: &mut [Row; 2], side: Side, nanos: &[u64]) -> Result<()> {
    p50.add(side, quantile(nanos, 0.50, MICROS)?);
    p99.add(side, quantile(nanos, 0.99, MICROS)?);
    Ok(())
}

/// The way that a cluster's clients take: nginx is a hop more.
async fn through_nginx(targets: &mut [Target], rounds: u32, rows: &mut [Row; 2]) -> Result<()> {
    for target in targets {
        let project = target.project();
        let Some((cluster, token)) = target.of_cluster() else { continue };
        let mut wire = Wire::product(cluster.address(), Some(token)).await?;
        let session = wire.create(&project).await?;
        wire.attach(&session).await?;
        program::start(&mut wire, &program::cat()).await?;
        for _ in 0..rounds {
            note(rows, target.side(), &pressed(&mut wire).await?)?;
        }
    }
    Ok(())
}

/// One session: the next key is pressed when the last one was seen.
async fn pressed(wire: &mut Wire) -> Result<Vec<u64>> {
    let mut times = Vec::with_capacity(KEYS);
    for _ in 0..KEYS {
        let before = Instant::now();
        wire.type_bytes(0, b"k").await?;
        wire.printed().await?;
        times.push(u64::try_from(before.elapsed().as_nanos())?);
    }
    Ok(times)
}

/// Every terminal of these sockets is typed in for a while; how long each echo took.
pub(super) async fn typed(wires: &mut [Wire], time: Duration) -> Result<Vec<u64>> {
    let (count, begun) = (wires.len() as u32, Instant::now());
    let typists = wires.iter_mut().zip(0..).map(|(wire, number)| {
        let seats = wire.seats();
        typist(wire, seats, begun + KEY_EVERY * number / count, begun + time)
    });
    let times =
        timeout(time + LATE, try_join_all(typists)).await.context("echoes are missing")??;
    Ok(times.concat())
}

/// Types in the first terminals of a socket by turns, each as often as one person does.
pub(super) async fn typist(
    wire: &mut Wire,
    seats: usize,
    mut next: Instant,
    until: Instant,
) -> Result<Vec<u64>> {
    let every = KEY_EVERY / u32::try_from(seats)?;
    let mut unseen = vec![VecDeque::new(); seats];
    let (mut turn, mut waiting, mut times) = (0, 0, Vec::new());
    while next < until || waiting > 0 {
        tokio::select! {
            biased;
            printed = wire.printed() => {
                let (seat, bytes) = printed?;
                let Some(unseen) = unseen.get_mut(seat) else { continue };
                for at in unseen.drain(..bytes.len().min(unseen.len())) {
                    times.push(u64::try_from(Instant::elapsed(&at).as_nanos())?);
                    waiting -= 1;
                }
            }
            () = sleep_until(next), if next < until => {
                unseen[turn].push_back(Instant::now());
                wire.type_bytes(turn, b"k").await?;
                waiting += 1;
                (turn, next) = ((turn + 1) % seats, next + every);
            }
        }
    }
    Ok(times)
}

/// All sessions type as fast as they see; how many echoes came.
async fn saturated(wires: &mut [Wire]) -> Result<usize> {
    let until = Instant::now() + SATURATED;
    let typists = wires.iter_mut().map(|wire| async move {
        let mut echoes = 0;
        while Instant::now() < until {
            wire.type_bytes(0, b"k").await?;
            wire.printed().await?;
            echoes += 1;
        }
        anyhow::Ok(echoes)
    });
    let echoes = timeout(SATURATED + LATE, try_join_all(typists)).await;
    Ok(echoes.context("echoes are missing")??.into_iter().sum())
}
