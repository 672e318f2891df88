//! A file read in stretches, so that memory holds a frame and not a segment.

use std::io;

use crate::Disk;

/// Bytes read at once while frames are read one after the other: few calls, and little memory beside a frame.
pub(crate) const SEQUENTIAL_BYTES: usize = 256 << 10;

/// Bytes read at once to find one entry: some headers of small records.
pub(crate) const RANDOM_BYTES: usize = 4 << 10;

/// The stretch of a file that was read last.
#[derive(Debug)]
pub(crate) struct Window {
    size: usize,
    file: String,
    start: u64,
    bytes: Vec<u8>,
}

impl Window {
    pub(crate) fn new(size: usize) -> Self {
        Self { size, file: String::new(), start: 0, bytes: Vec::new() }
    }

    /// `len` bytes of `file` from `at`; what lies before `end` may be read ahead.
    ///
    /// # Errors
    /// As [`Disk::read`] for exactly these bytes: what was to be read ahead may be cut off or unreadable.
    pub(crate) fn get(
        &mut self,
        disk: &impl Disk,
        file: &str,
        at: u64,
        len: usize,
        end: u64,
    ) -> io::Result<&[u8]> {
        let range = match self.held(file, at, len) {
            Some(range) => range,
            None => {
                let ahead = usize::try_from(end.saturating_sub(at)).unwrap_or(usize::MAX);
                let most = self.size.min(ahead).max(len);
                self.bytes = match disk.read(file, at, most) {
                    Err(_) if most > len => disk.read(file, at, len),
                    other => other,
                }?;
                self.start = at;
                self.file.clear();
                self.file.push_str(file);
                0..len
            }
        };
        self.bytes.get(range).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    fn held(&self, file: &str, at: u64, len: usize) -> Option<core::ops::Range<usize>> {
        let from = usize::try_from(at.checked_sub(self.start)?).ok()?;
        let range = from..from.checked_add(len)?;
        (self.file == file && range.end <= self.bytes.len()).then_some(range)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemDisk;

    #[test]
    fn it_gives_the_files_bytes_and_needs_none_behind_them() {
        let mut disk = MemDisk::new();
        let bytes: Vec<u8> = (0..200).collect();
        disk.write("a", 0, &bytes).unwrap();
        let mut window = Window::new(64);
        for (at, len) in [(0, 10), (5, 50), (60, 100), (190, 10), (0, 200)] {
            // The file is shorter than it should be.
            assert_eq!(window.get(&disk, "a", at, len, 300).unwrap(), &bytes[at as usize..at as usize + len]);
        }
        assert!(window.get(&disk, "a", 195, 10, 300).is_err());
        assert!(window.get(&disk, "b", 0, 10, 300).is_err());
    }
}
