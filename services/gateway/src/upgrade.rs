//! From an HTTP request to a socket: what it speaks, who opens it, whether there is room. What is
//! said on it is `connection`'s business; its frames are the guard's.

use std::{sync::Arc, time::Duration};

use axum::{body::Body, response::Response};
use http::Request;
use hyper::{
    body::Incoming,
    upgrade::{self, OnUpgrade},
};
use termfleet_session::code::{Code, Refusal};
use tokio::time;

use crate::{
    admit::Return,
    auth::{Protocols, SignedIn},
    connection,
    dialect::{Choice, Wish},
    edge::{Edge, Opened},
    http::{QueryPairs, Requests, peer},
    problem::Refused,
    route::Route,
    ws,
};

/// How long the switch may take once its answer is made: one write to a client that is reading.
const SWITCH_TIME: Duration = Duration::from_secs(10);
/// When somebody who comes during a drain should try again: another gateway takes them at once.
const DRAINING_RETRY_MS: u64 = 1_000;

/// Answers a request for a socket, and opens it once the answer is sent.
///
/// # Errors
/// Why there will be none.
pub(crate) async fn answer(
    requests: &Requests,
    session: Option<String>,
    query: &QueryPairs,
    mut request: Request<Incoming>,
) -> Result<Response, Refused> {
    let edge = &requests.server.edge;
    let upgrade = ws::check(&request)?;
    if edge.drain.is_draining() {
        let refusal = Refusal::new(Code::ServiceUnavailable, "this gateway is going away");
        return Err(refusal.retry_after(DRAINING_RETRY_MS).into());
    }
    let peer = peer::client(requests.peer, request.headers(), &edge.config.proxies);
    // Before anybody's signature is checked: that is what costs.
    let returning = edge.admission.handshake(peer, once(query, "resume")?)?;

    let protocols = Protocols::of(&upgrade.protocols)?;
    let choice = choose(session.as_deref(), &protocols, query)?;
    let identity = match edge.auth.opener(request.headers(), &protocols)? {
        Some(identity) => Some(identity),
        None => match once(query, "ticket")? {
            Some(ticket) => Some(edge.tickets.redeem(ticket).await?),
            None => by_cookie(edge, &request)?,
        },
    };
    if identity.is_none() && !choice.dialect.signs_in_band() {
        return Err(Code::Unauthorized.into());
    }
    let connection_id = requests.connection_id.to_string();
    let (returning, place) = match &identity {
        Some(who) => {
            let returning = edge.admission.returned(returning, &who.actor, peer)?;
            let replaces = returning.as_ref().map(Return::replaces);
            let place = edge.admission.socket(&who.actor, &connection_id, replaces).await?;
            (returning, Some(place))
        }
        // Whose ticket it is shows with the first message.
        None => (returning, None),
    };

    let opened = Opened {
        connection_id,
        identity,
        place,
        returning,
        dialect: choice.dialect,
        session,
        peer,
        limits: edge.admission.connection_limits(),
    };
    let switch = upgrade::on(&mut request);
    spawn(requests, switch, opened);
    let echoed = choice.echoed.then(|| choice.dialect.name());
    Ok(upgrade.response(echoed).map(|()| Body::empty()))
}

/// What the address says of this, which it may once.
fn once<'a>(query: &'a QueryPairs, wanted: &str) -> Result<Option<&'a str>, Refusal> {
    let mut found = query.iter().filter(|(name, _)| name == wanted);
    let value = found.next().map(|(_, value)| value.as_str());
    match found.next() {
        Some(_) => Err(Refusal::new(Code::BadMessage, format!("{wanted} stands more than once"))),
        None => Ok(value),
    }
}

/// Who the cookie says it is, where one is configured. It alone signs the request in, so the page
/// that asks must be named, and be one that may.
fn by_cookie<B>(edge: &Edge, request: &Request<B>) -> Result<Option<SignedIn>, Refused> {
    let Some(name) = &edge.config.cookie else { return Ok(None) };
    let Some(token) = name.value(request.headers())? else { return Ok(None) };
    edge.config.site.check(request, true)?;
    Ok(Some(edge.auth.verify(token)?))
}

fn choose(
    session: Option<&str>,
    protocols: &Protocols<'_>,
    query: &QueryPairs,
) -> Result<Choice, Refusal> {
    let asked = query.iter().filter(|(name, _)| name == "dialect");
    let asked: Vec<String> = asked.map(|(_, value)| value.clone()).collect();
    let default = Route::default_dialect(session);
    Wish { offered: &protocols.dialects, asked: &asked, default }.choose()
}

/// The socket's own task: it outlives its HTTP connection, and ends with the drain at the latest.
fn spawn(requests: &Requests, switch: OnUpgrade, opened: Opened) {
    let (edge, stop) = (Arc::clone(&requests.server.edge), requests.server.stop.clone());
    let counted = edge.metrics.socket(opened.dialect);
    // Boxed: who waits for it would else hold its room twice, for as long as the socket lives.
    let serving = Box::pin(open(Arc::clone(&edge), switch, opened));
    requests.server.edge.tasks.spawn("socket", async move {
        let _counted = counted;
        let served = stop.run_until_cancelled(serving).await;
        if edge.drain.is_draining() {
            edge.metrics.drained(served.is_none());
        }
    });
}

async fn open(edge: Arc<Edge>, switch: OnUpgrade, opened: Opened) {
    let connection = opened.connection_id.clone();
    match time::timeout(SWITCH_TIME, ws::open(switch, edge.config.socket)).await {
        Ok(Ok(socket)) => connection::serve(edge, socket, opened).await,
        Ok(Err(error)) => tracing::debug!(connection, %error, "a socket was not opened"),
        Err(_) => tracing::debug!(connection, "a socket was not opened in time"),
    }
}
