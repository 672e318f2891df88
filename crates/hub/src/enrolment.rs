//! Enrolment in the secure room: read the PUF, judge it, keep the pairs (paper B, section 3.1).

use crate::error::Error;
use bodywire_proto::puf::{Challenge, Puf, RESPONSE_BITS, RESPONSE_BYTES, Response};
use bodywire_store::PufQuality;

/// Readings of each response; the majority is kept. Odd, so that there always is one.
pub const READINGS: u32 = 7;
/// Least share of bits that read like the majority: the code corrects 5 % of noise.
pub const RELIABILITY_MIN: f64 = 0.95;
/// Bounds of the share of ones. Outside, the response has less entropy than the code offset needs.
pub const UNIFORMITY_RANGE: (f64, f64) = (0.45, 0.55);

/// A PUF that was read and found good.
pub struct Enrolled {
    /// Each is used for one authentication.
    pub pairs: Vec<(Challenge, Response)>,
    /// What was measured.
    pub quality: PufQuality,
}

/// Reads `count` responses of a PUF [`READINGS`] times each. `progress` is told after each response.
pub fn enroll(puf: &mut impl Puf, count: u32, mut progress: impl FnMut(u32)) -> Result<Enrolled, Error> {
    let mut pairs = Vec::with_capacity(count as usize);
    let (mut stable, mut ones) = (0u64, 0u64);
    for number in 0..count {
        let challenge = Challenge(u64::from(number).to_be_bytes());
        let votes = read_votes(puf, &challenge);
        let mut response = Response([0; RESPONSE_BYTES]);
        for (i, vote) in votes.iter().enumerate() {
            let one = *vote > READINGS / 2;
            if let Some(byte) = response.0.get_mut(i / 8) {
                *byte |= u8::from(one) << (i % 8);
            }
            ones += u64::from(one);
            stable += u64::from(if one { *vote } else { READINGS - *vote });
        }
        pairs.push((challenge, response));
        progress(number + 1);
    }
    let bits = f64::from(count) * RESPONSE_BITS as f64;
    let quality = PufQuality {
        reliability: stable as f64 / (bits * f64::from(READINGS)),
        uniformity: ones as f64 / bits,
    };
    judge(quality)?;
    Ok(Enrolled { pairs, quality })
}

fn read_votes(puf: &mut impl Puf, challenge: &Challenge) -> [u32; RESPONSE_BITS] {
    let mut votes = [0u32; RESPONSE_BITS];
    for _ in 0..READINGS {
        let mut reading = Response([0; RESPONSE_BYTES]);
        puf.respond(challenge, &mut reading);
        for (i, vote) in votes.iter_mut().enumerate() {
            *vote += reading.0.get(i / 8).map_or(0, |byte| u32::from(byte >> (i % 8) & 1));
        }
    }
    votes
}

fn judge(quality: PufQuality) -> Result<(), Error> {
    // Ranges, so that a measure that is not a number (no pairs at all) is refused.
    if !(RELIABILITY_MIN..=1.0).contains(&quality.reliability) {
        return Err(Error::PoorPuf {
            what: "reliability",
            found: quality.reliability,
            needed: "at least 0.95",
        });
    }
    if !(UNIFORMITY_RANGE.0..=UNIFORMITY_RANGE.1).contains(&quality.uniformity) {
        return Err(Error::PoorPuf { what: "uniformity", found: quality.uniformity, needed: "0.45 to 0.55" });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    struct Device {
        noise: f64,
        stuck: bool,
        rng: ChaCha20Rng,
    }

    impl Puf for Device {
        fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
            let mut cells = ChaCha20Rng::seed_from_u64(u64::from_be_bytes(challenge.0));
            cells.fill_bytes(&mut response.0);
            for byte in &mut response.0 {
                for bit in 0..8 {
                    *byte ^= u8::from(f64::from(self.rng.next_u32()) < self.noise * 4_294_967_296.0) << bit;
                }
                *byte |= if self.stuck { 0x0f } else { 0 };
            }
        }
    }

    fn device(noise: f64, stuck: bool) -> Device {
        Device { noise, stuck, rng: ChaCha20Rng::seed_from_u64(1) }
    }

    #[test]
    fn the_majority_is_nearer_to_the_device_than_a_reading() {
        let mut seen = 0;
        let enrolled = enroll(&mut device(0.03, false), 50, |n| seen = n).unwrap();
        assert_eq!((enrolled.pairs.len(), seen), (50, 50));
        assert!((enrolled.quality.reliability - 0.97).abs() < 0.01);
        let mut ideal = Response([0; RESPONSE_BYTES]);
        let wrong: u32 = enrolled
            .pairs
            .iter()
            .map(|(challenge, response)| {
                device(0.0, false).respond(challenge, &mut ideal);
                response.distance(&ideal)
            })
            .sum();
        assert!(wrong <= 2, "{wrong} of 12,800 bits");
    }

    #[test]
    fn noisy_and_biased_devices_are_refused() {
        let noisy = enroll(&mut device(0.08, false), 20, |_| {});
        assert!(matches!(noisy, Err(Error::PoorPuf { what: "reliability", .. })));
        let biased = enroll(&mut device(0.01, true), 20, |_| {});
        assert!(matches!(biased, Err(Error::PoorPuf { what: "uniformity", .. })));
        assert!(enroll(&mut device(0.0, false), 0, |_| {}).is_err());
    }
}
