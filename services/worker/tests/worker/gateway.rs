//! A gateway as the worker sees one: a link, and clients on its channels.

use std::{
    path::Path,
    sync::{Arc, Mutex},
};

use bytes::Bytes;
use termfleet_proto::{
    status::from_status,
    worker_v1::{
        self as pb, gateway_frame::Frame as Up, worker_client::WorkerClient,
        worker_frame::Frame as Down,
    },
};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::ClientId,
    record::Session,
    role::Actor,
};
use termfleet_token::CapabilityKey;
use tokio::{
    sync::{mpsc, watch},
    time::timeout,
};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Streaming,
    transport::{Channel, Endpoint},
};

use crate::{
    heard::{Heard, Seen, listen},
    stage::DEADLINE,
};

pub(crate) struct Gateway {
    pub(crate) client: WorkerClient<Channel>,
    up: mpsc::Sender<pb::GatewayFrame>,
    heard: Arc<Mutex<Heard>>,
    news: watch::Receiver<u64>,
    key: CapabilityKey,
    requests: Mutex<u64>,
}

/// Whom to attach, and with what.
#[derive(Clone)]
pub(crate) struct Client {
    pub(crate) actor: Actor,
    pub(crate) id: ClientId,
    pub(crate) attempt: u64,
    pub(crate) at: Option<(u64, u64)>,
    pub(crate) size: Option<pb::Size>,
    pub(crate) rows: u32,
    pub(crate) redraw_rows: Option<u32>,
    pub(crate) reports_parts: bool,
    pub(crate) watch_only: bool,
    pub(crate) stopped: bool,
    pub(crate) tier: pb::Tier,
}

impl Client {
    pub(crate) fn new(actor: &Actor, number: u8) -> Self {
        Self {
            actor: actor.clone(),
            id: ClientId::new([number; 16]),
            attempt: 1,
            at: None,
            size: None,
            rows: 500,
            redraw_rows: None,
            reports_parts: false,
            watch_only: false,
            stopped: false,
            tier: pb::Tier::Live,
        }
    }

    pub(crate) fn again(&self, epoch: u64, offset: u64) -> Self {
        Self { attempt: self.attempt + 1, at: Some((epoch, offset)), ..self.clone() }
    }

    pub(crate) fn sized(mut self, cols: u32, rows: u32) -> Self {
        self.size = Some(pb::Size { cols, rows });
        self
    }
}

/// One client attached.
pub(crate) struct Viewer<'g> {
    gateway: &'g Gateway,
    pub(crate) channel: u64,
    pub(crate) attached: pb::Attached,
}

impl Gateway {
    pub(crate) async fn connect(socket: &Path, key: CapabilityKey) -> Self {
        let uri = format!("unix://{}", socket.display());
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        let mut client = WorkerClient::new(channel);
        let (up, frames) = mpsc::channel(64);
        let down = client.link(ReceiverStream::new(frames)).await.unwrap().into_inner();
        let (tell, news) = watch::channel(0);
        let heard = Arc::<Mutex<Heard>>::default();
        tokio::spawn(listen(down, heard.clone(), tell, up.clone().downgrade()));
        Self { client, up, heard, news, key, requests: Mutex::new(0) }
    }

    /// A link that nobody reads, with one client attached.
    pub(crate) async fn deaf(
        socket: &Path,
        key: CapabilityKey,
        session: &Session,
    ) -> (mpsc::Sender<pb::GatewayFrame>, Streaming<pb::WorkerFrame>) {
        let uri = format!("unix://{}", socket.display());
        let channel = Endpoint::from_shared(uri).unwrap().connect().await.unwrap();
        let (up, frames) = mpsc::channel(64);
        let mut client = WorkerClient::new(channel);
        let mut down = client.link(ReceiverStream::new(frames)).await.unwrap().into_inner();
        let ann = crate::stage::ann();
        let attach = pb::Attach {
            request: 1,
            session: session.id.to_string(),
            actor: Some((&ann).into()),
            capability: key.mint(&session.id, &ann, clock::now_unix()).unwrap(),
            client_id: ClientId::new([9; 16]).to_string(),
            attempt: 1,
            ..pb::Attach::default()
        };
        up.send(pb::GatewayFrame { frame: Some(Up::Attach(attach)) }).await.unwrap();
        while !matches!(down.message().await.unwrap().unwrap().frame, Some(Down::Attached(_))) {}
        (up, down)
    }

    pub(crate) async fn send(&self, frame: Up) {
        self.up.send(pb::GatewayFrame { frame: Some(frame) }).await.unwrap();
    }

    fn request(&self) -> u64 {
        let mut requests = self.requests.lock().unwrap();
        *requests += 1;
        *requests
    }

    pub(crate) async fn try_attach(
        &self,
        session: &Session,
        client: &Client,
    ) -> Result<Viewer<'_>, Refusal> {
        let request = self.request();
        let frame = pb::Attach {
            request,
            session: session.id.to_string(),
            actor: Some((&client.actor).into()),
            capability: self.key.mint(&session.id, &client.actor, clock::now_unix()).unwrap(),
            client_id: client.id.to_string(),
            attempt: client.attempt,
            epoch: client.at.map(|at| at.0),
            offset: client.at.map(|at| at.1),
            tier: client.tier.into(),
            size: client.size,
            snapshot_rows: client.rows,
            watch_only: client.watch_only,
            traceparent: None,
            redraw_rows: client.redraw_rows,
            reports_parts: client.reports_parts,
        };
        if client.stopped {
            // Known by the next channel's number, before its first byte can come.
            let mut heard = self.heard.lock().unwrap();
            let next = heard.channels.keys().max().unwrap_or(&0) + 1;
            heard.channels.entry(next).or_default().stopped = true;
        }
        self.send(Up::Attach(frame)).await;
        let attached = self.answer(request, |heard| heard.attached.get(&request).cloned()).await?;
        Ok(Viewer { gateway: self, channel: attached.channel, attached })
    }

    pub(crate) async fn attach(&self, session: &Session, client: &Client) -> Viewer<'_> {
        self.try_attach(session, client).await.unwrap()
    }

    pub(crate) fn viewer(&self, attached: pb::Attached) -> Viewer<'_> {
        Viewer { gateway: self, channel: attached.channel, attached }
    }

    async fn answer<T>(
        &self,
        request: u64,
        found: impl Fn(&Heard) -> Option<T>,
    ) -> Result<T, Refusal> {
        let found = |heard: &Heard| {
            let refused = heard.refused.get(&request).cloned().map(Err);
            refused.or_else(|| found(heard).map(Ok))
        };
        self.wait("an answer", found).await
    }

    async fn wait<T>(&self, what: &str, found: impl Fn(&Heard) -> Option<T>) -> T {
        let mut news = self.news.clone();
        let waiting = async {
            loop {
                if let Some(found) = found(&self.heard.lock().unwrap()) {
                    return found;
                }
                if news.changed().await.is_err() {
                    panic!("the link ended while waiting for {what}");
                }
            }
        };
        let waited = timeout(DEADLINE, waiting).await;
        waited.unwrap_or_else(|_| panic!("waited in vain for {what}"))
    }

    /// Waits until the worker has ended the link.
    pub(crate) async fn ended(&self) {
        self.wait("the link's end", |heard| heard.over.then_some(())).await;
    }

    pub(crate) async fn beats(&self, count: u64) {
        self.wait("beats", |heard| (heard.beats >= count).then_some(())).await;
    }

    pub(crate) fn capability(&self, session: &Session, actor: &Actor) -> String {
        self.key.mint(&session.id, actor, clock::now_unix()).unwrap()
    }

    pub(crate) async fn close(&self, session: &Session, by: &Actor) -> Result<Session, Refusal> {
        let request = pb::CloseRequest {
            session: session.id.to_string(),
            actor: Some(by.into()),
            capability: self.capability(session, by),
        };
        let response = self.client.clone().close(request).await;
        let record = response.map_err(|status| from_status(&status))?.into_inner().record;
        Ok(record.unwrap().try_into().unwrap())
    }

    pub(crate) async fn suspend(&self, session: &Session, by: &Actor) -> Result<Session, Refusal> {
        let request = pb::SuspendRequest {
            session: session.id.to_string(),
            actor: Some(by.into()),
            capability: self.capability(session, by),
        };
        let response = self.client.clone().suspend(request).await;
        let record = response.map_err(|status| from_status(&status))?.into_inner().record;
        Ok(record.unwrap().try_into().unwrap())
    }

    pub(crate) async fn resume(&self, session: &Session, by: &Actor) -> Result<Session, Refusal> {
        let request = pb::ResumeRequest {
            session: session.id.to_string(),
            actor: Some(by.into()),
            capability: self.capability(session, by),
        };
        let response = self.client.clone().resume(request).await;
        let record = response.map_err(|status| from_status(&status))?.into_inner().record;
        Ok(record.unwrap().try_into().unwrap())
    }

    pub(crate) async fn describe(
        &self,
        session: &Session,
        by: &Actor,
    ) -> Result<pb::DescribeResponse, Refusal> {
        let request = pb::DescribeRequest {
            session: session.id.to_string(),
            actor: Some(by.into()),
            capability: self.capability(session, by),
        };
        let response = self.client.clone().describe(request).await;
        Ok(response.map_err(|status| from_status(&status))?.into_inner())
    }
}

impl Viewer<'_> {
    pub(crate) fn seen(&self) -> Seen {
        self.gateway.heard.lock().unwrap().channels.get(&self.channel).cloned().unwrap_or_default()
    }

    /// Waits until what this client has seen is as asked.
    pub(crate) async fn until<T>(&self, what: &str, found: impl Fn(&Seen) -> Option<T>) -> T {
        let found = |heard: &Heard| heard.channels.get(&self.channel).and_then(&found);
        self.gateway.wait(what, found).await
    }

    /// Waits for a text in the output; answers all of it.
    pub(crate) async fn shows(&self, text: &str) -> String {
        self.until(text, |seen| Some(seen.text()).filter(|all| all.contains(text))).await
    }

    /// Input with an offset.
    pub(crate) async fn input(&self, offset: u64, bytes: impl Into<Bytes>) {
        let frame = pb::Input { channel: self.channel, offset: Some(offset), data: bytes.into() };
        self.gateway.send(Up::Input(frame)).await;
    }

    /// Input of a dialect without offsets.
    pub(crate) async fn types(&self, text: impl Into<Bytes>) {
        let frame = pb::Input { channel: self.channel, offset: None, data: text.into() };
        self.gateway.send(Up::Input(frame)).await;
    }

    /// Waits until input up to here is written.
    pub(crate) async fn written(&self, offset: u64) {
        self.until("input to be written", |seen| {
            seen.acks.last().filter(|ack| ack.offset >= offset).map(|_| ())
        })
        .await;
    }

    pub(crate) async fn refusal(&self) -> Refusal {
        self.until("a refusal", |seen| seen.refusals.last().cloned()).await
    }

    pub(crate) async fn ack(&self, offset: u64) {
        self.gateway.send(Up::Ack(pb::Ack { channel: self.channel, offset })).await;
    }

    /// So many parts of its snapshot have left for it.
    pub(crate) async fn took(&self, parts: u32) {
        self.gateway.send(Up::Taken(pb::Taken { channel: self.channel, parts })).await;
    }

    pub(crate) async fn resize(&self, cols: u32, rows: u32) {
        let size = Some(pb::Size { cols, rows });
        self.gateway.send(Up::Resize(pb::Resize { channel: self.channel, size })).await;
    }

    /// It is fed in another way; waits until it is told so.
    pub(crate) async fn set_tier(&self, tier: pb::Tier) {
        let told = self.seen().told_tiers.len();
        let set = pb::SetTier { channel: self.channel, tier: tier.into() };
        self.gateway.send(Up::SetTier(set)).await;
        let last = self.until("its tier", |seen| seen.told_tiers.get(told).copied()).await;
        assert_eq!(last, tier);
    }

    pub(crate) async fn detach(&self, lost: bool) -> pb::Detached {
        self.gateway.send(Up::Detach(pb::Detach { channel: self.channel, lost })).await;
        self.detached().await
    }

    pub(crate) async fn detached(&self) -> pb::Detached {
        self.until("the detachment", |seen| seen.detached.clone()).await
    }

    pub(crate) async fn control(&self, action: pb::Action) -> Result<(), Refusal> {
        let request = self.gateway.request();
        let frame = pb::Control { request, channel: self.channel, action: action.into() };
        self.gateway.send(Up::Control(frame)).await;
        let done = self.gateway.answer(request, |heard| heard.done.get(&request).copied()).await?;
        assert_eq!((done.channel, done.action()), (self.channel, action));
        Ok(())
    }

    pub(crate) async fn sync(&self, offset: Option<u64>) -> pb::Attached {
        let request = self.gateway.request();
        self.gateway.send(Up::Sync(pb::Sync { request, channel: self.channel, offset })).await;
        let synced = |heard: &Heard| heard.attached.get(&request).cloned();
        self.gateway.answer(request, synced).await.unwrap()
    }

    /// From now on it parses nothing; answers up to where it has parsed.
    pub(crate) fn stop(&self) -> u64 {
        let mut heard = self.gateway.heard.lock().unwrap();
        let seen = heard.channels.entry(self.channel).or_default();
        seen.stopped = true;
        seen.end()
    }

    /// From now on it parses what it is sent, and what it was sent so far.
    pub(crate) async fn go_on(&self) {
        let end = {
            let mut heard = self.gateway.heard.lock().unwrap();
            let seen = heard.channels.entry(self.channel).or_default();
            seen.stopped = false;
            seen.end()
        };
        self.ack(end).await;
    }
}

/// The code that a status carries.
pub(crate) fn code(status: &tonic::Status) -> Code {
    from_status(status).code
}
