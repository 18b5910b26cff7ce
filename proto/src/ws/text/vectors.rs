//! Golden vectors of a text dialect: what clients write and what it means, what is no message, and
//! how canonical messages look. The TypeScript tests read the same files.
#![allow(clippy::unwrap_used)]

use serde::Deserialize;
use serde_json::Value;

use super::{BadText, PathStatus, Spoken, Tell};
use crate::{focus::FocusState, rest::measures::SessionMeasures, ws::v1::Reply};

/// One file of vectors.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::ws) struct Vectors {
    dialect: String,
    #[serde(rename = "source")]
    _source: String,
    client: Vec<Said>,
    refused: Vec<Refused>,
    server: Vec<Told>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    name: String,
    text: String,
    #[serde(default)]
    form: Value,
    means: Spoken,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refused {
    name: String,
    text: String,
    because: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    name: String,
    #[serde(default)]
    form: Value,
    session: Option<String>,
    tell: Canonical,
    #[serde(rename = "timestamp")]
    now_ms: u64,
    /// Null: the dialect has no word for it.
    text: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum Canonical {
    Message(Box<Reply>),
    Output(String),
    Gap { status: String, reason: String },
    Path(PathTold),
    Synced(FocusState),
    Measures(SessionMeasures),
    History { text: String, before: Option<u64> },
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct PathTold {
    status: PathStatus,
    reason: Option<String>,
    retry_count: Option<u32>,
    focus: FocusState,
}

impl Vectors {
    pub(in crate::ws) fn parse(json: &str) -> Self {
        serde_json::from_str(json).unwrap()
    }

    /// Holds a dialect against them; `form` is whatever the dialect tells its envelopes apart by.
    pub(in crate::ws) fn check(
        &self,
        dialect: &str,
        read: impl Fn(&str) -> Result<(Value, Spoken), BadText>,
        write: impl Fn(&Value, Option<&str>, Tell<'_>, u64) -> Option<String>,
    ) {
        assert_eq!(self.dialect, dialect);
        assert!(!self.client.is_empty() && !self.refused.is_empty() && !self.server.is_empty());
        for said in &self.client {
            let (form, spoken) = read(&said.text).unwrap_or_else(|e| panic!("{}: {e}", said.name));
            assert_eq!(spoken, said.means, "{}", said.name);
            assert_eq!(form, said.form, "{}", said.name);
        }
        for refused in &self.refused {
            let error = read(&refused.text).expect_err(&refused.name);
            assert_eq!(error.to_string(), refused.because, "{}", refused.name);
        }
        for told in &self.server {
            let tell = match &told.tell {
                Canonical::Output(data) => Tell::Output(data),
                Canonical::Gap { status, reason } => Tell::Gap { status, reason },
                Canonical::Path(PathTold { status, reason, retry_count, focus }) => Tell::Path {
                    status: *status,
                    reason: reason.as_deref(),
                    retry_count: *retry_count,
                    focus,
                },
                Canonical::Synced(focus) => Tell::Synced { focus },
                Canonical::Measures(measures) => Tell::Measures(measures),
                Canonical::History { text, before } => Tell::History { text, before: *before },
                Canonical::Message(reply) => {
                    Tell::Message { id: reply.id.as_deref(), message: &reply.message }
                }
            };
            let text = write(&told.form, told.session.as_deref(), tell, told.now_ms);
            let text = text.map_or(Value::Null, |text| serde_json::from_str(&text).unwrap());
            assert_eq!(text, told.text, "{}", told.name);
        }
    }
}
