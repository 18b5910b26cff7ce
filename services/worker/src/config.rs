//! What a worker is configured with: finished types, checked by whoever makes them. It reads
//! nothing of the environment by itself; [`base_environment`] and [`Shells::from_machine`] are
//! handed what they look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::Duration,
};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use termfleet_session::ids::{ProjectId, TenantId, WorkerId};

/// How often each session's record is asserted in the store, in turn (`cluster.md` §1).
pub const ASSERT_EVERY: Duration = Duration::from_secs(30);
/// How often is looked at what sessions' processes use: dashboards and alerts look about as often,
/// and a look at every process of the machine is not free.
pub const METRICS_INTERVAL: Duration = Duration::from_secs(10);
/// Where a machine lists its shells.
const SHELLS_FILE: &str = "/etc/shells";
/// Shells to fall back on, in this order, when `SHELL` names none.
const FALLBACK_SHELLS: [&str; 2] = ["/bin/bash", "/bin/sh"];
/// Variables that a shell inherits by name (`security.md` §5); `LC_*` too.
const INHERITED: [&str; 7] = ["HOME", "USER", "LOGNAME", "SHELL", "PATH", "LANG", "TZ"];
/// Longest directory name made of a tenant: file systems take 255 bytes, and a hash is appended.
const MAX_DIRECTORY_LEN: usize = 180;

/// How a worker runs.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its lasting name.
    pub worker: WorkerId,
    /// Which shells may be started.
    pub shells: Shells,
    /// The command of mode `claude`, with its arguments; looked for on the sessions' `PATH` if it
    /// holds no slash.
    pub claude: Vec<String>,
    /// Where projects are.
    pub roots: ProjectRoots,
    /// The variables that every session gets: see [`base_environment`].
    pub environment: BTreeMap<String, String>,
    /// How many live sessions it takes.
    pub capacity: usize,
    /// How often each session's record is asserted; also how late a client's change of its half of
    /// the record reaches the copy that the ptyhost keeps.
    pub assert_every: Duration,
    /// How often is looked at what sessions' processes use.
    pub metrics_interval: Duration,
}

/// The shells that sessions may run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shells {
    default: String,
    allowed: BTreeSet<String>,
}

impl Shells {
    /// This one by default, and these.
    pub fn new<S: Into<String>>(
        default: impl Into<String>,
        others: impl IntoIterator<Item = S>,
    ) -> Self {
        let default = default.into();
        let mut allowed: BTreeSet<String> = others.into_iter().map(Into::into).collect();
        allowed.insert(default.clone());
        Self { default, allowed }
    }

    /// The environment's `SHELL` by default if it exists, and what the machine lists.
    #[must_use]
    pub fn from_machine(environment: &BTreeMap<String, String>) -> Self {
        let configured = environment.get("SHELL").map(String::as_str);
        let mut candidates = configured.into_iter().chain(FALLBACK_SHELLS);
        let default = candidates.find(|path| Path::new(path).is_file()).unwrap_or("/bin/sh");
        let listed = std::fs::read_to_string(SHELLS_FILE).unwrap_or_default();
        Self::new(default, listed.lines().map(str::trim).filter(|line| line.starts_with('/')))
    }

    /// The one to start when nobody asks for another.
    #[must_use]
    pub fn default_shell(&self) -> &str {
        &self.default
    }

    /// May it be started?
    #[must_use]
    pub fn allows(&self, path: &str) -> bool {
        self.allowed.contains(path)
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.allowed.iter().map(String::as_str)
    }
}

/// Where each project's files are: `BASE/TENANT/PROJECT`, except for projects with a directory of
/// their own.
#[derive(Debug, Clone)]
pub struct ProjectRoots {
    base: PathBuf,
    given: BTreeMap<ProjectId, PathBuf>,
}

impl ProjectRoots {
    /// Every project below `base`.
    #[must_use]
    pub fn new(base: impl Into<PathBuf>) -> Self {
        Self { base: base.into(), given: BTreeMap::new() }
    }

    /// With this directory for that project, whatever the tenant: for `dev`, where there is one.
    #[must_use]
    pub fn with(mut self, project: ProjectId, directory: impl Into<PathBuf>) -> Self {
        self.given.insert(project, directory.into());
        self
    }

    /// The root of a project.
    #[must_use]
    pub fn root(&self, tenant: &TenantId, project: &ProjectId) -> PathBuf {
        self.given.get(project).cloned().unwrap_or_else(|| {
            self.base.join(directory_name(tenant.as_str())).join(directory_name(project.as_str()))
        })
    }
}

/// A directory's name for a tenant or a project: neither a way out (`/`, `..`) nor a hidden file,
/// and different for different names.
fn directory_name(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    for (at, byte) in name.bytes().enumerate() {
        let plain = byte.is_ascii_alphanumeric()
            || matches!(byte, b'-' | b'_' | b'~' | b'@')
            || (byte == b'.' && at > 0);
        if plain {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    if encoded.len() > MAX_DIRECTORY_LEN {
        encoded.truncate(MAX_DIRECTORY_LEN);
        encoded.push('+');
        encoded.push_str(&HEXLOWER.encode(&Sha256::digest(name)[..16]));
    }
    encoded
}

/// The variables that sessions inherit of these, and those that a terminal sets. Everything else,
/// the process' own secrets first of all, stays out.
#[must_use]
pub fn base_environment(
    variables: impl IntoIterator<Item = (String, String)>,
) -> BTreeMap<String, String> {
    let inherited = |name: &str| INHERITED.contains(&name) || name.starts_with("LC_");
    let mut environment: BTreeMap<String, String> =
        variables.into_iter().filter(|(name, _)| inherited(name)).collect();
    environment.insert("TERM".into(), "xterm-256color".into());
    environment.insert("COLORTERM".into(), "truecolor".into());
    environment.entry("LANG".into()).or_insert_with(|| "C.UTF-8".into());
    environment
}

#[cfg(test)]
mod tests {
    //! What is inherited, and where projects may lie.
    use super::*;

    fn pair(name: &str, value: &str) -> (String, String) {
        (name.into(), value.into())
    }

    #[test]
    fn secrets_stay_out_and_a_terminal_is_named() {
        let environment = base_environment([
            pair("HOME", "/home/ann"),
            pair("LC_ALL", "C"),
            pair("TERM", "dumb"),
            pair("TERMFLEET_KEY", "secret"),
            pair("AWS_SECRET_ACCESS_KEY", "secret"),
        ]);
        let names: Vec<_> = environment.keys().map(String::as_str).collect();
        assert_eq!(names, ["COLORTERM", "HOME", "LANG", "LC_ALL", "TERM"]);
        assert_eq!(environment["TERM"], "xterm-256color");
        assert_eq!(environment["LANG"], "C.UTF-8");
        assert_eq!(base_environment([pair("LANG", "de_DE.UTF-8")])["LANG"], "de_DE.UTF-8");
    }

    #[test]
    fn no_name_of_a_tenant_leads_out_of_the_base() {
        let roots = ProjectRoots::new("/srv");
        let root = |tenant: &str, project: &str| {
            roots.root(&tenant.parse().unwrap(), &project.parse().unwrap())
        };
        assert_eq!(root("acme", "web"), Path::new("/srv/acme/web"));
        assert_eq!(root("~auth0|ann", "web"), Path::new("/srv/~auth0%7Cann/web"));
        assert_eq!(root("../../etc", ".."), Path::new("/srv/%2E.%2F..%2Fetc/%2E."));
        let long = "x".repeat(250);
        let name = root(&format!("{long}a"), "web");
        assert_ne!(name, root(&format!("{long}b"), "web"));
        assert!(name.components().all(|part| part.as_os_str().len() <= 255));
    }

    #[test]
    fn a_project_may_have_a_directory_of_its_own() {
        let roots = ProjectRoots::new("/srv").with("default".parse().unwrap(), "/home/ann/work");
        let tenant = "~ann".parse().unwrap();
        assert_eq!(roots.root(&tenant, &"default".parse().unwrap()), Path::new("/home/ann/work"));
        assert_eq!(roots.root(&tenant, &"web".parse().unwrap()), Path::new("/srv/~ann/web"));
    }

    #[test]
    fn the_default_shell_is_always_allowed() {
        let shells = Shells::new("/bin/bash", ["/bin/sh"]);
        assert!(shells.allows("/bin/bash") && shells.allows("/bin/sh"));
        assert!(!shells.allows("/usr/bin/python3"));
    }
}
