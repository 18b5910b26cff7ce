//! Keeps a link's stream alive: connects, beats, notices silence, and tries again.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use futures_util::{Stream, StreamExt};
use termfleet_proto::{
    convert::Malformed,
    worker_v1::{GatewayFrame, WorkerFrame, worker_client::WorkerClient},
};
use termfleet_runtime::{Backoff, Drain};
use tokio::{
    sync::watch,
    time::{self, Instant, MissedTickBehavior},
};
use tonic::{Status, Streaming, transport::Channel};

use super::Link;
use crate::upstream::{member::Course, standing::Standing};

/// How often both sides say that they are there.
const BEAT: Duration = Duration::from_millis(500);
/// A link that says nothing for this long is broken: six beats.
const SILENCE: Duration = Duration::from_secs(3);
/// How long a worker may take to accept a stream.
const CONNECT_TIME: Duration = Duration::from_secs(3);
/// The first wait before another attempt: a worker that restarts is back within a second or two.
const RETRY_BASE: Duration = Duration::from_millis(50);
/// The longest one: recovery has five seconds in all.
const RETRY_CAP: Duration = Duration::from_secs(1);
/// How long a worker may take to end a stream that was closed in peace.
const FAREWELL: Duration = Duration::from_secs(1);

/// Why a stream ended.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error("the worker did not accept a stream in time")]
    Unanswered,
    #[error("the worker was silent")]
    Silent,
    #[error("the worker ended the stream")]
    Ended,
    #[error("the stream failed")]
    Failed(#[from] Status),
    #[error("the worker is elsewhere now, or is not used any more")]
    Moved,
    #[error("the worker was let go")]
    Gone,
    #[error("the worker sent nonsense")]
    Malformed(#[from] Malformed),
}

/// Serves the link until nothing is attached any more and either the process drains or the worker
/// was let go.
pub(in crate::upstream) async fn run(
    link: Link,
    mut course: watch::Receiver<Course>,
    standing: Standing,
    drain: Drain,
) {
    let mut backoff = Backoff::new(RETRY_BASE, RETRY_CAP);
    while let Some(client) = on_course(&link, &mut course, &drain).await {
        let ended = tokio::select! {
            ended = attempt(&link, client, &standing, &drain, &mut backoff) => ended,
            // Another process of the worker, or nobody uses it any more.
            changed = course.changed() => changed.map_err(|_| Broken::Gone).and(Err(Broken::Moved)),
        };
        link.broken();
        match &ended {
            Ok(()) | Err(Broken::Moved | Broken::Gone) => standing.lost(),
            Err(_) => standing.broke(),
        }
        let Err(broken) = ended else { return };
        if drain.is_draining() && link.is_idle() {
            return;
        }
        tracing::debug!(error = %broken, attempts = backoff.attempts(), "link to a worker broke");
        if matches!(broken, Broken::Moved) {
            backoff.reset();
            continue;
        }
        let wait = sweeping(&link, time::sleep(backoff.next_delay()));
        tokio::select! {
            () = wait => {}
            _ = course.changed() => backoff.reset(),
        }
    }
}

/// The way to the worker, once the link shall stand; none when it is over.
async fn on_course(
    link: &Link,
    course: &mut watch::Receiver<Course>,
    drain: &Drain,
) -> Option<WorkerClient<Channel>> {
    let awake = async { Some(course.wait_for(|course| course.awake).await.ok()?.channel.clone()) };
    let channel = tokio::select! {
        channel = awake => channel,
        () = asleep_and_draining(link, drain) => return None,
    };
    if let Some(channel) = channel {
        return Some(WorkerClient::new(channel));
    }
    // Whoever took a seat in the moment in which the worker was let go is told in its time.
    while !link.is_idle() {
        sweeping(link, time::sleep(BEAT)).await;
    }
    None
}

async fn asleep_and_draining(link: &Link, drain: &Drain) {
    drain.draining().await;
    while !link.is_idle() {
        sweeping(link, time::sleep(BEAT)).await;
    }
}

/// One stream, from its start to its end. Ok: ended in peace, for good.
async fn attempt(
    link: &Link,
    mut client: WorkerClient<Channel>,
    standing: &Standing,
    drain: &Drain,
    backoff: &mut Backoff,
) -> Result<(), Broken> {
    let frames = Frames { link: link.clone(), stream: link.begin() };
    let accepted = sweeping(link, time::timeout(CONNECT_TIME, client.link(frames))).await;
    let mut incoming = accepted.map_err(|_| Broken::Unanswered)??.into_inner();
    link.stands();
    standing.gained();
    backoff.reset();
    tracing::debug!("link to a worker stands");
    converse(link, &mut incoming, drain).await?;
    // Ends our side; what was queued has left before.
    link.begin();
    let _ = time::timeout(FAREWELL, incoming.next()).await;
    Ok(())
}

async fn converse(
    link: &Link,
    incoming: &mut Streaming<WorkerFrame>,
    drain: &Drain,
) -> Result<(), Broken> {
    let mut beat = time::interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut heard = Instant::now();
    loop {
        tokio::select! {
            frame = incoming.message() => {
                link.dispatch(frame?.ok_or(Broken::Ended)?)?;
                heard = Instant::now();
            }
            now = beat.tick() => {
                if now.duration_since(heard) >= SILENCE {
                    return Err(Broken::Silent);
                }
                link.beat();
                link.sweep(now);
                if drain.is_draining() && link.is_idle() {
                    return Ok(());
                }
            }
        }
    }
}

/// Waits for something, and meanwhile gives up on seats whose time is over.
async fn sweeping<F: Future>(link: &Link, wait: F) -> F::Output {
    let mut wait = std::pin::pin!(wait);
    let mut beat = time::interval(BEAT);
    loop {
        tokio::select! {
            done = &mut wait => return done,
            now = beat.tick() => link.sweep(now),
        }
    }
}

/// The frames of one stream, until another one begins.
struct Frames {
    link: Link,
    stream: u64,
}

impl Stream for Frames {
    type Item = GatewayFrame;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<GatewayFrame>> {
        let frame = ready!(self.link.poll_frame(self.stream, cx));
        Poll::Ready(frame.map(|frame| GatewayFrame { frame: Some(frame) }))
    }
}
