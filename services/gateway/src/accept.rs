//! The client port: its listeners, its connections, and how they end.
//!
//! Upgraded sockets are tasks of their own (`upgrade`): hyper forgets them, the drain does not.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use data_encoding::BASE32_NOPAD;
use socket2::SockRef;
use termfleet_proto::ws::v1::ServerInfo;
use termfleet_runtime::{Backoff, Drain, Part, Tasks};
use termfleet_store::{Bus, Directory, Focus, Messages, Rates, Sockets, Sweeps, Tickets};
use termfleet_token::{ResumeKey, Verifier};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time,
};

use crate::{
    admit::{self, Admission},
    auth::{self, Auth},
    config::Config,
    connection::Waiters,
    edge::Edge,
    focus::Focuses,
    hooks::Hooks,
    http::{Requests, Server},
    idle,
    measuring::Measuring,
    metrics::EdgeMetrics,
    pages::Pages,
    projects::Projects,
    scale::Scaler,
    sessions::{self, Sessions},
    upstream::Upstream,
    vitals::{self, Counted, Vitals},
    ws::Site,
};

mod connection;

/// First and longest pause after a failed accept. It is almost always a lack of descriptors, which
/// passes as connections end.
const ACCEPT_PAUSE: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(1));
/// How many of those that are turned away may be read to their end at once.
const MAX_TURNED_AWAY: usize = 64;
/// How often what has expired in the store is freed (`cluster.md` §3).
const SWEEP: Duration = Duration::from_secs(60);
/// How long the last tasks may take once they have been told to stop.
const STOP_TIME: Duration = Duration::from_secs(1);
/// Random bytes of a connection's id: enough to find one among years of logs.
const ID_BYTES: usize = 10;

/// The whole answer to a connection for which there is no room.
const NO_ROOM: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\n\
    retry-after: 1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// What a gateway is put together from.
pub struct Parts {
    /// What it is told.
    pub config: Config,
    /// Who checks tokens; `None` is `--no-auth`.
    pub verifier: Option<Verifier>,
    /// Where sessions are.
    pub directory: Arc<dyn Directory>,
    /// What happens to them.
    pub bus: Arc<dyn Bus>,
    /// Which of them are focused.
    pub focus: Arc<dyn Focus>,
    /// Tickets that are out.
    pub tickets: Arc<dyn Tickets>,
    /// What was asked in sessions.
    pub messages: Arc<dyn Messages>,
    /// How often somebody may.
    pub rates: Arc<dyn Rates>,
    /// How many sockets they have.
    pub sockets: Arc<dyn Sockets>,
    /// Which gateway looks for idle sessions.
    pub sweeps: Arc<dyn Sweeps>,
    /// What resume tickets are known by, on all gateways of the cluster.
    pub resume: ResumeKey,
    /// Who is asked before sessions begin and end, and told after.
    pub hooks: Arc<dyn Hooks>,
    /// Who runs them.
    pub upstream: Arc<Upstream>,
    /// Who starts and ends those.
    pub scaler: Arc<dyn Scaler>,
    /// The web terminal.
    pub pages: Arc<dyn Pages>,
    /// When to go.
    pub drain: Drain,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A gateway, ready to serve.
pub struct Gateway {
    server: Arc<Server>,
    places: Arc<Semaphore>,
    turned_away: Arc<Semaphore>,
    /// Tells when the store may have lost what it knew.
    losses: watch::Receiver<u64>,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gateway").field("edge", &self.server.edge).finish_non_exhaustive()
    }
}

impl Gateway {
    /// A gateway of these parts; its metrics are registered here. Without a verifier it answers to
    /// loopback names and pages alone.
    #[must_use]
    pub fn new(parts: Parts, mut metrics: Part<'_>) -> Self {
        let Parts {
            mut config,
            verifier,
            directory,
            bus,
            focus,
            tickets,
            messages,
            rates,
            sockets,
            sweeps,
            resume,
            hooks,
            upstream,
            scaler,
            pages,
            drain,
        } = parts;
        let (tasks, auth) = (Tasks::new(), Auth::new(verifier));
        if auth.is_off() {
            // Whatever was configured: else any web page could run commands here.
            config.site = Site::loopback();
            // Everybody is one user then: limits per user would be limits of the machine.
            config.limits.sessions.per_user = u32::MAX;
        }
        let limits = config.limits.clone();
        let losses = bus.losses();
        let (watched, of_focus) = (Arc::clone(&directory), Arc::clone(&focus));
        let projects = Projects::new(watched, bus, of_focus, tasks.clone());
        let focuses = Focuses::new(focus, projects.clone(), config.focus.max_per_project);
        let sessions = Sessions::new(sessions::Parts {
            directory: Arc::clone(&directory),
            upstream: Arc::clone(&upstream),
            hooks,
            focuses,
            auto_focus_new: config.focus.auto_focus_new,
            limits: limits.sessions,
            size: config.size,
            tasks: tasks.clone(),
        });
        let version = config.version.to_owned();
        let about = ServerInfo { version, instance: config.instance.clone() };
        let places = Arc::new(Semaphore::new(limits.http_connections.max(1)));
        let interval = config.monitoring.sample_interval;
        let (of, watched) = (sessions.clone(), projects.clone());
        let measuring = Measuring::new(of, watched, tasks.clone(), interval);
        upstream.metrics().register(&mut metrics);
        let metrics = EdgeMetrics::register(metrics);
        let shared = admit::Shared { rates, sockets, resume, stood_in: metrics.stood_in() };
        let admission = Admission::new(limits, config.proxies.clone(), auth.is_off(), shared);
        let counted = Counted { sessions: upstream.load(), sockets: 0, refusals: 0 };
        let vitals = Vitals::new(config.monitoring.thresholds.clone(), counted);
        let edge = Arc::new(Edge {
            about,
            auth,
            directory,
            upstream,
            scaler,
            projects,
            sessions,
            admission,
            waiters: Waiters::default(),
            tickets: auth::Tickets::new(tickets),
            messages,
            measuring,
            sweeps,
            metrics,
            vitals,
            tasks,
            drain,
            config,
        });
        let turned_away = Arc::new(Semaphore::new(MAX_TURNED_AWAY));
        Self { server: Arc::new(Server::new(edge, pages)), places, turned_away, losses }
    }

    /// What its parts share.
    #[must_use]
    pub fn edge(&self) -> &Arc<Edge> {
        &self.server.edge
    }

    /// Serves on these listeners until the drain begins, then lets connections and sockets end, and
    /// returns when they have, or when their time is over.
    pub async fn serve(self, listeners: Vec<TcpListener>) {
        let gateway = Arc::new(self);
        let edge = Arc::clone(gateway.edge());
        for listener in listeners {
            let accepting = Arc::clone(&gateway).accept(listener);
            edge.tasks.spawn("accept", accepting);
        }
        edge.tasks.spawn("upkeep", upkeep(Arc::clone(&edge)));
        edge.tasks.spawn("socket places", keep_sockets(Arc::clone(&edge), gateway.losses.clone()));
        edge.tasks.spawn("idle sessions", idle::keep(Arc::clone(&edge)));
        edge.tasks.spawn("vitals", vitals::watch(Arc::clone(&edge)));
        edge.drain.draining().await;
        edge.metrics.draining();

        if let Err(unfinished) = edge.tasks.wait(edge.config.drain_deadline).await {
            tracing::warn!(%unfinished, "the drain's time is over: what is left is dropped");
            gateway.server.stop.cancel();
            if let Err(unfinished) = edge.tasks.wait(STOP_TIME).await {
                tracing::error!(%unfinished, "tasks do not end");
            }
        }
    }

    /// Accepts until the drain begins.
    async fn accept(self: Arc<Self>, listener: TcpListener) {
        let drain = self.edge().drain.child_token();
        let mut pause = Backoff::new(ACCEPT_PAUSE.0, ACCEPT_PAUSE.1);
        while let Some(accepted) = drain.run_until_cancelled(listener.accept()).await {
            match accepted {
                Ok((stream, peer)) => {
                    pause.reset();
                    self.admit(stream, peer.ip());
                }
                Err(error) if is_the_clients(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    drain.run_until_cancelled(time::sleep(pause.next_delay())).await;
                }
            }
        }
    }

    /// Finds a place for a connection, or turns it away.
    fn admit(&self, stream: TcpStream, peer: IpAddr) {
        let edge = self.edge();
        let place = Arc::clone(&self.places).try_acquire_owned().ok();
        let of_address = place.as_ref().and_then(|_| edge.admission.connection(peer));
        let (Some(place), Some(of_address)) = (place, of_address) else {
            return self.turn_away(stream);
        };
        let Some(connection_id) = new_id() else { return };
        let requests = Requests { server: Arc::clone(&self.server), peer, connection_id };
        let counted = edge.metrics.connection();
        edge.tasks.spawn("http connection", async move {
            let _places = (place, of_address, counted);
            connection::serve(stream, requests).await;
        });
    }

    /// Says that there is no room. The answer needs no task: it fits into an empty socket.
    fn turn_away(&self, stream: TcpStream) {
        self.edge().metrics.turned_away();
        let answered = SockRef::from(&stream).send(NO_ROOM);
        let reading = Arc::clone(&self.turned_away).try_acquire_owned();
        if let (Ok(_), Ok(reading)) = (answered, reading) {
            self.edge().tasks.spawn("turned away", async move {
                let _reading = reading;
                connection::linger(stream).await;
            });
        }
    }
}

/// A client that left before it was accepted is no reason to pause.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

/// A connection's id; none only when the operating system gives no randomness.
fn new_id() -> Option<Arc<str>> {
    let mut random = [0; ID_BYTES];
    let filled = getrandom::fill(&mut random);
    if let Err(error) = filled {
        tracing::error!(%error, "the operating system gave no randomness");
        return None;
    }
    Some(BASE32_NOPAD.encode(&random).to_ascii_lowercase().into())
}

/// Holds the places of sockets until the last one is gone.
async fn keep_sockets(edge: Arc<Edge>, losses: watch::Receiver<u64>) {
    edge.admission.keep_sockets(edge.drain.clone(), losses).await;
}

/// Frees what has expired, here and in the store, until the drain begins.
async fn upkeep(edge: Arc<Edge>) {
    let drain = edge.drain.child_token();
    let sweeps = async {
        let mut turns = time::interval(SWEEP);
        loop {
            turns.tick().await;
            if let Err(error) = edge.directory.sweep().await {
                tracing::warn!(%error, "the store could not be swept");
            }
        }
    };
    drain
        .run_until_cancelled(async {
            tokio::join!(edge.admission.upkeep(), sweeps);
        })
        .await;
}
