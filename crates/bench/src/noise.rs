//! False rejects of the enrolled device and false accepts of strangers, by complete handshakes.

use crate::figure::Figure;
use crate::predict;
use crate::rounds::monotonic;
use bodywire_proto::handshake::{ATTEMPTS_PER_EPOCH_MAX, Profile};
use bodywire_proto::paper::DISTANCE_MAX;
use bodywire_proto::polar::Code;
use bodywire_proto::polar::list::LIST_PATHS;
use bodywire_proto::wire::Suite;
use bodywire_sim::measure::binomial;
use bodywire_sim::measure::handshake::{Ended, Pair};
use indicatif::{ProgressBar, ProgressStyle};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

const NOISES: [f64; 4] = [0.03, 0.05, 0.08, 0.10];
/// How far chance may carry a measurement from a bound, in standard deviations.
const SIGMAS: f64 = 5.0;

/// What is predicted at one point.
struct Prediction {
    /// No code of this length, or no comparison, can do better.
    least: f64,
    /// Nothing like this may do worse.
    most: f64,
    rate: f64,
    /// True when the rate was itself measured.
    drawn: bool,
    by: &'static str,
}

impl Prediction {
    /// True when chance alone explains what was measured.
    fn allows(&self, measured: f64, handshakes: u32) -> bool {
        let one = 1.0 / f64::from(handshakes);
        let spread = |rate: f64| SIGMAS * ((rate * one).sqrt() + one);
        let apart = spread(self.rate) + if self.drawn { spread(measured) } else { 0.0 };
        let possible = self.least - spread(self.least)..=self.most + spread(self.most);
        possible.contains(&measured) && (measured - self.rate).abs() <= apart
    }
}

fn predict(profile: Profile, p: f64, draws: u32) -> Prediction {
    let code = |suite, k, design| {
        let code = Code::of(suite);
        let n = 8 * code.length_bytes();
        Prediction {
            least: predict::floor(n, k, 1.0 + LIST_PATHS as f64, p),
            most: predict::ceiling(n, k, design, p),
            rate: f64::from(failures(code, p, draws)) / f64::from(draws),
            drawn: true,
            by: "the code alone, independent bit errors",
        }
    };
    match profile {
        Profile::Hardened(Suite::Polar256) => code(Suite::Polar256, 136, 0.05),
        Profile::Hardened(Suite::Polar512) => code(Suite::Polar512, 144, 0.10),
        Profile::Paper => {
            // Both sides compare, and they compare the same two responses.
            let rate = binomial::tail(640, DISTANCE_MAX as usize, p);
            let by = "binomial tail beyond 128 of 640";
            Prediction { least: rate, most: rate, rate, drawn: false, by }
        }
    }
}

/// Words that do not come back over a binary symmetric channel: no PUF, no handshake.
fn failures(code: &Code, p: f64, draws: u32) -> u32 {
    let mut rng = ChaCha20Rng::seed_from_u64(3);
    let threshold = (p * 4_294_967_296.0) as u32;
    let (mut word, mut noisy) = (vec![0u8; code.length_bytes()], vec![0u8; code.length_bytes()]);
    let mut fails = || {
        code.random_word(&mut word, &mut rng);
        for (noisy, byte) in noisy.iter_mut().zip(&word) {
            *noisy = (0..8).fold(*byte, |byte, bit| byte ^ u8::from(rng.next_u32() < threshold) << bit);
        }
        !code.decode(&noisy, |candidate| candidate == word)
    };
    (0..draws).filter(|_| fails()).count() as u32
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
            let mut pair = Pair::new(profile, strength, false, 1).expect("a profile can be enrolled");
            let rejected = (0..handshakes).filter(|_| !completed(&mut pair, profile, &bar)).count();
            let measured = rejected as f64 / f64::from(handshakes);
            let predicted = predict(profile, p, handshakes);
            sound &= predicted.allows(measured, handshakes);
            let Prediction { least, most, rate, by, .. } = predicted;
            let name = format!("{}, {:.0} % noise, false rejects", profile.name(), 100.0 * p);
            let peer = format!("{by} ({least:.1e} to {most:.1e} possible)");
            figures.push(Figure::new(name, "share", measured, peer, rate));
        }
        let stranger = |run: u32| {
            Pair::new(profile, (0.03 * std::f64::consts::PI).tan(), true, u64::from(run))
                .expect("a profile can be enrolled")
        };
        let mut pair = stranger(0);
        let accepted = (0..handshakes)
            .filter(|run| {
                bar.inc(1);
                // A sensor has so many attempts before it asks to be enrolled again.
                if run % u32::from(ATTEMPTS_PER_EPOCH_MAX) == 0 {
                    pair = stranger(*run);
                }
                let Ended { sensor, hub, .. } = pair.run(monotonic).expect("attempts are left");
                sensor || hub
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
    let ended = pair.run(monotonic).expect("attempts are left");
    // The paper's seeds repeat after 640 runs, and its challenges with them; the noise is fresh all the same.
    debug_assert!(profile == Profile::Paper || ended.sensor == ended.hub);
    ended.sensor && ended.hub
}
