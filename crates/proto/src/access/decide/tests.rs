//! Every combination of finite facts, against rules that are written here anew.

mod cases;
mod ends;

use super::*;
use crate::access::grant::DecisionRecord;
use cases::*;
use std::collections::BTreeSet;

/// What comes of a request in the end if the sensor agrees, and what is shown now. 0 is nothing.
fn rank(decision: Decision) -> (u8, u8) {
    match decision {
        Decision::Refuse { .. } => (0, 0),
        Decision::AskSensor { meanwhile } => (3, meanwhile.highest.code()),
        Decision::Grant(terms) | Decision::Override { terms, .. } => {
            (terms.highest.code(), terms.highest.code())
        }
    }
}

fn shown(decision: Decision) -> u8 {
    rank(decision).1
}

/// Who treats sees what, by least privilege, in words of this test: none, consulting, on call, treating, own.
fn written_table(role: Role) -> [u8; 5] {
    match role {
        Role::Nurse => [0, 1, 2, 2, 0],
        Role::Physician => [0, 2, 2, 3, 0],
        Role::Consultant => [0, 3, 3, 3, 0],
        Role::EmergencyResponder => [0, 0, 2, 2, 0],
        Role::Patient => [0, 0, 0, 0, 3],
        Role::Reviewer => [0, 2, 2, 2, 0],
        Role::Program => [0, 1, 1, 2, 0],
    }
}

#[test]
fn no_decision_opens_class_iii_without_a_consent_in_force_that_covers_it() {
    every(|case, decision| {
        if shown(decision) == 3 {
            let emergency = case.condition == Condition::Emergency
                && matches!(case.purpose, Purpose::EmergencyTreatment | Purpose::BreakGlass);
            match case.consent {
                Given::Any => {}
                Given::Emergency => assert!(emergency, "{case:?}"),
                Given::Nothing | Given::AnyEnded | Given::EmergencyEnded => panic!("{case:?}"),
            }
            assert_eq!((case.class, case.ceiling), (RiskClass::III, RiskClass::III));
            assert_eq!(case.revocation, Revocation::Clear, "{case:?}");
            if case.purpose == Purpose::BreakGlass {
                assert_eq!(case.condition, Condition::Emergency, "{case:?}");
            }
        }
    });
}

#[test]
fn every_fault_of_a_credential_has_its_own_reason_and_tells_nothing_of_the_patient() {
    let mut faults = 0;
    every(|case, decision| {
        if let Some(fault) = case.fault {
            let reason = match fault {
                Fault::NoCertificate => Reason::CertificateMissing,
                Fault::UnknownIssuer => Reason::IssuerUnknown,
                Fault::BadCertificate => Reason::CertificateSignature,
                Fault::OtherSerial => Reason::WrongCertificate,
                Fault::BadRequest => Reason::RequestSignature,
                Fault::UnknownChallenge => Reason::ChallengeUnknown,
                Fault::Replayed => Reason::ChallengeReplayed,
                Fault::OldChallenge => Reason::ChallengeExpired,
                Fault::TooLong => Reason::CertificateTooLong,
                Fault::NotYet => Reason::CertificateNotYetValid,
                Fault::Expired => Reason::CertificateExpired,
                Fault::Revoked => Reason::Revoked,
            };
            assert_eq!(decision, Decision::Refuse { reason, break_glass: false }, "{case:?}");
            assert!(reason.is_about_credentials());
            faults += 1;
        } else if let Decision::Refuse { reason, .. } = decision {
            assert!(reason.proves_holder() && !reason.is_about_credentials(), "{case:?}");
        }
    });
    assert!(faults > 100_000);
}

#[test]
fn nothing_is_given_above_the_certificate_or_above_what_was_asked() {
    every(|case, decision| {
        assert!(shown(decision) <= case.ceiling.code().min(case.class.code()), "{case:?}");
        if matches!(decision, Decision::AskSensor { .. }) {
            assert_eq!(rank(decision), (3, 2), "{case:?}");
            assert_eq!((case.class, case.ceiling), (RiskClass::III, RiskClass::III), "{case:?}");
        }
    });
}

#[test]
fn treatment_own_data_and_review_follow_the_written_table_exactly() {
    let mut granted = 0;
    every(|case, decision| {
        let purpose = match case.role {
            Role::Patient => Purpose::OwnData,
            Role::Reviewer => Purpose::Review,
            _ => Purpose::Treatment,
        };
        let usual = case.fault.is_none() && case.revocation == Revocation::Clear && case.place.is_right(case);
        if !usual || case.purpose != purpose || case.table != Table::Least {
            return;
        }
        let table = written_table(case.role)[case.relation as usize];
        let may = case.class.code() <= table.min(case.ceiling.code());
        let expected = match (may, case.class, case.consent) {
            (false, ..) => (0, 0),
            (true, RiskClass::III, Given::Any) => (3, 3),
            (true, RiskClass::III, _) => (3, 2),
            (true, class, _) => (class.code(), class.code()),
        };
        assert_eq!(rank(decision), expected, "{case:?}");
        granted += usize::from(may);
    });
    assert!(granted > 1_000);
}

#[test]
fn only_who_may_ask_for_a_purpose_gets_anything() {
    every(|case, decision| {
        let allowed = match case.purpose {
            Purpose::Treatment => !matches!(case.role, Role::Patient | Role::Reviewer),
            Purpose::EmergencyTreatment | Purpose::BreakGlass => {
                !matches!(case.role, Role::Patient | Role::Reviewer | Role::Program)
            }
            Purpose::OwnData => case.role == Role::Patient,
            Purpose::Review => case.role == Role::Reviewer,
        };
        if !allowed {
            assert!(matches!(decision, Decision::Refuse { .. }), "{case:?}");
        }
        if matches!(decision, Decision::Override { .. }) {
            assert_eq!(case.purpose, Purpose::BreakGlass, "{case:?}");
        }
        if case.purpose == Purpose::BreakGlass {
            assert!(matches!(decision, Decision::Override { .. } | Decision::Refuse { .. }), "{case:?}");
        }
    });
}

#[test]
fn a_closer_relation_never_gets_less() {
    every(|case, decision| {
        if case.relation == Relation::Treating || case.relation == Relation::Own {
            return;
        }
        let closer = Case { relation: Relation::CLOSER[case.relation as usize + 1], ..*case };
        let (far, near) = (rank(decision), rank(closer.decide()));
        assert!(near.0 >= far.0 && near.1 >= far.1, "{case:?}");
    });
}

#[test]
fn a_consent_or_a_fresh_list_or_a_higher_certificate_never_makes_it_less() {
    every(|case, decision| {
        let mut better = std::vec![Case { revocation: Revocation::Clear, ..*case }];
        better.push(Case { ceiling: RiskClass::III, ..*case });
        better.push(Case { consent: Given::Any, ..*case });
        if case.table == Table::Least && case.role.is_clinician() {
            better.push(Case { table: Table::Paper, ..*case });
        }
        for better in better {
            assert!(shown(better.decide()) >= shown(decision), "{case:?} {better:?}");
        }
    });
}

#[test]
fn undetermined_opens_and_closes_just_what_normal_does_and_an_emergency_never_closes() {
    every(|case, decision| {
        let undetermined = Case { condition: Condition::Undetermined, ..*case }.decide();
        match case.condition {
            Condition::Normal => {
                assert_eq!(undetermined.terms(), decision.terms(), "{case:?}");
                let offer = |d| matches!(d, Decision::Refuse { break_glass: true, .. });
                assert_eq!(offer(undetermined), offer(decision), "{case:?}");
            }
            Condition::Emergency => {
                assert!(rank(undetermined).0 <= rank(decision).0, "{case:?}");
                assert!(shown(undetermined) <= shown(decision), "{case:?}");
            }
            Condition::Undetermined => {}
        }
    });
}

#[test]
fn any_clinician_of_the_house_can_break_the_glass_at_the_right_bed() {
    every(|case, decision| {
        let clinician = case.role.is_clinician() && case.fault.is_none() && case.place.is_right(case);
        if case.purpose != Purpose::BreakGlass || !clinician {
            return;
        }
        if case.revocation == Revocation::Clear || case.condition == Condition::Emergency {
            assert!(shown(decision) >= case.class.code().min(case.ceiling.code()).min(2), "{case:?}");
        }
        let Decision::Override { withheld, .. } = decision else { return };
        assert_eq!(withheld.is_some(), shown(decision) < case.class.code(), "{case:?}");
    });
}

#[test]
fn staff_with_any_relation_reaches_class_ii_in_a_detected_emergency() {
    every(|case, decision| {
        let staff = case.role.is_clinician()
            && matches!(case.relation, Relation::Consulting | Relation::OnCall | Relation::Treating);
        if case.purpose != Purpose::EmergencyTreatment || case.fault.is_some() || !case.place.is_right(case) {
            return;
        }
        let fine = staff && case.condition == Condition::Emergency && case.revocation == Revocation::Clear;
        if fine && case.class <= RiskClass::II && case.class <= case.ceiling {
            assert_eq!(shown(decision), case.class.code(), "{case:?}");
        }
        if case.condition != Condition::Emergency {
            assert!(matches!(decision, Decision::Refuse { .. }), "{case:?}");
        }
    });
}

#[test]
fn without_a_fresh_list_only_treating_clinicians_read_class_i_and_only_an_emergency_opens_more() {
    let (mut routine, mut emergency) = (0, 0);
    every(|case, decision| {
        if case.revocation == Revocation::Clear || case.fault.is_some() || shown(decision) == 0 {
            return;
        }
        assert!(case.role.is_clinician(), "{case:?}");
        if case.purpose == Purpose::BreakGlass {
            assert!(case.condition == Condition::Emergency && shown(decision) <= 2, "{case:?}");
            emergency += 1;
        } else {
            assert_eq!((shown(decision), case.relation), (1, Relation::Treating), "{case:?}");
            routine += 1;
        }
    });
    assert!(routine > 0 && emergency > 0);
}

#[test]
fn at_the_wrong_place_nothing_is_given() {
    every(|case, decision| {
        if !case.place.is_right(case) {
            assert_eq!(shown(decision), 0, "{case:?}");
        }
    });
}

/// A stranger to the patient learns neither condition nor consent. With a stale list a clinician may learn from the offer that
/// there is an emergency: that is what lets them help.
#[test]
fn without_a_relation_a_refusal_says_the_same_whatever_the_patient_is_like() {
    every(|case, decision| {
        let stranger = matches!(case.relation, Relation::None | Relation::Own) && case.role != Role::Patient
            || case.role == Role::Patient && case.relation != Relation::Own;
        if !stranger || case.purpose == Purpose::BreakGlass || case.table == Table::Paper {
            return;
        }
        for condition in Condition::ALL {
            for consent in Given::ALL {
                let other = Case { condition, consent, ..*case }.decide();
                match (decision, other) {
                    (_, same) if same == decision => {}
                    (Decision::Refuse { reason: a, .. }, Decision::Refuse { reason: b, .. }) => {
                        assert_eq!(a, b, "{case:?}");
                        assert_ne!(case.revocation, Revocation::Clear, "{case:?}");
                        assert!(case.role.is_clinician(), "{case:?}");
                    }
                    _ => panic!("{case:?}"),
                }
            }
        }
        let reason = match decision {
            Decision::Refuse { reason, .. } => reason,
            _ => panic!("{case:?}"),
        };
        let allowed =
            reason.is_about_credentials() || matches!(reason, Reason::PurposeNotOfRole | Reason::NoRelation);
        assert!(allowed, "{case:?}: {reason:?}");
    });
}

#[test]
fn an_offer_of_break_glass_is_kept_and_is_made_where_it_opens_more() {
    let mut offers = 0;
    every(|case, decision| {
        let Decision::Refuse { break_glass, .. } = decision else { return };
        let broken = Case { purpose: Purpose::BreakGlass, ..*case }.decide();
        if case.purpose == Purpose::BreakGlass {
            assert!(!break_glass, "{case:?}");
            return;
        }
        let treated = RiskClass::III.code().min(case.ceiling.code());
        let treated = (1..=treated).rev().find(|class| {
            let class = RiskClass::from_code(*class).unwrap();
            let own = Case { class, purpose: Purpose::Treatment, place: At::Right, ..*case };
            rank(own.decide()).0 > 0
        });
        assert_eq!(break_glass, shown(broken) > treated.unwrap_or(0), "{case:?}");
        offers += usize::from(break_glass);
    });
    assert!(offers > 1_000);
}

#[test]
fn who_is_granted_a_class_is_granted_those_below() {
    every(|case, decision| {
        if shown(decision) == 0 || case.place == At::OtherClass {
            return;
        }
        for class in [RiskClass::I, RiskClass::II].into_iter().filter(|class| class.code() <= shown(decision))
        {
            assert_eq!(shown(Case { class, ..*case }.decide()), class.code(), "{case:?}");
        }
    });
}

#[test]
fn every_reason_occurs_and_every_decision_can_be_put_on_record() {
    let (mut reasons, mut withholdings) = (BTreeSet::new(), BTreeSet::new());
    every_with_facts(|_, facts, decision| {
        match decision {
            Decision::Refuse { reason, .. } => drop(reasons.insert(reason)),
            Decision::Override { withheld: Some(withheld), .. } => drop(withholdings.insert(withheld)),
            _ => {}
        }
        assert_eq!(decide(facts), decision, "the same facts, the same decision");
        let record = DecisionRecord::of(facts, decision, [1; 32]);
        assert_eq!(DecisionRecord::parse(&record.to_bytes().unwrap()), Ok(record));
    });
    assert!(reasons.into_iter().eq(Reason::ALL));
    assert!(withholdings.into_iter().eq(Withheld::ALL));
}
