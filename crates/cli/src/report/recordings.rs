//! The recordings at hand, or a synthetic ECG in their place.

use super::files::write;
use crate::exit::Failure;
use crate::recording::headers;
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_ecg::wfdb::{Format, encode, encoded_len};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::path::{Path, PathBuf};

/// The databases that are looked for.
const DATABASES: [&str; 3] = ["mitdb", "vfdb", "cudb"];
/// Length, rate, gain and noise of a synthetic recording, as those of MIT-BIH.
const SECONDS: usize = 300;
const RATE_HZ: usize = 360;
const GAIN: f64 = 200.0;
const NOISE_MV: f64 = 0.015;

/// Where recordings are.
pub(crate) struct Recordings {
    root: Option<PathBuf>,
    out: PathBuf,
}

/// A recording of a heart that beats normally, and one of the same heart in ventricular tachycardia.
pub(crate) struct Synthetic {
    /// Normal beats.
    pub(crate) normal: PathBuf,
    /// Wide beats.
    pub(crate) ill: PathBuf,
}

impl Recordings {
    /// The directory that was named; nothing when none was.
    ///
    /// # Errors
    /// [`Failure::Configuration`] when it is not there, or holds none of the databases.
    pub(crate) fn find(named: Option<&Path>, out: &Path) -> Result<Self, Failure> {
        let Some(root) = named else { return Ok(Self { root: None, out: out.to_owned() }) };
        if !DATABASES.iter().any(|database| root.join(database).is_dir()) {
            return Err(Failure::path(
                root,
                "holds none of mitdb, vfdb and cudb",
                "name the directory of these WFDB databases with --data DIR or BODYWIRE_ECG_DATA, or leave both out",
            ));
        }
        Ok(Self { root: Some(root.to_owned()), out: out.to_owned() })
    }

    /// What there is, for the page.
    pub(crate) fn place(&self) -> Option<String> {
        let root = self.root.as_ref()?;
        let there: Vec<&str> = DATABASES.into_iter().filter(|name| root.join(name).is_dir()).collect();
        Some(format!("{} (PhysioNet, ODC-By 1.0)", there.join(", ")))
    }

    /// A recording by its database and name, if it is there.
    pub(crate) fn one(&self, name: &str) -> Option<PathBuf> {
        let path = self.root.as_ref()?.join(name);
        path.with_extension("hea").is_file().then_some(path)
    }

    /// The recordings of a database, in the order of their names; of a quick report only some.
    ///
    /// # Errors
    /// [`Failure::Configuration`] when the directory cannot be read.
    pub(crate) fn of(&self, database: &str, most: usize) -> Result<Vec<PathBuf>, Failure> {
        let Some(folder) = self.root.as_ref().map(|root| root.join(database)).filter(|path| path.is_dir())
        else {
            return Ok(Vec::new());
        };
        let all = headers(&folder)?;
        let every = all.len().div_ceil(most.max(1)).max(1);
        Ok(all.into_iter().step_by(every).collect())
    }

    /// The databases that are looked for.
    pub(crate) const fn databases() -> [&'static str; 3] {
        DATABASES
    }

    /// Writes two synthetic recordings beside the report.
    ///
    /// # Errors
    /// [`Failure::Configuration`] when they cannot be written.
    pub(crate) fn synthetic(&self, seed: u64) -> Result<Synthetic, Failure> {
        let made = |name: &str, rhythm| self.make(name, rhythm, seed);
        Ok(Synthetic {
            normal: made("synthetic-normal", Rhythm::Sinus { bpm: 76.0 })?,
            ill: made("synthetic-ill", Rhythm::VentricularTachycardia { bpm: 150.0 })?,
        })
    }

    fn make(&self, name: &str, rhythm: Rhythm, seed: u64) -> Result<PathBuf, Failure> {
        let failed = |error: bodywire_ecg::Error| Failure::Failed(format!("a synthetic ECG: {error}"));
        let rate = SampleRate::new(RATE_HZ as f64).map_err(failed)?;
        let mut model = EcgModel::new(rate, GAIN, 0, NOISE_MV, rhythm).map_err(failed)?;
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        let mut random = || rng.next_u32();
        let samples: Vec<i16> = (0..SECONDS * RATE_HZ).map(|_| model.next_sample(&mut random)).collect();
        let mut bytes = vec![0; encoded_len(Format::Pcm16, samples.len())];
        encode(Format::Pcm16, &samples, &mut bytes).map_err(failed)?;
        let path = self.out.join(name);
        std::fs::write(path.with_extension("dat"), bytes)
            .map_err(|error| Failure::path(&path, error, "choose a writable directory with --out DIR"))?;
        let count = samples.len();
        let header = format!(
            "{name} 1 {RATE_HZ} {count}\n{name}.dat 16 {GAIN}(0)/mV 16 0 0 0 0 synthetic\n# simulated: made by bodywire report\n"
        );
        write(&self.out, &format!("{name}.hea"), &header)?;
        Ok(path)
    }
}
