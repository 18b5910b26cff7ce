//! What a gateway is sent on one link, in turns: answers first, then one frame of each session that
//! has something, and a beat every 500 ms.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use futures_util::{Stream, stream};
use termfleet_proto::worker_v1::{self as pb, worker_frame::Frame};
use termfleet_runtime::clock;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval, sleep_until};
use tonic::Status;

use super::{Link, lock};
use crate::viewer::{Turn, Viewer};

/// How often the gateway hears that the stream is alive (`worker.proto`).
const BEAT: Duration = Duration::from_millis(500);

/// The sending half of a link.
pub(crate) struct Outgoing {
    link: Arc<Link>,
    beat: Interval,
    /// Viewers that must be asked again, by when, and by how many there were before.
    parked: BTreeMap<(Instant, u64), Arc<Viewer>>,
    parked_ever: u64,
}

impl Outgoing {
    pub(super) fn new(link: Arc<Link>) -> Self {
        let mut beat = interval(BEAT);
        // A gateway that did not read for a while needs no beats of the past.
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { link, beat, parked: BTreeMap::new(), parked_ever: 0 }
    }

    /// The frames, each made when it is asked for.
    pub(crate) fn into_stream(self) -> impl Stream<Item = Result<pb::WorkerFrame, Status>> + Send {
        stream::unfold(self, |mut outgoing| async {
            let frame = outgoing.next().await?;
            Some((Ok(pb::WorkerFrame { frame: Some(frame) }), outgoing))
        })
    }

    /// The next frame; `None` when the link is over.
    async fn next(&mut self) -> Option<Frame> {
        let link = self.link.clone();
        loop {
            if let Some(frame) = self.ready() {
                return Some(frame);
            }
            let due = self.parked.first_key_value().map(|((due, _), _)| *due);
            tokio::select! {
                biased;
                () = link.over.cancelled() => return None,
                () = link.news.notified() => {}
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.unpark(Instant::now());
                }
                _ = self.beat.tick() => {
                    return Some(Frame::Beat(pb::Beat { at_ms: clock::now_ms() }));
                }
            }
        }
    }

    /// A frame that can leave now.
    fn ready(&mut self) -> Option<Frame> {
        if let Some((frame, _permit)) = lock(&self.link.answers).pop_front() {
            return Some(frame);
        }
        loop {
            let viewer = lock(&self.link.turns).pop_front()?;
            match viewer.turn(Instant::now()) {
                Turn::Frame(frame, _permit) => {
                    // It may have more: behind the others.
                    viewer.wake();
                    return Some(frame);
                }
                Turn::Last(frame) => {
                    self.link.close(viewer.channel);
                    return Some(frame);
                }
                Turn::Later(due) => self.park(viewer, due),
                Turn::Nothing => {}
            }
        }
    }

    fn park(&mut self, viewer: Arc<Viewer>, due: Instant) {
        self.parked_ever += 1;
        self.parked.insert((due, self.parked_ever), viewer);
    }

    fn unpark(&mut self, now: Instant) {
        while let Some(parked) = self.parked.first_entry().filter(|parked| parked.key().0 <= now) {
            parked.remove().wake();
        }
    }
}

impl Drop for Outgoing {
    /// The transport has let go of the stream: nobody is there to be sent anything.
    fn drop(&mut self) {
        self.link.over.cancel();
    }
}
