//! What is on record of an access: who, what, why, and what was decided. The text is JSON, sealed in the ledger under the
//! clinic's own key, so that replicas see that there is an entry and not what it says.

use bodywire_ledger::EntryKind;
use serde::{Deserialize, Serialize};

/// The text of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Act {
    /// The person, 32 hexadecimal digits; empty when nobody proved to be somebody.
    pub person: String,
    /// The person's name at that time.
    pub who: String,
    /// The role in the certificate.
    pub role: String,
    /// The bed.
    pub bed: u16,
    /// Number of the patient.
    pub patient: Option<u64>,
    /// What for; empty for what is no access.
    pub purpose: String,
    /// `I`, `II` or `III`; nothing for a refusal.
    pub class: Option<String>,
    /// In words.
    pub text: String,
    /// The decision as `proto::access::DecisionRecord` in hexadecimal digits, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// The entry of the grant that this belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<u64>,
    /// When, milliseconds since 1970; of an entry that came through the journal, before its entry's own time.
    pub at_ms: u64,
    /// It was in the local journal while the ledger was away.
    #[serde(default, skip_serializing_if = "is_false")]
    pub journalled: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde asks for")]
fn is_false(value: &bool) -> bool {
    !*value
}

impl Act {
    /// Its bytes, as they are sealed.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        // Strings and numbers only: there is nothing that JSON could not hold.
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// Reads a record.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

/// The kinds of entries that hold an [`Act`].
pub const ACT_KINDS: [EntryKind; 7] = [
    EntryKind::Grant,
    EntryKind::Read,
    EntryKind::Refusal,
    EntryKind::OverrideStart,
    EntryKind::OverrideEnd,
    EntryKind::Setting,
    EntryKind::Review,
];
