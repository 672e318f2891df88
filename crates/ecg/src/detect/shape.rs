//! The shape of a complex in the detection band, and how alike two shapes are.

use super::trace::Trace;

/// Spacing of the points.
const SPACING_S: f64 = 0.008;
/// Points of a shape that are compared.
const POINTS: usize = 23;
/// Points by which a shape may be shifted to either side.
const SHIFT: usize = 4;
const WIDE: usize = POINTS + 2 * SHIFT;
/// Shapes remembered.
const MEMORY: usize = 8;

/// The points of a complex, with room for shifting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    points: [f32; WIDE],
}

/// How alike two shapes are at their best shift.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Likeness {
    /// Cosine of the angle between them: form alone.
    pub(super) form: f32,
    /// One for equal shapes, less for a difference in size too.
    pub(super) whole: f32,
}

impl Shape {
    pub(super) fn take(trace: &Trace, step: i64) -> Self {
        let mut points = [0.0; WIDE];
        for (i, p) in points.iter_mut().enumerate() {
            *p = trace.qrs(step, (i as f64 - (WIDE / 2) as f64) * SPACING_S);
        }
        Self { points }
    }

    fn like(&self, other: &Self) -> Likeness {
        let Some(fixed) = other.points.get(SHIFT..SHIFT + POINTS) else { return Likeness::default() };
        let fixed_power: f32 = fixed.iter().map(|x| x * x).sum();
        let mut best = Likeness { form: -1.0, whole: -1.0 };
        for window in self.points.windows(POINTS) {
            let (mut power, mut product) = (1e-9f32, 0.0f32);
            for (x, y) in window.iter().zip(fixed) {
                power += x * x;
                product += x * y;
            }
            let form = product / libm::sqrtf(power * (fixed_power + 1e-9));
            let whole = 2.0 * product / (power + fixed_power);
            best = Likeness { form: best.form.max(form), whole: best.whole.max(whole) };
        }
        best
    }
}

/// The last shapes of a kind.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    shapes: [Option<Shape>; MEMORY],
    next: usize,
}

impl Memory {
    pub(super) const fn new() -> Self {
        Self { shapes: [None; MEMORY], next: 0 }
    }

    pub(super) fn keep(&mut self, shape: Shape) {
        if let Some(slot) = self.shapes.get_mut(self.next) {
            *slot = Some(shape);
        }
        self.next = (self.next + 1) % MEMORY;
    }

    /// The highest and the third highest likeness to what is remembered (form and whole each on its own).
    pub(super) fn likeness(&self, shape: &Shape) -> (Likeness, Likeness) {
        let (mut forms, mut wholes) = ([0.0f32; 3], [0.0f32; 3]);
        for known in self.shapes.iter().flatten() {
            let l = shape.like(known);
            insert(&mut forms, l.form);
            insert(&mut wholes, l.whole);
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
