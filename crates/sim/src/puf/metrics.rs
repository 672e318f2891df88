//! How good a PUF is, from readings of many devices.
//!
//! Definitions of Maiti, Gunreddy and Schaumont ("A systematic method to evaluate and compare the performance of
//! physical unclonable functions", 2013) and of Hori, Yoshida, Katashita and Satoh ("Quantitative and statistical
//! performance evaluation of arbiter physical unclonable functions on FPGAs", ReConFig 2010). Shares are 0 to 1, not
//! percentages. All responses of one call have the same length, and a bit's position is the same cell or sub-challenge
//! everywhere.

use crate::error::Error;
use bodywire_proto::puf::Response;

/// 1 minus the mean share of bits in which `readings` of one device differ from its `reference` (Maiti
/// et al.). 1 is best.
pub fn reliability(reference: &Response, readings: &[Response]) -> Result<f64, Error> {
    let bits = shape(readings, 1)?;
    shape(std::slice::from_ref(reference), 1)?;
    if reference.as_bytes().len() != readings[0].as_bytes().len() {
        return Err(UNEQUAL);
    }
    let differing: u32 = readings.iter().map(|reading| reading.distance(reference)).sum();
    Ok(1.0 - f64::from(differing) / (bits * readings.len()) as f64)
}

/// Probability that two readings of one device agree in a bit, mean over the bits: `p^2 + (1 - p)^2` for a share `p` of
/// ones. What `pypuf.metrics.reliability_data` computes. 1 is best.
pub fn agreement(readings: &[Response]) -> Result<f64, Error> {
    mean_of_positions(readings, |p| p * p + (1.0 - p) * (1.0 - p))
}

/// Share of ones (Maiti et al.). 1/2 is best.
pub fn uniformity(responses: &[Response]) -> Result<f64, Error> {
    mean_of_positions(responses, |p| p)
}

/// Mean share of bits in which two devices differ, over all pairs of `devices`, one response each (Maiti et al.). 1/2 is best.
pub fn uniqueness(devices: &[Response]) -> Result<f64, Error> {
    let bits = shape(devices, 2)?;
    let mut differing = 0u64;
    for (i, one) in devices.iter().enumerate() {
        differing += devices[..i].iter().map(|other| u64::from(one.distance(other))).sum::<u64>();
    }
    let pairs = devices.len() * (devices.len() - 1) / 2;
    Ok(differing as f64 / (pairs * bits) as f64)
}

/// Share of devices with a one, for each position: bit-aliasing (Maiti et al.). 1/2 everywhere is best;
/// over readings of one device instead of devices it is the bias of each cell.
pub fn bit_aliasing(devices: &[Response]) -> Result<Vec<f64>, Error> {
    let bits = shape(devices, 1)?;
    let ones = |position: usize| devices.iter().filter(|device| bit(device, position)).count();
    Ok((0..bits).map(|position| ones(position) as f64 / devices.len() as f64).collect())
}

/// `-log2 max(p, 1 - p)` of the share `p` of ones in all responses: randomness (Hori et al.). 1 is best.
pub fn randomness(responses: &[Response]) -> Result<f64, Error> {
    uniformity(responses).map(min_entropy_of)
}

/// 1 minus the mean of `-log2 max(p, 1 - p)` over the positions, `p` being the share of ones in `readings` of one
/// device: steadiness (Hori et al.). 1 is best.
pub fn steadiness(readings: &[Response]) -> Result<f64, Error> {
    mean_of_positions(readings, |p| 1.0 - min_entropy_of(p))
}

/// Min-entropy per bit against somebody who knows how often each position is one on other devices: mean of
/// `-log2 max(p, 1 - p)` over the positions (as Katzenbeisser et al., CHES 2012). Too high for few devices by nothing,
/// too low by much: with `n` perfect devices the larger share is about `1/2 + 0.4 / sqrt(n)`.
pub fn min_entropy(devices: &[Response]) -> Result<f64, Error> {
    mean_of_positions(devices, min_entropy_of)
}

/// Lower bound of the min-entropy per bit when all bits are taken as draws of one source: the most common value estimate
/// of NIST SP 800-90B, section 6.3.1, with its 99 % confidence bound. It sees bias and no dependence.
pub fn most_common_value(responses: &[Response]) -> Result<f64, Error> {
    let bits = (shape(responses, 1)? * responses.len()) as f64;
    let ones = uniformity(responses)?;
    let share = ones.max(1.0 - ones);
    Ok(-(share + 2.576 * (share * (1.0 - share) / (bits - 1.0)).sqrt()).min(1.0).log2())
}

const UNEQUAL: Error = Error::Misuse("responses that are compared have the same length, which is not zero");

fn min_entropy_of(p: f64) -> f64 {
    -p.max(1.0 - p).log2()
}

fn bit(response: &Response, position: usize) -> bool {
    response.as_bytes()[position / 8] >> (position % 8) & 1 == 1
}

/// Bits of each response; at least `count` responses of one length.
fn shape(responses: &[Response], count: usize) -> Result<usize, Error> {
    let len = responses.first().map_or(0, |response| response.as_bytes().len());
    if len == 0 || responses.len() < count || responses.iter().any(|r| r.as_bytes().len() != len) {
        return Err(UNEQUAL);
    }
    Ok(8 * len)
}

fn mean_of_positions(responses: &[Response], measure: impl Fn(f64) -> f64) -> Result<f64, Error> {
    let shares = bit_aliasing(responses)?;
    Ok(shares.iter().map(|p| measure(*p)).sum::<f64>() / shares.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::super::{NOISE_TYPICAL, SramPuf, error_rate};
    use super::*;
    use bodywire_proto::puf::Puf;

    fn responses(bytes: &[&[u8]]) -> Vec<Response> {
        bytes.iter().map(|bytes| Response::new(bytes).unwrap()).collect()
    }

    #[test]
    fn small_examples_by_hand() {
        let three = responses(&[&[0b0000_1111], &[0b0000_1110], &[0b1000_1111]]);
        assert_eq!(reliability(&three[0], &three[1..]).unwrap(), 1.0 - 2.0 / 16.0);
        assert_eq!(uniqueness(&three).unwrap(), (1.0 + 1.0 + 2.0) / 24.0);
        assert_eq!(uniformity(&three).unwrap(), 12.0 / 24.0);
        let aliasing = bit_aliasing(&three).unwrap();
        assert_eq!((aliasing[0], aliasing[1], aliasing[4], aliasing[7]), (2.0 / 3.0, 1.0, 0.0, 1.0 / 3.0));
        assert!((agreement(&three).unwrap() - (6.0 + 2.0 * 5.0 / 9.0) / 8.0).abs() < 1e-12);
        let two_of_three = -(2.0f64 / 3.0).log2();
        assert!((min_entropy(&three).unwrap() - 2.0 * two_of_three / 8.0).abs() < 1e-12);
        assert!((steadiness(&three).unwrap() - (1.0 - 2.0 * two_of_three / 8.0)).abs() < 1e-12);
        assert_eq!(randomness(&three).unwrap(), 1.0);
        assert_eq!(randomness(&responses(&[&[0b0000_0011]])).unwrap(), -(0.75f64).log2());
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        assert!(uniformity(&[]).is_err());
        assert!(uniqueness(&responses(&[&[1]])).is_err());
        assert!(bit_aliasing(&responses(&[&[1], &[1, 2]])).is_err());
        assert!(reliability(&responses(&[&[1, 2]])[0], &responses(&[&[1]])).is_err());
        assert!(min_entropy(&responses(&[&[]])).is_err());
    }

    #[test]
    fn simulated_memories_measure_as_they_were_made() {
        let block = 3u64.to_be_bytes().into();
        let read = |chip: u8, noise: f64, seed: u64| {
            let mut response = Response::zeroed(64).unwrap();
            SramPuf::new([chip; 32], noise, seed).respond(&block, &mut response);
            response
        };
        let devices: Vec<_> = (0..60).map(|chip| read(chip, 0.0, 0)).collect();
        assert!((uniqueness(&devices).unwrap() - 0.5).abs() < 0.01);
        assert!((uniformity(&devices).unwrap() - 0.5).abs() < 0.015);
        // 60 devices: the larger share is about 1/2 + 0.4 / sqrt(60) = 0.55.
        assert!((min_entropy(&devices).unwrap() - 0.86).abs() < 0.02);
        assert!(most_common_value(&devices).unwrap() > 0.95);
        let readings: Vec<_> = (0..200).map(|seed| read(7, NOISE_TYPICAL, seed)).collect();
        let measured = reliability(&devices[7], &readings).unwrap();
        assert!((1.0 - measured - error_rate(NOISE_TYPICAL)).abs() < 0.012, "{measured}");
        assert!(steadiness(&readings).unwrap() < 1.0 && agreement(&readings).unwrap() < measured);
    }
}
