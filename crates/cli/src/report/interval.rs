//! How sure a figure is.

/// Two-sided 95 % of the normal law.
const Z: f64 = 1.959_964;

/// Wilson's 95 % interval of a share: `found` of `of` (Wilson, JASA 22, 1927). Sound near 0 and 1, too.
pub(crate) fn share(found: f64, of: f64) -> (f64, f64) {
    if of <= 0.0 {
        return (0.0, 1.0);
    }
    let p = found / of;
    let middle = p + Z * Z / (2.0 * of);
    let half = Z * (p * (1.0 - p) / of + Z * Z / (4.0 * of * of)).sqrt();
    let whole = 1.0 + Z * Z / of;
    (((middle - half) / whole).max(0.0), ((middle + half) / whole).min(1.0))
}

/// An approximate 95 % interval of a rate: `events` in `time`, by the square root (Poisson; exact enough for a report).
pub(crate) fn rate(events: f64, time: f64) -> (f64, f64) {
    if time <= 0.0 {
        return (0.0, f64::INFINITY);
    }
    // The square root of a Poisson count is nearly normal with variance 1/4.
    let low = ((events + 0.375).sqrt() - Z / 2.0).max(0.0).powi(2) - 0.375;
    let high = ((events + 0.375).sqrt() + Z / 2.0).powi(2);
    (low.max(0.0) / time, high / time)
}

/// Median and the values a quarter from either end; zeros when there are none.
pub(crate) fn quartiles(values: &[f64]) -> (f64, f64, f64) {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (share * sorted.len().saturating_sub(1) as f64).round() as usize;
        sorted.get(place).copied().unwrap_or_default()
    };
    (at(0.25), at(0.5), at(0.75))
}

/// Mean and its 95 % interval by Student's t.
pub(crate) fn mean(values: &[f64]) -> (f64, f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n.max(1.0);
    if values.len() < 2 {
        return (mean, mean, mean);
    }
    let variance = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (n - 1.0);
    let half = student(values.len() - 1) * (variance / n).sqrt();
    (mean - half, mean, mean + half)
}

/// The 97.5 % point of Student's t, by Hill's expansion around the normal one; within 1 % from four degrees on, and the
/// table's for fewer.
fn student(degrees: usize) -> f64 {
    const FEW: [f64; 4] = [12.706, 4.303, 3.182, 2.776];
    if let Some(value) = degrees.checked_sub(1).and_then(|place| FEW.get(place)) {
        return *value;
    }
    let n = degrees as f64;
    let z = Z;
    z + (z.powi(3) + z) / (4.0 * n) + (5.0 * z.powi(5) + 16.0 * z.powi(3) + 3.0 * z) / (96.0 * n * n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_those_of_the_tables() {
        let (low, high) = share(8.0, 10.0);
        assert!((low - 0.490).abs() < 0.001 && (high - 0.943).abs() < 0.001, "{low} {high}");
        assert_eq!(share(0.0, 0.0), (0.0, 1.0));
        assert!(share(10.0, 10.0).1 <= 1.0 && share(0.0, 10.0).0 == 0.0);
        assert!((student(9) - 2.262).abs() < 0.01 && (student(1) - 12.706).abs() < 1e-9);
        let (low, middle, high) = mean(&[1.0, 2.0, 3.0]);
        assert!((middle - 2.0).abs() < 1e-12 && (high - low - 2.0 * 4.303 / 3f64.sqrt()).abs() < 1e-9);
        assert_eq!(quartiles(&[5.0, 1.0, 3.0, 2.0, 4.0]), (2.0, 3.0, 4.0));
        let (low, high) = rate(10.0, 2.0);
        assert!(low > 2.0 && low < 3.0 && high > 8.5 && high < 10.0, "{low} {high}");
        assert_eq!(rate(0.0, 1.0).0, 0.0);
    }
}
