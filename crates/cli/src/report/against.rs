//! What moved since an earlier report, and what moved too far.

use super::figure::{Class, Figure, Value, short};
use std::collections::BTreeMap;

/// Share of a number within which it is the same.
const LAST_DIGIT: f64 = 1e-12;

/// How a figure moved.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Moved {
    /// Which.
    pub(crate) name: String,
    /// From what to what, and what is allowed.
    pub(crate) what: String,
    /// Further than its class allows.
    pub(crate) outside: bool,
}

/// Every figure that moved, those outside first. A figure that is only in one of the two is told and is not outside: sections
/// are chosen with `--only`, and recordings and peers come and go.
pub(crate) fn compare(earlier: &[Figure], now: &[Figure]) -> Vec<Moved> {
    let before: BTreeMap<String, &Figure> = earlier.iter().map(|figure| (figure.name(), figure)).collect();
    let mut moved: Vec<Moved> = now
        .iter()
        .filter_map(|figure| match before.get(&figure.name()) {
            Some(old) => of(old, figure),
            None => Some(told(figure, "is new")),
        })
        .collect();
    moved.sort_by_key(|each| !each.outside);
    moved
}

fn told(figure: &Figure, what: &str) -> Moved {
    Moved { name: figure.name(), what: what.to_owned(), outside: false }
}

fn of(old: &Figure, new: &Figure) -> Option<Moved> {
    let (before, after) = match (&old.ours, &new.ours) {
        (None, None) => return None,
        (None, Some(_)) => return Some(told(new, "was not measured before")),
        (Some(_), None) => return Some(told(new, "is not measured any more")),
        (Some(before), Some(after)) => (before, after),
    };
    let same = match before.number().zip(after.number()) {
        Some((before, after)) => (before - after).abs() <= LAST_DIGIT * before.abs(),
        None => before == after,
    };
    if same && old.unit == new.unit && old.verdict == new.verdict {
        return None;
    }
    let (inside, rule) = inside(old, new, before, after);
    let unit = if new.unit.is_empty() { String::new() } else { format!(" {}", new.unit) };
    let mut what = format!("{before} became {after}{unit} ({rule})");
    // A verdict follows from the figure: it may only turn where the figure may move.
    let turned = old.verdict != new.verdict;
    if turned {
        what.push_str(&format!("; was \"{}\", is \"{}\"", old.verdict.words(), new.verdict.words()));
    }
    let firm = matches!(new.class, Class::Exact | Class::Statistical { .. });
    Some(Moved { name: new.name(), what, outside: !inside || (turned && firm) })
}

/// Whether that is allowed, and by which rule. Numbers of different units never are.
fn inside(old: &Figure, new: &Figure, before: &Value, after: &Value) -> (bool, String) {
    if old.unit != new.unit {
        return (false, format!("its unit was {}", old.unit));
    }
    let numbers = before.number().zip(after.number());
    match (new.class, numbers) {
        (Class::Information, _) => (true, "for information".to_owned()),
        (Class::Exact, Some((before, after))) => {
            // A number's way through JSON and back may cost its last digit.
            ((before - after).abs() <= LAST_DIGIT * before.abs(), "must be equal".to_owned())
        }
        (Class::Exact, None) => (before == after, "must be equal".to_owned()),
        (Class::Statistical { relative }, Some((before, after))) => {
            let near = (before - after).abs() <= relative * before.abs();
            let overlap = match (old.low, old.high, new.low, new.high) {
                (Some(a), Some(b), Some(c), Some(d)) => a <= d && c <= b,
                _ => false,
            };
            (near || overlap, format!("intervals overlap or within {} %", short(100.0 * relative)))
        }
        (Class::Timing { ratio }, Some((before, after))) => {
            let times = after / before;
            let fits = times.is_finite() && (1.0 / ratio..=ratio).contains(&times);
            (fits, format!("at most {} times", short(ratio)))
        }
        // A word in place of a number, or another word.
        (Class::Statistical { .. } | Class::Timing { .. }, None) => {
            (before == after, "must be equal".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::figure::{STATISTICAL, Spread, TIMING, Verdict};
    use super::*;

    fn outside(old: Figure, new: Figure) -> bool {
        compare(&[old], &[new]).iter().any(|moved| moved.outside)
    }

    fn number(value: f64) -> Figure {
        Figure::new("a", "b", "ms", value)
    }

    #[test]
    fn each_class_allows_what_it_says() {
        assert!(outside(number(1.0), number(1.000_1)));
        let times = |value| number(value).class(TIMING);
        assert!(!outside(times(1.0), times(4.9)) && !outside(times(1.0), times(0.21)));
        assert!(outside(times(1.0), times(5.1)) && outside(times(1.0), times(0.19)));
        let sure = |value, low, high| number(value).between(low, high, Spread::Confidence).class(STATISTICAL);
        assert!(!outside(sure(1.0, 0.9, 1.1), sure(1.5, 1.05, 2.0)));
        assert!(outside(sure(1.0, 0.9, 1.1), sure(1.5, 1.2, 2.0)));
        assert!(!outside(number(1.0).class(STATISTICAL), number(1.04).class(STATISTICAL)));
        assert!(!outside(number(1.0).class(Class::Information), number(9.0).class(Class::Information)));
        assert!(outside(Figure::new("a", "b", "", "holds"), Figure::new("a", "b", "", "falls")));
    }

    #[test]
    fn a_verdict_that_turns_is_outside_unless_it_hangs_on_time() {
        let turned = |class| number(1.0).verdict(Verdict::Holds, "").class(class);
        let to = |class| number(1.0).verdict(Verdict::DoesNotHold, "").class(class);
        assert!(outside(turned(Class::Exact), to(Class::Exact)));
        assert!(!outside(turned(TIMING), to(TIMING)));
    }

    #[test]
    fn what_is_new_or_not_measured_is_told() {
        let told = compare(&[], &[number(1.0)]);
        assert!(told.len() == 1 && !told[0].outside && told[0].what == "is new");
        assert!(!outside(Figure::missing("a", "b", "ms", "no recordings"), number(1.0)));
        assert_eq!(compare(&[number(1.0)], &[number(1.0)]), []);
    }
}
