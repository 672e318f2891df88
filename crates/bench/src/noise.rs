//! False rejects of the enrolled device and false accepts of strangers, by complete handshakes.

use crate::figure::Figure;
use crate::link::{Ended, Pair};
use crate::predict;
use bodywire_proto::handshake::{ATTEMPTS_PER_EPOCH_MAX, Profile};
use bodywire_proto::paper::DISTANCE_MAX;
use bodywire_proto::polar::list::LIST_PATHS;
use bodywire_proto::wire::Suite;
use indicatif::{ProgressBar, ProgressStyle};

const NOISES: [f64; 4] = [0.03, 0.05, 0.08, 0.10];
/// How far chance may carry a measurement from a bound, in standard deviations.
const SIGMAS: f64 = 5.0;

/// What theory allows at one point.
struct Prediction {
    least: f64,
    expected: f64,
    most: f64,
    by: &'static str,
}

fn predict(profile: Profile, p: f64) -> Prediction {
    let code = |n, k, design| Prediction {
        least: predict::floor(n, k, 1.0 + LIST_PATHS as f64, p),
        expected: predict::expected(n, k, LIST_PATHS as f64, p),
        most: predict::ceiling(n, k, design, p),
        by: "best code of this length, expected",
    };
    match profile {
        Profile::Hardened(Suite::Polar256) => code(256, 136, 0.05),
        Profile::Hardened(Suite::Polar512) => code(512, 144, 0.10),
        Profile::Paper => {
            let tail = predict::tail(640, DISTANCE_MAX as usize, p);
            // Both sides compare, and they compare the same two responses.
            Prediction { least: tail, expected: tail, most: tail, by: "binomial tail beyond 128 of 640" }
        }
    }
}

/// All points. False when a measurement is outside what theory allows, or a stranger was accepted.
pub(crate) fn figures(handshakes: u32) -> (Vec<Figure>, bool) {
    let total = u64::from(handshakes) * (NOISES.len() as u64 + 1) * Profile::ALL.len() as u64;
    let bar = ProgressBar::new(total);
    if let Ok(style) = ProgressStyle::with_template("{bar:24} {human_pos}/{human_len} handshakes {eta}") {
        bar.set_style(style);
    }
    let (mut figures, mut sound) = (Vec::new(), true);
    for profile in Profile::ALL.iter().copied() {
        for p in NOISES {
            // The share of bits that read differently is atan(s) / pi for noise of strength s.
            let strength = (p * std::f64::consts::PI).tan();
            let mut pair = Pair::new(profile, strength, false, 1);
            let rejected = (0..handshakes).filter(|_| !completed(&mut pair, profile, &bar)).count();
            let measured = rejected as f64 / f64::from(handshakes);
            let Prediction { least, expected, most, by } = predict(profile, p);
            let slack =
                |bound: f64| SIGMAS * (bound / f64::from(handshakes)).sqrt() + SIGMAS / f64::from(handshakes);
            sound &= (least - slack(least)..=most + slack(most)).contains(&measured);
            let name = format!("{}, {:.0} % noise, false rejects", profile.name(), 100.0 * p);
            let peer = format!("{by} ({least:.1e} to {most:.1e} possible)");
            figures.push(Figure::new(name, "share", measured, peer, expected));
        }
        let stranger =
            |run: u32| Pair::new(profile, (0.03 * std::f64::consts::PI).tan(), true, u64::from(run));
        let mut pair = stranger(0);
        let accepted = (0..handshakes)
            .filter(|run| {
                bar.inc(1);
                // A sensor has so many attempts before it asks to be enrolled again.
                if run % u32::from(ATTEMPTS_PER_EPOCH_MAX) == 0 {
                    pair = stranger(*run);
                }
                pair.run() != Ended { sensor: false, hub: false }
            })
            .count();
        sound &= accepted == 0;
        let name = format!("{}, strangers accepted of {handshakes}", profile.name());
        figures.push(Figure::new(name, "runs", accepted as f64, "none".to_owned(), 0.0));
    }
    bar.finish_and_clear();
    (figures, sound)
}

fn completed(pair: &mut Pair, profile: Profile, bar: &ProgressBar) -> bool {
    bar.inc(1);
    let ended = pair.run();
    // The paper's seeds repeat after 640 runs, and its challenges with them; the noise is fresh all the same.
    debug_assert!(profile == Profile::Paper || ended.sensor == ended.hub);
    ended.sensor && ended.hub
}
