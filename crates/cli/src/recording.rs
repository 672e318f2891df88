//! A WFDB recording from the command line.

use crate::exit::Failure;
use bodywire_ecg::SampleRate;
use bodywire_ecg::evaluate::episodes::Episode;
use bodywire_ecg::evaluate::reference;
use bodywire_ecg::settings::Settings;
use bodywire_ecg::wfdb::{Annotation, Annotations, Header, Recording};
use bodywire_sim::patient::Source;
use std::fs;
use std::path::{Path, PathBuf};

/// Longest file that is read. The recordings of the public databases are below 20 MiB.
const FILE_BYTES_MAX: u64 = 256 << 20;
/// Ending of files with one character per 5 s, `1` where there is ventricular fibrillation or flutter.
const WINDOWS_ENDING: &str = "vf5s";

/// Header and samples of a recording, as they lie on disk.
struct Files {
    header_path: PathBuf,
    header: String,
    data_path: PathBuf,
    data: Vec<u8>,
}

impl Files {
    /// The file in which signal `signal` of the recording at `path` (with or without `.hea`) lies.
    fn read(path: &Path, signal: usize) -> Result<Self, Failure> {
        let header_path = if path.extension().is_some_and(|e| e == "hea") {
            path.to_owned()
        } else {
            with_ending(path, "hea")
        };
        let header =
            String::from_utf8(read(&header_path)?).map_err(|_| unusable(&header_path, "is not text"))?;
        let parsed = Header::parse(&header).map_err(|error| unusable(&header_path, error))?;
        let signals = parsed.signals().len();
        let spec = parsed.signals().get(signal).ok_or_else(|| {
            unusable(&header_path, format!("has {signals} signals, so there is no signal {signal}"))
        })?;
        let data_path = header_path.with_file_name(spec.file_name);
        let data = read(&data_path)?;
        Ok(Self { header_path, header, data_path, data })
    }
}

/// Opens signal `signal` of the recording at `path` (with or without `.hea`) as what a sensor measures.
pub(crate) fn open(path: &Path, signal: usize) -> Result<Source, Failure> {
    let files = Files::read(path, signal)?;
    Source::recording(&files.header, &files.data, signal).map_err(|error| unusable(&files.data_path, error))
}

/// One lead of a recording, with what somebody annotated.
pub(crate) struct Lead {
    /// Name of the recording.
    pub(crate) name: String,
    /// Number of the signal.
    pub(crate) signal: usize,
    /// What the header calls it.
    pub(crate) description: String,
    /// Steps, zero, rails and rate.
    pub(crate) settings: Settings,
    pub(crate) rate: SampleRate,
    pub(crate) samples: Vec<i16>,
    marks: Option<Vec<u8>>,
    marks_path: PathBuf,
    /// Samples of this lead for one frame, in which annotations count.
    per_frame: u64,
    windows: String,
}

impl Lead {
    /// Reads signal `signal` of the recording at `path`, and the annotations beside it if there are any.
    pub(crate) fn read(path: &Path, signal: usize, annotations: Option<&str>) -> Result<Self, Failure> {
        let files = Files::read(path, signal)?;
        let bad = |error| unusable(&files.header_path, error);
        let header = Header::parse(&files.header).map_err(bad)?;
        let spec = header.signals().get(signal).ok_or(bodywire_ecg::Error::NoSignal).map_err(bad)?;
        let within = header.signals_in(spec.file_name).position(|(number, _)| number == signal);
        let recording = Recording::of_file(&header, spec.file_name, &files.data)
            .map_err(|error| unusable(&files.data_path, error))?;
        let samples: Vec<i16> = within.map(|number| recording.signal(number).collect()).unwrap_or_default();
        if samples.is_empty() {
            return Err(unusable(&files.data_path, "holds no sample"));
        }
        let mut settings = Settings::new(
            spec.sample_rate_hz(header.sample_rate_hz()),
            per_millivolt(spec.gain, spec.units),
            spec.baseline,
        );
        settings.rails_adu = rails(spec.adc_zero, spec.adc_resolution_bits);
        let rate = settings.check().map_err(bad)?;
        let marks_path = annotations.map_or_else(PathBuf::new, |e| files.header_path.with_extension(e));
        let marks =
            if annotations.is_some() && marks_path.exists() { Some(read(&marks_path)?) } else { None };
        let windows = files.header_path.with_extension(WINDOWS_ENDING);
        let windows = if windows.exists() {
            String::from_utf8_lossy(&read(&windows)?).into_owned()
        } else {
            String::new()
        };
        Ok(Self {
            name: header.record_name().to_owned(),
            signal,
            description: spec.description.to_owned(),
            settings,
            rate,
            samples,
            marks,
            marks_path,
            per_frame: u64::from(spec.samples_per_frame).max(1),
            windows,
        })
    }

    /// The annotations, in this lead's samples; none when there is no such file.
    pub(crate) fn annotations(&self) -> Result<Option<Vec<Annotation<'_>>>, Failure> {
        let Some(marks) = &self.marks else { return Ok(None) };
        let list: Result<Vec<_>, _> = Annotations::new(marks).collect();
        let mut list = list.map_err(|error| unusable(&self.marks_path, error))?;
        list.iter_mut().for_each(|a| a.sample = a.sample.saturating_mul(self.per_frame));
        Ok(Some(list))
    }

    /// Fibrillation by labels of 5 s, where the recording has such a file.
    pub(crate) fn windows(&self) -> Vec<Episode> {
        reference::windows(&self.windows, self.rate)
    }

    pub(crate) fn has_windows(&self) -> bool {
        !self.windows.is_empty()
    }

    /// How long it lasts, in seconds.
    pub(crate) fn seconds(&self) -> f64 {
        self.rate.seconds(self.samples.len() as u64)
    }

    /// A sample in millivolts.
    pub(crate) fn mv(&self, sample: i16) -> f64 {
        (f64::from(sample) - f64::from(self.settings.baseline_adu)) / self.settings.adu_per_mv
    }
}

/// The headers in a directory and below it, in order.
pub(crate) fn headers(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![directory.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(|error| unusable(&folder, error))? {
            let entry = entry.map_err(|error| unusable(&folder, error))?;
            let path = entry.path();
            // A link to a directory is not followed, so that there is no circle.
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            } else if path.extension().is_some_and(|e| e == "hea") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Steps per millivolt of a signal whose gain is in steps per `units`.
fn per_millivolt(gain: f64, units: &str) -> f64 {
    match units {
        "V" => gain / 1_000.0,
        "uV" => gain * 1_000.0,
        _ => gain,
    }
}

/// The limits of the converter. Without a resolution in the header, those of 16 bits.
fn rails(zero: i32, bits: u8) -> (i16, i16) {
    let half = match bits {
        2..=16 => 1i32 << (bits - 1),
        _ => 1 << 15,
    };
    let at = |value: i32| i16::try_from(value.clamp(i16::MIN.into(), i16::MAX.into())).unwrap_or(0);
    let (low, high) = (at(zero.saturating_sub(half)), at(zero.saturating_add(half - 1)));
    if low < high { (low, high) } else { (i16::MIN, i16::MAX) }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
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
        "name a complete WFDB recording, such as DIR/100 for DIR/100.hea and DIR/100.dat",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rails_are_those_of_the_converter() {
        assert_eq!(rails(1024, 11), (0, 2047));
        assert_eq!(rails(0, 12), (-2048, 2047));
        assert_eq!(rails(0, 0), (i16::MIN, i16::MAX));
        assert_eq!(rails(i32::MAX, 12), (i16::MIN, i16::MAX));
    }

    #[test]
    fn gains_are_per_millivolt() {
        assert_eq!(per_millivolt(200.0, "mV"), 200.0);
        assert_eq!(per_millivolt(200_000.0, "V"), 200.0);
        assert_eq!(per_millivolt(0.2, "uV"), 200.0);
    }
}
