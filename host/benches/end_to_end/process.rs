//! What the kernel says about a process: its CPU time and its memory.

use std::fs;
use std::time::Duration;

use anyhow::{Context as _, Result};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// CPU time of all threads of `pids`, in the nanoseconds of the scheduler's own
/// accounting: `utime` and `stime` have ticks of 10 ms.
///
/// A thread that has ended takes its time along; the threads that serve
/// requests do not end.
pub(crate) fn cpu_time(pids: &[u32]) -> Result<Duration> {
    let mut sum = Duration::ZERO;
    for pid in pids {
        let tasks = format!("/proc/{pid}/task");
        for task in fs::read_dir(&tasks).with_context(|| format!("reading {tasks}"))? {
            // A helper thread may end between the listing and the reading.
            let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else {
                continue;
            };
            let on_cpu = text.split_ascii_whitespace().next().context("an empty schedstat")?;
            sum += Duration::from_nanos(on_cpu.parse()?);
        }
    }
    Ok(sum)
}

/// A process and its children: nginx's master and its workers.
pub(crate) fn family(parent: u32) -> Result<Vec<u32>> {
    let mut pids = vec![parent];
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<u32>().ok()) else {
            continue;
        };
        let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/stat")) else {
            continue;
        };
        // The name in parentheses may hold anything: `pid (name) state ppid …`.
        let after_name = stat.rsplit(')').next().unwrap_or_default();
        let ppid = after_name.split_ascii_whitespace().nth(1).and_then(|ppid| ppid.parse().ok());
        if ppid == Some(parent) {
            pids.push(pid);
        }
    }
    Ok(pids)
}

/// Memory of some processes together, in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Memory {
    /// Resident, files and shared pages included.
    pub(crate) resident: u64,
    /// Resident and in no other process.
    pub(crate) private: u64,
}

/// From `smaps_rollup`, which counts exactly; `VmRSS` is up to 64 pages a thread off.
pub(crate) fn memory(pids: &[u32]) -> Result<Memory> {
    let mut memory = Memory::default();
    for pid in pids {
        let path = format!("/proc/{pid}/smaps_rollup");
        let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
        for line in text.lines() {
            let Some((name, value)) = line.split_once(':') else {
                continue;
            };
            let bytes = || -> Result<u64> {
                Ok(value.trim().trim_end_matches(" kB").parse::<u64>()? * 1024)
            };
            match name {
                "Rss" => memory.resident += bytes()?,
                "Private_Clean" | "Private_Dirty" => memory.private += bytes()?,
                _ => {}
            }
        }
    }
    Ok(memory)
}

/// Lets this process and the proxies that inherit its limit open thousands of
/// connections. Where that fails, opening them will say so.
pub(crate) fn raise_open_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
