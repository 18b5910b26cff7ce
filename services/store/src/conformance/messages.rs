//! A message that comes again is answered as the first one was, and nothing is run twice.

use super::{
    Stage,
    script::{Plan, race},
};
use crate::{
    error::StoreError::KeyReused,
    messages::{Heard, MESSAGE_MS, Message, Messages},
};

fn message(id: &str) -> Message {
    let session = format!("{}-{}", "a".repeat(8), "b".repeat(26)).parse().unwrap();
    Message { session, id: id.parse().unwrap(), body: [1; 32] }
}

pub(super) async fn of_a_hundred_equal_messages_one_is_the_first<S: Stage>(stage: &S) {
    let heard = race(stage, vec![Plan::new(); 100], async |store, _| {
        store.hear(&message("m")).await.unwrap()
    })
    .await;
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::First).count(), 1);
    assert_eq!(heard.iter().filter(|heard| **heard == Heard::UnderWay).count(), 99);
}

pub(super) async fn an_answer_is_given_again_as_it_was<S: Stage>(stage: &S) {
    let store = stage.store();
    let answer = "{\"payload\":\"two words, \\n é\"}";
    assert_eq!(store.hear(&message("m")).await, Ok(Heard::First));
    store.answer(&message("m"), answer).await.unwrap();
    for _ in 0..2 {
        assert_eq!(store.hear(&message("m")).await, Ok(Heard::Again(answer.to_owned())));
    }
}

pub(super) async fn an_id_means_one_message_of_its_session<S: Stage>(stage: &S) {
    let store = stage.store();
    assert_eq!(store.hear(&message("m")).await, Ok(Heard::First));
    let other = Message { body: [2; 32], ..message("m") };
    assert_eq!(store.hear(&other).await, Err(KeyReused));
    store.answer(&message("m"), "done").await.unwrap();
    assert_eq!(store.hear(&other).await, Err(KeyReused));
    let elsewhere = Message { session: Plan::new().reservation().id, ..message("m") };
    assert_eq!(store.hear(&elsewhere).await, Ok(Heard::First));
    assert_eq!(store.hear(&message("n")).await, Ok(Heard::First));
}

pub(super) async fn what_was_not_done_can_be_asked_again<S: Stage>(stage: &S) {
    let store = stage.store();
    assert_eq!(store.hear(&message("m")).await, Ok(Heard::First));
    store.unhear(&message("m")).await.unwrap();
    assert_eq!(store.hear(&message("m")).await, Ok(Heard::First));
}

pub(super) async fn a_message_is_remembered_for_its_time<S: Stage>(stage: &S) {
    let store = stage.store();
    assert_eq!(store.hear(&message("m")).await, Ok(Heard::First));
    stage.pass(MESSAGE_MS).await;
    assert_eq!(store.hear(&message("m")).await, Ok(Heard::First));
}
