//! From the ratio of signal to noise and interference to the chance that a piece of a frame is whole.
//!
//! O-QPSK with its 16 chip sequences: IEEE 802.15.4-2006, annex E, E.4.1.8. Pi/4-DQPSK: the usual bound on differentially
//! detected phases (Proakis, Digital Communications, 5.2.8), then BCH(63, 51), which mends two errors in 63 bits.
//! Interference counts as noise of the same power, as the annex and ns-3 count it.

/// Below this ratio a receiver does not find the preamble: at -5 dB annex E has one wrong bit in ten.
pub(crate) const PREAMBLE_RATIO_MIN: f64 = 0.316_227_766_016_837_94;

/// From this ratio on (16 dB) fewer than one frame in 10^20 has a wrong bit under either modulation: none is drawn.
pub(crate) const CLEAN_RATIO: f64 = 40.0;

/// Thermal noise, in decibels over a milliwatt and hertz, at 290 K.
const THERMAL_DBM_HZ: f64 = -173.975;

/// What a receiver adds to thermal noise, in decibels: a small radio on a chip.
const NOISE_FIGURE_DB: f64 = 10.0;

/// How bits become a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Modulation {
    /// O-QPSK with direct sequence spreading, four bits as 32 chips.
    OQpsk,
    /// Pi/4-DQPSK under BCH(63, 51).
    Dqpsk,
}

/// Binomial coefficients of 16, from two on, with the sign of the formula.
const SIGNED_CHOICES: [f64; 15] = [
    120.0, -560.0, 1820.0, -4368.0, 8008.0, -11440.0, 12870.0, -11440.0, 8008.0, -4368.0, 1820.0, -560.0,
    120.0, -16.0, 1.0,
];

/// Coded bits a second of IEEE 802.15.6 at two bits a symbol, beside the width of its channel in hertz.
const DQPSK_BANDWIDTH_PER_BIT: f64 = 1e6 / 1.2e6;

impl Modulation {
    /// The chance that `bits` information bits are not all right at this ratio of signal to noise and interference.
    pub fn error(self, ratio: f64, bits: u64) -> f64 {
        if ratio >= CLEAN_RATIO || bits == 0 {
            return 0.0;
        }
        match self {
            Self::OQpsk => at_least_one(oqpsk_bit_error(ratio), bits as f64),
            // 51 information bits are one code word.
            Self::Dqpsk => at_least_one(bch_word_error(dqpsk_bit_error(ratio)), bits as f64 / 51.0),
        }
    }
}

/// The chance of at least one of `count` independent events of this chance.
fn at_least_one(chance: f64, count: f64) -> f64 {
    if chance >= 1.0 {
        return 1.0;
    }
    -libm::expm1(count * libm::log1p(-chance))
}

/// Annex E.4.1.8: `8/15 1/16 sum over k from 2 to 16 of (-1)^k C(16, k) exp(20 ratio (1/k - 1))`.
fn oqpsk_bit_error(ratio: f64) -> f64 {
    let sum: f64 = SIGNED_CHOICES
        .iter()
        .zip(2_u32..)
        .map(|(choices, k)| choices * libm::exp(20.0 * ratio * (1.0 / f64::from(k) - 1.0)))
        .sum();
    (8.0 / 15.0 / 16.0 * sum).clamp(0.0, 1.0)
}

/// `1/2 erfc(sqrt(2 Es/N0) sin(pi/8))`, with two coded bits a symbol.
fn dqpsk_bit_error(ratio: f64) -> f64 {
    let symbol = 2.0 * DQPSK_BANDWIDTH_PER_BIT * ratio.max(0.0);
    0.5 * libm::erfc(libm::sqrt(2.0 * symbol) * 0.382_683_432_365_089_8)
}

/// More than two wrong bits of 63.
fn bch_word_error(bit: f64) -> f64 {
    let right = 1.0 - bit;
    let kept = |wrong: f64, ways: f64| ways * libm::pow(bit, wrong) * libm::pow(right, 63.0 - wrong);
    (1.0 - kept(0.0, 1.0) - kept(1.0, 63.0) - kept(2.0, 1953.0)).clamp(0.0, 1.0)
}

/// Noise in a channel of this width, in decibels over a milliwatt, with the receiver's own.
pub fn noise_dbm(bandwidth_hz: f64) -> f64 {
    THERMAL_DBM_HZ + 10.0 * libm::log10(bandwidth_hz) + NOISE_FIGURE_DB
}

#[cfg(test)]
mod tests {
    use super::{Modulation, noise_dbm, oqpsk_bit_error};
    use crate::radio::path_loss::watts_ratio;

    #[test]
    fn the_annexs_curve_is_met() {
        // E.4.1.8 at 0 dB: exp(-10) times 120, less the terms after it, times 1/30.
        assert!((oqpsk_bit_error(1.0) - 1.5e-4).abs() < 0.3e-4);
        // Figure E.2: at -5 dB more than one bit in a hundred, above 3 dB fewer than one in ten million.
        assert!(oqpsk_bit_error(watts_ratio(-5.0)) > 0.01);
        assert!(oqpsk_bit_error(watts_ratio(3.0)) < 1e-7);
        // 20 bytes with less than one error in a hundred frames: the definition of sensitivity.
        assert!(Modulation::OQpsk.error(watts_ratio(1.0), 160) < 0.01);
    }

    #[test]
    fn errors_fall_with_the_ratio_and_grow_with_the_length() {
        for modulation in [Modulation::OQpsk, Modulation::Dqpsk] {
            let mut before = 1.0;
            for db in -10..=12 {
                let now = modulation.error(watts_ratio(f64::from(db)), 800);
                assert!(now <= before, "{modulation:?} at {db} dB");
                assert!(now >= modulation.error(watts_ratio(f64::from(db)), 80));
                before = now;
            }
            assert!(before < 1e-6);
            assert_eq!(modulation.error(0.5, 0), 0.0);
        }
    }

    #[test]
    fn noise_is_thermal_noise_and_the_receivers() {
        assert!((noise_dbm(2e6) - -100.96).abs() < 0.02);
    }
}
