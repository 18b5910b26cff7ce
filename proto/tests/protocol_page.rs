//! `docs/protocol.md` shows messages as they really are: its examples are read by the product's types.
#![allow(clippy::unwrap_used)]

use std::fs;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use termfleet_proto::ws::v1::{Reply, Request};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");
const VECTORS: &str = include_str!("../vectors/termfleet_v1.json");

#[test]
fn its_examples_are_messages_of_the_protocol() {
    let page = fs::read_to_string(PAGE).unwrap();
    // Messages with a `messageId` are those of `voice.v1`, which its vectors speak for.
    let canonical = || page.lines().filter(|line| !line.contains("\"messageId\""));
    let examples = |mark| canonical().filter_map(move |line| line.strip_prefix(mark));
    assert!(examples("→ ").count() >= 5 && examples("← ").count() >= 5);
    for example in examples("→ ") {
        check::<Request>(example);
    }
    for example in examples("← ") {
        check::<Reply>(example);
    }
}

/// Its table of what a client may send has every message that the golden vectors have.
#[test]
fn it_names_every_message_of_a_client() {
    let page = fs::read_to_string(PAGE).unwrap();
    let (_, table) = page.split_once("| you send | you get | |\n").unwrap();
    let rows: Vec<&str> = table.lines().take_while(|line| line.starts_with('|')).collect();
    let vectors: Value = serde_json::from_str(VECTORS).unwrap();
    let sent = vectors["client"].as_array().unwrap().iter();
    for kind in sent.map(|vector| vector["message"]["type"].as_str().unwrap()) {
        let named = |row: &&str| row.contains(&format!("`{kind}"));
        assert!(
            rows.iter().filter_map(|row| row.split('|').nth(1)).any(|cell| named(&cell)),
            "{kind}"
        );
    }
}

/// Unknown fields are ignored when a message is read, so what is written again must have them all.
fn check<T: DeserializeOwned + Serialize>(example: &str) {
    let read: T =
        serde_json::from_str(example).unwrap_or_else(|error| panic!("{error}: {example}"));
    let written = serde_json::to_value(&read).unwrap();
    let shown: Value = serde_json::from_str(example).unwrap();
    for (field, value) in shown.as_object().unwrap() {
        assert_eq!(&written[field], value, "{field} of {example}");
    }
}
