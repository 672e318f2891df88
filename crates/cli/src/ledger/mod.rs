//! `bodywire ledger`: checks and proofs of a ledger directory, repair from another copy, anchors.

mod anchor;
mod audit;
mod repair;

pub use anchor::anchor;
pub use audit::{audit_list, audit_prove};
pub use repair::repair;

use crate::args::{CheckOptions, Output, ProveOptions, VerifyOptions};
use crate::exit::Failure;
use bodywire_ledger::fsck::{self, Finding, Report};
use bodywire_ledger::prove::{MAX_PROOF_BYTES, Proof, inclusion};
use bodywire_ledger::{Checkpoint, Entry, Error, FileDisk, KEY_FILE, VerifierKey};
use serde_json::json;
use std::io::Write;
use std::path::Path;

/// Reads every byte of the directory and prints what is there and what is wrong.
pub fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    let directory = existing(&options.directory)?;
    let key = options.key.as_deref().map(key_of).transpose()?;
    let report =
        fsck::check(&FileDisk::open_read_only(directory), &fsck::Options { key: key.clone(), floor: 0 })?;
    let text = match options.output {
        Output::Json => as_json(&report).to_string(),
        Output::Table => as_table(&report),
    };
    // A reader that has gone away has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    if let Some(file) = &options.anchor {
        anchor::compare(directory, &key_or_own(options.key.as_deref(), directory)?, file)?;
    }
    match report.findings.iter().find(|finding| finding.kind.is_failure()) {
        None => Ok(()),
        Some(worst) => Err(Failure::NotVerified(format!(
            "the ledger is damaged: {worst}; stop its writer, then: bodywire ledger repair {} --from COPY",
            directory.display()
        ))),
    }
}

/// Prints the proof of one entry.
pub fn prove(options: &ProveOptions) -> Result<(), Failure> {
    let directory = existing(&options.directory)?;
    let key = key_or_own(options.key.as_deref(), directory)?;
    let proof =
        inclusion(&FileDisk::open_read_only(directory), &key, options.index).map_err(
            |error| match error {
                Error::NoSuchEntry { .. } | Error::Unpublished => Failure::Configuration {
                    what: format!("entry {}", options.index),
                    why: error.to_string(),
                    next: "see how many there are with bodywire ledger verify".to_owned(),
                },
                other => other.into(),
            },
        )?;
    // The text ends with a line feed of its own.
    let _ = write!(std::io::stdout(), "{}", proof.emit());
    Ok(())
}

/// Checks a proof that somebody handed over.
pub fn check(options: &CheckOptions) -> Result<(), Failure> {
    let key = key_of(&options.key)?;
    let next = "name a file that bodywire ledger prove has written";
    let unusable = |why: &dyn std::fmt::Display| Failure::path(&options.proof, why, next);
    let size = std::fs::metadata(&options.proof).map_err(|error| unusable(&error))?.len();
    if size > MAX_PROOF_BYTES as u64 {
        return Err(unusable(&format!("is longer than the {MAX_PROOF_BYTES} bytes of the longest proof")));
    }
    let text = std::fs::read_to_string(&options.proof).map_err(|error| unusable(&error))?;
    let proof = Proof::parse(&text).map_err(|error| unusable(&error))?;
    let (entry, head) = proof.verify(&key).map_err(|error| {
        Failure::NotVerified(format!(
            "{}: {error}; ask for the proof again, from another copy",
            options.proof.display()
        ))
    })?;
    crate::print(&checked(&proof, &entry, &head, options.output));
    Ok(())
}

fn checked(proof: &Proof, entry: &Entry, head: &Checkpoint, output: Output) -> String {
    let kind = format!("{:?}", entry.kind);
    match output {
        Output::Json => json!({
            "verified": true,
            "index": proof.index,
            "kind": kind,
            "time_ms": entry.time_ms,
            "stream_seq": entry.stream_seq,
            "payload_bytes": entry.payload_len,
            "payload_sha256": entry.payload_hash.to_string(),
            "origin": head.origin.to_string(),
            "size": head.size,
            "root": head.root.to_string(),
        })
        .to_string(),
        Output::Table => format!(
            "entry      {} of {}, {kind}, record {} of its stream\ntime       {} ms since 1970\npayload    {} bytes, SHA-256 {}\n\
             checkpoint {} entries, root {}\nverified",
            proof.index,
            head.origin,
            entry.stream_seq,
            entry.time_ms,
            entry.payload_len,
            entry.payload_hash,
            head.size,
            head.root
        ),
    }
}

/// The key that was named, else the directory's own.
fn key_or_own(key: Option<&str>, directory: &Path) -> Result<VerifierKey, Failure> {
    if let Some(key) = key {
        return key_of(key);
    }
    let file = directory.join(KEY_FILE);
    let text = std::fs::read_to_string(&file)
        .map_err(|error| Failure::path(&file, error, "name the log's key with --key"))?;
    key_of(text.trim_end())
}

fn existing(directory: &Path) -> Result<&Path, Failure> {
    if directory.is_dir() {
        return Ok(directory);
    }
    let next = "name the directory of a ledger, such as bodywire-demo/clinic/ledger";
    Err(Failure::path(directory, "there is no such directory", next))
}

fn key_of(text: &str) -> Result<VerifierKey, Failure> {
    VerifierKey::parse(text).map_err(|error| Failure::Configuration {
        what: "--key".to_owned(),
        why: error.to_string(),
        next: "copy the one line of the log's key.vkey".to_owned(),
    })
}

fn as_json(report: &Report) -> serde_json::Value {
    let finding = |finding: &Finding| {
        json!({
            "kind": format!("{:?}", finding.kind),
            "failure": finding.kind.is_failure(),
            "file": finding.file,
            "entries": finding.entries.as_ref().map(|range| [range.start, range.end]),
            "what": finding.what,
        })
    };
    json!({
        "verified": report.is_sound(),
        "entries": report.entries,
        "payloads": report.payloads,
        "tiles": report.tiles,
        "root": report.root.as_ref().map(ToString::to_string),
        "origin": report.origin.as_ref().map(ToString::to_string),
        "key": report.key.as_ref().map(ToString::to_string),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

fn as_table(report: &Report) -> String {
    let mut lines = vec![
        format!("entries    {}", report.entries),
        format!("payloads   {} hashes compared", report.payloads),
        format!("tiles      {} compared", report.tiles),
    ];
    lines.extend(report.root.as_ref().map(|root| format!("root       {root}")));
    lines.extend(report.key.as_ref().map(|key| format!("key        {key}")));
    lines.extend(report.findings.iter().map(|finding| format!("{:?}: {}", finding.kind, finding)));
    lines.push(if report.is_sound() { "verified".to_owned() } else { "NOT VERIFIED".to_owned() });
    lines.join("\n")
}
