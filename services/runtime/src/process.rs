//! What the kernel knows of this process, read from `/proc` at each scrape.
//!
//! The names are those that Prometheus' own client libraries use, so that stock dashboards work.
//! Where there is no `/proc`, the metrics are absent, never 0.

use std::fs;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, EncodeMetric},
    metrics::{counter::ConstCounter, gauge::ConstGauge},
    registry::Unit,
};

use crate::clock;

/// The kernel's unit of CPU time towards programs, USER_HZ: 100 a second on every Linux that we
/// build for, whatever the kernel's own tick.
const TICKS_PER_SECOND: u64 = 100;

/// What this process has used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Bytes in RAM.
    pub resident_bytes: u64,
    /// Microseconds of processor time in its own code.
    pub user_us: u64,
    /// Microseconds of processor time in the kernel.
    pub system_us: u64,
}

impl Usage {
    /// Microseconds of processor time in all.
    #[must_use]
    pub fn cpu_us(&self) -> u64 {
        self.user_us + self.system_us
    }
}

/// What this process has used so far; none where there is no `/proc`.
#[must_use]
pub fn usage() -> Option<Usage> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let (user, system) = cpu_ticks(&fs::read_to_string("/proc/self/stat").ok()?)?;
    let resident = u64::try_from(status_field(&status, "VmRSS:")?).ok()?;
    let us = |ticks: u64| ticks * (1_000_000 / TICKS_PER_SECOND);
    Some(Usage { resident_bytes: resident * 1024, user_us: us(user), system_us: us(system) })
}

/// Collects memory, descriptors, threads and CPU time of this process.
#[derive(Debug)]
pub(crate) struct Process {
    started_unix: i64,
}

impl Default for Process {
    fn default() -> Self {
        Self { started_unix: clock::now_unix() }
    }
}

impl Collector for Process {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), std::fmt::Error> {
        let mut gauge = |name, help, unit: Option<Unit>, value: Option<i64>| {
            let Some(value) = value else { return Ok(()) };
            let gauge = ConstGauge::new(value);
            let metric =
                encoder.encode_descriptor(name, help, unit.as_ref(), gauge.metric_type())?;
            gauge.encode(metric)
        };
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        let resident = status_field(&status, "VmRSS:").map(|kib| kib * 1024);
        gauge("process_resident_memory", "Memory in RAM", Some(Unit::Bytes), resident)?;
        gauge("process_threads", "Threads", None, status_field(&status, "Threads:"))?;
        gauge("process_open_fds", "Open file descriptors", None, open_fds())?;
        let started = Some(self.started_unix);
        gauge("process_start_time", "Start, Unix time", Some(Unit::Seconds), started)?;

        let Some(seconds) = cpu_seconds() else { return Ok(()) };
        let counter = ConstCounter::new(seconds);
        let (name, help) = ("process_cpu", "CPU time, user and system");
        let unit = Unit::Seconds;
        let metric = encoder.encode_descriptor(name, help, Some(&unit), counter.metric_type())?;
        counter.encode(metric)
    }
}

/// The number after `name` in `/proc/self/status`.
fn status_field(status: &str, name: &str) -> Option<i64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

fn open_fds() -> Option<i64> {
    // The directory that is being listed is itself open: one too many.
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    i64::try_from(count).ok().map(|count| count - 1)
}

fn cpu_seconds() -> Option<f64> {
    let (user, system) = cpu_ticks(&fs::read_to_string("/proc/self/stat").ok()?)?;
    Some((user + system) as f64 / TICKS_PER_SECOND as f64)
}

/// Fields 14 and 15 of `/proc/PID/stat`. The second field, the program's name in parentheses, may
/// hold anything, so counting starts after its last one.
fn cpu_ticks(stat: &str) -> Option<(u64, u64)> {
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_whitespace().skip(11);
    Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    //! The kernel's texts, read; and a process that is really there.
    #![allow(clippy::unwrap_used)]

    use prometheus_client::{encoding::text, registry::Registry};

    use super::*;

    #[test]
    fn fields_of_the_kernels_texts() {
        let status = "Name:\tx\nVmRSS:\t    2048 kB\nThreads:\t9\n";
        assert_eq!(status_field(status, "VmRSS:"), Some(2048));
        assert_eq!(status_field(status, "Threads:"), Some(9));
        assert_eq!(status_field(status, "VmSwap:"), None);
        let stat = "42 (a b) c) S 1 42 42 0 -1 4194304 100 0 0 0 150 50 0 0 20 0 1 0 5 0 0";
        assert_eq!(cpu_ticks(stat), Some((150, 50)));
        assert_eq!(cpu_ticks("42 (x"), None);
    }

    #[test]
    fn this_process_is_measured() {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(Process::default()));
        let mut out = String::new();
        text::encode(&mut out, &registry).unwrap();
        let value = |name: &str| -> f64 {
            let line = out.lines().find_map(|line| line.strip_prefix(name));
            line.unwrap_or_else(|| panic!("{name} in {out}")).trim().parse().unwrap()
        };
        assert!(value("process_resident_memory_bytes ") > 100_000.0);
        assert!(value("process_open_fds ") >= 3.0);
        assert!(value("process_threads ") >= 1.0);
        assert!(value("process_start_time_seconds ") > 1_735_689_600.0);
        assert!(value("process_cpu_seconds_total ") >= 0.0);
        assert!(usage().unwrap().resident_bytes > 100_000);
    }
}
