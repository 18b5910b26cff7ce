//! Listings: every session that is not closed, once, oldest first, page after page.

use termfleet_session::{ids::SessionId, record::Session};

use super::{
    Stage,
    script::{Plan, close, create, of_project, of_user},
};
use crate::{
    directory::Directory,
    page::{Cursor, MAX_PAGE, Page},
};

fn ids(sessions: &[Session]) -> Vec<SessionId> {
    sessions.iter().map(|session| session.id.clone()).collect()
}

async fn many<D: Directory>(store: &D, count: usize) -> Vec<Session> {
    let mut made = Vec::new();
    for _ in 0..count {
        made.push(create(store, &Plan::new().limits(500, 500)).await.unwrap());
    }
    made
}

pub(super) async fn pages_show_every_session_once_and_oldest_first<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 7).await;
    let (mut seen, mut sizes) = (Vec::new(), Vec::new());
    let mut page = Page { after: None, limit: 3 };
    loop {
        let listing = store.list_project(&made[0].tenant, &made[0].project, &page).await.unwrap();
        sizes.push(listing.sessions.len());
        seen.extend(ids(&listing.sessions));
        // A cursor goes to the client as text and comes back as such.
        let Some(next) = listing.next else { break };
        page.after = Some(next.to_string().parse::<Cursor>().unwrap());
    }
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(seen, ids(&made));
}

pub(super) async fn sessions_that_come_and_go_neither_double_nor_hide_others<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 6).await;
    let (tenant, project) = (&made[0].tenant, &made[0].project);
    let page = Page { after: None, limit: 3 };
    let first = store.list_project(tenant, project, &page).await.unwrap();
    // One before the cursor, the one at the cursor, and one behind it close; another comes.
    for closing in [0, 2, 4] {
        close(store, &made[closing].id).await;
    }
    let late = many(store, 1).await;
    let page = Page { after: first.next, limit: 10 };
    let second = store.list_project(tenant, project, &page).await.unwrap();
    let rest = [made[3].id.clone(), made[5].id.clone(), late[0].id.clone()];
    assert_eq!(ids(&second.sessions), rest);
    assert_eq!(second.next, None);
}

pub(super) async fn closed_and_reserved_sessions_are_not_listed<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, 2).await;
    store.reserve(&Plan::new().reservation()).await.unwrap();
    close(store, &made[0].id).await;
    assert_eq!(of_project(store, &Plan::new()).await, made[1..]);
    assert_eq!(of_user(store, &Plan::new()).await, made[1..]);
}

pub(super) async fn a_users_listing_spans_projects_but_not_tenants_or_other_users<S: Stage>(
    stage: &S,
) {
    let store = &**stage.store();
    let here = create(store, &Plan::new()).await.unwrap();
    let there = create(store, &Plan::new().project("other")).await.unwrap();
    create(store, &Plan::new().user("bob")).await.unwrap();
    create(store, &Plan::new().tenant("umbrella")).await.unwrap();
    let page = Page { after: None, limit: 1 };
    let first = store.list_user(&here.tenant, &here.user, &page).await.unwrap();
    assert_eq!(ids(&first.sessions), [here.id]);
    let page = Page { after: first.next, limit: 1 };
    let second = store.list_user(&here.tenant, &here.user, &page).await.unwrap();
    assert_eq!((ids(&second.sessions), second.next), (vec![there.id], None));
}

pub(super) async fn a_page_of_any_size_is_within_bounds<S: Stage>(stage: &S) {
    let store = &**stage.store();
    let made = many(store, MAX_PAGE + 1).await;
    let (tenant, project) = (&made[0].tenant, &made[0].project);
    for (asked, given) in [(0, 1), (1, 1), (usize::MAX, MAX_PAGE)] {
        let page = Page { after: None, limit: asked };
        let listing = store.list_project(tenant, project, &page).await.unwrap();
        assert_eq!(listing.sessions.len(), given);
        assert!(listing.next.is_some());
    }
}
