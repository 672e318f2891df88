//! Erased payloads: each needs an entry that says that its key was erased. The entry comes after the payload, so the
//! judgement is made at the end.

use core::ops::Range;
use std::collections::{BTreeMap, HashSet};

use super::{Check, FindingKind, frames::segment_of};
use crate::{Disk, Entry, EntryKind, KeyId, erasures::Pending};

/// What has been read so far.
#[derive(Default)]
pub(super) struct Erasures {
    erased_keys: HashSet<KeyId>,
    /// Erased payloads of keys of which no entry has yet said that they were erased.
    open: BTreeMap<KeyId, Vec<Range<u64>>>,
    /// Erased payloads of which one has.
    pub(super) accepted: u64,
}

impl Erasures {
    pub(super) fn payload(&mut self, index: u64, key: KeyId) {
        if self.erased_keys.contains(&key) {
            self.accepted += 1;
            return;
        }
        let ranges = self.open.entry(key).or_default();
        match ranges.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => ranges.push(index..index.saturating_add(1)),
        }
    }

    /// Whether these are the erased keys and the payloads that wait for one.
    pub(super) fn are(&self, keys: &[KeyId], pending: &[(KeyId, Pending)]) -> bool {
        let count = |ranges: &[Range<u64>]| ranges.iter().map(|range| range.end - range.start).sum::<u64>();
        let open = self.open.iter().map(|(key, ranges)| {
            let first = ranges.first().map_or(0, |range| range.start);
            (*key, Pending { first, count: count(ranges) })
        });
        keys.len() == self.erased_keys.len()
            && keys.iter().all(|key| self.erased_keys.contains(key))
            && open.eq(pending.iter().copied())
    }

    pub(super) fn entry(&mut self, entry: &Entry) {
        if entry.kind == EntryKind::KeyErased {
            self.erased_keys.insert(entry.key);
            let settled = self.open.remove(&entry.key).unwrap_or_default();
            self.accepted += settled.iter().map(|range| range.end - range.start).sum::<u64>();
        }
    }
}

impl<D: Disk> Check<'_, D> {
    /// Names the payloads that are gone without a reason.
    pub(super) fn judge_erasures(&mut self) {
        let mut open: Vec<Range<u64>> =
            core::mem::take(&mut self.erasures.open).into_values().flatten().collect();
        open.sort_by_key(|range| range.start);
        for range in open {
            let file = segment_of(self.disk, range.start);
            let what = "the payload is gone, but no entry says that its key was erased";
            self.find(FindingKind::Damage, &file, Some(range), what);
        }
    }
}
