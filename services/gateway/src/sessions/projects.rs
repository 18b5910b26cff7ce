//! What is done to all of a project's sessions at once, on whichever workers they run, and how many
//! there are.

use std::collections::BTreeMap;

use futures_util::{StreamExt, stream};
use jiff::Timestamp;
use termfleet_session::{
    code::{Code, Refusal},
    ids::ProjectId,
    record::Session,
    role::{Actor, Operation},
    state::{Move, Status},
};
use termfleet_store::{Page, page::MAX_PAGE};

use super::Sessions;

/// Sessions of one project that are asked to stop or to go on at the same time: a project's default
/// limit, so that an ordinary one is stopped in one go.
const AT_ONCE: usize = 10;

/// What somebody has in one project.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Sessions that are not closed.
    pub total: u64,
    /// Those that run.
    pub active: u64,
    /// Those that are suspended.
    pub suspended: u64,
    /// When one of them was last used.
    pub last_activity_at: Timestamp,
}

/// A page of projects, by name.
pub type Projects = Vec<(ProjectId, Counts)>;

/// What is done to a whole project.
#[derive(Debug, Clone, Copy)]
enum Turn {
    /// It is suspended.
    Off,
    /// It is resumed.
    On,
}

impl Turn {
    fn step(self) -> Move {
        match self {
            Self::Off => Move::Suspend,
            Self::On => Move::Resume,
        }
    }
}

impl Sessions {
    /// The projects in which the actor has sessions, after this one, at most so many; and whether
    /// there are more.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn projects(
        &self,
        actor: &Actor,
        after: Option<&ProjectId>,
        limit: usize,
    ) -> Result<(Projects, bool), Refusal> {
        let mut projects = BTreeMap::new();
        let mut page = Page { after: None, limit: MAX_PAGE };
        loop {
            let listing = self.list_mine(actor, None, &page).await?;
            for session in &listing.sessions {
                note(&mut projects, session);
            }
            page.after = listing.next;
            if page.after.is_none() {
                break;
            }
        }
        // The map is ordered by name, which is what a page goes on from.
        let beyond = |(project, _): &(ProjectId, Counts)| after.is_none_or(|after| project > after);
        let mut projects: Projects = projects.into_iter().filter(beyond).collect();
        let more = projects.len() > limit;
        projects.truncate(limit);
        Ok((projects, more))
    }

    /// Stops the processes of the project's sessions that are within the actor's reach; answers
    /// those that ran.
    ///
    /// # Errors
    /// `FORBIDDEN`, the store's, or why some could not be stopped: the others are, and the same
    /// request again stops the rest.
    pub async fn suspend(
        &self,
        actor: &Actor,
        project: &ProjectId,
    ) -> Result<Vec<Session>, Refusal> {
        self.move_all(actor, project, Turn::Off).await
    }

    /// Continues the processes of the project's suspended sessions; answers those.
    ///
    /// # Errors
    /// As [`Sessions::suspend`].
    pub async fn resume(
        &self,
        actor: &Actor,
        project: &ProjectId,
    ) -> Result<Vec<Session>, Refusal> {
        self.move_all(actor, project, Turn::On).await
    }

    /// All are tried; one that ends meanwhile has nothing more to be done to.
    async fn move_all(
        &self,
        actor: &Actor,
        project: &ProjectId,
        turn: Turn,
    ) -> Result<Vec<Session>, Refusal> {
        if !actor.role.allows(Operation::Write) {
            return Err(Code::Forbidden.into());
        }
        let mut sessions = self.list(actor, &Self::home(actor), project).await?;
        sessions.retain(|session| session.status.after(turn.step()).is_ok());
        let asked = sessions.len();
        let moving = stream::iter(sessions).map(|session| self.move_one(actor, session, turn));
        let answers: Vec<_> = moving.buffered(AT_ONCE).collect().await;
        let (mut moved, mut failed) = (Vec::new(), Vec::new());
        for answer in answers {
            match answer {
                Ok(session) => moved.push(session),
                Err(refusal) if has_gone(&refusal) => {}
                Err(refusal) => failed.push(refusal),
            }
        }
        let failures = failed.len();
        failed.into_iter().next().map_or(Ok(moved), |refusal| {
            let text = format!("{failures} of {asked} sessions: {}", refusal.text);
            Err(Refusal { text, ..refusal })
        })
    }

    async fn move_one(
        &self,
        actor: &Actor,
        session: Session,
        turn: Turn,
    ) -> Result<Session, Refusal> {
        match turn {
            Turn::Off => self.upstream.suspend(&session, actor).await,
            Turn::On => self.upstream.resume(&session, actor).await,
        }
    }
}

fn has_gone(refusal: &Refusal) -> bool {
    matches!(refusal.code, Code::SessionEnded | Code::SessionNotFound)
}

fn note(projects: &mut BTreeMap<ProjectId, Counts>, session: &Session) {
    let nothing =
        Counts { total: 0, active: 0, suspended: 0, last_activity_at: session.last_activity_at };
    let counts = projects.entry(session.project.clone()).or_insert(nothing);
    counts.total += 1;
    match session.status {
        Status::Active => counts.active += 1,
        Status::Suspended => counts.suspended += 1,
        Status::Initializing | Status::Recovering | Status::Error | Status::Closed => {}
    }
    counts.last_activity_at = counts.last_activity_at.max(session.last_activity_at);
}
