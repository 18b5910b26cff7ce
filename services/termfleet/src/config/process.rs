//! `[process]`: what a session runs, where and how large.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use rustix::fs::{Access, access};
use termfleet_runtime::settings::{Key, Kind, Preset, Resolved, Section};
use termfleet_session::limits::{
    COLS, DEFAULT_SIZE, MAX_ENVIRONMENT, MAX_ENVIRONMENT_VALUE, ROWS, Size,
};

pub(super) const SECTION: Section = Section {
    name: "process",
    about: "What a session runs, where and how large.",
    keys: &[&SHELL, &SHELLS, &ENV, &CWD, &COLS_KEY, &ROWS_KEY, &CLAUDE_COMMAND],
};

const SHELL: Key = Key::new(
    "process.shell",
    Kind::Path,
    Preset::Unset,
    "The shell of new sessions; else the worker's `$SHELL`, else `/bin/bash` or `/bin/sh`",
);
const SHELLS: Key = Key::new(
    "process.shells",
    Kind::List,
    Preset::List(&[]),
    "Shells that a session may ask for; else those of `/etc/shells`",
);
const ENV: Key = Key::new(
    "process.env",
    Kind::Table,
    Preset::Table(&[]),
    "Variables of every session, beside those it inherits (`HOME USER LOGNAME SHELL PATH LANG LC_* TZ`)",
);
const CWD: Key = Key::new(
    "process.cwd",
    Kind::Path,
    Preset::Unset,
    "Directory below which each project has its own, `TENANT/PROJECT`; else `projects` in the state \
     directory. With `termfleet dev`: where the default project is",
);
const COLS_KEY: Key = Key::new(
    "process.cols",
    Kind::Number(*COLS.start() as u64, *COLS.end() as u64),
    Preset::Number(DEFAULT_SIZE.cols as u64),
    "Columns of a session for which nobody gave a size",
);
const ROWS_KEY: Key = Key::new(
    "process.rows",
    Kind::Number(*ROWS.start() as u64, *ROWS.end() as u64),
    Preset::Number(DEFAULT_SIZE.rows as u64),
    "Rows of a session for which nobody gave a size",
);
const CLAUDE_COMMAND: Key = Key::new(
    "process.claude_command",
    Kind::Text,
    Preset::Text("claude"),
    "The command of sessions in mode `claude`, with its arguments",
);

/// What a session runs.
#[derive(Debug, Clone)]
pub(crate) struct Process {
    /// The shell of new sessions, if another than the environment's.
    pub(crate) shell: Option<String>,
    /// Shells that a session may ask for, if others than the machine's.
    pub(crate) shells: BTreeSet<String>,
    /// Variables of every session.
    pub(crate) env: BTreeMap<String, String>,
    /// Where projects are, if somewhere else than in the state directory.
    pub(crate) cwd: Option<PathBuf>,
    /// The size of a session for which nobody gave one.
    pub(crate) size: Size,
    /// The command of mode `claude`, with its arguments.
    pub(crate) claude: Vec<String>,
}

pub(super) fn parse(values: &mut Resolved) -> Process {
    let (cols, rows) = (values.short(&COLS_KEY), values.short(&ROWS_KEY));
    let claude = values.text(&CLAUDE_COMMAND);
    let process = Process {
        shell: values.optional(&SHELL),
        shells: values.list(&SHELLS).into_iter().collect(),
        env: values.table(&ENV),
        cwd: values.path(&CWD),
        size: Size { cols, rows },
        claude: claude.split_whitespace().map(str::to_owned).collect(),
    };
    check(values, &process);
    process
}

fn check(values: &mut Resolved, process: &Process) {
    let missing = |path: &str| access(path, Access::EXEC_OK).is_err() || !path.starts_with('/');
    if let Some(shell) = process.shell.as_deref().filter(|shell| missing(shell)) {
        values.refuse(&SHELL, format!("{shell}: there is no such program to start"));
    }
    for shell in process.shells.iter().filter(|shell| missing(shell)) {
        values.refuse(&SHELLS, format!("{shell}: there is no such program to start"));
    }
    if process.claude.is_empty() {
        values.refuse(&CLAUDE_COMMAND, "must not be empty");
    }
    if process.env.len() > MAX_ENVIRONMENT {
        values.refuse(
            &ENV,
            format!("holds {} variables, at most {MAX_ENVIRONMENT} fit", process.env.len()),
        );
    }
    for (name, value) in &process.env {
        if !is_variable(name) {
            values.refuse(&ENV, format!("{name:?} is not a variable's name"));
        } else if value.len() > MAX_ENVIRONMENT_VALUE || value.contains(['\0', '\n']) {
            let why =
                format!("{name} has a value beyond {MAX_ENVIRONMENT_VALUE} bytes or one line");
            values.refuse(&ENV, why);
        }
    }
}

fn is_variable(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    !name.is_empty()
        && name.bytes().all(word)
        && !name.starts_with(|first: char| first.is_ascii_digit())
}
