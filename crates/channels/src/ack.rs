//! Acknowledgements: the clinic tells the hub which messages are stored and in the ledger.
//!
//! ```text
//! version 1 | counter 8 | sealed( first id 8 | ... ) | tag 16       under the ack key of the path; an empty list confirms the session
//! ```

use crate::disperse::MessageId;
use crate::error::{Error, Refusal};
use crate::keys::SessionKeys;

/// Version of the format.
pub const VERSION: u8 = 1;
/// Ids in one acknowledgement; more go into the next.
pub const IDS_PER_ACK_MAX: usize = 128;
/// Nonce purpose of acknowledgements.
const PURPOSE_ACK: u8 = 3;
const CLEAR_BYTES: usize = 9;

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

    /// The acknowledgement of `ids` for each path in order; `ids` may be empty, and has at most [`IDS_PER_ACK_MAX`].
    pub fn seal(&mut self, ids: &[MessageId]) -> Result<Vec<Vec<u8>>, Error> {
        if ids.len() > IDS_PER_ACK_MAX {
            return Err(Error::Limit { limit: "IDS_PER_ACK_MAX", value: IDS_PER_ACK_MAX });
        }
        let counter = self.counter;
        self.counter += 1;
        let body: Vec<u8> = ids.iter().flat_map(|id| id.0.to_be_bytes()).collect();
        let mut clear = vec![VERSION];
        clear.extend_from_slice(&counter.to_be_bytes());
        self.keys
            .paths
            .iter()
            .map(|path| Ok([clear.clone(), path.ack.seal(PURPOSE_ACK, counter, &clear, &body)?].concat()))
            .collect()
    }
}

/// Opens an acknowledgement that came in on `path`. Opening one twice is harmless: an acknowledgement never takes
/// anything back.
pub fn open(keys: &SessionKeys, path: usize, bytes: &[u8]) -> Result<Vec<MessageId>, Refusal> {
    let path = keys.paths.get(path).ok_or(Refusal::UnknownSession)?;
    let (clear, sealed) = bytes.split_at_checked(CLEAR_BYTES).ok_or(Refusal::Malformed)?;
    let &[version, c0, c1, c2, c3, c4, c5, c6, c7] = clear.first_chunk().ok_or(Refusal::Malformed)?;
    if version != VERSION || sealed.len() > 8 * IDS_PER_ACK_MAX + 16 {
        return Err(Refusal::Malformed);
    }
    let counter = u64::from_be_bytes([c0, c1, c2, c3, c4, c5, c6, c7]);
    let body = path.ack.open(PURPOSE_ACK, counter, clear, sealed).ok_or(Refusal::BadTag)?;
    let (ids, rest) = body.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(Refusal::Malformed);
    }
    Ok(ids.iter().map(|id| MessageId(u64::from_be_bytes(*id))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Threshold;
    use crate::keys::Secret;

    fn keys(seed: u8) -> SessionKeys {
        SessionKeys::new(&Secret([seed; 32]), Threshold::TWO_OF_THREE).unwrap()
    }

    #[test]
    fn acks_open_on_their_path_and_session_only() {
        let mut writer = AckWriter::new(keys(1));
        let ids = [MessageId(4), MessageId(900)];
        let acks = writer.seal(&ids).unwrap();
        assert_eq!(open(&keys(1), 2, &acks[2]), Ok(ids.to_vec()));
        assert_eq!(open(&keys(1), 1, &acks[2]), Err(Refusal::BadTag));
        assert_eq!(open(&keys(2), 2, &acks[2]), Err(Refusal::BadTag));
        assert_eq!(open(&keys(1), 0, &writer.seal(&[]).unwrap()[0]), Ok(vec![]));
        assert!(writer.seal(&[MessageId(0); IDS_PER_ACK_MAX + 1]).is_err());
    }

    #[test]
    fn changed_acks_are_refused() {
        let acks = AckWriter::new(keys(1)).seal(&[MessageId(7)]).unwrap();
        for i in 0..acks[0].len() {
            let mut changed = acks[0].clone();
            changed[i] ^= 2;
            assert!(open(&keys(1), 0, &changed).is_err());
        }
        assert!(open(&keys(1), 0, &[]).is_err() && open(&keys(1), 0, &[1; 2_000]).is_err());
    }
}
