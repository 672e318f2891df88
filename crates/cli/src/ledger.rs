//! `bodywire ledger verify`.

use crate::args::{Output, VerifyOptions};
use crate::exit::Failure;
use bodywire_ledger::fsck::{self, Finding, Report};
use bodywire_ledger::{FileDisk, VerifierKey};
use serde_json::json;
use std::io::Write;

/// Reads every byte of the directory and prints what is there and what is wrong.
pub fn verify(options: &VerifyOptions) -> Result<(), Failure> {
    let directory = &options.directory;
    if !directory.is_dir() {
        let next = "name the directory of a ledger, such as bodywire-demo/clinic/ledger";
        return Err(Failure::path(directory, "there is no such directory", next));
    }
    let key = options.key.as_deref().map(VerifierKey::parse).transpose().map_err(|error| {
        Failure::Configuration {
            what: "--key".to_owned(),
            why: error.to_string(),
            next: "copy the one line of the log's key.vkey".to_owned(),
        }
    })?;
    let report = fsck::check(&FileDisk::open_read_only(directory), &fsck::Options { key, floor: 0 })?;
    let text = match options.output {
        Output::Json => as_json(&report).to_string(),
        Output::Table => as_table(&report),
    };
    // A reader that has gone away has seen enough.
    let _ = writeln!(std::io::stdout(), "{text}");
    match report.findings.iter().find(|finding| finding.kind.is_failure()) {
        None => Ok(()),
        Some(worst) => Err(Failure::NotVerified(format!(
            "the ledger is damaged: {}; keep the directory as it is and restore it from a replica or a backup",
            worst
        ))),
    }
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
