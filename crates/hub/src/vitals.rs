//! The patient's vital signs, window by window, encrypted for the ward's sums.
//!
//! A reading of a slot is the mean of what was measured in it. When a window is over it is encrypted under the ward's public key
//! at once, so that the hub keeps at most this window and the one before in the clear. Class III signals are not in it: the hub
//! cannot read them.

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

/// A window that is filled.
#[derive(Default)]
struct Filled {
    slots: Slots,
    simulated: bool,
}

/// The windows that are filled now: a batch may have begun before the window that it ended in.
pub(crate) struct Vitals {
    aggregation: Aggregation,
    /// By when they begin.
    windows: BTreeMap<u64, Filled>,
    /// What was measured before this is left out: its vector is gone.
    gone_ms: u64,
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
        Self { aggregation, windows: BTreeMap::new(), gone_ms: 0 }
    }

    fn window_ms(&self) -> u64 {
        self.aggregation.window.as_millis() as u64
    }

    /// Takes measurements of which the last has just come. What belongs to a window that is over is left out: its vector is
    /// gone.
    pub(crate) fn observe(&mut self, batch: &Batch<'_>, now_ms: u64) {
        let Some(vital) = vital(batch.header.signal) else { return };
        let window_ms = self.window_ms();
        if now_ms.saturating_add(window_ms) < self.gone_ms {
            // The clock was set back: what follows must not wait until it is there again.
            self.windows.clear();
            self.gone_ms = 0;
        }
        let current_ms = now_ms - now_ms % window_ms;
        let earliest_ms = current_ms.saturating_sub(window_ms).max(self.gone_ms);
        let samples = batch.samples().count() as u64;
        let last_us = batch.header.time_of(samples.saturating_sub(1));
        for (number, sample) in (0..).zip(batch.samples()) {
            let before_ms = last_us.saturating_sub(batch.header.time_of(number)) / 1_000;
            let at_ms = now_ms.saturating_sub(before_ms);
            let value = batch.header.scale.value(sample);
            if at_ms < earliest_ms || !value.is_finite() {
                continue;
            }
            // Below the number of slots, as the rest is below the window.
            let slot = (at_ms % window_ms).saturating_mul(SLOTS as u64) / window_ms;
            let filled = self.windows.entry(at_ms - at_ms % window_ms).or_default();
            let (sum, count) = filled.slots.entry((vital, slot as usize)).or_default();
            *sum += value;
            *count += 1;
            filled.simulated |= batch.header.simulated;
        }
    }

    /// When the first window is over, milliseconds since 1970; none while nothing was measured.
    pub(crate) fn due_ms(&self) -> Option<u64> {
        self.windows.keys().next().map(|start_ms| start_ms.saturating_add(self.window_ms()))
    }

    /// The first window, encrypted, when it is over, or at once with `everything`.
    ///
    /// # Errors
    /// [`Error::Library`].
    pub(crate) fn take(
        &mut self,
        now_ms: u64,
        everything: bool,
        rng: &mut impl CryptoRng,
    ) -> Result<Option<(Window, Vec<u8>)>, Error> {
        let Some(due_ms) = self.due_ms().filter(|due_ms| everything || now_ms >= *due_ms) else {
            return Ok(None);
        };
        let Some((start_ms, filled)) = self.windows.pop_first() else { return Ok(None) };
        // What is taken early goes on afterwards: its slots are filled by a second vector.
        self.gone_ms = if now_ms >= due_ms { due_ms } else { start_ms };
        let mut readings = Readings::new();
        for ((vital, slot), (sum, count)) in filled.slots {
            readings.set(vital, slot, sum / f64::from(count));
        }
        let vector = readings.encrypt(&self.aggregation.key, rng)?;
        let length_ms = u32::try_from(self.window_ms()).unwrap_or(u32::MAX);
        let window = Window { start_ms, length_ms, simulated: filled.simulated };
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

    fn rates(secret: &SecretKey, key: &PublicKey, vector: &[u8]) -> Totals {
        let places = secret.open(&Vector::parse(vector).unwrap(), key.id()).unwrap();
        Totals::of(Vital::HeartRate, &places).unwrap()
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
        // Begun before the window, in the one after it, of class III, and a wave.
        observe(Signal::HeartRate, 1_000, &[300, 400], 120_500);
        observe(Signal::HeartRate, 1_000, &[500], 180_000);
        observe(Signal::InsulinRate, 1_000, &[400], 130_000);
        observe(Signal::Ecg, 180_000, &[400], 130_000);
        assert_eq!(vitals.due_ms(), Some(120_000));
        let (window, vector) = vitals.take(180_000, false, &mut rng).unwrap().unwrap();
        assert_eq!(window, Window { start_ms: 60_000, length_ms: 60_000, simulated: true });
        assert_eq!(rates(&secret, &key, &vector).bins[30], 1);
        assert!(vitals.take(179_999, false, &mut rng).unwrap().is_none());
        let (window, vector) = vitals.take(180_000, false, &mut rng).unwrap().unwrap();
        assert_eq!(window, Window { start_ms: 120_000, length_ms: 60_000, simulated: true });
        assert_eq!(vitals.due_ms(), Some(240_000));
        let totals = rates(&secret, &key, &vector);
        let of = Distribution::new(Vital::HeartRate, &totals);
        // 70.5 and 81 round to steps of one; the second 400 lies at 120.5 s, in the first slot.
        assert_eq!(of.histogram().collect::<Vec<_>>(), [(40.0, 1), (71.0, 1), (81.0, 1), (90.0, 1)]);
        assert_eq!((totals.slots[0], totals.slots[1], totals.slots[59]), ((40, 1), (71, 1), (90, 1)));
    }

    #[test]
    fn what_is_gone_stays_gone_and_a_clock_that_is_set_back_does_not_stop_it() {
        let mut rng = ChaCha20Rng::seed_from_u64(2);
        let secret = SecretKey::from_owner(&Owner::generate(&mut rng)).unwrap();
        let key = PublicKey::generate(&secret, &mut rng).unwrap();
        let mut vitals = Vitals::new(Aggregation { key, window: Duration::from_secs(60) });
        let observe = |vitals: &mut Vitals, now_ms| {
            let bytes = batch(Signal::HeartRate, 1_000, &[700]);
            vitals.observe(&Batch::parse(&bytes).unwrap(), now_ms);
        };
        observe(&mut vitals, 7_200_500);
        assert!(vitals.take(7_260_000, false, &mut rng).unwrap().is_some());
        observe(&mut vitals, 7_259_999);
        assert_eq!(vitals.due_ms(), None, "its vector is gone");
        // Taken early, a window goes on.
        observe(&mut vitals, 7_261_000);
        assert!(vitals.take(7_262_000, true, &mut rng).unwrap().is_some());
        observe(&mut vitals, 7_263_000);
        assert_eq!(vitals.due_ms(), Some(7_320_000));
        assert!(vitals.take(7_320_000, true, &mut rng).unwrap().is_some());
        // Back by an hour and more.
        observe(&mut vitals, 3_600_500);
        assert_eq!(vitals.due_ms(), Some(3_660_000));
        // A batch that claims to reach back for weeks fills two windows at most.
        let bytes = batch(Signal::HeartRate, 1, &[700; 300]);
        vitals.observe(&Batch::parse(&bytes).unwrap(), 3_661_000);
        assert!(vitals.windows.len() <= 2);
    }
}
