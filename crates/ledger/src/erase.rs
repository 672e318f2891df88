//! Physical erasure: the payloads under erased keys leave the segments, and every entry, checkpoint and proof stays.
//! A segment is rewritten as a whole and takes the place of the old one atomically, so that an interrupted erasure
//! leaves a log that opens; erasing again finishes it.

use crate::{
    Disk, Error, KeyId,
    index::Segment,
    segment::{self, FRAME_HEADER_BYTES, Frame, FrameBuilder, FrameHeader},
    stored::Stored,
    window::{SEQUENTIAL_BYTES, Window},
};

/// What an erasure has removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Erased {
    /// Payloads that were removed by this call.
    pub payloads: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Segments that were rewritten.
    pub segments: u64,
}

impl<D: Disk> Stored<D> {
    /// Removes all payloads that are sealed under `keys`.
    ///
    /// # Errors
    /// [`Error::NotLogged`] for a key of which no entry says that it was erased, with nothing changed.
    /// [`Error::Damaged`] for a segment that cannot be rewritten because of damage: it is left as it is, all others
    /// are done. [`Error::Disk`], after which the writer has stopped, and [`Error::Stopped`].
    pub(crate) fn erase(&mut self, keys: &[KeyId]) -> Result<Erased, Error> {
        self.running()?;
        if let Some(key) = keys.iter().find(|key| !self.contents.erasures.keys.contains(key)) {
            return Err(Error::not_logged(key));
        }
        let mut erased = Erased::default();
        let mut damage = None;
        let had_snapshot = self.contents.has_snapshot;
        for number in 0..self.contents.segments.len() {
            match self.without_payloads(number, keys) {
                Ok(Some((segment, bytes, done))) => {
                    self.put_in_place(number, segment, &bytes)?;
                    erased.payloads += done.payloads;
                    erased.bytes += done.bytes;
                    erased.segments += 1;
                }
                Ok(None) => {}
                Err(error @ Error::Damaged { .. }) => damage = damage.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        if had_snapshot && !self.contents.has_snapshot {
            self.stopped = true;
            self.write_snapshot()?;
            self.stopped = false;
        }
        damage.map_or(Ok(erased), Err)
    }

    fn put_in_place(&mut self, number: usize, segment: Segment, bytes: &[u8]) -> Result<(), Error> {
        let path = segment::path(segment.first);
        self.stopped = true;
        // Its index is that of the old bytes.
        self.drop_snapshot()?;
        self.disk.replace_wiping(&path, bytes).map_err(Error::disk("replace", &path))?;
        self.stopped = false;
        self.forget_reserved();
        if let Some(place) = self.contents.segments.get_mut(number) {
            *place = segment;
        }
        Ok(())
    }

    /// The segment without the payloads under `keys`; none if it holds none of them. Frames that hold none are copied
    /// as they are; the others are verified first, so that damage does not get a new checksum.
    fn without_payloads(
        &self,
        number: usize,
        keys: &[KeyId],
    ) -> Result<Option<(Segment, Vec<u8>, Erased)>, Error> {
        let Some(old) = self.contents.segments.get(number) else { return Ok(None) };
        let path = segment::path(old.first);
        let mut window = Window::new(SEQUENTIAL_BYTES);
        let file = (&self.disk, path.as_str(), old.len);
        let (mut at, mut entry) = (0, old.first);
        let mut new = Segment::new(old.first);
        let (mut bytes, mut erased) = (Vec::new(), Erased::default());
        while at < old.len {
            let damaged = |error: Error| Error::damaged(&path, entry, error.to_string());
            let header =
                FrameHeader::parse(read(file, &mut window, at, FRAME_HEADER_BYTES)?).map_err(damaged)?;
            if header.first != entry || u64::from(header.len) > old.len - at {
                return Err(Error::damaged(&path, entry, "a frame is not where it must be"));
            }
            let frame_bytes = read(file, &mut window, at, header.len as usize)?;
            let frame = Frame::parse(frame_bytes).map_err(damaged)?;
            let before = bytes.len() as u64;
            let rewritten = rewrite(&frame, keys, &mut erased)?;
            bytes.extend_from_slice(rewritten.as_deref().unwrap_or(frame_bytes));
            let mut places = Vec::with_capacity(frame.items.len());
            match &rewritten {
                Some(new) => places.extend(Frame::parse(new)?.items.iter().map(|item| item.offset as u64)),
                None => places.extend(frame.items.iter().map(|item| item.offset as u64)),
            }
            new.add_frame(entry, bytes.len() as u64 - before, &places);
            (at, entry) = (at + u64::from(header.len), header.end());
        }
        Ok((erased.payloads > 0).then_some((new, bytes, erased)))
    }
}

fn read<'w, D: Disk>(
    (disk, path, end): (&D, &str, u64),
    window: &'w mut Window,
    at: u64,
    len: usize,
) -> Result<&'w [u8], Error> {
    window.get(disk, path, at, len, end).map_err(Error::disk("read", path))
}

/// The frame without the payloads under `keys`; none if it holds none of them. Its checkpoint stays as it was signed.
fn rewrite(frame: &Frame<'_>, keys: &[KeyId], erased: &mut Erased) -> Result<Option<Vec<u8>>, Error> {
    let goes = |item: &segment::Item<'_>| item.header.stored_len > 0 && keys.contains(&item.header.entry.key);
    if !frame.items.iter().any(goes) {
        return Ok(None);
    }
    let mut builder = FrameBuilder::with_capacity(frame.header.len as usize);
    for item in &frame.items {
        if goes(item) {
            erased.payloads += 1;
            erased.bytes += u64::from(item.header.stored_len);
        }
        let payload = if goes(item) { &[] } else { item.payload };
        builder.push(&item.header.entry_bytes, payload)?;
    }
    builder.finish(frame.header.first, frame.note).map(Some)
}
