//! The sweep that a gateway asks for: every session that lives is asked whether it is idle, and ends
//! itself if so (`cluster.md` §3).

use std::time::Duration;

use futures_util::{StreamExt, stream};
use termfleet_proto::worker_v1 as pb;
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    idle::SHORTEST,
};
use tokio::sync::oneshot;

use crate::{
    session::{Call, Command, SessionHandle},
    worker::Context,
};

/// Sessions that are asked at once: each idle one reads its record, and the store has other work.
const AT_ONCE: usize = 16;

/// Ends what is idle, if a gateway may ask for it; how many that is.
pub(crate) async fn sweep(context: &Context, request: pb::SweepRequest) -> Result<u32, Refusal> {
    let pb::SweepRequest { idle_ms, capability } = request;
    let worker = &context.owner.worker;
    let checked =
        context.capabilities.verify_sweep(&capability, worker, idle_ms, clock::now_unix());
    checked.map_err(|error| {
        tracing::debug!(%error, "a sweep was refused");
        error.code()
    })?;
    let limit = Duration::from_millis(idle_ms);
    if limit < SHORTEST {
        return Err(Refusal::new(Code::BadMessage, "idle_ms is below 1000"));
    }
    let live = context.registry.all().into_iter();
    let live = live.filter(|session| session.feed().ended().is_none());
    let asked = stream::iter(live.map(|session| ends(session, limit))).buffer_unordered(AT_ONCE);
    Ok(asked.fold(0, async |ended, ends| ended + u32::from(ends)).await)
}

/// Does it end? One that is over by now has ended otherwise.
async fn ends(session: SessionHandle, limit: Duration) -> bool {
    let (reply, answer) = oneshot::channel();
    session.send(Command::Call(Call::Sweep(limit, reply))).await;
    answer.await.unwrap_or(false)
}
