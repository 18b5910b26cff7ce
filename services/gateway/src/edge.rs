//! What every part of a gateway shares, and what a new socket starts with. Nothing here is lost
//! that a reconnect cannot rebuild.

use std::{net::IpAddr, sync::Arc};

use termfleet_proto::ws::v1::ServerInfo;
use termfleet_runtime::{Drain, Tasks};
use termfleet_session::{
    code::{Code, Refusal},
    role::Actor,
};
use termfleet_store::{Directory, Messages, Sweeps};

use crate::{
    admit::{Admission, ConnectionLimits, Return, SocketPlace},
    auth::{Auth, SignedIn, Tickets},
    config::Config,
    connection::Waiters,
    dialect::Dialect,
    measuring::Measuring,
    metrics::EdgeMetrics,
    projects::Projects,
    scale::Scaler,
    sessions::Sessions,
    upstream::Upstream,
    vitals::{Counted, Vitals},
};

/// One gateway's shared state.
pub struct Edge {
    /// What it was told.
    pub config: Config,
    /// Which server this is, for clients.
    pub about: ServerInfo,
    /// Who somebody is.
    pub auth: Auth,
    /// Where sessions are.
    pub directory: Arc<dyn Directory>,
    /// Who runs them.
    pub upstream: Arc<Upstream>,
    /// Who starts and ends those.
    pub scaler: Arc<dyn Scaler>,
    /// What happens in the projects that are watched here.
    pub projects: Projects,
    /// What may be done with them.
    pub sessions: Sessions,
    /// Who is let in, and how often.
    pub admission: Admission,
    /// Sockets that wait for a session that does not exist yet.
    pub waiters: Waiters,
    /// Tickets that sign sockets in.
    pub tickets: Tickets,
    /// What clients asked in sessions, if it may come again.
    pub messages: Arc<dyn Messages>,
    /// Focused sessions that somebody here sits at, measured in turn.
    pub measuring: Measuring,
    /// Whose turn it is to look for idle sessions.
    pub sweeps: Arc<dyn Sweeps>,
    /// What is counted.
    pub metrics: EdgeMetrics,
    /// How the gateway does.
    pub vitals: Vitals,
    /// The gateway's own tasks: each must end by itself once it drains.
    pub tasks: Tasks,
    /// Whether it drains.
    pub drain: Drain,
}

impl Edge {
    /// What samples of the gateway count.
    pub(crate) fn counted(&self) -> Counted {
        let sessions = self.upstream.load();
        Counted {
            sessions,
            sockets: self.metrics.open_sockets(),
            refusals: self.metrics.refusals_told(),
        }
    }

    /// Whose token this is; without authentication, whoever shows one.
    ///
    /// # Errors
    /// As [`Auth::verify`].
    pub fn verify(&self, token: &str) -> Result<SignedIn, Refusal> {
        self.auth.verify(token)
    }

    /// Refuses whoever does not run the machines: all tenants share them, so those of one may neither
    /// look at them nor set them. Without authentication there is one user, whose machine it is.
    pub(crate) fn for_operators(&self, actor: &Actor) -> Result<(), Refusal> {
        if actor.operates() || self.auth.is_off() { Ok(()) } else { Err(Code::Forbidden.into()) }
    }
}

impl std::fmt::Debug for Edge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Edge").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A socket that has just been upgraded.
#[derive(Debug)]
pub struct Opened {
    /// Its connection, for logs and questions.
    pub connection_id: String,
    /// Who the upgrade signed in; `None` only in dialects whose first message may do it.
    pub identity: Option<SignedIn>,
    /// The user's place among their sockets; there is one if there is an identity.
    pub place: Option<SocketPlace>,
    /// What its resume ticket says; it is the user's own if there is an identity.
    pub returning: Option<Return>,
    /// What it speaks.
    pub dialect: Dialect,
    /// The session that the address names, by id or alias, not looked up yet.
    pub session: Option<String>,
    /// The client's address, also behind configured proxies.
    pub peer: IpAddr,
    /// What it may send.
    pub limits: ConnectionLimits,
}
