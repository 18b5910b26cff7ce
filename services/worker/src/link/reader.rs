//! What a gateway sends on one link: each frame is checked, then handed to the session that it is
//! about. Frames for channels that are over are ignored.

use std::sync::Arc;

use termfleet_proto::worker_v1::{self as pb, gateway_frame::Frame as FromGateway};
use termfleet_runtime::traces;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Attempt, Epoch, Offset, SessionId},
    limits::{MAX_INPUT_BYTES, SNAPSHOT_ROWS, Size},
    role::{Actor, Operation},
};
use tonic::Streaming;

use super::{Link, Request};
use crate::{
    admit,
    session::{Attach, Command, ViewerCommand},
    viewer::{Manner, Tier, Told, Viewer},
    worker::Context,
};

/// Reads until the stream ends, then tells every session that its viewers' sockets are lost.
pub(super) async fn read(
    context: Arc<Context>,
    link: Arc<Link>,
    mut inbound: Streaming<pb::GatewayFrame>,
) {
    loop {
        let message = tokio::select! {
            biased;
            () = link.over.cancelled() => break,
            message = inbound.message() => message,
        };
        match message {
            Ok(Some(pb::GatewayFrame { frame: Some(frame) })) => {
                take(&context, &link, frame).await;
            }
            // A newer gateway's frame that this build does not know.
            Ok(Some(pb::GatewayFrame { frame: None })) => {}
            Ok(None) => break,
            Err(status) => {
                tracing::debug!(%status, "link broke");
                break;
            }
        }
    }
    for viewer in link.end() {
        tell(&viewer, ViewerCommand::Detach { lost: true, answer: false }).await;
    }
}

async fn take(context: &Arc<Context>, link: &Arc<Link>, frame: FromGateway) {
    match frame {
        FromGateway::Attach(frame) => attach(context, link, frame).await,
        FromGateway::Detach(pb::Detach { channel, lost }) => {
            on(link, channel, ViewerCommand::Detach { lost, answer: true }).await;
        }
        FromGateway::Ack(pb::Ack { channel, offset }) => ack(link, channel, offset).await,
        FromGateway::Input(frame) => input(link, frame).await,
        FromGateway::Resize(pb::Resize { channel, size }) => resize(link, channel, size).await,
        FromGateway::Control(frame) => control(link, frame).await,
        FromGateway::Sync(frame) => sync(link, frame).await,
        FromGateway::Taken(pb::Taken { channel, parts }) => {
            if let Some(viewer) = link.viewer(channel) {
                viewer.parts_taken(parts);
            }
        }
        FromGateway::Beat(pb::Beat { at_ms: _ }) => {}
        FromGateway::SetTier(pb::SetTier { channel, tier }) => {
            on(link, channel, ViewerCommand::Tier(Tier::from_frame(tier))).await;
        }
    }
}

async fn attach(context: &Arc<Context>, link: &Arc<Link>, frame: pb::Attach) {
    let Some(request) = request(link, frame.request, None).await else { return };
    match parse(context, frame) {
        Err(refusal) => request.refuse(&refusal),
        Ok((id, attach)) => match context.registry.get(&id) {
            Some(session) => {
                if let Err(refusal) = admit::may(&attach.actor, Operation::Read, session.facts()) {
                    return request.refuse(&refusal);
                }
                // An actor that has ended drops the request, which answers it.
                session.send(Command::Attach(Box::new(attach), request)).await;
            }
            None => {
                let context = context.clone();
                context.tasks.clone().spawn("attach-elsewhere", async move {
                    request.refuse(&elsewhere(&context, &id, &attach.actor).await);
                });
            }
        },
    }
}

fn parse(context: &Context, frame: pb::Attach) -> Result<(SessionId, Attach), Refusal> {
    let pb::Attach {
        request: _,
        session,
        actor,
        capability,
        client_id,
        attempt,
        epoch,
        offset,
        tier,
        size,
        snapshot_rows,
        watch_only,
        traceparent,
        redraw_rows,
        reports_parts,
    } = frame;
    let bad = |what: &str| Refusal::new(Code::BadMessage, format!("{what} is not valid"));
    // An id that cannot be one answers like one that is nobody's.
    let id: SessionId = session.parse().map_err(|_| Code::SessionNotFound)?;
    let actor = admit::actor(&context.capabilities, &capability, &id, actor)?;
    let at = match (epoch, offset) {
        (Some(epoch), Some(offset)) => Some((Epoch::new(epoch), Offset::new(offset))),
        (None, None) => None,
        _ => return Err(bad("epoch without offset, or offset without epoch,")),
    };
    let size = size.map(Size::try_from).transpose().map_err(admit::malformed)?;
    let client = client_id.parse().map_err(|_| bad("clientId"))?;
    let (attempt, tier) = (Attempt::new(attempt), Tier::from_frame(tier));
    let snapshot = snapshot_rows.min(SNAPSHOT_ROWS);
    let redraw = redraw_rows.map_or(snapshot, |rows| rows.min(SNAPSHOT_ROWS));
    let manner = Manner { snapshot, redraw, reports_parts };
    let span = tracing::debug_span!("attach", "otel.kind" = "server", session = %id);
    traces::continue_from(&span, traceparent.as_deref());
    Ok((id, Attach { actor, client, attempt, at, tier, size, manner, watch_only, span }))
}

/// Why a session that is not here cannot be attached to.
pub(crate) async fn elsewhere(context: &Context, id: &SessionId, actor: &Actor) -> Refusal {
    let record = match context.directory.get(id).await {
        Ok(Some(record)) => record,
        Ok(None) => return Code::SessionNotFound.into(),
        Err(error) => return error.into(),
    };
    if actor.may(Operation::Read, &record.tenant, &record.user).is_err() {
        return Code::SessionNotFound.into();
    }
    if record.status.is_alive() {
        // It is another worker's, or about to be somebody's.
        return Refusal::from(Code::ServiceUnavailable).retry_after(RETRY_ELSEWHERE_MS);
    }
    Code::SessionEnded.into()
}

/// When to ask again for a session that moves: a claim takes a few round trips to the store.
const RETRY_ELSEWHERE_MS: u64 = 200;

async fn ack(link: &Arc<Link>, channel: u64, offset: u64) {
    let Some(viewer) = link.viewer(channel) else { return };
    if let Err(error) = viewer.ack(Offset::new(offset)) {
        tracing::debug!(%error, channel, "detached for its acknowledgement");
        tell(&viewer, ViewerCommand::Evict(Code::BadMessage)).await;
    }
}

async fn input(link: &Arc<Link>, frame: pb::Input) {
    let pb::Input { channel, offset, data } = frame;
    let Some(viewer) = link.viewer(channel) else { return };
    if data.len() > MAX_INPUT_BYTES {
        return viewer.tell(Told::Refused((&Refusal::from(Code::MessageTooLarge)).into()));
    }
    tell(&viewer, ViewerCommand::Input { offset: offset.map(Offset::new), bytes: data }).await;
}

async fn resize(link: &Arc<Link>, channel: u64, size: Option<pb::Size>) {
    let Some(viewer) = link.viewer(channel) else { return };
    match size.map(Size::try_from) {
        Some(Ok(size)) => tell(&viewer, ViewerCommand::Resize(size)).await,
        _ => {
            let refusal = Refusal::new(Code::BadMessage, "the size is not 2-1000 by 1-500");
            viewer.tell(Told::Refused((&refusal).into()));
        }
    }
}

async fn control(link: &Arc<Link>, frame: pb::Control) {
    let pb::Control { request: number, channel, action } = frame;
    let Some(viewer) = link.viewer(channel) else { return };
    let Some(request) = request(link, number, Some(channel)).await else { return };
    match pb::Action::try_from(action) {
        Ok(action) if action != pb::Action::Unspecified => {
            tell(&viewer, ViewerCommand::Control(action, request)).await;
        }
        _ => request.refuse(&Refusal::new(Code::BadMessage, "there is no such action")),
    }
}

async fn sync(link: &Arc<Link>, frame: pb::Sync) {
    let pb::Sync { request: number, channel, offset } = frame;
    let Some(viewer) = link.viewer(channel) else { return };
    let Some(request) = request(link, number, Some(channel)).await else { return };
    tell(&viewer, ViewerCommand::Sync(offset.map(Offset::new), request)).await;
}

/// A place for a request; `None` when the link is over.
async fn request(link: &Arc<Link>, number: u64, channel: Option<u64>) -> Option<Request> {
    tokio::select! {
        () = link.over.cancelled() => None,
        permit = link.requests.clone().acquire_owned() => {
            Some(Request::new(link, number, channel, permit.ok()?))
        }
    }
}

async fn on(link: &Arc<Link>, channel: u64, command: ViewerCommand) {
    if let Some(viewer) = link.viewer(channel) {
        tell(&viewer, command).await;
    }
}

/// Hands a command to a viewer's session. A session that is over has nobody to tell, and its
/// viewers have heard of its end.
async fn tell(viewer: &Arc<Viewer>, command: ViewerCommand) {
    viewer.session.send(Command::Viewer(viewer.number, command)).await;
}
