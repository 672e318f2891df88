//! The binomial law: what chance alone makes of independent losses and errors.

/// `log C(n, k)` for all `k` from 0 to `n`.
pub fn log_coefficients(n: usize) -> Vec<f64> {
    let mut out = vec![0.0];
    for k in 1..=n {
        let before = out.last().copied().unwrap_or(0.0);
        out.push(before + ((n - k + 1) as f64).ln() - (k as f64).ln());
    }
    out
}

/// Chance that more than `limit` of `n` happen when each does with probability `p`.
pub fn tail(n: usize, limit: usize, p: f64) -> f64 {
    let term = |(k, log): (usize, &f64)| (log + k as f64 * p.ln() + (n - k) as f64 * (1.0 - p).ln()).exp();
    log_coefficients(n).iter().enumerate().skip(limit + 1).map(term).sum()
}

/// The numbers of successes among `n` trials of probability `p` between which all but `outside` of the runs fall, half
/// of the rest on either side (exact binomial, not the normal curve: near 0 and 1 that is wrong).
pub fn interval(n: usize, p: f64, outside: f64) -> (usize, usize) {
    if p <= 0.0 || p >= 1.0 {
        let sure = if p >= 1.0 { n } else { 0 };
        return (sure, sure);
    }
    let logs = log_coefficients(n);
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

/// Chance that at least `k` of `n` fragments arrive when each is lost with probability `loss`.
pub fn arrives(n: usize, k: usize, loss: f64) -> f64 {
    // More than k - 1 of n arrive when each does with probability 1 - loss.
    if n < k || k == 0 { f64::from(u8::from(k == 0)) } else { tail(n, k - 1, 1.0 - loss) }
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
    fn the_prediction_is_the_one_of_the_literature() {
        let at = |k, n| arrives(n, k, 0.09);
        assert!((at(2, 3) - 0.977).abs() < 5e-4 && (at(3, 4) - 0.957).abs() < 5e-4);
        assert_eq!((at(4, 3), at(0, 3)), (0.0, 1.0));
    }
}
