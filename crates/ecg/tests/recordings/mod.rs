//! Recordings for the tests: PhysioNet files beside the workspace, or where BODYWIRE_ECG_DATA says.

use std::path::PathBuf;

use bodywire_ecg::wfdb::{Annotations, Header, Recording};

/// The folder of one database, or nothing (said by name) where the recordings are absent.
pub(crate) fn database(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("BODYWIRE_ECG_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ecg")),
        PathBuf::from,
    );
    let folder = root.join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(std::env::var("CI").is_err(), "recordings {name} are missing at {}", folder.display());
    eprintln!("left out: recordings {name} are not at {}; set BODYWIRE_ECG_DATA", folder.display());
    None
}

/// One signal of a recording.
pub(crate) struct Loaded {
    pub(crate) name: String,
    pub(crate) rate_hz: f64,
    pub(crate) gain: f64,
    pub(crate) baseline: i32,
    pub(crate) samples: Vec<i16>,
    /// Frame, code number, auxiliary text.
    pub(crate) annotations: Vec<(u64, bodywire_ecg::wfdb::AnnotationCode, String)>,
    /// CUDB: one digit per 5 s, 1 is fibrillation.
    pub(crate) windows: String,
}

/// Loads one signal of every recording of a database, in order of names: the first, or the one whose number
/// BODYWIRE_ECG_SIGNAL gives, for figures on another lead. Recordings without it are left out.
pub(crate) fn load_all(name: &str) -> Vec<Loaded> {
    let Some(folder) = database(name) else { return Vec::new() };
    let mut headers: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "hea"))
        .collect();
    headers.sort();
    let signal = std::env::var("BODYWIRE_ECG_SIGNAL").map_or(0, |n| n.parse().unwrap());
    headers.iter().filter_map(|p| load(p, signal)).collect()
}

fn load(header: &std::path::Path, signal: usize) -> Option<Loaded> {
    let text = std::fs::read_to_string(header).unwrap();
    let parsed = Header::parse(&text).unwrap();
    let bytes = std::fs::read(header.with_extension("dat")).unwrap();
    let recording = Recording::new(&parsed, &bytes).unwrap();
    let spec = *parsed.signals().get(signal)?;
    let samples: Vec<i16> = recording.signal(signal).collect();
    assert_eq!(spec.checksum, Some(bodywire_ecg::wfdb::checksum(samples.iter().copied())), "{header:?}");
    let atr = std::fs::read(header.with_extension("atr")).unwrap_or_default();
    let annotations =
        Annotations::new(&atr).map(|a| a.unwrap()).map(|a| (a.sample, a.code, a.text().to_owned())).collect();
    Some(Loaded {
        name: parsed.record_name().to_owned(),
        rate_hz: parsed.sample_rate_hz(),
        gain: spec.gain,
        baseline: spec.baseline,
        samples,
        annotations,
        windows: std::fs::read_to_string(header.with_extension("vf5s")).unwrap_or_default(),
    })
}
