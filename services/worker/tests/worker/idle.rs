//! Sessions that nobody watches or uses end when a gateway sweeps, and no others do.

use std::time::Duration;

use termfleet_proto::{status::from_status, worker_v1 as pb};
use termfleet_runtime::clock;
use termfleet_session::{
    code::Code,
    focus::Step,
    idle::SHORTEST,
    ids::WorkerId,
    record::{Cause, Session},
    role::{Actor, Role},
    state::Status,
};
use termfleet_store::{
    Directory,
    focus::{Wanted, change},
};
use termfleet_worker::Ended;
use tokio::time::{Instant, sleep_until};

use crate::{
    gateway::Client,
    stage::{Stage, ann, eventually},
};

const LIMIT_MS: u64 = 1_000;
/// How often two race. Each costs a second.
const ROUNDS: u8 = 4;

fn worker_id() -> WorkerId {
    "w1".parse().unwrap()
}

async fn sweep_with(stage: &Stage, idle_ms: u64, capability: String) -> Result<u32, Code> {
    let mut client = stage.gateway().await.client;
    let answer = client.sweep(pb::SweepRequest { idle_ms, capability }).await;
    answer.map(|swept| swept.into_inner().ended).map_err(|status| from_status(&status).code)
}

async fn sweep(stage: &Stage, idle_ms: u64) -> Result<u32, Code> {
    let worker = worker_id();
    let capability = stage.key.mint_sweep(&worker, idle_ms, clock::now_unix()).unwrap();
    sweep_with(stage, idle_ms, capability).await
}

/// Sweeps until so many have ended.
async fn swept(stage: &Stage, ended: u32) {
    let mut all = 0;
    eventually("idle sessions to end", async || {
        all += sweep(stage, LIMIT_MS).await.unwrap();
        (all == ended).then_some(())
    })
    .await;
}

async fn is_alive(stage: &Stage, session: &Session) -> bool {
    let record = stage.store.get(&session.id).await.unwrap().unwrap();
    record.status.is_alive()
}

#[tokio::test]
async fn a_session_that_nobody_watches_or_uses_ends_at_its_time_and_says_why() {
    let stage = Stage::new().await;
    let began = Instant::now();
    let session = stage.create().await;
    assert_eq!(sweep(&stage, 60_000).await, Ok(0), "much younger than a minute");
    swept(&stage, 1).await;
    assert!(began.elapsed() >= Duration::from_millis(LIMIT_MS), "before its time");
    let closed = stage.record(&session.id, |record| record.status == Status::Closed).await;
    assert_eq!((closed.ended_by, closed.cause()), (Some(Cause::Idle), Cause::Idle));
    assert_eq!(stage.metric("termfleet_worker_idle_sessions_ended_total"), Some(1.0));
}

#[tokio::test]
async fn what_is_watched_suspended_or_in_use_stays() {
    let stage = Stage::new().await;
    let (watched, suspended, idle) =
        (stage.create().await, stage.create().await, stage.create().await);
    let gateway = stage.gateway().await;
    let watching = Client { watch_only: true, ..Client::new(&ann(), 1) };
    let viewer = gateway.attach(&watched, &watching).await;
    gateway.suspend(&suspended, &ann()).await.unwrap();
    // The one that is idle tells that the time of the others is over as well.
    swept(&stage, 1).await;
    let closed = stage.record(&idle.id, |record| record.status == Status::Closed).await;
    assert_eq!(closed.ended_by, Some(Cause::Idle));
    assert!(is_alive(&stage, &watched).await && is_alive(&stage, &suspended).await);
    // Whoever leaves leaves it all the time that a new one has.
    let left = Instant::now();
    viewer.detach(false).await;
    swept(&stage, 1).await;
    assert!(left.elapsed() >= Duration::from_millis(LIMIT_MS), "a viewer was there a moment ago");
    assert!(is_alive(&stage, &suspended).await);
}

#[tokio::test]
async fn a_focus_counts_as_use_though_only_the_store_knows_of_it() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    sleep_until(Instant::now() + SHORTEST).await;
    let wanted = Wanted {
        tenant: session.tenant.clone(),
        project: session.project.clone(),
        steps: vec![Step { session: session.id.clone(), focused: true }],
        expected: None,
        max: 4,
    };
    change(&*stage.store, &wanted).await.unwrap();
    let focused = Instant::now();
    assert_eq!(sweep(&stage, LIMIT_MS).await, Ok(0));
    swept(&stage, 1).await;
    assert!(focused.elapsed() >= Duration::from_millis(LIMIT_MS - 1), "it was focused just now");
}

#[tokio::test]
async fn of_a_viewer_and_a_sweep_at_the_same_instant_one_has_its_way() {
    let stage = Stage::new().await;
    let mut ended = 0;
    for round in 0..ROUNDS {
        let (session, gateway) = (stage.create().await, stage.gateway().await);
        sleep_until(Instant::now() + SHORTEST).await;
        let client = Client::new(&ann(), round);
        let (swept, attached) =
            tokio::join!(sweep(&stage, LIMIT_MS), gateway.try_attach(&session, &client));
        match (swept.unwrap(), attached) {
            (0, Ok(viewer)) => {
                assert!(is_alive(&stage, &session).await);
                viewer.detach(false).await;
                gateway.close(&session, &ann()).await.unwrap();
            }
            (1, Err(refusal)) => {
                assert_eq!(refusal.code, Code::SessionEnded);
                ended += 1;
            }
            (swept, attached) => panic!("{swept} ended, and attached: {}", attached.is_ok()),
        }
    }
    println!("{ended} of {ROUNDS} ended");
}

#[tokio::test]
async fn a_worker_that_takes_over_gives_every_session_its_time_anew() {
    let mut stage = Stage::new().await;
    let session = stage.create().await;
    sleep_until(Instant::now() + SHORTEST).await;
    let before = stage.start_worker().await.unwrap();
    assert_eq!(before.worker.ended().await, Ended::Superseded);
    assert_eq!(sweep(&stage, LIMIT_MS).await, Ok(0));
    assert!(is_alive(&stage, &session).await);
}

#[tokio::test]
async fn only_a_gateway_may_ask_and_for_no_less_than_a_second() {
    let stage = Stage::new().await;
    let session = stage.create().await;
    let (worker, now) = (worker_id(), clock::now_unix());
    assert_eq!(sweep(&stage, 999).await, Err(Code::BadMessage));
    assert_eq!(sweep(&stage, 1_000).await, Ok(0));
    assert_eq!(sweep_with(&stage, LIMIT_MS, String::new()).await, Err(Code::Unauthorized));
    let elsewhere = stage.key.mint_sweep(&"other".parse().unwrap(), LIMIT_MS, now).unwrap();
    assert_eq!(sweep_with(&stage, LIMIT_MS, elsewhere).await, Err(Code::Forbidden));
    let longer = stage.key.mint_sweep(&worker, LIMIT_MS + 1, now).unwrap();
    assert_eq!(sweep_with(&stage, LIMIT_MS, longer).await, Err(Code::Forbidden));
    let root = Actor { role: Role::Admin, ..ann() };
    let of_session = stage.key.mint(&session.id, &root, now).unwrap();
    assert_eq!(sweep_with(&stage, LIMIT_MS, of_session).await, Err(Code::Unauthorized));
    let late = stage.key.mint_sweep(&worker, LIMIT_MS, now - 61).unwrap();
    assert_eq!(sweep_with(&stage, LIMIT_MS, late).await, Err(Code::TokenExpired));
}
