//! A day of a ward: what one replica needs for mean, variance and counts over everybody's heart rates, read from a disk in
//! order, and whether the result is that of the readings in the clear.

use super::peak;
use crate::processor::{processor, spent};
use bodywire_aggregate::layout::{LARGEST, SLOTS};
use bodywire_aggregate::vector::STORED_BYTES;
use bodywire_aggregate::{Bounds, Distribution, Encoding, Readings, Stored, Sum, Totals, Vital};
use bodywire_sim::measure::sums::{Ends, TOGETHER};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::time::Instant;

const SEED: u64 = 1;
/// Windows of one hour.
pub(crate) const HOURS: usize = 24;
/// What the ledger's payload has before the vector: which patient and window it is of. Here it is the name, too.
const WINDOW_BYTES: usize = 13;
const RECORD_BYTES: usize = WINDOW_BYTES + STORED_BYTES;
/// Heart rates above this are counted.
pub(crate) const THRESHOLD: u16 = 120;

type Name = [u8; WINDOW_BYTES];

/// What came out. Seconds are on a processor, unless they are said to be on the clock.
pub(crate) struct Day {
    pub(crate) vectors: usize,
    pub(crate) encrypt: f64,
    pub(crate) replica: f64,
    pub(crate) replica_clock: f64,
    /// The part of the replica's that is neither reading the file nor hashing.
    pub(crate) additions: f64,
    /// The same file read and hashed, and nothing else.
    pub(crate) hashing: f64,
    pub(crate) owner: f64,
    /// Most of the process's memory while the replica worked; none where the system does not say.
    pub(crate) peak_bytes: Option<u64>,
    pub(crate) ours: Findings,
    pub(crate) plain: Findings,
    /// Whether every bin, every slot and every finding is that of the plain readings.
    pub(crate) exact: bool,
}

/// What a clinician asks for.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Findings {
    pub(crate) readings: u64,
    pub(crate) mean: f64,
    pub(crate) variance: f64,
    pub(crate) above: u64,
}

/// The readings in the clear, counted as somebody would who knows nothing of encodings.
struct Plain {
    totals: Totals,
    count: u128,
    sum: u128,
    squares: u128,
    above: u64,
}

impl Plain {
    fn new() -> Self {
        let mut totals = Totals::default();
        totals.bins = vec![0; Vital::HeartRate.bins()];
        totals.slots = vec![(0, 0); SLOTS];
        Self { totals, count: 0, sum: 0, squares: 0, above: 0 }
    }

    fn take(&mut self, slot: usize, rate: u16) {
        let wide = u64::from(rate);
        if let Some(bin) = self.totals.bins.get_mut(usize::from(rate)) {
            *bin += 1;
        }
        if let Some(slot) = self.totals.slots.get_mut(slot) {
            *slot = (slot.0 + wide, slot.1 + 1);
        }
        self.count += 1;
        self.sum += u128::from(wide);
        self.squares += u128::from(wide * wide);
        self.above += u64::from(rate > THRESHOLD);
    }

    fn findings(&self) -> Findings {
        let count = self.count as f64;
        let variance = (self.count * self.squares - self.sum * self.sum) as f64 / (count * count);
        Findings { readings: self.count as u64, mean: self.sum as f64 / count, variance, above: self.above }
    }
}

/// One patient's heart rate, minute by minute: a random walk that is drawn back to the patient's own rest.
struct Walk {
    rng: ChaCha20Rng,
    rest: u16,
    rate: u16,
}

impl Walk {
    fn of(patient: usize) -> Self {
        let mut rng = ChaCha20Rng::seed_from_u64(patient as u64);
        let rest = 55 + (rng.next_u32() % 60) as u16;
        Self { rng, rest, rate: rest }
    }

    fn next(&mut self) -> u16 {
        let step = (self.rng.next_u32() % 9) as u16;
        let back = u16::from(self.rng.next_u32().is_multiple_of(8));
        let towards = if self.rate < self.rest { back } else { 0 };
        let away = if self.rate > self.rest { back } else { 0 };
        self.rate = (self.rate + step + towards).saturating_sub(4 + away).clamp(30, 220);
        self.rate
    }
}

/// A day of so many patients. The file is made in `directory` and removed. At most `batches_max` vectors are in one sum.
///
/// # Errors
/// When the file cannot be written or read.
pub(crate) fn day(directory: &Path, patients: usize, batches_max: u64) -> std::io::Result<Day> {
    let file = tempfile::NamedTempFile::new_in(directory)?;
    let mut ends = Ends::new(SEED).expect("constant parameters");
    let (mut plain, mut hashes, mut names) = (Plain::new(), Vec::new(), Vec::new());
    let before = processor();
    let mut out = BufWriter::new(file.as_file());
    for patient in 0..patients {
        let mut walk = Walk::of(patient);
        for hour in 0..HOURS {
            let mut readings = Readings::new();
            for slot in 0..SLOTS {
                let rate = walk.next();
                plain.take(slot, rate);
                readings.set(Vital::HeartRate, slot, f64::from(rate));
            }
            let name = name(patient, hour);
            let vector = readings.encrypt(&ends.public, &mut ends.rng).expect("readings within their bound");
            let record =
                [&name[..], &ends.tagged(&name, vector.to_bytes()).expect("a vector just made")].concat();
            hashes.push(<[u8; 32]>::from(Sha256::digest(&record)));
            names.push(name);
            out.write_all(&record)?;
        }
    }
    out.flush()?;
    drop(out);
    let encrypt = processor().saturating_sub(before).as_secs_f64();
    let (hashed, hashing) = spent(|| read(file.path(), &hashes, |_| ()));
    hashed?;
    peak::reset();
    let begun = Instant::now();
    let (found, replica) = spent(|| replica(file.path(), &hashes, batches_max));
    let (replica_clock, peak_bytes) = (begun.elapsed().as_secs_f64(), peak::bytes());
    let (parts, additions) = found?;
    let (totals, owner) = spent(|| open(&ends, &parts, &names, batches_max));
    let of = Distribution::new(Vital::HeartRate, &totals);
    let ours = Findings {
        readings: of.count(),
        mean: of.mean().unwrap_or(f64::NAN),
        variance: of.variance().unwrap_or(f64::NAN),
        above: of.count_above(f64::from(THRESHOLD)),
    };
    let integers = (of.sum_steps(), of.sum_squares()) == (plain.sum, plain.squares);
    let exact = totals == plain.totals && integers && ours == plain.findings();
    let (vectors, plain) = (names.len(), plain.findings());
    Ok(Day {
        vectors,
        encrypt,
        replica,
        replica_clock,
        additions,
        hashing,
        owner,
        peak_bytes,
        ours,
        plain,
        exact,
    })
}

fn name(patient: usize, hour: usize) -> Name {
    let mut name = [0; WINDOW_BYTES];
    let (numbers, last) = name.split_at_mut(WINDOW_BYTES - 1);
    numbers.iter_mut().rev().zip((patient as u64).to_le_bytes()).for_each(|(to, from)| *to = from);
    last.fill(hour as u8);
    name
}

/// Reads the file a few records at a time; every record's hash must be that of the ledger.
fn read(path: &Path, hashes: &[[u8; 32]], mut each: impl FnMut(&[u8])) -> std::io::Result<()> {
    let (mut file, mut buffer) = (File::open(path)?, vec![0; TOGETHER * RECORD_BYTES]);
    for hashes in hashes.chunks(TOGETHER) {
        let some = buffer.get_mut(..hashes.len() * RECORD_BYTES).expect("not more than it was made for");
        file.read_exact(some)?;
        for (record, hash) in some.chunks(RECORD_BYTES).zip(hashes) {
            assert_eq!(Sha256::digest(record)[..], hash[..], "a record is as it was written");
        }
        each(some);
    }
    Ok(())
}

/// The sums, with their tags, and seconds for reading vectors and adding them.
fn replica(path: &Path, hashes: &[[u8; 32]], batches_max: u64) -> std::io::Result<(Vec<Vec<u8>>, f64)> {
    let most = usize::try_from(batches_max).unwrap_or(usize::MAX);
    let (mut parts, mut sum, mut held, mut seconds) = (Vec::new(), Sum::new(), 0, 0.0);
    read(path, hashes, |some| {
        let ((), taken) = spent(|| {
            let records = some.chunks(RECORD_BYTES).filter_map(|record| record.get(WINDOW_BYTES..));
            let stored: Vec<_> = records.map(|one| Stored::parse(one).expect("a stored vector")).collect();
            let mut rest = stored.as_slice();
            while !rest.is_empty() {
                let (fits, later) = rest.split_at(rest.len().min(most - held));
                sum.add_all(fits).expect("within the bounds");
                (rest, held) = (later, held + fits.len());
                if held == most {
                    parts.push(std::mem::take(&mut sum).to_bytes().expect("not empty"));
                    held = 0;
                }
            }
        });
        seconds += taken;
    })?;
    if held > 0 {
        parts.push(sum.to_bytes().expect("not empty"));
    }
    Ok((parts, seconds))
}

/// The owner's side: each part is verified, then opened.
fn open(ends: &Ends, parts: &[Vec<u8>], names: &[Name], batches_max: u64) -> Totals {
    let mut totals = Totals::default();
    let most = usize::try_from(batches_max).unwrap_or(usize::MAX);
    for (part, names) in parts.iter().zip(names.chunks(most)) {
        let part = Stored::parse(part).expect("a sum");
        let terms = names.iter().map(|name| (&name[..], 1));
        ends.tags.verify(&part.vector, part.tag, terms).expect("an honest sum");
        let opened = ends.secret.open(&part.vector.to_vector(), ends.public.id()).expect("an honest sum");
        totals.add(&Totals::of(Vital::HeartRate, &opened).expect("all places"));
    }
    totals
}

/// How many vectors of a ward go into one sum.
pub(crate) const fn batches_max() -> u64 {
    Bounds::batches_max(LARGEST as u64, Encoding::Wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_ward_is_exact_in_one_part_and_in_many() {
        let directory = tempfile::tempdir().unwrap();
        for batches_max in [batches_max(), 24, 31, 7] {
            let day = day(directory.path(), 3, batches_max).unwrap();
            assert!(day.exact, "at most {batches_max} together");
            assert_eq!((day.vectors, day.ours.readings), (72, 72 * 60));
        }
        assert_eq!(directory.path().read_dir().unwrap().count(), 0, "the file is removed");
    }

    #[test]
    fn walks_stay_where_hearts_beat_and_differ() {
        let rates = |patient| {
            let mut walk = Walk::of(patient);
            (0..1440).map(|_| walk.next()).collect::<Vec<_>>()
        };
        assert_ne!(rates(1), rates(2));
        assert_eq!(rates(1), rates(1));
        assert!((0..50).flat_map(rates).all(|rate| (30..=220).contains(&rate)));
        assert!((0..50).flat_map(rates).any(|rate| rate > THRESHOLD));
    }
}
