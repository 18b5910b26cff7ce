//! The golden vectors, made from the seed's own types.
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use serde_json::Value;

use super::*;
use crate::ws::v1::Reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    dialect: String,
    #[serde(rename = "source")]
    _source: String,
    client: Vec<Said>,
    refused: Vec<NotSaid>,
    server: Vec<Told>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    name: String,
    text: String,
    means: Question,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NotSaid {
    name: String,
    text: String,
    because: String,
    message_id: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Told {
    name: String,
    session: Option<String>,
    message_id: String,
    #[serde(default)]
    in_reply_to: Option<String>,
    tell: Canonical,
    #[serde(rename = "timestamp")]
    now_ms: u64,
    /// Null: the dialect has no word for it.
    text: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Canonical {
    Typed,
    Sent(Asked),
    Done(Asked),
    State(Box<SessionState>),
    Alive(Value),
    Refused(Box<ErrorMessage>),
    Message(Box<Reply>),
    Output(String),
    Gap { status: String, reason: String },
}

#[test]
fn the_golden_vectors_hold() {
    let vectors: Vectors =
        serde_json::from_str(include_str!("../../../vectors/voice_v1.json")).unwrap();
    assert_eq!(vectors.dialect, NAME);
    assert!(!vectors.client.is_empty() && !vectors.server.is_empty());
    for said in &vectors.client {
        let question = read(&said.text).unwrap_or_else(|e| panic!("{}: {e:?}", said.name));
        assert_eq!(question, said.means, "{}", said.name);
    }
    for refused in &vectors.refused {
        let bad = read(&refused.text).expect_err(&refused.name);
        assert_eq!(bad.error.to_string(), refused.because, "{}", refused.name);
        assert_eq!(bad.message_id, refused.message_id, "{}", refused.name);
    }
    for told in &vectors.server {
        let text = told.written();
        let text = text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
        assert_eq!(text, told.text, "{}", told.name);
    }
}

impl Told {
    fn written(&self) -> Option<String> {
        let envelope = Envelope {
            session: self.session.as_deref(),
            message_id: &self.message_id,
            now_ms: self.now_ms,
        };
        let answer = match &self.tell {
            Canonical::Typed => Answer::Typed,
            Canonical::Sent(asked) => Answer::Sent(asked),
            Canonical::Done(asked) => Answer::Done(asked),
            Canonical::State(state) => Answer::State(state.clone()),
            Canonical::Alive(payload) => Answer::Alive(payload),
            Canonical::Refused(error) => Answer::Refused(error),
            Canonical::Output(data) => return envelope.tell(Tell::Output(data)),
            Canonical::Gap { status, reason } => {
                return envelope.tell(Tell::Gap { status, reason });
            }
            Canonical::Message(reply) => {
                let tell = Tell::Message { id: reply.id.as_deref(), message: &reply.message };
                return envelope.tell(tell);
            }
        };
        Some(envelope.answer(self.in_reply_to.as_deref(), &answer))
    }
}
