//! The gRPC service: what a gateway asks once. Every refusal becomes a status here, and nowhere
//! else. What is done goes on when the caller has gone away.

use std::{pin::Pin, sync::Arc};

use futures_util::Stream;
use termfleet_proto::{
    status::to_status,
    worker_v1::{self as pb, worker_server},
};
use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    ids::SessionId,
    record,
    role::{Actor, Operation},
};
use termfleet_store::Fence;
use tokio::sync::oneshot;
use tonic::{Request, Response, Status, Streaming};
use tracing::Span;

use crate::{
    admit, create,
    feed::Feed,
    keeper::{Read, Reader, Shown},
    link,
    screen::{Format, Rows},
    session::{Call, Command, Described, Reply, SessionHandle},
    sweep,
    worker::Context,
};

/// Rows of one answer, at most: what a gateway never asks for may still be asked for.
const MOST_ROWS: usize = 1_000;
/// The path of a link: a stream that lives as long as its gateway, and no call.
const LINK: &str = "/termfleet.worker.v1.Worker/Link";

/// The span of a gateway's call, a part of the trace that the gateway is in. Health checks and links
/// have none.
pub(crate) fn span(request: &http::Request<()>) -> Span {
    let path = request.uri().path();
    if path == LINK || !path.starts_with("/termfleet.") {
        return Span::none();
    }
    let span = tracing::debug_span!("worker call", "otel.kind" = "server", "rpc.method" = path);
    let traceparent = request.headers().get(traces::TRACEPARENT);
    traces::continue_from(&span, traceparent.and_then(|value| value.to_str().ok()));
    span
}

/// The service of one worker.
pub struct Service {
    context: Arc<Context>,
}

type Frames = Pin<Box<dyn Stream<Item = Result<pb::WorkerFrame, Status>> + Send>>;

#[tonic::async_trait]
impl worker_server::Worker for Service {
    type LinkStream = Frames;

    async fn link(
        &self,
        request: Request<Streaming<pb::GatewayFrame>>,
    ) -> Result<Response<Frames>, Status> {
        let outgoing = link::open(&self.context, request.into_inner());
        Ok(Response::new(Box::pin(outgoing.into_stream())))
    }

    async fn create(
        &self,
        request: Request<pb::CreateRequest>,
    ) -> Result<Response<pb::CreateResponse>, Status> {
        let creating = create::create(self.context.clone(), request.into_inner());
        // A task of its own: a caller that goes away half-way must not leave half a session.
        let creating = traces::within(Span::current(), creating);
        let created = self.context.tasks.spawn("create", creating).await;
        let record = created.map_err(|_| refused(Code::InternalError))?.map_err(refused)?;
        Ok(Response::new(pb::CreateResponse { record: Some((&record).into()) }))
    }

    async fn close(
        &self,
        request: Request<pb::CloseRequest>,
    ) -> Result<Response<pb::CloseResponse>, Status> {
        let pb::CloseRequest { session, actor, capability } = request.into_inner();
        let (id, actor) = self.admit(&session, actor, &capability).map_err(refused)?;
        let record = match self.context.registry.get(&id) {
            Some(session) => call(&session, &actor, Operation::Delete, Call::Close).await,
            None => self.close_elsewhere(&id, &actor).await,
        };
        let record = Some((&record.map_err(refused)?).into());
        Ok(Response::new(pb::CloseResponse { record }))
    }

    async fn suspend(
        &self,
        request: Request<pb::SuspendRequest>,
    ) -> Result<Response<pb::SuspendResponse>, Status> {
        let pb::SuspendRequest { session, actor, capability } = request.into_inner();
        let (session, actor) = self.find(&session, actor, &capability).await.map_err(refused)?;
        let record = call(&session, &actor, Operation::Write, Call::Suspend).await;
        let record = Some((&record.map_err(refused)?).into());
        Ok(Response::new(pb::SuspendResponse { record }))
    }

    async fn resume(
        &self,
        request: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        let pb::ResumeRequest { session, actor, capability } = request.into_inner();
        let (session, actor) = self.find(&session, actor, &capability).await.map_err(refused)?;
        let record = call(&session, &actor, Operation::Write, Call::Resume).await;
        let record = Some((&record.map_err(refused)?).into());
        Ok(Response::new(pb::ResumeResponse { record }))
    }

    async fn describe(
        &self,
        request: Request<pb::DescribeRequest>,
    ) -> Result<Response<pb::DescribeResponse>, Status> {
        let pb::DescribeRequest { session, actor, capability } = request.into_inner();
        let (session, actor) = self.find(&session, actor, &capability).await.map_err(refused)?;
        admit::may(&actor, Operation::Read, session.facts()).map_err(refused)?;
        let (reply, answer) = oneshot::channel();
        session.send(Command::Call(Call::Describe(reply))).await;
        let Described { record, stat, viewers } =
            answer.await.map_err(|_| refused(Code::SessionEnded))?;
        Ok(Response::new(pb::DescribeResponse {
            record: Some((&record).into()),
            cpu_ms: stat.as_ref().map(|stat| stat.cpu_ms),
            memory_bytes: stat.as_ref().map(|stat| stat.rss_bytes),
            viewers: u32::try_from(viewers).unwrap_or(u32::MAX),
        }))
    }

    async fn screen(
        &self,
        request: Request<pb::ScreenRequest>,
    ) -> Result<Response<pb::ScreenResponse>, Status> {
        let pb::ScreenRequest { session, actor, capability, format } = request.into_inner();
        let (session, actor) = self.find(&session, actor, &capability).await.map_err(refused)?;
        let format = match pb::ScreenFormat::try_from(format) {
            Ok(pb::ScreenFormat::Unspecified) => Format::Nothing,
            Ok(pb::ScreenFormat::Text) => Format::Text,
            Ok(pb::ScreenFormat::Ansi) => Format::Ansi,
            Ok(pb::ScreenFormat::Svg) => Format::Svg,
            Err(_) => return Err(refused(Code::BadMessage)),
        };
        let feed = session.feed();
        let shown = look(&session, &feed, &actor, Read::Screen(format)).await.map_err(refused)?;
        let Shown::Screen(picture, hash) = shown else {
            return Err(refused(Code::InternalError));
        };
        Ok(Response::new(pb::ScreenResponse {
            epoch: feed.epoch.get(),
            offset: picture.offset.get(),
            size: Some(picture.size.into()),
            hash,
            data: picture.data,
        }))
    }

    async fn history(
        &self,
        request: Request<pb::HistoryRequest>,
    ) -> Result<Response<pb::HistoryResponse>, Status> {
        let request = request.into_inner();
        let pb::HistoryRequest { session, actor, capability, before, lines, plain } = request;
        let (session, actor) = self.find(&session, actor, &capability).await.map_err(refused)?;
        let count = usize::try_from(lines).unwrap_or(usize::MAX).min(MOST_ROWS);
        let rows = Read::Rows { before, count, plain };
        let shown = look(&session, &session.feed(), &actor, rows).await.map_err(refused)?;
        let Shown::Rows(Rows { lines, before }) = shown else {
            return Err(refused(Code::InternalError));
        };
        let lines = lines.into_iter().map(Into::into).collect();
        Ok(Response::new(pb::HistoryResponse { lines, before }))
    }

    async fn sweep(
        &self,
        request: Request<pb::SweepRequest>,
    ) -> Result<Response<pb::SweepResponse>, Status> {
        let ended = sweep::sweep(&self.context, request.into_inner()).await.map_err(refused)?;
        Ok(Response::new(pb::SweepResponse { ended }))
    }

    async fn drain(
        &self,
        request: Request<pb::DrainRequest>,
    ) -> Result<Response<pb::DrainResponse>, Status> {
        let pb::DrainRequest { draining, actor, capability } = request.into_inner();
        let (context, own) = (&self.context, &self.context.owner.worker);
        let actor = admit::administrator(&context.capabilities, &capability, own, actor);
        let user = actor.map_err(refused)?.user;
        if context.told_to_drain.send_replace(draining) != draining {
            tracing::info!(%user, draining, "told whether to take new sessions");
        }
        Ok(Response::new(pb::DrainResponse { draining: context.is_draining() }))
    }
}

impl Service {
    pub(crate) fn new(context: Arc<Context>) -> Self {
        Self { context }
    }

    fn admit(
        &self,
        session: &str,
        actor: Option<pb::Actor>,
        capability: &str,
    ) -> Result<(SessionId, Actor), Refusal> {
        let id = session.parse().map_err(|_| Code::SessionNotFound)?;
        let actor = admit::actor(&self.context.capabilities, capability, &id, actor)?;
        Ok((id, actor))
    }

    async fn find(
        &self,
        session: &str,
        actor: Option<pb::Actor>,
        capability: &str,
    ) -> Result<(SessionHandle, Actor), Refusal> {
        let (id, actor) = self.admit(session, actor, capability)?;
        match self.context.registry.get(&id) {
            Some(session) => Ok((session, actor)),
            None => Err(link::elsewhere(&self.context, &id, &actor).await),
        }
    }

    /// Closes a session that does not run here: it may have ended, or be a record of ours whose
    /// shell the ptyhost has lost.
    async fn close_elsewhere(
        &self,
        id: &SessionId,
        actor: &Actor,
    ) -> Result<record::Session, Refusal> {
        let record = self.context.directory.get(id).await?.ok_or(Code::SessionNotFound)?;
        actor.may(Operation::Delete, &record.tenant, &record.user).map_err(admit::denied)?;
        if !record.status.is_alive() {
            return Ok(record);
        }
        let owner = self.context.owner.clone();
        if record.owner.as_ref() != Some(&owner) {
            return Err(Code::ServiceUnavailable.into());
        }
        let fence = Fence { owner, epoch: record.epoch };
        Ok(self.context.directory.close(id, &fence, None).await?)
    }
}

/// Asks a session for something that ends with its record.
async fn call(
    session: &SessionHandle,
    actor: &Actor,
    operation: Operation,
    call: impl FnOnce(Reply) -> Call,
) -> Result<record::Session, Refusal> {
    admit::may(actor, operation, session.facts())?;
    let (reply, answer) = oneshot::channel();
    session.send(Command::Call(call(reply))).await;
    answer.await.unwrap_or_else(|_| Err(Code::ServiceUnavailable.into()))
}

/// Reads a session's screen.
async fn look(
    session: &SessionHandle,
    feed: &Feed,
    actor: &Actor,
    what: Read,
) -> Result<Shown, Refusal> {
    admit::may(actor, Operation::Read, session.facts())?;
    let (answer, shown) = oneshot::channel();
    if !feed.desk.look(Reader { what, answer }) {
        let text = "too many read this screen at the same time";
        return Err(Refusal::new(Code::ResourceExhausted, text));
    }
    shown.await.map_err(|_| Code::SessionEnded.into())
}

fn refused(refusal: impl Into<Refusal>) -> Status {
    to_status(&refusal.into())
}
