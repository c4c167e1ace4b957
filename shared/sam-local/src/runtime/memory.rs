//! How much memory a process has needed.

/// The most memory that a process has ever had resident, in KiB: `VmHWM` of `/proc/<id>/status`. `None` where there
/// is no such file.
pub(super) fn peak_kib(process_id: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{process_id}/status")).ok()?;
    parse(&status)
}

fn parse(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_peak() {
        let status = "Name:\tauth\nVmPeak:\t  900000 kB\nVmHWM:\t   12345 kB\nVmRSS:\t   12000 kB\n";
        assert_eq!(parse(status), Some(12_345));
        assert_eq!(parse("Name:\tkthreadd\n"), None);
    }
}
