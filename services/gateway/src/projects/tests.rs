//! What watchers of a project hear, and what its gateway brings back to a store that lost it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use termfleet_session::{
    focus::{FocusSet, Step},
    ids::{Epoch, ProjectId, SessionId, Tag, TenantId},
    limits::DEFAULT_SIZE,
    record::{Counters, Mode},
    state::Status,
};
use termfleet_store::MemoryStore;
use tokio::time::timeout;

use super::*;

fn place() -> (TenantId, ProjectId) {
    ("acme".parse().unwrap(), "shop".parse().unwrap())
}

fn id(n: u8) -> SessionId {
    let (tenant, project) = place();
    SessionId::new(&Tag::of(&tenant, &project), [n; 16])
}

/// A session of that alias that a worker of that tenant brings to the store.
async fn create(store: &MemoryStore, tenant: &str, alias: &str) -> Session {
    let (tenant, project): (TenantId, ProjectId) = (tenant.parse().unwrap(), place().1);
    let at = Timestamp::now();
    let session = Session {
        id: SessionId::new(&Tag::of(&tenant, &project), [1; 16]),
        tenant,
        project,
        user: "ann".parse().unwrap(),
        alias: Some(alias.parse().unwrap()),
        owner: None,
        epoch: Epoch::new(1),
        status: Status::Active,
        mode: Mode::Normal,
        tab_name: "1".to_owned(),
        layout: None,
        theme: None,
        labels: BTreeMap::new(),
        shell: "/bin/sh".to_owned(),
        current_path: "/".to_owned(),
        environment: BTreeMap::new(),
        size: DEFAULT_SIZE,
        process_id: None,
        created_at: at,
        updated_at: at,
        last_activity_at: at,
        suspended_at: None,
        counters: Counters::default(),
        exit: None,
        ended_by: None,
    };
    store.assert(session).await.unwrap()
}

fn projects(store: &Arc<MemoryStore>) -> Projects {
    Projects::new(store.clone(), store.clone(), store.clone(), Tasks::new())
}

/// A set at this version, in which that session is focused.
fn set(version: u64, n: u8) -> FocusSet {
    let mut set = FocusSet::default();
    set.take(&Step::focus(id(n)), version);
    set
}

async fn focus(watching: &mut Watching) -> Arc<FocusSet> {
    match timeout(Duration::from_secs(5), watching.next()).await {
        Ok(Some(News::Focus(set))) => set,
        other => panic!("expected a focus set, got {other:?}"),
    }
}

#[tokio::test]
async fn sockets_share_one_subscription_and_each_hears_everything() {
    let (store, (tenant, project)) = (Arc::new(MemoryStore::new()), place());
    let projects = projects(&store);
    let mut one = projects.watch(&tenant, &project).await.unwrap();
    let mut two = projects.watch(&tenant, &project).await.unwrap();
    assert!(Arc::ptr_eq(&one.project, &two.project));
    store.assert_focus(&tenant, &project, &set(7, 1)).await.unwrap();
    for watching in [&mut one, &mut two] {
        assert_eq!(focus(watching).await.version.get(), 7);
    }
}

#[tokio::test]
async fn an_older_set_is_no_news_and_the_own_changes_hint_is_not_told_twice() {
    let (store, (tenant, project)) = (Arc::new(MemoryStore::new()), place());
    let projects = projects(&store);
    let mut watching = projects.watch(&tenant, &project).await.unwrap();
    projects.heard(&tenant, &project, &set(7, 1));
    projects.heard(&tenant, &project, &set(6, 2));
    store.assert_focus(&tenant, &project, &set(7, 1)).await.unwrap();
    store.assert_focus(&tenant, &project, &set(8, 3)).await.unwrap();
    assert_eq!(focus(&mut watching).await.version.get(), 7);
    assert_eq!(focus(&mut watching).await.version.get(), 8);
    assert_eq!(projects.known(&tenant, &project).unwrap().version.get(), 8);
}

#[tokio::test]
async fn a_project_is_forgotten_with_its_last_watcher_and_not_before() {
    let (store, (tenant, project)) = (Arc::new(MemoryStore::new()), place());
    let projects = projects(&store);
    let one = projects.watch(&tenant, &project).await.unwrap();
    let two = projects.watch(&tenant, &project).await.unwrap();
    drop(one);
    assert!(projects.known(&tenant, &project).is_some());
    drop(two);
    let gone = async {
        while !projects.0.tasks.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    timeout(Duration::from_secs(5), gone).await.expect("its task ends");
    assert!(projects.0.lock().is_empty() && projects.known(&tenant, &project).is_none());
}

#[tokio::test(start_paused = true)]
async fn what_the_store_lost_of_a_watched_set_is_asserted_in_turn() {
    let (store, (tenant, project)) = (Arc::new(MemoryStore::new()), place());
    let projects = projects(&store);
    let mut watching = projects.watch(&tenant, &project).await.unwrap();
    // Heard, and then lost by a store that came back with nothing.
    let known = set(u64::from(u32::MAX), 1);
    projects.heard(&tenant, &project, &known);
    assert_eq!(focus(&mut watching).await.version, known.version);
    tokio::time::sleep(Duration::from_secs(31)).await;
    // The session is none that the store knows of, so it does not stay focused either.
    let after = focus(&mut watching).await;
    assert!(after.version > known.version && after.members.is_empty(), "{after:?}");
    let stored = store.focused(&tenant, &project).await.unwrap();
    assert_eq!(stored.version, after.version);
}

#[tokio::test]
async fn who_waits_in_a_tenant_hears_of_its_creations_by_any_gateway_and_of_no_others() {
    let (store, (tenant, _)) = (Arc::new(MemoryStore::new()), place());
    let (here, elsewhere) = (projects(&store), projects(&store));
    let mut waiting = here.arrivals();
    here.widen(&mut waiting, &tenant).await;
    let mut narrow = here.arrivals();
    let soon = Duration::from_millis(50);
    create(&store, "umbrella", "mine").await;
    assert!(timeout(soon, waiting.of("mine")).await.is_err(), "somebody else's");
    let made = create(&store, "acme", "mine").await;
    timeout(Duration::from_secs(5), waiting.of("mine")).await.unwrap();
    assert!(timeout(soon, narrow.of("mine")).await.is_err(), "only the store knows of it");
    elsewhere.announce(&made);
    assert!(timeout(soon, narrow.of("mine")).await.is_err(), "that was another gateway");
    here.announce(&made);
    timeout(Duration::from_secs(5), narrow.of("mine")).await.unwrap();
}
