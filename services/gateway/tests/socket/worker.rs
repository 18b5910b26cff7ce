//! A worker that plays its sessions: each is a `cat` whose terminal echoes, and prints what a test
//! tells it to. It keeps to the contract of the link (credit, lanes, channels) and remembers what
//! it was sent.

use std::{
    collections::HashMap,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use termfleet_proto::{
    status::to_status,
    worker_v1::{
        self as pb, GatewayFrame, WorkerFrame, gateway_frame,
        worker_frame::Frame,
        worker_server::{Worker, WorkerServer},
    },
};
use termfleet_session::{
    code::{Code, Refusal},
    limits::{MAX_FRAME_BYTES, WINDOW_BYTES},
    record::Session,
};
use termfleet_store::{Directory, Fence, MemoryStore};
use tokio::{net::TcpListener, sync::mpsc};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status, Streaming};

use crate::world::record;

type Out = mpsc::UnboundedSender<Result<WorkerFrame, Status>>;

/// The worker; clones are handles.
#[derive(Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    store: Option<Arc<MemoryStore>>,
    links: HashMap<u64, Out>,
    last_link: u64,
    shells: HashMap<String, Shell>,
    viewers: Vec<Viewer>,
    last_channel: u64,
    /// Every frame of every link, in order.
    heard: Vec<gateway_frame::Frame>,
    /// Links are refused.
    deaf: bool,
}

/// One session.
#[derive(Default)]
pub(crate) struct Shell {
    epoch: u64,
    output: Vec<u8>,
    /// Output before this is gone.
    tail: u64,
    lanes: HashMap<String, u64>,
    refuses: Option<Refusal>,
    /// Input stays in the lane unwritten.
    stuck: bool,
}

struct Viewer {
    link: u64,
    channel: u64,
    session: String,
    client: String,
    driver: bool,
    sent: u64,
    acked: u64,
}

impl Fake {
    /// Serves on a listener, with the store that the gateway has.
    pub(crate) fn serve(&self, store: Arc<MemoryStore>, listener: TcpListener) {
        self.lock().store = Some(store);
        let mut server = tonic::transport::Server::builder().tcp_nodelay(true);
        let router = server.add_service(WorkerServer::new(self.clone()));
        tokio::spawn(router.serve_with_incoming(TcpListenerStream::new(listener)));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    /// A session's program prints.
    pub(crate) fn print(&self, session: &str, bytes: &[u8]) {
        let mut state = self.lock();
        state.shell(session).output.extend_from_slice(bytes);
        state.pump();
    }

    /// Everything that a session printed.
    pub(crate) fn printed(&self, session: &str) -> Vec<u8> {
        self.lock().shell(session).output.clone()
    }

    /// Old output is forgotten.
    pub(crate) fn trim(&self, session: &str, tail: u64) {
        self.lock().shell(session).tail = tail;
    }

    /// Input is refused from now on, or no longer.
    pub(crate) fn refuse_input(&self, session: &str, refusal: Option<Refusal>) {
        self.lock().shell(session).refuses = refusal;
    }

    /// The PTY takes nothing more.
    pub(crate) fn stick(&self, session: &str) {
        self.lock().shell(session).stuck = true;
    }

    /// Somebody else drives every session.
    pub(crate) fn unseat_drivers(&self) {
        let mut state = self.lock();
        for at in 0..state.viewers.len() {
            let viewer = &mut state.viewers[at];
            viewer.driver = false;
            let (link, channel) = (viewer.link, viewer.channel);
            let driver = pb::DriverChanged { driver: false, taken: true };
            let event = pb::Event { channel, kind: Some(pb::event::Kind::Driver(driver)) };
            state.send(link, Frame::Event(event));
        }
    }

    /// The shell ends.
    pub(crate) fn exit(&self, session: &str, code: i32) {
        let mut state = self.lock();
        let offset = state.shell(session).output.len() as u64;
        for (link, channel) in state.channels_of(session) {
            let exited = pb::Exited { code: Some(code), signal: None, offset };
            let event = pb::Event { channel, kind: Some(pb::event::Kind::Exited(exited)) };
            state.send(link, Frame::Event(event));
        }
    }

    /// Every attachment of a session ends.
    pub(crate) fn detach_all(&self, session: &str, code: Code, reason: &str) {
        let mut state = self.lock();
        state.detach_all(session, code, reason);
    }

    /// A viewer's backlog is replaced by a snapshot.
    pub(crate) fn lag(&self, session: &str) {
        let mut state = self.lock();
        let head = state.shell(session).output.len() as u64;
        for at in 0..state.viewers.len() {
            if state.viewers[at].session == session {
                state.snapshot(at, head, pb::Reason::Lagging, b"\x1bcscreen");
            }
        }
    }

    /// A new shell, with a new channel for everybody.
    pub(crate) fn new_epoch(&self, session: &str) {
        let mut state = self.lock();
        let shell = state.shell(session);
        shell.epoch += 1;
        (shell.output, shell.lanes, shell.tail) = (Vec::new(), HashMap::new(), 0);
        for at in 0..state.viewers.len() {
            if state.viewers[at].session != session {
                continue;
            }
            state.last_channel += 1;
            let channel = state.last_channel;
            let old = std::mem::replace(&mut state.viewers[at].channel, channel);
            (state.viewers[at].sent, state.viewers[at].acked) = (0, 0);
            let frame = state.attached(at, None, Some(old), 0, pb::Reason::NewEpoch);
            let link = state.viewers[at].link;
            state.send(link, frame);
            state.snapshot(at, 0, pb::Reason::NewEpoch, b"\x1bc");
        }
    }

    /// Every link breaks; new ones are refused until [`Fake::listen`] if `deaf`.
    pub(crate) fn cut(&self, deaf: bool) {
        let mut state = self.lock();
        state.deaf = deaf;
        for (_, link) in state.links.drain() {
            let _ = link.send(Err(Status::unavailable("cut")));
        }
        state.viewers.clear();
    }

    /// Links are taken again.
    pub(crate) fn listen(&self) {
        self.lock().deaf = false;
    }

    /// Frames that were heard and fit.
    pub(crate) fn heard<T>(&self, fits: impl FnMut(&gateway_frame::Frame) -> Option<T>) -> Vec<T> {
        self.lock().heard.iter().filter_map(fits).collect()
    }

    /// The input that arrived, whether it was taken or not.
    pub(crate) fn input(&self) -> Vec<u8> {
        let data = |frame: &gateway_frame::Frame| match frame {
            gateway_frame::Frame::Input(input) => Some(input.data.clone()),
            _ => None,
        };
        self.heard(data).concat()
    }

    pub(crate) fn viewers(&self) -> usize {
        self.lock().viewers.len()
    }

    /// Output that is sent and not acknowledged, at most, over all viewers.
    pub(crate) fn unacknowledged(&self) -> u64 {
        let state = self.lock();
        state.viewers.iter().map(|viewer| viewer.sent - viewer.acked).max().unwrap_or_default()
    }
}

impl State {
    fn shell(&mut self, session: &str) -> &mut Shell {
        let fresh = || Shell { epoch: 1, ..Shell::default() };
        self.shells.entry(session.to_owned()).or_insert_with(fresh)
    }

    fn send(&mut self, link: u64, frame: Frame) {
        if let Some(out) = self.links.get(&link) {
            let _ = out.send(Ok(WorkerFrame { frame: Some(frame) }));
        }
    }

    fn channels_of(&self, session: &str) -> Vec<(u64, u64)> {
        let of = |viewer: &&Viewer| viewer.session == session;
        self.viewers.iter().filter(of).map(|viewer| (viewer.link, viewer.channel)).collect()
    }

    fn viewer(&self, link: u64, channel: u64) -> Option<usize> {
        self.viewers.iter().position(|v| (v.link, v.channel) == (link, channel))
    }

    fn handle(&mut self, link: u64, frame: gateway_frame::Frame) {
        use gateway_frame::Frame as In;
        self.heard.push(frame.clone());
        match frame {
            In::Attach(attach) => self.attach(link, attach),
            In::Detach(detach) => {
                self.viewers.retain(|v| (v.link, v.channel) != (link, detach.channel));
                let detached = pb::Detached { channel: detach.channel, ..Default::default() };
                self.send(link, Frame::Detached(detached));
            }
            In::Ack(ack) => {
                if let Some(at) = self.viewer(link, ack.channel) {
                    let viewer = &mut self.viewers[at];
                    assert!(ack.offset <= viewer.sent, "ack beyond what was sent");
                    viewer.acked = viewer.acked.max(ack.offset);
                }
            }
            In::Input(input) => self.input(link, input),
            In::Control(control) => {
                if let Some(at) = self.viewer(link, control.channel)
                    && control.action == pb::Action::Take as i32
                {
                    self.viewers[at].driver = true;
                }
                let pb::Control { request, channel, action } = control;
                self.send(link, Frame::Done(pb::Done { request, channel, action }));
            }
            In::Sync(sync) => {
                let Some(at) = self.viewer(link, sync.channel) else { return };
                let head = self.shells[&self.viewers[at].session].output.len() as u64;
                let offset = sync.offset.unwrap_or(head);
                (self.viewers[at].sent, self.viewers[at].acked) = (offset, offset);
                let reason = match sync.offset {
                    Some(_) => pb::Reason::Unspecified,
                    None => pb::Reason::Asked,
                };
                let frame = self.attached(at, Some(sync.request), None, offset, reason);
                self.send(link, frame);
                if sync.offset.is_none() {
                    self.snapshot(at, head, reason, b"\x1bcasked");
                }
            }
            In::Resize(_) | In::Beat(_) => {}
        }
        self.pump();
    }

    fn attach(&mut self, link: u64, attach: pb::Attach) {
        let shell = self.shell(&attach.session);
        let (head, tail) = (shell.output.len() as u64, shell.tail);
        let (offset, reason) = match (attach.epoch, attach.offset) {
            (Some(epoch), _) if epoch != shell.epoch => (tail, pb::Reason::NewEpoch),
            (_, Some(offset)) if offset > head => (tail, pb::Reason::BadOffset),
            (_, Some(offset)) if offset < tail => (tail, pb::Reason::Trimmed),
            (_, Some(offset)) => (offset, pb::Reason::Unspecified),
            (_, None) => (tail, pb::Reason::NewClient),
        };
        self.viewers.retain(|v| v.client != attach.client_id || v.session != attach.session);
        self.last_channel += 1;
        self.viewers.push(Viewer {
            link,
            channel: self.last_channel,
            session: attach.session,
            client: attach.client_id,
            driver: true,
            sent: offset,
            acked: offset,
        });
        let at = self.viewers.len() - 1;
        let frame = self.attached(at, Some(attach.request), None, offset, reason);
        self.send(link, frame);
        if reason != pb::Reason::Unspecified {
            self.snapshot(at, offset, reason, b"\x1bc");
        }
    }

    fn attached(
        &self,
        at: usize,
        request: Option<u64>,
        replaces: Option<u64>,
        offset: u64,
        reason: pb::Reason,
    ) -> Frame {
        let viewer = &self.viewers[at];
        let shell = &self.shells[&viewer.session];
        Frame::Attached(pb::Attached {
            request,
            replaces,
            channel: viewer.channel,
            session: viewer.session.clone(),
            epoch: shell.epoch,
            offset,
            head: shell.output.len() as u64,
            recovered: reason == pb::Reason::Unspecified,
            reason: reason.into(),
            driver: viewer.driver,
            next_input_offset: shell.lanes.get(&viewer.client).copied().unwrap_or_default(),
            size: Some(pb::Size { cols: 80, rows: 24 }),
            status: "active".to_owned(),
            tier: pb::Tier::Live.into(),
        })
    }

    fn snapshot(&mut self, at: usize, offset: u64, reason: pb::Reason, data: &'static [u8]) {
        let viewer = &mut self.viewers[at];
        (viewer.sent, viewer.acked) = (offset, offset);
        let (link, channel) = (viewer.link, viewer.channel);
        let epoch = self.shells[&viewer.session].epoch;
        let snapshot = pb::Snapshot {
            channel,
            epoch,
            offset,
            size: Some(pb::Size { cols: 80, rows: 24 }),
            reason: reason.into(),
            more: false,
            data: Bytes::from_static(data),
        };
        self.send(link, Frame::Snapshot(snapshot));
    }

    fn input(&mut self, link: u64, input: pb::Input) {
        let Some(at) = self.viewer(link, input.channel) else { return };
        let viewer = &self.viewers[at];
        let (session, client) = (viewer.session.clone(), viewer.client.clone());
        let refused_driver = (!viewer.driver).then(|| Refusal::from(Code::TakenOver));
        let shell = self.shell(&session);
        let next = shell.lanes.get(&client).copied().unwrap_or_default();
        let start = input.offset.unwrap_or(next);
        let gap = (start > next).then(|| Refusal::from(Code::InputGap));
        if let Some(refusal) = shell.refuses.clone().or(refused_driver).or(gap) {
            let refusal = Some((&refusal.current(next)).into());
            let (request, channel) = (None, Some(input.channel));
            return self.send(link, Frame::Refused(pb::Refused { request, channel, refusal }));
        }
        if shell.stuck {
            return;
        }
        let known = usize::try_from(next - start).unwrap().min(input.data.len());
        let fresh = &input.data[known..];
        shell.output.extend_from_slice(fresh);
        let offset = next + fresh.len() as u64;
        shell.lanes.insert(client, offset);
        let ack = pb::InputAck { channel: input.channel, offset, echo_offset: next };
        self.send(link, Frame::InputAck(ack));
    }

    fn detach_all(&mut self, session: &str, code: Code, reason: &str) {
        for (link, channel) in self.channels_of(session) {
            let detached = pb::Detached {
                channel,
                code: Some(code.number().into()),
                reason: reason.to_owned(),
                ..Default::default()
            };
            self.send(link, Frame::Detached(detached));
        }
        self.viewers.retain(|viewer| viewer.session != session);
    }

    /// Sends what credit allows, one frame of each viewer in turn.
    fn pump(&mut self) {
        loop {
            let mut sent = false;
            for at in 0..self.viewers.len() {
                let viewer = &self.viewers[at];
                let output = &self.shells[&viewer.session].output;
                let room = (viewer.acked + WINDOW_BYTES).saturating_sub(viewer.sent);
                let most = room.min(MAX_FRAME_BYTES as u64) as usize;
                let rest = &output[viewer.sent as usize..];
                let data = Bytes::copy_from_slice(&rest[..rest.len().min(most)]);
                if data.is_empty() {
                    continue;
                }
                let (link, channel, offset) = (viewer.link, viewer.channel, viewer.sent);
                self.viewers[at].sent += data.len() as u64;
                self.send(link, Frame::Output(pb::Output { channel, offset, data }));
                sent = true;
            }
            if !sent {
                return;
            }
        }
    }
}

#[tonic::async_trait]
impl Worker for Fake {
    type LinkStream = Pin<Box<dyn Stream<Item = Result<WorkerFrame, Status>> + Send>>;

    async fn link(
        &self,
        request: Request<Streaming<GatewayFrame>>,
    ) -> Result<Response<Self::LinkStream>, Status> {
        let mut incoming = request.into_inner();
        let (out, frames) = mpsc::unbounded_channel();
        let id = {
            let mut state = self.lock();
            if state.deaf {
                return Err(Status::unavailable("deaf"));
            }
            state.last_link += 1;
            let id = state.last_link;
            state.links.insert(id, out);
            id
        };
        let fake = self.clone();
        tokio::spawn(async move {
            while let Some(Ok(frame)) = incoming.next().await {
                let mut state = fake.lock();
                if !state.links.contains_key(&id) {
                    break;
                }
                let beat = pb::Beat { at_ms: 0 };
                if let Some(gateway_frame::Frame::Beat(_)) = frame.frame {
                    state.send(id, Frame::Beat(beat));
                } else if let Some(frame) = frame.frame {
                    state.handle(id, frame);
                }
            }
            fake.lock().links.remove(&id);
        });
        let frames =
            stream::unfold(
                frames,
                |mut frames| async move { Some((frames.recv().await?, frames)) },
            );
        Ok(Response::new(Box::pin(frames)))
    }

    async fn create(
        &self,
        request: Request<pb::CreateRequest>,
    ) -> Result<Response<pb::CreateResponse>, Status> {
        let request = request.into_inner();
        let actor = request.actor.unwrap();
        let session = Session {
            id: request.session.parse().unwrap(),
            alias: request.alias.map(|alias| alias.parse().unwrap()),
            size: request.size.unwrap().try_into().unwrap(),
            ..record(&actor.tenant, &actor.user, &request.project)
        };
        let store = self.lock().store.clone().unwrap();
        let session = store.commit(session).await.unwrap();
        Ok(Response::new(pb::CreateResponse { record: Some((&session).into()) }))
    }

    async fn close(
        &self,
        request: Request<pb::CloseRequest>,
    ) -> Result<Response<pb::CloseResponse>, Status> {
        let id = request.into_inner().session;
        let store = self.lock().store.clone().unwrap();
        let session = store.get(&id.parse().unwrap()).await.unwrap().unwrap();
        self.lock().detach_all(&id, Code::SessionEnded, "closed");
        let fence = Fence { owner: session.owner.unwrap(), epoch: session.epoch };
        let session = store.close(&session.id, &fence, None).await.unwrap();
        Ok(Response::new(pb::CloseResponse { record: Some((&session).into()) }))
    }

    async fn suspend(
        &self,
        _: Request<pb::SuspendRequest>,
    ) -> Result<Response<pb::SuspendResponse>, Status> {
        Err(to_status(&Code::ServiceUnavailable.into()))
    }

    async fn resume(
        &self,
        _: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        Err(to_status(&Code::ServiceUnavailable.into()))
    }

    async fn describe(
        &self,
        request: Request<pb::DescribeRequest>,
    ) -> Result<Response<pb::DescribeResponse>, Status> {
        let id = request.into_inner().session;
        let store = self.lock().store.clone().unwrap();
        let session = store.get(&id.parse().unwrap()).await.unwrap().unwrap();
        let record = Some((&session).into());
        Ok(Response::new(pb::DescribeResponse { record, ..Default::default() }))
    }
}
