//! What a bedside measures over some windows is what its encrypted vectors hold, and nothing else.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_aggregate::layout::SLOTS;
use bodywire_aggregate::{Owner, PublicKey, SecretKey, Totals, Vector, Vital};
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_hub::Aggregation;
use bodywire_hub::bedside::{Bedside, SensorProfile};
use bodywire_proto::observation::{self, BATCH_HEADER_BYTES, Batch, BatchHeader, Scale, Signal};
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::window::Window;
use bodywire_proto::wire::SensorId;
use bodywire_proto::{RiskClass, consent};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use std::collections::BTreeMap;
use std::time::Duration;

const ECG: SensorId = SensorId(1);
const OXIMETER: SensorId = SensorId(2);
const PUMP: SensorId = SensorId(3);
const WINDOW_MS: u64 = 12_000;
/// Four seconds after a window has begun.
const START_MS: u64 = 100_000 * WINDOW_MS + 4_000;
const TICK_MS: u64 = 250;

fn batch(
    signal: Signal,
    rate_millihertz: u32,
    gain_milli: u32,
    first_index: u64,
    samples: &[i16],
) -> Vec<u8> {
    let header = BatchHeader {
        signal,
        simulated: true,
        rate_millihertz,
        scale: Scale { gain_milli, baseline: 0 },
        first_index,
        time_us: first_index * 1_000_000_000 / u64::from(rate_millihertz),
    };
    let mut bytes = vec![0; BATCH_HEADER_BYTES + 3 * samples.len()];
    let (len, taken) = observation::emit(&header, samples, &mut bytes).unwrap();
    assert_eq!(taken, samples.len());
    bytes.truncate(len);
    bytes
}

/// What was measured: by window, vital sign and slot, the values.
#[derive(Default)]
struct Measured(BTreeMap<u64, BTreeMap<(Vital, usize), Vec<f64>>>);

impl Measured {
    fn add(&mut self, vital: Vital, at_ms: u64, value: f64) {
        let slot = (at_ms % WINDOW_MS * SLOTS as u64 / WINDOW_MS) as usize;
        let window = self.0.entry(at_ms - at_ms % WINDOW_MS).or_default();
        window.entry((vital, slot)).or_default().push(value);
    }

    fn totals(&self, start_ms: u64, vital: Vital) -> Totals {
        let mut totals = Totals { bins: vec![0; vital.bins()], outside: 0, slots: vec![(0, 0); SLOTS] };
        for ((of, slot), values) in self.0.get(&start_ms).unwrap() {
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            if *of == vital {
                let bin = vital.bin(mean).unwrap();
                totals.bins[usize::from(bin)] += 1;
                totals.slots[*slot] = (u64::from(bin), 1);
            }
        }
        totals
    }
}

struct Bed {
    bedside: Bedside,
    rng: ChaCha20Rng,
    model: EcgModel,
    measured: Measured,
    vectors: Vec<(Window, Vec<u8>)>,
}

impl Bed {
    fn new(key: &PublicKey) -> Self {
        let profiles = [
            SensorProfile { sensor: ECG, kind: Signal::Ecg, class: RiskClass::II },
            SensorProfile { sensor: OXIMETER, kind: Signal::SpO2, class: RiskClass::II },
            SensorProfile { sensor: PUMP, kind: Signal::InsulinRate, class: RiskClass::III },
        ];
        let window = Duration::from_millis(WINDOW_MS);
        let aggregation = Aggregation { key: key.clone(), window };
        let bedside = Bedside::new(profiles, Duration::from_millis(400), Some(aggregation));
        let rhythm = Rhythm::Sinus { bpm: 75.0 };
        let model = EcgModel::new(SampleRate::new(360.0).unwrap(), 200.0, 0, 0.02, rhythm).unwrap();
        let rng = ChaCha20Rng::seed_from_u64(1);
        Self { bedside, rng, model, measured: Measured::default(), vectors: Vec::new() }
    }

    /// A quarter of a second: some ECG, and each second two saturations of which the first is half a second old.
    fn tick(&mut self, tick: u64) {
        let now_ms = START_MS + tick * TICK_MS;
        let ecg: Vec<i16> = (0..90).map(|_| self.model.next_sample(&mut || self.rng.next_u32())).collect();
        self.bedside.payload(ECG, now_ms, &batch(Signal::Ecg, 360_000, 200_000, tick * 90, &ecg)).unwrap();
        if tick.is_multiple_of(4) {
            let values = [900 + (tick % 70) as i16, 910 + (tick % 60) as i16];
            let bytes = batch(Signal::SpO2, 2_000, 10_000, tick / 2, &values);
            self.bedside.payload(OXIMETER, now_ms, &bytes).unwrap();
            self.measured.add(Vital::SpO2, now_ms - 500, f64::from(values[0]) / 10.0);
            self.measured.add(Vital::SpO2, now_ms, f64::from(values[1]) / 10.0);
            self.bedside.payload(PUMP, now_ms, &[consent::TYPE_SEALED, 1, 2]).unwrap();
        }
        self.report(now_ms, false);
    }

    fn report(&mut self, now_ms: u64, everything: bool) {
        self.bedside.close_window(now_ms, everything, &mut self.rng).unwrap();
        for bytes in self.bedside.take(now_ms, 0, 0, true).unwrap() {
            let report = Report::parse(&bytes).unwrap();
            if report.header.kind == Kind::Vector {
                let (window, vector) = Window::parse(report.body()).unwrap();
                self.vectors.push((window, vector.to_vec()));
            }
            if report.header.kind == Kind::Observations && report.header.sensor == ECG {
                for part in report.parts() {
                    let batch = Batch::parse(part.unwrap()).unwrap();
                    if batch.header.signal == Signal::HeartRate {
                        let rates = batch.samples().map(|sample| batch.header.scale.value(sample));
                        rates.for_each(|rate| self.measured.add(Vital::HeartRate, now_ms, rate));
                    }
                }
            }
        }
    }
}

#[test]
fn the_vectors_of_a_bed_hold_what_was_measured_there() {
    let mut rng = ChaCha20Rng::seed_from_u64(2);
    let secret = SecretKey::from_owner(&Owner::generate(&mut rng)).unwrap();
    let key = PublicKey::generate(&secret, &mut rng).unwrap();
    let mut bed = Bed::new(&key);
    // 30 seconds: from the fourth second of a window to the tenth of the one after the next.
    (0..=120).for_each(|tick| bed.tick(tick));
    let starts = |bed: &Bed| bed.vectors.iter().map(|(window, _)| window.start_ms).collect::<Vec<_>>();
    let first_ms = START_MS - 4_000;
    assert_eq!(starts(&bed), [first_ms, first_ms + WINDOW_MS]);
    assert_eq!(bed.bedside.next_due_ms(), Some(first_ms + 3 * WINDOW_MS));
    bed.report(START_MS + 120 * TICK_MS, true);
    assert_eq!(starts(&bed), [0, 1, 2].map(|window| first_ms + window * WINDOW_MS));
    let mut rates = 0;
    for (window, vector) in &bed.vectors {
        assert_eq!((u64::from(window.length_ms), window.simulated), (WINDOW_MS, true));
        let places = secret.open(&Vector::parse(vector).unwrap(), key.id()).unwrap();
        let mut all = 0;
        for vital in Vital::ALL {
            let totals = Totals::of(vital, &places).unwrap();
            assert_eq!(totals, bed.measured.totals(window.start_ms, vital), "{vital:?} of {window:?}");
            let of_slots = totals.slots.iter().map(|(sum, count)| sum + count).sum::<u64>();
            all += totals.bins.iter().sum::<u64>() + of_slots;
            rates += if vital == Vital::HeartRate { totals.bins.iter().sum::<u64>() } else { 0 };
        }
        // Nothing lies beside them: what is of class III has no place.
        assert_eq!(places.iter().sum::<u64>(), all);
    }
    assert!(rates >= 10, "{rates} heart rates");
}
