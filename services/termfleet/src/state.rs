//! The state directory of a `dev` or a worker: who may use it, and where in it things lie.
//!
//! | file | holds |
//! | --- | --- |
//! | `lock` | held by the process that runs on it |
//! | `signing.key` | what tokens are signed with, base64 |
//! | `ptyhost.sock` | the socket of the ptyhost, which outlives the process |
//! | `ptyhost.log` | what the ptyhost had to say |
//! | `projects` | directories of projects other than the default one |
//! | `url` | the URL with the token, for the command line |
//!
//! The directory and its files are the user's alone (0700, 0600).

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use rustix::fs::{FlockOperation, flock};
use termfleet_token::SigningKey;

use crate::cli;

/// A Unix socket's path ends with a NUL within 108 bytes; the longest name here has 13.
const MAX_DIRECTORY: usize = 107 - "/ptyhost.sock".len();

/// An existing state directory.
#[derive(Debug, Clone)]
pub(crate) struct StateDir {
    path: PathBuf,
}

/// The directory is ours while this lives.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl StateDir {
    /// Opens the directory of `dev`, making it if need be.
    pub(crate) fn open(options: &cli::StateDir) -> Result<Self> {
        Self::at(options.state_dir.as_deref(), "termfleet")
    }

    /// Opens this directory, else the one of that name where programs keep their state, making it
    /// if need be.
    pub(crate) fn at(path: Option<&Path>, name: &str) -> Result<Self> {
        let path = match path {
            Some(path) => std::path::absolute(path)?,
            None => default_path(name)?,
        };
        ensure!(
            path.as_os_str().len() <= MAX_DIRECTORY,
            "the state directory's path is longer than {MAX_DIRECTORY} bytes, which is too long for \
             a socket in it: choose a shorter one with --state-dir"
        );
        DirBuilder::new().recursive(true).mode(0o700).create(&path).with_context(|| {
            format!(
                "cannot make the state directory {} (choose another with --state-dir)",
                path.display()
            )
        })?;
        let directory = Self { path };
        directory.check_owner()?;
        Ok(directory)
    }

    /// A directory that others can write to would let them put a socket of theirs in it.
    fn check_owner(&self) -> Result<()> {
        let facts = fs::metadata(&self.path)?;
        ensure!(
            facts.uid() == rustix::process::geteuid().as_raw(),
            "the state directory {} belongs to somebody else: choose another with --state-dir",
            self.path.display()
        );
        if facts.mode() & 0o077 != 0 {
            fs::set_permissions(&self.path, fs::Permissions::from_mode(0o700))?;
        }
        Ok(())
    }

    /// The path of a state directory below this one, which may not exist yet.
    pub(crate) fn below(&self, name: &str) -> Result<PathBuf> {
        let path = self.path.join(name);
        ensure!(
            path.as_os_str().len() <= MAX_DIRECTORY,
            "{} is longer than {MAX_DIRECTORY} bytes, which is too long for a socket in it: choose \
             another worker.state_dir",
            path.display()
        );
        Ok(path)
    }

    /// Takes the directory for this process.
    pub(crate) fn lock(&self) -> Result<Lock> {
        let file = private_file().truncate(false).open(self.path.join("lock"))?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => bail!(
                "another termfleet runs on {}: stop it, or choose another directory with --state-dir",
                self.path.display()
            ),
            Err(error) => Err(error).context("cannot lock the state directory"),
        }
    }

    /// Was a key made here before?
    pub(crate) fn has_signing_key(&self) -> bool {
        self.key_path().exists()
    }

    fn key_path(&self) -> PathBuf {
        self.path.join("signing.key")
    }

    /// The key that tokens are signed with, made at the first call.
    pub(crate) fn signing_key(&self) -> Result<SigningKey> {
        let path = self.key_path();
        let made = SigningKey::generate()?;
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
        match file {
            Ok(mut file) => {
                file.write_all(made.to_base64().as_bytes())?;
                file.sync_all()?;
                Ok(made)
            }
            Err(error) if error.kind() == ErrorKind::AlreadyExists => read_key(&path),
            Err(error) => Err(error).with_context(|| format!("cannot write {}", path.display())),
        }
    }

    /// Where the ptyhost listens.
    pub(crate) fn ptyhost_socket(&self) -> PathBuf {
        self.path.join("ptyhost.sock")
    }

    /// What the ptyhost had to say.
    pub(crate) fn ptyhost_log(&self) -> PathBuf {
        self.path.join("ptyhost.log")
    }

    /// Where projects without a directory of their own have theirs.
    pub(crate) fn projects(&self) -> PathBuf {
        self.path.join("projects")
    }

    /// The directory itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The URL of the `dev` that runs or ran here, with its token; none if none did.
    pub(crate) fn read_url(&self) -> Option<String> {
        let text = fs::read_to_string(self.path.join("url")).ok()?;
        Some(text.trim().to_owned()).filter(|url| !url.is_empty())
    }

    /// Notes the URL for the command line.
    pub(crate) fn write_url(&self, url: &str) -> Result<()> {
        let mut file = private_file().truncate(true).open(self.path.join("url"))?;
        Ok(writeln!(file, "{url}")?)
    }
}

fn private_file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).create(true).mode(0o600);
    options
}

fn read_key(path: &Path) -> Result<SigningKey> {
    let mut text = String::new();
    File::open(path)?.read_to_string(&mut text)?;
    SigningKey::from_base64(text.trim()).with_context(|| {
        format!("{} is not a signing key; remove it to have a new one made", path.display())
    })
}

fn default_path(name: &str) -> Result<PathBuf> {
    let absolute =
        |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let base = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .context("neither XDG_STATE_HOME nor HOME is set: choose a directory with --state-dir")?;
    Ok(base.join(name))
}
