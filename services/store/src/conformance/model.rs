//! Random plays: whatever is done in whatever order, the store answers as a model of a few lines
//! does, and no limit is ever exceeded.

use std::collections::BTreeMap;

use proptest::{
    collection::vec,
    prelude::{Just, Strategy},
    prop_oneof,
    test_runner::{Config, TestRunner},
};
use termfleet_session::{ids::SessionId, record::Session, state::Status};

use super::{
    Stage, block_on,
    script::{Plan, fence, of_project, of_user, session},
};
use crate::{
    directory::{Directory, Reservation, Timings},
    error::StoreError,
};

const PROJECTS: [&str; 3] = ["shop", "blog", "docs"];
const USERS: [&str; 2] = ["ann", "bob"];
const ALIASES: [&str; 2] = ["mine", "yours"];
/// Small, so that short plays reach them: a project's is below a user's, and two projects' above.
const PER_PROJECT: u32 = 3;
const PER_USER: u32 = 4;
/// Long enough to fill a user's places, lose some and fill them again.
const STEPS: usize = 60;

/// One step of a play. A number names the creation with that index, modulo how many there are.
#[derive(Debug, Clone)]
enum Step {
    Reserve {
        project: usize,
        user: usize,
        alias: Option<usize>,
    },
    Renew(usize),
    Cancel(usize),
    Commit(usize),
    Close(usize),
    Assert(usize),
    /// So many quarters of a reservation's time.
    Wait(u64),
    /// The time that a closed record can be read.
    WaitLong,
    Sweep,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let any = || 0..STEPS;
    let alias = prop_oneof![2 => Just(None), 1 => (0..ALIASES.len()).prop_map(Some)];
    let reserve = (0..PROJECTS.len(), 0..USERS.len(), alias)
        .prop_map(|(project, user, alias)| Step::Reserve { project, user, alias });
    let step = prop_oneof![
        8 => reserve,
        1 => any().prop_map(Step::Renew),
        1 => any().prop_map(Step::Cancel),
        8 => any().prop_map(Step::Commit),
        3 => any().prop_map(Step::Close),
        1 => any().prop_map(Step::Assert),
        2 => (1_u64..5).prop_map(Step::Wait),
        1 => Just(Step::WaitLong),
        1 => Just(Step::Sweep),
    ];
    vec(step, 1..STEPS)
}

/// Where a creation is, as the model has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stand {
    Nothing,
    Reserved { until_ms: u64 },
    Running,
    Closed { gone_ms: u64 },
}

#[derive(Debug)]
struct Creation {
    reservation: Reservation,
    session: Session,
    stand: Stand,
    /// It was asserted while there was no room: from then on a limit may be exceeded.
    forced: bool,
}

#[derive(Debug, Default)]
struct Model {
    now_ms: u64,
    creations: Vec<Creation>,
}

impl Creation {
    fn takes_a_place(&self) -> bool {
        matches!(self.stand, Stand::Reserved { .. } | Stand::Running)
    }
}

impl Model {
    fn pass(&mut self, ms: u64) {
        self.now_ms += ms;
        for creation in &mut self.creations {
            let over = match creation.stand {
                Stand::Reserved { until_ms } => until_ms <= self.now_ms,
                Stand::Closed { gone_ms } => gone_ms <= self.now_ms,
                Stand::Nothing | Stand::Running => false,
            };
            if over {
                creation.stand = Stand::Nothing;
            }
        }
    }

    fn count(&self, which: impl Fn(&Reservation) -> bool) -> u32 {
        let taken = self.creations.iter().filter(|c| c.takes_a_place() && which(&c.reservation));
        u32::try_from(taken.count()).unwrap()
    }

    fn alias_holder(&self, wanted: &Reservation) -> Option<&SessionId> {
        let holds = |c: &&Creation| {
            c.takes_a_place() && c.session.alias.is_some() && c.session.alias == wanted.alias
        };
        self.creations.iter().find(holds).map(|creation| &creation.reservation.id)
    }

    /// Everything that stands against a reservation. A store may name any of it first.
    fn against(&self, wanted: &Reservation) -> Vec<StoreError> {
        let mut against = Vec::new();
        if self.count(|r| r.project == wanted.project) >= PER_PROJECT {
            against.push(StoreError::ProjectFull { limit: PER_PROJECT });
        }
        if self.count(|r| r.user == wanted.user) >= PER_USER {
            against.push(StoreError::UserFull { limit: PER_USER });
        }
        if let Some(holder) = self.alias_holder(wanted) {
            against.push(StoreError::AliasTaken { holder: holder.clone() });
        }
        against
    }

    fn pick(&self, n: usize) -> Option<usize> {
        (!self.creations.is_empty()).then(|| n % self.creations.len())
    }
}

/// Random plays on new stores of this stage, shrunk to the shortest that fails.
pub fn agrees_with_the_model<S: Stage>() {
    let config = Config { cases: S::PLAYS, failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new(config).run(&steps(), |steps| {
        block_on(play::<S>(steps));
        Ok(())
    });
    assert!(outcome.is_ok(), "{}", outcome.unwrap_err());
}

async fn play<S: Stage>(steps: Vec<Step>) {
    let stage = S::open().await;
    let mut model = Model::default();
    for step in steps {
        take(&stage, &mut model, step).await;
        compare(&**stage.store(), &model).await;
    }
}

/// Does one step on both, and holds the store's answer against the model's.
async fn take<S: Stage>(stage: &S, model: &mut Model, step: Step) {
    let (store, timings) = (&**stage.store(), stage.timings());
    match step {
        Step::Reserve { project, user, alias } => {
            let plan = Plan::new().project(PROJECTS[project]).user(USERS[user]);
            let plan = plan.limits(PER_PROJECT, PER_USER);
            let plan = alias.map_or(plan.clone(), |alias| plan.alias(ALIASES[alias]));
            reserve(store, model, &timings, plan.reservation()).await;
        }
        Step::Renew(n) => renew(store, model, &timings, n).await,
        Step::Cancel(n) => cancel(store, model, n).await,
        Step::Commit(n) => commit(store, model, n).await,
        Step::Close(n) => close(store, model, &timings, n).await,
        Step::Assert(n) => assert_running(store, model, n).await,
        Step::Wait(quarters) => wait(stage, model, timings.reservation_ms / 4 * quarters).await,
        Step::WaitLong => wait(stage, model, timings.linger_ms).await,
        Step::Sweep => {
            store.sweep().await.unwrap();
        }
    }
}

async fn wait<S: Stage>(stage: &S, model: &mut Model, ms: u64) {
    stage.pass(ms).await;
    model.pass(ms);
}

async fn reserve<D: Directory>(
    store: &D,
    model: &mut Model,
    timings: &Timings,
    reservation: Reservation,
) {
    let against = model.against(&reservation);
    match store.reserve(&reservation).await {
        Ok(()) => assert_eq!(against, [], "reserved in spite of it"),
        Err(error) => {
            assert!(against.contains(&error), "{error}, not {against:?}");
            return;
        }
    }
    let until_ms = model.now_ms + timings.reservation_ms;
    let (session, stand) = (session(&reservation), Stand::Reserved { until_ms });
    model.creations.push(Creation { reservation, session, stand, forced: false });
}

async fn renew<D: Directory>(store: &D, model: &mut Model, timings: &Timings, n: usize) {
    let Some(at) = model.pick(n) else { return };
    let until_ms = model.now_ms + timings.reservation_ms;
    let creation = &mut model.creations[at];
    if let Stand::Reserved { .. } = creation.stand {
        store.reserve(&creation.reservation).await.unwrap();
        creation.stand = Stand::Reserved { until_ms };
    }
}

async fn cancel<D: Directory>(store: &D, model: &mut Model, n: usize) {
    let Some(at) = model.pick(n) else { return };
    let creation = &mut model.creations[at];
    store.cancel(&creation.reservation).await.unwrap();
    if let Stand::Reserved { .. } = creation.stand {
        creation.stand = Stand::Nothing;
    }
}

async fn commit<D: Directory>(store: &D, model: &mut Model, n: usize) {
    let Some(at) = model.pick(n) else { return };
    let creation = &mut model.creations[at];
    let answer = store.commit(creation.session.clone()).await;
    match creation.stand {
        Stand::Reserved { .. } => {
            creation.session = answer.unwrap();
            creation.stand = Stand::Running;
        }
        Stand::Nothing => assert_eq!(answer, Err(StoreError::ReservationGone)),
        Stand::Running | Stand::Closed { .. } => assert_eq!(answer.unwrap(), creation.session),
    }
}

async fn close<D: Directory>(store: &D, model: &mut Model, timings: &Timings, n: usize) {
    let Some(at) = model.pick(n) else { return };
    let gone_ms = model.now_ms + timings.linger_ms;
    let creation = &mut model.creations[at];
    let answer = store.close(&creation.session.id, &fence(), None).await;
    match creation.stand {
        Stand::Running => {
            creation.session = answer.unwrap();
            creation.stand = Stand::Closed { gone_ms };
        }
        Stand::Closed { .. } => assert_eq!(answer.unwrap(), creation.session),
        Stand::Nothing | Stand::Reserved { .. } => assert_eq!(answer, Err(StoreError::NotFound)),
    }
}

/// A worker asserts a session that it runs: also one that the store never had or has lost.
async fn assert_running<D: Directory>(store: &D, model: &mut Model, n: usize) {
    let Some(at) = model.pick(n) else { return };
    let wanted = &model.creations[at];
    let holder = model.alias_holder(&wanted.reservation);
    let others_alias = holder.is_some_and(|holder| *holder != wanted.reservation.id);
    let full = !model.against(&wanted.reservation).is_empty();
    let creation = &mut model.creations[at];
    if creation.session.status == Status::Closed {
        return;
    }
    let lost = !creation.takes_a_place();
    // The worker goes on asserting the alias that its session was created with.
    let alias = creation.reservation.alias.clone();
    let running = Session { alias: alias.clone(), ..creation.session.clone() };
    creation.session = store.assert(running).await.unwrap();
    creation.stand = Stand::Running;
    creation.forced |= lost && full;
    assert_eq!(creation.session.alias, alias.filter(|_| !others_alias));
}

/// The store shows what the model has, and no project or user is above its limit.
async fn compare<D: Directory>(store: &D, model: &Model) {
    let mut projects: BTreeMap<&str, Vec<SessionId>> = BTreeMap::new();
    let mut users: BTreeMap<&str, Vec<SessionId>> = BTreeMap::new();
    for creation in &model.creations {
        let expected = match creation.stand {
            Stand::Nothing | Stand::Reserved { .. } => None,
            Stand::Running | Stand::Closed { .. } => Some(creation.session.clone()),
        };
        assert_eq!(store.get(&creation.session.id).await.unwrap(), expected);
        if creation.stand == Stand::Running {
            let Reservation { id, project, user, .. } = &creation.reservation;
            projects.entry(project.as_str()).or_default().push(id.clone());
            users.entry(user.as_str()).or_default().push(id.clone());
        }
    }
    let forced = model.creations.iter().any(|creation| creation.forced);
    for name in PROJECTS {
        let listed = sorted(of_project(store, &Plan::new().project(name)).await);
        assert!(forced || listed.len() <= PER_PROJECT as usize, "{name} is above its limit");
        assert_eq!(listed, projects.remove(name).map(sorted_ids).unwrap_or_default());
    }
    for name in USERS {
        let listed = sorted(of_user(store, &Plan::new().user(name)).await);
        assert!(forced || listed.len() <= PER_USER as usize, "{name} is above their limit");
        assert_eq!(listed, users.remove(name).map(sorted_ids).unwrap_or_default());
    }
}

fn sorted(sessions: Vec<Session>) -> Vec<SessionId> {
    sorted_ids(sessions.into_iter().map(|session| session.id).collect())
}

fn sorted_ids(mut ids: Vec<SessionId>) -> Vec<SessionId> {
    ids.sort();
    ids
}
