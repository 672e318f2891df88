//! Observations: what a sensor measured, as it measured it.
//!
//! A [`Batch`] is a run of equidistant samples of one signal in the sensor's own integers, with everything that is
//! needed to read it alone. Missing samples are never filled in: a gap is a jump of `first_index`.
//!
//! ```text
//! signal 1 | flags 1 | period_us 4 | gain_milli 4 | baseline 2 | first_index 8 | time_us 8 | count 2 | deltas
//! ```
//!
//! The first sample is a delta against `baseline`; each delta is a zig-zag LEB128 number.

use crate::error::Error;
use crate::wire::{Reader, Writer};

/// What is measured, and in which unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Signal {
    /// Electrocardiogram, one lead, in millivolt.
    Ecg = 1,
    /// Oxygen saturation by pulse oximetry, in percent.
    SpO2 = 2,
    /// Respiration rate, per minute.
    Respiration = 3,
    /// Body temperature, in degrees Celsius.
    Temperature = 4,
    /// Delivery rate of an insulin pump, in units per hour.
    InsulinRate = 5,
    /// Heart rate as the hub derives it from the ECG, per minute.
    HeartRate = 6,
}

impl Signal {
    /// All signals.
    pub const ALL: [Self; 6] =
        [Self::Ecg, Self::SpO2, Self::Respiration, Self::Temperature, Self::InsulinRate, Self::HeartRate];

    /// The signal of a code on the wire.
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|signal| signal.code() == code)
    }

    /// The code on the wire.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The unit of the measured value, in UCUM.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::Ecg => "mV",
            Self::SpO2 => "%",
            Self::Respiration | Self::HeartRate => "/min",
            Self::Temperature => "Cel",
            Self::InsulinRate => "[U]/h",
        }
    }

    /// A short name for people and for JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ecg => "ecg",
            Self::SpO2 => "spo2",
            Self::Respiration => "respiration",
            Self::Temperature => "temperature",
            Self::InsulinRate => "insulin-rate",
            Self::HeartRate => "heart-rate",
        }
    }
}

/// How sample integers become values: `value = (sample - baseline) / gain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    /// Sample steps per unit of the signal, times 1,000; never 0.
    pub gain_milli: u32,
    /// The sample that means zero.
    pub baseline: i16,
}

impl Scale {
    /// The value of a sample, in [`Signal::unit`].
    pub fn value(self, sample: i16) -> f64 {
        f64::from(i32::from(sample) - i32::from(self.baseline)) * 1_000.0 / f64::from(self.gain_milli)
    }
}

/// What a batch says about all of its samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchHeader {
    /// What was measured.
    pub signal: Signal,
    /// The samples come from a simulation; shown as test data everywhere.
    pub simulated: bool,
    /// Time from one sample to the next, in microseconds; never 0.
    pub period_us: u32,
    /// Steps and zero of the samples.
    pub scale: Scale,
    /// Number of the first sample since the sensor was enrolled or switched on.
    pub first_index: u64,
    /// The sensor's clock at the first sample, in microseconds since its own epoch.
    pub time_us: u64,
}

/// Bytes before the samples.
pub const BATCH_HEADER_BYTES: usize = 30;
/// Samples in one batch. With 16-bit lengths everywhere this is the most that always fits.
pub const BATCH_SAMPLES_MAX: usize = 16_384;
const FLAG_SIMULATED: u8 = 1;

/// Writes `header` and as many of `samples` as fit into `buffer`.
/// Returns the bytes written and the number of samples taken, at least one; the rest belongs to the next batch.
pub fn emit(header: &BatchHeader, samples: &[i16], buffer: &mut [u8]) -> Result<(usize, usize), Error> {
    if samples.is_empty() || header.period_us == 0 || header.scale.gain_milli == 0 {
        return Err(Error::Misuse("a batch needs a sample, a period and a gain"));
    }
    let size = buffer.len() as u64;
    let (head, body) = buffer
        .split_at_mut_checked(BATCH_HEADER_BYTES)
        .ok_or(Error::Limit { limit: "buffer", value: size })?;
    let (mut written, mut taken) = (0, 0);
    let mut previous = i32::from(header.scale.baseline);
    for &sample in samples.iter().take(BATCH_SAMPLES_MAX) {
        let delta = i32::from(sample) - previous;
        let Some(used) = put_delta(delta, body.get_mut(written..).unwrap_or(&mut [])) else { break };
        written += used;
        taken += 1;
        previous = i32::from(sample);
    }
    if taken == 0 {
        return Err(Error::Limit { limit: "buffer", value: size });
    }
    let count = (taken as u16).to_be_bytes();
    Writer::new(head)
        .put(&[header.signal.code(), if header.simulated { FLAG_SIMULATED } else { 0 }])?
        .put(&header.period_us.to_be_bytes())?
        .put(&header.scale.gain_milli.to_be_bytes())?
        .put(&header.scale.baseline.to_be_bytes())?
        .put(&header.first_index.to_be_bytes())?
        .put(&header.time_us.to_be_bytes())?
        .put(&count)?;
    Ok((BATCH_HEADER_BYTES + written, taken))
}

fn put_delta(delta: i32, out: &mut [u8]) -> Option<usize> {
    let mut rest = ((delta << 1) ^ (delta >> 31)) as u32;
    let mut used = 0;
    loop {
        let low = (rest & 0x7f) as u8;
        rest >>= 7;
        *out.get_mut(used)? = if rest == 0 { low } else { low | 0x80 };
        used += 1;
        if rest == 0 {
            return Some(used);
        }
    }
}

fn take_delta(r: &mut Reader<'_>) -> Result<i32, Error> {
    let mut value = 0u32;
    // A 17-bit difference takes at most three groups of seven bits.
    for shift in [0, 7, 14] {
        let byte = r.u8()?;
        value |= u32::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok((value >> 1) as i32 ^ -((value & 1) as i32));
        }
    }
    Err(Error::malformed("batch", "a delta is too long"))
}

/// A checked batch: every sample is known to be there and to fit 16 bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Batch<'a> {
    /// What is said about all samples.
    pub header: BatchHeader,
    count: u16,
    deltas: &'a [u8],
}

impl<'a> Batch<'a> {
    /// Reads one batch that fills `bytes` exactly.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Error> {
        let mut r = Reader::new("batch", bytes);
        let signal = Signal::from_code(r.u8()?).ok_or(Error::malformed("batch", "unknown signal"))?;
        let flags = r.u8()?;
        let header = BatchHeader {
            signal,
            simulated: flags & FLAG_SIMULATED != 0,
            period_us: r.u32()?,
            scale: Scale { gain_milli: r.u32()?, baseline: i16::from_be_bytes(r.array()?) },
            first_index: r.u64()?,
            time_us: r.u64()?,
        };
        let count = r.u16()?;
        if flags & !FLAG_SIMULATED != 0 || header.period_us == 0 || header.scale.gain_milli == 0 {
            return Err(Error::malformed("batch", "unknown flag, or no period or gain"));
        }
        if count == 0 || usize::from(count) > BATCH_SAMPLES_MAX {
            return Err(Error::malformed("batch", "no samples or too many"));
        }
        if header.first_index.checked_add(u64::from(count)).is_none() {
            return Err(Error::malformed("batch", "sample numbers overflow"));
        }
        let deltas = r.rest();
        let batch = Self { header, count, deltas };
        batch.check()?;
        Ok(batch)
    }

    fn check(&self) -> Result<(), Error> {
        let mut r = Reader::new("batch", self.deltas);
        let mut sample = i32::from(self.header.scale.baseline);
        for _ in 0..self.count {
            sample += take_delta(&mut r)?;
            if i16::try_from(sample).is_err() {
                return Err(Error::malformed("batch", "a sample leaves 16 bits"));
            }
        }
        r.finish()
    }

    /// Number of samples, at least one.
    pub const fn len(&self) -> usize {
        self.count as usize
    }

    /// Never: a batch has at least one sample.
    pub const fn is_empty(&self) -> bool {
        false
    }

    /// The samples, in order.
    pub fn samples(&self) -> impl Iterator<Item = i16> + 'a {
        let mut r = Reader::new("batch", self.deltas);
        let mut sample = i32::from(self.header.scale.baseline);
        (0..self.count).map_while(move |_| {
            sample += take_delta(&mut r).ok()?;
            i16::try_from(sample).ok()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    fn header(baseline: i16) -> BatchHeader {
        BatchHeader {
            signal: Signal::Ecg,
            simulated: true,
            period_us: 2_778,
            scale: Scale { gain_milli: 200_000, baseline },
            first_index: 12,
            time_us: 34,
        }
    }

    #[test]
    fn a_quarter_second_of_ecg_fits_one_record() {
        let samples: Vec<i16> = (0..90).map(|i| 1024 + ((i * 37) % 90) as i16).collect();
        let mut buffer = [0; crate::record::PAYLOAD_BYTES_MAX - 1];
        let (used, taken) = emit(&header(1024), &samples, &mut buffer).unwrap();
        assert_eq!(taken, 90);
        let batch = Batch::parse(&buffer[..used]).unwrap();
        assert_eq!(batch.header, header(1024));
        assert_eq!(batch.samples().collect::<Vec<_>>(), samples);
        assert!((batch.header.scale.value(1224) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn what_does_not_fit_is_left_for_the_next_batch() {
        let mut buffer = [0; BATCH_HEADER_BYTES + 7];
        let (used, taken) = emit(&header(0), &[i16::MAX, i16::MIN, 0, 0], &mut buffer).unwrap();
        assert_eq!((used, taken), (BATCH_HEADER_BYTES + 6, 2));
        assert!(emit(&header(0), &[1], &mut buffer[..BATCH_HEADER_BYTES]).is_err());
        assert!(emit(&header(0), &[], &mut buffer).is_err());
    }

    #[test]
    fn samples_outside_16_bits_and_odd_counts_are_malformed() {
        let mut buffer = [0; 64];
        let (used, _) = emit(&header(0), &[i16::MAX, i16::MAX], &mut buffer).unwrap();
        let mut bytes = buffer[..used].to_vec();
        *bytes.last_mut().unwrap() = 2;
        assert!(Batch::parse(&bytes).is_err());
        assert!(Batch::parse(&buffer[..used - 1]).is_err());
        assert!(Batch::parse(&buffer[..used + 1]).is_err());
    }

    #[test]
    fn signal_codes_round_trip() {
        assert!(Signal::ALL.into_iter().all(|s| Signal::from_code(s.code()) == Some(s)));
        assert_eq!(Signal::from_code(0), None);
    }

    proptest! {
        #[test]
        fn samples_round_trip_bit_for_bit(samples in proptest::collection::vec(any::<i16>(), 1..200), baseline in any::<i16>()) {
            let mut buffer = [0; 1024];
            let (used, taken) = emit(&header(baseline), &samples, &mut buffer).unwrap();
            let batch = Batch::parse(&buffer[..used]).unwrap();
            prop_assert_eq!(batch.samples().collect::<Vec<_>>(), samples[..taken].to_vec());
        }

        #[test]
        fn any_bytes_parse_or_are_refused(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(batch) = Batch::parse(&bytes) {
                prop_assert_eq!(batch.samples().count(), batch.len());
            }
        }
    }
}
