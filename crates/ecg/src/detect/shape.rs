//! The shape of a complex in the detection band, and how alike two shapes are.

use super::trace::Trace;

/// Spacing of the points: three to a quarter wave of the band's upper edge.
const SPACING_S: f64 = 0.008;
/// Points of a shape that are compared: 184 ms.
const POINTS: usize = 23;
/// Shifts tried to either side, 32 ms.
const SHIFT: usize = 4;
const SHIFTS: usize = 2 * SHIFT + 1;
const WIDE: usize = POINTS + 2 * SHIFT;
/// Shapes remembered.
const MEMORY: usize = 8;
/// Keeps silence comparable, mV^2.
const POWER_MIN: f32 = 1e-9;

/// The points of a complex, with room for shifting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    points: [f32; WIDE],
    /// Sum of squares in the window of each shift.
    powers: [f32; SHIFTS],
}

/// What is remembered of a shape: the points without the room for shifting.
#[derive(Debug, Clone, Copy)]
struct Centre {
    points: [f32; POINTS],
    power: f32,
}

/// How alike two shapes are at their best shift.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Likeness {
    /// Cosine of the angle between them: form alone.
    pub(super) form: f32,
    /// One for equal shapes, less for a difference in size too.
    pub(super) whole: f32,
}

impl Shape {
    pub(super) fn take(trace: &Trace, step: i64) -> Self {
        let mut points = [0.0; WIDE];
        let first = -SPACING_S * (WIDE / 2) as f64;
        for (i, p) in points.iter_mut().enumerate() {
            *p = trace.qrs(step, first + i as f64 * SPACING_S);
        }
        Self::new(points)
    }

    fn new(points: [f32; WIDE]) -> Self {
        let mut powers = [0.0; SHIFTS];
        for (power, window) in powers.iter_mut().zip(points.windows(POINTS)) {
            *power = window.iter().map(|x| x * x).sum::<f32>() + POWER_MIN;
        }
        Self { points, powers }
    }

    fn centre(&self) -> Centre {
        let mut points = [0.0; POINTS];
        points.iter_mut().zip(self.points.iter().skip(SHIFT)).for_each(|(to, from)| *to = *from);
        Centre { points, power: self.powers.get(SHIFT).copied().unwrap_or(POWER_MIN) }
    }

    fn like(&self, known: &Centre) -> Likeness {
        // All shifts side by side, so that the compiler can use wide registers.
        let mut products = [0.0f32; SHIFTS];
        for (y, window) in known.points.iter().zip(self.points.windows(SHIFTS)) {
            for (product, x) in products.iter_mut().zip(window) {
                *product += x * y;
            }
        }
        let mut best = Likeness { form: -1.0, whole: -1.0 };
        for (product, power) in products.iter().zip(&self.powers) {
            best.form = best.form.max(product / libm::sqrtf(power * known.power));
            best.whole = best.whole.max(2.0 * product / (power + known.power));
        }
        best
    }
}

/// The last shapes of a kind.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    shapes: [Option<Centre>; MEMORY],
    next: usize,
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self { shapes: [None; MEMORY], next: 0 }
    }

    pub(super) fn keep(&mut self, shape: Shape) {
        if let Some(slot) = self.shapes.get_mut(self.next) {
            *slot = Some(shape.centre());
        }
        self.next = (self.next + 1) % MEMORY;
    }

    /// The highest and the third highest likeness to what is remembered, form and whole each on its own, at least 0.
    /// The third shows whether it is a kind or an accident.
    pub(super) fn likeness(&self, shape: &Shape) -> (Likeness, Likeness) {
        let (mut forms, mut wholes) = ([0.0f32; 3], [0.0f32; 3]);
        for known in self.shapes.iter().flatten() {
            let like = shape.like(known);
            insert(&mut forms, like.form);
            insert(&mut wholes, like.whole);
        }
        let ([form, _, form3], [whole, _, whole3]) = (forms, wholes);
        (Likeness { form, whole }, Likeness { form: form3, whole: whole3 })
    }
}

/// Keeps the three highest values in falling order.
fn insert(best: &mut [f32; 3], mut value: f32) {
    for slot in best {
        if value > *slot {
            core::mem::swap(slot, &mut value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wave(shift: usize, size: f32) -> Shape {
        Shape::new(core::array::from_fn(|i| size * libm::sinf((i + shift) as f32 * 0.6)))
    }

    #[test]
    fn a_shifted_shape_is_alike_and_a_larger_one_in_form_only() {
        let same = wave(3, 1.0).like(&wave(0, 1.0).centre());
        assert!(same.form > 0.999 && same.whole > 0.999, "{same:?}");
        let larger = wave(0, 3.0).like(&wave(0, 1.0).centre());
        assert!(larger.form > 0.999 && (larger.whole - 0.6).abs() < 0.02, "{larger:?}");
        let silence = wave(0, 0.0).like(&wave(0, 1.0).centre());
        assert!(silence.form.abs() < 0.01 && silence.whole.abs() < 0.01);
    }

    #[test]
    fn the_third_highest_tells_a_kind_from_an_accident() {
        let mut memory = Memory::new();
        assert_eq!(memory.likeness(&wave(0, 1.0)), Default::default());
        memory.keep(wave(0, 1.0));
        let (best, third) = memory.likeness(&wave(0, 1.0));
        assert!(best.form > 0.999 && third.form == 0.0);
        memory.keep(wave(0, 1.0));
        memory.keep(wave(0, 1.0));
        assert!(memory.likeness(&wave(0, 1.0)).1.form > 0.999);
    }
}
