//! The fibrillation index alone, per window: sensitivity and specificity of the thresholds in use, and with thresholds
//! fitted on all recordings but one and tried on that one: `cargo run --release -p bodywire-ecg --example index`.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "the figures are the output; a surprise stops it"
)]

#[path = "../tests/recordings/mod.rs"]
mod recordings;
#[path = "../tests/truth/mod.rs"]
mod truth;

use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    evaluate::episodes::Episode,
    fibrillation::{Features, INDEX_MIN, LEAKAGE_MAX, WINDOW_S, features},
    strip::Strip,
};

struct Window {
    features: Option<Features>,
    fibrillates: bool,
}

struct Record {
    db: &'static str,
    name: String,
    windows: Vec<Window>,
}

/// One window a second, that lies wholly in fibrillation or wholly outside it and every other excluded rhythm.
fn windows(db: &'static str, r: &recordings::Loaded) -> Record {
    let rate = SampleRate::new(r.rate_hz).unwrap();
    let (mut cleaner, mut strip, mut list) = (Cleaner::new(rate), Strip::new(0), Vec::new());
    let yes = truth::fibrillation(r);
    let excluded = [truth::ventricular(r), truth::rhythms(r, &["(VT", "(ASYS", "(NOISE"])].concat();
    for (i, &s) in r.samples.iter().enumerate() {
        strip.push(cleaner.push(((f64::from(s) - f64::from(r.baseline)) / r.gain) as f32).shape_mv);
        let end = i as u64 + 1;
        if !end.is_multiple_of(rate.samples(1.0)) || end < rate.samples(WINDOW_S) {
            continue;
        }
        let window = Episode { start: end - rate.samples(WINDOW_S), end };
        let within = |list: &[Episode]| list.iter().map(|e| e.common(window)).sum::<u64>();
        let fibrillates = within(&yes) == window.samples();
        if fibrillates || within(&yes) + within(&excluded) == 0 {
            list.push(Window { features: features(&strip, rate), fibrillates });
        }
    }
    Record { db, name: r.name.clone(), windows: list }
}

/// Right and all windows with fibrillation, right and all without.
fn count(r: &Record, index: f32, leakage: f32) -> [f64; 4] {
    let mut c = [0.0; 4];
    for w in &r.windows {
        let said = w.features.is_some_and(|f| f.exceeds(index, leakage));
        let at = if w.fibrillates { 0 } else { 2 };
        c[at] += f64::from(u8::from(said == w.fibrillates));
        c[at + 1] += 1.0;
    }
    c
}

/// Counts of several recordings together.
fn total(counts: impl Iterator<Item = [f64; 4]>) -> [f64; 4] {
    counts.fold([0.0; 4], |sum, c| std::array::from_fn(|i| sum[i] + c[i]))
}

fn main() {
    let mut records = Vec::new();
    for db in ["vfdb", "cudb", "mitdb"] {
        records.extend(recordings::load_all(db).iter().map(|r| windows(db, r)));
    }
    let leakages = [0.70, 0.74, 0.78, 0.82];
    let grid: Vec<(f32, f32)> = (255..=320)
        .step_by(5)
        .flat_map(|index| leakages.map(|leakage| (index as f32 / 1000.0, leakage)))
        .collect();
    let table: Vec<Vec<[f64; 4]>> =
        records.iter().map(|r| grid.iter().map(|(i, l)| count(r, *i, *l)).collect()).collect();
    // Fitted on the recordings of fibrillation but one. Youden's index with a false alarm weighing thrice, as nine
    // tenths of the time there is no fibrillation.
    let fitted_without = |left_out: usize| {
        let value = |g: usize| {
            let others = (0..records.len()).filter(|j| *j != left_out && records[*j].db != "mitdb");
            let [found, all, quiet, calm] = total(others.map(|j| table[j][g]));
            found / all + 3.0 * quiet / calm
        };
        (0..grid.len()).max_by(|a, b| value(*a).total_cmp(&value(*b))).unwrap()
    };
    for db in ["vfdb", "cudb", "mitdb"] {
        let of = || (0..records.len()).filter(|i| records[*i].db == db);
        let fixed = total(of().map(|i| count(&records[i], INDEX_MIN, LEAKAGE_MAX)));
        let left_out = total(of().map(|i| table[i][fitted_without(i)]));
        let say = |c: [f64; 4]| format!("sensitivity {:.4}, specificity {:.4}", c[0] / c[1], c[2] / c[3]);
        println!(
            "{db}: thresholds in use {}; fitted on the others {} ({} windows with and {} without fibrillation)",
            say(fixed),
            say(left_out),
            fixed[1],
            fixed[3]
        );
    }
    for r in &records {
        let [_, _, quiet, calm] = count(r, INDEX_MIN, LEAKAGE_MAX);
        if calm - quiet > 20.0 {
            println!("{} {}: {} false windows of {calm}", r.db, r.name, calm - quiet);
        }
    }
}
