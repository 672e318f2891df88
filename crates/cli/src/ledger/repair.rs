//! `bodywire ledger repair`.

use super::{existing, key_or_own};
use crate::args::{Output, RepairOptions};
use crate::exit::Failure;
use bodywire_ledger::fsck::{self, Report};
use bodywire_ledger::peer::Peer;
use bodywire_ledger::repair::{self as ledger, Repaired};
use bodywire_ledger::{FileDisk, Floor, VerifierKey};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Repairs a ledger from the copies that are named, one after the other, until it is sound. Files that were damaged are kept
/// beside the directory first: they are evidence.
pub fn repair(options: &RepairOptions) -> Result<(), Failure> {
    let directory = existing(&options.directory)?;
    let key = key_or_own(options.key.as_deref(), directory)?;
    // The writer's lock, held until the end.
    let mut disk = FileDisk::open(directory)?;
    let before = check(directory, &key)?;
    let kept = keep(directory, &before)?;
    let mut done = Repaired::default();
    let mut troubles = Vec::new();
    for copy in &options.from {
        let mut peer = Peer::open(FileDisk::open_read_only(existing(copy)?))?;
        match ledger::repair(&mut disk, &key, Floor::NONE, |first| peer.frame(first)) {
            Ok(repaired) => {
                done = repaired;
                troubles.clear();
                break;
            }
            Err(error) => troubles.push(format!("{}: {error}", copy.display())),
        }
    }
    drop(disk);
    let after = check(directory, &key)?;
    crate::print(&match options.output {
        Output::Json => json!({
            "verified": after.is_sound(),
            "entries": after.entries,
            "fetched": done.fetched,
            "written": done.written,
            "removed": done.removed,
            "kept": kept,
            "troubles": troubles,
        })
        .to_string(),
        Output::Table => as_table(&after, &done, kept.as_deref()),
    });
    match troubles.is_empty() && after.is_sound() {
        true => Ok(()),
        false => Err(Failure::NotVerified(format!(
            "not repaired: {}; name another copy with --from",
            match (troubles.first(), after.findings.iter().find(|finding| finding.kind.is_failure())) {
                (Some(trouble), _) => trouble.clone(),
                (None, Some(finding)) => finding.to_string(),
                (None, None) => "the check did not end".to_owned(),
            }
        ))),
    }
}

fn check(directory: &Path, key: &VerifierKey) -> Result<Report, Failure> {
    let options = fsck::Options { key: Some(key.clone()), floor: 0 };
    Ok(fsck::check(&FileDisk::open_read_only(directory), &options)?)
}

/// Copies every damaged file to a folder beside the ledger; returns the folder, if there was one to copy.
fn keep(directory: &Path, report: &Report) -> Result<Option<PathBuf>, Failure> {
    let damaged: BTreeSet<&str> = report
        .findings
        .iter()
        .filter(|finding| finding.kind.is_failure() && directory.join(&finding.file).is_file())
        .map(|finding| finding.file.as_str())
        .collect();
    if damaged.is_empty() {
        return Ok(None);
    }
    let mut name = directory.file_name().unwrap_or_default().to_os_string();
    name.push(format!("-damaged-{}", crate::now_ms()));
    let folder = directory.with_file_name(name);
    for file in damaged {
        let to = folder.join(file);
        to.parent()
            .map_or(Ok(()), std::fs::create_dir_all)
            .and_then(|()| std::fs::copy(directory.join(file), &to))
            .map_err(|error| Failure::path(&to, error, "make room, or copy the ledger away yourself"))?;
    }
    Ok(Some(folder))
}

fn as_table(after: &Report, done: &Repaired, kept: Option<&Path>) -> String {
    let mut lines = vec![
        format!("entries    {}", after.entries),
        format!("fetched    {} frames", done.fetched.len()),
        format!("written    {} files", done.written.len()),
        format!("removed    {} files", done.removed.len()),
    ];
    lines.extend(kept.map(|folder| format!("kept       what was damaged is in {}", folder.display())));
    lines.push(if after.is_sound() { "verified".to_owned() } else { "NOT VERIFIED".to_owned() });
    lines.join("\n")
}
