//! One pseudo-terminal: opening it, starting a program on it, and the system calls on its master.
//! Masters never leave the ptyhost. When to read and write is `pump`'s business.

use std::{
    ffi::{OsStr, OsString},
    io,
    mem::MaybeUninit,
    os::{
        fd::{BorrowedFd, OwnedFd},
        unix::ffi::OsStringExt as _,
    },
    path::PathBuf,
    sync::Arc,
};

use pty_process::blocking;
use rustix::{
    fs::{Mode, OFlags},
    io::{Errno, FdFlags},
    process::{Pid, Resource, Rlimit, Signal},
    termios::{LocalModes, Winsize},
};
use termfleet_session::limits::Size;

use crate::{
    protocol::SpawnStep,
    watch::{self, Watch},
};

/// What one read can give: the kernel's own buffer behind a terminal holds no more.
pub(crate) const READ_BYTES: usize = 4096;

/// A program to start.
pub(crate) struct Program<'a> {
    pub(crate) argv: &'a [String],
    pub(crate) env: &'a [(String, String)],
    pub(crate) cwd: &'a str,
    pub(crate) size: Size,
    /// The limit of open files that the program gets: ours is raised for our own sake.
    pub(crate) open_files: Rlimit,
}

/// Why a program was not started.
#[derive(Debug, thiserror::Error)]
#[error("spawn failed at {step:?}: errno {errno}")]
pub(crate) struct SpawnError {
    pub(crate) step: SpawnStep,
    pub(crate) errno: i32,
}

/// A terminal's controlling end.
pub(crate) struct Master(Arc<OwnedFd>);

/// Keeps what this process was started with (a job server's pipes, a log) from its shells.
#[allow(unsafe_code)]
pub(crate) fn close_inherited_on_exec() -> io::Result<()> {
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let Some(fd) = entry?.file_name().to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        if fd > 2 {
            // SAFETY: borrowed for one system call, which changes nothing for whoever owns it; if
            // it has been closed since it was listed, the kernel says so and nothing else happens.
            let fd = unsafe { BorrowedFd::borrow_raw(fd) };
            let _ = rustix::io::fcntl_setfd(fd, FdFlags::CLOEXEC);
        }
    }
    Ok(())
}

impl Program<'_> {
    /// Starts it on a new terminal, in a session and a process group of its own, owning the
    /// terminal as descriptors 0–2 and nothing else (all of ours close on exec).
    pub(crate) fn spawn(&self) -> Result<(Master, Pid), SpawnError> {
        let at = |step| move |errno: Errno| SpawnError { step, errno: errno.raw_os_error() };
        // Else a missing directory and a missing program would be told by the same errno.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        rustix::fs::open(self.cwd, flags, Mode::empty()).map_err(at(SpawnStep::Cwd))?;
        let (pty, pts) = blocking::open().map_err(|e| at(SpawnStep::Pty)(errno(&e)))?;
        let master = Master::new(pty.into()).map_err(|e| at(SpawnStep::Pty)(io_errno(&e)))?;
        master.resize(self.size).map_err(at(SpawnStep::Pty))?;
        let child = blocking::Command::new(OsStr::new(&self.argv[0]))
            .args(&self.argv[1..])
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .current_dir(self.cwd)
            .spawn(pts)
            .map_err(|e| at(SpawnStep::Program)(errno(&e)))?;
        let pid = Pid::from_child(&child);
        // Nothing to refuse if it has ended already.
        let _ = rustix::process::prlimit(Some(pid), Resource::Nofile, self.open_files);
        Ok((master, pid))
    }
}

fn errno(error: &pty_process::Error) -> Errno {
    match error {
        pty_process::Error::Io(e) => io_errno(e),
        pty_process::Error::Rustix(e) => *e,
        // The asynchronous half of that crate is not used here.
        _ => Errno::INVAL,
    }
}

fn io_errno(error: &io::Error) -> Errno {
    // Without a number it was a NUL byte in a string, caught before any system call.
    Errno::from_io_error(error).unwrap_or(Errno::INVAL)
}

impl Master {
    fn new(fd: OwnedFd) -> io::Result<Self> {
        let flags = rustix::fs::fcntl_getfl(&fd)?;
        rustix::fs::fcntl_setfl(&fd, flags | OFlags::NONBLOCK)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Has the runtime watch for output. That no process has the terminal open is remembered for as
    /// long as the watch lasts: it takes a new one when one has it open again.
    pub(crate) fn watch(&self) -> io::Result<Watch> {
        watch::reading(&self.0)
    }

    /// Has the runtime watch for room for input.
    pub(crate) fn room(&self) -> io::Result<Watch> {
        watch::room(&self.0)
    }

    pub(crate) fn read<'b>(&self, buf: &'b mut [MaybeUninit<u8>]) -> Result<&'b [u8], Errno> {
        rustix::io::read(&self.0, buf).map(|(read, _)| &*read)
    }

    pub(crate) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        rustix::io::write(&self.0, bytes)
    }

    /// Sets the size; the kernel tells the foreground process group if it differs.
    pub(crate) fn resize(&self, size: Size) -> Result<(), Errno> {
        let size = Winsize { ws_col: size.cols, ws_row: size.rows, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.0, size)
    }

    /// The process group in the foreground.
    pub(crate) fn foreground(&self) -> Result<Pid, Errno> {
        rustix::termios::tcgetpgrp(&self.0)
    }

    /// Input comes by the line and is not shown: so a password is asked for.
    pub(crate) fn hides_input(&self) -> Result<bool, Errno> {
        let modes = rustix::termios::tcgetattr(&self.0)?.local_modes;
        Ok(modes.contains(LocalModes::ICANON) && !modes.contains(LocalModes::ECHO))
    }

    /// The path by which programs know it.
    pub(crate) fn path(&self) -> Result<PathBuf, Errno> {
        let name = rustix::pty::ptsname(&self.0, Vec::new())?;
        Ok(PathBuf::from(OsString::from_vec(name.into_bytes())))
    }

    /// Signals the process group in the foreground.
    pub(crate) fn interrupt(&self, signal: Signal) -> Result<(), Errno> {
        rustix::process::kill_process_group(self.foreground()?, signal)
    }
}
