//! Which payloads are gone, and whether the log says why. An erased payload is accepted only with an entry that says
//! that its key was erased; the entry comes after the payload, so that a reader judges when it has read everything.

use std::collections::{BTreeMap, HashSet};

use crate::{Entry, EntryKind, KeyId, segment::ItemHeader};

/// What an entry says about erasures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// It records that a key was erased.
    Key(KeyId),
    /// Its payload, sealed under this key, is gone.
    Payload(u64, KeyId),
}

impl Mark {
    pub(crate) fn key(entry: &Entry) -> Option<Self> {
        (entry.kind == EntryKind::KeyErased).then_some(Self::Key(entry.key))
    }

    /// The marks of a stored item.
    pub(crate) fn of(index: u64, item: &ItemHeader) -> impl Iterator<Item = Self> {
        let payload = item.is_erased().then_some(Self::Payload(index, item.entry.key));
        [payload, Self::key(&item.entry)].into_iter().flatten()
    }
}

/// Payloads of one key that are gone though no entry says so: the first one, and how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) first: u64,
    pub(crate) count: u64,
}

/// What the entries so far say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Erasures {
    pub(crate) keys: HashSet<KeyId>,
    pub(crate) pending: BTreeMap<KeyId, Pending>,
}

impl Erasures {
    pub(crate) fn take(&mut self, mark: Mark) {
        match mark {
            Mark::Key(key) => {
                self.pending.remove(&key);
                self.keys.insert(key);
            }
            Mark::Payload(index, key) if !self.keys.contains(&key) => {
                self.pending.entry(key).or_insert(Pending { first: index, count: 0 }).count += 1;
            }
            Mark::Payload(..) => {}
        }
    }

    /// Payloads that are gone though no entry says so.
    pub(crate) fn pending(&self) -> usize {
        let count: u64 = self.pending.values().map(|pending| pending.count).sum();
        usize::try_from(count).unwrap_or(usize::MAX)
    }

    pub(crate) fn first_pending(&self) -> Option<u64> {
        self.pending.values().map(|pending| pending.first).min()
    }
}
