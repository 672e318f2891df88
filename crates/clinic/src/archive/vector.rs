//! Encrypted vectors in the ledger: as the hub has sent them, with a tag behind them.
//!
//! ```text
//! payload of a vector = window 13 | vector | tag 8
//! ```
//!
//! They are encrypted already, and replicas compute on them, so that they are not sealed once more. Their entries name the data
//! key of their owner all the same: when that is erased, their payloads go with all others that name it.

use super::Archive;
use crate::Error;
use crate::aggregates::WardKeys;
use bodywire_aggregate::VectorRef;
use bodywire_ledger::{Draft, Entry, EntryKind, Hash, StreamId};
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::window::Window;
use bodywire_proto::wire::HubId;
use bodywire_store::{PatientId, VectorRow};
use std::sync::Arc;

/// Bytes of the tag behind a vector.
pub const VECTOR_TAG_BYTES: usize = 8;

/// Bytes of a vector's name.
pub const VECTOR_NAME_BYTES: usize = 16 + 8;

/// The name under which a vector is tagged: its stream and its number there, which no other vector has.
pub fn vector_name(stream: &[u8; 16], seq: u64) -> [u8; VECTOR_NAME_BYTES] {
    let mut name = [0; VECTOR_NAME_BYTES];
    name.iter_mut().zip(stream.iter().chain(&seq.to_be_bytes())).for_each(|(to, from)| *to = *from);
    name
}

/// A vector as it was read from the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredVector {
    /// The hub it came from.
    pub hub: HubId,
    /// Whose readings it is made of.
    pub patient: Option<PatientId>,
    /// Its entry.
    pub entry: Entry,
    /// When the readings were taken.
    pub window: Window,
    /// The vector, encrypted.
    pub vector: Vec<u8>,
    /// The tag behind it.
    pub tag: [u8; VECTOR_TAG_BYTES],
}

impl StoredVector {
    /// What the index says of it when it lies at `ledger_index`.
    pub const fn row(&self, ledger_index: u64) -> VectorRow {
        VectorRow {
            hub: self.hub,
            number: self.entry.stream_seq,
            ledger_index,
            stream: self.entry.stream.0,
            patient: self.patient,
            start_ms: self.window.start_ms,
            length_ms: self.window.length_ms,
            simulated: self.window.simulated,
        }
    }
}

impl Archive {
    /// From now on vectors are tagged with the ward's key.
    pub fn tag_with(&mut self, ward: Arc<WardKeys>) {
        self.ward = Some(ward);
    }

    /// The leaf hash (RFC 6962) of an entry that holds a vector.
    ///
    /// # Errors
    /// [`Error::NoVector`], and [`Error::Erased`] when its payload is gone.
    pub(crate) fn vector_leaf(&self, index: u64) -> Result<Hash, Error> {
        let entry = match self.log.entry(index) {
            Err(bodywire_ledger::Error::Erased { .. }) => return Err(Error::Erased { index }),
            other => other?,
        };
        if entry.kind != EntryKind::HomomorphicVector {
            return Err(Error::NoVector { index });
        }
        Ok(entry.leaf_hash())
    }

    /// Reads an encrypted vector.
    ///
    /// # Errors
    /// [`Error::NoVector`] for an entry that holds none, [`Error::Erased`] when the key that it names has been erased, whether or
    /// not the payload is gone already, and [`Error::UnknownStream`] when the database does not know whose it is.
    pub async fn vector(&self, index: u64) -> Result<StoredVector, Error> {
        let (entry, payload) = self.entry(index)?;
        if entry.kind != EntryKind::HomomorphicVector {
            return Err(Error::NoVector { index });
        }
        // The payload needs no key, but it must not be read any more when its key is gone.
        if self.store.data_key(entry.key.0).await?.is_none() {
            return Err(Error::Erased { index });
        }
        let ((hub, patient), _) = *self.owners.get(&entry.stream).ok_or(Error::UnknownStream { index })?;
        let (window, rest) = Window::parse(&payload).map_err(|_| Error::NoVector { index })?;
        let (vector, tag) = rest.split_last_chunk().ok_or(Error::NoVector { index })?;
        Ok(StoredVector { hub, patient, entry, window, vector: vector.to_vec(), tag: *tag })
    }

    /// What the index is to say of the vectors among drafts, the first of which becomes the entry `first`.
    pub(super) fn vector_rows(&self, first: u64, drafts: &[Draft]) -> Vec<VectorRow> {
        let vectors = (first..).zip(drafts).filter(|(_, draft)| draft.kind == EntryKind::HomomorphicVector);
        let row = |(ledger_index, draft): (u64, &Draft)| {
            let ((hub, patient), _) = *self.owners.get(&draft.stream)?;
            let (window, _) = Window::parse(&draft.payload).ok()?;
            Some(VectorRow {
                hub,
                number: draft.stream_seq,
                ledger_index,
                stream: draft.stream.0,
                patient,
                start_ms: window.start_ms,
                length_ms: window.length_ms,
                simulated: window.simulated,
            })
        };
        vectors.filter_map(row).collect()
    }
}

/// The payload for the body of a report that is a vector. Without the ward's keys its tag is zero, and so is that of what is no
/// vector: neither is ever evaluated.
pub(super) fn payload(ward: Option<&WardKeys>, stream: &StreamId, seq: u64, body: VectorBody<'_>) -> Vec<u8> {
    let tagged = ward.zip(VectorRef::parse(body.vector).ok());
    let tag = tagged.map_or([0; VECTOR_TAG_BYTES], |(ward, vector)| {
        ward.tags.tag(&vector_name(&stream.0, seq), &vector).to_bytes()
    });
    [&body.window.to_bytes()[..], body.vector, &tag].concat()
}

/// The body of a report that is a vector.
#[derive(Debug, Clone, Copy)]
pub(super) struct VectorBody<'a> {
    window: Window,
    vector: &'a [u8],
}

/// The body of a report, if that is a vector; what only says so is archived as any other report.
pub(super) fn body_of(report: &[u8]) -> Option<VectorBody<'_>> {
    let report = Report::parse(report).ok().filter(|report| report.header.kind == Kind::Vector)?;
    let (window, vector) = Window::parse(report.body()).ok()?;
    Some(VectorBody { window, vector })
}

#[cfg(test)]
mod tests;
