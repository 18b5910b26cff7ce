//! Whether the program in the foreground waits for its user: the kernel says in which system call a
//! process waits, and for which descriptors.
//!
//! Programs are recognized that wait for the terminal and nothing else, as they do who ask a question.
//! Those that wait for many things at once (an event loop, a server with a console) are not.

use std::{fs, path::Path};

use crate::{proc::Birth, protocol::Reading, pty::Master};

/// How many processes below the foreground group's leader are looked at.
const PROCESSES: usize = 64;

/// The numbers of the system calls by which programs wait for input.
#[cfg(target_arch = "x86_64")]
mod call {
    pub(super) const READ: u64 = 0;
    pub(super) const SELECT: &[u64] = &[23, 270];
    pub(super) const POLL: &[u64] = &[7, 271];
}
#[cfg(target_arch = "aarch64")]
mod call {
    pub(super) const READ: u64 = 63;
    pub(super) const SELECT: &[u64] = &[72];
    pub(super) const POLL: &[u64] = &[73];
}

/// What the program in the foreground of a terminal does, whose shell that is.
pub(crate) fn look(master: &Master, shell: Birth) -> Option<Reading> {
    let leader = master.foreground().ok()?.as_raw_nonzero().get().unsigned_abs();
    let hidden = master.hides_input().ok()?;
    if leader == shell.pid && !hidden {
        return Some(Reading::Shell);
    }
    let terminal = master.path().ok()?;
    let waits = reads(leader, &terminal);
    // Whom we may not look at (`sudo`) hides what is typed for one reason only.
    let waits = waits.unwrap_or(hidden);
    Some(if waits { Reading::Waiting { hidden } } else { Reading::Busy })
}

/// Whether a process or one below it waits for the terminal; none if that cannot be known.
fn reads(leader: u32, terminal: &Path) -> Option<bool> {
    let (mut processes, mut known) = (vec![leader], true);
    let mut next = 0;
    while let Some(pid) = processes.get(next).copied() {
        next += 1;
        match waits(pid, terminal) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => known = false,
        }
        processes.extend(children(pid));
        processes.truncate(PROCESSES);
    }
    known.then_some(false)
}

fn children(pid: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    list.split_ascii_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// Whether a process waits for the terminal; none if we may not know.
fn waits(pid: u32, terminal: &Path) -> Option<bool> {
    let line = fs::read_to_string(format!("/proc/{pid}/syscall")).ok()?;
    let Some(descriptor) = awaited(&line) else { return Some(false) };
    let path = fs::read_link(format!("/proc/{pid}/fd/{descriptor}")).unwrap_or_default();
    Some(path == terminal || path == Path::new("/dev/tty"))
}

/// The only descriptor that a process waits for, from the kernel's line: the call's number, then its
/// arguments (proc(5)). Who polls one descriptor does not say which; it is the first.
fn awaited(line: &str) -> Option<u64> {
    let mut words = line.split_ascii_whitespace();
    let number: u64 = words.next()?.parse().ok()?;
    let mut argument = || u64::from_str_radix(words.next()?.strip_prefix("0x")?, 16).ok();
    let (first, second) = (argument()?, argument()?);
    match number {
        call::READ => Some(first),
        // As many descriptors, from 0 on.
        number if call::SELECT.contains(&number) => (first == 1).then_some(0),
        number if call::POLL.contains(&number) => (second == 1).then_some(0),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    //! The kernel's line.
    use super::*;

    #[test]
    fn who_waits_for_one_descriptor_waits_for_it() {
        let select = call::SELECT[0];
        let poll = call::POLL[0];
        for (line, descriptor) in [
            (format!("{} 0x3 0x7ffd12 0x1000 0x0 0x0 0x0 0x7ffd00 0x7f0a", call::READ), Some(3)),
            (format!("{select} 0x1 0x7ffd12 0x0 0x0 0x0 0x0 0x7ffd00 0x7f0a"), Some(0)),
            (format!("{select} 0x5 0x7ffd12 0x0 0x0 0x0 0x0 0x7ffd00 0x7f0a"), None),
            (format!("{poll} 0x7ffd12 0x1 0x0 0x0 0x0 0x0 0x7ffd00 0x7f0a"), Some(0)),
            (format!("{poll} 0x7ffd12 0x2 0x0 0x0 0x0 0x0 0x7ffd00 0x7f0a"), None),
            ("230 0x0 0x0 0x7ffd12 0x7ffd12 0x0 0x0 0x7ffd00 0x7f0a".to_owned(), None),
            ("running".to_owned(), None),
            ("-1 0x7ffd00 0x7f0a".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(awaited(&line), descriptor, "{line}");
        }
    }
}
