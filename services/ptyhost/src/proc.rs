//! What `/proc` tells: which processes are whose, where a shell is, what it uses.
//!
//! Every process below this one belongs to the session whose shell it descends from. A process
//! whose parents are gone has been handed to this one (a subreaper): it is told by the process
//! session that it is still in, by having been seen earlier, or by the session's variable in its
//! environment. Whom to signal and when is `reap`'s business.

use std::{
    collections::{HashMap, HashSet},
    fs,
    io::Read,
};

use rustix::process::Pid;
use termfleet_session::ids::SessionId;

use crate::protocol::{SESSION_VARIABLE, Stat};

/// The longest environment looked through for the variable: it stands near the front of it.
const MAX_ENVIRONMENT_BYTES: u64 = 1 << 20;

/// A process, told apart from a later one of the same number. Older ones come first, so that a
/// parent comes before its children (within one tick of the clock its number does that).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Birth {
    /// When it started, in clock ticks since boot.
    started: u64,
    pub(crate) pid: u32,
}

/// By what a session's processes are known.
#[derive(Debug, Clone)]
pub(crate) struct Mark {
    pub(crate) session: SessionId,
    pub(crate) shell: Birth,
    /// The shell has not been waited for: its number is its own.
    pub(crate) alive: bool,
    pub(crate) known: HashSet<Birth>,
}

impl Mark {
    /// Where the shell is, and nothing else.
    pub(crate) fn place(&self) -> Stat {
        let cwd = || fs::read_link(format!("/proc/{}/cwd", self.shell.pid)).ok();
        let cwd = self.alive.then(cwd).flatten();
        Stat { cwd: cwd.map(|path| path.to_string_lossy().into_owned()), ..Stat::default() }
    }
}

/// One living process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Process {
    pub(crate) birth: Birth,
    parent: u32,
    process_session: u32,
    group: u32,
    name: String,
    /// Ended, and not yet waited for.
    zombie: bool,
    /// Held by a signal or a debugger.
    stopped: bool,
    ticks: u64,
    pages: u64,
}

impl Birth {
    /// The process that has this number now.
    pub(crate) fn of(pid: Pid) -> Self {
        let pid = pid.as_raw_nonzero().get().unsigned_abs();
        // A process that is gone is nobody's: none has started at 0.
        Process::read(pid).map_or(Self { pid, started: 0 }, |process| process.birth)
    }

    pub(crate) fn pid(self) -> Option<Pid> {
        Pid::from_raw(self.pid.try_into().ok()?)
    }

    /// Does it still execute? Not if it has stopped, has ended, or its number is another's.
    pub(crate) fn executes(self) -> bool {
        let now = Process::read(self.pid);
        now.is_some_and(|now| now.birth == self && !now.stopped && !now.zombie)
    }
}

impl Process {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// Reads the kernel's line (proc_pid_stat(5)): the name, in brackets, may hold anything.
    fn parse(pid: u32, line: &str) -> Option<Self> {
        let (front, fields) = line.rsplit_once(") ")?;
        let (_, name) = front.split_once(" (")?;
        let fields: Vec<&str> = fields.split_ascii_whitespace().collect();
        // The manual counts from 1, and the state is its third field.
        let field = |n: usize| fields.get(n - 3)?.parse::<u64>().ok();
        Some(Self {
            birth: Birth { pid, started: field(22)? },
            parent: field(4)? as u32,
            group: field(5)? as u32,
            process_session: field(6)? as u32,
            name: name.to_owned(),
            zombie: matches!(*fields.first()?, "Z" | "X"),
            stopped: matches!(*fields.first()?, "T" | "t"),
            // Its own time and that of children it has waited for, in user and in kernel mode.
            ticks: (14..=17).filter_map(field).sum(),
            pages: field(24)?,
        })
    }
}

/// Every process below this one, with the session that it belongs to.
pub(crate) struct Census {
    members: HashMap<SessionId, Vec<Process>>,
    nobodys: Vec<Process>,
}

impl Census {
    /// Looks at every process of the machine: for a thread that may wait.
    pub(crate) fn take(marks: &[Mark]) -> Self {
        let numbers = fs::read_dir("/proc").into_iter().flatten().flatten();
        let processes = numbers
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .filter_map(Process::read)
            .filter(|process| !process.zombie)
            .collect();
        Self::sort(processes, std::process::id(), marks, variable)
    }

    fn sort(
        processes: Vec<Process>,
        host: u32,
        marks: &[Mark],
        variable: impl Fn(u32) -> Option<String>,
    ) -> Self {
        let parents: HashMap<u32, u32> =
            processes.iter().map(|process| (process.birth.pid, process.parent)).collect();
        let by_pid: HashMap<u32, &Process> =
            processes.iter().map(|process| (process.birth.pid, process)).collect();
        let own = |process: &Process| {
            let carried = variable(process.birth.pid);
            let is_its = |mark: &&Mark| {
                mark.known.contains(&process.birth)
                    || process.process_session == mark.shell.pid
                    || carried.as_deref() == Some(mark.session.as_str())
            };
            marks.iter().find(is_its).map(|mark| mark.session.clone())
        };
        let shells: HashMap<u32, &Mark> =
            marks.iter().filter(|mark| mark.alive).map(|mark| (mark.shell.pid, mark)).collect();
        let owner = |process: &Process| {
            let root = root(process.birth.pid, host, &parents)?;
            let of_root = match shells.get(&root) {
                Some(mark) => Some(mark.session.clone()),
                None => by_pid.get(&root).and_then(|orphan| own(orphan)).or_else(|| own(process)),
            };
            Some(of_root)
        };
        let owners: Vec<_> = processes.iter().map(owner).collect();
        let mut census = Self { members: HashMap::new(), nobodys: Vec::new() };
        for (process, owner) in processes.into_iter().zip(owners) {
            match owner {
                Some(Some(session)) => census.members.entry(session).or_default().push(process),
                Some(None) => census.nobodys.push(process),
                None => {}
            }
        }
        census
    }

    /// The processes of one session.
    pub(crate) fn of(&self, session: &SessionId) -> impl Iterator<Item = &Process> {
        self.members.get(session).into_iter().flatten()
    }

    /// Every process below this one.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Process> {
        self.members.values().flatten().chain(&self.nobodys)
    }

    /// What there is to tell about a session.
    pub(crate) fn stat(&self, mark: &Mark, foreground: Option<u32>) -> Stat {
        let mut stat = Stat { foreground, ..mark.place() };
        let (mut ticks, mut pages) = (0, 0);
        for process in self.of(&mark.session) {
            stat.processes += 1;
            ticks += process.ticks;
            pages += process.pages;
            if Some(process.birth.pid) == foreground {
                stat.command = Some(process.name.clone());
            }
        }
        stat.cpu_ms = ticks * 1000 / rustix::param::clock_ticks_per_second();
        stat.rss_bytes = pages * rustix::param::page_size() as u64;
        stat
    }
}

/// The ancestor of a process that is a child of the host, if it has one.
fn root(pid: u32, host: u32, parents: &HashMap<u32, u32>) -> Option<u32> {
    let mut at = pid;
    // A chain is at most as long as there are processes; ids may be reused while they are read.
    for _ in 0..=parents.len() {
        match parents.get(&at) {
            Some(&parent) if parent == host => return Some(at),
            Some(&parent) if parent != at => at = parent,
            _ => return None,
        }
    }
    None
}

/// The session's variable, as a process was started with it.
fn variable(pid: u32) -> Option<String> {
    let mut environment = Vec::new();
    let file = fs::File::open(format!("/proc/{pid}/environ")).ok()?;
    file.take(MAX_ENVIRONMENT_BYTES).read_to_end(&mut environment).ok()?;
    let value = environment
        .split(|byte| *byte == 0)
        .find_map(|entry| entry.strip_prefix(SESSION_VARIABLE.as_bytes())?.strip_prefix(b"="))?;
    String::from_utf8(value.to_vec()).ok()
}

#[cfg(test)]
mod tests;
