//! `vectors/termfleet_v1.json` has every message of the canonical dialect, as other languages read
//! and write them; a message that the code gains or loses makes it stale.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use termfleet_proto::ws::v1::{NAME, Reply, Request};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    dialect: String,
    #[serde(rename = "source")]
    _source: String,
    client: Vec<Message>,
    refused: Vec<Refused>,
    server: Vec<Message>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Message {
    name: String,
    message: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    text: String,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("../vectors/termfleet_v1.json")).unwrap()
}

#[test]
fn every_message_is_read_and_written_again_as_it_was() {
    let vectors = vectors();
    assert_eq!(vectors.dialect, NAME);
    for message in &vectors.client {
        check::<Request>(message);
    }
    for message in &vectors.server {
        check::<Reply>(message);
    }
}

fn check<T: DeserializeOwned + Serialize>(vector: &Message) {
    let read: T = serde_json::from_value(vector.message.clone())
        .unwrap_or_else(|error| panic!("{}: {error}", vector.name));
    assert_eq!(serde_json::to_value(&read).unwrap(), vector.message, "{}", vector.name);
}

#[test]
fn what_is_no_message_is_refused() {
    for Refused { name, text } in &vectors().refused {
        assert!(serde_json::from_str::<Request>(text).is_err(), "{name}");
    }
}

#[test]
fn every_type_and_every_kind_of_event_is_among_them() {
    let vectors = vectors();
    let advice = "give it a vector, and a place in docs/asyncapi.yaml";
    let request = known::<Request>(json!({ "type": "?" }));
    assert_eq!(named(&vectors.client, "type"), request, "{advice}");
    let reply = known::<Reply>(json!({ "type": "?" }));
    assert_eq!(named(&vectors.server, "type"), reply, "{advice}");
    let event = known::<Reply>(json!({ "type": "event", "sessionId": "x", "kind": "?" }));
    assert_eq!(named(&vectors.server, "kind"), event, "{advice}");
}

fn named(messages: &[Message], field: &str) -> BTreeSet<String> {
    let names = messages.iter().filter_map(|vector| vector.message[field].as_str());
    names.map(str::to_owned).collect()
}

/// The names that the code knows, as it says itself when it is given one that it does not.
fn known<T: DeserializeOwned>(unknown: Value) -> BTreeSet<String> {
    let Err(error) = serde_json::from_value::<T>(unknown) else { panic!("`?` is known") };
    let text = error.to_string();
    let names = text.split_once("expected one of ").unwrap().1;
    names.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()
}
