//! A project's focus from one gateway's side: one change of a project at a time, tried again after a
//! lost race, and told to the gateway's own sockets at once. Who may change it is `sessions`'
//! business; the rule, `session`'s; what holds, the store's.

use std::{
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
};

use termfleet_proto::focus::FocusState;
use termfleet_session::{
    code::{Code, Refusal},
    focus::{FocusSet, Step},
    ids::{FocusVersion, ProjectId, TenantId},
};
use termfleet_store::{
    Focus, StoreError,
    focus::{self, NotChanged, Wanted},
};
use tokio::sync::Mutex;

use crate::projects::Projects;

/// Changes that this gateway has under way at a time, at most: projects share a place by their
/// name's hash, so that nothing grows with the number of projects.
const PLACES: usize = 256;

/// The focus of every project. Clones share everything.
#[derive(Clone)]
pub struct Focuses {
    store: Arc<dyn Focus>,
    projects: Projects,
    max: usize,
    // Held over the store's answer: that is what it is for. Whoever waits is an errand or a request.
    places: Arc<[Mutex<()>]>,
}

impl std::fmt::Debug for Focuses {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Focuses").field("max", &self.max).finish_non_exhaustive()
    }
}

/// A change that was made, or was none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refocused {
    /// What was done, and the focus after each step.
    pub(crate) steps: Vec<(Step, FocusState)>,
    /// The focus as it is now.
    pub(crate) state: FocusState,
}

/// A change that was refused, with the focus as it is if that is why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NotFocused {
    /// Why.
    pub(crate) refusal: Refusal,
    /// After a VERSION_CONFLICT.
    pub(crate) state: Option<Box<FocusState>>,
}

impl<R: Into<Refusal>> From<R> for NotFocused {
    fn from(refusal: R) -> Self {
        Self { refusal: refusal.into(), state: None }
    }
}

impl Focuses {
    /// The focus in this store, of which at most so many sessions of a project may have it.
    #[must_use]
    pub fn new(store: Arc<dyn Focus>, projects: Projects, max: usize) -> Self {
        let places = (0..PLACES).map(|_| Mutex::default()).collect();
        Self { store, projects, max, places }
    }

    /// The focus as it is.
    ///
    /// # Errors
    /// If the store cannot be reached.
    pub(crate) async fn read(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<FocusState, StoreError> {
        let set = self.store.focused(tenant, project).await?;
        self.projects.heard(tenant, project, &set);
        Ok(self.state(project, &set))
    }

    /// The focus as it was last heard of, else as it is; none if the store cannot be reached.
    pub(crate) async fn glance(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Option<Arc<FocusSet>> {
        if let Some(known) = self.projects.known(tenant, project) {
            return Some(known);
        }
        self.store.focused(tenant, project).await.ok().map(Arc::new)
    }

    /// Changes the focus.
    ///
    /// # Errors
    /// `VERSION_CONFLICT` with the focus as it is; `SESSION_NOT_FOUND` if a session has closed
    /// meanwhile; the store's.
    pub(crate) async fn change(
        &self,
        tenant: &TenantId,
        project: &ProjectId,
        steps: Vec<Step>,
        expected: Option<FocusVersion>,
    ) -> Result<Refocused, NotFocused> {
        let (tenant, project) = (tenant.clone(), project.clone());
        let wanted = Wanted { tenant, project, steps, expected, max: self.max };
        let _turn = self.place(&wanted).lock().await;
        self.bring_back(&wanted).await?;
        let Wanted { tenant, project, .. } = &wanted;
        match focus::change(&*self.store, &wanted).await {
            Ok(changed) => {
                changed.sets.iter().for_each(|set| self.projects.heard(tenant, project, set));
                let states = changed.sets.iter().map(|set| self.state(project, set));
                let steps = changed.steps.into_iter().zip(states).collect();
                Ok(Refocused { steps, state: self.state(project, &changed.set) })
            }
            Err(NotChanged::Conflict(set)) => {
                self.projects.heard(tenant, project, &set);
                let state = Some(Box::new(self.state(project, &set)));
                Err(NotFocused { refusal: Code::VersionConflict.into(), state })
            }
            Err(NotChanged::Store(error)) => Err(error.into()),
        }
    }

    /// The projects that are watched here.
    pub(crate) fn projects(&self) -> &Projects {
        &self.projects
    }

    /// The set in words for clients.
    pub(crate) fn state(&self, project: &ProjectId, set: &FocusSet) -> FocusState {
        FocusState::of(project, set, self.max)
    }

    /// What the store has lost of a set that is watched here comes back before it is built upon:
    /// else the change would hold, and what was lost be lost for good.
    async fn bring_back(&self, wanted: &Wanted) -> Result<(), StoreError> {
        let Wanted { tenant, project, .. } = wanted;
        let Some(known) = self.projects.known(tenant, project) else { return Ok(()) };
        let stored = self.store.focused(tenant, project).await?;
        if stored.version < known.version {
            self.store.assert_focus(tenant, project, &known).await?;
        }
        Ok(())
    }

    fn place(&self, wanted: &Wanted) -> &Mutex<()> {
        let mut hasher = DefaultHasher::new();
        (&wanted.tenant, &wanted.project).hash(&mut hasher);
        let at = usize::try_from(hasher.finish()).unwrap_or_default() % PLACES;
        &self.places[at]
    }
}
