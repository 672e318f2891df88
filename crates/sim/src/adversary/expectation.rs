//! What each attack is expected to do to each scheme, and where that is written.

use super::Outcome::{self, Falls, Holds, Limit};
use super::{Attack, Scheme};

/// An expected cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expectation {
    /// How the attack should end.
    pub outcome: Outcome,
    /// Where that is written.
    pub source: &'static str,
}
