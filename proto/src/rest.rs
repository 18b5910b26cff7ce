//! Bodies of the REST interface, and how a session looks in JSON everywhere.
//!
//! Dates are ISO 8601. What cannot be known yet is absent, never 0.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use termfleet_session::{
    code::{Code, Refusal},
    focus::FocusSet,
    ids::{Alias, ProjectId},
    limits::Size,
    record::{self, Mode},
};
use utoipa::ToSchema;

use crate::focus::FocusState;

pub mod measures;
mod projects;
mod tickets;
pub mod workers;

pub use self::{
    projects::{Project, ProjectPage, Resumed, Suspended},
    tickets::Ticket,
};

/// A session, as clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Its id: 8 characters that place it, and 26 random ones.
    #[schema(pattern = "^[a-z2-7]{8}-[a-z2-7]{26}$")]
    pub id: String,
    /// Its project.
    pub project_id: String,
    /// Its user.
    pub user_id: String,
    /// The client's own name for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alias: Option<String>,
    /// `initializing`, `active`, `suspended`, `recovering`, `error` or `closed`.
    pub status: String,
    /// `normal`, `claude` or `readonly`.
    pub mode: String,
    /// What its tab says.
    pub tab_name: String,
    /// The client's own layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub layout: Option<Value>,
    /// The client's own theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub theme: Option<Value>,
    /// The client's own labels.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Its shell's process, in the pid namespace of its worker's ptyhost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_id: Option<u32>,
    /// Its command's path.
    pub shell: String,
    /// Its current directory.
    pub current_path: String,
    /// The variables that it was given on top of the allowed ones.
    pub environment: BTreeMap<String, String>,
    /// The worker that runs it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend_id: Option<String>,
    /// Number of its shell: it grows each time a new one has to be started.
    pub epoch: u64,
    /// Columns.
    pub cols: u16,
    /// Rows.
    pub rows: u16,
    /// It is one of its project's focused sessions; absent where that is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_focused: Option<bool>,
    /// Since when it is focused, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub focused_at: Option<jiff::Timestamp>,
    /// Where it stands among the focused, if it is: 0 is the longest focused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus_order: Option<u32>,
    /// When it was created.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: jiff::Timestamp,
    /// When its record last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: jiff::Timestamp,
    /// When somebody last used it, exact to 10 seconds.
    #[schema(value_type = String, format = DateTime)]
    pub last_activity_at: jiff::Timestamp,
    /// When it was suspended, if it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub suspended_at: Option<jiff::Timestamp>,
    /// Its counters.
    pub metrics: SessionMetrics,
    /// Exit code, if its process exited by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Signal number, if one ended its process.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signal: Option<i32>,
}

/// A session's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionMetrics {
    /// Bytes that its terminal took as input.
    pub bytes_in: u64,
    /// Bytes that its programs printed.
    pub bytes_out: u64,
}

/// `POST /api/terminal/sessions`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CreateSession {
    /// The project it belongs to.
    #[schema(value_type = String, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub project_id: ProjectId,
    /// The directory it starts in; absent: the project's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_path: Option<String>,
    /// Everything else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<SessionConfig>,
}

/// What a session shall be like; every field may be left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionConfig {
    /// What its tab says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tab_name: Option<String>,
    /// Its shell's path, one of the worker's list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// `normal` (the default), `claude` or `readonly`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub mode: Option<Mode>,
    /// Columns, 2–1000; with `rows` or neither.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cols: Option<u64>,
    /// Rows, 1–500.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Variables on top of the allowed ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment: Option<BTreeMap<String, String>>,
    /// Which kind of backend: `pty`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backend: Option<String>,
    /// The client's own labels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
    /// The client's own layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub layout: Option<Value>,
    /// The client's own theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub theme: Option<Value>,
    /// A name of the client's own, unique in its tenant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[A-Za-z0-9._-]{1,64}$")]
    pub alias: Option<Alias>,
}

/// `PATCH /api/terminal/sessions/{id}`: what is absent stays.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct PatchSession {
    /// A new tab name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tab_name: Option<String>,
    /// A new layout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub layout: Option<Value>,
    /// A new theme.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub theme: Option<Value>,
    /// New labels, all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub labels: Option<BTreeMap<String, String>>,
}

/// Rows that have left a session's screen, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RowPage {
    /// The rows.
    pub lines: Vec<String>,
    /// There are older ones: ask again with this. Absent on the oldest page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
}

/// An answer that carries one session.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct OneSession {
    /// The session.
    pub session: Session,
}

/// An answer that carries a page of sessions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct SessionPage {
    /// The sessions, oldest first.
    pub sessions: Vec<Session>,
    /// Where the next page begins; absent on the last one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_cursor: Option<String>,
}

/// An answer that carries nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Done {
    /// Always true: a refusal is a problem.
    pub success: bool,
}

/// A refusal: RFC 9457 problem details with our code, and what the seeds' clients look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// A stable identifier of the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The kind of problem in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// What went wrong this time.
    pub detail: String,
    /// The code's number.
    #[schema(value_type = u16)]
    pub code: Code,
    /// The code's name.
    pub name: String,
    /// What to do about it, for a person.
    pub advice: String,
    /// May the same request succeed later?
    pub retryable: bool,
    /// When to try again, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Always false.
    pub success: bool,
    /// The same as `detail`.
    pub error: String,
    /// The focus as it is, after a VERSION_CONFLICT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub focus_state: Option<FocusState>,
}

impl Problem {
    /// The body of a refusal. The HTTP layer may answer with a status of its own (405, 414, 415,
    /// 426, 431) where the code's would say less.
    #[must_use]
    pub fn of(refusal: &Refusal, status: u16) -> Self {
        let entry = refusal.code.entry();
        Self {
            kind: format!("urn:termfleet:error:{}", entry.name),
            title: entry.text.to_owned(),
            status,
            detail: refusal.text.clone(),
            code: refusal.code,
            name: entry.name.to_owned(),
            advice: entry.advice.to_owned(),
            retryable: refusal.code.retryable(),
            retry_after_ms: refusal.retry_after_ms,
            success: false,
            error: refusal.text.clone(),
            focus_state: None,
        }
    }
}

fn bad(text: &str) -> Refusal {
    Refusal::new(Code::BadMessage, text)
}

/// A size from two optional numbers: both within their limits, or neither given.
///
/// # Errors
/// `BAD_MESSAGE` if only one is given or one is out of its range.
pub fn size(cols: Option<u64>, rows: Option<u64>) -> Result<Option<Size>, Refusal> {
    match (cols, rows) {
        (None, None) => Ok(None),
        (Some(cols), Some(rows)) => Size::new(cols, rows)
            .map(Some)
            .ok_or_else(|| bad("cols must be 2 to 1000 and rows 1 to 500")),
        _ => Err(bad("cols and rows go together")),
    }
}

impl SessionConfig {
    /// What the client asks for, checked.
    ///
    /// # Errors
    /// `BAD_MESSAGE` with a text that names the field.
    pub fn checked(self) -> Result<record::Config, Refusal> {
        let config = record::Config {
            tab_name: self.tab_name,
            shell: self.shell,
            mode: self.mode.unwrap_or_default(),
            size: size(self.cols, self.rows)?,
            environment: self.environment.unwrap_or_default(),
            backend: self.backend,
            labels: self.labels.unwrap_or_default(),
            layout: self.layout.map(|value| value.to_string()),
            theme: self.theme.map(|value| value.to_string()),
            alias: self.alias,
        };
        config.check().map(|()| config)
    }
}

impl PatchSession {
    /// What the client changes, checked.
    ///
    /// # Errors
    /// `BAD_MESSAGE` with a text that names the field.
    pub fn checked(self) -> Result<record::Patch, Refusal> {
        let patch = record::Patch {
            tab_name: self.tab_name,
            layout: self.layout.map(|value| value.to_string()),
            theme: self.theme.map(|value| value.to_string()),
            labels: self.labels,
        };
        patch.check().map(|()| patch)
    }
}

impl Session {
    /// With what is known of its focus.
    #[must_use]
    pub fn with_focus(mut self, set: &FocusSet) -> Self {
        let at = set.members.iter().position(|member| member.session.as_str() == self.id);
        let since = at.and_then(|at| i64::try_from(set.members[at].focused_at_ms).ok());
        self.is_focused = Some(at.is_some());
        self.focused_at = since.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
        self.focus_order = at.and_then(|at| u32::try_from(at).ok());
        self
    }
}

impl From<&record::Session> for Session {
    fn from(session: &record::Session) -> Self {
        let json = |text: &Option<String>| {
            text.as_deref().and_then(|text| serde_json::from_str(text).ok())
        };
        Self {
            id: session.id.to_string(),
            project_id: session.project.to_string(),
            user_id: session.user.to_string(),
            alias: session.alias.as_ref().map(ToString::to_string),
            status: session.status.name().to_owned(),
            mode: session.mode.name().to_owned(),
            tab_name: session.tab_name.clone(),
            layout: json(&session.layout),
            theme: json(&session.theme),
            labels: session.labels.clone(),
            process_id: session.process_id,
            shell: session.shell.clone(),
            current_path: session.current_path.clone(),
            environment: session.environment.clone(),
            backend_id: session.owner.as_ref().map(|owner| owner.worker.to_string()),
            epoch: session.epoch.get(),
            cols: session.size.cols,
            rows: session.size.rows,
            is_focused: None,
            focused_at: None,
            focus_order: None,
            created_at: session.created_at,
            updated_at: session.updated_at,
            last_activity_at: session.last_activity_at,
            suspended_at: session.suspended_at,
            metrics: SessionMetrics {
                bytes_in: session.counters.bytes_in,
                bytes_out: session.counters.bytes_out,
            },
            exit_code: session.exit.and_then(|exit| exit.code),
            signal: session.exit.and_then(|exit| exit.signal),
        }
    }
}
