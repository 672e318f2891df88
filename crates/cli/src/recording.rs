//! A WFDB recording from the command line.

use crate::exit::Failure;
use bodywire_ecg::wfdb::Header;
use bodywire_sim::patient::Source;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file that is read. The recordings of the public databases are below 20 MiB.
const FILE_BYTES_MAX: u64 = 256 << 20;

/// Opens signal `signal` of the recording at `path` (with or without `.hea`).
pub(crate) fn open(path: &Path, signal: usize) -> Result<Source, Failure> {
    let header_path =
        if path.extension().is_some_and(|e| e == "hea") { path.to_owned() } else { with_hea(path) };
    let text = String::from_utf8(read(&header_path)?).map_err(|_| unusable(&header_path, "is not text"))?;
    let header = Header::parse(&text).map_err(|error| unusable(&header_path, error))?;
    let spec = header.signals().get(signal).ok_or_else(|| {
        unusable(
            &header_path,
            format!("has {} signals, so there is no signal {signal}", header.signals().len()),
        )
    })?;
    let data_path = header_path.with_file_name(spec.file_name);
    let data = read(&data_path)?;
    Source::recording(&text, &data, signal).map_err(|error| unusable(&data_path, error))
}

fn with_hea(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".hea");
    name.into()
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let size = fs::metadata(path).map_err(|error| unusable(path, error))?.len();
    if size > FILE_BYTES_MAX {
        return Err(unusable(path, format!("is longer than {FILE_BYTES_MAX} bytes")));
    }
    fs::read(path).map_err(|error| unusable(path, error))
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> Failure {
    Failure::path(
        path,
        why,
        "name a complete WFDB recording in format 16 or 212, such as DIR/100 for DIR/100.hea and DIR/100.dat",
    )
}
