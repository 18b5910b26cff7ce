//! The one table of refusals: every error that reaches a client is a `Code`.
//!
//! Each edge (HTTP, WebSocket, gRPC) translates a code once, with what stands here. The safe text
//! is all that a client is told; details belong to the log.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What a client may do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// The same request will fail again: change it.
    Never,
    /// The same request may succeed later, after `retryAfterMs` where it is given.
    Later,
    /// The same request may succeed with what the error carries (a version, an offset, a token).
    Corrected,
}

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub struct Entry {
    /// The code this row is about.
    pub code: Code,
    /// Its number on the wire.
    pub number: u16,
    /// Its name on the wire.
    pub name: &'static str,
    /// Its HTTP status.
    pub http: u16,
    /// Its gRPC status code, as numbered by gRPC.
    pub grpc: i32,
    /// The close code where it ends a WebSocket.
    pub close: u16,
    /// What a client may do.
    pub retry: Retry,
    /// The text a client is told when there is no better one.
    pub text: &'static str,
    /// What a person should do about it: one sentence.
    pub advice: &'static str,
}

macro_rules! codes {
    ($($variant:ident $number:literal $name:literal http $http:literal grpc $grpc:literal
       close $close:literal $retry:ident $text:literal, $advice:literal;)*) => {
        /// Why something was refused. The number and the name are the contract with clients.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code {
            $(#[doc = $text] $variant,)*
        }

        /// Every code, in the order of its number's class.
        pub const TABLE: &[Entry] = &[$(Entry {
            code: Code::$variant,
            number: $number,
            name: $name,
            http: $http,
            grpc: $grpc,
            close: $close,
            retry: Retry::$retry,
            text: $text,
            advice: $advice,
        },)*];
    };
}

codes! {
    SessionNotFound 1001 "SESSION_NOT_FOUND" http 404 grpc 5 close 1008 Never
        "there is no such session", "List your sessions, or create one; records stay readable for 10 minutes after a shell ended.";
    SessionLimitExceeded 1002 "SESSION_LIMIT_EXCEEDED" http 429 grpc 8 close 1008 Later
        "the limit of sessions is reached", "Close a session of this project or of yours, or ask for a higher limit.";
    SessionAlreadyExists 1003 "SESSION_ALREADY_EXISTS" http 409 grpc 6 close 1008 Never
        "a session of this name already exists", "Attach to the session of that alias, or choose another alias.";
    SessionCreationFailed 1004 "SESSION_CREATION_FAILED" http 502 grpc 13 close 1011 Later
        "the session could not be created", "Try again; if it stays, read the worker's log at the time of the request.";
    VersionConflict 1005 "VERSION_CONFLICT" http 409 grpc 10 close 1008 Corrected
        "the version has moved on", "Take the current version from the error and decide again.";
    SessionEnded 1006 "SESSION_ENDED" http 410 grpc 9 close 4010 Never
        "the session has ended", "Start a new session; the old one's last output stays readable for 10 minutes.";
    SessionSuspended 1007 "SESSION_SUSPENDED" http 409 grpc 9 close 1008 Later
        "the session is suspended", "Resume the project first.";
    ConnectionFailed 2001 "CONNECTION_FAILED" http 502 grpc 14 close 1012 Later
        "the connection to the session failed", "Reconnect; the session goes on where it was.";
    ConnectionTimeout 2002 "CONNECTION_TIMEOUT" http 504 grpc 4 close 1012 Later
        "the session did not answer in time", "Reconnect; if it stays, look at the worker's health.";
    ConnectionRejected 2003 "CONNECTION_REJECTED" http 403 grpc 7 close 1008 Never
        "the connection is not accepted from there", "Use a host name and an origin that the server is configured for.";
    BadMessage 2004 "BAD_MESSAGE" http 400 grpc 3 close 1008 Never
        "the message is not valid", "Compare it with the protocol's documentation; the fifth bad message in 10 seconds closes the socket.";
    MessageTooLarge 2005 "MESSAGE_TOO_LARGE" http 413 grpc 8 close 1009 Never
        "the message is too large", "Send it in pieces within the limits that `welcome` names.";
    InputGap 2006 "INPUT_GAP" http 409 grpc 11 close 1008 Corrected
        "input is missing before this offset", "Send again from `nextInputOffset`.";
    BadOffset 2007 "BAD_OFFSET" http 409 grpc 11 close 1008 Corrected
        "that offset does not exist yet", "Nothing: a snapshot follows.";
    SlowConsumer 2008 "SLOW_CONSUMER" http 408 grpc 4 close 4008 Later
        "the client was too slow", "Reconnect and resume; read the socket without pauses of 30 seconds.";
    InputWindowExceeded 2009 "INPUT_WINDOW_EXCEEDED" http 429 grpc 8 close 1008 Corrected
        "more input than the window allows", "Wait for `input_ack` and send again from `nextInputOffset`.";
    ProcessSpawnFailed 3001 "PROCESS_SPAWN_FAILED" http 502 grpc 9 close 1011 Never
        "the shell could not be started", "Check the shell's path and that it is executable on the worker.";
    ProcessKilled 3002 "PROCESS_KILLED" http 410 grpc 9 close 4010 Never
        "the process was killed", "Start a new session.";
    ProcessNotFound 3003 "PROCESS_NOT_FOUND" http 404 grpc 5 close 1008 Never
        "there is no such process", "It has ended already; start a new session.";
    CommandTimeout 3004 "COMMAND_TIMEOUT" http 504 grpc 4 close 1008 Later
        "the command did not end in time", "Give it a longer timeout or run it in a session.";
    Unauthorized 4001 "UNAUTHORIZED" http 401 grpc 16 close 4001 Corrected
        "a valid token is required", "Sign in; `termfleet token` prints a token for a development server.";
    Forbidden 4002 "FORBIDDEN" http 403 grpc 7 close 4002 Never
        "this is not allowed", "Ask for a role that allows it, or for a session that is not read-only.";
    TokenExpired 4003 "TOKEN_EXPIRED" http 401 grpc 16 close 4003 Corrected
        "the token has expired", "Sign in again; `termfleet token` prints a token for a development server.";
    RateLimited 4004 "RATE_LIMITED" http 429 grpc 8 close 4029 Later
        "too many requests", "Wait for `retryAfterMs`, then try again more slowly.";
    CommandRejected 4005 "COMMAND_REJECTED" http 403 grpc 7 close 1008 Never
        "the command is not allowed", "Use a command that the policy allows.";
    TakenOver 4006 "TAKEN_OVER" http 409 grpc 10 close 4006 Corrected
        "somebody else drives this session", "Take the driver's seat with `control take`.";
    InternalError 5001 "INTERNAL_ERROR" http 500 grpc 13 close 1011 Later
        "something went wrong on the server", "Try again; if it stays, report the time and the connection's id.";
    ResourceExhausted 5002 "RESOURCE_EXHAUSTED" http 503 grpc 8 close 1013 Later
        "the server has no room for this now", "Try again later, or add workers.";
    ServiceUnavailable 5003 "SERVICE_UNAVAILABLE" http 503 grpc 14 close 1013 Later
        "the service cannot do this now", "Try again after `retryAfterMs`.";
    PathNotFound 6001 "PATH_NOT_FOUND" http 404 grpc 5 close 1008 Never
        "there is no such directory", "Create it first, or leave `projectPath` out.";
    PathNotAllowed 6002 "PATH_NOT_ALLOWED" http 403 grpc 7 close 1008 Never
        "that path is outside the project's root", "Use a path within the project's root.";
    ChecksumMismatch 6003 "CHECKSUM_MISMATCH" http 422 grpc 15 close 1008 Later
        "the content does not match its checksum", "Send the content again.";
    OperationNotFound 6004 "OPERATION_NOT_FOUND" http 404 grpc 5 close 1008 Never
        "there is no such operation", "Start the operation again.";
    QuotaExceeded 6005 "QUOTA_EXCEEDED" http 507 grpc 8 close 1008 Never
        "the storage quota is used up", "Delete files or ask for a larger quota.";
}

/// What the thousands of the numbers stand for, from 1000 on.
pub const CLASSES: [&str; 6] =
    ["session", "connection", "process", "authorization", "system", "file"];

impl Code {
    /// This code's row of the table.
    #[must_use]
    pub fn entry(self) -> &'static Entry {
        // The table has exactly one row a variant, in the order of the variants.
        &TABLE[self as usize]
    }

    /// The number on the wire.
    #[must_use]
    pub fn number(self) -> u16 {
        self.entry().number
    }

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.entry().name
    }

    /// The metric label: the name in lower case would be another spelling, so it is the name.
    #[must_use]
    pub fn label(self) -> &'static str {
        self.entry().name
    }

    /// What its number's first digit stands for, one of [`CLASSES`].
    #[must_use]
    pub fn class(self) -> &'static str {
        // Every number of the table begins with the place of a class.
        CLASSES[usize::from(self.number() / 1000).clamp(1, CLASSES.len()) - 1]
    }

    /// May the same request succeed later without a change?
    #[must_use]
    pub fn retryable(self) -> bool {
        self.entry().retry != Retry::Never
    }

    /// The code with this number.
    #[must_use]
    pub fn from_number(number: u16) -> Option<Self> {
        TABLE.iter().find(|entry| entry.number == number).map(|entry| entry.code)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::from_number(number).ok_or_else(|| de::Error::custom("unknown code"))
    }
}

/// A refusal: a code, what the client is told, and what it needs to go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {text}", code.name())]
pub struct Refusal {
    /// Why.
    pub code: Code,
    /// What the client is told: never an inner error's text.
    pub text: String,
    /// When it makes sense to try again, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// The offset that the client should go on from: of input (2006, 2009) or output (2007).
    pub current: Option<u64>,
}

impl Refusal {
    /// A refusal with a text of its own.
    #[must_use]
    pub fn new(code: Code, text: impl Into<String>) -> Self {
        Self { code, text: text.into(), retry_after_ms: None, current: None }
    }

    /// With a hint when to try again.
    #[must_use]
    pub fn retry_after(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// With the value that the client should go on from.
    #[must_use]
    pub fn current(mut self, value: u64) -> Self {
        self.current = Some(value);
        self
    }
}

impl From<Code> for Refusal {
    fn from(code: Code) -> Self {
        Self::new(code, code.entry().text)
    }
}

#[cfg(test)]
mod tests {
    //! The table is complete and says nothing twice.
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_row_stands_at_its_variants_place() {
        for (at, entry) in TABLE.iter().enumerate() {
            assert_eq!(entry.code as usize, at);
            assert_eq!(entry.code.entry().number, entry.number);
        }
    }

    #[test]
    fn numbers_and_names_are_unique_and_statuses_are_real() {
        let numbers: HashSet<_> = TABLE.iter().map(|e| e.number).collect();
        let names: HashSet<_> = TABLE.iter().map(|e| e.name).collect();
        assert_eq!((numbers.len(), names.len()), (TABLE.len(), TABLE.len()));
        for entry in TABLE {
            assert!((400..600).contains(&entry.http), "{}", entry.name);
            assert!((1..=16).contains(&entry.grpc), "{}", entry.name);
            assert!((1000..5000).contains(&entry.close), "{}", entry.name);
            assert!(entry.advice.ends_with('.'), "{}", entry.name);
        }
    }

    #[test]
    fn a_class_is_the_numbers_first_digit() {
        for entry in TABLE {
            assert!((1000..1000 * (CLASSES.len() as u16 + 1)).contains(&entry.number));
        }
        assert_eq!(Code::SessionNotFound.class(), "session");
        assert_eq!(Code::ConnectionFailed.class(), "connection");
        assert_eq!(Code::RateLimited.class(), "authorization");
        assert_eq!(Code::QuotaExceeded.class(), "file");
    }

    #[test]
    fn a_code_survives_its_number() {
        for entry in TABLE {
            let json = serde_json::to_string(&entry.code).unwrap();
            assert_eq!(json, entry.number.to_string());
            assert_eq!(serde_json::from_str::<Code>(&json).unwrap(), entry.code);
        }
        assert!(serde_json::from_str::<Code>("9999").is_err());
    }
}
