//! The head floor: how far the log had grown when something was last published, in two slots written in turn, so that
//! a torn write of one leaves the other. A log that is shorter than its floor is damaged, never merely torn.
//!
//! Layout in `docs/ledger-format.md`, "Head slots".

#![deny(clippy::indexing_slicing)]

use crate::{Error, Hash, hash::HASH_BYTES};

/// Name of the file.
pub const HEAD_FILE: &str = "head";

/// First bytes of a slot; the digit is the format's version.
pub const HEAD_MAGIC: [u8; 8] = *b"BWHEAD1\0";

/// Bytes of a slot: the physical sector of today's disks, so that writing one cannot tear the other.
pub const SLOT_BYTES: usize = 4096;

/// Bytes of the file.
pub const HEAD_FILE_BYTES: usize = 2 * SLOT_BYTES;

const RESERVED_BYTES: usize = SLOT_BYTES - 8 - 4 * 8 - HASH_BYTES - 4;

/// One slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadSlot {
    /// Counts the writes; the slot's place is its parity.
    pub seq: u64,
    /// Entries in the log.
    pub size: u64,
    /// Root of the tree of that size.
    pub root: Hash,
    /// First entry of the segment that held the last entry.
    pub segment_first: u64,
    /// Bytes of that segment up to the end of its last frame.
    pub segment_len: u64,
}

impl HeadSlot {
    /// Where the slot stands in the file, in bytes.
    #[must_use]
    pub fn offset(&self) -> u64 {
        (self.seq % 2) * SLOT_BYTES as u64
    }

    /// The bytes of the slot.
    #[must_use]
    pub fn emit(&self) -> Vec<u8> {
        let mut out = HEAD_MAGIC.to_vec();
        out.extend(self.seq.to_be_bytes());
        out.extend(self.size.to_be_bytes());
        out.extend(self.root.0);
        out.extend(self.segment_first.to_be_bytes());
        out.extend(self.segment_len.to_be_bytes());
        out.resize(SLOT_BYTES - 4, 0);
        out.extend(crc32c::crc32c(&out).to_be_bytes());
        out
    }

    /// Parses one slot, exactly [`SLOT_BYTES`] bytes.
    ///
    /// # Errors
    /// [`Error::Malformed`].
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "a head slot", why };
        let slot: &[u8; SLOT_BYTES] = bytes.try_into().map_err(|_| bad("it is not 4096 bytes long"))?;
        let (fields, sum) = slot.split_last_chunk::<4>().ok_or_else(|| bad("it is cut off"))?;
        if crc32c::crc32c(fields) != u32::from_be_bytes(*sum) {
            return Err(bad("its checksum is wrong"));
        }
        let (fields, reserved) = fields.split_at(fields.len() - RESERVED_BYTES);
        let (Some((&HEAD_MAGIC, _)), true) =
            (fields.split_first_chunk::<8>(), reserved.iter().all(|byte| *byte == 0))
        else {
            return Err(bad("it does not start with the head mark, or its reserved bytes are not zero"));
        };
        let number =
            |at: usize| fields.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |n| u64::from_be_bytes(*n));
        let root = fields.get(24..).and_then(<[u8]>::first_chunk).ok_or_else(|| bad("it is cut off"))?;
        Ok(Self {
            seq: number(8),
            size: number(16),
            root: Hash(*root),
            segment_first: number(56),
            segment_len: number(64),
        })
    }
}

/// The two slots of a head file; an error where one cannot be read or stands in the other's place.
pub fn parse_file(bytes: &[u8]) -> [Result<HeadSlot, Error>; 2] {
    let bad = |why| Error::Malformed { what: "a head slot", why };
    let slot = |place: usize| {
        let start = place * SLOT_BYTES;
        let bytes = bytes.get(start..start + SLOT_BYTES).ok_or_else(|| bad("it is cut off"))?;
        let slot = HeadSlot::parse(bytes)?;
        if slot.offset() == start as u64 { Ok(slot) } else { Err(bad("it stands in the other slot's place")) }
    };
    [slot(0), slot(1)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_round_trips_and_no_changed_byte_is_accepted() {
        let slot = HeadSlot { seq: 3, size: 40, root: Hash([7; 32]), segment_first: 20, segment_len: 4096 };
        let bytes = slot.emit();
        assert_eq!(HeadSlot::parse(&bytes).unwrap(), slot);
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x40;
            assert!(HeadSlot::parse(&bad).is_err(), "byte {at}");
        }
    }

    #[test]
    fn slots_are_told_apart_by_their_parity() {
        let slot = |seq| HeadSlot { seq, size: seq, root: Hash::ZERO, segment_first: 0, segment_len: 0 };
        let good = [slot(4).emit(), slot(5).emit()].concat();
        let [even, odd] = parse_file(&good);
        assert_eq!((even.unwrap().seq, odd.unwrap().seq), (4, 5));
        let swapped = [slot(5).emit(), slot(4).emit()].concat();
        assert!(parse_file(&swapped).iter().all(Result::is_err));
        assert!(parse_file(&good[..SLOT_BYTES])[0].is_ok());
        assert!(parse_file(&good[..SLOT_BYTES])[1].is_err());
    }
}
