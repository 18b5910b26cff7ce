//! What is done for a project as long as somebody watches it: its hints are heard and looked up, and
//! its focus is held against the store's in turn.

use std::{
    sync::{Arc, Weak},
    time::Duration,
};

use termfleet_runtime::backoff::full_jitter;
use termfleet_session::{
    focus::{Change, FocusSet, Step},
    ids::SessionId,
    record::Session,
    state::Status,
};
use termfleet_store::{Hint, Page, StoreError, Subscription, What, page::MAX_PAGE};
use tokio::time::{self, Instant, MissedTickBehavior};

use super::{News, Project, Shared};

/// How often a watched focus set is asserted (`cluster.md` §1): all in turn, spread by when they
/// were first watched.
const TURN: Duration = Duration::from_secs(30);
/// How long after a loss sessions may be missing only because their workers have not asserted them
/// yet (`cluster.md` §1).
const GRACE: Duration = Duration::from_secs(10);
/// The first pause and the longest one after a store that could not be reached.
const RETRY: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

/// Something to do for a project.
enum Event {
    Heard(Hint),
    Turn,
    /// The store could not be reached when its loss was to be made good.
    Again,
    Over,
}

/// Subscribes, reads, and goes on hearing in a task of its own.
pub(super) async fn start(shared: Arc<Shared>, project: Arc<Project>) -> Result<(), StoreError> {
    let (tenant, id) = &project.name;
    // Subscribed first: what happens while the set is read is heard after it.
    let hints = shared.bus.subscribe(tenant, id).await?;
    project.heard(&shared.focus.focused(tenant, id).await?);
    let mut turns = time::interval_at(Instant::now() + TURN, TURN);
    turns.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let stop = project.stop.clone();
    let keeper = Keeper {
        shared: Arc::clone(&shared),
        project: Arc::downgrade(&project),
        hints,
        turns,
        again: None,
        failures: 0,
        lost_at: None,
    };
    shared.tasks.spawn("project watch", async move {
        stop.run_until_cancelled(keeper.run()).await;
    });
    Ok(())
}

struct Keeper {
    shared: Arc<Shared>,
    // The task must not keep alive what ends it.
    project: Weak<Project>,
    hints: Subscription,
    turns: time::Interval,
    /// When a loss is made good that could not be at once.
    again: Option<Instant>,
    failures: u32,
    /// When hints, or more, were last lost.
    lost_at: Option<Instant>,
}

impl Keeper {
    async fn run(mut self) {
        loop {
            let event = self.next().await;
            let Some(project) = self.project.upgrade() else { return };
            match event {
                Event::Heard(Hint::Session { id, what, version: _ }) => {
                    self.look_up(&project, &id, what).await;
                }
                Event::Heard(Hint::Focus { set }) => project.heard(&set),
                // That is told to those who wait in the whole tenant.
                Event::Heard(Hint::Creation { .. }) => {}
                Event::Heard(Hint::Resync) => {
                    self.lost_at = Some(Instant::now());
                    self.make_good(&project).await;
                }
                Event::Again => self.make_good(&project).await,
                Event::Turn => self.turn(&project).await,
                Event::Over => return,
            }
        }
    }

    /// Every arm is cancel-safe.
    async fn next(&mut self) -> Event {
        let again = self.again;
        let again = async move {
            match again {
                Some(at) => time::sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            hint = self.hints.recv() => hint.map_or(Event::Over, Event::Heard),
            () = again => Event::Again,
            _ = self.turns.tick() => Event::Turn,
        }
    }

    async fn look_up(&self, project: &Project, id: &SessionId, what: What) {
        match self.shared.directory.get(id).await {
            Ok(Some(session)) => {
                if what == What::Created {
                    self.shared.announce(&session);
                }
                project.tell(News::Session(Arc::new(session)));
            }
            Ok(None) => project.tell(News::Gone(id.clone())),
            // A hint was lost, no more: the next one, or the next listing, tells the same.
            Err(error) => tracing::debug!(%error, "a hint could not be looked up"),
        }
    }

    /// Hints were lost, or the store's last writes: everything is read again, and what it has lost
    /// of the focus is brought back.
    async fn make_good(&mut self, project: &Project) {
        self.again = None;
        let read = async {
            let sessions = self.list(project).await?;
            self.assert(project).await?;
            Ok::<_, StoreError>(sessions)
        };
        match read.await {
            Ok(sessions) => {
                self.failures = 0;
                project.tell(News::All(Arc::new(sessions)));
            }
            Err(error) => {
                tracing::debug!(%error, "a project could not be read again");
                let random = getrandom::u64().unwrap_or(u64::MAX / 2);
                let pause = full_jitter(RETRY.0, RETRY.1, self.failures, random);
                self.failures = self.failures.saturating_add(1);
                self.again = Some(Instant::now() + RETRY.0 + pause);
            }
        }
    }

    async fn turn(&self, project: &Project) {
        if let Err(error) = self.assert(project).await {
            tracing::debug!(%error, "a focus set could not be asserted");
        }
        let recently = |at: Instant| at.elapsed() < GRACE;
        if !self.lost_at.is_some_and(recently)
            && let Err(error) = self.unfocus_the_dead(project).await
        {
            tracing::debug!(%error, "a focus set could not be looked through");
        }
    }

    /// Of the set that is known here and the store's the higher version holds, on both sides.
    async fn assert(&self, project: &Project) -> Result<(), StoreError> {
        let (tenant, id) = &project.name;
        let holds = self.shared.focus.assert_focus(tenant, id, &project.set()).await?;
        project.heard(&holds);
        Ok(())
    }

    /// A store that lost its last second may have lost that a session closed, and was asserted a
    /// set from before: nobody else would ever unfocus it.
    async fn unfocus_the_dead(&self, project: &Project) -> Result<(), StoreError> {
        let set = project.set();
        let mut change = Change::default();
        for session in set.sessions() {
            let record = self.shared.directory.get(session).await?;
            if record.is_none_or(|record| record.status == Status::Closed) {
                change.steps.push(Step::unfocus(session.clone()));
            }
        }
        if change.steps.is_empty() {
            return Ok(());
        }
        let (tenant, id) = &project.name;
        let sets = self.shared.focus.refocus(tenant, id, set.version, &change).await?;
        sets.iter().for_each(|set: &FocusSet| project.heard(set));
        Ok(())
    }

    async fn list(&self, project: &Project) -> Result<Vec<Session>, StoreError> {
        let (tenant, id) = &project.name;
        let mut sessions = Vec::new();
        let mut page = Page { after: None, limit: MAX_PAGE };
        loop {
            let listing = self.shared.directory.list_project(tenant, id, &page).await?;
            sessions.extend(listing.sessions);
            page.after = listing.next;
            if page.after.is_none() {
                return Ok(sessions);
            }
        }
    }
}
