//! Dates and times of day (UTC, proleptic Gregorian) from microseconds since 1970.

use super::Error;

/// The last millisecond of the year 9999: no format here has five digits for a year.
pub(super) const LAST_MS: u64 = 253_402_300_799_999;

/// English month names of EDF+, whatever the language around.
const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];

/// A moment, in its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) year: u64,
    pub(super) month: u64,
    pub(super) day: u64,
    pub(super) hour: u64,
    pub(super) minute: u64,
    pub(super) second: u64,
    pub(super) micros: u64,
}

/// Refuses what lies behind [`LAST_MS`].
pub(super) fn check(ms: u64) -> Result<u64, Error> {
    if ms > LAST_MS {
        return Err(Error::Time { ms, why: "it lies behind the year 9999" });
    }
    Ok(ms)
}

impl Moment {
    /// The moment `us` microseconds after 1970; the last one of the year 9999 for later ones.
    pub(super) fn of_us(us: u64) -> Self {
        let us = us.min(LAST_MS * 1_000 + 999);
        let (seconds, micros) = (us / 1_000_000, us % 1_000_000);
        let (days, rest) = (seconds / 86_400, seconds % 86_400);
        // Days since 0000-03-01: then a leap day ends its year, and months follow a pattern of five.
        let days = days + 719_468;
        let (era, of_era) = (days / 146_097, days % 146_097);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let pattern = (5 * of_year + 2) / 153;
        let day = of_year - (153 * pattern + 2) / 5 + 1;
        let month = if pattern < 10 { pattern + 3 } else { pattern - 9 };
        let year = era * 400 + year_of_era + u64::from(month <= 2);
        Self { year, month, day, hour: rest / 3_600, minute: rest / 60 % 60, second: rest % 60, micros }
    }

    /// The moment `ms` milliseconds after 1970.
    pub(super) fn of_ms(ms: u64) -> Self {
        Self::of_us(ms.saturating_mul(1_000))
    }

    fn to_seconds(self) -> String {
        let Self { year, month, day, hour, minute, second, .. } = self;
        format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}")
    }

    /// ISO 8601 with milliseconds: `2026-01-31T08:15:00.250Z`.
    pub(super) fn iso_ms(self) -> String {
        format!("{}.{:03}Z", self.to_seconds(), self.micros / 1_000)
    }

    /// ISO 8601 with microseconds, as samples of an ECG need them.
    pub(super) fn iso_us(self) -> String {
        format!("{}.{:06}Z", self.to_seconds(), self.micros)
    }

    /// The month's name in EDF+.
    pub(super) fn month_name(self) -> &'static str {
        MONTHS.into_iter().nth(self.month.saturating_sub(1) as usize).unwrap_or("JAN")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_moments() {
        let iso = |ms| Moment::of_ms(ms).iso_ms();
        assert_eq!(iso(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(iso(951_782_400_000), "2000-02-29T00:00:00.000Z");
        assert_eq!(iso(1_769_847_300_250), "2026-01-31T08:15:00.250Z");
        assert_eq!(iso(LAST_MS), "9999-12-31T23:59:59.999Z");
        assert_eq!(iso(u64::MAX), "9999-12-31T23:59:59.999Z");
        assert_eq!(Moment::of_us(2_777).iso_us(), "1970-01-01T00:00:00.002777Z");
        assert_eq!(Moment::of_ms(951_782_400_000).month_name(), "FEB");
        assert!(check(LAST_MS).is_ok() && check(LAST_MS + 1).is_err());
    }

    proptest! {
        #[test]
        fn as_another_library_says_it(ms in 0..=LAST_MS) {
            let time = std::time::UNIX_EPOCH + std::time::Duration::from_millis(ms);
            prop_assert_eq!(Moment::of_ms(ms).iso_ms(), humantime::format_rfc3339_millis(time).to_string());
        }
    }
}
