//! The rest of a segment while it is read frame by frame, and what tells a torn write from damage there.

use crate::{
    Checkpoint, Disk, Error, VerifierKey,
    segment::{FRAME_ALIGN_BYTES, FRAME_HEADER_BYTES, Frame, FrameHeader},
    window::{SEQUENTIAL_BYTES, Window},
};

/// The rest of a segment from a frame on.
pub(crate) struct Tail<'a, D> {
    disk: &'a D,
    pub(crate) file: &'a str,
    /// No segment follows.
    pub(crate) last: bool,
    pub(crate) at: u64,
    pub(crate) len: u64,
    window: Window,
}

impl<'a, D: Disk> Tail<'a, D> {
    pub(crate) fn of(disk: &'a D, file: &'a str, last: bool) -> Result<Self, Error> {
        let len = disk.len(file).map_err(Error::disk("measure", file))?;
        Ok(Self { disk, file, last, at: 0, len, window: Window::new(SEQUENTIAL_BYTES) })
    }

    /// The bytes of the frame at hand.
    pub(crate) fn frame(&mut self) -> Result<&[u8], Error> {
        let Self { disk, file, at, len, window, .. } = self;
        frame_bytes(*disk, file, *at, *len, window)
    }

    /// Whether nothing but zeros follow.
    pub(crate) fn is_unused(&mut self) -> Result<bool, Error> {
        let mut at = self.at;
        while at < self.len {
            let part = (self.len - at).min(SEQUENTIAL_BYTES as u64);
            let bytes = self.window.get(self.disk, self.file, at, part as usize, self.len);
            if bytes.map_err(Error::disk("read", self.file))?.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += part;
        }
        Ok(true)
    }

    /// Whether a later frame is whole and signed: then the bad one was complete when it was written. A payload that
    /// looks like a frame does not pass, because only the log's key signs.
    pub(crate) fn frame_follows(&self, size: u64, key: &VerifierKey) -> Result<bool, Error> {
        let (mut window, mut frames) = (Window::new(SEQUENTIAL_BYTES), Window::new(0));
        let mut at = self.at + FRAME_ALIGN_BYTES as u64;
        while at + FRAME_HEADER_BYTES as u64 <= self.len {
            let bytes = window.get(self.disk, self.file, at, FRAME_HEADER_BYTES, self.len);
            let header = FrameHeader::parse(bytes.map_err(Error::disk("read", self.file))?);
            if header.is_ok_and(|header| header.first > size) {
                match frame_bytes(self.disk, self.file, at, self.len, &mut frames).and_then(Frame::parse) {
                    Ok(frame) => {
                        let head = Checkpoint::open(frame.note, key);
                        if head.is_ok_and(|head| head.size == frame.header.end()) {
                            return Ok(true);
                        }
                    }
                    Err(error @ Error::Disk { .. }) => return Err(error),
                    Err(_) => {}
                }
            }
            at += FRAME_ALIGN_BYTES as u64;
        }
        Ok(false)
    }
}

/// The bytes of the frame at `at`, as many as there are.
fn frame_bytes<'w>(
    disk: &impl Disk,
    file: &str,
    at: u64,
    end: u64,
    window: &'w mut Window,
) -> Result<&'w [u8], Error> {
    let rest = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
    let head = window.get(disk, file, at, rest.min(FRAME_HEADER_BYTES), end);
    let header = FrameHeader::parse(head.map_err(Error::disk("read", file))?)?;
    let len = (header.len as usize).min(rest);
    let bytes = window.get(disk, file, at, len, end).map_err(Error::disk("read", file))?;
    Ok(bytes)
}
