//! A day of a ward in simulated time: recorded hearts and synthetic numbers go through the hubs' own bedsides, and the sums over
//! their encrypted vectors equal those of the plain readings, in every bin and every slot.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use bodywire_aggregate::layout::SLOTS;
use bodywire_aggregate::{
    Distribution, Owner, PublicKey, SecretKey, Stored, Sum, Tag, Totals, VectorRef, Vital,
};
use bodywire_hub::Aggregation;
use bodywire_hub::bedside::{Bedside, REPORT_AGE, SensorProfile};
use bodywire_proto::RiskClass;
use bodywire_proto::observation::{self, BATCH_HEADER_BYTES, Batch, BatchHeader, Signal};
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::window::Window;
use bodywire_proto::wire::SensorId;
use bodywire_sim::patient::{Condition, Source};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

const HOUR_MS: u64 = 60 * 60 * 1_000;
const HOURS: u64 = 24;
/// How much of each recording is played, in seconds.
const ECG_S: u64 = 900;
const RECORDINGS: [&str; 8] = ["100", "102", "103", "104", "105", "111", "112", "113"];

/// What was measured in a slot: of which bed, window and vital sign.
type Plain = BTreeMap<(usize, u64, Vital, usize), (f64, u32)>;

fn recordings() -> Vec<Source> {
    let root = std::env::var_os("BODYWIRE_ECG_DATA").map_or_else(
        || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/ecg")),
        PathBuf::from,
    );
    let folder = root.join("mitdb");
    if !folder.is_dir() {
        assert!(std::env::var("CI").is_err(), "recordings are missing at {}", folder.display());
        eprintln!("left out: recordings are not at {}; synthetic hearts instead", folder.display());
        return (1..=2).map(|seed| Source::synthetic_ecg(seed, Condition::new()).unwrap()).collect();
    }
    let read = |name: &&str| {
        let header = std::fs::read_to_string(folder.join(format!("{name}.hea"))).unwrap();
        let data = std::fs::read(folder.join(format!("{name}.dat"))).unwrap();
        Source::recording(&header, &data, 0).unwrap()
    };
    RECORDINGS.iter().map(read).collect()
}

/// One sensor of a bed, as it measures.
struct Sensor {
    id: SensorId,
    source: Source,
    index: u64,
}

impl Sensor {
    /// The batch of the next `count` samples, and those.
    fn batch(&mut self, count: u64) -> Option<(Vec<u8>, Vec<i16>)> {
        let samples: Vec<i16> = (0..count).map_while(|_| self.source.next_sample()).collect();
        let header = BatchHeader {
            signal: self.source.signal,
            simulated: true,
            rate_millihertz: self.source.rate_millihertz,
            scale: self.source.scale,
            first_index: self.index,
            time_us: self.index * 1_000_000_000 / u64::from(self.source.rate_millihertz),
        };
        self.index += samples.len() as u64;
        let mut bytes = vec![0; BATCH_HEADER_BYTES + 3 * samples.len()];
        let (len, _) = observation::emit(&header, &samples, &mut bytes).ok()?;
        bytes.truncate(len);
        Some((bytes, samples))
    }
}

/// A reading, as a slot counts it.
fn note(plain: &mut Plain, bed: usize, vital: Vital, at_ms: u64, value: f64) {
    let slot = (at_ms % HOUR_MS) as usize * SLOTS / HOUR_MS as usize;
    let (sum, count) = plain.entry((bed, at_ms / HOUR_MS, vital, slot)).or_default();
    *sum += value;
    *count += 1;
}

/// One bed through the day: its vectors, and what they are made of.
fn day(bed: usize, ecg: Source, key: &PublicKey, plain: &mut Plain) -> Vec<(Window, Vec<u8>)> {
    let numbers = [
        (Signal::SpO2, Vital::SpO2),
        (Signal::Respiration, Vital::Respiration),
        (Signal::Temperature, Vital::Temperature),
    ];
    let seed = bed as u64;
    let mut sensors = vec![Sensor { id: SensorId(1), source: ecg, index: 0 }];
    for (id, (signal, _)) in (2..).zip(numbers) {
        let source = Source::number(signal, seed, Condition::new());
        sensors.push(Sensor { id: SensorId(id), source, index: 0 });
    }
    let profiles: Vec<SensorProfile> = sensors
        .iter()
        .map(|sensor| SensorProfile { sensor: sensor.id, kind: sensor.source.signal, class: RiskClass::II })
        .collect();
    let aggregation = Aggregation { key: key.clone(), window: Duration::from_millis(HOUR_MS) };
    let mut bedside = Bedside::new(profiles, REPORT_AGE, Some(aggregation));
    let mut rng = ChaCha20Rng::seed_from_u64(seed);
    let mut vectors = Vec::new();
    // Hearts at different hours, and numbers all day, a minute apart.
    let heart_from_s = (bed as u64 * 3 % HOURS) * 3_600 + 600;
    for second in 0..=HOURS * 3_600 {
        let now_ms = second * 1_000 + 999;
        let over = second == HOURS * 3_600;
        bedside.close_window(now_ms, over, &mut rng).unwrap();
        if !over {
            let heart = (heart_from_s..heart_from_s + ECG_S).contains(&second);
            for sensor in &mut sensors {
                let is_ecg = sensor.source.signal == Signal::Ecg;
                if if is_ecg { !heart } else { second % 60 != 0 } {
                    continue;
                }
                let count = if is_ecg { u64::from(sensor.source.rate_millihertz / 1_000) } else { 1 };
                let Some((bytes, samples)) = sensor.batch(count) else { continue };
                bedside.payload(sensor.id, now_ms, &bytes).unwrap();
                if let Some((_, vital)) = numbers.iter().find(|(signal, _)| *signal == sensor.source.signal) {
                    note(plain, bed, *vital, now_ms, sensor.source.scale.value(samples[0]));
                }
            }
        }
        for report in bedside.take(now_ms, 0, 0, true).unwrap() {
            let report = Report::parse(&report).unwrap();
            match report.header.kind {
                Kind::Vector => {
                    let (window, vector) = Window::parse(report.body()).unwrap();
                    vectors.push((window, vector.to_vec()));
                }
                // The heart rate is what the hub itself has said to the clinic.
                Kind::Observations => {
                    for part in report.parts() {
                        let batch = Batch::parse(part.unwrap()).unwrap();
                        if batch.header.signal == Signal::HeartRate {
                            let scale = batch.header.scale;
                            batch
                                .samples()
                                .for_each(|s| note(plain, bed, Vital::HeartRate, now_ms, scale.value(s)));
                        }
                    }
                }
                _ => {}
            }
        }
    }
    vectors
}

#[test]
fn a_days_ward_adds_up_exactly() {
    let mut rng = ChaCha20Rng::seed_from_u64(7);
    let secret = SecretKey::from_owner(&Owner::generate(&mut rng)).unwrap();
    let key = PublicKey::generate(&secret, &mut rng).unwrap();
    let mut plain = Plain::new();
    let mut sum = Sum::new();
    let sources = recordings();
    let beds = sources.len();
    for (bed, ecg) in sources.into_iter().enumerate() {
        let vectors = day(bed, ecg, &key, &mut plain);
        assert_eq!(vectors.len() as u64, HOURS);
        for (hour, (window, bytes)) in (0..).zip(&vectors) {
            assert_eq!((window.start_ms, window.length_ms), (hour * HOUR_MS, HOUR_MS as u32));
            sum.add(&Stored { vector: VectorRef::parse(bytes).unwrap(), tag: Tag::ZERO }, 1).unwrap();
        }
    }
    let (vector, _) = sum.finish().unwrap();
    let places = secret.open(&vector, key.id()).unwrap();
    for vital in Vital::ALL {
        let got = Totals::of(vital, &places).unwrap();
        let mut expected = Totals { bins: vec![0; vital.bins()], outside: 0, slots: vec![(0, 0); SLOTS] };
        let mut readings = Vec::new();
        for ((_, _, of, slot), (sum, count)) in &plain {
            if *of != vital {
                continue;
            }
            let mean = sum / f64::from(*count);
            match vital.bin(mean) {
                Some(bin) => {
                    expected.bins[usize::from(bin)] += 1;
                    expected.slots[*slot].0 += u64::from(bin);
                    expected.slots[*slot].1 += 1;
                    readings.push(vital.value(usize::from(bin)));
                }
                None => expected.outside += 1,
            }
        }
        assert_eq!(got, expected, "{}", vital.name());
        assert!(readings.len() > beds, "{} has {} readings", vital.name(), readings.len());
        let of = Distribution::new(vital, &got);
        let mean = readings.iter().sum::<f64>() / readings.len() as f64;
        let variance = readings.iter().map(|r| (r - mean).powi(2)).sum::<f64>() / readings.len() as f64;
        assert!((of.mean().unwrap() - mean).abs() < 1e-9 && (of.variance().unwrap() - variance).abs() < 1e-6);
        assert_eq!(of.count_above(mean), readings.iter().filter(|r| **r > mean).count() as u64);
    }
}
