//! What somebody leaves behind who dies between two steps: it never opens a limit, it frees itself,
//! and in the end nothing of it stays.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use termfleet_runtime::Tasks;
use termfleet_session::{
    ids::{SessionId, Tag},
    record::Session,
};
use termfleet_store::{
    Directory, Fence, Limits, RedisStore, Reservation, StoreError, Timings,
    conformance::record,
    keys::Keys,
    redis::Options,
    repeat::{KEPT_PER_USER, Request},
};

use crate::servers::Server;

/// A score of a session's place, long ago.
const CONFIRMED: &str = "1000000000000001";

struct Scene {
    server: Server,
    store: RedisStore,
    ahead_ms: Arc<AtomicU64>,
    keys: Keys,
}

impl Scene {
    async fn open() -> Self {
        let server = Server::start("").await;
        let ahead_ms = Arc::new(AtomicU64::new(0));
        let options = Options { ahead_ms: Arc::clone(&ahead_ms), ..Options::default() };
        let store = RedisStore::connect(&server.url(), options, &Tasks::new()).await.unwrap();
        Self { server, store, ahead_ms, keys: Keys::default() }
    }

    fn pass(&self, ms: u64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }

    async fn create(&self, reservation: &Reservation) -> Result<Session, StoreError> {
        self.store.reserve(reservation).await?;
        self.store.commit(record(reservation)).await
    }

    async fn close(&self, session: &Session) {
        let fence = Fence { owner: session.owner.clone().unwrap(), epoch: session.epoch };
        self.store.close(&session.id, &fence, None).await.unwrap();
    }

    fn places(&self) -> String {
        let Reservation { tenant, user, .. } = wanted();
        self.keys.user_sessions(&tenant, &user)
    }
}

/// Ann's one session, called `mine`.
fn wanted() -> Reservation {
    let (tenant, project) = ("acme".parse().unwrap(), "shop".parse().unwrap());
    let mut random = [0; 16];
    getrandom::fill(&mut random).unwrap();
    Reservation {
        id: SessionId::new(&Tag::of(&tenant, &project), random),
        tenant,
        project,
        user: "ann".parse().unwrap(),
        alias: Some("mine".parse().unwrap()),
        limits: Limits { per_project: 1, per_user: 1 },
    }
}

#[tokio::test]
async fn the_place_of_a_session_that_is_not_there_is_found_out_at_the_limit() {
    // A commit confirmed the user's place and the alias, and died before the record.
    let scene = Scene::open().await;
    let (dead, next) = (wanted(), wanted());
    scene.server.ask::<()>(&format!("ZADD {} {CONFIRMED} {}", scene.places(), dead.id)).await;
    let alias = scene.keys.alias(&dead.tenant, dead.alias.as_ref().unwrap());
    let value = [alias, format!("{} 0", dead.id)];
    let mut connection = scene.server.connection().await.unwrap();
    let () = redis::cmd("SET").arg(&value).query_async(&mut connection).await.unwrap();
    assert_eq!(scene.create(&next).await.unwrap().alias, next.alias);
}

#[tokio::test]
async fn the_place_of_a_session_that_runs_stays_at_the_limit() {
    let scene = Scene::open().await;
    let running = scene.create(&wanted()).await.unwrap();
    let other = Reservation { alias: None, ..wanted() };
    let other = Reservation { limits: Limits { per_project: 9, per_user: 1 }, ..other };
    assert_eq!(scene.create(&other).await, Err(StoreError::UserFull { limit: 1 }));
    let listed = scene.store.list_user(&running.tenant, &running.user, &Default::default()).await;
    assert_eq!(listed.unwrap().sessions, [running]);
}

#[tokio::test]
async fn places_whose_session_closed_without_freeing_them_are_found_out() {
    // An update closed the record, and died before it freed the rest.
    let scene = Scene::open().await;
    let session = scene.create(&wanted()).await.unwrap();
    let score: String =
        scene.server.ask(&format!("ZSCORE {} {}", scene.places(), session.id)).await;
    scene.close(&session).await;
    scene.server.ask::<()>(&format!("ZADD {} {score} {}", scene.places(), session.id)).await;
    scene.create(&wanted()).await.unwrap();
}

#[tokio::test]
async fn a_creation_that_died_in_the_project_is_free_after_its_time() {
    // A gateway held the project's place and died before the user's.
    let scene = Scene::open().await;
    let dead = wanted();
    scene.store.reserve(&dead).await.unwrap();
    scene.server.ask::<()>(&format!("DEL {}", scene.places())).await;
    assert_eq!(scene.create(&wanted()).await, Err(StoreError::ProjectFull { limit: 1 }));
    assert_eq!(scene.store.commit(record(&dead)).await, Err(StoreError::ReservationGone));
    scene.pass(Timings::default().reservation_ms);
    scene.create(&wanted()).await.unwrap();
}

#[tokio::test]
async fn a_commit_whose_reservation_went_meanwhile_leaves_no_place_taken() {
    let scene = Scene::open().await;
    let dead = wanted();
    scene.store.reserve(&dead).await.unwrap();
    scene.server.ask::<()>(&format!("DEL {}", scene.keys.session(&dead.id))).await;
    assert_eq!(scene.store.commit(record(&dead)).await, Err(StoreError::ReservationGone));
    scene.pass(Timings::default().reservation_ms);
    scene.create(&wanted()).await.unwrap();
}

#[tokio::test]
async fn of_a_users_requests_so_many_are_remembered_and_the_oldest_goes_first() {
    let scene = Scene::open().await;
    let Reservation { id, tenant, user, .. } = wanted();
    let request = |n: usize| {
        let (tenant, user, key) = (tenant.clone(), user.clone(), n.to_string().parse().unwrap());
        Request { tenant, user, key, body: [0; 32] }
    };
    for n in 0..KEPT_PER_USER {
        scene.store.begin(&request(n), &id).await.unwrap();
        scene.pass(1);
    }
    let other = wanted().id;
    assert_eq!(scene.store.begin(&request(0), &other).await.unwrap(), id, "at the bound");
    scene.store.begin(&request(KEPT_PER_USER), &id).await.unwrap();
    assert_eq!(scene.store.begin(&request(1), &other).await.unwrap(), id, "the second stays");
    assert_eq!(scene.store.begin(&request(0), &other).await.unwrap(), other, "the first went");
}

#[tokio::test]
async fn everything_that_is_over_has_a_time_to_live() {
    let scene = Scene::open().await;
    let session = scene.create(&wanted()).await.unwrap();
    scene.close(&session).await;
    scene.store.reserve(&wanted()).await.unwrap();
    let cancelled = Reservation { alias: None, user: "bob".parse().unwrap(), ..wanted() };
    let cancelled = Reservation { limits: Limits::default(), ..cancelled };
    scene.store.reserve(&cancelled).await.unwrap();
    scene.store.cancel(&cancelled).await.unwrap();
    for key in scene.server.ask::<Vec<String>>("KEYS *").await {
        let left: i64 = scene.server.ask(&format!("TTL {key}")).await;
        assert!(left > 0 || key == scene.keys.marker(), "{key} stays for ever");
    }
    assert_eq!(scene.store.sweep().await, Ok(0), "Redis has freed or will free it by itself");
}
