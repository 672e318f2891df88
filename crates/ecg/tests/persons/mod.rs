//! Sessions of ECG-ID and the equal error rate of telling persons apart.

use crate::{noise::Random, recordings};
use bodywire_ecg::{
    identity::{Signature, similarity},
    monitor::Monitor,
    settings::Settings,
    wfdb::{Header, Recording},
};

/// One recording of a person.
pub(crate) struct Session {
    pub(crate) person: usize,
    pub(crate) signature: Signature,
}

/// All sessions that yield a template.
pub(crate) fn sessions() -> Vec<Session> {
    let Some(folder) = recordings::database("ecgiddb") else { return Vec::new() };
    let mut names: Vec<String> =
        std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    let mut out = Vec::new();
    for (person, name) in names.iter().enumerate() {
        let Some(folder) = recordings::database(&format!("ecgiddb/{name}")) else { continue };
        let mut headers: Vec<_> = std::fs::read_dir(folder)
            .unwrap()
            .map(|e| e.unwrap().path())
            .filter(|p| p.extension().is_some_and(|e| e == "hea"))
            .collect();
        headers.sort();
        // The checksums of a few headers are not those of their samples; nothing is asserted about them here.
        for path in headers {
            let text = std::fs::read_to_string(&path).unwrap();
            let header = Header::parse(&text).unwrap();
            let bytes = std::fs::read(path.with_extension("dat")).unwrap();
            let spec = header.signals()[0];
            let settings = Settings::new(header.sample_rate_hz(), spec.gain, spec.baseline);
            let mut monitor = Monitor::new(settings).unwrap();
            Recording::new(&header, &bytes).unwrap().signal(0).for_each(|s| monitor.push(s));
            out.extend(monitor.signature().map(|signature| Session { person, signature }));
        }
    }
    out
}

/// Score and weight of a pair; each person's own pairs weigh 1 together, so that none with many sessions rules.
struct Pair {
    a: usize,
    b: usize,
    score: f64,
}

fn pairs(sessions: &[Session]) -> Vec<Pair> {
    let mut out = Vec::new();
    for (i, a) in sessions.iter().enumerate() {
        for b in sessions.iter().skip(i + 1) {
            let score = similarity(&a.signature, &b.signature).map_or(-1.0, |s| s.score);
            out.push(Pair { a: a.person, b: b.person, score });
        }
    }
    out
}

/// Equal error rate and its threshold, when each person occurs `times` often.
fn equal_error_rate(pairs: &[Pair], times: &[f64]) -> (f64, f64) {
    let mut own = vec![0.0; times.len()];
    pairs.iter().filter(|p| p.a == p.b).for_each(|p| own[p.a] += 1.0);
    let mut list: Vec<(f64, bool, f64)> = pairs
        .iter()
        .map(|p| {
            let same = p.a == p.b;
            (p.score, same, if same { times[p.a] / own[p.a] } else { times[p.a] * times[p.b] })
        })
        .filter(|p| p.2 > 0.0)
        .collect();
    list.sort_by(|a, b| a.0.total_cmp(&b.0));
    let sum = |same| list.iter().filter(|p| p.1 == same).map(|p| p.2).sum::<f64>();
    let (same, other) = (sum(true), sum(false));
    let (mut rejected, mut accepted) = (0.0, other);
    for (score, is_same, weight) in &list {
        if rejected / same >= accepted / other {
            return (0.5 * (rejected / same + accepted / other), *score);
        }
        if *is_same { rejected += weight } else { accepted -= weight }
    }
    (1.0, 1.0)
}

/// Equal error rate, its threshold, and a text with the 95 % interval of a bootstrap over persons.
pub(crate) fn equal_error(sessions: &[Session], bootstraps: u64) -> (f64, f64, String) {
    let pairs = pairs(sessions);
    let persons = sessions.iter().map(|s| s.person).max().unwrap_or(0) + 1;
    let (rate, threshold) = equal_error_rate(&pairs, &vec![1.0; persons]);
    let mut rates: Vec<f64> = (0..bootstraps)
        .map(|seed| {
            let (mut random, mut times) = (Random(seed), vec![0.0; persons]);
            (0..persons).for_each(|_| times[(random.unit() * persons as f64) as usize] += 1.0);
            equal_error_rate(&pairs, &times).0
        })
        .collect();
    rates.sort_by(f64::total_cmp);
    let at = |p: f64| rates.get((p * rates.len() as f64) as usize).copied().unwrap_or(f64::NAN);
    let same = pairs.iter().filter(|p| p.a == p.b).count();
    let text = format!(
        "ecgiddb: {} sessions of {persons} persons, {same} pairs of one person, {} of two; equal error rate {:.3} \
         (95 % interval {:.3} to {:.3}) at {threshold:.3}",
        sessions.len(),
        pairs.len() - same,
        rate,
        at(0.025),
        at(0.975)
    );
    (rate, threshold, text)
}
