//! Where the vital signs of one patient and one time window lie in a vector.
//!
//! A window is cut into [`SLOTS`] slots, and a vital sign has at most one reading in each: the mean of what was measured, rounded
//! to the step of its scale. All vital signs share one vector of encoding [`Encoding::Wide`], each with a block of its own:
//!
//! ```text
//! bins | outside | sums, one for each slot | readings, one for each slot
//! ```
//!
//! Bin `i` counts the readings that are `lowest + i * step`; `outside` counts those beyond the scale, which are in no other
//! place. The sum of a slot is in steps above `lowest`. Added up over patients, bins give distributions and slots a trend.
//!
//! The price of counting in bins: their width is fixed when a vector is made, the order within a window is in the slots only, and
//! who decrypts sees the whole distribution and not one count. It is exact, and some 10^8 times cheaper than comparing
//! ciphertexts.

use crate::encoding::Encoding;
use crate::error::Error;
use crate::keys::PublicKey;
use crate::vector::Vector;
use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

/// Slots of a window: minutes, when the window is an hour.
pub const SLOTS: usize = 60;
/// The bound that each vector declares: the most steps that a reading can have, which is above the number of slots.
pub const LARGEST: u32 = 399;

/// A vital sign that is aggregated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vital {
    /// Beats a minute, 0 to 399 in steps of 1.
    HeartRate,
    /// Oxygen saturation in percent, 0 to 100 in steps of 1.
    SpO2,
    /// Breaths a minute, 0 to 149 in steps of 1.
    Respiration,
    /// Degrees Celsius, 25.0 to 44.9 in steps of 0.1.
    Temperature,
}

impl Vital {
    /// All of them, in the order of their blocks.
    pub const ALL: [Self; 4] = [Self::HeartRate, Self::SpO2, Self::Respiration, Self::Temperature];

    /// Its name, as in reports and configurations.
    pub const fn name(self) -> &'static str {
        match self {
            Self::HeartRate => "heart-rate",
            Self::SpO2 => "spo2",
            Self::Respiration => "respiration",
            Self::Temperature => "temperature",
        }
    }

    /// The vital sign of a name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|vital| vital.name() == name)
    }

    /// The unit, in UCUM.
    pub const fn unit(self) -> &'static str {
        match self {
            Self::HeartRate | Self::Respiration => "/min",
            Self::SpO2 => "%",
            Self::Temperature => "Cel",
        }
    }

    /// Bins of its histogram.
    pub const fn bins(self) -> usize {
        match self {
            Self::HeartRate => 400,
            Self::SpO2 => 101,
            Self::Respiration => 150,
            Self::Temperature => 200,
        }
    }

    /// Steps in one unit.
    pub const fn steps_per_unit(self) -> u32 {
        match self {
            Self::Temperature => 10,
            _ => 1,
        }
    }

    /// What bin 0 means, in steps above zero.
    pub const fn lowest_steps(self) -> u32 {
        match self {
            Self::Temperature => 250,
            _ => 0,
        }
    }

    /// The value of a bin, in its unit.
    pub fn value(self, bin: usize) -> f64 {
        (f64::from(self.lowest_steps()) + bin as f64) / f64::from(self.steps_per_unit())
    }

    /// The bin of a value, to the nearest step and halves away from zero; none when it lies outside of the scale or is no number.
    pub fn bin(self, value: f64) -> Option<u16> {
        let steps = (value * f64::from(self.steps_per_unit())).round() - f64::from(self.lowest_steps());
        let inside = steps >= 0.0 && steps < self.bins() as f64;
        // Within 0 and 399, as was just seen.
        inside.then_some(steps as u16)
    }

    const fn block(self) -> usize {
        self.bins() + 1 + 2 * SLOTS
    }

    fn at(self) -> usize {
        Self::ALL.into_iter().take_while(|vital| *vital != self).map(Self::block).sum()
    }
}

/// The readings of one patient in one window.
#[derive(Clone)]
pub struct Readings {
    places: Zeroizing<Vec<u32>>,
}

impl Default for Readings {
    fn default() -> Self {
        Self::new()
    }
}

impl Readings {
    /// No readings.
    pub fn new() -> Self {
        let len = Vital::ALL.into_iter().map(Vital::block).sum();
        Self { places: Zeroizing::new(vec![0; len]) }
    }

    /// Adds the reading of a slot, in the unit of the vital sign. A second reading of a slot, a slot beyond the window and a value
    /// that is no number are left out; returns whether it was taken.
    pub fn set(&mut self, vital: Vital, slot: usize, value: f64) -> bool {
        let (at, bins) = (vital.at(), vital.bins());
        let present = at + bins + 1 + SLOTS + slot;
        if slot >= SLOTS || !value.is_finite() || self.places.get(present) != Some(&0) {
            return false;
        }
        let Some(bin) = vital.bin(value) else {
            self.count(at + bins);
            return true;
        };
        self.count(at + usize::from(bin));
        self.count(present);
        if let Some(sum) = self.places.get_mut(at + bins + 1 + slot) {
            *sum = u32::from(bin);
        }
        true
    }

    fn count(&mut self, place: usize) {
        if let Some(place) = self.places.get_mut(place) {
            // Not above the number of slots for bins; readings outside may be offered more often, and are held there.
            *place = (*place + 1).min(LARGEST);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.iter().all(|place| *place == 0)
    }

    /// Encrypts them.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub fn encrypt(&self, key: &PublicKey, rng: &mut impl CryptoRng) -> Result<Vector, Error> {
        key.encrypt(Encoding::Wide, &self.places, LARGEST, rng)
    }
}

impl std::fmt::Debug for Readings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Readings(..)")
    }
}

/// What decryption gives of one vital sign, over however many vectors.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Totals {
    /// Readings by bin.
    pub bins: Vec<u64>,
    /// Readings beyond the scale.
    pub outside: u64,
    /// For each slot, the sum in steps above the lowest value, and the number of readings.
    pub slots: Vec<(u64, u64)>,
}

impl Totals {
    /// The totals of a vital sign from the places of an opened vector. Those of the others are not looked at.
    ///
    /// # Errors
    /// [`Error::Malformed`] when there are too few places.
    pub fn of(vital: Vital, places: &[u64]) -> Result<Self, Error> {
        let short = Error::malformed("opened vector", "it has too few places");
        let block =
            places.get(vital.at()..).and_then(|rest| rest.get(..vital.block())).ok_or(short.clone())?;
        let (bins, rest) = block.split_at_checked(vital.bins()).ok_or(short.clone())?;
        let (outside, rest) = rest.split_first().ok_or(short.clone())?;
        let (sums, readings) = rest.split_at_checked(SLOTS).ok_or(short)?;
        let slots = sums.iter().copied().zip(readings.iter().copied()).collect();
        Ok(Self { bins: bins.to_vec(), outside: *outside, slots })
    }

    /// Adds other totals: of a part that was decrypted apart.
    pub fn add(&mut self, other: &Self) {
        if self.bins.is_empty() {
            self.clone_from(other);
            return;
        }
        self.bins.iter_mut().zip(&other.bins).for_each(|(to, from)| *to = to.saturating_add(*from));
        self.outside = self.outside.saturating_add(other.outside);
        for (to, from) in self.slots.iter_mut().zip(&other.slots) {
            *to = (to.0.saturating_add(from.0), to.1.saturating_add(from.1));
        }
    }
}

impl Drop for Totals {
    fn drop(&mut self) {
        self.bins.zeroize();
        self.outside.zeroize();
        self.slots.iter_mut().for_each(|(sum, readings)| {
            sum.zeroize();
            readings.zeroize();
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_do_not_overlap_and_fit_a_vector() {
        let ends: Vec<_> =
            Vital::ALL.into_iter().map(|vital| (vital.at(), vital.at() + vital.block())).collect();
        assert!(ends.windows(2).all(|pair| pair[0].1 == pair[1].0));
        assert!(ends.last().unwrap().1 <= Encoding::Wide.places());
        let most = Vital::ALL.into_iter().map(Vital::bins).max().unwrap();
        assert_eq!(LARGEST as usize, most - 1);
        const { assert!(SLOTS <= LARGEST as usize) }
    }

    #[test]
    fn readings_lie_where_the_totals_look_for_them() {
        let mut readings = Readings::new();
        assert!(readings.is_empty());
        assert!(readings.set(Vital::HeartRate, 0, 71.6));
        assert!(!readings.set(Vital::HeartRate, 0, 90.0), "a slot has one reading");
        assert!(readings.set(Vital::HeartRate, 59, 71.5));
        assert!(!readings.set(Vital::HeartRate, 60, 71.5), "beyond the window");
        assert!(!readings.set(Vital::SpO2, 3, f64::NAN));
        assert!(readings.set(Vital::SpO2, 3, 101.0), "counted as outside");
        assert!(readings.set(Vital::Temperature, 7, 36.64));
        let places: Vec<u64> = readings.places.iter().map(|place| u64::from(*place)).collect();
        let rate = Totals::of(Vital::HeartRate, &places).unwrap();
        assert_eq!((rate.bins[72], rate.bins.iter().sum::<u64>(), rate.outside), (2, 2, 0));
        assert_eq!((rate.slots[0], rate.slots[59], rate.slots[1]), ((72, 1), (72, 1), (0, 0)));
        let spo2 = Totals::of(Vital::SpO2, &places).unwrap();
        assert_eq!((spo2.outside, spo2.bins.iter().sum::<u64>()), (1, 0));
        let temperature = Totals::of(Vital::Temperature, &places).unwrap();
        assert_eq!(temperature.bins[116], 1);
        assert!((Vital::Temperature.value(116) - 36.6).abs() < 1e-9);
        assert!(Totals::of(Vital::Temperature, &places[1..]).is_err());
    }

    #[test]
    fn scales_end_where_they_say() {
        assert_eq!(Vital::HeartRate.bin(-0.6), None);
        assert_eq!(Vital::HeartRate.bin(-0.4), Some(0));
        assert_eq!(Vital::HeartRate.bin(399.4), Some(399));
        assert_eq!(Vital::HeartRate.bin(399.5), None);
        assert_eq!(Vital::Temperature.bin(24.9), None);
        assert_eq!(Vital::Temperature.bin(44.9), Some(199));
        assert_eq!(Vital::Temperature.bin(f64::INFINITY), None);
    }
}
