//! What one user may use is counted over all gateways, and who had a socket comes back to one.
#![allow(clippy::unwrap_used)]

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use futures_util::future::join_all;
use http::StatusCode;
use termfleet_tests::{
    client::{Connect, Socket},
    cluster::{Builder, Cluster, User},
    wait::until,
};
use tokio::time::{Instant, interval, timeout};

/// How long a place stands that nobody renews; tests wait three times as long.
const LEASE: Duration = Duration::from_secs(30);
/// How often a place is tried that cannot announce itself: 60 handshakes a minute.
const LOOK: Duration = Duration::from_secs(1);

/// Three gateways with these limits, and a worker.
async fn cluster(limits: &str) -> Result<Cluster> {
    let config = format!("[limits]\n{limits}");
    Builder::default().workers(1).without_nginx().gateway_config(&config).start().await
}

fn gateways(cluster: &Cluster) -> Vec<SocketAddr> {
    cluster.gateways.iter().map(|gateway| gateway.address()).collect()
}

/// Opens a socket with that ticket, if it opens.
async fn back(user: &User, gateway: SocketAddr, ticket: &str) -> Result<Socket> {
    let mut connect = Connect::canonical().bearer(Some(user.token()));
    connect.path = format!("{}?resume={ticket}", connect.path);
    Socket::connect(gateway, &connect).await?.signed_in(None).await
}

fn ticket(socket: &Socket) -> Result<String> {
    let ticket = socket.welcome["resumeTicket"].as_str();
    ticket.map(str::to_owned).context("a welcome without a ticket")
}

#[tokio::test]
async fn a_user_has_fifty_sockets_over_three_gateways_and_not_one_more() -> Result<()> {
    let cluster = cluster("handshakes_per_minute = 1000\n").await?;
    let (ann, bob) = (cluster.user("ann").await?, cluster.user("bob").await?);
    let gateways = gateways(&cluster);
    let all = gateways.iter().cycle();
    let mut sockets = Vec::new();
    for gateway in all.clone().take(50) {
        sockets.push(ann.socket_at(*gateway).await?);
    }
    for gateway in &gateways {
        assert!(ann.socket_at(*gateway).await.is_err(), "the fifty-first");
        bob.socket_at(*gateway).await?.close().await?;
    }

    // One that replaces another opens at the limit, wherever that one was.
    let replacing = back(&ann, gateways[1], &ticket(&sockets[0])?).await?;
    assert!(back(&ann, gateways[2], &ticket(&sockets[0])?).await.is_err(), "replaced once");
    assert!(back(&bob, gateways[2], &ticket(&sockets[3])?).await.is_ok(), "bob has room");
    assert!(ann.socket_at(gateways[2]).await.is_err(), "and took nothing of ann's");

    // A place is free for all gateways once its socket has closed.
    sockets.remove(1).close().await?;
    let again = until("a place", || async { ann.socket_at(gateways[2]).await.ok() }).await?;
    assert!(ann.socket_at(gateways[0]).await.is_err());
    drop((replacing, again, sockets));
    cluster.end().await
}

#[tokio::test]
async fn without_redis_sockets_still_open_and_are_counted_together_once_it_is_back() -> Result<()> {
    let mut cluster = cluster("sockets_per_user = 2\nhandshakes_per_minute = 100000\n").await?;
    let ann = cluster.user("ann").await?;
    let gateways = gateways(&cluster);
    let first = ann.socket_at(gateways[0]).await?;
    cluster.redis.kill().await?;
    let second = ann.socket_at(gateways[0]).await?;
    assert!(ann.socket_at(gateways[0]).await.is_err(), "it counts by itself");
    let third = ann.socket_at(gateways[1]).await?;
    // What needs no store is answered, and counted by the gateway.
    let system = "/api/terminal/metrics/system";
    assert_eq!(ann.http_at(gateways[0]).get(system).await?.status, 200);

    // Back, and empty: the gateways put the places of their sockets back.
    cluster.redis.forget()?;
    cluster.redis.start_again().await?;
    until("all know of all", || async { ann.socket_at(gateways[2]).await.err() }).await?;
    until("all know of all", || async { ann.socket_at(gateways[1]).await.err() }).await?;
    drop((first, second, third));
    let again = until("places are free again", || async {
        let (one, two) = (ann.socket_at(gateways[2]).await, ann.socket_at(gateways[1]).await);
        Some((one.ok()?, two.ok()?))
    });
    drop(again.await?);
    cluster.end().await
}

#[tokio::test]
async fn the_places_of_a_gateway_that_died_go_by_themselves() -> Result<()> {
    let mut cluster = cluster("sockets_per_user = 1\n").await?;
    let ann = cluster.user("ann").await?;
    let gateways = gateways(&cluster);
    let _lost = ann.socket_at(gateways[0]).await?;
    cluster.gateways[0].kill().await?;
    let died = Instant::now();
    assert!(ann.socket_at(gateways[1]).await.is_err(), "nobody knows yet that it died");
    let opened = async {
        let mut looks = interval(LOOK);
        loop {
            looks.tick().await;
            if let Ok(socket) = ann.socket_at(gateways[1]).await {
                return socket;
            }
        }
    };
    let socket = timeout(LEASE * 3, opened).await.context("the place is not free")?;
    eprintln!("the place was free {:?} after its gateway died", died.elapsed());
    drop(socket);
    cluster.end().await
}

#[tokio::test]
async fn of_a_thousand_requests_over_three_gateways_exactly_as_many_are_taken_as_may() -> Result<()>
{
    // An hour, so that none comes back meanwhile.
    let cluster = cluster("max_requests = 100\nwindow_ms = 3600000\n").await?;
    let (ann, bob) = (cluster.user("ann").await?, cluster.user("bob").await?);
    let gateways = gateways(&cluster);
    let mut taken = 0;
    // In two heaps, as one process has only so many descriptors.
    for _ in 0..2 {
        let heap = (0..500).map(|n| {
            let http = ann.http_at(gateways[n % 3]);
            async move { http.get("/api/terminal/sessions").await }
        });
        for answer in join_all(heap).await {
            let answer = answer?;
            match answer.status {
                StatusCode::OK => taken += 1,
                status => {
                    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{}", answer.text());
                    let json = answer.json();
                    assert_eq!(json["code"], 4004, "{json}");
                    let ms = json["retryAfterMs"].as_u64().context("a hint")?;
                    // One comes back every 36 s.
                    assert!((1..=36_000).contains(&ms), "{json}");
                    assert!(answer.headers.contains_key("retry-after"));
                }
            }
        }
    }
    assert_eq!(taken, 100);
    assert_eq!(bob.http_at(gateways[0]).get("/api/terminal/sessions").await?.status, 200);
    cluster.end().await
}

#[tokio::test]
async fn who_had_a_socket_comes_back_although_the_address_has_used_up_its_handshakes() -> Result<()>
{
    let cluster = cluster("handshakes_per_minute = 2\n").await?;
    let ann = cluster.user("ann").await?;
    let gateways = gateways(&cluster);
    let mut sockets = Vec::new();
    for gateway in &gateways {
        sockets.push(ann.socket_at(*gateway).await?);
        sockets.push(ann.socket_at(*gateway).await?);
        assert!(ann.socket_at(*gateway).await.is_err(), "used up");
    }
    let mut newest = ticket(&sockets[0])?;
    drop(sockets);
    // Any gateway knows the ticket of any other, and each socket brings the next ticket.
    for gateway in gateways.iter().cycle().take(6) {
        newest = ticket(&back(&ann, *gateway, &newest).await?)?;
    }
    let mut forged = newest.clone();
    forged.replace_range(20..21, if newest.as_bytes()[20] == b'A' { "B" } else { "A" });
    for worthless in [&forged, "", "nonsense"] {
        assert!(back(&ann, gateways[0], worthless).await.is_err(), "{worthless}");
    }
    assert!(back(&ann, gateways[0], &newest).await.is_ok());
    for logged in cluster.gateways.iter().map(|gateway| gateway.logged()) {
        assert!(!logged.contains(&newest[..40]), "a ticket was logged");
    }
    cluster.end().await
}
