//! From nothing to a prompt: a connection, a sign-in, a new session, its first words. And one command,
//! typed as a line.

use anyhow::{Context, Result};
use termfleet_tests::wait::within;
use tokio::time::Instant;

use super::{MILLIS, order, quantile, target::Target, wire::Wire};
use crate::report::{Goal, Row, Side};

/// Sessions of a round.
const SESSIONS: usize = 20;
/// Commands of a round.
const COMMANDS: usize = 50;
/// What a shell's prompt ends with, for root and for others: as it is printed, and in a snapshot, where
/// another line or a sequence follows.
const PROMPTS: [&[u8]; 6] = [b"# ", b"$ ", b"#\x1b", b"$\x1b", b"#\r", b"$\r"];

pub(super) async fn measure(targets: &mut [Target], rounds: u32) -> Result<Vec<Row>> {
    let mut connect = Row::new("connect_p99", "WebSocket connected and signed in, p99", "ms");
    let mut create = Row::new("create_p99", "session created, p99", "ms");
    let mut prompt = Row::new("prompt_p50", "connect, create, attach, first prompt, p50", "ms")
        .goal(Goal::HopAtMost(2.0));
    let mut command = Row::new("command_p99", "a line typed to its command's output, p99", "ms");
    for round in 0..rounds {
        for index in order(round, targets.len()) {
            let target = &mut targets[index];
            let side = target.side();
            let (mut times, mut shell) = (Times::default(), None);
            for _ in 0..SESSIONS {
                shell = Some(times.session(target).await?);
            }
            if let Some(mut wire) = shell {
                command.add(side, quantile(&commands(&mut wire).await?, 0.99, MILLIS)?);
            }
            prompt.add(side, quantile(&times.prompt, 0.50, MILLIS)?);
            if side == Side::Dev || side == Side::Cluster {
                create.add(side, quantile(&times.created, 0.99, MILLIS)?);
                connect.add(side, quantile(&times.connected, 0.99, MILLIS)?);
            }
        }
    }
    Ok(vec![prompt, create, connect, command])
}

/// Of several sessions, in nanoseconds.
#[derive(Default)]
struct Times {
    connected: Vec<u64>,
    created: Vec<u64>,
    prompt: Vec<u64>,
}

impl Times {
    /// Opens one, and waits for its prompt.
    async fn session(&mut self, target: &mut Target) -> Result<Wire> {
        let begun = Instant::now();
        let mut wire = if target.is_floor() {
            target.open().await?
        } else {
            let number = self.created.len();
            let mut wire = target.idle(number).await?;
            self.connected.push(nanos(begun)?);
            let asked = Instant::now();
            let session = wire.create(&target.project()).await?;
            self.created.push(nanos(asked)?);
            wire.attach(&session).await?;
            wire
        };
        let mut seen = Vec::new();
        let prompted = async {
            while !PROMPTS.iter().any(|prompt| seen.windows(2).any(|window| window == *prompt)) {
                seen.extend_from_slice(&wire.printed().await?.1);
            }
            Ok(())
        };
        let prompted = within("the prompt", prompted).await;
        prompted.with_context(|| format!("printed: {:?}", String::from_utf8_lossy(&seen)))?;
        self.prompt.push(nanos(begun)?);
        Ok(wire)
    }
}

async fn commands(wire: &mut Wire) -> Result<Vec<u64>> {
    // Without its own echo, the first output is the command's.
    wire.type_bytes(0, b"PS1=; stty -echo; bind 'set enable-bracketed-paste off'; echo rea''dy\n")
        .await?;
    wire.read_word(0, "ready\r\n").await?;
    let mut times = Vec::with_capacity(COMMANDS);
    for number in 0..COMMANDS {
        let begun = Instant::now();
        wire.type_bytes(0, format!("echo 'do'ne-{number}.\n").as_bytes()).await?;
        wire.read_word(0, &format!("done-{number}.")).await?;
        times.push(nanos(begun)?);
    }
    Ok(times)
}

fn nanos(since: Instant) -> Result<u64> {
    Ok(u64::try_from(since.elapsed().as_nanos())?)
}
