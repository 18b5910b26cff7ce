//! `vectors/codes.json` is the code table as other languages read it; it must not go stale.
#![allow(clippy::unwrap_used)]

use std::{env, fs, path::Path};

use serde_json::{Value, json};
use termfleet_session::code::{Entry, Retry, TABLE};

fn row(entry: &Entry) -> Value {
    let retry = match entry.retry {
        Retry::Never => "never",
        Retry::Later => "later",
        Retry::Corrected => "corrected",
    };
    json!({
        "code": entry.number,
        "name": entry.name,
        "http": entry.http,
        "grpc": entry.grpc,
        "close": entry.close,
        "retry": retry,
        "retryable": entry.code.retryable(),
        "text": entry.text,
        "advice": entry.advice,
    })
}

/// To write the file anew: `UPDATE_VECTORS=1 cargo test -p termfleet-proto --test codes`.
#[test]
fn the_code_table_in_json_is_the_one_in_rust() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors/codes.json");
    let table = Value::from(TABLE.iter().map(row).collect::<Vec<_>>());
    let fresh = format!("{table:#}\n");
    if env::var_os("UPDATE_VECTORS").is_some() {
        fs::write(&path, &fresh).unwrap();
    }
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, fresh, "stale: run UPDATE_VECTORS=1 cargo test -p termfleet-proto");
}
