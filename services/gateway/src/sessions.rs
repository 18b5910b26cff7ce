//! Sessions as clients see them: created, found, listed, focused, changed and closed, each
//! authorised first.
//!
//! REST and sockets call the same functions, so a rule stands here once: above all that somebody
//! else's session answers exactly like one that does not exist. Where a session runs, and how its
//! worker is asked, is `upstream`'s business; what is stored, the directory's.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use termfleet_proto::rest::{CreateSession, PatchSession};
use termfleet_runtime::{Tasks, clock, traces};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{Alias, ProjectId, SessionId, Tag, TenantId, WorkerId},
    limits::{MAX_PATH, Size},
    record::{Config, Session},
    role::{Actor, Denied, EVERY_TENANT, Operation},
};
use termfleet_store::{
    Cursor, Directory, IdempotencyKey, Limits, Listing, Page, Reservation, page::MAX_PAGE,
    repeat::Request,
};
use tracing::Span;

use crate::{
    focus::Focuses,
    hooks::{Creation, Hooks},
    upstream::{Create, Upstream},
};

mod ending;
mod focus;
mod live;
mod projects;
mod screen;

pub use self::{
    projects::{Counts, Projects},
    screen::RowsPage,
};

/// When a request that came again should look for the session of the first: a shell starts within
/// a second, on a busy machine too.
const UNDER_WAY_RETRY_MS: u64 = 1_000;

/// What may be done with sessions. Clones share everything.
#[derive(Clone)]
pub struct Sessions {
    directory: Arc<dyn Directory>,
    upstream: Arc<Upstream>,
    hooks: Arc<dyn Hooks>,
    focuses: Focuses,
    auto_focus_new: bool,
    limits: Limits,
    size: Size,
    tasks: Tasks,
}

/// What sessions are put together from.
#[derive(Clone)]
pub struct Parts {
    /// Where they are.
    pub directory: Arc<dyn Directory>,
    /// Who runs them.
    pub upstream: Arc<Upstream>,
    /// Who is asked before they begin and end, and told after.
    pub hooks: Arc<dyn Hooks>,
    /// Which of them are focused.
    pub focuses: Focuses,
    /// A new one is focused at once.
    pub auto_focus_new: bool,
    /// How many there may be.
    pub limits: Limits,
    /// The size of one for which nobody gives one.
    pub size: Size,
    /// Where what must be finished runs.
    pub tasks: Tasks,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Sessions of that directory, run by the workers of that upstream.
    #[must_use]
    pub fn new(parts: Parts) -> Self {
        let Parts { directory, upstream, hooks, focuses, auto_focus_new, limits, size, tasks } =
            parts;
        Self { directory, upstream, hooks, focuses, auto_focus_new, limits, size, tasks }
    }

    /// Where this actor's new sessions, projects and aliases live: an administrator of every
    /// tenant has one of their own like anybody else.
    #[must_use]
    pub fn home(actor: &Actor) -> TenantId {
        if actor.tenant.as_str() == EVERY_TENANT {
            TenantId::of_user(&actor.user)
        } else {
            actor.tenant.clone()
        }
    }

    /// Starts a session.
    ///
    /// # Errors
    /// `FORBIDDEN`, `BAD_MESSAGE`, a limit, a taken alias, a hook's refusal, or why no worker could
    /// start it.
    pub async fn create(&self, actor: &Actor, request: CreateSession) -> Result<Session, Refusal> {
        self.create_once(actor, request, None).await
    }

    /// The same for a request that may come again: with the same key it makes one session.
    ///
    /// # Errors
    /// As [`Sessions::create`]; `SESSION_ALREADY_EXISTS` if the key was used for something else,
    /// `SERVICE_UNAVAILABLE` while the first request is under way.
    pub async fn create_once(
        &self,
        actor: &Actor,
        request: CreateSession,
        key: Option<IdempotencyKey>,
    ) -> Result<Session, Refusal> {
        if !actor.role.allows(Operation::Create) {
            return Err(Code::Forbidden.into());
        }
        let key = key.map(|key| repeatable(actor, &request, key)).transpose()?;
        let CreateSession { project_id, project_path, config } = request;
        let config = config.unwrap_or_default().checked()?;
        check_path(project_path.as_deref())?;
        check_alias(&config)?;
        let reservation = self.reservation(actor, project_id, &config)?;
        let create = Create {
            id: reservation.id.clone(),
            actor: actor.clone(),
            tenant: reservation.tenant.clone(),
            project: reservation.project.clone(),
            project_path,
            size: config.size.unwrap_or(self.size),
            config,
            reserved_at_ms: clock::now_ms(),
        };
        // A task of its own: a client that leaves meanwhile must not leave a reservation behind.
        let sessions = self.clone();
        let creating = async move {
            match key {
                None => sessions.reserve_and_start(reservation, create).await,
                Some(request) => sessions.start_once(&request, reservation, create).await,
            }
        };
        let creating = traces::within(Span::current(), creating);
        let created = self.tasks.spawn("session creation", creating);
        // A panic is logged by the task's tracker.
        created.await.unwrap_or_else(|_| Err(Code::InternalError.into()))
    }

    /// The record of that id or alias, for somebody who wants to do this to it; also a closed one.
    ///
    /// # Errors
    /// `SESSION_NOT_FOUND` if there is none within the actor's reach, `FORBIDDEN` if only the role
    /// stands against it.
    pub async fn find(
        &self,
        actor: &Actor,
        operation: Operation,
        name: &str,
    ) -> Result<Session, Refusal> {
        let found = match self.id_of(actor, name).await? {
            Some(id) => self.directory.get(&id).await?,
            None => None,
        };
        // The one place where a hidden session becomes an unknown one.
        let session = found.ok_or(Code::SessionNotFound)?;
        match actor.may(operation, &session.tenant, &session.user) {
            Ok(()) => Ok(session),
            Err(Denied::Hidden) => Err(Code::SessionNotFound.into()),
            Err(Denied::Forbidden) => Err(Code::Forbidden.into()),
        }
    }

    /// A page of the project's sessions that are within the actor's reach and not closed.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn list_project(
        &self,
        actor: &Actor,
        project: &ProjectId,
        page: &Page,
    ) -> Result<Listing, Refusal> {
        self.list_in(actor, &Self::home(actor), project, page).await
    }

    async fn list_in(
        &self,
        actor: &Actor,
        tenant: &TenantId,
        project: &ProjectId,
        page: &Page,
    ) -> Result<Listing, Refusal> {
        let mut kept = Kept::new(page);
        loop {
            let listing = self.directory.list_project(tenant, project, &kept.page()).await?;
            let within_reach = |s: &Session| actor.may(Operation::Read, &s.tenant, &s.user).is_ok();
            if let Some(listing) = kept.take(listing, within_reach) {
                return Ok(listing);
            }
        }
    }

    /// A page of the actor's own sessions, of one project or of all.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn list_mine(
        &self,
        actor: &Actor,
        project: Option<&ProjectId>,
        page: &Page,
    ) -> Result<Listing, Refusal> {
        let tenant = Self::home(actor);
        let mut kept = Kept::new(page);
        loop {
            let listing = self.directory.list_user(&tenant, &actor.user, &kept.page()).await?;
            let asked_for = |s: &Session| project.is_none_or(|project| s.project == *project);
            if let Some(listing) = kept.take(listing, asked_for) {
                return Ok(listing);
            }
        }
    }

    /// All sessions of a tenant's project that are within the actor's reach and not closed.
    ///
    /// # Errors
    /// Only the store's.
    pub async fn list(
        &self,
        actor: &Actor,
        tenant: &TenantId,
        project: &ProjectId,
    ) -> Result<Vec<Session>, Refusal> {
        let mut sessions = Vec::new();
        let mut page = Page { after: None, limit: MAX_PAGE };
        loop {
            let listing = self.list_in(actor, tenant, project, &page).await?;
            sessions.extend(listing.sessions);
            page.after = listing.next;
            if page.after.is_none() {
                return Ok(sessions);
            }
        }
    }

    /// Changes what clients name.
    ///
    /// # Errors
    /// As [`Sessions::find`]; `BAD_MESSAGE`, `SESSION_ENDED`.
    pub async fn patch(
        &self,
        actor: &Actor,
        name: &str,
        patch: PatchSession,
    ) -> Result<Session, Refusal> {
        let session = self.find(actor, Operation::Write, name).await?;
        Ok(self.directory.patch(&session.id, patch.checked()?).await?)
    }

    async fn id_of(&self, actor: &Actor, name: &str) -> Result<Option<SessionId>, Refusal> {
        if let Ok(id) = name.parse() {
            return Ok(Some(id));
        }
        let Ok(alias) = name.parse::<Alias>() else { return Ok(None) };
        Ok(self.directory.resolve_alias(&Self::home(actor), &alias).await?)
    }

    fn reservation(
        &self,
        actor: &Actor,
        project: ProjectId,
        config: &Config,
    ) -> Result<Reservation, Refusal> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|error| {
            tracing::error!(%error, "the operating system gave no randomness");
            Code::InternalError
        })?;
        let tenant = Self::home(actor);
        let id = SessionId::new(&Tag::of(&tenant, &project), random);
        let (user, alias) = (actor.user.clone(), config.alias.clone());
        Ok(Reservation { id, tenant, project, user, alias, limits: self.limits })
    }

    async fn start_once(
        &self,
        request: &Request,
        reservation: Reservation,
        create: Create,
    ) -> Result<Session, Refusal> {
        let id = reservation.id.clone();
        let first = self.directory.begin(request, &id).await?;
        if first != id {
            let made = self.directory.get(&first).await?;
            return made.ok_or_else(|| under_way().retry_after(UNDER_WAY_RETRY_MS));
        }
        let started = self.reserve_and_start(reservation, create).await;
        if started.is_err()
            && let Err(error) = self.directory.forget(request, &id).await
        {
            tracing::warn!(%error, "the key of a request that failed could not be freed");
        }
        started
    }

    async fn reserve_and_start(
        &self,
        reservation: Reservation,
        create: Create,
    ) -> Result<Session, Refusal> {
        self.hooks.before_create(&creation(&create)).await?;
        let by = create.actor.clone();
        let create = Create { reserved_at_ms: clock::now_ms(), ..create };
        self.directory.reserve(&reservation).await?;
        let host = self.host(&reservation).await;
        let started = self.upstream.create(create, host.as_ref()).await;
        if started.is_err()
            && let Err(error) = self.directory.cancel(&reservation).await
        {
            // It expires by itself in ten seconds.
            tracing::warn!(%error, "a reservation could not be given back");
        }
        if let Ok(session) = &started {
            self.focuses.projects().announce(session);
            self.hooks.after_create(&by, session).await;
            self.auto_focus(session).await;
        }
        started
    }
}

impl Sessions {
    /// Who runs the other sessions of the project, where its files are on one worker.
    async fn host(&self, reservation: &Reservation) -> Option<WorkerId> {
        if !self.upstream.stays_on_one_worker() {
            return None;
        }
        let Reservation { tenant, project, .. } = reservation;
        let page = Page { after: None, limit: MAX_PAGE };
        // Without an answer it is placed like a project's first session.
        let listing = self.directory.list_project(tenant, project, &page).await.ok()?;
        // The newest: where the project went on last.
        listing.sessions.into_iter().rev().find_map(|session| session.owner).map(|own| own.worker)
    }
}

fn repeatable(
    actor: &Actor,
    request: &CreateSession,
    key: IdempotencyKey,
) -> Result<Request, Refusal> {
    // Written again, so that spaces and the order of fields make no other request of it.
    let body = serde_json::to_vec(request).map_err(|_| Code::InternalError)?;
    let body = Sha256::digest(&body).into();
    Ok(Request { tenant: Sessions::home(actor), user: actor.user.clone(), key, body })
}

/// What a hook is asked about.
fn creation(create: &Create) -> Creation {
    Creation {
        actor: create.actor.clone(),
        session: create.id.clone(),
        tenant: create.tenant.clone(),
        project: create.project.clone(),
        project_path: create.project_path.clone(),
        config: create.config.clone(),
    }
}

fn under_way() -> Refusal {
    Refusal::new(Code::ServiceUnavailable, "the first request of this key is still under way")
}

/// A page of what is kept of a listing, while the listing is read.
struct Kept {
    sessions: Vec<Session>,
    limit: usize,
    after: Option<Cursor>,
}

impl Kept {
    fn new(page: &Page) -> Self {
        let limit = page.limit.clamp(1, MAX_PAGE);
        Self { sessions: Vec::new(), limit, after: page.after.clone() }
    }

    /// What to read next.
    fn page(&self) -> Page {
        Page { after: self.after.clone(), limit: MAX_PAGE }
    }

    /// Takes what was read; answers the page once it is full or there is no more.
    fn take(&mut self, read: Listing, keep: impl Fn(&Session) -> bool) -> Option<Listing> {
        for session in read.sessions.into_iter().filter(keep) {
            if self.sessions.len() == self.limit {
                let next = self.sessions.last().map(Cursor::of);
                return Some(Listing { sessions: std::mem::take(&mut self.sessions), next });
            }
            self.sessions.push(session);
        }
        self.after = read.next;
        let is_last = self.after.is_none();
        is_last.then(|| Listing { sessions: std::mem::take(&mut self.sessions), next: None })
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadMessage, text)
}

fn check_path(path: Option<&str>) -> Result<(), Refusal> {
    match path {
        Some("") => Err(bad("projectPath is empty")),
        Some(path) if path.len() > MAX_PATH => {
            Err(bad(format!("projectPath is longer than {MAX_PATH} bytes")))
        }
        Some(path) if path.chars().any(char::is_control) => {
            Err(bad("projectPath has control characters"))
        }
        _ => Ok(()),
    }
}

/// An alias that looks like an id would never be looked up as an alias.
fn check_alias(config: &Config) -> Result<(), Refusal> {
    let alias = config.alias.as_ref();
    if alias.is_some_and(|alias| alias.as_str().parse::<SessionId>().is_ok()) {
        return Err(bad("an alias must not have the form of a session id"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
