//! `bodywire export`: asks a clinic that runs for access, reads the record of a bed, and writes files.

use super::clinic::Clinic;
use super::edf::Gaps;
use super::record::Record;
use super::{Error, File, csv, edf, fhir, history, wfdb};
use crate::access::ExportCredential;
use crate::aggregate::root;
use crate::args::{ExportCommand, ExportOptions, Output};
use crate::exit::Failure;
use crate::sensor::day;
use crate::{now_ms, print};
use serde_json::json;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Carries out a command.
pub fn run(command: &ExportCommand) -> Result<(), Failure> {
    match command {
        ExportCommand::Csv(options) => export(options, Format::Csv),
        ExportCommand::Wfdb(options) => export(options, Format::Wfdb),
        ExportCommand::Fhir(options) => export(options, Format::Fhir),
        ExportCommand::Edf(edf) => {
            let gaps = if edf.leave_gaps_out { Gaps::LeftOut } else { Gaps::Written };
            export(&edf.options, Format::Edf(gaps))
        }
        ExportCommand::Capability => {
            let statement = fhir::capability_statement(env!("CARGO_PKG_VERSION"), &day(now_ms()));
            print(&format!("{statement:#}"));
            Ok(())
        }
    }
}

#[derive(Clone, Copy)]
enum Format {
    Csv,
    Wfdb,
    Edf(Gaps),
    Fhir,
}

impl Format {
    /// The ending of a file, for formats that are one file.
    const fn ending(self) -> Option<&'static str> {
        match self {
            Self::Csv => Some("csv"),
            Self::Fhir => Some("json"),
            Self::Wfdb | Self::Edf(_) => None,
        }
    }
}

fn export(options: &ExportOptions, format: Format) -> Result<(), Failure> {
    let (from_ms, to_ms) = times(options)?;
    let file = match &options.credential {
        Some(file) => file.clone(),
        None => root(&options.place)?.join(ExportCredential::FILE),
    };
    let credential = ExportCredential::read(&file)?;
    let out = Out::at(&options.out, format, options.bed)?;
    crate::block_on(async {
        let clinic = Clinic::sign_in(credential, options.console.as_deref()).await?;
        let access = clinic.ask(options.bed, options.class, options.sensor).await?;
        let record = Record::read(&clinic, options.bed, (from_ms, to_ms), options.class).await?;
        let audit = match format {
            Format::Fhir => history::audit(&clinic, &record, (from_ms, to_ms)).await?,
            _ => Vec::new(),
        };
        // Who asked once has what was given; what is not needed any more is given back.
        clinic.close(access).await;
        let files = write(&record, &audit, format, &out.name)?;
        let written = out.write(&files)?;
        say(options, &record, &written);
        Ok(())
    })
}

fn write(
    record: &Record,
    audit: &[fhir::AuditRecord],
    format: Format,
    name: &str,
) -> Result<Vec<File>, Error> {
    let recording = &record.recording;
    if recording.samples() == 0 {
        return Err(Error::Empty);
    }
    let single = |bytes| vec![File { name: name.to_owned(), bytes }];
    let mut bytes = Vec::new();
    Ok(match format {
        Format::Csv => {
            csv::write(recording, &mut bytes)?;
            single(bytes)
        }
        Format::Fhir => {
            fhir::write(recording, audit, &record.consents, &mut bytes)?;
            single(bytes)
        }
        Format::Wfdb => wfdb::write(recording, name)?,
        Format::Edf(gaps) => edf::write(recording, name, gaps)?,
    })
}

fn times(options: &ExportOptions) -> Result<(u64, u64), Failure> {
    let ms = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
    let now = now_ms();
    let (from, to) = match options.last {
        Some(last) => (now.saturating_sub(last.as_millis() as u64), now),
        None => (options.from.map_or(0, ms), options.to.map_or(now, ms)),
    };
    if from < to {
        return Ok((from, to));
    }
    Err(Failure::Configuration {
        what: "the time to export".to_owned(),
        why: "ends before it begins".to_owned(),
        next: "name an earlier --from, or --last 5m".to_owned(),
    })
}

/// Where files go.
struct Out {
    directory: PathBuf,
    /// Name of the file, or what the names of several begin with.
    name: String,
}

impl Out {
    /// Looks before anything is asked for, so that no access is spent on files that cannot be written.
    fn at(path: &Path, format: Format, bed: u16) -> Result<Self, Failure> {
        let next = "name another path with --out";
        let Some(ending) = format.ending().filter(|_| !path.is_dir()) else {
            fs::create_dir_all(path).map_err(|error| Failure::path(path, error, next))?;
            let name = match format.ending() {
                Some(ending) => format!("bed-{bed}.{ending}"),
                None => format!("bed-{bed}"),
            };
            return Ok(Self { directory: path.to_owned(), name });
        };
        if path.exists() {
            return Err(Failure::path(path, "is there already", next));
        }
        let name = path.file_name().and_then(|name| name.to_str());
        let name =
            name.ok_or_else(|| Failure::path(path, format!("is no name of a .{ending} file"), next))?;
        let directory = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        Ok(Self { directory: directory.unwrap_or(Path::new(".")).to_owned(), name: name.to_owned() })
    }

    /// Writes files that only their owner may read.
    fn write(&self, files: &[File]) -> Result<Vec<(PathBuf, usize)>, Failure> {
        let mut written = Vec::with_capacity(files.len());
        for file in files {
            let path = self.directory.join(&file.name);
            let write = || {
                let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
                out.write_all(&file.bytes)?;
                out.sync_all()
            };
            write().map_err(|error| Failure::path(&path, error, "name another path with --out"))?;
            written.push((path, file.bytes.len()));
        }
        Ok(written)
    }
}

fn say(options: &ExportOptions, record: &Record, written: &[(PathBuf, usize)]) {
    let recording = &record.recording;
    let label = recording.simulated().then_some(super::SIMULATED);
    print(&match options.output {
        Output::Json => json!({
            "bed": options.bed,
            "class": record.class,
            "from_ms": recording.from_ms,
            "to_ms": recording.to_ms,
            "samples": recording.samples(),
            "alarms": recording.alarms.len(),
            "consents": record.consents.len(),
            "read": record.read,
            "data": label,
            "files": written.iter().map(|(path, bytes)| json!({ "file": path, "bytes": bytes })).collect::<Vec<_>>(),
        })
        .to_string(),
        Output::Table => {
            let mut lines: Vec<String> =
                written.iter().map(|(path, bytes)| format!("{}  {bytes} bytes", path.display())).collect();
            let read = record.read.map_or("in the journal".to_owned(), |entry| format!("entry {entry}"));
            lines.push(format!(
                "{} samples, {} alarms, up to class {}; the read is on record ({read})",
                recording.samples(),
                recording.alarms.len(),
                record.class
            ));
            lines.extend(label.map(str::to_owned));
            lines.join("\n")
        }
    });
}
