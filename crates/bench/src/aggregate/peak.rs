//! The most memory that this process had at once, where the system says so (Linux, proc(5)).

/// Begins anew with what it has now. Where that cannot be done, the peak is that of the whole run.
pub(crate) fn reset() {
    // "5" resets the peak of the resident set, proc(5).
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The peak since then, the program itself included.
pub(crate) fn bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_os = "linux")]
    fn a_large_allocation_shows() {
        reset();
        let before = bytes().unwrap();
        drop(std::hint::black_box(vec![1u8; 64 << 20]));
        assert!(bytes().unwrap() >= before.max(64 << 20));
    }
}
