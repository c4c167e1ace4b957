//! The processes of a stack, as the machine sees them.

use std::process::Command;
use std::time::Duration;

/// The children of a process: the name of each one's program, and its id.
///
/// # Panics
/// Where there is no `/proc`.
pub fn children_of(process: u32) -> Vec<(String, u32)> {
    let ids = std::fs::read_dir("/proc").unwrap();
    let ids = ids.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| status_of(*id, "PPid:") == Some(process.to_string()))
        .filter_map(|id| {
            let program = std::fs::read_link(format!("/proc/{id}/exe")).ok()?;
            Some((program.file_name()?.to_string_lossy().into_owned(), id))
        })
        .collect()
}

/// The first word of a line of `/proc/<id>/status`, such as `VmRSS:`; nothing when the process is gone.
pub fn status_of(process: u32, field: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find(|line| line.starts_with(field))?;
    line.split_whitespace().nth(1).map(str::to_owned)
}

/// The CPU time that a process's threads have used, their own and the kernel's for them, to the nanosecond when they
/// are at rest.
///
/// # Panics
/// When the process is gone.
pub fn cpu_time(process: u32) -> Duration {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
    threads
        .map(|thread| {
            let spent = std::fs::read_to_string(thread.unwrap().path().join("schedstat")).unwrap();
            // The first of its numbers; see the kernel's Documentation/scheduler/sched-stats.rst.
            Duration::from_nanos(spent.split_whitespace().next().unwrap().parse().unwrap())
        })
        .sum()
}

/// Ends a process as a power failure would (`kill -9`).
///
/// # Panics
/// When there is no shell.
pub fn kill(process: u32) {
    // It may have ended by itself.
    let _status = Command::new("sh").args(["-c", &format!("kill -9 {process} 2>&-")]).status().unwrap();
}
