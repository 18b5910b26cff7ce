//! `docs/protocol.md` shows messages as they really are: its examples are read by the product's types.
#![allow(clippy::unwrap_used)]

use std::fs;

use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use termfleet_proto::ws::v1::{Reply, Request};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/protocol.md");

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
