//! Time-stamped annotation lists of EDF+ (section 2.2.2 and 2.2.4): `+onset 0x15 duration 0x14 text 0x14 0x00`.

/// Ends onset, duration and text.
const SEPARATOR: u8 = 0x14;
/// Stands before a duration.
const DURATION: u8 = 0x15;

/// An annotation, in microseconds after the first sample.
pub(super) struct Text {
    pub(super) onset_us: u64,
    pub(super) duration_us: Option<u64>,
    pub(super) text: String,
}

/// The annotation lists of all data records.
pub(super) struct Lists {
    /// Bytes of the annotation signal in each record, even.
    pub(super) width: usize,
    /// What stands in each, without its padding.
    pub(super) records: Vec<Vec<u8>>,
}

/// Seconds with as many decimals as they need.
fn seconds(us: u64) -> String {
    let (whole, rest) = (us / 1_000_000, us % 1_000_000);
    if rest == 0 {
        return whole.to_string();
    }
    format!("{whole}.{rest:06}").trim_end_matches('0').to_owned()
}

fn list(onset_us: u64, duration_us: Option<u64>, text: &str) -> Vec<u8> {
    let mut out = format!("+{}", seconds(onset_us)).into_bytes();
    if let Some(duration) = duration_us {
        out.push(DURATION);
        out.extend(seconds(duration).into_bytes());
    }
    out.push(SEPARATOR);
    out.extend(text.bytes());
    out.extend([SEPARATOR, 0]);
    out
}

/// Puts `texts`, in their order, behind the time-keeping list of each record: as many as fit, wherever their onset is,
/// which EDF+ allows. Otherwise the record with most texts would set the width of all. `records` are the numbers of the
/// records of `record_us` microseconds; `rest_us` is what the file's start lacks to the first sample.
pub(super) fn in_records(texts: &[Text], records: &[u64], record_us: u64, rest_us: u64) -> Lists {
    let keeping = |record: &u64| list(record.saturating_mul(record_us).saturating_add(rest_us), None, "");
    let mut lists: Vec<Vec<u8>> = records.iter().map(keeping).collect();
    let texts: Vec<Vec<u8>> = texts
        .iter()
        .map(|text| list(text.onset_us.saturating_add(rest_us), text.duration_us, &text.text))
        .collect();
    let longest = |all: &[Vec<u8>]| all.iter().map(Vec::len).max().unwrap_or(0);
    let total: usize = texts.iter().map(Vec::len).sum();
    // A record is full when less than the longest text is left, so that this always suffices.
    let width = longest(&lists) + longest(&texts) + total.div_ceil(lists.len().max(1));
    let width = width + width % 2;
    let mut texts = texts.into_iter().peekable();
    for record in &mut lists {
        while let Some(text) = texts.next_if(|text| record.len() + text.len() <= width) {
            record.extend(text);
        }
    }
    Lists { width, records: lists }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn exact_bytes() {
        assert_eq!(list(0, None, ""), b"+0\x14\x14\0");
        assert_eq!(list(1_250_000, Some(2_000_100), "x y"), b"+1.25\x152.0001\x14x y\x14\0");
    }

    proptest! {
        #[test]
        fn every_text_finds_a_place(lengths in prop::collection::vec(0usize..60, 0..80), records in 1u64..30) {
            let text = |len: &usize| Text { onset_us: 1, duration_us: None, text: "x".repeat(*len) };
            let texts: Vec<Text> = lengths.iter().map(text).collect();
            let lists = in_records(&texts, &(0..records).collect::<Vec<_>>(), 1_000_000, 0);
            prop_assert!(lists.records.iter().all(|record| record.len() <= lists.width));
            let found: usize = lists.records.iter().flatten().filter(|byte| **byte == b'x').count();
            prop_assert_eq!(found, lengths.iter().sum::<usize>());
        }
    }
}
