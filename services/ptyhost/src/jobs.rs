//! What a worker asks for that starts or ends processes, or looks at them.

use std::{os::fd::OwnedFd, sync::Arc, time::Duration};

use bytes::Bytes;
use rustix::process::Signal;
use termfleet_session::code::{Code, Refusal};
use tokio::{task::spawn_blocking, time::timeout};
use tracing::info;

use crate::{
    host::Host,
    proc::Birth,
    protocol::{
        Key, MAX_RECORD_BYTES, Request, Response, SESSION_VARIABLE, SignalTarget, SpawnStep, Stat,
    },
    pty::{Program, SpawnError},
    pump, reading,
    reap::{self, Target},
    ring::RingWriter,
    session::{Phase, Session},
};

/// How long a kill waits for the last output behind the last process.
const DRAIN_WITHIN: Duration = Duration::from_secs(1);

/// Starts a shell: its number and its ring, or what to answer.
pub(crate) fn spawn(
    host: &Arc<Host>,
    request: Request,
    record: Bytes,
) -> Result<(u32, Arc<OwnedFd>), Response> {
    let Request::Spawn { key, argv, mut env, cwd, size } = request else {
        return Err(refused(Code::BadMessage.into()));
    };
    if argv.is_empty() || record.len() > MAX_RECORD_BYTES {
        return Err(refused(Code::BadMessage.into()));
    }
    host.vacant(&key).map_err(refused)?;
    env.push((SESSION_VARIABLE.to_owned(), key.session.to_string()));
    let ring = RingWriter::create(host.ring_bytes).map_err(|e| {
        let errno = e.raw_os_error().unwrap_or_default();
        failed(&SpawnError { step: SpawnStep::Pty, errno })
    })?;
    let open_files = host.open_files;
    let program = Program { argv: &argv, env: &env, cwd: &cwd, size, open_files };
    let (master, pid) = program.spawn().map_err(|e| failed(&e))?;
    let (shell, readable) = (Birth::of(pid), ring.readable());
    info!(session = %key.session, epoch = %key.epoch, pid = shell.pid, "shell started");
    let outbox = host.outbox.clone();
    let session = Arc::new(Session::new(key, shell, (master, size), ring, record, outbox));
    host.hold(session.clone());
    host.tasks.spawn(pump::run(session));
    Ok((shell.pid, readable))
}

fn failed(error: &SpawnError) -> Response {
    info!(step = ?error.step, errno = error.errno, "spawn failed");
    Response::SpawnFailed { step: error.step, errno: error.errno }
}

fn refused(refusal: Refusal) -> Response {
    Response::Refused { code: refusal.code, text: refusal.text, current: refusal.current }
}

/// The signal of a number.
pub(crate) fn named(signal: i32) -> Result<Signal, Refusal> {
    Signal::from_named_raw(signal)
        .ok_or_else(|| Refusal::new(Code::BadMessage, "there is no such signal"))
}

/// Does a request that takes time.
pub(crate) async fn run(host: &Arc<Host>, request: Request) -> Result<Response, Refusal> {
    match request {
        Request::Kill { key } => kill(host, &key).await,
        Request::Forget { key } => forget(host, &key).await,
        Request::Stat { key, reading: true, .. } => reading(host, &key).await.map(Response::Stat),
        Request::Stat { key, .. } => stat(host, &key).await.map(Response::Stat),
        Request::Signal { key, target: SignalTarget::Session, signal } => {
            signal_all(host, &key, named(signal)?).await
        }
        Request::Reset => {
            end_everything(host).await;
            Ok(Response::Reset { incarnation: host.reset() })
        }
        Request::End => {
            end_everything(host).await;
            Ok(Response::Done)
        }
        // Everything else is answered at once, by the connection.
        _ => Err(Code::BadMessage.into()),
    }
}

async fn kill(host: &Arc<Host>, key: &Key) -> Result<Response, Refusal> {
    let session = host.find(key)?;
    session.doom(true);
    reap::end(&Target::Session(key.session.clone()), || host.marks()).await;
    let _ = timeout(DRAIN_WITHIN, session.over.cancelled()).await;
    session.doom(false);
    Ok(Response::Done)
}

/// Drops a session whose shell has ended, and what it left running.
async fn forget(host: &Arc<Host>, key: &Key) -> Result<Response, Refusal> {
    let session = host.find(key)?;
    if !matches!(session.phase(), Phase::Ended(_)) {
        return Err(Refusal::new(Code::VersionConflict, "its shell still runs: kill it first"));
    }
    session.doom(true);
    reap::end(&Target::Session(key.session.clone()), || host.marks()).await;
    host.forget(key);
    Ok(Response::Done)
}

async fn reading(host: &Arc<Host>, key: &Key) -> Result<Stat, Refusal> {
    let session = host.find(key)?;
    let shell = session.mark().shell;
    let Some(master) = session.master() else { return Ok(Stat::default()) };
    let looked = spawn_blocking(move || reading::look(&master, shell)).await;
    Ok(Stat { reading: looked.ok().flatten(), ..Stat::default() })
}

async fn stat(host: &Arc<Host>, key: &Key) -> Result<Stat, Refusal> {
    let session = host.find(key)?;
    let census = host.censuses.fresh(&host.sessions()).await.ok_or(Code::InternalError)?;
    let foreground = session.master().and_then(|master| master.foreground().ok());
    let foreground = foreground.map(|group| group.as_raw_nonzero().get().unsigned_abs());
    Ok(census.stat(&session.mark(), foreground))
}

async fn signal_all(host: &Arc<Host>, key: &Key, signal: Signal) -> Result<Response, Refusal> {
    host.find(key)?;
    let target = Target::Session(key.session.clone());
    if reap::signal(&target, host.marks(), signal).await {
        Ok(Response::Done)
    } else {
        Err(Code::ProcessNotFound.into())
    }
}

async fn end_everything(host: &Arc<Host>) {
    host.doom();
    reap::end(&Target::Everything, || host.marks()).await;
}
