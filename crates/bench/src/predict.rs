//! What theory says about the failures of a code over a binary symmetric channel.

use bodywire_sim::measure::binomial::log_coefficients;

/// No code of `k` bits in `n`, however it is decoded to a list of `list` words, fails more seldom than this
/// (sphere packing): at most `list * 2^(n-k)` error patterns can be told apart, and the likeliest ones are the lightest.
pub(crate) fn floor(n: usize, k: usize, list: f64, p: f64) -> f64 {
    let mut room = list * 2f64.powi((n - k) as i32);
    let mut corrected = 0.0;
    for (weight, log) in log_coefficients(n).iter().enumerate() {
        let patterns = log.exp().min(room);
        corrected += patterns * (weight as f64 * p.ln() + (n - weight) as f64 * (1.0 - p).ln()).exp();
        room -= patterns;
        if room <= 0.0 {
            break;
        }
    }
    (1.0 - corrected).max(0.0)
}

/// What successive cancellation alone fails at most (Arıkan 2009, proposition 2): the sum of the Bhattacharyya
/// parameters of the `k` best of the `n` polarised channels, chosen for `design` and used at `p`.
pub(crate) fn ceiling(n: usize, k: usize, design: f64, p: f64) -> f64 {
    let polarise = |p: f64| {
        let mut z = vec![2.0 * (p * (1.0 - p)).sqrt()];
        while z.len() < n {
            z = z.iter().flat_map(|z| [2.0 * z - z * z, z * z]).collect();
        }
        z
    };
    let chosen = polarise(design);
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| chosen[*a].total_cmp(&chosen[*b]));
    let used = polarise(p);
    order.iter().take(k).map(|i| used[*i]).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repetition_code_meets_its_floor() {
        // Three bits for one: the code corrects every single error, and nothing can do better.
        let p: f64 = 0.1;
        let fails = 3.0 * p * p * (1.0 - p) + p.powi(3);
        assert!((floor(3, 1, 1.0, p) - fails).abs() < 1e-12);
    }

    #[test]
    fn the_bounds_are_in_order() {
        for p in [0.03, 0.05, 0.08] {
            let (floor, ceiling) = (floor(256, 136, 17.0, p), ceiling(256, 136, 0.05, p));
            assert!(floor <= ceiling, "{p}: {floor} {ceiling}");
        }
    }
}
