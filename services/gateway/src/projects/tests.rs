//! What watchers of a project hear, and what its gateway brings back to a store that lost it.

use std::{sync::Arc, time::Duration};

use termfleet_session::{
    focus::{FocusSet, Step},
    ids::{ProjectId, SessionId, Tag, TenantId},
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
