//! One of a gateway's streams to this worker, carrying many sessions (`byte-lane.md` §10).
//!
//! A task reads what the gateway sends ([`reader`]); what it is sent is pulled by the transport, one
//! frame at a time, from whoever has a turn ([`writer`]). So nothing queues between a ring and the
//! socket, and a gateway that reads slowly holds up itself alone.

mod reader;
mod writer;

use std::{
    collections::{HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use termfleet_proto::worker_v1::{self as pb, worker_frame::Frame};
use termfleet_session::{
    code::{Code, Refusal},
    ids::ChannelId,
};
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;
use tonic::Streaming;

pub(crate) use self::{reader::elsewhere, writer::Outgoing};
use crate::{
    metrics::Counted,
    viewer::{Permit, Viewer},
    worker::Context,
};

/// Requests under way on one link. Beyond them its reader waits, and with it the gateway: an answer
/// needs no credit, so places come free as long as the gateway reads.
const MAX_REQUESTS: usize = 1_024;

/// A link, shared by its two halves and the viewers on it.
pub(crate) struct Link {
    last_channel: AtomicU64,
    // Each held for one operation; none is taken while another of them is held.
    channels: Mutex<Channels>,
    turns: Mutex<VecDeque<Arc<Viewer>>>,
    answers: Mutex<VecDeque<(Frame, Option<Permit>)>>,
    /// Somebody has a turn, or an answer waits.
    news: Notify,
    /// The link is over.
    over: CancellationToken,
    requests: Arc<Semaphore>,
    _counted: Counted,
}

struct Channels {
    open: bool,
    viewers: HashMap<ChannelId, Arc<Viewer>>,
}

/// Serves a link: starts its reader and gives what the transport pulls frames from.
pub(crate) fn open(context: &Arc<Context>, inbound: Streaming<pb::GatewayFrame>) -> Outgoing {
    let link = Arc::new(Link {
        last_channel: AtomicU64::new(0),
        channels: Mutex::new(Channels { open: true, viewers: HashMap::new() }),
        turns: Mutex::default(),
        answers: Mutex::default(),
        news: Notify::new(),
        over: context.stop.child_token(),
        requests: Arc::new(Semaphore::new(MAX_REQUESTS)),
        _counted: context.metrics.link(),
    });
    context.tasks.spawn("link", reader::read(context.clone(), link.clone(), inbound));
    Outgoing::new(link)
}

impl Link {
    /// Opens a channel for what `make` makes; `None` if the link is over by now.
    pub(crate) fn channel(
        self: &Arc<Self>,
        make: impl FnOnce(ChannelId) -> Viewer,
    ) -> Option<Arc<Viewer>> {
        let mut channels = lock(&self.channels);
        if !channels.open {
            return None;
        }
        let channel = ChannelId::new(self.last_channel.fetch_add(1, Ordering::Relaxed) + 1);
        let viewer = Arc::new(make(channel));
        channels.viewers.insert(channel, viewer.clone());
        Some(viewer)
    }

    /// A channel is over: what still comes for it is ignored.
    pub(crate) fn close(&self, channel: ChannelId) {
        lock(&self.channels).viewers.remove(&channel);
    }

    /// A viewer gets a turn after those who wait already.
    pub(crate) fn enqueue(&self, viewer: Arc<Viewer>) {
        let mut turns = lock(&self.turns);
        // Asked under the lock, so that nobody queues behind the last clearing and stays for ever.
        if !self.over.is_cancelled() {
            turns.push_back(viewer);
            drop(turns);
            self.news.notify_one();
        }
    }

    fn answer(&self, frame: Frame, permit: Option<Permit>) {
        lock(&self.answers).push_back((frame, permit));
        self.news.notify_one();
    }

    fn viewer(&self, channel: u64) -> Option<Arc<Viewer>> {
        lock(&self.channels).viewers.get(&ChannelId::new(channel)).cloned()
    }

    /// Closes it; answers who was on it.
    fn end(&self) -> Vec<Arc<Viewer>> {
        self.over.cancel();
        let mut channels = lock(&self.channels);
        channels.open = false;
        let viewers = channels.viewers.drain().map(|(_, viewer)| viewer).collect();
        drop(channels);
        lock(&self.turns).clear();
        viewers
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Every critical section here is one operation on a collection.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request of a gateway, to be answered once. One that is dropped (its session ended under it) is
/// answered with 5003.
pub(crate) struct Request {
    number: u64,
    channel: Option<u64>,
    link: Arc<Link>,
    permit: Option<Permit>,
    answered: bool,
}

impl Request {
    fn new(link: &Arc<Link>, number: u64, channel: Option<u64>, permit: Permit) -> Self {
        Self { number, channel, link: link.clone(), permit: Some(permit), answered: false }
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// Refuses it.
    pub(crate) fn refuse(mut self, refusal: &Refusal) {
        self.send_refusal(refusal);
    }

    /// It was done.
    pub(crate) fn done(mut self, action: pb::Action) {
        let (request, channel) = (self.number, self.channel.unwrap_or_default());
        self.answered = true;
        let done = pb::Done { request, channel, action: action.into() };
        self.link.answer(Frame::Done(done), self.permit.take());
    }

    /// It is answered on a channel: its number and its place go there.
    pub(crate) fn into_parts(mut self) -> (u64, Option<Permit>) {
        self.answered = true;
        (self.number, self.permit.take())
    }

    fn send_refusal(&mut self, refusal: &Refusal) {
        self.answered = true;
        let refused = pb::Refused {
            request: Some(self.number),
            channel: self.channel,
            refusal: Some(refusal.into()),
        };
        self.link.answer(Frame::Refused(refused), self.permit.take());
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        if !self.answered {
            self.send_refusal(&Code::ServiceUnavailable.into());
        }
    }
}
