//! What processes have used, as the kernel counts it.

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// The resident memory of processes, in bytes.
pub(super) fn resident(pids: &[u32]) -> Result<u64> {
    pids.iter().map(|pid| resident_of(*pid)).sum()
}

fn resident_of(pid: u32) -> Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("VmRSS")?;
    let kib: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
    Ok(kib * 1024)
}

/// The processor time that these processes have used so far, by their scheduler's count, which is in
/// nanoseconds; their children are not counted.
pub(super) fn processor(pids: &[u32]) -> Result<Duration> {
    pids.iter().map(|pid| processor_of(*pid)).sum()
}

fn processor_of(pid: u32) -> Result<Duration> {
    let mut nanos = 0;
    for thread in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end meanwhile.
        let Ok(stat) = fs::read_to_string(thread?.path().join("schedstat")) else { continue };
        nanos += stat.split_whitespace().next().context("a number")?.parse::<u64>()?;
    }
    Ok(Duration::from_nanos(nanos))
}

/// Lets this process open as many files as it may.
pub(super) fn raise_open_files() -> Result<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum })?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// The memory of processes, in bytes; what they share with others counts in parts.
pub(super) fn shared(pids: &[u32]) -> Result<u64> {
    let of = |pid: &u32| -> Result<u64> {
        let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
        let line = rollup.lines().find(|line| line.starts_with("Pss:")).context("Pss")?;
        let kib: u64 = line.split_whitespace().nth(1).context("a number")?.parse()?;
        Ok(kib * 1024)
    };
    pids.iter().map(of).sum()
}
