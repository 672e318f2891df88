//! The usual size of something: the middle of its last values.

const VALUES: usize = 8;

/// The last eight values of a quantity. Sorted only when one is added.
#[derive(Debug, Clone, Copy)]
pub(super) struct Level {
    values: [f32; VALUES],
    next: usize,
    /// The median.
    pub(super) median: f32,
    /// The third highest. Where every other value belongs to a T wave taken for a beat, it is still a beat's.
    pub(super) upper: f32,
}

impl Level {
    pub(super) const fn new(value: f32) -> Self {
        Self { values: [value; VALUES], next: 0, median: value, upper: value }
    }

    pub(super) fn push(&mut self, value: f32) {
        if let Some(slot) = self.values.get_mut(self.next) {
            *slot = value;
        }
        self.next = (self.next + 1) % VALUES;
        self.sort();
    }

    pub(super) fn scale(&mut self, factor: f32) {
        self.values.iter_mut().for_each(|v| *v *= factor);
        self.sort();
    }

    fn sort(&mut self) {
        let mut sorted = self.values;
        sorted.sort_unstable_by(f32::total_cmp);
        let [.., a, b, upper, _, _] = sorted;
        (self.median, self.upper) = (0.5 * (a + b), upper);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_outlier_moves_nothing() {
        let mut level = Level::new(1.0);
        level.push(1000.0);
        assert_eq!((level.median, level.upper), (1.0, 1.0));
        for v in [3.0, 1.0, 3.0, 1.0, 3.0, 1.0, 3.0, 1.0] {
            level.push(v);
        }
        assert_eq!((level.median, level.upper), (2.0, 3.0));
        level.scale(0.5);
        assert_eq!((level.median, level.upper), (1.0, 1.5));
    }
}
