//! The patient's vital signs, window by window, encrypted for the ward's sums.
//!
//! A reading of a slot is the mean of what was measured in it. When a window is over it is encrypted under the ward's public key
//! at once, so that the hub keeps at most one window in the clear. Class III signals are not in it: the hub cannot read them.

use bodywire_aggregate::layout::SLOTS;
use bodywire_aggregate::{Error, PublicKey, Readings, Vital};
use bodywire_proto::observation::{Batch, Signal};
use bodywire_proto::window::Window;
use rand_core::CryptoRng;
use std::collections::BTreeMap;
use std::time::Duration;

/// Shortest window: a slot of it is 50 ms, faster than any number is measured.
pub const WINDOW_MIN: Duration = Duration::from_secs(3);
/// Longest window: half a day.
pub const WINDOW_MAX: Duration = Duration::from_secs(12 * 60 * 60);

/// How a hub takes part in the ward's sums.
#[derive(Debug, Clone)]
pub struct Aggregation {
    /// The ward's public key.
    pub key: PublicKey,
    /// Length of a window, from [`WINDOW_MIN`] to [`WINDOW_MAX`]. Windows begin at multiples of it since 1970, so that those of
    /// all beds go together.
    pub window: Duration,
}

/// The sum and the number of what was measured in a slot.
type Slots = BTreeMap<(Vital, usize), (f64, u32)>;

/// The window that is filled now.
pub(crate) struct Vitals {
    aggregation: Aggregation,
    start_ms: u64,
    slots: Slots,
    simulated: bool,
}

fn vital(signal: Signal) -> Option<Vital> {
    match signal {
        Signal::HeartRate => Some(Vital::HeartRate),
        Signal::SpO2 => Some(Vital::SpO2),
        Signal::Respiration => Some(Vital::Respiration),
        Signal::Temperature => Some(Vital::Temperature),
        Signal::Ecg | Signal::InsulinRate => None,
    }
}

impl Vitals {
    pub(crate) fn new(aggregation: Aggregation) -> Self {
        let window = aggregation.window.clamp(WINDOW_MIN, WINDOW_MAX);
        let aggregation = Aggregation { window, ..aggregation };
        Self { aggregation, start_ms: 0, slots: Slots::new(), simulated: false }
    }

    fn window_ms(&self) -> u64 {
        self.aggregation.window.as_millis() as u64
    }

    /// Takes measurements of which the last has just come. What belongs to a window that is over is left out: its vector is
    /// gone.
    pub(crate) fn observe(&mut self, batch: &Batch<'_>, now_ms: u64) {
        let Some(vital) = vital(batch.header.signal) else { return };
        let window_ms = self.window_ms();
        if self.slots.is_empty() {
            (self.start_ms, self.simulated) = (now_ms - now_ms % window_ms, false);
        }
        let samples = batch.samples().count() as u64;
        let last_us = batch.header.time_of(samples.saturating_sub(1));
        for (number, sample) in (0..).zip(batch.samples()) {
            let before_ms = last_us.saturating_sub(batch.header.time_of(number)) / 1_000;
            let Some(since_ms) = now_ms.saturating_sub(before_ms).checked_sub(self.start_ms) else {
                continue;
            };
            let slot = usize::try_from(since_ms.saturating_mul(SLOTS as u64) / window_ms).unwrap_or(SLOTS);
            let value = batch.header.scale.value(sample);
            if slot < SLOTS && value.is_finite() {
                let (sum, count) = self.slots.entry((vital, slot)).or_default();
                *sum += value;
                *count += 1;
                self.simulated |= batch.header.simulated;
            }
        }
    }

    /// When the window is over, milliseconds since 1970; none while nothing was measured.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        (!self.slots.is_empty()).then(|| self.start_ms.saturating_add(self.window_ms()))
    }

    /// The window, encrypted, when it is over, or at once with `everything`.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn take(
        &mut self,
        now_ms: u64,
        everything: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Window, Vec<u8>)>, Error> {
        if !self.due_ms().is_some_and(|due| everything || now_ms >= due) {
            return Ok(None);
        }
        let mut readings = Readings::new();
        for ((vital, slot), (sum, count)) in std::mem::take(&mut self.slots) {
            readings.set(vital, slot, sum / f64::from(count));
        }
        let vector = readings.encrypt(&self.aggregation.key, rng)?;
        let length_ms = u32::try_from(self.window_ms()).unwrap_or(u32::MAX);
        let window = Window { start_ms: self.start_ms, length_ms, simulated: self.simulated };
        Ok(Some((window, vector.to_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_aggregate::{Distribution, Owner, SecretKey, Totals, Vector};
    use bodywire_proto::observation::{self, BATCH_HEADER_BYTES, BatchHeader, Scale};
    use rand_chacha::ChaCha20Rng;
    use rand_chacha::rand_core::SeedableRng as _;

    fn batch(signal: Signal, rate_millihertz: u32, samples: &[i16]) -> Vec<u8> {
        let header = BatchHeader {
            signal,
            simulated: true,
            rate_millihertz,
            scale: Scale { gain_milli: 10_000, baseline: 0 },
            first_index: 0,
            time_us: 5_000_000,
        };
        let mut bytes = vec![0; BATCH_HEADER_BYTES + 3 * samples.len()];
        let (len, taken) = observation::emit(&header, samples, &mut bytes).unwrap();
        assert_eq!(taken, samples.len());
        bytes.truncate(len);
        bytes
    }

    #[test]
    fn a_window_holds_the_means_of_its_slots_and_goes_when_it_is_over() {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let secret = SecretKey::from_owner(&Owner::generate(&mut rng)).unwrap();
        let key = PublicKey::generate(&secret, &mut rng).unwrap();
        let mut vitals = Vitals::new(Aggregation { key: key.clone(), window: Duration::from_secs(60) });
        assert_eq!(vitals.due_ms(), None);
        assert!(vitals.take(u64::MAX, true, &mut rng).unwrap().is_none(), "nothing was measured");
        let mut observe = |signal, rate, samples: &[i16], now_ms| {
            let bytes = batch(signal, rate, samples);
            vitals.observe(&Batch::parse(&bytes).unwrap(), now_ms);
        };
        // Four numbers, half a second apart, the last at 2.5 s of the window that begins at 120 s: two slots.
        observe(Signal::HeartRate, 2_000, &[700, 710, 800, 820], 122_500);
        observe(Signal::HeartRate, 1_000, &[900], 179_999);
        // Before the window, after it, of class III, and a wave.
        observe(Signal::HeartRate, 1_000, &[400, 400], 120_500);
        observe(Signal::HeartRate, 1_000, &[400], 180_000);
        observe(Signal::InsulinRate, 1_000, &[400], 130_000);
        observe(Signal::Ecg, 180_000, &[400], 130_000);
        assert_eq!(vitals.due_ms(), Some(180_000));
        assert!(vitals.take(179_999, false, &mut rng).unwrap().is_none());
        let (window, vector) = vitals.take(180_000, false, &mut rng).unwrap().unwrap();
        assert_eq!(window, Window { start_ms: 120_000, length_ms: 60_000, simulated: true });
        assert_eq!(vitals.due_ms(), None);
        let places = secret.open(&Vector::parse(&vector).unwrap(), key.id()).unwrap();
        let totals = Totals::of(Vital::HeartRate, &places).unwrap();
        let of = Distribution::new(Vital::HeartRate, &totals);
        // 70.5 and 81 round to steps of one; the second 400 lies at 120.5 s, in the first slot.
        assert_eq!(of.histogram().collect::<Vec<_>>(), [(40.0, 1), (71.0, 1), (81.0, 1), (90.0, 1)]);
        assert_eq!((totals.slots[0], totals.slots[1], totals.slots[59]), ((40, 1), (71, 1), (90, 1)));
    }
}
