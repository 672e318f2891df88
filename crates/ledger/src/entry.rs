//! The 128-byte entry: the leaf of the tree.
//!
//! It holds no personal data: the stream id is random, the payload is known by the hash of its ciphertext only.
//! Layout in `docs/ledger-format.md`, "Entry"; all numbers are big-endian.

#![deny(clippy::indexing_slicing)]

use crate::{Error, Hash, hash::HASH_BYTES};

/// Bytes of an entry. Fixed, so that any entry of a bundle is found by multiplication.
pub const ENTRY_BYTES: usize = 128;

/// Version byte of every entry of this format.
pub const ENTRY_VERSION: u8 = 1;

/// Largest payload in bytes: a homomorphic vector of a few ciphertexts fits, and a frame with one stays far below
/// [`crate::segment::MAX_FRAME_BYTES`].
pub const MAX_PAYLOAD_BYTES: usize = 16 << 20;

/// A data stream: sixteen random bytes, not derived from a person or a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StreamId(pub [u8; 16]);

/// Names the key that sealed a payload; sixteen random bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 16]);

/// What an entry records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EntryKind {
    /// Sealed samples or beats of a stream.
    Telemetry,
    /// A homomorphically encrypted vector of vital signs.
    HomomorphicVector,
    /// A right was given.
    Grant,
    /// Patient data was read; appended before the data is returned.
    Read,
    /// A read was refused.
    Refusal,
    /// Someone broke the glass: access in an emergency began.
    OverrideStart,
    /// Access in an emergency ended.
    OverrideEnd,
    /// A sensor was enrolled.
    Enrolment,
    /// A one-time challenge-response pair was used; appended before the response leaves.
    PairSpent,
    /// A data key was destroyed.
    KeyErased,
    /// This copy's payloads under an erased key are gone, and were read back to prove it.
    ErasureDone,
    /// First entry of a log that continues another one; names its last checkpoint.
    EpochLink,
    /// A sum over encrypted vectors was asked for; appended before it is computed.
    AggregateQuery,
    /// What came of it; appended before the result is returned.
    AggregateResult,
    /// Somebody changed a setting that alarms or access depend on: a limit, a policy.
    Setting,
    /// An access in an emergency was reviewed.
    Review,
}

impl EntryKind {
    /// Every kind, in the order of its code.
    pub const ALL: [Self; 16] = [
        Self::Telemetry,
        Self::HomomorphicVector,
        Self::Grant,
        Self::Read,
        Self::Refusal,
        Self::OverrideStart,
        Self::OverrideEnd,
        Self::Enrolment,
        Self::PairSpent,
        Self::KeyErased,
        Self::ErasureDone,
        Self::EpochLink,
        Self::AggregateQuery,
        Self::AggregateResult,
        Self::Setting,
        Self::Review,
    ];

    /// The type byte, 1 to 16.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Telemetry => 1,
            Self::HomomorphicVector => 2,
            Self::Grant => 3,
            Self::Read => 4,
            Self::Refusal => 5,
            Self::OverrideStart => 6,
            Self::OverrideEnd => 7,
            Self::Enrolment => 8,
            Self::PairSpent => 9,
            Self::KeyErased => 10,
            Self::ErasureDone => 11,
            Self::EpochLink => 12,
            Self::AggregateQuery => 13,
            Self::AggregateResult => 14,
            Self::Setting => 15,
            Self::Review => 16,
        }
    }

    /// Its name in commands and lists.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Telemetry => "telemetry",
            Self::HomomorphicVector => "homomorphic-vector",
            Self::Grant => "grant",
            Self::Read => "read",
            Self::Refusal => "refusal",
            Self::OverrideStart => "override-start",
            Self::OverrideEnd => "override-end",
            Self::Enrolment => "enrolment",
            Self::PairSpent => "pair-spent",
            Self::KeyErased => "key-erased",
            Self::ErasureDone => "erasure-done",
            Self::EpochLink => "epoch-link",
            Self::AggregateQuery => "aggregate-query",
            Self::AggregateResult => "aggregate-result",
            Self::Setting => "setting",
            Self::Review => "review",
        }
    }

    /// The kind with this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The kind with this type byte, if it is assigned.
    #[must_use]
    pub fn from_code(code: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }
}

/// What a caller asks the log to append; the log adds the payload's hash and the link to the stream's last entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draft {
    /// What is recorded.
    pub kind: EntryKind,
    /// Application flags; the log stores them and gives them no meaning.
    pub flags: u16,
    /// Milliseconds since 1970-01-01 UTC, by the caller's clock.
    pub time_ms: u64,
    /// The stream the entry belongs to.
    pub stream: StreamId,
    /// The stream's own number of this record. Not checked: records of a stream may arrive out of order over several
    /// paths; the order of the log is that of arrival.
    pub stream_seq: u64,
    /// Key that sealed the payload.
    pub key: KeyId,
    /// Sealed payload, at most [`MAX_PAYLOAD_BYTES`]; may be empty.
    pub payload: Vec<u8>,
}

/// A parsed entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What is recorded.
    pub kind: EntryKind,
    /// Application flags.
    pub flags: u16,
    /// Milliseconds since 1970-01-01 UTC, by the writer's caller.
    pub time_ms: u64,
    /// The stream the entry belongs to.
    pub stream: StreamId,
    /// The stream's own number of this record.
    pub stream_seq: u64,
    /// Key that sealed the payload.
    pub key: KeyId,
    /// Bytes of the sealed payload.
    pub payload_len: u32,
    /// SHA-256 of the sealed payload.
    pub payload_hash: Hash,
    /// SHA-256 of the 128 bytes of the stream's previous entry in this log; zero for its first.
    pub previous: Hash,
}

impl Entry {
    /// The entry for a draft whose stream's last entry hashes to `previous`.
    ///
    /// # Errors
    /// [`Error::Limit`] for a payload over [`MAX_PAYLOAD_BYTES`].
    pub fn from_draft(draft: &Draft, previous: Hash) -> Result<Self, Error> {
        let limit = Error::Limit {
            what: "a payload's length in bytes",
            got: draft.payload.len() as u64,
            limit: MAX_PAYLOAD_BYTES as u64,
        };
        if draft.payload.len() > MAX_PAYLOAD_BYTES {
            return Err(limit);
        }
        let payload_len = u32::try_from(draft.payload.len()).map_err(|_| limit)?;
        Ok(Self {
            kind: draft.kind,
            flags: draft.flags,
            time_ms: draft.time_ms,
            stream: draft.stream,
            stream_seq: draft.stream_seq,
            key: draft.key,
            payload_len,
            payload_hash: Hash::of(&draft.payload),
            previous,
        })
    }

    /// Parses exactly [`ENTRY_BYTES`] bytes. Every accepted input is emitted again byte for byte.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another length, version, type, payload length or non-zero reserved bytes.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |why| Error::Malformed { what: "a ledger entry", why };
        let bytes: &[u8; ENTRY_BYTES] = bytes.try_into().map_err(|_| bad("it is not 128 bytes long"))?;
        let mut fields = Fields(bytes);
        if fields.take::<1>() != [ENTRY_VERSION] {
            return Err(bad("its version is unknown; a newer program wrote it"));
        }
        let kind = EntryKind::from_code(u8::from_be_bytes(fields.take()))
            .ok_or_else(|| bad("its type is unknown; a newer program wrote it"))?;
        let entry = Self {
            kind,
            flags: u16::from_be_bytes(fields.take()),
            time_ms: u64::from_be_bytes(fields.take()),
            stream: StreamId(fields.take()),
            stream_seq: u64::from_be_bytes(fields.take()),
            key: KeyId(fields.take()),
            payload_len: u32::from_be_bytes(fields.take()),
            payload_hash: Hash(fields.take::<HASH_BYTES>()),
            previous: Hash(fields.take::<HASH_BYTES>()),
        };
        if entry.payload_len as usize > MAX_PAYLOAD_BYTES {
            return Err(bad("its payload length is over the limit"));
        }
        if fields.take::<8>() != [0; 8] {
            return Err(bad("its reserved bytes are not zero"));
        }
        Ok(entry)
    }

    /// The 128 bytes of the entry: the leaf data of the tree.
    #[must_use]
    pub fn emit(&self) -> [u8; ENTRY_BYTES] {
        let mut out = Emitter { bytes: [0; ENTRY_BYTES], at: 0 };
        out.put(&[ENTRY_VERSION, self.kind.code()]);
        out.put(&self.flags.to_be_bytes());
        out.put(&self.time_ms.to_be_bytes());
        out.put(&self.stream.0);
        out.put(&self.stream_seq.to_be_bytes());
        out.put(&self.key.0);
        out.put(&self.payload_len.to_be_bytes());
        out.put(&self.payload_hash.0);
        out.put(&self.previous.0);
        out.bytes
    }

    /// RFC 6962 leaf hash of the entry.
    #[must_use]
    pub fn leaf_hash(&self) -> Hash {
        Hash::leaf(&self.emit())
    }
}

/// Reads fixed fields off the front of an entry. The fields add up to [`ENTRY_BYTES`], so it never runs dry; the
/// round-trip tests below would fail if they did not.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        match self.0.split_first_chunk::<N>() {
            Some((field, rest)) => {
                self.0 = rest;
                *field
            }
            None => [0; N],
        }
    }
}

struct Emitter {
    bytes: [u8; ENTRY_BYTES],
    at: usize,
}

impl Emitter {
    fn put(&mut self, field: &[u8]) {
        let end = self.at.saturating_add(field.len());
        if let Some(place) = self.bytes.get_mut(self.at..end) {
            place.copy_from_slice(field);
        }
        self.at = end;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn arbitrary_entry() -> impl Strategy<Value = Entry> {
        (
            0..EntryKind::ALL.len(),
            any::<(u16, u64, [u8; 16], u64, [u8; 16])>(),
            0..=u32::try_from(MAX_PAYLOAD_BYTES).unwrap(),
            any::<([u8; 32], [u8; 32])>(),
        )
            .prop_map(|(kind, (flags, time_ms, stream, stream_seq, key), payload_len, hashes)| {
                Entry {
                    kind: EntryKind::ALL[kind],
                    flags,
                    time_ms,
                    stream: StreamId(stream),
                    stream_seq,
                    key: KeyId(key),
                    payload_len,
                    payload_hash: Hash(hashes.0),
                    previous: Hash(hashes.1),
                }
            })
    }

    proptest! {
        #[test]
        fn what_is_emitted_is_parsed_again(entry in arbitrary_entry()) {
            prop_assert_eq!(Entry::parse(&entry.emit()).unwrap(), entry);
        }

        #[test]
        fn what_is_parsed_is_emitted_again(mut bytes in prop::collection::vec(any::<u8>(), ENTRY_BYTES)) {
            // Steer most of the random inputs past the first checks.
            bytes[0] = ENTRY_VERSION;
            bytes[1] %= 16;
            bytes[52] = 0;
            bytes[120..].fill(0);
            if let Ok(entry) = Entry::parse(&bytes) {
                prop_assert_eq!(entry.emit().to_vec(), bytes);
            }
        }

        #[test]
        fn any_bytes_are_refused_or_parsed(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Entry::parse(&bytes);
        }
    }

    #[test]
    fn wrong_version_type_length_and_reserved_bytes_are_refused() {
        let draft = Draft {
            kind: EntryKind::Read,
            flags: 0,
            time_ms: 1,
            stream: StreamId([1; 16]),
            stream_seq: 2,
            key: KeyId([3; 16]),
            payload: vec![4; 5],
        };
        let good = Entry::from_draft(&draft, Hash::ZERO).unwrap().emit();
        assert!(Entry::parse(&good).is_ok());
        for (at, value) in [(0, 2), (1, 0), (1, 17), (52, 0xff), (127, 1)] {
            let mut bad = good;
            bad[at] = value;
            assert!(matches!(Entry::parse(&bad), Err(Error::Malformed { .. })), "byte {at} = {value}");
        }
        assert!(Entry::parse(&good[..127]).is_err());
    }

    #[test]
    fn every_kind_has_its_own_code() {
        for kind in EntryKind::ALL {
            assert_eq!(EntryKind::from_code(kind.code()), Some(kind));
            assert_eq!(EntryKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(EntryKind::from_code(0), None);
    }
}
