//! Finding an intact entry behind damaged ones. An item header says how long its payload is; where it is damaged, the
//! next item is found by the length that the published entry has, by the damaged header's own two lengths where they
//! agree and lead somewhere, or by searching byte by byte for the next header. What is found counts only if the items
//! up to the next known place are as many as there must be.

#![deny(clippy::indexing_slicing)]

use core::ops::RangeInclusive;

use crate::{
    Hash,
    entry::{ENTRY_BYTES, ENTRY_VERSION},
    segment::{ITEM_HEADER_BYTES, ItemHeader},
};

/// Damaged items between two known places that are counted one by one.
const MAX_MISSING: usize = 8;

/// Gaps of any width that are looked for when there is more damage than that; the rest is left to a repair.
const MAX_WIDE_GAPS: usize = 3;

/// Places that are tried as the start of a run: bounds the work that chosen bytes can cause.
const MAX_TRIALS: usize = 10_000;

/// What the published files say about an entry that cannot be read here.
pub(crate) trait Witness {
    /// Payload length of an entry.
    fn payload_len(&self, index: u64) -> Option<usize>;
    /// Leaf hash of an entry.
    fn leaf(&self, index: u64) -> Option<Hash>;
}

/// Bytes of a frame from an item to the next known place.
pub(crate) struct Stretch<'a, W> {
    pub(crate) bytes: &'a [u8],
    /// The entries whose items they are.
    pub(crate) first: u64,
    pub(crate) end: u64,
    /// Where the last of these items may end.
    pub(crate) ends: RangeInclusive<usize>,
    pub(crate) witness: &'a W,
}

/// Items one after the other; `None` stands for a damaged one whose length is known.
type Run = Vec<Option<usize>>;

struct Search {
    runs: Vec<Run>,
    most_missing: usize,
    most_gaps: usize,
    trials: usize,
    /// The last items are damaged.
    open_end: bool,
}

impl<W: Witness> Stretch<'_, W> {
    /// Offset of the item of entry `index`, if it can be told.
    pub(crate) fn place(&self, index: u64) -> Option<usize> {
        // The least damage that explains the bytes: a payload that holds items of its own does not pass for a run.
        let narrow =
            (0..=MAX_MISSING).flat_map(|missing| (missing.min(1)..=missing).map(move |gaps| (missing, gaps)));
        let wide = (1..=MAX_WIDE_GAPS).map(|gaps| (usize::MAX, gaps));
        let search = narrow.chain(wide).find_map(|(most_missing, most_gaps)| {
            let runs = vec![Run::new()];
            let mut search = Search { runs, most_missing, most_gaps, trials: 0, open_end: false };
            self.follow(0, &mut search).then_some(search)
        })?;
        if let Some(leaf) = self.witness.leaf(index) {
            let mut items = search.runs.iter().flatten().flatten();
            return items
                .find(|at| self.item(**at).is_some_and(|item| Hash::leaf(&item.entry_bytes) == leaf))
                .copied();
        }
        let gaps = search.gaps();
        let missing = self.count().checked_sub(search.found())?;
        let mut entry = self.first;
        let last = search.runs.len() - 1;
        for (number, run) in search.runs.iter().enumerate() {
            if number > 0 {
                // One gap holds all that is missing, and as many gaps as missing entries hold one each.
                let width = if missing == gaps {
                    1
                } else if gaps == 1 {
                    missing
                } else if number == last && !search.open_end {
                    // The last run is counted from its end.
                    (self.end - run.len() as u64).checked_sub(entry)? as usize
                } else {
                    // Entries of runs in between cannot be numbered; those behind them may.
                    entry += run.len() as u64;
                    continue;
                };
                entry += width as u64;
            }
            if let Some(place) = index.checked_sub(entry).and_then(|n| run.get(usize::try_from(n).ok()?)) {
                return *place;
            }
            entry += run.len() as u64;
        }
        None
    }

    fn count(&self) -> usize {
        usize::try_from(self.end - self.first).unwrap_or(usize::MAX)
    }

    fn item(&self, at: usize) -> Option<ItemHeader> {
        let bytes = self.bytes.get(at..at.checked_add(ITEM_HEADER_BYTES)?)?;
        // Cheap to refuse: the search asks this at every byte.
        let plausible = bytes.first() == Some(&ENTRY_VERSION)
            && bytes.get(ENTRY_BYTES - 8..ENTRY_BYTES).is_some_and(|reserved| reserved == [0; 8]);
        if plausible { ItemHeader::parse(bytes).ok() } else { None }
    }

    /// Whether an item, or what follows the last one, starts here.
    fn leads_on(&self, at: usize) -> bool {
        self.ends.contains(&at) || self.item(at).is_some()
    }

    /// Follows the items from `at`; whether they end where and with as many as they must.
    fn follow(&self, mut at: usize, search: &mut Search) -> bool {
        loop {
            if self.ends.contains(&at) && search.fits(self.count()) {
                return true;
            }
            if search.found() >= self.count() {
                return false;
            }
            let step = match self.item(at) {
                Some(item) => Some((Some(at), at + ITEM_HEADER_BYTES + item.stored_len as usize)),
                None => self.next_by_length(at, search).map(|next| (None, next)),
            };
            let Some((place, next)) = step else { break };
            if let Some(run) = search.runs.last_mut() {
                run.push(place);
            }
            at = next;
        }
        self.follow_after_gap(at, search)
    }

    fn follow_after_gap(&self, at: usize, search: &mut Search) -> bool {
        if search.runs.len() <= search.most_gaps {
            let kept = (search.runs.len(), search.runs.last().map_or(0, Vec::len));
            for candidate in at + ITEM_HEADER_BYTES..self.bytes.len() {
                if self.item(candidate).is_none() {
                    continue;
                }
                search.trials += 1;
                if search.trials > MAX_TRIALS {
                    return false;
                }
                search.runs.push(Run::new());
                if self.follow(candidate, search) {
                    return true;
                }
                search.runs.truncate(kept.0);
                if let Some(run) = search.runs.last_mut() {
                    run.truncate(kept.1);
                }
            }
        }
        search.open_end = true;
        let fits = search.fits(self.count());
        search.open_end = fits;
        fits
    }

    /// Where the item after a damaged one starts, if a length of its payload can be believed.
    fn next_by_length(&self, at: usize, search: &Search) -> Option<usize> {
        let after = |len: usize| at.checked_add(ITEM_HEADER_BYTES)?.checked_add(len);
        // Before the first gap of unknown width the entry's number is known.
        let index = (search.runs.len() == 1).then(|| self.first + search.found() as u64);
        if let Some(len) = index.and_then(|index| self.witness.payload_len(index)) {
            // An erased payload has left no bytes.
            return [after(len), after(0)].into_iter().flatten().find(|next| self.leads_on(*next));
        }
        let bytes = self.bytes.get(at..)?;
        let number = |at: usize| Some(u32::from_be_bytes(*bytes.get(at..)?.first_chunk()?) as usize);
        let (in_entry, stored) = (number(52)?, number(ENTRY_BYTES)?);
        let hash = bytes.get(56..)?.first_chunk().map(|hash| Hash(*hash))?;
        let next = after(stored).filter(|_| in_entry == stored)?;
        let payload = self.bytes.get(at + ITEM_HEADER_BYTES..next)?;
        (self.leads_on(next) || Hash::of(payload) == hash).then_some(next)
    }
}

impl Search {
    fn found(&self) -> usize {
        self.runs.iter().map(Vec::len).sum()
    }

    fn gaps(&self) -> usize {
        self.runs.len() - 1 + usize::from(self.open_end)
    }

    /// Whether every gap can hold an entry at least, and none is missing without a gap.
    fn fits(&self, count: usize) -> bool {
        let gaps = self.gaps();
        match count.checked_sub(self.found()) {
            Some(missing) => {
                missing <= self.most_missing
                    && gaps <= self.most_gaps
                    && missing >= gaps
                    && (missing == 0 || gaps > 0)
            }
            None => false,
        }
    }
}
