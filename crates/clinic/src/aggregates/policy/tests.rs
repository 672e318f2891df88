//! What the rules of the house allow and refuse.

use super::*;

const POLICY: Policy = Policy { cohort_min: 3, queries_per_day: 4 };

/// One vector of each of these patients, of window `window`.
fn terms(patients: std::ops::Range<u64>, window: u64, weight: u32) -> Vec<Term> {
    patients
        .map(|patient| Term {
            index: window * 100 + patient,
            weight,
            subject: Subject::Patient(PatientId(patient)),
        })
        .collect()
}

#[test]
fn few_patients_and_few_with_a_weight_of_their_own_are_refused() {
    let mut book = Answers::default();
    let mut allow = |terms: &[Term]| book.allow(POLICY, 0, Vital::HeartRate, vec![terms.to_vec()]);
    assert!(matches!(allow(&[]), Err(Refusal::Nothing)));
    assert!(matches!(allow(&terms(0..2, 0, 1)), Err(Refusal::Cohort { patients: 2, least: 3 })));
    // Many windows of two patients are two patients.
    let long = [terms(0..2, 0, 1), terms(0..2, 1, 1)].concat();
    assert!(matches!(allow(&long), Err(Refusal::Cohort { patients: 2, .. })));
    let weighted = [terms(0..5, 0, 1), terms(5..6, 0, 2)].concat();
    assert!(matches!(allow(&weighted), Err(Refusal::Group { patients: 1, .. })));
    assert!(allow(&[terms(0..3, 0, 1), terms(3..6, 0, 2)].concat()).is_ok());
}

#[test]
fn a_difference_that_is_one_patient_is_refused_whoever_asks_and_however_it_is_made() {
    let mut book = Answers::default();
    let mut allow = |terms: &[Term]| book.allow(POLICY, 0, Vital::HeartRate, vec![terms.to_vec()]);
    let first = terms(0..8, 0, 1);
    assert!(allow(&first).is_ok());
    // One left out; one more; one heavier; and a longer time in which only one has a window.
    assert!(matches!(allow(&first[1..]), Err(Refusal::Difference { least: 3 })));
    assert!(matches!(allow(&terms(0..9, 0, 1)), Err(Refusal::Difference { .. })));
    let longer = [first.clone(), terms(4..5, 1, 1)].concat();
    assert!(matches!(allow(&longer), Err(Refusal::Difference { .. })));
    // A whole window more, and half of the patients.
    assert!(allow(&[first.clone(), terms(0..8, 1, 1)].concat()).is_ok());
    assert!(allow(&terms(0..4, 0, 1)).is_ok());
    // Another vital sign is another question.
    assert!(book.allow(POLICY, 0, Vital::SpO2, vec![first[1..].to_vec()]).is_ok());
}

#[test]
fn a_trend_shows_each_of_its_windows() {
    let mut book = Answers::default();
    let mut allow = |sums: Vec<Vec<Term>>| book.allow(POLICY, 0, Vital::HeartRate, sums);
    let few = allow(vec![terms(0..8, 0, 1), terms(0..2, 1, 1)]);
    assert!(matches!(few, Err(Refusal::Cohort { patients: 2, least: 3 })));
    assert!(allow(vec![terms(0..8, 0, 1), terms(0..8, 1, 1), terms(0..8, 2, 1)]).is_ok());
    // What follows from it is no other query; a vector that came late sets its patient apart.
    assert!(allow(vec![[terms(0..8, 0, 1), terms(0..8, 2, 1)].concat()]).is_ok());
    let late = [terms(0..8, 0, 1), terms(0..9, 1, 1)].concat();
    assert!(matches!(allow(vec![late.clone()]), Err(Refusal::Difference { .. })));
    let trend = vec![terms(0..8, 0, 1), terms(0..9, 1, 1)];
    assert!(matches!(allow(trend), Err(Refusal::Difference { .. })));
    // And the other way about: first the sum, then the windows.
    let mut book = Answers::default();
    let mut allow = |sums: Vec<Vec<Term>>| book.allow(POLICY, 0, Vital::HeartRate, sums);
    assert!(allow(vec![late]).is_ok());
    let trend = vec![terms(0..8, 0, 1), terms(0..8, 1, 1), terms(0..8, 2, 1)];
    assert!(matches!(allow(trend), Err(Refusal::Difference { .. })));
    assert_eq!(book.left(POLICY, 0), 3);
}

#[test]
fn a_query_of_which_nothing_was_opened_is_forgotten_unless_another_rests_on_it() {
    let mut book = Answers::default();
    let ask = |book: &mut Answers| book.allow(POLICY, 0, Vital::SpO2, vec![terms(0..8, 0, 1)]);
    let first = ask(&mut book).unwrap();
    book.ended(first, false);
    assert_eq!(book.left(POLICY, 0), 4);
    let (first, second) = (ask(&mut book).unwrap(), ask(&mut book).unwrap());
    book.ended(first, false);
    assert_eq!(book.left(POLICY, 0), 3);
    book.ended(second, true);
    let third = ask(&mut book).unwrap();
    book.ended(third, false);
    assert_eq!(book.left(POLICY, 0), 3, "it was answered once");
}

#[test]
fn the_budget_counts_different_queries_of_a_day() {
    let mut book = Answers::default();
    let ask = |book: &mut Answers, window: u64, now_ms| {
        book.allow(POLICY, now_ms, Vital::SpO2, vec![terms(0..8, window, 1)])
    };
    for window in 0..4 {
        assert_eq!(book.left(POLICY, 0), 4 - window as usize);
        assert!(ask(&mut book, window, 0).is_ok());
        assert!(ask(&mut book, window, 0).is_ok(), "again, at no cost");
    }
    assert!(matches!(ask(&mut book, 9, DAY_MS - 1), Err(Refusal::Budget { per_day: 4 })));
    assert!(ask(&mut book, 2, DAY_MS - 1).is_ok());
    assert!(ask(&mut book, 9, DAY_MS).is_ok());
    let endless = Policy { queries_per_day: usize::MAX, ..POLICY };
    assert!(book.left(endless, DAY_MS) < DIFFERENCES_MAX);
}
