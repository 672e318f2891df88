//! The strip: the last seconds of the cleaned signal, for segmenting, for indices over windows, and as evidence.

/// Samples kept: 4.1 s at 1000 Hz, 11 s at 360 Hz. Enough for the longest cycle (3 s) and the fibrillation window
/// (4 s); a power of two so that wrapping is a mask.
pub const STRIP_SAMPLES: usize = 4096;

/// Microvolts per stored step: 16 bits then span +-32 mV, ten times any ECG, at a fifth of a usual ADC step.
const STEPS_PER_MV: f32 = 1000.0;

/// A ring of the last [`STRIP_SAMPLES`] samples, addressed by their sample index.
#[derive(Debug, Clone)]
pub struct Strip {
    microvolts: [i16; STRIP_SAMPLES],
    start: u64,
    end: u64,
}

impl Strip {
    /// An empty strip whose first sample will have index `start`.
    pub const fn new(start: u64) -> Self {
        Self { microvolts: [0; STRIP_SAMPLES], start, end: start }
    }

    /// Empties the strip; the next sample has index `start`.
    pub fn restart(&mut self, start: u64) {
        (self.start, self.end) = (start, start);
    }

    /// Appends a sample in millivolts.
    pub fn push(&mut self, mv: f32) {
        let at = self.end as usize % STRIP_SAMPLES;
        if let Some(slot) = self.microvolts.get_mut(at) {
            // The cast saturates.
            *slot = libm::rintf(mv * STEPS_PER_MV) as i16;
        }
        self.end += 1;
    }

    /// Index after the newest sample.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Index of the oldest sample still held.
    pub fn start(&self) -> u64 {
        self.start.max(self.end.saturating_sub(STRIP_SAMPLES as u64))
    }

    /// The sample in microvolts, or nothing when it is not held (any more).
    pub fn microvolts(&self, index: u64) -> Option<i16> {
        if index < self.start() || index >= self.end {
            return None;
        }
        self.microvolts.get(index as usize % STRIP_SAMPLES).copied()
    }

    /// The sample in millivolts, or nothing when it is not held (any more).
    pub fn mv(&self, index: u64) -> Option<f32> {
        self.microvolts(index).map(|v| f32::from(v) / STEPS_PER_MV)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_the_last_samples_by_index() {
        let mut strip = Strip::new(10);
        for i in 0..5000u32 {
            strip.push(i as f32 / 1000.0);
        }
        assert_eq!((strip.start(), strip.end()), (5010 - 4096, 5010));
        assert_eq!(strip.microvolts(5009), Some(4999));
        assert_eq!(strip.microvolts(5010), None);
        assert_eq!(strip.microvolts(913), None);
        strip.push(1e9);
        assert_eq!(strip.mv(5010), Some(32.767));
        strip.restart(7);
        assert_eq!(strip.mv(7), None);
    }
}
