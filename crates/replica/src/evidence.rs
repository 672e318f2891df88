//! Evidence against a log: two checkpoints that it has signed and that do not belong together. Kept for ever.

use crate::records::{EVIDENCE, Records};
use bodywire_ledger::witness::{Charge, Evidence};
use bodywire_ledger::{Disk, Error, Hash};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Pieces of evidence of each charge that are kept of one log. One is enough to condemn it; a stranger who sends true
/// checkpoints with wrong proofs can make as many of the charge `fork` as the log has checkpoints.
pub const EVIDENCE_MAX: usize = 64;

/// The evidence against one log.
#[derive(Default)]
pub(crate) struct Shelf {
    /// By the hash of both notes.
    known: BTreeMap<String, Value>,
}

const fn name(charge: Charge) -> &'static str {
    match charge {
        Charge::Equivocation => "equivocation",
        Charge::Fork => "fork",
    }
}

impl Shelf {
    /// Reads what was kept before. A file that cannot be read is left where it is.
    pub(crate) fn open<D: Disk>(records: &Records<D>) -> Result<Self, Error> {
        let mut known = BTreeMap::new();
        for file in records.list(EVIDENCE)? {
            let kept = records.read(&file)?.and_then(|text| serde_json::from_str(&text).ok());
            known.insert(file, kept.unwrap_or_else(|| json!({ "charge": "unreadable" })));
        }
        Ok(Self { known })
    }

    /// Keeps a piece, if it is new and there is room; whether it was kept.
    pub(crate) fn keep<D: Disk>(
        &mut self,
        records: &mut Records<D>,
        evidence: &Evidence,
        now_s: u64,
    ) -> Result<bool, Error> {
        let charge = name(evidence.charge);
        let both = Hash::of(format!("{}{}", evidence.held, evidence.refused).as_bytes());
        let file = format!("{EVIDENCE}/{both}.json");
        let same = self.known.values().filter(|kept| kept.get("charge").is_some_and(|c| c == charge));
        if self.known.contains_key(&file) || same.count() >= EVIDENCE_MAX {
            return Ok(false);
        }
        let piece = json!({
            "charge": charge,
            "time": now_s,
            "held": evidence.held,
            "refused": evidence.refused,
        });
        records.write(&file, &piece.to_string())?;
        self.known.insert(file, piece);
        Ok(true)
    }

    /// How many pieces.
    pub(crate) fn count(&self) -> u64 {
        self.known.len() as u64
    }

    /// All of them.
    pub(crate) fn all(&self) -> Value {
        self.known.values().cloned().collect()
    }
}
