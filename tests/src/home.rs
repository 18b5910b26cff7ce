//! The directory that everything of one test lives below, and the promise that nothing outlives it:
//! no process and no file, also when the test panics or is itself killed.
//!
//! What was started is told by where it runs: its working directory lies below the home, or its
//! `HOME` is the home. Shells and their programs inherit both.

use std::{
    fs,
    io::ErrorKind,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::Result;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// Waits until this process has ended, however that came about, and clears up then. Twice, because a
/// process may fork while it is looked for.
const JANITOR: &str = r#"
cat >/dev/null
for turn in 1 2; do
  for entry in $(grep -lzxF "HOME=$1" /proc/[0-9]*/environ
                 find /proc/[0-9]*/cwd -maxdepth 0 -lname "$1*"); do
    entry=${entry#/proc/}
    kill -9 "${entry%%/*}"
  done
done
rm -rf "$1"
"#;
/// How often is looked whether what was ended is gone, and how long between: a second at most.
const LOOKS: usize = 200;
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A directory of its own.
pub struct Home {
    directory: TempDir,
    janitor: Child,
}

impl Home {
    /// A new, empty one. Its path is short: Unix sockets will lie in it.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn new() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("tf-").tempdir()?;
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "sh"])
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C ends the test, and not who clears up after it.
            .process_group(0)
            .spawn()?;
        Ok(Self { directory, janitor })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// A directory in it, made if need be.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn folder(&self, name: &str) -> Result<PathBuf> {
        let path = self.path().join(name);
        fs::create_dir_all(&path)?;
        Ok(path)
    }

    /// The processes that run here, with their command lines.
    #[must_use]
    pub fn processes(&self) -> Vec<(u32, String)> {
        let variable = [b"HOME=", self.path().as_os_str().as_encoded_bytes()].concat();
        let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
        let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| *pid != self.janitor.id() && self.is_ours(*pid, &variable))
            .map(|pid| (pid, command_line(pid)))
            .collect()
    }

    fn is_ours(&self, pid: u32, variable: &[u8]) -> bool {
        if !is_alive(pid) {
            return false;
        }
        let below = |cwd: PathBuf| cwd.starts_with(self.path());
        fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(below)
            || fs::read(format!("/proc/{pid}/environ"))
                .is_ok_and(|all| all.split(|byte| *byte == 0).any(|entry| entry == variable))
    }

    /// Kills everything that runs here.
    fn sweep(&self) {
        // Twice, because a process may fork while it is looked for.
        for _ in 0..2 {
            let left = self.processes();
            for (pid, _) in &left {
                let _ = signal(*pid, Signal::KILL);
            }
            for (pid, _) in left {
                gone(pid);
            }
        }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        self.sweep();
        let _ = self.janitor.kill();
        let _ = self.janitor.wait();
    }
}

/// Waits for a moment until a process is gone. For drops, which cannot await; what is dying must not
/// write into a directory that is taken away.
pub(crate) fn gone(pid: u32) {
    for _ in 0..LOOKS {
        if !is_alive(pid) {
            break;
        }
        #[allow(clippy::disallowed_methods)]
        std::thread::sleep(LOOK_AGAIN);
    }
}

pub(crate) fn command_line(pid: u32) -> String {
    let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&words).replace('\0', " ")
}

/// Sends a signal to a process that a test started.
///
/// # Errors
/// If there is no such process.
pub fn signal(pid: u32, signal: Signal) -> Result<()> {
    let pid = pid.try_into().ok().and_then(Pid::from_raw);
    let pid = pid.ok_or_else(|| std::io::Error::from(ErrorKind::InvalidInput))?;
    Ok(kill_process(pid, signal)?)
}

/// Is this process still there (and not a zombie)?
#[must_use]
pub fn is_alive(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or_default().starts_with(" Z"))
}
