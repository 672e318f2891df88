//! Each function gives what the plain readings give, with replicas and without.

use crate::replica::Character;
use crate::ward::{BEDS, START_MS, WINDOW_MS, WINDOWS, Ward, answered, plain, query};
use bodywire_aggregate::Vital;
use bodywire_clinic::aggregates::{Aggregates, Answer, Outcome, Verdict};
use std::collections::BTreeMap;

/// All readings on the scale: window, slot, and value in steps, once for each unit of the bed's weight.
fn readings(vital: Vital, weight: impl Fn(u16) -> usize) -> Vec<(u64, usize, u32)> {
    let limit = vital.lowest_steps() + vital.bins() as u32;
    let mut all = Vec::new();
    for (bed, window) in (1..=BEDS).flat_map(|bed| (0..WINDOWS).map(move |window| (bed, window))) {
        let of = plain(bed, window).into_iter().filter(|(of, _, steps)| *of == vital && *steps < limit);
        of.for_each(|(_, slot, steps)| all.extend(vec![(window, slot, steps); weight(bed)]));
    }
    all
}

fn steps(readings: &[(u64, usize, u32)]) -> Vec<u64> {
    readings.iter().map(|(_, _, steps)| u64::from(*steps)).collect()
}

fn mean(steps: &[u64], unit: f64) -> f64 {
    steps.iter().sum::<u64>() as f64 / steps.len() as f64 / unit
}

async fn all(aggregates: &Aggregates, function: &str, vital: Vital, more: &str) -> Answer {
    answered(aggregates, &query(function, vital.name(), 0, WINDOWS, more)).await
}

async fn every_function_is_that_of_the_plain_readings(aggregates: &Aggregates) {
    for vital in [Vital::HeartRate, Vital::SpO2, Vital::Temperature] {
        let unit = f64::from(vital.steps_per_unit());
        let of = readings(vital, |_| 1);
        let plain = steps(&of);
        let answer = all(aggregates, "sum", vital, "").await;
        assert_eq!(answer.result, Outcome::Sum { sum: plain.iter().sum::<u64>() as f64 / unit });
        assert_eq!((answer.function, answer.signal, answer.unit), ("sum", vital.name(), vital.unit()));
        assert_eq!((answer.readings, answer.windows, answer.patients), (plain.len() as u64, 3, 12));
        assert_eq!((answer.vectors, answer.simulated), (36, true));
        assert_eq!((answer.from_ms, answer.to_ms), (START_MS, START_MS + WINDOWS * u64::from(WINDOW_MS)));
        assert_eq!(answer.outside > 0, vital == Vital::SpO2);
        let answer = all(aggregates, "mean", vital, "").await;
        assert_eq!(answer.result, Outcome::Mean { mean: Some(mean(&plain, unit)) });
        let answer = all(aggregates, "variance", vital, "").await;
        let Outcome::Variance { variance: Some(variance), deviation: Some(deviation) } = answer.result else {
            panic!("{:?}", answer.result)
        };
        let around = mean(&plain, 1.0);
        let squares: f64 = plain.iter().map(|steps| (*steps as f64 - around).powi(2)).sum();
        assert!((variance - squares / plain.len() as f64 / (unit * unit)).abs() < 1e-9 * variance.max(1.0));
        assert!((deviation * deviation - variance).abs() < 1e-9);
        histogram(aggregates, vital, &plain).await;
        counts(aggregates, vital, &plain).await;
        trend(aggregates, vital, &of).await;
    }
    // A signal that nobody has measured.
    let none = all(aggregates, "mean", Vital::Respiration, "").await;
    assert_eq!((none.result, none.readings), (Outcome::Mean { mean: None }, 0));
}

async fn histogram(aggregates: &Aggregates, vital: Vital, plain: &[u64]) {
    let unit = f64::from(vital.steps_per_unit());
    let mut bins: BTreeMap<u64, u64> = BTreeMap::new();
    plain.iter().for_each(|steps| *bins.entry(*steps).or_default() += 1);
    let mut sorted = plain.to_vec();
    sorted.sort_unstable();
    let quantile = |part: f64| {
        let rank = ((part * sorted.len() as f64).ceil() as usize).max(1);
        (part, sorted[rank - 1] as f64 / unit)
    };
    let expected = Outcome::Histogram {
        bins: bins.into_iter().map(|(steps, count)| (steps as f64 / unit, count)).collect(),
        quantiles: [0.05, 0.25, 0.5, 0.75, 0.95].map(quantile).to_vec(),
    };
    assert_eq!(all(aggregates, "histogram", vital, "").await.result, expected);
}

async fn counts(aggregates: &Aggregates, vital: Vital, plain: &[u64]) {
    let unit = f64::from(vital.steps_per_unit());
    let mut sorted = plain.to_vec();
    sorted.sort_unstable();
    let (low, high) = (sorted[sorted.len() / 4] as f64 / unit, sorted[sorted.len() / 2] as f64 / unit);
    type Beyond = fn(f64, f64, f64) -> bool;
    let cases: [(String, Beyond); 3] = [
        (format!(",\"above\":{high}"), |value, _, high| value > high),
        (format!(",\"below\":{low}"), |value, low, _| value < low),
        (format!(",\"above\":{high},\"below\":{low}"), |value, low, high| value > high || value < low),
    ];
    for (limits, beyond) in cases {
        let count = plain.iter().filter(|steps| beyond(**steps as f64 / unit, low, high)).count() as u64;
        let expected = Outcome::Count { count, of: plain.len() as u64 };
        assert_eq!(all(aggregates, "count", vital, &limits).await.result, expected, "{limits}");
    }
}

async fn trend(aggregates: &Aggregates, vital: Vital, of: &[(u64, usize, u32)]) {
    let unit = f64::from(vital.steps_per_unit());
    let Outcome::Trend { points } = all(aggregates, "trend", vital, "").await.result else {
        panic!("a trend is one")
    };
    assert_eq!(points.len(), WINDOWS as usize * 60);
    for (number, (at_ms, mean, count)) in points.into_iter().enumerate() {
        let (window, slot) = (number as u64 / 60, number % 60);
        assert_eq!(at_ms, START_MS + (window * 60 + slot as u64) * u64::from(WINDOW_MS) / 60);
        let here = of.iter().filter(|(of_window, of_slot, _)| (*of_window, *of_slot) == (window, slot));
        let here: Vec<u64> = here.map(|(_, _, steps)| u64::from(*steps)).collect();
        let sum = here.iter().sum::<u64>() as f64;
        assert_eq!(count, here.len() as u64);
        match mean {
            None => assert!(here.is_empty()),
            Some(mean) => assert!((mean - sum / here.len() as f64 / unit).abs() < 1e-9, "{mean}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_replicas_the_clinic_adds_itself() {
    let ward = Ward::full().await;
    let aggregates = ward.alone();
    every_function_is_that_of_the_plain_readings(&aggregates).await;
    let answer = all(&aggregates, "sum", Vital::SpO2, "").await;
    assert_eq!((answer.replicas.len(), answer.rechecked.vectors), (0, 36));
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_add_the_same() {
    let ward = Ward::full().await;
    let aggregates = ward.with(&[Character::Honest; 3]).await;
    every_function_is_that_of_the_plain_readings(&aggregates).await;
    let answer = all(&aggregates, "trend", Vital::SpO2, "").await;
    assert!(answer.replicas.iter().all(|replica| replica.state == Verdict::Agreed && replica.why.is_none()));
    // One of the three windows, whichever it is.
    assert_eq!((answer.replicas.len(), answer.rechecked.vectors), (3, 12));
    assert_eq!((answer.seen.vectors, answer.seen.sha256.len(), answer.seen.ciphertext.len()), (36, 64, 128));
}

#[tokio::test(flavor = "multi_thread")]
async fn weights_count_readings_several_times() {
    let ward = Ward::full().await;
    let weights: Vec<_> = (1..=6).map(|bed| format!("[{bed},5]")).collect();
    let more = format!(",\"weights\":[{}]", weights.join(","));
    let plain = steps(&readings(Vital::HeartRate, |bed| if bed <= 6 { 5 } else { 1 }));
    for aggregates in [ward.alone(), ward.with(&[Character::Honest; 2]).await] {
        let answer = all(&aggregates, "sum", Vital::HeartRate, &more).await;
        assert_eq!(answer.result, Outcome::Sum { sum: plain.iter().sum::<u64>() as f64 });
        assert_eq!(answer.readings, plain.len() as u64);
        let answer = all(&aggregates, "mean", Vital::HeartRate, &more).await;
        assert_eq!(answer.result, Outcome::Mean { mean: Some(mean(&plain, 1.0)) });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_whole_windows_within_the_time_count() {
    let ward = Ward::full().await;
    let aggregates = ward.alone();
    let one = answered(&aggregates, &query("mean", "spo2", 1, 2, "")).await;
    assert_eq!((one.vectors, one.windows, one.from_ms), (12, 1, START_MS + u64::from(WINDOW_MS)));
    let (from, to) = (START_MS + 1, START_MS + 3 * u64::from(WINDOW_MS) - 1);
    let text = format!(r#"{{"function":"mean","signal":"spo2","from_ms":{from},"to_ms":{to}}}"#);
    assert_eq!(answered(&aggregates, &text).await.from_ms, one.from_ms);
    let standing = serde_json::to_value(aggregates.standing().await.unwrap()).unwrap();
    assert_eq!((standing["vectors"].as_u64(), standing["window_ms"].as_u64()), (Some(36), Some(3_600_000)));
    // Both queries were the same.
    assert_eq!((standing["queries_left"].as_u64(), standing["replicas"].as_u64()), (Some(199), Some(0)));
}
