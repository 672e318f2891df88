//! How much of a signal arrives.
//!
//! Two models of the mean: the log-distance model of free rooms, which ns-3 uses, and the fit over bodies of the channel
//! model document of IEEE 802.15.6 (15-08-0780, CM3: from one point on a body to another, 2.4 GHz). On top of either a body
//! moves: a log-normal shadow for each sensor that forgets itself with time (a first-order Gauss-Markov process in decibels).

use crate::agenda::Time;
use rand_chacha::ChaCha8Rng;
use rand_core::Rng;

/// Shortest distance that the models are evaluated at, in metres: below it a fit has no meaning.
const DISTANCE_M_MIN: f64 = 0.01;

/// Mean loss over distance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum PathLoss {
    /// `reference_db + 10 exponent log10(d / 1 m)`; below one metre the loss at one metre, as in ns-3.
    LogDistance {
        /// Loss at one metre, in decibels.
        reference_db: f64,
        /// How fast it grows.
        exponent: f64,
    },
    /// `slope log10(d / 1 mm) + offset_db`, as channel model document 15-08-0780 prints it.
    Body {
        /// Decibels a decade.
        slope_db: f64,
        /// Loss at one millimetre, in decibels.
        offset_db: f64,
    },
}

impl PathLoss {
    /// What ns-3 takes when nothing is said: exponent 3, and 46.6777 dB at one metre.
    pub const NS3: Self = Self::LogDistance { reference_db: 46.6777, exponent: 3.0 };
    /// CM3 at 2.4 GHz, measured in a hospital room.
    pub const BODY_HOSPITAL: Self = Self::Body { slope_db: 6.6, offset_db: 36.1 };
    /// CM3 at 2.4 GHz, measured in an anechoic chamber.
    pub const BODY_ANECHOIC: Self = Self::Body { slope_db: 29.3, offset_db: -16.8 };

    /// Mean loss over a distance in metres, in decibels, never below zero.
    pub fn loss_db(&self, distance_m: f64) -> f64 {
        let metres = distance_m.max(DISTANCE_M_MIN);
        let loss = match *self {
            Self::LogDistance { reference_db, exponent } => {
                reference_db + 10.0 * exponent * libm::log10(metres.max(1.0))
            }
            Self::Body { slope_db, offset_db } => slope_db * libm::log10(1_000.0 * metres) + offset_db,
        };
        loss.max(0.0)
    }
}

/// How a body's shadow varies.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shadowing {
    /// Standard deviation, in decibels.
    pub sigma_db: f64,
    /// After so many milliseconds a shadow is correlated with itself by 1/e.
    pub correlation_ms: f64,
}

impl Shadowing {
    /// CM3 at 2.4 GHz in a hospital room: 3.8 dB. The document gives no time; 500 ms is about half a step.
    pub const BODY_HOSPITAL: Self = Self { sigma_db: 3.8, correlation_ms: 500.0 };
}

/// The shadow on one sensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shadow {
    db: f64,
    /// What of the power is left.
    pub(crate) factor: f64,
    at: Time,
}

impl Shadow {
    /// No shadow.
    pub(crate) const NONE: Self = Self { db: 0.0, factor: 1.0, at: Time::ZERO };

    /// A shadow drawn for the start of a run.
    pub(crate) fn new(model: &Shadowing, rng: &mut ChaCha8Rng) -> Self {
        let db = model.sigma_db * normal(rng);
        Self { db, factor: watts_ratio(-db), at: Time::ZERO }
    }

    /// Moves the shadow on to `now`.
    pub(crate) fn advance(&mut self, model: &Shadowing, now: Time, rng: &mut ChaCha8Rng) {
        let passed_ms = now.since(self.at) as f64 / 1e6;
        if passed_ms <= 0.0 {
            return;
        }
        let keeps = libm::exp(-passed_ms / model.correlation_ms.max(f64::MIN_POSITIVE));
        self.db = keeps * self.db + model.sigma_db * libm::sqrt(1.0 - keeps * keeps) * normal(rng);
        self.factor = watts_ratio(-self.db);
        self.at = now;
    }
}

/// A draw from the standard normal distribution (Box and Muller, 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = libm::sqrt(-2.0 * libm::log(uniform(rng)));
    radius * libm::cos(core::f64::consts::TAU * uniform(rng))
}

/// A draw from the open interval between 0 and 1.
pub(crate) fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    (f64::from(rng.next_u32()) + 0.5) / 4_294_967_296.0
}

/// Decibels as a ratio of powers.
pub fn watts_ratio(db: f64) -> f64 {
    libm::pow(10.0, db / 10.0)
}

/// Decibels over a milliwatt, in watts.
pub fn dbm_to_watts(dbm: f64) -> f64 {
    watts_ratio(dbm - 30.0)
}

#[cfg(test)]
mod tests {
    use super::{PathLoss, Shadow, Shadowing, dbm_to_watts};
    use crate::agenda::Time;
    use rand_chacha::ChaCha8Rng;
    use rand_core::SeedableRng;

    #[test]
    fn losses_are_those_of_the_printed_fits() {
        assert!((PathLoss::NS3.loss_db(1.0) - 46.6777).abs() < 1e-9);
        assert!((PathLoss::NS3.loss_db(0.4) - 46.6777).abs() < 1e-9);
        assert!((PathLoss::NS3.loss_db(10.0) - 76.6777).abs() < 1e-9);
        // 6.6 log10(500) + 36.1.
        assert!((PathLoss::BODY_HOSPITAL.loss_db(0.5) - 53.9132).abs() < 1e-3);
        assert!((PathLoss::BODY_ANECHOIC.loss_db(0.5) - 62.2798).abs() < 1e-3);
        assert!(PathLoss::BODY_ANECHOIC.loss_db(0.0) >= 0.0);
        assert!((dbm_to_watts(0.0) - 1e-3).abs() < 1e-15);
    }

    #[test]
    fn shadows_have_the_deviation_and_the_memory_of_their_model() {
        let model = Shadowing { sigma_db: 4.0, correlation_ms: 100.0 };
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut shadow = Shadow::new(&model, &mut rng);
        let (mut squares, mut products) = (0.0, 0.0);
        let draws = 20_000;
        for step in 1..=draws {
            let before = shadow.db;
            shadow.advance(&model, Time::from_millis(100 * step), &mut rng);
            squares += shadow.db * shadow.db;
            products += shadow.db * before;
        }
        assert!((squares / draws as f64 - 16.0).abs() < 1.0);
        assert!((products / squares - (-1.0_f64).exp()).abs() < 0.03);
    }
}
