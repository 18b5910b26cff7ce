//! Webhooks against a real HTTP server: what it is asked, what its answers mean, and what becomes of
//! those that it does not give.
#![allow(clippy::disallowed_methods)]

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use termfleet_runtime::{About, Drain, Metrics, Tasks, clock};
use termfleet_session::{
    code::Code,
    ids::Epoch,
    limits::DEFAULT_SIZE,
    record::{Counters, Mode},
    role::Role,
    state::Status,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{metrics::Outcome, queue::Bounds, *};

const SECRET: &[u8] = b"0123456789abcdef";
/// How long a call may take in these tests, and how long the tests wait for anything.
const TIMEOUT: Duration = Duration::from_millis(500);
const DEADLINE: Duration = Duration::from_secs(10);

/// A call as the server saw it.
#[derive(Debug, Clone)]
struct Call {
    path: String,
    headers: HeaderMap,
    body: String,
}

impl Call {
    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }
}

/// A server that answers so, one call after the other; the last answer is that to all later ones.
#[derive(Clone)]
struct Server {
    address: SocketAddr,
    calls: Arc<Mutex<Vec<Call>>>,
    news: watch::Sender<usize>,
    answers: Arc<Vec<(u16, String)>>,
    /// Answers that may be given.
    open: Arc<Semaphore>,
}

impl Server {
    async fn start(answers: &[(u16, Value)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let answers = answers.iter().map(|(status, body)| (*status, body.to_string())).collect();
        let server = Self {
            address: listener.local_addr().unwrap(),
            calls: Arc::default(),
            news: watch::Sender::new(0),
            answers: Arc::new(answers),
            open: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
        };
        let serving = server.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let server = serving.clone();
                let service = service_fn(move |request| server.clone().answer(request));
                let http = hyper::server::conn::http1::Builder::new();
                tokio::spawn(http.serve_connection(TokioIo::new(stream), service));
            }
        });
        server
    }

    /// One that answers nothing.
    async fn silent() -> Self {
        let server = Self::start(&[(204, json!(""))]).await;
        server.open.forget_permits(Semaphore::MAX_PERMITS);
        server
    }

    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response<Full<Bytes>>, hyper::Error> {
        let (parts, body) = request.into_parts();
        let body = String::from_utf8(body.collect().await?.to_bytes().to_vec()).unwrap();
        let path = parts.uri.to_string();
        let at = {
            let mut calls = self.calls.lock().unwrap();
            calls.push(Call { path, headers: parts.headers, body });
            calls.len() - 1
        };
        self.news.send_replace(at + 1);
        self.open.acquire().await.unwrap().forget();
        let (status, body) = self.answers[at.min(self.answers.len() - 1)].clone();
        Ok(Response::builder().status(status).body(Full::from(body)).unwrap())
    }

    /// The calls, as soon as there are so many.
    async fn calls(&self, count: usize) -> Vec<Call> {
        let mut news = self.news.subscribe();
        timeout(DEADLINE, news.wait_for(|calls| *calls >= count)).await.unwrap().unwrap();
        self.calls.lock().unwrap().clone()
    }
}

fn settings(address: SocketAddr, on_failure: OnFailure) -> Settings {
    Settings {
        endpoint: format!("http://{address}/hooks?team=1").parse().unwrap(),
        secret: SECRET.to_vec(),
        timeout: TIMEOUT,
        events: EVENTS.to_vec(),
        on_failure,
        tls: None,
    }
}

/// Few and soon.
fn bounds() -> Bounds {
    let pause = (Duration::from_millis(1), Duration::from_millis(5));
    Bounds { waiting: 2, at_once: 1, tries: 3, pause }
}

fn metrics() -> HookMetrics {
    HookMetrics::register(Metrics::new(About { service: "", version: "" }).part("hooks"))
}

fn hooked(settings: Settings) -> (Webhook, HookMetrics) {
    let counted = metrics();
    let (tasks, drain) = (Tasks::new(), Drain::new());
    (Webhook::with(settings, counted.clone(), &tasks, &drain, bounds()), counted)
}

fn of(server: &Server) -> (Webhook, HookMetrics) {
    hooked(settings(server.address, OnFailure::Refuse))
}

fn ann() -> Actor {
    Actor { user: "ann".parse().unwrap(), tenant: "acme".parse().unwrap(), role: Role::User }
}

fn creation() -> Creation {
    let environment = [("TOKEN".to_owned(), "hidden".to_owned())].into();
    let alias = Some("mine".parse().unwrap());
    Creation {
        actor: ann(),
        session: "aaaaaaaa-aaaaaaaaaaaaaaaaaaaaaaaaaa".parse().unwrap(),
        tenant: "acme".parse().unwrap(),
        project: "shop".parse().unwrap(),
        project_path: None,
        config: Config { environment, alias, ..Config::default() },
    }
}

fn session() -> Session {
    let Creation { session, tenant, project, config, .. } = creation();
    let at = Timestamp::now();
    Session {
        id: session,
        tenant,
        project,
        user: "ann".parse().unwrap(),
        alias: config.alias,
        owner: None,
        epoch: Epoch::new(1),
        status: Status::Active,
        mode: Mode::Normal,
        tab_name: "1".to_owned(),
        layout: None,
        theme: None,
        labels: config.labels,
        shell: "/bin/sh".to_owned(),
        current_path: "/".to_owned(),
        environment: config.environment,
        size: DEFAULT_SIZE,
        process_id: None,
        created_at: at,
        updated_at: at,
        last_activity_at: at,
        suspended_at: None,
        counters: Counters::default(),
        exit: None,
        ended_by: None,
    }
}

/// HMAC-SHA256 as RFC 2104 writes it, for a key of at most a block.
fn hmac(key: &[u8], message: &[u8]) -> String {
    let pad = |byte: u8| {
        let mut block = [byte; 64];
        block.iter_mut().zip(key).for_each(|(to, from)| *to ^= from);
        block
    };
    let inner = Sha256::new().chain_update(pad(0x36)).chain_update(message).finalize();
    let outer = Sha256::new().chain_update(pad(0x5c)).chain_update(inner).finalize();
    data_encoding::HEXLOWER.encode(&outer)
}

/// The time of a call's signature, once that is right.
fn verified(call: &Call) -> i64 {
    let signature = call.headers["termfleet-signature"].to_str().unwrap();
    let (time, mac) = signature.split_once(",v1=").unwrap();
    let time = time.strip_prefix("t=").unwrap();
    assert_eq!(mac, hmac(SECRET, format!("{time}.{}", call.body).as_bytes()));
    let time = time.parse().unwrap();
    assert!((clock::now_unix() - 5..=clock::now_unix()).contains(&time), "{time}");
    time
}

#[tokio::test]
async fn every_event_is_posted_with_what_it_is_about_and_signed() {
    let server = Server::start(&[(200, json!({}))]).await;
    let (webhook, counted) = of(&server);
    webhook.before_create(&creation()).await.unwrap();
    webhook.before_delete(&ann(), &session()).await.unwrap();
    webhook.after_create(&ann(), &session()).await;
    webhook.after_delete(&ann(), &session()).await;
    let calls = server.calls(4).await;
    for (call, event) in
        calls.iter().zip(["before_create", "before_delete", "after_create", "after_delete"])
    {
        verified(call);
        assert_eq!(call.path, "/hooks?team=1");
        assert_eq!(call.headers["content-type"], "application/json");
        let body = call.json();
        assert_eq!((&body["event"], &body["tenant"]), (&json!(event), &json!("acme")));
        assert_eq!(body["user"], "ann");
        assert!(body["timestamp"].as_u64().is_some_and(|at| at > 1_700_000_000_000), "{body}");
        assert!(!call.body.contains("hidden"), "values of variables stay here");
        let about = if event == "before_create" { "request" } else { "session" };
        assert_eq!(body[about]["projectId"], "shop", "{body}");
        assert_eq!(body[about]["alias"], "mine", "{body}");
    }
    let request = &calls[0].json()["request"];
    assert_eq!(request["environment"], json!(["TOKEN"]));
    assert!(request.get("shell").is_none(), "what was not said is absent: {request}");
    let mut ids: Vec<_> = calls.iter().map(Call::id).collect();
    ids.dedup();
    assert_eq!(ids.len(), 4);
    assert_eq!(counted.count(Event::BeforeCreate, Outcome::Accepted), 1);
}

#[tokio::test]
async fn what_is_not_wanted_is_not_posted() {
    let server = Server::start(&[(403, json!({}))]).await;
    let events = vec![Event::AfterDelete];
    let settings = Settings { events, ..settings(server.address, OnFailure::Refuse) };
    let (webhook, _) = hooked(settings);
    webhook.before_create(&creation()).await.unwrap();
    webhook.after_create(&ann(), &session()).await;
    webhook.before_delete(&ann(), &session()).await.unwrap();
    webhook.after_delete(&ann(), &session()).await;
    let calls = server.calls(1).await;
    assert_eq!((calls.len(), &calls[0].json()["event"]), (1, &json!("after_delete")));
}

async fn refusal(answer: Value) -> Refusal {
    let server = Server::start(&[(422, answer)]).await;
    let (webhook, counted) = of(&server);
    let refused = webhook.before_create(&creation()).await.unwrap_err();
    assert_eq!(counted.count(Event::BeforeCreate, Outcome::Refused), 1);
    refused
}

#[tokio::test]
async fn a_4xx_refuses_with_the_words_of_the_hook_in_one_bounded_line() {
    let told = refusal(json!({ "message": "no shop\nafter hours\u{1b}[2J" })).await;
    assert_eq!((told.code, &*told.text), (Code::Forbidden, "no shop after hours [2J"));
    for (length, kept) in [(199, 199), (200, 200), (201, 200)] {
        let told = refusal(json!({ "message": "ä".repeat(length) })).await;
        assert_eq!(told.text.chars().count(), kept);
    }
    for said in [json!({}), json!({ "message": 7 }), json!("no"), json!({ "message": "  " })] {
        assert_eq!(refusal(said).await.text, "a hook of this server refuses it");
    }
}

async fn unanswered(address: SocketAddr) {
    for on_failure in [OnFailure::Refuse, OnFailure::Allow] {
        let (webhook, counted) = hooked(settings(address, on_failure));
        let answer = timeout(TIMEOUT * 3, webhook.before_delete(&ann(), &session())).await;
        match (on_failure, answer.unwrap()) {
            (OnFailure::Allow, Ok(())) => {}
            (OnFailure::Refuse, Err(refusal)) => {
                assert_eq!(refusal.code, Code::ServiceUnavailable);
                assert!(refusal.retry_after_ms.is_some() && refusal.code.retryable());
            }
            (_, answer) => panic!("{on_failure:?}: {answer:?}"),
        }
        assert_eq!(counted.count(Event::BeforeDelete, Outcome::Failed), 1);
    }
}

#[tokio::test]
async fn silence_errors_and_nobody_there_are_decided_as_configured() {
    unanswered(Server::silent().await.address).await;
    unanswered(Server::start(&[(500, json!({ "message": "no" }))]).await.address).await;
    unanswered(Server::start(&[(302, json!({}))]).await.address).await;
    // An answer that is no end of itself.
    let endless = json!({ "message": "x".repeat(17 << 10) });
    unanswered(Server::start(&[(403, endless)]).await.address).await;
    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    unanswered(nobody).await;
}

#[tokio::test]
async fn what_is_told_is_tried_again_under_one_id_until_it_is_heard() {
    let server =
        Server::start(&[(503, json!({})), (429, json!({})), (204, json!("")), (204, json!(""))])
            .await;
    let (webhook, counted) = of(&server);
    webhook.after_create(&ann(), &session()).await;
    let calls = server.calls(3).await;
    assert!(calls.iter().all(|call| call.id() == calls[0].id() && verified(call) > 0));
    webhook.after_delete(&ann(), &session()).await;
    let next = server.calls(4).await;
    assert_ne!(next[3].id(), calls[0].id());
    assert_eq!(counted.retries.get(), 2);
}

#[tokio::test]
async fn after_its_last_try_and_after_a_refusal_it_is_given_up() {
    let server = Server::start(&[(500, json!({}))]).await;
    let (webhook, counted) = of(&server);
    webhook.after_create(&ann(), &session()).await;
    let last = server.calls(bounds().tries as usize).await;
    webhook.after_delete(&ann(), &session()).await;
    let next = server.calls(last.len() + 1).await;
    assert_ne!(next[last.len()].id(), last[0].id(), "no fourth try");
    assert_eq!(counted.count(Event::AfterCreate, Outcome::Failed), 1);

    let server = Server::start(&[(410, json!({})), (204, json!(""))]).await;
    let (webhook, counted) = of(&server);
    webhook.after_create(&ann(), &session()).await;
    webhook.after_delete(&ann(), &session()).await;
    let calls = server.calls(2).await;
    assert_ne!(calls[0].id(), calls[1].id(), "what was understood is not said again");
    assert_eq!(counted.count(Event::AfterCreate, Outcome::Refused), 1);
}

#[tokio::test]
async fn beyond_its_room_nothing_waits_and_it_is_counted() {
    let server = Server::silent().await;
    let (webhook, counted) = of(&server);
    let dropped = || counted.count(Event::AfterCreate, Outcome::Dropped);
    webhook.after_create(&ann(), &session()).await;
    server.calls(1).await;
    // One is being told; there is room for two.
    for _ in 0..bounds().waiting {
        webhook.after_create(&ann(), &session()).await;
    }
    assert_eq!((dropped(), counted.waiting.get()), (0, 3));
    webhook.after_create(&ann(), &session()).await;
    assert_eq!((dropped(), counted.waiting.get()), (1, 3));
    server.open.add_permits(100);
    server.calls(3).await;
}

#[tokio::test]
async fn once_the_process_drains_nothing_is_tried_again() {
    let server = Server::start(&[(500, json!({}))]).await;
    let (tasks, drain, counted) = (Tasks::new(), Drain::new(), metrics());
    let pause = (Duration::from_secs(3600), Duration::from_secs(3600));
    let bounds = Bounds { pause, ..bounds() };
    let settings = settings(server.address, OnFailure::Refuse);
    let webhook = Webhook::with(settings, counted.clone(), &tasks, &drain, bounds);
    webhook.after_create(&ann(), &session()).await;
    server.calls(1).await;
    drain.trigger();
    drop(webhook);
    timeout(DEADLINE, tasks.wait(DEADLINE)).await.unwrap().unwrap();
    assert_eq!(counted.count(Event::AfterCreate, Outcome::Failed), 1);
}
