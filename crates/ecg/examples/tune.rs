//! Learns the weights of the QRS detector from annotated recordings, and tells how they do on a record that was left
//! out: `cargo run --release -p bodywire-ecg --example tune`.
//!
//! Logistic regression of "is a beat" on the detector's own evidence. The evidence depends on earlier decisions, so
//! it is collected anew with the weights of each round, and in runs whose bias is pushed up and down at random: a
//! detector that took T waves for beats, or lost the beats, must find its way back.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a tool that prints its figures and stops at a surprise"
)]

#[expect(dead_code, reason = "the window labels of CUDB are for a test")]
#[path = "../tests/recordings/mod.rs"]
mod recordings;

use bodywire_ecg::{
    SampleRate,
    clean::Cleaner,
    detect::{Detector, EVIDENCE, Judged, WEIGHTS},
    evaluate::{BeatScore, score_beats},
    strip::Strip,
    wfdb::AnnotationCode,
};

type Weights = [f32; EVIDENCE];
type Row = ([f32; EVIDENCE], bool);

/// By hand, to start learning from.
#[rustfmt::skip]
const START: Weights = [
    3.0, 3.0, 0.0, -3.0, 2.0, -2.0, 2.0, 0.0, 0.0, 0.0, -1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
];
const ROUNDS: u64 = 4;
/// Penalty on the squares of the standardised weights: without it, weights of evidence that says nearly the same grow
/// against each other.
const RIDGE: f64 = 10.0;

struct Record {
    name: String,
    hz: f64,
    mv: Vec<f32>,
    beats: Vec<u64>,
    flutter: Vec<(u64, u64)>,
}

impl Record {
    fn counts(&self, at: u64, margin: u64) -> bool {
        !self.flutter.iter().any(|&(from, to)| (from.saturating_sub(margin)..=to + margin).contains(&at))
    }
}

fn load() -> Vec<Record> {
    let records = recordings::load_all("mitdb").into_iter();
    records
        .map(|r| {
            let (mut flutter, mut open) = (Vec::new(), None);
            for (at, code, _) in &r.annotations {
                if *code == AnnotationCode::FLUTTER_START {
                    open = Some(*at);
                } else if *code == AnnotationCode::FLUTTER_END {
                    flutter.extend(open.take().map(|from| (from, *at)));
                }
            }
            let mv = r.samples.iter().map(|&s| ((f64::from(s) - f64::from(r.baseline)) / r.gain) as f32);
            Record {
                mv: mv.collect(),
                hz: r.rate_hz,
                beats: r.annotations.iter().filter(|a| a.1.is_beat()).map(|a| a.0).collect(),
                flutter,
                name: r.name,
            }
        })
        .collect()
}

/// Runs the detector; `kicks` seeds random pushes of its bias.
fn run(r: &Record, weights: &Weights, kicks: Option<u64>) -> (Vec<u64>, Vec<Judged>) {
    let rate = SampleRate::new(r.hz).unwrap();
    let (mut cleaner, mut strip) = (Cleaner::new(rate), Strip::new(0));
    let mut detector = Detector::with_weights(rate, 0, *weights);
    let (mut beats, mut judged) = (Vec::new(), Vec::new());
    let mut state = kicks.unwrap_or(0).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut random = move |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    let (mut until, mut pushed) = (0, false);
    // The last value is held for a second, so that the last beats are judged.
    for (i, &mv) in (0u64..).zip(r.mv.iter().chain(std::iter::repeat_n(r.mv.last().unwrap(), r.hz as usize)))
    {
        if kicks.is_some() && i >= until {
            pushed = !pushed;
            let mut w = *weights;
            if pushed {
                w[0] += [-9.0, -6.0, -3.0, 3.0, 6.0, 9.0][random(6) as usize];
            }
            until = i + (r.hz as u64) * if pushed { 2 + random(7) } else { 8 + random(20) };
            detector.retune(w);
        }
        let cleaned = cleaner.push(mv);
        strip.push(cleaned.shape_mv);
        if let Some(at) = detector.push_watched(cleaned, &strip, &mut |j| judged.push(*j))
            && at < r.mv.len() as u64
        {
            beats.push(at);
        }
    }
    (beats, judged)
}

fn score(r: &Record, detected: &[u64]) -> BeatScore {
    let keep = |at: &u64| r.counts(*at, 0);
    score_beats(
        r.beats.iter().copied().filter(keep),
        detected.iter().copied().filter(keep),
        (0.15 * r.hz) as u64,
    )
}

/// Each reference beat makes the candidate nearest to it within 150 ms a beat.
fn label(r: &Record, judged: &[Judged]) -> Vec<Row> {
    let near = (0.15 * r.hz) as u64;
    let mut is_beat = vec![false; judged.len()];
    for &beat in &r.beats {
        let nearest = (0..judged.len())
            .skip(judged.partition_point(|j| j.r + 4 * near < beat))
            .take_while(|&i| judged[i].r < beat + 4 * near)
            .min_by_key(|&i| judged[i].r.abs_diff(beat));
        if let Some(i) = nearest.filter(|&i| judged[i].r.abs_diff(beat) <= near) {
            is_beat[i] = true;
        }
    }
    judged
        .iter()
        .zip(is_beat)
        .filter(|(j, _)| r.counts(j.r, 2 * near))
        .map(|(j, b)| (j.evidence, b))
        .collect()
}

/// Logistic regression by Newton steps.
fn fit(rows: &[Row], from: &Weights) -> Weights {
    let n = rows.len() as f64;
    let mut scale = [0.0f64; EVIDENCE];
    for row in rows {
        for (s, &x) in scale.iter_mut().zip(&row.0) {
            *s += f64::from(x) * f64::from(x) / n;
        }
    }
    let scale = scale.map(|s| if s > 0.0 { s.sqrt() } else { 1.0 });
    let mut w = [0.0f64; EVIDENCE];
    for i in 0..EVIDENCE {
        w[i] = f64::from(from[i]) * scale[i];
    }
    for _ in 0..20 {
        let mut hessian = [[0.0f64; EVIDENCE]; EVIDENCE];
        let mut gradient = w.map(|w| -RIDGE * w);
        for (i, h) in hessian.iter_mut().enumerate() {
            h[i] = RIDGE;
        }
        for row in rows {
            let mut x = [0.0f64; EVIDENCE];
            for i in 0..EVIDENCE {
                x[i] = f64::from(row.0[i]) / scale[i];
            }
            let z: f64 = x.iter().zip(&w).map(|(x, w)| x * w).sum();
            let p = 1.0 / (1.0 + (-z).exp());
            let miss = f64::from(u8::from(row.1)) - p;
            let curve = p * (1.0 - p);
            for i in 0..EVIDENCE {
                gradient[i] += miss * x[i];
                if curve > 1e-6 {
                    for j in 0..=i {
                        hessian[i][j] += curve * x[i] * x[j];
                    }
                }
            }
        }
        let mut moved = 0.0f64;
        for (w, d) in w.iter_mut().zip(solve(hessian, gradient)) {
            *w += d.clamp(-3.0, 3.0);
            moved = moved.max(d.abs());
        }
        if moved < 0.003 {
            break;
        }
    }
    let mut out = [0.0f32; EVIDENCE];
    for i in 0..EVIDENCE {
        out[i] = (w[i] / scale[i]) as f32;
    }
    out
}

/// Solves a symmetric positive definite system given by its lower half (Cholesky).
fn solve(mut a: [[f64; EVIDENCE]; EVIDENCE], mut b: [f64; EVIDENCE]) -> [f64; EVIDENCE] {
    for i in 0..EVIDENCE {
        for j in 0..=i {
            let sum: f64 = (0..j).map(|k| a[i][k] * a[j][k]).sum();
            a[i][j] = if i == j { (a[i][i] - sum).max(1e-9).sqrt() } else { (a[i][j] - sum) / a[j][j] };
        }
        let sum: f64 = (0..i).map(|k| a[i][k] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i][i];
    }
    for i in (0..EVIDENCE).rev() {
        let sum: f64 = (i + 1..EVIDENCE).map(|k| a[k][i] * b[k]).sum();
        b[i] = (b[i] - sum) / a[i][i];
    }
    b
}

/// Evidence of an undisturbed and of a disturbed run.
fn collect(r: &Record, weights: &Weights, seed: u64) -> Vec<Row> {
    let mut rows = label(r, &run(r, weights, None).1);
    rows.extend(label(r, &run(r, weights, Some(seed)).1));
    rows
}

/// Weights learnt from all of `records` but the one left out; `first` is the evidence that [`START`] collects.
fn learn(records: &[Record], first: &[Vec<Row>], left_out: Option<usize>) -> Weights {
    let used = || records.iter().zip(first).enumerate().filter(|(i, _)| Some(*i) != left_out);
    let mut rows: Vec<Row> = used().flat_map(|(_, (_, rows))| rows.iter().copied()).collect();
    let mut weights = fit(&rows, &START);
    // What the first weights led to is not what the last ones meet.
    rows.clear();
    for round in 1..ROUNDS {
        for (i, (r, _)) in used() {
            rows.extend(collect(r, &weights, round * 100 + i as u64));
        }
        weights = fit(&rows, &weights);
    }
    weights
}

fn main() {
    let records = load();
    let print = |what: &str, scores: &[BeatScore]| {
        let mut gross = BeatScore::default();
        for (r, s) in records.iter().zip(scores) {
            print!("{}:{}/{} ", r.name, s.missed, s.extra);
            gross += *s;
        }
        println!("\n{what}: F1 {:.5} missed {} extra {}", gross.f1(), gross.missed, gross.extra);
    };
    let test = |weights: &Weights| -> Vec<BeatScore> {
        records.iter().map(|r| score(r, &run(r, weights, None).0)).collect()
    };
    print("weights in the code", &test(&WEIGHTS));
    let first: Vec<Vec<Row>> = (1..).zip(&records).map(|(i, r)| collect(r, &START, i)).collect();
    let all = learn(&records, &first, None);
    println!("{all:.3?}");
    print("learnt from all", &test(&all));
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let left_out: Vec<BeatScore> = records
        .iter()
        .enumerate()
        .map(|(i, r)| {
            if !wanted.is_empty() && !wanted.contains(&r.name) {
                return BeatScore::default();
            }
            score(r, &run(r, &learn(&records, &first, Some(i)), None).0)
        })
        .collect();
    print("each record with weights learnt from the others", &left_out);
}
