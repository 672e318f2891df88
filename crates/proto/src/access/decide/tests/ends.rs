//! When grants end: with the first of certificate, policy, consent and the fifteen minutes, and always.

use super::super::*;
use super::cases::*;
use crate::access::Policy;
use crate::access::authority::{GRANT_MAX_MS, GRANT_MIN_MS};
use crate::access::certificate::LIFETIME_MAX_MS;
use proptest::prelude::*;

const QUARTER: u64 = 15 * 60 * 1000;

#[test]
fn every_grant_ends_after_now_and_not_after_its_reasons() {
    every(|case, decision| {
        let Some(Terms { highest, until_ms }) = decision.terms() else { return };
        assert!(until_ms > NOW, "{case:?}");
        assert!(until_ms <= NOW + LIFETIME_MAX_MS / 2, "{case:?}");
        let short = matches!(case.purpose, Purpose::EmergencyTreatment | Purpose::BreakGlass)
            || case.revocation != Revocation::Clear;
        if short {
            assert!(until_ms <= NOW + QUARTER, "{case:?}");
        }
        if highest == RiskClass::III {
            assert!(until_ms <= NOW + 60 * 60 * 1000, "{case:?}: the consent has ended");
        }
    });
}

/// The default table with another longest grant: the last four bytes of a policy.
fn with_longest(grant_max_ms: u32) -> Policy {
    let mut bytes = Policy::LEAST.to_bytes().unwrap();
    bytes.last_chunk_mut::<4>().unwrap().copy_from_slice(&grant_max_ms.to_be_bytes());
    Policy::parse(&bytes).unwrap()
}

fn case(purpose: Purpose, class: RiskClass) -> Case {
    Case {
        fault: None,
        role: Role::Physician,
        ceiling: RiskClass::III,
        relation: Relation::Treating,
        class,
        purpose,
        condition: Condition::Emergency,
        consent: Given::Any,
        revocation: Revocation::Clear,
        place: At::Right,
        table: Table::Least,
    }
}

proptest! {
    #[test]
    fn it_is_the_earliest_of_all(
        certificate_left in 1..LIFETIME_MAX_MS,
        consent_left in prop_oneof![1 => Just(0), 9 => 0..LIFETIME_MAX_MS],
        longest in GRANT_MIN_MS..=GRANT_MAX_MS,
        which in 0usize..3,
        class in 1u8..4,
        now in prop_oneof![Just(NOW), Just(u64::MAX - 2 * LIFETIME_MAX_MS), Just(0)],
    ) {
        let purpose = [Purpose::Treatment, Purpose::EmergencyTreatment, Purpose::BreakGlass][which];
        let policy = with_longest(longest);
        let class = RiskClass::from_code(class).unwrap();
        let decision = case(purpose, class).with(|facts| {
            let certificate = Certificate {
                not_before_ms: now,
                not_after_ms: now + certificate_left,
                ..*facts.certificate.claimed().unwrap()
            };
            decide(&Facts {
                now_ms: now,
                certificate: Shown::Verified(&certificate),
                consent: Consent::Given { until_ms: now + consent_left, scope: Scope::Any },
                policy: &policy,
                ..*facts
            })
        });
        let mut ends = std::vec![now + certificate_left, now + u64::from(longest)];
        if purpose != Purpose::Treatment {
            ends.push(now + QUARTER);
        }
        let terms = decision.terms().unwrap();
        let opened = class == RiskClass::III && consent_left > 0;
        if opened {
            ends.push(now + consent_left);
        }
        prop_assert_eq!(terms.highest, if opened { class } else { class.min(RiskClass::II) });
        prop_assert_eq!(Some(terms.until_ms), ends.into_iter().min());
    }

    /// Whatever the clock and the dates: nothing panics, nothing is given for no time, and nothing past a day.
    #[test]
    fn no_clock_makes_a_grant_without_an_end(
        now: u64, from: u64, to: u64, until: u64, near: bool, which in 0usize..5, class in 1u8..4, list in 0usize..4,
    ) {
        let class = RiskClass::from_code(class).unwrap();
        // Three numbers drawn from all are never within a day of each other.
        let within = |at: u64| if near { now.wrapping_add(at % LIFETIME_MAX_MS).wrapping_sub(LIFETIME_MAX_MS / 2) } else { at };
        let (from, to) = (within(from), within(to));
        let decision = case(Purpose::ALL[which], class).with(|facts| {
            let certificate = Certificate {
                not_before_ms: from,
                not_after_ms: to,
                ..*facts.certificate.claimed().unwrap()
            };
            decide(&Facts {
                now_ms: now,
                certificate: Shown::Verified(&certificate),
                consent: Consent::Given { until_ms: until, scope: Scope::Any },
                revocation: Revocation::ALL[list],
                ..*facts
            })
        });
        if let Some(terms) = decision.terms() {
            prop_assert!(terms.until_ms > now && terms.until_ms - now <= LIFETIME_MAX_MS);
            prop_assert!(now >= from && now < to);
        }
    }
}
