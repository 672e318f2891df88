//! `bodywire audit list` and `prove`: the records of a ledger beside its telemetry.

use super::{existing, key_or_own};
use crate::args::{AuditListOptions, AuditProveOptions, Output};
use crate::exit::Failure;
use bodywire_ledger::prove::inclusion;
use bodywire_ledger::{Checkpoint, Entry, EntryKind, FileDisk, audit};
use data_encoding::HEXLOWER;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::Write;
use std::time::{Duration, SystemTime};

/// Most records that one list holds: more would not be read, and memory has an end.
const RECORDS_MAX: usize = 100_000;

/// Lists records, each part of the tree that the checkpoint signs.
pub fn audit_list(options: &AuditListOptions) -> Result<(), Failure> {
    let directory = existing(&options.directory)?;
    let key = key_or_own(options.key.as_deref(), directory)?;
    let ms =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |t| t.as_millis() as u64);
    let (since, until) = (options.since.map_or(0, ms), options.until.map_or(u64::MAX, ms));
    let of_kind = |kind: EntryKind| match options.kind.as_slice() {
        [] => !matches!(kind, EntryKind::Telemetry | EntryKind::HomomorphicVector),
        kinds => kinds.contains(&kind),
    };
    let mut found = 0;
    let disk = FileDisk::open_read_only(directory);
    let (records, head) = audit::entries(&disk, &key, |_, entry| {
        let wanted = of_kind(entry.kind) && (since..until).contains(&entry.time_ms);
        found += usize::from(wanted);
        wanted && found <= RECORDS_MAX
    })?;
    if found > RECORDS_MAX {
        return Err(Failure::Configuration {
            what: format!("{found} records"),
            why: format!("a list holds {RECORDS_MAX} at most"),
            next: "narrow it with --kind, --since and --until".to_owned(),
        });
    }
    crate::print(&match options.output {
        Output::Json => json!({
            "verified": true,
            "origin": head.origin.to_string(),
            "size": head.size,
            "root": head.root.to_string(),
            "records": records.iter().map(|(index, entry)| as_json(*index, entry)).collect::<Vec<_>>(),
        })
        .to_string(),
        Output::Table => as_table(&records, &head),
    });
    Ok(())
}

/// Writes the proof of one record.
pub fn audit_prove(options: &AuditProveOptions) -> Result<(), Failure> {
    let directory = existing(&options.directory)?;
    let key = key_or_own(options.key.as_deref(), directory)?;
    let proof = inclusion(&FileDisk::open_read_only(directory), &key, options.index)?;
    let (entry, head) = proof.verify(&key)?;
    OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&options.file)
        .and_then(|mut file| file.write_all(proof.emit().as_bytes()))
        .map_err(|error| Failure::path(&options.file, error, "name a file that does not exist yet"))?;
    crate::print(&match options.output {
        Output::Json => {
            let mut record = as_json(options.index, &entry);
            record["file"] = json!(options.file);
            record["key"] = json!(key.to_string());
            record.to_string()
        }
        Output::Table => format!(
            "{}\nis record {} of {}, whose key has signed {} entries.\nAnybody can check it: bodywire ledger check {} --key \"{key}\"",
            line(options.index, &entry),
            options.index,
            head.origin,
            head.size,
            options.file.display(),
        ),
    });
    Ok(())
}

fn as_json(index: u64, entry: &Entry) -> serde_json::Value {
    json!({
        "index": index,
        "kind": entry.kind.name(),
        "time_ms": entry.time_ms,
        "stream": HEXLOWER.encode(&entry.stream.0),
        "stream_seq": entry.stream_seq,
        "key_id": HEXLOWER.encode(&entry.key.0),
        "payload_bytes": entry.payload_len,
        "payload_sha256": entry.payload_hash.to_string(),
    })
}

fn as_table(records: &[(u64, Entry)], head: &Checkpoint) -> String {
    let mut lines = vec!["   index  time                      kind                number  stream".to_owned()];
    lines.extend(records.iter().map(|(index, entry)| line(*index, entry)));
    lines.push(format!(
        "{} records among the {} entries of {}, all verified, root {}",
        records.len(),
        head.size,
        head.origin,
        head.root
    ));
    lines.join("\n")
}

fn line(index: u64, entry: &Entry) -> String {
    // A time that no calendar has is shown as the number it is.
    let time = match entry.time_ms < 253_402_300_800_000 {
        true => {
            let time = SystemTime::UNIX_EPOCH + Duration::from_millis(entry.time_ms);
            humantime::format_rfc3339_millis(time).to_string()
        }
        false => entry.time_ms.to_string(),
    };
    let stream = HEXLOWER.encode(&entry.stream.0);
    format!("{index:>8}  {time:<24}  {:<16}  {:>8}  {stream}", entry.kind.name(), entry.stream_seq)
}
