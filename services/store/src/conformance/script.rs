//! Who plays in the suite: plans of sessions, workers, and the two or three steps that most
//! promises begin with.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::Timestamp;
use termfleet_session::{
    ids::{Epoch, Incarnation, SessionId, Tag},
    limits::DEFAULT_SIZE,
    record::{Counters, Mode, Owner, Session},
    state::Status,
};
use tokio::task::JoinSet;

use super::Stage;
use crate::{
    directory::{Directory, Fence, Limits, Reservation},
    error::StoreError,
    page::Page,
};

/// 2020-01-01, in seconds: when the first session of the suite was created, by its worker's clock.
/// Earlier than any store's present, so that the two are told apart.
const FIRST_CREATED: i64 = 1_577_836_800;
/// The epoch of a first shell.
pub(crate) const FIRST: Epoch = Epoch::new(1);

/// Numbers ids, so that no two are alike, and times of creation, so that they follow each other.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A session that somebody wants.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    tenant: &'static str,
    project: String,
    user: &'static str,
    alias: Option<String>,
    limits: Limits,
}

impl Plan {
    /// Ann of acme wants a session in her shop, with the limits that are usual.
    pub(crate) fn new() -> Self {
        let limits = Limits { per_project: 10, per_user: 20 };
        Self { tenant: "acme", project: "shop".into(), user: "ann", alias: None, limits }
    }

    pub(crate) fn tenant(self, tenant: &'static str) -> Self {
        Self { tenant, ..self }
    }

    pub(crate) fn project(self, project: impl Into<String>) -> Self {
        Self { project: project.into(), ..self }
    }

    pub(crate) fn user(self, user: &'static str) -> Self {
        Self { user, ..self }
    }

    pub(crate) fn alias(self, alias: impl Into<String>) -> Self {
        Self { alias: Some(alias.into()), ..self }
    }

    pub(crate) fn limits(self, per_project: u32, per_user: u32) -> Self {
        Self { limits: Limits { per_project, per_user }, ..self }
    }

    /// A reservation with an id of its own.
    pub(crate) fn reservation(&self) -> Reservation {
        let (tenant, project) = (self.tenant.parse().unwrap(), self.project.parse().unwrap());
        let id = SessionId::new(&Tag::of(&tenant, &project), u128::from(next()).to_be_bytes());
        Reservation {
            id,
            tenant,
            project,
            user: self.user.parse().unwrap(),
            alias: self.alias.as_deref().map(|alias| alias.parse().unwrap()),
            limits: self.limits,
        }
    }

    /// A session of this plan as its worker has it, its shell just started.
    pub(crate) fn running(&self) -> Session {
        session(&self.reservation())
    }
}

/// The record that worker `w1` commits for a reservation.
pub(crate) fn session(reservation: &Reservation) -> Session {
    let seconds = FIRST_CREATED + i64::try_from(next()).unwrap();
    let created_at = Timestamp::from_second(seconds).unwrap();
    Session {
        id: reservation.id.clone(),
        tenant: reservation.tenant.clone(),
        project: reservation.project.clone(),
        user: reservation.user.clone(),
        alias: reservation.alias.clone(),
        owner: Some(worker("w1")),
        epoch: FIRST,
        status: Status::Active,
        mode: Mode::Normal,
        tab_name: "Terminal".into(),
        layout: None,
        theme: Some(r#"{"dark":true}"#.into()),
        labels: [("team".to_owned(), "ops".to_owned())].into(),
        shell: "/bin/bash".into(),
        current_path: "/srv/shop".into(),
        environment: [("EDITOR".to_owned(), "vim -n".to_owned())].into(),
        size: DEFAULT_SIZE,
        process_id: Some(4242),
        created_at,
        updated_at: created_at,
        last_activity_at: created_at,
        suspended_at: None,
        counters: Counters::default(),
        exit: None,
        ended_by: None,
    }
}

/// The worker of that name, with an incarnation of its own.
pub(crate) fn worker(name: &str) -> Owner {
    let mut life = [0; 16];
    life[..name.len()].copy_from_slice(name.as_bytes());
    Owner { worker: name.parse().unwrap(), incarnation: Incarnation::new(life) }
}

/// What `w1` shows at the first epoch.
pub(crate) fn fence() -> Fence {
    Fence { owner: worker("w1"), epoch: FIRST }
}

/// Reserves, lets others run as while a shell is being started, and commits.
pub(crate) async fn create<D: Directory>(store: &D, plan: &Plan) -> Result<Session, StoreError> {
    let reservation = plan.reservation();
    store.reserve(&reservation).await?;
    tokio::task::yield_now().await;
    store.commit(session(&reservation)).await
}

/// Closes a session of `w1` at its first epoch.
pub(crate) async fn close<D: Directory>(store: &D, id: &SessionId) -> Session {
    store.close(id, &fence(), None).await.unwrap()
}

/// The sessions of the plan's project, in the order of the listing.
pub(crate) async fn of_project<D: Directory>(store: &D, plan: &Plan) -> Vec<Session> {
    let Reservation { tenant, project, .. } = plan.reservation();
    store.list_project(&tenant, &project, &Page::default()).await.unwrap().sessions
}

/// The sessions of the plan's user, in the order of the listing.
pub(crate) async fn of_user<D: Directory>(store: &D, plan: &Plan) -> Vec<Session> {
    let Reservation { tenant, user, .. } = plan.reservation();
    store.list_user(&tenant, &user, &Page::default()).await.unwrap().sessions
}

/// Runs one task for each plan, all at once, and answers what each came to.
pub(crate) async fn race<S, T, F>(
    stage: &S,
    plans: impl IntoIterator<Item = Plan>,
    task: impl Fn(Arc<S::Store>, Plan) -> F,
) -> Vec<T>
where
    S: Stage,
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for plan in plans {
        tasks.spawn(task(Arc::clone(stage.store()), plan));
    }
    tasks.join_all().await
}

fn next() -> u64 {
    NEXT.fetch_add(1, Ordering::Relaxed)
}
