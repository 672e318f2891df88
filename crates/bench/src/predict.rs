//! What theory says about the failures of a code over a binary symmetric channel.

/// `log C(n, k)` for all `k` from 0 to `n`.
fn log_binomials(n: usize) -> Vec<f64> {
    let mut out = vec![0.0];
    for k in 1..=n {
        let before = out.last().copied().unwrap_or(0.0);
        out.push(before + ((n - k + 1) as f64).ln() - (k as f64).ln());
    }
    out
}

/// Chance that more than `limit` of `n` bits differ when each does with probability `p` (binomial tail).
pub(crate) fn tail(n: usize, limit: usize, p: f64) -> f64 {
    let term = |(k, log): (usize, &f64)| (log + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp();
    log_binomials(n).iter().enumerate().skip(limit + 1).map(term).sum()
}

/// The numbers of successes among `n` trials of probability `p` between which all but `outside` of the runs fall, half
/// of the rest on either side (exact binomial, not the normal curve: near 0 and 1 that is wrong).
pub(crate) fn interval(n: usize, p: f64, outside: f64) -> (usize, usize) {
    if p <= 0.0 || p >= 1.0 {
        let sure = if p >= 1.0 { n } else { 0 };
        return (sure, sure);
    }
    let logs = log_binomials(n);
    let chance = |k: usize, log: &f64| (log + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp();
    let mut below = 0.0;
    let (mut low, mut high) = (None, n);
    for (k, log) in logs.iter().enumerate() {
        below += chance(k, log);
        if low.is_none() && below > outside / 2.0 {
            low = Some(k);
        }
        if below >= 1.0 - outside / 2.0 {
            high = k;
            break;
        }
    }
    (low.unwrap_or(0), high)
}

/// No code of `k` bits in `n`, however it is decoded to a list of `list` words, fails more seldom than this
/// (sphere packing): at most `list * 2^(n-k)` error patterns can be told apart, and the likeliest ones are the lightest.
pub(crate) fn floor(n: usize, k: usize, list: f64, p: f64) -> f64 {
    let mut room = list * 2f64.powi((n - k) as i32);
    let mut corrected = 0.0;
    for (weight, log) in log_binomials(n).iter().enumerate() {
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
    fn tails_agree_with_known_values() {
        assert!((tail(4, 1, 0.5) - 11.0 / 16.0).abs() < 1e-12);
        // Paper B's threshold with the noise of its literature: 3e-4 at 15 %.
        assert!((2e-4..5e-4).contains(&tail(640, 128, 0.15)));
    }

    #[test]
    fn intervals_hold_what_they_promise() {
        // Ten fair coins: P(X <= 1) = 0.0107, P(X <= 2) = 0.0547.
        assert_eq!(interval(10, 0.5, 0.05), (2, 8));
        assert_eq!((interval(7, 0.0, 0.05), interval(7, 1.0, 0.05)), ((0, 0), (7, 7)));
        let (low, high) = interval(20_000, 0.9997, 0.05);
        assert!(low > 19_980 && high < 20_000 && low < 19_994 && high > 19_994, "{low} {high}");
    }

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
