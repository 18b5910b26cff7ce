//! Where projects have just begun: until the first session of a project has its record, nobody else
//! can tell which worker has its files, and those that are created meanwhile must go there too.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use termfleet_session::{
    ids::{ProjectId, TenantId, WorkerId},
    limits::RESERVATION_MS,
};
use tokio::time::Instant;

/// How long it is remembered: after that the session has its record, or never will.
const KEPT: Duration = Duration::from_millis(RESERVATION_MS);
/// Projects remembered at once. Beyond it a project may begin on two workers, if it is begun twice
/// within a moment.
const MOST: usize = 4_096;

type Project = (TenantId, ProjectId);

/// The projects that have just begun.
#[derive(Debug, Default)]
pub(super) struct Begun {
    // Short and private: held for one look-up.
    projects: Mutex<HashMap<Project, (WorkerId, Instant)>>,
}

impl Begun {
    /// Where it has begun, if it just has.
    pub(super) fn at(&self, tenant: &TenantId, project: &ProjectId) -> Option<WorkerId> {
        let projects = self.projects();
        let (worker, since) = projects.get(&(tenant.clone(), project.clone()))?;
        (since.elapsed() < KEPT).then(|| worker.clone())
    }

    /// It begins here.
    pub(super) fn note(&self, tenant: &TenantId, project: &ProjectId, worker: &WorkerId) {
        let mut projects = self.projects();
        if projects.len() >= MOST {
            projects.retain(|_, (_, since)| since.elapsed() < KEPT);
        }
        if projects.len() < MOST {
            let begun = (worker.clone(), Instant::now());
            projects.insert((tenant.clone(), project.clone()), begun);
        }
    }

    /// It does not begin here after all.
    pub(super) fn forget(&self, tenant: &TenantId, project: &ProjectId, worker: &WorkerId) {
        let mut projects = self.projects();
        let name = (tenant.clone(), project.clone());
        if projects.get(&name).is_some_and(|(at, _)| at == worker) {
            projects.remove(&name);
        }
    }

    fn projects(&self) -> MutexGuard<'_, HashMap<Project, (WorkerId, Instant)>> {
        self.projects.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    //! For how long a project's beginning is known.
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_beginning_is_known_until_there_must_be_a_record() {
        let begun = Begun::default();
        let (tenant, project) = ("acme".parse().unwrap(), "shop".parse().unwrap());
        let (one, other): (WorkerId, WorkerId) = ("w1".parse().unwrap(), "w2".parse().unwrap());
        assert_eq!(begun.at(&tenant, &project), None);
        begun.note(&tenant, &project, &one);
        tokio::time::advance(KEPT - Duration::from_millis(1)).await;
        assert_eq!(begun.at(&tenant, &project), Some(one.clone()));
        begun.forget(&tenant, &project, &other);
        assert_eq!(begun.at(&tenant, &project), Some(one.clone()), "that was another");
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(begun.at(&tenant, &project), None);
        begun.note(&tenant, &project, &one);
        begun.forget(&tenant, &project, &one);
        assert_eq!(begun.at(&tenant, &project), None);
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let begun = Begun::default();
        let (tenant, worker) = ("acme".parse().unwrap(), "w1".parse().unwrap());
        let project = |n: usize| format!("p{n}").parse().unwrap();
        for n in 0..=MOST {
            begun.note(&tenant, &project(n), &worker);
        }
        assert_eq!(begun.projects().len(), MOST);
        assert_eq!(begun.at(&tenant, &project(MOST - 1)), Some(worker));
        assert_eq!(begun.at(&tenant, &project(MOST)), None);
    }
}
