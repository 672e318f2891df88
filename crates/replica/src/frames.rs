//! Frames that come one after the other: each is stored as soon as it is whole.

use crate::answer::Refused;
use crate::book::Book;
use crate::disks::Disks;
use bodywire_ledger::segment::{FRAME_HEADER_BYTES, FrameHeader};

/// What became of bytes.
pub(crate) struct Taken {
    /// Bytes of the frames that were stored; what follows them is not whole, or was refused.
    pub(crate) used: usize,
    /// How many frames that were.
    pub(crate) frames: u64,
    /// Where the next frame must begin.
    pub(crate) at: u64,
    /// Why the first frame behind them was refused.
    pub(crate) refused: Option<Refused>,
}

/// Whether a whole frame has come. One that is none, or belongs elsewhere, is refused by its first bytes.
pub(crate) fn whole(bytes: &[u8], at: u64) -> Result<bool, Refused> {
    if bytes.len() < FRAME_HEADER_BYTES {
        return Ok(false);
    }
    let header = FrameHeader::parse(bytes)?;
    if header.first != at {
        return Err(Refused::Malformed(format!("a frame does not begin at entry {at}")));
    }
    Ok(bytes.len() >= header.len as usize)
}

/// Verifies and stores all whole frames in `bytes`, of which the first must begin at entry `at`.
pub(crate) fn take<S: Disks>(book: &mut Book<S>, bytes: &[u8], at: u64, now_s: u64) -> Taken {
    let mut taken = Taken { used: 0, frames: 0, at, refused: None };
    while let Some(rest) = bytes.get(taken.used..).filter(|rest| !rest.is_empty()) {
        match one(book, rest, taken.at, now_s) {
            Ok(Some((len, size))) => {
                taken.used += len;
                taken.frames += 1;
                taken.at = size;
            }
            Ok(None) => break,
            Err(refused) => {
                taken.refused = Some(refused);
                break;
            }
        }
    }
    taken
}

/// The same of one frame: its length, and the size of the copy with it.
fn one<S: Disks>(
    book: &mut Book<S>,
    bytes: &[u8],
    at: u64,
    now_s: u64,
) -> Result<Option<(usize, u64)>, Refused> {
    if !whole(bytes, at)? {
        return Ok(None);
    }
    // Somebody else may have sent the same in the meantime.
    book.expects(at)?;
    let len = book.append(bytes, now_s)?;
    Ok(Some((len, book.size()?)))
}
