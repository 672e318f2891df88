//! Shapes of waves, as sums of Gaussian bumps over one beat. For looking at, not for judging a detector.

/// Steady heart rate: 72 beats a minute, so that a test can measure the distance of two R peaks on the screen.
pub(crate) const BEAT_SECONDS: f64 = 60.0 / 72.0;

fn bump(x: f64, centre: f64, width: f64, height: f64) -> f64 {
    height * (-(x - centre).powi(2) / (2.0 * width * width)).exp()
}

/// A normal beat of lead II in millivolts at `seconds`.
pub(crate) fn sinus(seconds: f64) -> f64 {
    let x = seconds.rem_euclid(BEAT_SECONDS);
    bump(x, 0.16, 0.020, 0.13)
        + bump(x, 0.278, 0.008, -0.12)
        + bump(x, 0.300, 0.0095, 1.2)
        + bump(x, 0.324, 0.009, -0.25)
        + bump(x, 0.54, 0.040, 0.28)
}

/// A fibrillating ventricle in millivolts at `seconds`.
pub(crate) fn fibrillation(seconds: f64) -> f64 {
    let sway = 1.0 + 0.4 * (1.7 * seconds).sin();
    0.38 * sway * (2.0 * std::f64::consts::PI * 5.1 * seconds + (3.0 * seconds).sin()).sin()
}

/// A plethysmogram between 0 and 1 at `seconds`.
pub(crate) fn pulse(seconds: f64) -> f64 {
    let x = (seconds - 0.42).rem_euclid(BEAT_SECONDS);
    bump(x, 0.22, 0.075, 0.85) + bump(x, 0.46, 0.09, 0.33)
}
