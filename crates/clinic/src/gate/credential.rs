//! What a session has shown: a certificate of the house, and the code that its person was given with it.

use bodywire_proto::access::certificate::CERTIFICATE_BYTES;
use bodywire_proto::access::{Certificate, Person};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Wrong codes in a row before they are not looked at for a while. A code has six digits: at five a minute, a guess in 12
/// hours succeeds with 0.4 %.
pub const CODE_ATTEMPTS_MAX: u32 = 5;
/// For how long, milliseconds.
pub const CODE_LOCKED_MS: u64 = 60_000;

/// Compares a code with the one that was given out.
pub type CodeCheck = Arc<dyn Fn(&str) -> bool + Send + Sync>;

/// A certificate that a session was opened with. Whether it verifies is found out at each decision anew.
#[derive(Clone)]
pub struct Credential {
    /// The certificate.
    pub certificate: Certificate,
    /// Its bytes.
    pub bytes: [u8; CERTIFICATE_BYTES],
    /// Asked again before the glass is broken; nothing: none was given out.
    pub code: Option<CodeCheck>,
    /// A display on the wall: it reads and does nothing.
    pub wall: bool,
}

impl std::fmt::Debug for Credential {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credential").field("serial", &self.certificate.serial).finish_non_exhaustive()
    }
}

/// What came of a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Coded {
    Right,
    Wrong,
    Locked,
}

/// Wrong codes by person.
#[derive(Debug, Default)]
pub(super) struct Attempts {
    wrong: BTreeMap<Person, (u32, u64)>,
}

impl Attempts {
    /// True while codes of this person are not looked at.
    pub(super) fn locked(&mut self, person: Person, now_ms: u64) -> bool {
        self.wrong.retain(|_, (_, at_ms)| now_ms.saturating_sub(*at_ms) < CODE_LOCKED_MS);
        self.wrong.get(&person).is_some_and(|(count, _)| *count >= CODE_ATTEMPTS_MAX)
    }

    pub(super) fn note(&mut self, person: Person, right: bool, now_ms: u64) {
        if right {
            self.wrong.remove(&person);
        } else {
            let (count, at_ms) = self.wrong.entry(person).or_insert((0, now_ms));
            (*count, *at_ms) = (count.saturating_add(1), now_ms);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_wrong_codes_lock_a_person_for_a_minute_and_nobody_else() {
        let mut attempts = Attempts::default();
        let (one, other) = (Person([1; 16]), Person([2; 16]));
        for n in 0..CODE_ATTEMPTS_MAX {
            assert!(!attempts.locked(one, u64::from(n)));
            attempts.note(one, false, u64::from(n));
        }
        assert!(attempts.locked(one, 5));
        assert!(!attempts.locked(other, 5));
        assert!(!attempts.locked(one, 4 + CODE_LOCKED_MS));
    }
}
