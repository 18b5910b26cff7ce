//! Creating a session: the shell is started, then its record committed, only if its reservation
//! still stands; else the shell is killed (`cluster.md` §3).

use std::sync::Arc;

use jiff::Timestamp;
use termfleet_proto::worker_v1 as pb;
use termfleet_ptyhost::client::{SizeAt, Spawn, Spawned};
use termfleet_runtime::clock;
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Epoch, Offset, ProjectId, SessionId},
    limits::{DEFAULT_SIZE, Size},
    record::{self, Config, Counters, Mode},
    role::{Actor, Operation},
    state::Status,
};
use tokio::sync::{Notify, mpsc};

use crate::{
    admit,
    feed::Feed,
    registry::Place,
    session::{Command, News, Session, SessionHandle, Start, encode, mailbox},
    spawn::{self, Plan, Wish},
    worker::Context,
};

struct Create {
    id: SessionId,
    actor: Actor,
    project: ProjectId,
    path: Option<String>,
    config: Config,
}

/// Creates a session; answers its record as it was committed.
pub(crate) async fn create(
    context: Arc<Context>,
    request: pb::CreateRequest,
) -> Result<record::Session, Refusal> {
    let create = parse(&context, request)?;
    if context.is_draining() {
        return Err(Code::ServiceUnavailable.into());
    }
    let place = context.registry.reserve(&create.id)?;
    let _starting = context.metrics.session(Status::Initializing);
    let plan = spawn::plan(&context.config, &create.wish()).await?;
    let mut record = create.record(&context, &plan);
    let spawn = Spawn {
        session: record.id.clone(),
        epoch: record.epoch,
        record: encode(&record),
        argv: plan.argv,
        env: plan.env,
        cwd: plan.cwd,
        size: record.size,
    };
    let spawned = context.client.spawn(spawn).await.map_err(|refused| {
        tracing::info!(error = %refused, session = %record.id, "no shell");
        spawn::refusal(&refused)
    })?;
    record.process_id = Some(spawned.pid);
    commit(&context, place, record, spawned).await
}

fn parse(context: &Context, request: pb::CreateRequest) -> Result<Create, Refusal> {
    let pb::CreateRequest {
        session,
        actor,
        capability,
        project,
        project_path,
        shell,
        mode,
        size,
        environment,
        tab_name,
        labels,
        layout,
        theme,
        alias,
        // The store has its own clock, and judges by that.
        reserved_at_ms: _,
    } = request;
    let bad = |field: &str| Refusal::new(Code::BadMessage, format!("{field} is not valid"));
    let id: SessionId = session.parse().map_err(|_| bad("session"))?;
    let actor = admit::actor(&context.capabilities, &capability, &id, actor)?;
    if !actor.role.allows(Operation::Create) {
        return Err(Code::Forbidden.into());
    }
    let config = Config {
        tab_name,
        shell,
        mode: Mode::from_name(&mode).ok_or(bad("mode"))?,
        size: size.map(Size::try_from).transpose().map_err(admit::malformed)?,
        environment: environment.into_iter().collect(),
        backend: None,
        labels: labels.into_iter().collect(),
        layout,
        theme,
        alias: alias.map(|alias| alias.parse()).transpose().map_err(|_| bad("alias"))?,
    };
    config.check()?;
    let project = project.parse().map_err(|_| bad("project"))?;
    Ok(Create { id, actor, project, path: project_path, config })
}

impl Create {
    fn wish(&self) -> Wish<'_> {
        Wish {
            tenant: &self.actor.tenant,
            project: &self.project,
            path: self.path.as_deref(),
            shell: self.config.shell.as_deref(),
            mode: self.config.mode,
            environment: &self.config.environment,
        }
    }

    fn record(self, context: &Context, plan: &Plan) -> record::Session {
        let Self { id, actor, project, path: _, config } = self;
        let now_ms = clock::now_ms();
        // Whole milliseconds, as records keep them everywhere.
        let now = Timestamp::from_millisecond(now_ms.cast_signed()).unwrap_or_default();
        let command = plan.argv.first().cloned().unwrap_or_default();
        record::Session {
            id,
            tenant: actor.tenant,
            project,
            user: actor.user,
            alias: config.alias,
            owner: Some(context.owner.clone()),
            epoch: Epoch::default().next(now_ms),
            status: Status::Active,
            mode: config.mode,
            tab_name: config.tab_name.unwrap_or_else(|| tab_name(&command)),
            layout: config.layout,
            theme: config.theme,
            labels: config.labels,
            shell: command,
            current_path: plan.cwd.clone(),
            environment: config.environment,
            size: config.size.unwrap_or(DEFAULT_SIZE),
            process_id: None,
            created_at: now,
            updated_at: now,
            last_activity_at: now,
            suspended_at: None,
            counters: Counters::default(),
            exit: None,
            ended_by: None,
        }
    }
}

/// What a tab says that nobody named: its command.
fn tab_name(command: &str) -> String {
    command.rsplit('/').next().unwrap_or(command).to_owned()
}

/// What a session's actor is made of, before it runs.
pub(crate) struct Prepared {
    pub(crate) handle: SessionHandle,
    pub(crate) feed: Arc<Feed>,
    pub(crate) commands: mpsc::Receiver<Command>,
}

/// A handle with its mailbox: whoever sends before the actor runs is heard when it does.
pub(crate) fn prepare(
    record: &record::Session,
    spawned: Spawned,
    sizes: Vec<SizeAt>,
    limit: Offset,
) -> Prepared {
    let pace = Arc::new(Notify::new());
    let feed = Arc::new(Feed::new(record.epoch, spawned.ring, sizes, limit, pace.clone()));
    let (sender, commands) = mailbox();
    let handle = SessionHandle::new(record, sender, pace, feed.clone());
    Prepared { handle, feed, commands }
}

async fn commit(
    context: &Arc<Context>,
    place: Place,
    record: record::Session,
    spawned: Spawned,
) -> Result<record::Session, Refusal> {
    let sizes = vec![SizeAt { offset: Offset::new(0), size: record.size }];
    let limit = Offset::new(spawned.ring.capacity());
    let Prepared { handle, feed, commands } = prepare(&record, spawned, sizes, limit);
    // Known before it is committed: others may ask for it from that moment on.
    let early = place.fill(handle.clone());
    let epoch = record.epoch;
    let committed = match context.directory.commit(record).await {
        Ok(committed) => committed,
        Err(error) => {
            tracing::info!(%error, session = %handle.facts().id, "not committed");
            context.registry.remove(&handle);
            undo(context, &handle.facts().id, epoch).await;
            return Err(error.into());
        }
    };
    context.metrics.created.inc();
    let start =
        Start { record: committed.clone(), feed, handle: handle.clone(), commands, adopted: false };
    Session::start(context, start);
    if let Some((epoch, ended)) = early {
        handle.send(Command::PtyHost(News::Exited { epoch, ended })).await;
    }
    Ok(committed)
}

/// Ends a shell that nobody will have.
pub(crate) async fn undo(context: &Context, id: &SessionId, epoch: Epoch) {
    if let Err(error) = context.client.kill(id, epoch).await {
        tracing::warn!(%error, session = %id, "kill refused");
    }
    if let Err(error) = context.client.forget(id, epoch).await {
        tracing::debug!(%error, session = %id, "forget refused");
    }
}
