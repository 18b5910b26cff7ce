//! Between generated gRPC types and the domain's. Every proto message is taken apart field by
//! field, so that a new field does not compile until somebody decided what it means.

use jiff::Timestamp;
use termfleet_session::{
    ids::{ChannelId, Epoch, Offset},
    limits::Size,
    record::{Cause, Counters, Exit, Mode, Owner, Session},
    role::{Actor, Role},
    state::Status,
};

use crate::{
    worker_v1 as pb,
    ws::{
        frame::{REASONS, Reason},
        v1::{Action, Attached, Tier},
    },
};

/// A message from another process that does not mean anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the field {field} is missing or not valid")]
pub struct Malformed {
    /// Which field.
    pub field: &'static str,
}

fn malformed(field: &'static str) -> Malformed {
    Malformed { field }
}

fn parse<T: std::str::FromStr>(text: &str, field: &'static str) -> Result<T, Malformed> {
    text.parse().map_err(|_| malformed(field))
}

fn parse_some<T: std::str::FromStr>(
    text: Option<String>,
    field: &'static str,
) -> Result<Option<T>, Malformed> {
    text.map(|text| parse(&text, field)).transpose()
}

fn millis(at: Timestamp) -> u64 {
    u64::try_from(at.as_millisecond()).unwrap_or_default()
}

fn timestamp(ms: u64, field: &'static str) -> Result<Timestamp, Malformed> {
    let ms = i64::try_from(ms).map_err(|_| malformed(field))?;
    Timestamp::from_millisecond(ms).map_err(|_| malformed(field))
}

impl From<Size> for pb::Size {
    fn from(size: Size) -> Self {
        Self { cols: size.cols.into(), rows: size.rows.into() }
    }
}

impl TryFrom<pb::Size> for Size {
    type Error = Malformed;
    fn try_from(size: pb::Size) -> Result<Self, Malformed> {
        let pb::Size { cols, rows } = size;
        Self::new(cols.into(), rows.into()).ok_or(malformed("size"))
    }
}

impl From<&Actor> for pb::Actor {
    fn from(actor: &Actor) -> Self {
        let Actor { user, tenant, role } = actor;
        Self { tenant: tenant.to_string(), user: user.to_string(), role: role.name().to_owned() }
    }
}

impl TryFrom<pb::Actor> for Actor {
    type Error = Malformed;
    fn try_from(actor: pb::Actor) -> Result<Self, Malformed> {
        let pb::Actor { tenant, user, role } = actor;
        Ok(Self {
            user: parse(&user, "actor.user")?,
            tenant: parse(&tenant, "actor.tenant")?,
            role: Role::from_name(&role).ok_or(malformed("actor.role"))?,
        })
    }
}

impl From<Tier> for pb::Tier {
    fn from(tier: Tier) -> Self {
        match tier {
            Tier::Auto => Self::Auto,
            Tier::Live => Self::Live,
            Tier::Preview => Self::Preview,
            Tier::Events => Self::Events,
        }
    }
}

impl From<pb::Tier> for Tier {
    fn from(tier: pb::Tier) -> Self {
        match tier {
            pb::Tier::Auto => Self::Auto,
            pb::Tier::Unspecified | pb::Tier::Live => Self::Live,
            pb::Tier::Preview => Self::Preview,
            pb::Tier::Events => Self::Events,
        }
    }
}

/// The reason as gRPC has it; the numbers are the WebSocket's.
#[must_use]
pub fn reason_to_pb(reason: Option<Reason>) -> i32 {
    reason.map_or(0, |reason| i32::from(reason as u8))
}

/// The reason, if there is one. One that this build does not know is `asked`: it is never wrong to
/// take a snapshot.
#[must_use]
pub fn reason_from_pb(reason: i32) -> Option<Reason> {
    let at = usize::try_from(reason).ok()?.checked_sub(1)?;
    Some(REASONS.get(at).copied().unwrap_or(Reason::Asked))
}

impl From<Action> for pb::Action {
    fn from(action: Action) -> Self {
        match action {
            Action::Take => Self::Take,
            Action::Release => Self::Release,
            Action::Interrupt => Self::Interrupt,
            Action::Clear => Self::Clear,
            Action::Kill => Self::Kill,
            Action::Restart => Self::Restart,
        }
    }
}

impl TryFrom<pb::Action> for Action {
    type Error = Malformed;
    fn try_from(action: pb::Action) -> Result<Self, Malformed> {
        match action {
            pb::Action::Unspecified => Err(malformed("action")),
            pb::Action::Take => Ok(Self::Take),
            pb::Action::Release => Ok(Self::Release),
            pb::Action::Interrupt => Ok(Self::Interrupt),
            pb::Action::Clear => Ok(Self::Clear),
            pb::Action::Kill => Ok(Self::Kill),
            pb::Action::Restart => Ok(Self::Restart),
        }
    }
}

impl TryFrom<pb::Attached> for Attached {
    type Error = Malformed;
    /// The channel numbers stay the link's; the gateway puts its socket's in their place.
    fn try_from(attached: pb::Attached) -> Result<Self, Malformed> {
        let pb::Attached {
            request: _,
            replaces,
            channel,
            session,
            epoch,
            offset,
            head,
            recovered,
            reason,
            driver,
            next_input_offset,
            size,
            status,
            tier,
        } = attached;
        let size = Size::try_from(size.ok_or(malformed("size"))?)?;
        Ok(Self {
            channel: ChannelId::new(channel),
            replaces: replaces.map(ChannelId::new),
            session_id: session,
            epoch: Epoch::new(epoch),
            offset: Offset::new(offset),
            head: Offset::new(head),
            recovered,
            reason: reason_from_pb(reason),
            driver,
            next_input_offset: Offset::new(next_input_offset),
            cols: size.cols,
            rows: size.rows,
            status,
            tier: pb::Tier::try_from(tier).unwrap_or(pb::Tier::Live).into(),
        })
    }
}

impl From<&Session> for pb::SessionRecord {
    fn from(session: &Session) -> Self {
        let owner = session.owner.as_ref();
        Self {
            id: session.id.to_string(),
            tenant: session.tenant.to_string(),
            project: session.project.to_string(),
            user: session.user.to_string(),
            alias: session.alias.as_ref().map(ToString::to_string),
            worker: owner.map(|owner| owner.worker.to_string()),
            incarnation: owner.map(|owner| owner.incarnation.to_string()),
            epoch: session.epoch.get(),
            status: session.status.name().to_owned(),
            mode: session.mode.name().to_owned(),
            tab_name: session.tab_name.clone(),
            layout: session.layout.clone(),
            theme: session.theme.clone(),
            labels: session.labels.clone().into_iter().collect(),
            shell: session.shell.clone(),
            current_path: session.current_path.clone(),
            environment: session.environment.clone().into_iter().collect(),
            size: Some(session.size.into()),
            process_id: session.process_id,
            created_at_ms: millis(session.created_at),
            updated_at_ms: millis(session.updated_at),
            last_activity_at_ms: millis(session.last_activity_at),
            suspended_at_ms: session.suspended_at.map(millis),
            bytes_in: session.counters.bytes_in,
            bytes_out: session.counters.bytes_out,
            exit_code: session.exit.and_then(|exit| exit.code),
            exit_signal: session.exit.and_then(|exit| exit.signal),
            exited: session.exit.is_some(),
            ended_by: session.ended_by.map(|cause| cause.name().to_owned()),
        }
    }
}

impl TryFrom<pb::SessionRecord> for Session {
    type Error = Malformed;
    fn try_from(record: pb::SessionRecord) -> Result<Self, Malformed> {
        let pb::SessionRecord {
            id,
            tenant,
            project,
            user,
            alias,
            worker,
            incarnation,
            epoch,
            status,
            mode,
            tab_name,
            layout,
            theme,
            labels,
            shell,
            current_path,
            environment,
            size,
            process_id,
            created_at_ms,
            updated_at_ms,
            last_activity_at_ms,
            suspended_at_ms,
            bytes_in,
            bytes_out,
            exit_code,
            exit_signal,
            exited,
            ended_by,
        } = record;
        let suspended_at = suspended_at_ms.map(|ms| timestamp(ms, "suspended_at")).transpose()?;
        Ok(Self {
            id: parse(&id, "id")?,
            tenant: parse(&tenant, "tenant")?,
            project: parse(&project, "project")?,
            user: parse(&user, "user")?,
            alias: parse_some(alias, "alias")?,
            owner: owner(worker, incarnation)?,
            epoch: Epoch::new(epoch),
            status: Status::from_name(&status).ok_or(malformed("status"))?,
            mode: Mode::from_name(&mode).ok_or(malformed("mode"))?,
            tab_name,
            layout,
            theme,
            labels: labels.into_iter().collect(),
            shell,
            current_path,
            environment: environment.into_iter().collect(),
            size: size.ok_or(malformed("size"))?.try_into()?,
            process_id,
            created_at: timestamp(created_at_ms, "created_at")?,
            updated_at: timestamp(updated_at_ms, "updated_at")?,
            last_activity_at: timestamp(last_activity_at_ms, "last_activity_at")?,
            suspended_at,
            counters: Counters { bytes_in, bytes_out },
            exit: exited.then_some(Exit { code: exit_code, signal: exit_signal }),
            // A later version may know of others.
            ended_by: ended_by.as_deref().and_then(Cause::from_name),
        })
    }
}

fn owner(worker: Option<String>, incarnation: Option<String>) -> Result<Option<Owner>, Malformed> {
    match (worker, incarnation) {
        (None, None) => Ok(None),
        (Some(worker), Some(incarnation)) => Ok(Some(Owner {
            worker: parse(&worker, "worker")?,
            incarnation: parse(&incarnation, "incarnation")?,
        })),
        _ => Err(malformed("owner")),
    }
}
