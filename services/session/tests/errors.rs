//! `docs/errors.md` is the table of codes as people read it: made from the table, never by hand.
#![allow(clippy::unwrap_used)]

use std::{env, fmt::Write, fs};

use termfleet_session::code::{Entry, Retry, TABLE};

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/errors.md");
const REGENERATE: &str = "TERMFLEET_WRITE_DOCS=1 cargo test -p termfleet-session --test errors";

/// What stands above the first code.
const HEAD: &str = "\
# Errors

<!-- Made from services/session/src/code.rs by services/session/tests/errors.rs; do not edit. -->

Every refusal has one of these codes, on every way in. REST answers with problem details (RFC 9457)
that carry `code`, `name`, `retryable` and, where there is a hint, `retryAfterMs` and a `Retry-After`
header; `detail` says what was wrong this time. On a WebSocket it is an `error` message with the same
fields and the text in `message`, and the socket stays open; where a code ends the socket instead, its
close code says which one it was.
";

#[test]
fn the_documentation_is_the_table() {
    let made = document();
    if env::var_os("TERMFLEET_WRITE_DOCS").is_some() {
        fs::write(DOCUMENT, &made).unwrap();
    }
    let documented = fs::read_to_string(DOCUMENT).unwrap_or_default();
    assert!(documented == made, "docs/errors.md is stale; write it again with\n{REGENERATE}");
}

fn document() -> String {
    let mut text = HEAD.to_owned();
    for entry in TABLE {
        write!(text, "\n{}", section(entry)).unwrap();
    }
    text
}

fn section(entry: &Entry) -> String {
    let Entry { number, name, http, grpc, close, text, advice, .. } = entry;
    let retry = match entry.retry {
        Retry::Never => "The same request will fail again.",
        Retry::Later => "The same request may succeed later.",
        Retry::Corrected => "It may succeed with what is asked for or what the error carries.",
    };
    format!(
        "## {number} {name}\n\n\
         - What happened: {text}.\n\
         - What to do: {advice}\n\
         - {retry} HTTP {http}, close code {close}, gRPC {grpc}.\n"
    )
}
