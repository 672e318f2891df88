//! The classes of beats in ANSI/AAMI EC57, and how often one is taken for another.

#![deny(clippy::indexing_slicing)]

use crate::wfdb::AnnotationCode;

/// Class of a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BeatClass {
    /// N: any beat that is in no other class, such as normal and bundle branch block beats.
    Normal,
    /// S: supraventricular ectopic beat, premature or escape.
    Supraventricular,
    /// V: ventricular ectopic beat.
    Ventricular,
    /// F: fusion of a ventricular and a normal beat.
    Fusion,
    /// Q: paced, fusion of paced and normal, or unclassifiable.
    Unknown,
}

impl BeatClass {
    /// Every class, in the order of EC57's tables.
    pub const ALL: [Self; 5] =
        [Self::Normal, Self::Supraventricular, Self::Ventricular, Self::Fusion, Self::Unknown];

    /// The letter of EC57.
    pub fn letter(self) -> char {
        match self {
            Self::Normal => 'N',
            Self::Supraventricular => 'S',
            Self::Ventricular => 'V',
            Self::Fusion => 'F',
            Self::Unknown => 'Q',
        }
    }

    /// The class of an annotated beat; nothing for annotations that mark no beat.
    ///
    /// As WFDB's `bxb` does it, the usual implementation of EC57 (its function `amap`, reporting with S): supraventricular
    /// escape beats (`e`, `j`, `n`) are S like premature ones, R-on-T beats (`r`) V, bundle branch block beats N, and
    /// paced beats, their fusions and beats of a learning period (`?`) Q. Tables that count the escape beats as N are not
    /// comparable with these in N and S.
    pub fn of(code: AnnotationCode) -> Option<Self> {
        match code.number() {
            1 | 2 | 3 | 25 => Some(Self::Normal),
            4 | 7 | 8 | 9 | 11 | 34 | 35 => Some(Self::Supraventricular),
            5 | 10 | 41 => Some(Self::Ventricular),
            6 => Some(Self::Fusion),
            12 | 13 | 30 | 38 => Some(Self::Unknown),
            _ => None,
        }
    }
}

const CLASSES: usize = BeatClass::ALL.len();

/// Counts of reference beats by their class and the class they were given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClassTable {
    /// One more row and column than classes: the beats that were missed, the detections without a beat.
    counts: [[u64; CLASSES + 1]; CLASSES + 1],
}

impl ClassTable {
    fn index(class: Option<BeatClass>) -> usize {
        class.map_or(CLASSES, |class| class as usize)
    }

    /// Counts one beat: its reference class, nothing when there is no such beat, and the class it was given, nothing
    /// when it was missed.
    pub fn add(&mut self, reference: Option<BeatClass>, given: Option<BeatClass>) {
        let cell =
            self.counts.get_mut(Self::index(reference)).and_then(|row| row.get_mut(Self::index(given)));
        if let Some(cell) = cell {
            *cell = cell.saturating_add(1);
        }
    }

    /// Beats counted with these two classes; see [`Self::add`].
    pub fn count(&self, reference: Option<BeatClass>, given: Option<BeatClass>) -> u64 {
        self.counts
            .get(Self::index(reference))
            .and_then(|row| row.get(Self::index(given)))
            .copied()
            .unwrap_or(0)
    }

    /// Share of the reference beats of a class that were given it, 0 to 1; nothing when there are none. EC57's exceptions
    /// (fusion and unclassifiable beats do not count against V) are left to the reader of the counts.
    pub fn sensitivity(&self, class: BeatClass) -> Option<f64> {
        let all = BeatClass::ALL
            .into_iter()
            .map(Some)
            .chain([None])
            .map(|given| self.count(Some(class), given))
            .sum();
        self.share(class, all)
    }

    /// Share of the beats given a class that are of it, 0 to 1; nothing when there are none. As for
    /// [`Self::sensitivity`].
    pub fn positive_predictivity(&self, class: BeatClass) -> Option<f64> {
        let references = BeatClass::ALL.into_iter().map(Some).chain([None]);
        let all = references.map(|reference| self.count(reference, Some(class))).sum();
        self.share(class, all)
    }

    fn share(&self, class: BeatClass, all: u64) -> Option<f64> {
        (all > 0).then(|| self.count(Some(class), Some(class)) as f64 / all as f64)
    }
}

impl core::ops::AddAssign for ClassTable {
    fn add_assign(&mut self, other: Self) {
        for (cell, more) in self.counts.as_flattened_mut().iter_mut().zip(other.counts.as_flattened()) {
            *cell = cell.saturating_add(*more);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beats_and_only_beats_have_a_class() {
        for code in (1..=49).filter_map(AnnotationCode::new) {
            assert_eq!(BeatClass::of(code).is_some(), code.is_beat(), "{code:?}");
        }
        assert_eq!(BeatClass::of(AnnotationCode::PVC).map(BeatClass::letter), Some('V'));
        for escape in [11, 34, 35].into_iter().filter_map(AnnotationCode::new) {
            assert_eq!(BeatClass::of(escape), Some(BeatClass::Supraventricular));
        }
        for (number, class) in BeatClass::ALL.into_iter().enumerate() {
            assert_eq!(ClassTable::index(Some(class)), number);
        }
    }

    #[test]
    fn shares_follow_from_the_counts() {
        let (n, v) = (Some(BeatClass::Normal), Some(BeatClass::Ventricular));
        let mut table = ClassTable::default();
        for (reference, given) in [(v, v), (v, v), (v, n), (v, None), (None, v), (n, v), (n, n)] {
            table.add(reference, given);
        }
        table += table;
        assert_eq!((table.count(v, v), table.count(None, v), table.count(None, None)), (4, 2, 0));
        assert_eq!(table.sensitivity(BeatClass::Ventricular), Some(0.5));
        assert_eq!(table.positive_predictivity(BeatClass::Ventricular), Some(0.5));
        assert_eq!(table.sensitivity(BeatClass::Fusion), None);
    }
}
