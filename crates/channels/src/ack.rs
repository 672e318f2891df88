//! Acknowledgements: the clinic tells the hub which messages are stored and in the ledger, which are not complete, and
//! how many fragments each path has brought.
//!
//! ```text
//! version 1 | counter 8 | sealed( received 4, n times | stored 2 | id 8, stored times | ( id 8 | arrived 1 ) each ) | tag 16
//! ```
//!
//! Sealed under the ack key of the path. `received` counts the fragments of the session that verified on each path,
//! modulo 2^32. `arrived` has a bit for each path whose fragment of an incomplete message is there, path 0 the lowest.
//! An acknowledgement that names no message confirms the session.

use crate::error::{Error, Refusal};
use crate::fragment::MessageId;
use crate::keys::{PathKeys, SessionKeys};
use crate::{PATHS_MAX, Spread};

/// Version of the format.
pub const VERSION: u8 = 1;
/// Messages named in one acknowledgement, stored and incomplete together; more go into the next.
pub const IDS_PER_ACK_MAX: usize = 128;
/// Nonce purpose of acknowledgements.
const PURPOSE_ACK: u8 = 3;
const CLEAR_BYTES: usize = 9;
/// Longest body: counts, and every message an incomplete one.
const BODY_BYTES_MAX: usize = 4 * PATHS_MAX + 2 + 9 * IDS_PER_ACK_MAX;

/// What an acknowledgement says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// Fragments that verified on each path since the session began ([`crate::reassemble::Reassembler::received`]): what is
    /// not among them the sender takes for being on its way, and sends less. Places beyond the last path are 0.
    pub received: [u32; PATHS_MAX],
    /// Messages that are stored and in the ledger.
    pub stored: Vec<MessageId>,
    /// Messages of which fragments are missing, with a bit for each path whose fragment has arrived.
    pub incomplete: Vec<(MessageId, u8)>,
}

impl Status {
    fn to_body(&self, spread: Spread) -> Result<Vec<u8>, Error> {
        if self.stored.len() + self.incomplete.len() > IDS_PER_ACK_MAX {
            return Err(Error::Limit { limit: "IDS_PER_ACK_MAX", value: IDS_PER_ACK_MAX });
        }
        let mut body = Vec::with_capacity(BODY_BYTES_MAX);
        self.received.iter().take(spread.n()).for_each(|count| body.extend_from_slice(&count.to_be_bytes()));
        body.extend_from_slice(&(self.stored.len() as u16).to_be_bytes());
        self.stored.iter().for_each(|id| body.extend_from_slice(&id.0.to_be_bytes()));
        for (id, arrived) in &self.incomplete {
            body.extend_from_slice(&id.0.to_be_bytes());
            body.push(*arrived);
        }
        Ok(body)
    }

    fn from_body(spread: Spread, body: &[u8]) -> Option<Self> {
        let mut status = Self::default();
        let (counts, rest) = body.split_at_checked(4 * spread.n())?;
        for (slot, count) in status.received.iter_mut().zip(counts.as_chunks::<4>().0) {
            *slot = u32::from_be_bytes(*count);
        }
        let (stored, rest) = rest.split_first_chunk::<2>()?;
        let (ids, rest) = rest.split_at_checked(8 * usize::from(u16::from_be_bytes(*stored)))?;
        status.stored = ids.as_chunks::<8>().0.iter().map(|id| MessageId(u64::from_be_bytes(*id))).collect();
        let (incomplete, rest) = rest.as_chunks::<9>();
        for [i0, i1, i2, i3, i4, i5, i6, i7, arrived] in incomplete {
            let id = u64::from_be_bytes([*i0, *i1, *i2, *i3, *i4, *i5, *i6, *i7]);
            status.incomplete.push((MessageId(id), *arrived));
        }
        let fits = rest.is_empty() && status.stored.len() + status.incomplete.len() <= IDS_PER_ACK_MAX;
        fits.then_some(status)
    }
}

/// Seals acknowledgements of one session, one form for each path.
#[derive(Debug)]
pub struct AckWriter {
    keys: SessionKeys,
    counter: u64,
}

impl AckWriter {
    /// A writer for a session that has just been accepted.
    pub const fn new(keys: SessionKeys) -> Self {
        Self { keys, counter: 0 }
    }

    /// The acknowledgement for each path in order. It names at most [`IDS_PER_ACK_MAX`] messages, or none.
    pub fn seal(&mut self, status: &Status) -> Result<Vec<Vec<u8>>, Error> {
        let body = status.to_body(self.keys.spread())?;
        let counter = self.counter;
        self.counter += 1;
        let mut clear = vec![VERSION];
        clear.extend_from_slice(&counter.to_be_bytes());
        let sealed = |path: &PathKeys| {
            let mut out = [clear.as_slice(), &body].concat();
            path.ack.seal((PURPOSE_ACK, counter), &clear, &mut out, CLEAR_BYTES)?;
            Ok(out)
        };
        self.keys.paths.iter().map(sealed).collect()
    }
}

/// Opens an acknowledgement that came in on `path`. Opening one twice is harmless: what is stored stays stored, and what
/// was incomplete is at worst sent once more.
pub fn open(keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Status, Refusal> {
    let path = keys.paths.get(path).ok_or(Refusal::UnknownSession)?;
    let (clear, sealed) = bytes.split_at_checked(CLEAR_BYTES).ok_or(Refusal::Malformed)?;
    let &[version, c0, c1, c2, c3, c4, c5, c6, c7] = clear.first_chunk().ok_or(Refusal::Malformed)?;
    if version != VERSION || sealed.len() > BODY_BYTES_MAX + crate::keys::TAG_BYTES {
        return Err(Refusal::Malformed);
    }
    let counter = u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]);
    let mut body = sealed.to_vec();
    path.ack.open((PURPOSE_ACK, counter), clear, &mut body).ok_or(Refusal::BadTag)?;
    Status::from_body(keys.spread(), &body).ok_or(Refusal::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::Secret;
    use proptest::prelude::*;

    fn keys(seed: u8) -> SessionKeys {
        SessionKeys::new(&Secret([seed; 32]), Spread::TWO_OF_THREE).unwrap()
    }

    fn status() -> Status {
        Status {
            received: [7, u32::MAX, 0, 0, 0, 0, 0, 0],
            stored: vec![MessageId(4), MessageId(900)],
            incomplete: vec![(MessageId(5), 0b101)],
        }
    }

    #[test]
    fn acks_open_on_their_path_and_session_only() {
        let mut writer = AckWriter::new(keys(1));
        let acks = writer.seal(&status()).unwrap();
        assert_eq!(open(&keys(1), 2, &acks[2]), Ok(status()));
        assert_eq!(open(&keys(1), 1, &acks[2]), Err(Refusal::BadTag));
        assert_eq!(open(&keys(2), 2, &acks[2]), Err(Refusal::BadTag));
        let empty = writer.seal(&Status::default()).unwrap();
        assert_eq!(open(&keys(1), 0, &empty[0]), Ok(Status::default()));
        let most = |stored, incomplete| Status {
            stored: vec![MessageId(0); stored],
            incomplete: vec![(MessageId(1), 1); incomplete],
            ..Status::default()
        };
        assert!(writer.seal(&most(IDS_PER_ACK_MAX, 1)).is_err());
        let full = most(1, IDS_PER_ACK_MAX - 1);
        assert_eq!(open(&keys(1), 0, &writer.seal(&full).unwrap()[0]), Ok(full));
    }

    #[test]
    fn changed_acks_are_refused() {
        let acks = AckWriter::new(keys(1)).seal(&status()).unwrap();
        for i in 0..acks[0].len() {
            let mut changed = acks[0].clone();
            changed[i] ^= 2;
            assert!(open(&keys(1), 0, &changed).is_err());
        }
        assert!(open(&keys(1), 0, &[]).is_err() && open(&keys(1), 0, &[1; 2_000]).is_err());
    }

    proptest! {
        #[test]
        fn any_body_is_read_or_refused(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            if let Some(status) = Status::from_body(Spread::TWO_OF_THREE, &body) {
                prop_assert_eq!(status.to_body(Spread::TWO_OF_THREE).unwrap(), body);
            }
        }
    }
}
