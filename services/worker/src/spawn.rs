//! What is started for a session, where, and with which environment (`security.md` §5).

use std::{
    collections::BTreeMap,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use termfleet_ptyhost::client::{Refused, SpawnStep};
use termfleet_session::{
    code::{Code, Refusal},
    ids::{ProjectId, TenantId},
    limits::MAX_PATH,
    record::{self, Mode},
};

use crate::config::Config;

/// What to start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    pub(crate) cwd: String,
}

/// What a session asks for.
pub(crate) struct Wish<'a> {
    pub(crate) tenant: &'a TenantId,
    pub(crate) project: &'a ProjectId,
    pub(crate) path: Option<&'a str>,
    pub(crate) shell: Option<&'a str>,
    pub(crate) mode: Mode,
    pub(crate) environment: &'a BTreeMap<String, String>,
}

/// What to start for a new session.
pub(crate) async fn plan(config: &Config, wish: &Wish<'_>) -> Result<Plan, Refusal> {
    let argv = argv(config, wish.mode, wish.shell).await?;
    let root = root(config, wish.tenant, wish.project).await?;
    let cwd = match wish.path {
        None => root,
        Some(path) => inside(&root, path).await?,
    };
    Ok(Plan { env: environment(config, &argv, wish), argv, cwd: text(cwd)? })
}

/// What to start for a session that had a shell before: in the same directory if that still is
/// one, else in the project's root.
pub(crate) async fn again(config: &Config, session: &record::Session) -> Result<Plan, Refusal> {
    let mut wish = Wish {
        tenant: &session.tenant,
        project: &session.project,
        path: Some(&session.current_path),
        shell: Some(&session.shell).filter(|_| session.mode != Mode::Claude).map(String::as_str),
        mode: session.mode,
        environment: &session.environment,
    };
    match plan(config, &wish).await {
        Err(refusal) if matches!(refusal.code, Code::PathNotFound | Code::PathNotAllowed) => {
            wish.path = None;
            plan(config, &wish).await
        }
        plan => plan,
    }
}

async fn argv(config: &Config, mode: Mode, shell: Option<&str>) -> Result<Vec<String>, Refusal> {
    let shells = &config.shells;
    let path = shell.unwrap_or_else(|| shells.default_shell());
    match mode {
        Mode::Claude => return Ok(config.claude.clone()),
        Mode::Normal | Mode::Readonly if shells.allows(path) => {}
        Mode::Normal | Mode::Readonly => {
            let exists = tokio::fs::try_exists(path).await.unwrap_or(false);
            return Err(not_a_shell(config, path, exists));
        }
    }
    if tokio::fs::try_exists(path).await.unwrap_or(false) {
        Ok(vec![path.to_owned()])
    } else {
        Err(not_a_shell(config, path, false))
    }
}

fn not_a_shell(config: &Config, path: &str, exists: bool) -> Refusal {
    if exists {
        let list: Vec<_> = config.shells.iter().collect();
        let text = format!("{path} is not one of the shells of this server: {}", list.join(", "));
        Refusal::new(Code::BadMessage, text)
    } else {
        Refusal::new(Code::ProcessSpawnFailed, format!("there is no shell at {path}"))
    }
}

fn environment(config: &Config, argv: &[String], wish: &Wish<'_>) -> Vec<(String, String)> {
    let mut environment = config.environment.clone();
    if wish.mode != Mode::Claude
        && let Some(shell) = argv.first()
    {
        environment.insert("SHELL".into(), shell.clone());
    }
    environment.extend(wish.environment.clone());
    environment.into_iter().collect()
}

/// The project's root, made if need be, without symbolic links in it.
async fn root(config: &Config, tenant: &TenantId, project: &ProjectId) -> Result<PathBuf, Refusal> {
    let root = config.roots.root(tenant, project);
    let made = tokio::fs::create_dir_all(&root).await;
    match made {
        Ok(()) => tokio::fs::canonicalize(&root).await,
        Err(error) => Err(error),
    }
    .map_err(|error| {
        tracing::error!(%error, root = %root.display(), "no project root");
        Refusal::new(Code::SessionCreationFailed, "the project's directory could not be made")
    })
}

/// A path that a client gave, absolute or from the root on: a directory within it.
async fn inside(root: &Path, path: &str) -> Result<PathBuf, Refusal> {
    if path.is_empty() || path.len() > MAX_PATH || path.chars().any(char::is_control) {
        return Err(Refusal::new(Code::BadMessage, "projectPath is empty, too long or not a path"));
    }
    let found = tokio::fs::canonicalize(root.join(path)).await.map_err(|error| no_path(&error))?;
    if !found.starts_with(root) {
        return Err(Code::PathNotAllowed.into());
    }
    let metadata = tokio::fs::metadata(&found).await.map_err(|error| no_path(&error))?;
    if metadata.is_dir() { Ok(found) } else { Err(not_found("that path is not a directory")) }
}

fn no_path(error: &std::io::Error) -> Refusal {
    match error.kind() {
        ErrorKind::PermissionDenied => Code::PathNotAllowed.into(),
        _ => Code::PathNotFound.into(),
    }
}

fn not_found(text: &str) -> Refusal {
    Refusal::new(Code::PathNotFound, text)
}

fn text(path: PathBuf) -> Result<String, Refusal> {
    path.into_os_string().into_string().map_err(|_| not_found("the directory's name is not UTF-8"))
}

/// What a client is told about a shell that did not start.
pub(crate) fn refusal(refused: &Refused) -> Refusal {
    match refused {
        Refused::SpawnFailed { step: SpawnStep::Program, errno } => {
            let why = std::io::Error::from_raw_os_error(*errno);
            Refusal::new(Code::ProcessSpawnFailed, format!("the command did not start: {why}"))
        }
        Refused::Refused { code, text, current: _ } => Refusal::new(*code, text.clone()),
        Refused::Gone(_) | Refused::SpawnFailed { .. } => refused.code().into(),
    }
}

#[cfg(test)]
mod tests;
