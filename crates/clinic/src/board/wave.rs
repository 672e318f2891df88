//! Wave chunks and their frame on the wire.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::Error;

use super::view::Signal;

/// Samples in one chunk: over ten seconds at 360 Hz, far above any sensible message.
pub const MAX_CHUNK_SAMPLES: usize = 4096;

/// Chunks kept so that a new screen starts with a full sweep: 16 s of four waves at four chunks a second.
pub const MAX_RECENT_CHUNKS: usize = 256;

/// Version byte of the wave frame.
pub const FRAME_VERSION: u8 = 2;

/// Bytes before the samples of a wave frame.
pub const FRAME_HEADER_BYTES: usize = 30;

const FLAG_LATE: u8 = 1;
const FLAG_RECENT: u8 = 2;
const FLAG_STRIP: u8 = 4;

/// A stretch of one wave without a gap.
#[derive(Debug, Clone, PartialEq)]
pub struct WaveChunk {
    /// What is measured.
    pub signal: Signal,
    /// Sensor time of the first sample, milliseconds since the Unix epoch.
    pub start_ms: u64,
    /// Distance between samples, microseconds.
    pub period_us: u32,
    /// Counts per millivolt (per unit of display for other waves).
    pub lsb_per_mv: f32,
    /// The count that means 0 mV.
    pub baseline: i16,
    /// The samples as the converter gave them.
    pub samples: Vec<i16>,
    /// True when it came from the spool after an outage. Late waves are counted on the screen, never drawn as live.
    pub late: bool,
}

impl WaveChunk {
    fn check(&self) -> Result<(), Error> {
        if self.period_us == 0 {
            return Err(Error::MalformedWave("its period is zero"));
        }
        if !self.lsb_per_mv.is_finite() || self.lsb_per_mv <= 0.0 {
            return Err(Error::MalformedWave("its scale is not a positive number"));
        }
        if self.samples.is_empty() || self.samples.len() > MAX_CHUNK_SAMPLES {
            return Err(Error::MalformedWave("its number of samples is out of range"));
        }
        Ok(())
    }

    /// The frame of a strip that stands for itself, outside the stream.
    pub(crate) fn evidence(&self, bed: u16) -> Result<Arc<[u8]>, Error> {
        self.check()?;
        Ok(self.frame(bed, 0, FLAG_RECENT | FLAG_STRIP).into())
    }

    /// Little-endian frame: version, signal, flags, 0, u32 sequence, u64 start (ms), u32 period (us),
    /// f32 counts per millivolt, i16 baseline, u16 count, u16 bed, then the samples as i16.
    fn frame(&self, bed: u16, sequence: u32, flags: u8) -> Vec<u8> {
        let flags = flags | if self.late { FLAG_LATE } else { 0 };
        let mut frame = Vec::with_capacity(FRAME_HEADER_BYTES + 2 * self.samples.len());
        frame.extend([FRAME_VERSION, self.signal.code(), flags, 0]);
        frame.extend(sequence.to_le_bytes());
        frame.extend(self.start_ms.to_le_bytes());
        frame.extend(self.period_us.to_le_bytes());
        frame.extend(self.lsb_per_mv.to_le_bytes());
        frame.extend(self.baseline.to_le_bytes());
        let count = u16::try_from(self.samples.len()).unwrap_or(u16::MAX);
        frame.extend(count.to_le_bytes());
        frame.extend(bed.to_le_bytes());
        frame.extend(self.samples.iter().take(usize::from(count)).flat_map(|sample| sample.to_le_bytes()));
        frame
    }
}

/// Recent live chunks, and the frames made from new ones.
#[derive(Debug, Default)]
pub(super) struct Waves {
    recent: VecDeque<Arc<[u8]>>,
    sequence: u32,
}

impl Waves {
    /// Checks a chunk, remembers it when live, and gives its frame.
    pub(super) fn push(&mut self, bed: u16, chunk: &WaveChunk) -> Result<Arc<[u8]>, Error> {
        chunk.check()?;
        self.sequence = self.sequence.wrapping_add(1);
        if !chunk.late {
            if self.recent.len() == MAX_RECENT_CHUNKS {
                self.recent.pop_front();
            }
            self.recent.push_back(chunk.frame(bed, self.sequence, FLAG_RECENT).into());
        }
        Ok(chunk.frame(bed, self.sequence, 0).into())
    }

    /// Frames of the recent past, oldest first.
    pub(super) fn recent(&self) -> Vec<Arc<[u8]>> {
        self.recent.iter().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk() -> WaveChunk {
        WaveChunk {
            signal: Signal::Ecg,
            start_ms: 0x0102_0304_0506,
            period_us: 4000,
            lsb_per_mv: 200.0,
            baseline: -2,
            samples: vec![1, -1],
            late: false,
        }
    }

    #[test]
    fn frame_is_little_endian_and_as_documented() {
        let frame = Waves::default().push(3, &chunk()).unwrap();
        let expected = [
            2, 1, 0, 0, // version, signal, flags, reserved
            1, 0, 0, 0, // sequence
            6, 5, 4, 3, 2, 1, 0, 0, // start
            0xa0, 0x0f, 0, 0, // period
            0, 0, 0x48, 0x43, // 200.0
            0xfe, 0xff, 2, 0, // baseline, count
            3, 0, // bed
            1, 0, 0xff, 0xff, // samples
        ];
        assert_eq!(&frame[..], expected);
    }

    #[test]
    fn late_chunk_is_flagged_and_not_kept() {
        let mut waves = Waves::default();
        let frame = waves.push(3, &WaveChunk { late: true, ..chunk() }).unwrap();
        assert_eq!(frame[2], FLAG_LATE);
        assert!(waves.recent().is_empty());
    }

    #[test]
    fn recent_chunks_are_bounded() {
        let mut waves = Waves::default();
        for _ in 0..MAX_RECENT_CHUNKS + 3 {
            waves.push(3, &chunk()).unwrap();
        }
        assert_eq!(waves.recent().len(), MAX_RECENT_CHUNKS);
        assert_eq!(waves.recent()[0][2], FLAG_RECENT);
    }

    #[test]
    fn shapes_that_cannot_be_drawn_are_refused() {
        let bad = [
            WaveChunk { period_us: 0, ..chunk() },
            WaveChunk { lsb_per_mv: f32::NAN, ..chunk() },
            WaveChunk { lsb_per_mv: 0.0, ..chunk() },
            WaveChunk { samples: vec![], ..chunk() },
            WaveChunk { samples: vec![0; MAX_CHUNK_SAMPLES + 1], ..chunk() },
        ];
        for chunk in bad {
            assert!(matches!(Waves::default().push(3, &chunk), Err(Error::MalformedWave(_))));
        }
    }
}
