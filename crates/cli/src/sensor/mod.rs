//! `bodywire sensor`: the secure room, and a simulated sensor as a process of its own.

mod enroll;
mod keep;
mod live;
pub(crate) mod sealed;

pub use enroll::enroll;
pub use keep::{list, resync, revoke};
pub use live::run;

use crate::exit::Failure;
use crate::house;
use crate::puf::{DevicePuf, PufChoice};
use crate::state::State;
use bodywire_proto::handshake::Profile;
use bodywire_proto::wire::SensorId;
use rand::Rng;

/// What every surface says that shows the paper's profile.
pub(crate) const PAPER_WARNING: &str = "paper profile: not for patients";

/// The sensor's PUF; a simulated one is the same silicon each time.
fn open_puf(state: &State, sensor: SensorId, choice: &PufChoice) -> Result<DevicePuf, Failure> {
    choice.open(house::silicon(state, sensor)?, rand::rng().next_u64())
}

pub(crate) fn warn_of(profile: Profile) {
    if profile == Profile::Paper {
        eprintln!("{PAPER_WARNING}");
    }
}

/// The day of a moment, such as 2026-11-22. `ms` since 1970.
pub(crate) fn day(ms: u64) -> String {
    let moment = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
    humantime::format_rfc3339_seconds(moment).to_string().chars().take(10).collect()
}

/// When so many pairs are used up at this many runs a day, as milliseconds since 1970.
fn runs_out_ms(now_ms: u64, pairs: u64, runs_per_day: f64) -> u64 {
    const DAY_MS: f64 = 86_400_000.0;
    now_ms.saturating_add((pairs as f64 / runs_per_day * DAY_MS) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_run_out_when_they_have_been_used() {
        let start = 1_767_225_600_000;
        assert_eq!(day(start), "2026-01-01");
        assert_eq!(day(runs_out_ms(start, 256, 4.0)), "2026-03-06");
        assert_eq!(day(runs_out_ms(start, 0, 4.0)), "2026-01-01");
    }
}
