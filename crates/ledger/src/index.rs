//! Where entries lie, in memory: a point every 64 entries, not an offset for each. A reader walks from the nearest
//! point, see `locate`.

#![deny(clippy::indexing_slicing)]

/// Entries between two points at least. With eight bytes a point, and points on frames and in them, a log costs at
/// most a sixth of a byte per entry, and a reader passes fewer than a hundred headers.
pub(crate) const POINT_ENTRIES: u64 = 64;

/// A point inside a frame is kept only where at least this many entries follow it.
const LEAST_AFTER_POINT: u64 = POINT_ENTRIES / 2;

/// Marks the offset of a frame; the others are those of items.
const FRAME_BIT: u32 = 1 << 31;

/// A known place in a segment. Its text is eight bytes: the entry, counted from the segment's first, and the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    pub(crate) place: u32,
    pub(crate) word: u32,
}

impl Point {
    pub(crate) fn is_frame(self) -> bool {
        self.word & FRAME_BIT != 0
    }

    pub(crate) fn offset(self) -> u64 {
        u64::from(self.word & !FRAME_BIT)
    }
}

/// An entry and where its frame or item starts in the segment.
pub(crate) type Known = (u64, u64);

/// A segment file: its first entry, the bytes of its frames, and points in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first: u64,
    pub(crate) len: u64,
    points: Vec<Point>,
}

impl Segment {
    pub(crate) fn new(first: u64) -> Self {
        Self { first, len: 0, points: Vec::new() }
    }

    pub(crate) fn from_parts(first: u64, len: u64, points: Vec<Point>) -> Self {
        Self { first, len, points }
    }

    pub(crate) fn points(&self) -> &[Point] {
        &self.points
    }

    /// Takes over a frame of `len` bytes at the segment's end: its first entry, and the offset of each item in it.
    pub(crate) fn add_frame(&mut self, first: u64, len: u64, items: &[u64]) {
        let at = self.len;
        let last_frame = self.points.iter().rev().find(|point| point.is_frame());
        let since = first - last_frame.map_or(self.first, |point| self.first + u64::from(point.place));
        // The segment's own start is known without a point.
        if since >= POINT_ENTRIES {
            self.push(first, at, FRAME_BIT);
        }
        let count = items.len() as u64;
        for (place, item) in (0..).zip(items).step_by(POINT_ENTRIES as usize).skip(1) {
            if count - place >= LEAST_AFTER_POINT {
                self.push(first + place, at + item, 0);
            }
        }
        self.len += len;
    }

    /// Points are only a help: one that does not fit into its eight bytes is left out.
    fn push(&mut self, entry: u64, offset: u64, mark: u32) {
        let place = entry.checked_sub(self.first).and_then(|place| u32::try_from(place).ok());
        let offset = u32::try_from(offset).ok().filter(|offset| offset & FRAME_BIT == 0);
        if let (Some(place), Some(offset)) = (place, offset) {
            self.points.push(Point { place, word: offset | mark });
        }
    }

    /// No frame will be added: gives back what the points took in advance.
    pub(crate) fn close(&mut self) {
        self.points.shrink_to_fit();
    }

    fn known(&self, point: Point) -> Known {
        (self.first + u64::from(point.place), point.offset())
    }

    fn split(&self, index: u64) -> (&[Point], &[Point]) {
        let after = self.points.partition_point(|point| self.first + u64::from(point.place) <= index);
        self.points.split_at(after)
    }

    /// The last known frame that begins at or before an entry.
    pub(crate) fn frame_before(&self, index: u64) -> Known {
        let frame = self.split(index).0.iter().rev().find(|point| point.is_frame());
        frame.map_or((self.first, 0), |point| self.known(*point))
    }

    /// The first known frame that begins after an entry.
    pub(crate) fn frame_after(&self, index: u64) -> Option<Known> {
        self.split(index).1.iter().find(|point| point.is_frame()).map(|point| self.known(*point))
    }

    /// The last known item at or before an entry, in the frame that begins with entry `frame`.
    pub(crate) fn item_before(&self, index: u64, frame: u64) -> Option<Known> {
        let last = self.split(index).0.last().filter(|point| !point.is_frame())?;
        Some(self.known(*last)).filter(|(entry, _)| *entry > frame)
    }

    /// The first known item after an entry, in the frame that ends before entry `end`.
    pub(crate) fn item_after(&self, index: u64, end: u64) -> Option<Known> {
        let next = self.split(index).1.first().filter(|point| !point.is_frame())?;
        Some(self.known(*next)).filter(|(entry, _)| *entry < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_million_entries_cost_a_fifth_of_a_byte_each_at_most() {
        for count in [1u64, 3, 33, 63, 64, 65, 96, 97, 128, 129, 160, 1000] {
            let mut segment = Segment::new(5);
            let items: Vec<u64> = (0..count).map(|n| 32 + 136 * n).collect();
            let (mut entry, entries) = (5, 500_000);
            while entry < entries {
                segment.add_frame(entry, 200 + 136 * count, &items);
                entry += count;
            }
            segment.close();
            let bytes = (segment.points.capacity() * size_of::<Point>()) as f64;
            assert!(bytes / entries as f64 <= 0.17, "{count}: {}", bytes / entries as f64);
        }
    }

    #[test]
    fn points_lead_to_frames_and_items_near_the_entry() {
        let mut segment = Segment::new(100);
        let items: Vec<u64> = (0..200).map(|n| 32 + 150 * n).collect();
        segment.add_frame(100, 40_000, &items);
        segment.add_frame(300, 40_000, &items);
        assert_eq!(segment.frame_before(299), (100, 0));
        assert_eq!(segment.frame_before(301), (300, 40_000));
        assert_eq!(segment.frame_after(299), Some((300, 40_000)));
        assert_eq!(segment.item_before(163, 100), None);
        assert_eq!(segment.item_before(164, 100), Some((164, items[64])));
        assert_eq!(segment.item_before(363, 300), None);
        assert_eq!(segment.item_before(370, 300), Some((364, 40_000 + items[64])));
        assert_eq!(segment.item_after(163, 300), Some((164, items[64])));
        assert_eq!(segment.item_after(290, 300), None);
    }
}
