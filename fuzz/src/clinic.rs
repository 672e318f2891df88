//! What analysts ask the clinic.

use bodywire_clinic::aggregates::{QUERY_BYTES_MAX, Query};

/// A query, accepted or refused with a reason.
pub fn query(data: &[u8]) -> bool {
    match Query::parse(data) {
        Ok(query) => {
            assert!(data.len() <= QUERY_BYTES_MAX && query.from_ms < query.to_ms);
            assert!(query.weights.iter().all(|(hub, weight)| *weight > 0 && query.weight(*hub) == *weight));
            assert_eq!(Query::parse(data).as_ref(), Ok(&query), "the same text says the same");
            true
        }
        Err(why) => {
            assert!(!why.is_empty(), "refused without a reason");
            false
        }
    }
}
