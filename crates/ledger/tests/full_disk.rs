//! A real file system that runs full: appends are refused, reading goes on, and with space again the log continues.
//! The file system is a small one in memory, mounted where nobody else sees it; where that is not allowed the drill on
//! the disk in memory (`power`) stands alone.

#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "what tests share may panic as the tests do")]

mod drill;

use std::{fs, path::Path, process::Command};

use bodywire_ledger::{
    Error, FileDisk, Floor, Log,
    fsck::{self, Options},
};

const SMALL_DISK: &str = "BODYWIRE_LEDGER_SMALL_DISK";
const TEST: &str = "a_full_file_system_loses_nothing_that_was_acknowledged";

/// Makes its first argument a file system of 6 MiB and runs the rest in it.
const MOUNT: &str = r#"mount -t tmpfs -o size=6m none "$1" || exit 77; shift; exec "$@""#;

#[test]
fn a_full_file_system_loses_nothing_that_was_acknowledged() {
    if let Some(path) = std::env::var_os(SMALL_DISK) {
        fill(Path::new(&path));
        return;
    }
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("small");
    fs::create_dir_all(&path).unwrap();
    let run = Command::new("unshare")
        .args(["--mount", "sh", "-c", MOUNT, "sh"])
        .arg(&path)
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", TEST])
        .env(SMALL_DISK, &path)
        .output();
    let Ok(output) = run else { return eprintln!("skipped: there is no `unshare` here") };
    let said = String::from_utf8_lossy(&output.stderr);
    // 77 is the script's own, 1 that of `unshare`; a failed test has 101.
    if matches!(output.status.code(), Some(77 | 1)) {
        return eprintln!("skipped: no file system can be mounted here: {said}");
    }
    assert!(output.status.success() && said.contains("full and continued"), "{said}");
}

fn open(path: &Path, floor: u64) -> Log<FileDisk> {
    let floor = Floor { size: floor, root: None };
    let disk = FileDisk::open(path).unwrap();
    let (log, _) = Log::open(disk, drill::origin(), drill::signing_key(), floor).unwrap();
    log.with_segment_bytes(1 << 20)
}

fn draft(index: u64) -> bodywire_ledger::Draft {
    bodywire_ledger::Draft { payload: vec![index as u8; 3000], ..drill::draft(index) }
}

fn reads(log: &Log<FileDisk>) -> bool {
    log.entries_from(0).zip(0..).all(|(read, index)| read.is_ok_and(|read| read.2 == draft(index).payload))
}

/// Runs the file system full twice: with records, and with other people's files while a log is being published.
fn fill(path: &Path) {
    let ballast = path.join("ballast");
    fs::write(&ballast, vec![1; 2 << 20]).unwrap();
    let log_path = path.join("log");
    let mut log = open(&log_path, 0);
    let mut known = 0;
    let mut refused = None;
    for step in 0..1000u64 {
        let size = log.size();
        match log.append((size..size + 1 + step % 40).map(draft).collect()) {
            Ok(range) => known = range.end,
            Err(error) => {
                refused = Some(error);
                break;
            }
        }
    }
    let refused = refused.unwrap();
    let full =
        matches!(&refused, Error::Disk { source, .. } if source.kind() == std::io::ErrorKind::StorageFull);
    assert!(full, "{refused}");
    assert!(known > 500 && log.size() == known && reads(&log), "reading goes on");
    // Whatever is not appended now is refused as clearly.
    assert!(matches!(log.append(vec![draft(known)]), Err(Error::Disk { .. } | Error::Stopped) | Ok(_)));
    let known = log.size();
    drop(log);
    fs::remove_file(&ballast).unwrap();
    let mut log = open(&log_path, known);
    assert!(log.size() == known && reads(&log));
    log.append((known..known + 20).map(draft).collect()).unwrap();
    let head = log.publish().unwrap();
    fs::write(&ballast, vec![1; 8 << 20]).unwrap_err();
    let more = log.append((known + 20..known + 320).map(draft).collect()).and_then(|_| log.publish());
    assert!(matches!(more, Err(Error::Disk { .. })), "{more:?}");
    drop(log);
    fs::remove_file(&ballast).unwrap();
    let mut log = open(&log_path, head.size);
    assert!(log.size() >= head.size && reads(&log));
    log.append(vec![draft(log.size())]).unwrap();
    log.publish().unwrap();
    let report = fsck::check(&FileDisk::open_read_only(&log_path), &Options::default()).unwrap();
    assert_eq!((report.findings, report.entries), (vec![], log.size()));
    eprintln!("full and continued: {refused}");
}
