//! The session record: what is known of a session, as the store keeps it and clients are shown it.
//!
//! What cannot be known yet is absent, never 0. How it looks as JSON is `proto`'s business; here
//! are the facts and the checks of what a client may ask for.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    code::{Code, Refusal},
    ids::{
        Alias, Epoch, Incarnation, MAX_NAME_LEN, ProjectId, SessionId, TenantId, UserId, WorkerId,
    },
    limits::{
        MAX_ENVIRONMENT, MAX_ENVIRONMENT_VALUE, MAX_LABELS, MAX_PATH, MAX_TEXT, MAX_UI_JSON, Size,
    },
    state::Status,
};

/// What kind of session it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// A shell.
    #[default]
    Normal,
    /// The configured assistant's command instead of a shell.
    Claude,
    /// A shell that takes no input from anybody.
    Readonly,
}

impl Mode {
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::Claude => "claude",
            Self::Readonly => "readonly",
        }
    }

    /// The mode of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Normal, Self::Claude, Self::Readonly].into_iter().find(|mode| mode.name() == name)
    }
}

/// Who owns a session's bytes: a worker's incarnation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The worker.
    pub worker: WorkerId,
    /// The life of its ptyhost.
    pub incarnation: Incarnation,
}

/// Counters of one session. They start at 0 when the session does, so 0 is knowledge.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Bytes that clients typed and the PTY took.
    pub bytes_in: u64,
    /// Bytes that the programs printed.
    pub bytes_out: u64,
}

/// How a session's process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// Exit code, if it exited by itself.
    pub code: Option<i32>,
    /// Signal number, if a signal ended it.
    pub signal: Option<i32>,
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Its shell ended by itself, or with its machine.
    Exited,
    /// Somebody closed it.
    Closed,
    /// Nobody watched or used it for too long.
    Idle,
}

impl Cause {
    /// Its name in messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exited => "exited",
            Self::Closed => "closed",
            Self::Idle => "idle",
        }
    }

    /// The cause of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Exited, Self::Closed, Self::Idle].into_iter().find(|cause| cause.name() == name)
    }
}

/// Everything that is known of one session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose names and limits it shares.
    pub tenant: TenantId,
    /// Its project.
    pub project: ProjectId,
    /// Its user.
    pub user: UserId,
    /// A client's own name for it.
    pub alias: Option<Alias>,
    /// Who runs it. A reservation has no owner yet.
    pub owner: Option<Owner>,
    /// Number of its shell; also the fencing token of its owner.
    pub epoch: Epoch,
    /// Where it is in its life.
    pub status: Status,
    /// What kind it is.
    pub mode: Mode,
    /// What its tab says.
    pub tab_name: String,
    /// The client's own layout, kept as it came (JSON text).
    pub layout: Option<String>,
    /// The client's own theme, kept as it came (JSON text).
    pub theme: Option<String>,
    /// The client's own labels.
    pub labels: BTreeMap<String, String>,
    /// Its command's path.
    pub shell: String,
    /// The directory it was started in, then its shell's current one as last seen.
    pub current_path: String,
    /// The variables that it was given on top of the allowed ones.
    pub environment: BTreeMap<String, String>,
    /// Its terminal's size.
    pub size: Size,
    /// Its shell's process, in the ptyhost's pid namespace.
    pub process_id: Option<u32>,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its record last changed.
    pub updated_at: Timestamp,
    /// When somebody last typed, resized or focused (exact to 10 s).
    pub last_activity_at: Timestamp,
    /// When it was suspended, if it is.
    pub suspended_at: Option<Timestamp>,
    /// Its counters, as last reported by its worker.
    pub counters: Counters,
    /// How its process ended, once it has.
    pub exit: Option<Exit>,
    /// What ended it, once something has and where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_by: Option<Cause>,
}

impl Session {
    /// What ended it; where that was not written down, what its exit suggests.
    #[must_use]
    pub fn cause(&self) -> Cause {
        let guess = if self.exit.is_some() { Cause::Exited } else { Cause::Closed };
        self.ended_by.unwrap_or(guess)
    }
}

/// What a client asks for when it creates a session; checked by [`Config::check`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// What the tab shall say.
    pub tab_name: Option<String>,
    /// The shell's path; one of the worker's list.
    pub shell: Option<String>,
    /// The mode.
    pub mode: Mode,
    /// The terminal's first size.
    pub size: Option<Size>,
    /// Variables on top of the allowed ones.
    pub environment: BTreeMap<String, String>,
    /// Which kind of backend: `pty` (the default) or, where a worker offers it, `tmux`.
    pub backend: Option<String>,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Layout, as JSON text.
    pub layout: Option<String>,
    /// Theme, as JSON text.
    pub theme: Option<String>,
    /// A name of the client's own.
    pub alias: Option<Alias>,
}

/// What a client may change of a record later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Patch {
    /// A new tab name.
    pub tab_name: Option<String>,
    /// A new layout, as JSON text.
    pub layout: Option<String>,
    /// A new theme, as JSON text.
    pub theme: Option<String>,
    /// New labels, all of them.
    pub labels: Option<BTreeMap<String, String>>,
}

/// Variables that would let a caller run code of theirs before the shell does, or break its start.
const FORBIDDEN_VARIABLES: &[&str] =
    &["BASH_ENV", "ENV", "PROMPT_COMMAND", "SHELLOPTS", "BASHOPTS", "IFS"];
/// The same, by prefix: the dynamic loader's, and our own.
const FORBIDDEN_PREFIXES: &[&str] = &["LD_", "DYLD_", "BASH_FUNC_", "TERMFLEET_"];

impl Config {
    /// Is everything within its limits?
    ///
    /// # Errors
    /// `BAD_MESSAGE` with a text that names the field.
    pub fn check(&self) -> Result<(), Refusal> {
        check_text("tabName", self.tab_name.as_deref(), MAX_TEXT)?;
        check_text("shell", self.shell.as_deref(), MAX_PATH)?;
        check_ui(self.layout.as_deref(), self.theme.as_deref())?;
        check_labels(&self.labels)?;
        check_environment(&self.environment)?;
        match self.backend.as_deref() {
            None | Some("pty") => Ok(()),
            Some(_) => Err(bad("config.backend is not one that this server offers (pty)")),
        }
    }
}

impl Patch {
    /// Is everything within its limits?
    ///
    /// # Errors
    /// `BAD_MESSAGE` with a text that names the field.
    pub fn check(&self) -> Result<(), Refusal> {
        check_text("tabName", self.tab_name.as_deref(), MAX_TEXT)?;
        check_ui(self.layout.as_deref(), self.theme.as_deref())?;
        self.labels.as_ref().map_or(Ok(()), check_labels)
    }

    /// Writes what it changes into the record.
    pub fn apply(self, session: &mut Session, now: Timestamp) {
        if let Some(tab_name) = self.tab_name {
            session.tab_name = tab_name;
        }
        session.layout = self.layout.or(session.layout.take());
        session.theme = self.theme.or(session.theme.take());
        if let Some(labels) = self.labels {
            session.labels = labels;
        }
        session.updated_at = now;
    }
}

fn bad(text: impl Into<String>) -> Refusal {
    Refusal::new(Code::BadMessage, text)
}

fn check_text(field: &str, text: Option<&str>, limit: usize) -> Result<(), Refusal> {
    match text {
        Some("") => Err(bad(format!("{field} is empty"))),
        Some(text) if text.len() > limit => {
            Err(bad(format!("{field} is longer than {limit} bytes")))
        }
        Some(text) if text.chars().any(char::is_control) => {
            Err(bad(format!("{field} has control characters")))
        }
        _ => Ok(()),
    }
}

fn check_ui(layout: Option<&str>, theme: Option<&str>) -> Result<(), Refusal> {
    for (field, json) in [("layout", layout), ("theme", theme)] {
        if json.is_some_and(|json| json.len() > MAX_UI_JSON) {
            return Err(bad(format!("{field} is longer than {MAX_UI_JSON} bytes")));
        }
    }
    Ok(())
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if labels.len() > MAX_LABELS {
        return Err(bad(format!("more than {MAX_LABELS} labels")));
    }
    for (key, value) in labels {
        if key.len() > MAX_NAME_LEN {
            return Err(bad(format!("a label's key is longer than {MAX_NAME_LEN} bytes")));
        }
        check_text("labels", Some(key), MAX_NAME_LEN)?;
        if !value.is_empty() {
            check_text("labels", Some(value), MAX_TEXT)?;
        }
    }
    Ok(())
}

fn check_environment(environment: &BTreeMap<String, String>) -> Result<(), Refusal> {
    if environment.len() > MAX_ENVIRONMENT {
        return Err(bad(format!("more than {MAX_ENVIRONMENT} environment variables")));
    }
    for (name, value) in environment {
        let first = name.bytes().next();
        let well_formed = first.is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
            && name.len() <= MAX_TEXT;
        if !well_formed {
            return Err(bad("an environment variable's name is not [A-Za-z_][A-Za-z0-9_]*"));
        }
        if FORBIDDEN_VARIABLES.contains(&name.as_str())
            || FORBIDDEN_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        {
            return Err(bad(format!("the environment variable {name} is not allowed")));
        }
        if value.len() > MAX_ENVIRONMENT_VALUE || value.bytes().any(|b| b < b' ' && b != b'\t') {
            return Err(bad(format!("the value of {name} is too long or has control characters")));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
