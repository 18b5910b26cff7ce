//! A Redis that cannot serve is refused at the start, in one line that says what to do.

use std::net::TcpListener;

use termfleet_runtime::Tasks;
use termfleet_store::{ConnectError, RedisStore, redis::Options};

use crate::servers::{Cluster, Server, Watched};

async fn connect(url: &str) -> Result<RedisStore, ConnectError> {
    RedisStore::connect(url, Options::default(), &Tasks::new()).await
}

/// The one line, which names the place and never the password.
async fn refused(url: &str) -> String {
    let line = connect(url).await.err().expect("it was accepted").to_string();
    assert!(!line.contains('\n') && !line.contains("secret"), "{line}");
    line
}

fn has(line: &str, parts: &[&str]) {
    for part in parts {
        assert!(line.contains(part), "no {part:?} in: {line}");
    }
}

#[tokio::test]
async fn a_server_that_keeps_its_keys_is_accepted_without_advice() {
    let server = Server::start("--requirepass secret").await;
    let store = connect(&format!("redis://:secret@127.0.0.1:{}", server.port)).await.unwrap();
    assert!(store.advice().is_empty(), "{:?}", store.advice());
}

#[tokio::test]
async fn nobody_there_is_said_with_the_address() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let line = refused(&format!("redis://:secret@{free}")).await;
    has(&line, &[&free.to_string(), "no Redis answers", "refused"]);
}

#[tokio::test]
async fn what_is_no_url_is_said_to_be_none() {
    has(&refused("localhost").await, &["the Redis URL must be redis://"]);
}

#[tokio::test]
async fn a_wrong_or_a_missing_password_is_said() {
    let server = Server::start("--requirepass right").await;
    for sign_in in [":secret@", "ann:secret@", ""] {
        let line = refused(&format!("redis://{sign_in}127.0.0.1:{}", server.port)).await;
        has(&line, &["refuses our user or password"]);
    }
}

#[tokio::test]
async fn an_evicting_server_is_refused_with_the_setting_to_change() {
    let server = Server::start("--maxmemory 100mb --maxmemory-policy allkeys-lru").await;
    has(&refused(&server.url()).await, &["allkeys-lru", "set its maxmemory-policy to noeviction"]);
}

#[tokio::test]
async fn a_replica_is_refused_with_the_address_of_its_master() {
    let master = Server::start("").await;
    let replica = Server::start(&format!("--replicaof 127.0.0.1 {}", master.port)).await;
    let line = refused(&replica.url()).await;
    has(&line, &["read-only replica", &format!("127.0.0.1:{}", master.port)]);
}

#[tokio::test]
async fn a_single_server_that_waits_for_replicas_is_refused() {
    let server = Server::start("--min-replicas-to-write 1").await;
    has(&refused(&server.url()).await, &["refuses every write", "min-replicas-to-write to 0"]);
}

#[tokio::test]
async fn a_master_that_does_not_wait_for_its_replicas_is_accepted_with_advice() {
    let master = Server::start("").await;
    let _replica = Server::start(&format!("--replicaof 127.0.0.1 {}", master.port)).await;
    crate::servers::until("a replica that follows", async || {
        master.info("connected_slaves").await == "1"
    })
    .await;
    let advice = connect(&master.url()).await.unwrap().advice().join("\n");
    has(&advice, &["min-replicas-to-write 1", "min-replicas-max-lag 2", "appendonly yes"]);
}

#[tokio::test]
async fn sentinels_are_taken_at_their_word_and_asked_for_the_right_name() {
    let watched = Watched::start().await;
    let store = connect(&watched.url()).await.unwrap();
    assert!(store.advice().is_empty(), "{:?}", store.advice());
    has(&refused(&watched.url().replace("/main", "/other")).await, &["know no master"]);
    let mistaken = refused(&watched.sentinels[0].url()).await;
    has(&mistaken, &["is a sentinel", "redis+sentinel://"]);
}

#[tokio::test]
async fn a_cluster_and_a_single_server_are_not_taken_for_each_other() {
    let cluster = Cluster::start().await;
    assert!(connect(&cluster.url()).await.is_ok());
    has(&refused(&cluster.nodes[0].url()).await, &["node of a cluster", "redis+cluster://"]);
    let single = Server::start("").await;
    let line = refused(&single.url().replace("redis", "redis+cluster")).await;
    has(&line, &["no cluster", "redis://"]);
}

#[tokio::test]
async fn an_evicting_node_of_a_cluster_is_found_whichever_it_is() {
    let cluster = Cluster::start().await;
    cluster.nodes[2].ask::<()>("CONFIG SET maxmemory-policy volatile-lru").await;
    let at = format!("127.0.0.1:{}", cluster.nodes[2].port);
    has(&refused(&cluster.url()).await, &["volatile-lru", &at]);
}

#[tokio::test]
async fn a_user_that_may_not_do_what_is_needed_is_told_so() {
    let server = Server::start("").await;
    server.ask::<()>("ACL SETUSER ann on >secret ~tf:* +@connection +hello +info +role").await;
    let line = refused(&format!("redis://ann:secret@127.0.0.1:{}", server.port)).await;
    has(&line, &["does not allow", "ACL"]);
}
