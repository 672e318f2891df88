//! By how many patients two queries differ at least, whatever multiples of their sums are taken.
//!
//! Whoever has two sums also has their difference, and that of their multiples. A trend is many sums, one for each window, of
//! which each can be taken or left. All of that is tried here, with one simplification: the multiple of a sum is the one that
//! takes the most patients away.

use super::policy::{Subject, Term};
use std::collections::{BTreeMap, HashMap};

/// The fewest patients whose readings remain of `one` when multiples of some of `others` are taken from it. The others are of
/// different vectors, as the windows of a trend are. None remain when `one` follows from the others.
pub(super) fn remaining(one: &[Term], others: &[Vec<Term>]) -> usize {
    let weights: HashMap<u64, u32> = one.iter().map(|term| (term.index, term.weight)).collect();
    // Terms that remain, for each patient.
    let mut left: HashMap<Subject, i64> = HashMap::new();
    one.iter().for_each(|term| *left.entry(term.subject).or_default() += 1);
    for other in others {
        let Some(ratio) = usual_ratio(&weights, other) else { continue };
        let mut change: HashMap<Subject, i64> = HashMap::new();
        for term in other {
            *change.entry(term.subject).or_default() += match weights.get(&term.index) {
                Some(weight) if reduced(*weight, term.weight) == ratio => -1,
                Some(_) => 0,
                None => 1,
            };
        }
        let terms = |subject: &Subject| left.get(subject).copied().unwrap_or(0);
        let before = change.keys().filter(|subject| terms(subject) > 0).count();
        let after = change.iter().filter(|(subject, by)| terms(subject) + **by > 0).count();
        if after <= before {
            for (subject, by) in change {
                *left.entry(subject).or_default() += by;
            }
        }
    }
    left.values().filter(|terms| **terms > 0).count()
}

/// How much heavier vectors are in one query than in the other: the ratio that the most patients have.
fn usual_ratio(weights: &HashMap<u64, u32>, other: &[Term]) -> Option<(u32, u32)> {
    let common = other.iter().filter_map(|term| Some((term, *weights.get(&term.index)?)));
    let mut ratios: BTreeMap<(u32, u32), Vec<Subject>> = BTreeMap::new();
    for (term, weight) in common {
        ratios.entry(reduced(weight, term.weight)).or_default().push(term.subject);
    }
    let patients = |subjects: &mut Vec<Subject>| {
        subjects.sort_unstable();
        subjects.dedup();
        subjects.len()
    };
    ratios.into_iter().max_by_key(|(_, subjects)| patients(&mut subjects.clone())).map(|(ratio, _)| ratio)
}

/// A ratio in its lowest terms. Weights are not zero.
fn reduced(a: u32, b: u32) -> (u32, u32) {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a.checked_div(divisor).unwrap_or(a), b.checked_div(divisor).unwrap_or(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_store::PatientId;

    fn terms(patients: std::ops::Range<u64>, window: u64, weight: u32) -> Vec<Term> {
        let term = |patient| {
            let subject = Subject::Patient(PatientId(patient));
            Term { index: window * 100 + patient, weight, subject }
        };
        patients.map(term).collect()
    }

    #[test]
    fn what_is_the_same_or_a_multiple_leaves_nobody() {
        let all = terms(0..8, 0, 3);
        assert_eq!(remaining(&all, std::slice::from_ref(&all)), 0);
        assert_eq!(remaining(&all, &[terms(0..8, 0, 7)]), 0);
        assert_eq!(remaining(&all, &[]), 8);
        assert_eq!(remaining(&all, &[terms(0..8, 1, 1)]), 8, "what has nothing to do with it is left");
        assert_eq!(remaining(&all, &[terms(0..7, 0, 1)]), 1);
        assert_eq!(remaining(&all, &[terms(0..9, 0, 1)]), 1);
    }

    #[test]
    fn a_multiple_of_a_weighted_sum_does_not_hide_that_a_bed_has_changed_sides() {
        let one = [terms(0..4, 0, 1), terms(4..8, 0, 2)].concat();
        let other = [terms(0..3, 0, 2), terms(3..8, 0, 4)].concat();
        assert_eq!(remaining(&one, std::slice::from_ref(&other)), 1);
        assert_eq!(remaining(&other, &[one]), 1);
    }

    #[test]
    fn the_windows_of_a_trend_are_taken_one_by_one() {
        let windows = [terms(0..8, 0, 1), terms(0..8, 1, 1), terms(0..8, 2, 1)];
        let both = [terms(0..8, 0, 1), terms(0..8, 1, 1)].concat();
        assert_eq!(remaining(&both, &windows), 0);
        // Nobody but one patient is left, and that in another window.
        let late = [both.clone(), terms(8..9, 1, 1)].concat();
        assert_eq!(remaining(&late, &windows), 1);
        let more = [both, terms(3..4, 7, 1)].concat();
        assert_eq!(remaining(&more, &windows), 1);
        assert_eq!(remaining(&terms(0..8, 3, 1), &windows), 8);
    }

    #[test]
    fn many_vectors_of_one_patient_are_one_patient() {
        let one = terms(0..8, 0, 1);
        let long: Vec<Term> = (1..30).fold(one.clone(), |all, window| [all, terms(2..3, window, 1)].concat());
        assert_eq!(remaining(&one, std::slice::from_ref(&long)), 1);
        assert_eq!(remaining(&long, &[one]), 1);
    }
}
