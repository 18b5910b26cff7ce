//! The scripted worker's half of the wire.

use std::pin::Pin;

use futures_util::{Stream, StreamExt, stream};
use termfleet_proto::{
    status::to_status,
    worker_v1::{
        self as pb, GatewayFrame, WorkerFrame, gateway_frame, worker_frame::Frame,
        worker_server::Worker,
    },
};
use termfleet_session::{code::Code, record::Session, state::Status as Stand};
use termfleet_store::{Change, Directory, Fence};
use tokio::sync::mpsc;
use tonic::{Request, Response, Status, Streaming};

use super::Fake;
use crate::world::record;

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
        let store = {
            let mut state = self.lock();
            state.created += 1;
            state.store.clone().unwrap()
        };
        let session = store.commit(session).await.unwrap();
        Ok(Response::new(pb::CreateResponse { record: Some((&session).into()) }))
    }

    async fn drain(
        &self,
        request: Request<pb::DrainRequest>,
    ) -> Result<Response<pb::DrainResponse>, Status> {
        let draining = request.into_inner().draining;
        self.lock().draining = draining;
        Ok(Response::new(pb::DrainResponse { draining }))
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
        request: Request<pb::SuspendRequest>,
    ) -> Result<Response<pb::SuspendResponse>, Status> {
        let session = self.turn(&request.into_inner().session, Stand::Suspended).await?;
        Ok(Response::new(pb::SuspendResponse { record: Some((&session).into()) }))
    }

    async fn resume(
        &self,
        request: Request<pb::ResumeRequest>,
    ) -> Result<Response<pb::ResumeResponse>, Status> {
        let session = self.turn(&request.into_inner().session, Stand::Active).await?;
        Ok(Response::new(pb::ResumeResponse { record: Some((&session).into()) }))
    }

    async fn describe(
        &self,
        request: Request<pb::DescribeRequest>,
    ) -> Result<Response<pb::DescribeResponse>, Status> {
        let id = request.into_inner().session;
        let (store, viewers) = {
            let mut state = self.lock();
            *state.described.entry(id.clone()).or_default() += 1;
            (state.store.clone().unwrap(), state.channels_of(&id).len() as u32)
        };
        let session = store.get(&id.parse().unwrap()).await.unwrap().unwrap();
        let record = Some((&session).into());
        let memory_bytes = Some(4096);
        Ok(Response::new(pb::DescribeResponse { record, viewers, memory_bytes, cpu_ms: None }))
    }

    async fn screen(
        &self,
        request: Request<pb::ScreenRequest>,
    ) -> Result<Response<pb::ScreenResponse>, Status> {
        let pb::ScreenRequest { session, format, .. } = request.into_inner();
        let mut state = self.lock();
        Ok(Response::new(pb::ScreenResponse {
            epoch: state.shell(&session).epoch,
            offset: 5,
            size: Some(pb::Size { cols: 80, rows: 24 }),
            hash: 0xc0ffee,
            data: format!("shown as {format}").into(),
        }))
    }

    async fn history(
        &self,
        request: Request<pb::HistoryRequest>,
    ) -> Result<Response<pb::HistoryResponse>, Status> {
        let pb::HistoryRequest { before, lines, plain, .. } = request.into_inner();
        // As if there were 1,000 rows.
        let end = before.unwrap_or(1_000);
        let begin = end.saturating_sub(lines.into());
        let row = |row| format!("row {row}, plain: {plain}").into();
        let before = (begin > 0).then_some(begin);
        Ok(Response::new(pb::HistoryResponse { lines: (begin..end).map(row).collect(), before }))
    }

    async fn sweep(
        &self,
        _: Request<pb::SweepRequest>,
    ) -> Result<Response<pb::SweepResponse>, Status> {
        // Nothing here lives long enough to be idle.
        Ok(Response::new(pb::SweepResponse { ended: 0 }))
    }
}

impl Fake {
    /// Was it told to take no new sessions?
    pub(crate) fn is_draining(&self) -> bool {
        self.lock().draining
    }

    /// Notes that a session is stopped, or goes on; unless a test wants it refused.
    async fn turn(&self, id: &str, to: Stand) -> Result<Session, Status> {
        if let Some(refusal) = self.lock().shell(id).immovable.clone() {
            return Err(to_status(&refusal));
        }
        let store = self.lock().store.clone().unwrap();
        let session = store.get(&id.parse().unwrap()).await.unwrap().unwrap();
        let fence = Fence { owner: session.owner.unwrap(), epoch: session.epoch };
        let change = Change { status: Some(to), ..Change::default() };
        Ok(store.update(&session.id, &fence, change).await.unwrap())
    }
}
