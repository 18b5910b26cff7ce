//! A user's sockets are counted exactly, at once when they come and go, and no dead one for long.

use super::{
    Stage,
    script::{Plan, race},
};
use crate::sockets::{PLACE_MS, SocketUser, Sockets};

fn user(name: &str) -> SocketUser {
    SocketUser { tenant: "acme".parse().unwrap(), user: name.parse().unwrap() }
}

fn named(sockets: &[&str]) -> Vec<String> {
    sockets.iter().map(|socket| (*socket).to_owned()).collect()
}

async fn takes<S: Stage>(stage: &S, socket: &str, replaces: Option<&str>, most: u32) -> bool {
    stage.store().take_place(&user("ann"), socket, replaces, most).await.unwrap()
}

pub(super) async fn of_a_thousand_parallel_sockets_exactly_the_limit_has_places<S: Stage>(
    stage: &S,
) {
    let names = (0..1_000).map(|n| Plan::new().project(format!("socket-{n}")));
    let taken = race(stage, names, async |store, plan| {
        let name = plan.reservation().project.to_string();
        store.take_place(&user("ann"), &name, None, 50).await.unwrap()
    })
    .await;
    assert_eq!(taken.iter().filter(|taken| **taken).count(), 50);
}

pub(super) async fn a_place_is_taken_below_and_at_the_limit_and_once_by_each<S: Stage>(stage: &S) {
    assert!(takes(stage, "a", None, 2).await);
    assert!(takes(stage, "a", None, 2).await, "it has one");
    assert!(takes(stage, "b", None, 2).await);
    assert!(!takes(stage, "c", None, 2).await);
    assert!(takes(stage, "b", None, 2).await, "it still has one");
    assert!(stage.store().take_place(&user("bob"), "c", None, 2).await.unwrap(), "bob's count");
}

pub(super) async fn a_freed_place_is_there_at_once_and_freeing_again_is_fine<S: Stage>(stage: &S) {
    assert!(takes(stage, "a", None, 1).await);
    for _ in 0..2 {
        stage.store().free_places(&user("ann"), &named(&["a", "never"])).await.unwrap();
    }
    stage.store().free_places(&user("nobody"), &named(&["a"])).await.unwrap();
    assert!(takes(stage, "b", None, 1).await);
    stage.store().free_places(&user("bob"), &named(&["b"])).await.unwrap();
    assert!(!takes(stage, "c", None, 1).await, "bob does not free what is ann's");
}

pub(super) async fn a_place_that_is_not_renewed_goes_by_itself<S: Stage>(stage: &S) {
    assert!(takes(stage, "dead", None, 2).await);
    assert!(takes(stage, "alive", None, 2).await);
    stage.pass(PLACE_MS / 3 * 2).await;
    let renewed = stage.store().renew_places(&user("ann"), &named(&["alive"])).await;
    assert_eq!(renewed, Ok(Vec::new()));
    assert!(!takes(stage, "new", None, 2).await, "the dead one may be alive yet");
    stage.pass(PLACE_MS / 3 + 1).await;
    assert!(takes(stage, "new", None, 2).await);
    assert!(!takes(stage, "newer", None, 2).await, "the other one was renewed");
}

pub(super) async fn a_renewal_puts_back_what_was_lost_above_the_limit_too<S: Stage>(stage: &S) {
    let lost = named(&["a", "b", "c"]);
    assert_eq!(stage.store().renew_places(&user("ann"), &lost).await, Ok(Vec::new()));
    assert!(!takes(stage, "d", None, 3).await);
    assert!(takes(stage, "d", None, 4).await);
}

pub(super) async fn a_socket_that_replaces_another_takes_its_place_over<S: Stage>(stage: &S) {
    assert!(takes(stage, "a", None, 2).await);
    assert!(takes(stage, "b", None, 2).await);
    assert!(takes(stage, "c", Some("a"), 2).await, "at the limit");
    assert!(!takes(stage, "d", Some("a"), 2).await, "a place is taken over once");
    assert!(!takes(stage, "d", Some("never"), 2).await);
    assert!(!takes(stage, "d", Some("d"), 2).await, "nobody replaces themselves");
    assert!(!takes(stage, "d", None, 2).await);
    let theirs = stage.store().take_place(&user("bob"), "x", Some("b"), 2).await;
    assert_eq!(theirs, Ok(true), "it is bob's own place");
    assert!(!takes(stage, "d", None, 2).await, "and ann's stays hers");
}

pub(super) async fn a_replaced_socket_is_told_and_gets_no_place_again<S: Stage>(stage: &S) {
    let both = named(&["old", "new"]);
    assert!(takes(stage, "old", None, 1).await);
    assert!(takes(stage, "new", Some("old"), 1).await);
    for _ in 0..4 {
        stage.pass(PLACE_MS / 3 * 2).await;
        let gone = stage.store().renew_places(&user("ann"), &both).await;
        assert_eq!(gone, Ok(named(&["old"])), "for as long as it is there");
    }
    stage.store().free_places(&user("ann"), &both).await.unwrap();
    assert!(takes(stage, "old", None, 1).await, "who is gone is forgotten");
}
