//! Enrolment in the secure room: read the PUF, judge it, keep the pairs (paper B, section 3.1).

use crate::error::Error;
use bodywire_proto::handshake::{Profile, SensorRecord, SensorSecret};
use bodywire_proto::paper::SEEDS_MAX;
use bodywire_proto::puf::{Challenge, Puf, Response};
use bodywire_store::PufQuality;

/// Readings of each response; the majority is kept. Odd, so that there always is one.
pub const READINGS: u32 = 7;
/// Bounds of the share of ones. Outside, the response has less entropy than the code offset needs.
pub const UNIFORMITY_RANGE: (f64, f64) = (0.45, 0.55);
/// Bounds of the share of bits in which two devices differ. Outside, one device says something about the other.
pub const UNIQUENESS_RANGE: (f64, f64) = (0.40, 0.60);

/// A PUF that was read and found good.
pub struct Enrolled {
    /// Each is used for one authentication.
    pub pairs: Vec<(Challenge, Response)>,
    /// What was measured.
    pub quality: PufQuality,
}

/// At most `count` challenges for a sensor. In the hardened profile they are addresses, and the same for all sensors; in
/// the paper's they come from the sensor's seed, and there are 640 of them.
pub fn challenges(record: &SensorRecord, count: u32) -> Result<Vec<Challenge>, Error> {
    match &record.secret {
        SensorSecret::Hardened(_) => Ok(numbered_challenges(count).collect()),
        SensorSecret::Paper(seed) => {
            let mut seed = seed.clone();
            let next = |_| {
                let (challenge, _) = seed.seed().challenge_and_key(record.sensor);
                seed.advance();
                Ok(Challenge::new(&challenge)?)
            };
            (0..count.min(u32::from(SEEDS_MAX))).map(next).collect()
        }
    }
}

/// Challenges that are the numbers from 0 on.
pub fn numbered_challenges(count: u32) -> impl Iterator<Item = Challenge> {
    (0..u64::from(count)).map(|number| number.to_be_bytes().into())
}

/// Reads the responses to `challenges` [`READINGS`] times each and judges the PUF by the limits of `profile`.
///
/// `others` are responses of devices that were enrolled before, for the uniqueness. `progress` is told after each
/// response. The result of a PUF that was refused is lost but for the measure that failed.
pub fn enroll(
    puf: &mut (impl Puf + ?Sized),
    profile: Profile,
    challenges: impl IntoIterator<Item = Challenge>,
    others: &[(Challenge, Response)],
    mut progress: impl FnMut(u32),
) -> Result<Enrolled, Error> {
    let mut pairs = Vec::new();
    let (mut stable, mut ones) = (0u64, 0u64);
    let (mut differing, mut compared) = (0u64, 0u64);
    for challenge in challenges {
        let votes = read_votes(puf, profile, &challenge)?;
        let mut response = Response::zeroed(profile.response_bytes())?;
        for (byte, votes) in response.as_mut_bytes().iter_mut().zip(votes.chunks_exact(8)) {
            for (i, vote) in votes.iter().enumerate() {
                let one = *vote > READINGS / 2;
                *byte |= u8::from(one) << i;
                ones += u64::from(one);
                stable += u64::from(if one { *vote } else { READINGS - *vote });
            }
        }
        for (_, other) in others.iter().filter(|(asked, _)| *asked == challenge) {
            differing += u64::from(response.distance(other));
            compared += 8 * other.as_bytes().len().min(profile.response_bytes()) as u64;
        }
        pairs.push((challenge, response));
        progress(pairs.len() as u32);
    }
    let bits = (pairs.len() * profile.response_bytes() * 8) as f64;
    let quality = PufQuality {
        reliability: stable as f64 / (bits * f64::from(READINGS)),
        uniformity: ones as f64 / bits,
        uniqueness: (compared > 0).then(|| differing as f64 / compared as f64),
    };
    judge(profile, quality)?;
    Ok(Enrolled { pairs, quality })
}

fn read_votes(
    puf: &mut (impl Puf + ?Sized),
    profile: Profile,
    challenge: &Challenge,
) -> Result<Vec<u32>, Error> {
    let mut votes = vec![0u32; 8 * profile.response_bytes()];
    for _ in 0..READINGS {
        let mut reading = Response::zeroed(profile.response_bytes())?;
        puf.respond(challenge, &mut reading);
        for (votes, byte) in votes.chunks_exact_mut(8).zip(reading.as_bytes()) {
            votes.iter_mut().enumerate().for_each(|(i, vote)| *vote += u32::from(byte >> i & 1));
        }
    }
    Ok(votes)
}

fn judge(profile: Profile, quality: PufQuality) -> Result<(), Error> {
    // Ranges, so that a measure that is not a number (no pairs at all) is refused.
    let within = |what, found: f64, (least, most): (f64, f64)| match (least..=most).contains(&found) {
        true => Ok(()),
        false => Err(Error::PoorPuf { what, found, needed: format!("{least} to {most}") }),
    };
    within("reliability", quality.reliability, (profile.reliability_min(), 1.0))?;
    within("uniformity", quality.uniformity, UNIFORMITY_RANGE)?;
    quality.uniqueness.map_or(Ok(()), |found| within("uniqueness", found, UNIQUENESS_RANGE))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::wire::Suite;
    use rand_chacha::ChaCha20Rng;
    use rand_core::{Rng, SeedableRng};

    const SHORT: Profile = Profile::Hardened(Suite::Polar256);

    struct Device {
        chip: u64,
        noise: f64,
        stuck: bool,
        rng: ChaCha20Rng,
    }

    impl Puf for Device {
        fn respond(&mut self, challenge: &Challenge, response: &mut Response) {
            let address = u64::from_be_bytes(challenge.as_bytes().try_into().unwrap());
            let mut cells = ChaCha20Rng::seed_from_u64(address ^ self.chip);
            cells.fill_bytes(response.as_mut_bytes());
            for byte in response.as_mut_bytes() {
                for bit in 0..8 {
                    *byte ^= u8::from(f64::from(self.rng.next_u32()) < self.noise * 4_294_967_296.0) << bit;
                }
                *byte |= if self.stuck { 0x0f } else { 0 };
            }
        }
    }

    fn device(noise: f64, stuck: bool) -> Device {
        Device { chip: 0x1234_0000_0000, noise, stuck, rng: ChaCha20Rng::seed_from_u64(1) }
    }

    #[test]
    fn the_majority_is_nearer_to_the_device_than_a_reading() {
        let mut seen = 0;
        let challenges = numbered_challenges(50);
        let enrolled = enroll(&mut device(0.03, false), SHORT, challenges, &[], |n| seen = n).unwrap();
        assert_eq!((enrolled.pairs.len(), seen), (50, 50));
        assert!((enrolled.quality.reliability - 0.97).abs() < 0.01);
        assert_eq!(enrolled.quality.uniqueness, None);
        let mut ideal = Response::zeroed(32).unwrap();
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

    fn refused(device: &mut Device, profile: Profile, others: &[(Challenge, Response)]) -> &'static str {
        match enroll(device, profile, numbered_challenges(20), others, |_| {}) {
            Err(Error::PoorPuf { what, .. }) => what,
            Err(other) => panic!("{other}"),
            Ok(_) => "",
        }
    }

    #[test]
    fn noisy_and_biased_devices_are_refused() {
        assert_eq!(refused(&mut device(0.08, false), SHORT, &[]), "reliability");
        assert_eq!(refused(&mut device(0.08, false), Profile::Hardened(Suite::Polar512), &[]), "");
        assert_eq!(refused(&mut device(0.12, false), Profile::Paper, &[]), "");
        assert_eq!(refused(&mut device(0.01, true), SHORT, &[]), "uniformity");
        assert!(enroll(&mut device(0.0, false), SHORT, [], &[], |_| {}).is_err());
    }

    #[test]
    fn a_device_like_another_is_refused() {
        let first = enroll(&mut device(0.03, false), SHORT, numbered_challenges(20), &[], |_| {}).unwrap();
        assert_eq!(refused(&mut device(0.03, false), SHORT, &first.pairs), "uniqueness");
        let mut stranger = Device { chip: 7, ..device(0.03, false) };
        let second = enroll(&mut stranger, SHORT, numbered_challenges(20), &first.pairs, |_| {}).unwrap();
        assert!((second.quality.uniqueness.unwrap() - 0.5).abs() < 0.03);
    }
}
