//! Figures of the emergency verdicts on the recordings:
//! `cargo run --release -p bodywire-ecg --example emergency -- [mitdb] [fibrillation]
//! [noise] [arrests] [losses] [weights]`. Learnt weights, which a monitor has only on request, are shown beside the fixed ones
//! with `weights`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are the output; a surprise stops it"
)]

#[path = "../tests/arrests/mod.rs"]
mod arrests;
#[path = "../tests/losses/mod.rs"]
mod losses;
#[path = "../tests/noise/mod.rs"]
mod noise;
#[path = "../tests/recordings/mod.rs"]
mod recordings;
#[path = "../tests/truth/mod.rs"]
mod truth;

use bodywire_ecg::{
    evaluate::course::Alarm,
    evaluate::episodes::{EpisodeScore, false_alarms, latency, percentile, samples_at_risk},
    monitor::{Event, Monitor},
    segment::Part,
    settings::Settings,
};
use std::collections::BTreeMap;

const SLACK_S: f64 = 10.0;

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let all = wanted.is_empty();
    let want = |name: &str| all || wanted.iter().any(|w| w == name);
    if want("mitdb") {
        mitdb();
    }
    if want("fibrillation") {
        fibrillation("vfdb");
        fibrillation("cudb");
    }
    if want("noise") {
        noisy();
    }
    if want("arrests") {
        arrested();
    }
    if want("losses") {
        lossy();
    }
    if want("weights") {
        weighed();
    }
}

/// First and gravest reason, when it began and how long it lasted.
fn described(alarm: &Alarm, rate_hz: f64) -> String {
    let seconds = |n: u64| n as f64 / rate_hz;
    let Alarm { episode, reason, gravest } = alarm;
    format!("{reason:?}>{gravest:?} {:.0}+{:.0}s", seconds(episode.start), seconds(episode.samples()))
}

fn mitdb() {
    let (mut wrong, mut wrong_strict, mut hours, mut score) = (0, 0, 0.0, EpisodeScore::default());
    let (mut undetermined, mut false_s) = (0.0, 0.0);
    for r in recordings::load_all("mitdb") {
        let c = truth::course(&r);
        let reference = truth::ventricular(&r);
        let mut excused = reference.clone();
        excused.extend(truth::rate_excursions(&r));
        excused.sort_by_key(|e| e.start);
        let (found, slack) = (c.episodes(), (SLACK_S * r.rate_hz) as u64);
        let seconds = |n: u64| n as f64 / r.rate_hz;
        hours += seconds(samples_at_risk(r.samples.len() as u64, &reference, slack)) / 3600.0;
        undetermined += seconds(c.undetermined_samples);
        wrong_strict += false_alarms(&found, &reference, slack).count();
        let mut list = Vec::new();
        for a in false_alarms(&found, &excused, slack) {
            let alarm = c.alarms.iter().find(|x| x.episode == *a).unwrap();
            list.push(described(alarm, r.rate_hz));
            false_s += seconds(a.samples());
            wrong += 1;
        }
        let long: Vec<_> = reference.iter().copied().filter(|e| seconds(e.samples()) >= 3.0).collect();
        score += EpisodeScore::of(&long, &found);
        let hit = long.iter().filter(|e| latency(**e, &found).is_some()).count();
        for e in long.iter().filter(|e| latency(**e, &found).is_none()) {
            println!("mitdb {}: missed VT/VF {:.1}-{:.1} s", r.name, seconds(e.start), seconds(e.end));
        }
        println!(
            "mitdb {}: {} alarms, {hit} of {} VT/VF over 3 s; false {list:?}",
            r.name,
            found.len(),
            long.len()
        );
    }
    println!(
        "mitdb: {wrong} false emergencies ({wrong_strict} with true pauses and rates) in {hours:.2} h: {:.2} an hour, \
         {:.1} min an hour; \
         VT/VF over 3 s {} of {}; undetermined {undetermined:.0} s",
        wrong as f64 / hours,
        false_s / 60.0 / hours,
        score.found,
        score.reference
    );
}

fn fibrillation(db: &str) {
    let (mut wrong, mut hours, mut score) = (0, 0.0, EpisodeScore::default());
    let (mut delays, mut late, mut false_s) = (Vec::new(), Vec::new(), 0.0);
    let mut reasons = BTreeMap::new();
    for r in recordings::load_all(db) {
        let c = truth::course(&r);
        let seconds = |n: u64| n as f64 / r.rate_hz;
        let slack = (SLACK_S * r.rate_hz) as u64;
        let mut excused = truth::fibrillation(&r);
        let reference: Vec<_> = excused.iter().copied().filter(|e| seconds(e.samples()) >= 10.0).collect();
        excused.extend(truth::rhythms(&r, &["(VT", "(ASYS", "(NOISE"]));
        excused.sort_by_key(|e| e.start);
        let found = c.episodes();
        hours += seconds(samples_at_risk(r.samples.len() as u64, &excused, slack)) / 3600.0;
        score += EpisodeScore::of(&reference, &found);
        for e in &reference {
            let delay = latency(*e, &found).map_or(f64::INFINITY, seconds);
            delays.push(delay);
            if delay > 10.0 {
                late.push(format!("{} {:.0}-{:.0} s: {delay:.1}", r.name, seconds(e.start), seconds(e.end)));
            }
        }
        let mut list = Vec::new();
        for a in false_alarms(&found, &excused, slack) {
            let alarm = c.alarms.iter().find(|x| x.episode == *a).unwrap();
            *reasons.entry(format!("{:?}", alarm.reason)).or_insert(0) += 1;
            list.push(described(alarm, r.rate_hz));
            false_s += seconds(a.samples());
            wrong += 1;
        }
        println!("{db} {}: {} alarms, false {} {list:?}", r.name, found.len(), list.len());
    }
    delays.sort_by(f64::total_cmp);
    let within = delays.iter().filter(|d| **d <= 10.0).count();
    println!(
        "{db}: {within} of {} within 10 s, latency median {:.1} s, 95 % {:.1} s; late {late:?}; \
         duration sensitivity {:.3}; \
         {wrong} false in {hours:.2} h: {:.1} an hour, {:.1} min an hour {reasons:?}",
        delays.len(),
        percentile(&delays, 0.5).unwrap_or(f64::NAN),
        percentile(&delays, 0.95).unwrap_or(f64::NAN),
        score.duration_sensitivity(),
        wrong as f64 / hours,
        false_s / 60.0 / hours
    );
}

fn noisy() {
    let records = recordings::load_all("mitdb");
    let clean: Vec<_> = records.iter().map(|r| arrests::run(&arrests::millivolts(r), r.rate_hz)).collect();
    let hours: f64 = records.iter().map(|r| r.samples.len() as f64 / r.rate_hz / 3600.0).sum();
    let mut cases: Vec<(String, Option<(noise::Kind, f64)>)> = vec![("lead-offs".to_owned(), None)];
    for kind in noise::KINDS {
        cases.extend([24.0, 12.0, 6.0].map(|db| (format!("{kind:?} {db} dB"), Some((kind, db)))));
    }
    for (name, case) in cases {
        let (mut wrong, mut undetermined, mut list) = (0, 0.0, Vec::new());
        for (i, (r, clean)) in records.iter().zip(&clean).enumerate() {
            let mv = match case {
                None => arrests::with_faults(r, i as u64),
                Some((kind, db)) => arrests::noisy(r, kind, db, i as u64),
            };
            let c = arrests::run(&mv, r.rate_hz);
            undetermined += c.undetermined_samples as f64 / r.rate_hz;
            for a in arrests::new_alarms(clean, &c, r.rate_hz) {
                wrong += 1;
                list.push(format!("{} {:?} {:.0}", r.name, a.reason, a.episode.start as f64 / r.rate_hz));
            }
        }
        println!(
            "mitdb with {name}: {wrong} new emergencies in {hours:.1} h, undetermined {:.1} %: {list:?}",
            undetermined / 36.0 / hours
        );
    }
}

fn arrested() {
    let (mitdb, cudb) = (recordings::load_all("mitdb"), recordings::load_all("cudb"));
    let normal: Vec<_> =
        mitdb.iter().filter(|r| ["100", "103", "112", "113", "121", "234"].contains(&&*r.name)).collect();
    let Some(rate) = normal.first().map(|r| r.rate_hz) else { return };
    let arrests = arrests::fibrillations(&cudb, rate);
    let flat = arrests::asystole(rate);
    let mut cases = vec![None];
    for kind in noise::KINDS {
        cases.extend([24.0, 12.0, 6.0].map(|db| Some((kind, db))));
    }
    for case in cases {
        let mut say = Vec::new();
        for (name, list) in [
            ("fibrillation", arrests.iter().map(|(_, a)| &a[..]).collect::<Vec<_>>()),
            ("asystole", vec![&flat[..]]),
        ] {
            let (mut delays, mut blind, mut missed) = (Vec::new(), 0, Vec::new());
            for (i, arrest) in list.iter().enumerate() {
                for (j, n) in normal.iter().enumerate() {
                    let a = arrests::splice(n, arrest, case, (i * 100 + j) as u64);
                    let (delay, reason, c) = arrests::found(&a, rate);
                    let undetermined = matches!(c.last(), bodywire_ecg::decide::State::Undetermined(_));
                    match delay {
                        Some(d) => delays.push(d),
                        None if undetermined => blind += 1,
                        None => missed.push(format!("{}-{} {:?} {reason:?}", n.name, i, c.last())),
                    }
                }
            }
            delays.sort_by(f64::total_cmp);
            let within = delays.iter().filter(|d| **d <= 10.0).count();
            say.push(format!(
                "{name} {within} of {} within 10 s (median {:.1} s, 95 % {:.1} s, later {}), undetermined {blind}, \
                 missed {missed:?}",
                delays.len() + blind + missed.len(),
                percentile(&delays, 0.5).unwrap_or(f64::NAN),
                percentile(&delays, 0.95).unwrap_or(f64::NAN),
                delays.len() - within
            ));
        }
        println!("arrests with {case:?}: {}", say.join("; "));
    }
}

/// What becomes of the verdicts when records are lost on the way.
fn lossy() {
    let records: Vec<_> = ["mitdb", "vfdb", "cudb"].map(recordings::load_all).into();
    let [mitdb, vfdb, cudb] = records.try_into().unwrap_or_default();
    let normal: Vec<_> = mitdb.iter().filter(|r| ["100", "113", "234"].contains(&&*r.name)).collect();
    let Some(rate) = normal.first().map(|r| r.rate_hz) else { return };
    let arrests: Vec<_> = arrests::fibrillations(&cudb, rate)
        .into_iter()
        .map(|(_, a)| a)
        .chain([arrests::asystole(rate)])
        .collect();
    let cases = [0.0, 0.01, 0.03, 0.05, 0.1].map(losses::Channel::independent).into_iter().chain(
        [(0.03, 2.0), (0.03, 4.0), (0.05, 2.0), (0.1, 3.0)]
            .map(|(share, run)| losses::Channel { share, run }),
    );
    for channel in cases {
        let (mut wrong, mut hours, mut undetermined) = (0, 0.0, 0.0);
        let (mut beats, mut score) = (0, EpisodeScore::default());
        for (i, r) in mitdb.iter().enumerate() {
            let c = truth::course_with_losses(r, channel.losses(r.samples.len(), r.rate_hz, i as u64));
            let mut excused = truth::ventricular(r);
            let long = excused.iter().copied().filter(|e| e.samples() as f64 >= 3.0 * r.rate_hz);
            score += EpisodeScore::of(&long.collect::<Vec<_>>(), &c.episodes());
            excused.extend(truth::rate_excursions(r));
            excused.sort_by_key(|e| e.start);
            wrong += false_alarms(&c.episodes(), &excused, (SLACK_S * r.rate_hz) as u64).count();
            hours += r.samples.len() as f64 / r.rate_hz / 3600.0;
            undetermined += c.undetermined_samples as f64 / r.rate_hz / 3600.0;
            beats += c.beats.len();
        }
        let (mut delays, mut false_others, mut hours_others) = (Vec::new(), 0, 0.0);
        for (i, r) in vfdb.iter().chain(&cudb).enumerate() {
            let c = truth::course_with_losses(r, channel.losses(r.samples.len(), r.rate_hz, i as u64));
            let mut excused = truth::fibrillation(r);
            for e in excused.iter().filter(|e| e.samples() as f64 >= 10.0 * r.rate_hz) {
                delays.push(latency(*e, &c.episodes()).map_or(f64::INFINITY, |n| n as f64 / r.rate_hz));
            }
            excused.extend(truth::rhythms(r, &["(VT", "(ASYS", "(NOISE"]));
            excused.sort_by_key(|e| e.start);
            let slack = (SLACK_S * r.rate_hz) as u64;
            false_others += false_alarms(&c.episodes(), &excused, slack).count();
            hours_others +=
                samples_at_risk(r.samples.len() as u64, &excused, slack) as f64 / r.rate_hz / 3600.0;
        }
        delays.sort_by(f64::total_cmp);
        let mut sudden = Vec::new();
        for (i, arrest) in arrests.iter().enumerate() {
            for (j, n) in normal.iter().enumerate() {
                let a = arrests::splice(n, arrest, None, 0);
                for again in 0..10 {
                    let seed = (i * 1000 + j * 10 + again) as u64;
                    let lost = channel.losses(a.mv.len(), rate, seed);
                    let c = arrests::run_with_losses(&a.mv, rate, lost);
                    sudden.push(arrests::found_in(c, &a, rate).0.unwrap_or(f64::INFINITY));
                }
            }
        }
        sudden.sort_by(f64::total_cmp);
        let within = |list: &[f64], s: f64| list.iter().filter(|d| **d <= s).count();
        println!(
            "losses {:.0} %, runs of {:.2}: mitdb {wrong} false in {hours:.1} h, VT/VF over 3 s {} of {}, undetermined \
             {:.1} %, {beats} beats; vfdb and cudb {} of {} within 10 s, median {:.1} s, {:.1} false an hour; arrests {} \
             within 10 s, {} within 15 s, of {}, median {:.1} s, 99 % {:.1} s",
            100.0 * channel.share,
            channel.run,
            score.found,
            score.reference,
            100.0 * undetermined / hours,
            within(&delays, 10.0),
            delays.len(),
            percentile(&delays, 0.5).unwrap_or(f64::NAN),
            f64::from(false_others as u32) / hours_others,
            within(&sudden, 10.0),
            within(&sudden, 15.0),
            sudden.len(),
            percentile(&sudden, 0.5).unwrap_or(f64::NAN),
            percentile(&sudden, 0.99).unwrap_or(f64::NAN),
        );
    }
}

/// Reference beats this near a found one are the same, in seconds (ANSI/AAMI EC57).
const SAME_BEAT_S: f64 = 0.15;
/// Time in which weights and threshold are learnt, in seconds: its beats are not judged.
const LEARNING_S: f64 = 300.0;
/// Code number of a ventricular beat in PhysioNet's annotations.
const PVC: u8 = 5;

/// How the coefficients of normal and of ventricular beats lie with fixed and with learnt weights.
fn weighed() {
    let (mut gross, mut areas) = ([[0usize; 4]; 2], [const { Vec::new() }; 2]);
    for r in recordings::load_all("mitdb") {
        let mut say = Vec::new();
        for ((learn, sums), areas) in [false, true].into_iter().zip(&mut gross).zip(&mut areas) {
            let settings = Settings { learn_weights: learn, ..Settings::new(r.rate_hz, r.gain, r.baseline) };
            let mut monitor = Box::new(Monitor::new(settings).unwrap());
            let (mut normal, mut ventricular) = (Vec::new(), Vec::new());
            let reach = (SAME_BEAT_S * r.rate_hz) as u64;
            let code = |at: u64| {
                let from = r.annotations.partition_point(|a| a.0 + reach < at);
                let near = r.annotations.get(from..).unwrap_or_default().iter();
                near.take_while(|a| a.0 <= at + reach).find(|a| a.1.is_beat()).map(|a| a.1)
            };
            let mut before = None;
            for sample in &r.samples {
                monitor.push(*sample);
                while let Some(event) = monitor.poll() {
                    let Event::Beat { r_sample, correlation, .. } = event else { continue };
                    let this = code(r_sample);
                    let pair = (std::mem::replace(&mut before, this), this);
                    let Some(rho) = correlation.and_then(|c| c.rho()) else { continue };
                    if (r_sample as f64) < LEARNING_S * r.rate_hz {
                        continue;
                    }
                    // A cycle is two beats: both of the record's usual kind, or one of the ventricle.
                    match pair {
                        (Some(a), Some(b)) if a.number() == PVC || b.number() == PVC => ventricular.push(rho),
                        (Some(_), Some(_)) => normal.push(rho),
                        _ => {}
                    }
                }
            }
            normal.sort_by(f64::total_cmp);
            areas.extend(area(&normal, &ventricular));
            let threshold = monitor.threshold();
            let below = |list: &[f64]| list.iter().filter(|rho| **rho < threshold).count();
            let counts = [below(&normal), normal.len(), below(&ventricular), ventricular.len()];
            sums.iter_mut().zip(counts).for_each(|(s, n)| *s += n);
            let w = Part::ALL.map(|part| monitor.weights().of(part));
            say.push(format!(
                "{:.2}/{:.2}/{:.2} threshold {threshold:.2}, 1st percentile {:.3}, below it {} of {} and {} of {} ventricular",
                w[0],
                w[1],
                w[2],
                percentile(&normal, 0.01).unwrap_or(f64::NAN),
                counts[0],
                counts[1],
                counts[2],
                counts[3]
            ));
        }
        println!("mitdb {}: fixed {}; learnt {}", r.name, say[0], say[1]);
    }
    for ((name, [n, normal, v, ventricular]), areas) in ["fixed", "learnt"].into_iter().zip(gross).zip(areas)
    {
        let mean = areas.iter().sum::<f64>() / areas.len() as f64;
        println!(
            "mitdb with {name} weights: below the threshold {n} of {normal} normal beats, {v} of {ventricular} ventricular \
             ones; area under the curve between them {mean:.3}, mean of {} records with ten ventricular beats",
            areas.len()
        );
    }
}

/// Share of pairs of a ventricular and a normal beat (sorted) in which the ventricular one has the lower coefficient:
/// how well they can be told apart by any threshold. Nothing with fewer than ten of the one or none of the other.
fn area(normal: &[f64], ventricular: &[f64]) -> Option<f64> {
    let above = |v: &f64| normal.len() - normal.partition_point(|n| n < v);
    let pairs = normal.len() * ventricular.len();
    (ventricular.len() >= 10 && pairs > 0)
        .then(|| ventricular.iter().map(above).sum::<usize>() as f64 / pairs as f64)
}
