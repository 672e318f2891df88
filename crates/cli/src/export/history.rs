//! Who did what with the data of a bed: rows of the clinic's audit, for the FHIR bundle.

use super::clinic::Clinic;
use super::fhir::{Access, AuditRecord, Purpose};
use super::record::Record;
use crate::exit::Failure;
use crate::logging;
use axum::http::Method;
use serde_json::Value;

/// Pages that are read at most: two thousand rows, a day of a busy bed.
const PAGES_MAX: usize = 40;

/// The rows about a bed and its patient in a time, and the read of this export itself. Somebody who may not see them all gets those that
/// the clinic shows.
pub(super) async fn audit(
    clinic: &Clinic,
    record: &Record,
    (from_ms, to_ms): (u64, u64),
) -> Result<Vec<AuditRecord>, Failure> {
    // Rows name the bed: those of whoever lay there before are not this patient's.
    let Some(admitted_ms) = record.admitted_ms else { return Ok(Vec::new()) };
    let from_ms = from_ms.max(admitted_ms);
    let (mut found, mut before) = (Vec::new(), None::<u64>);
    for _ in 0..PAGES_MAX {
        let mut path = format!("/api/v1/audit?bed={}", record.bed);
        if let Some(before) = before {
            path.push_str(&format!("&before={before}"));
        }
        let page = match clinic.json(Method::GET, &path, None).await {
            Ok(page) => page,
            Err(Failure::Denied(why)) => {
                logging::say(&format!("without AuditEvents: {why}"));
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let rows = page["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
        let in_time = |row: &&Value| {
            // This export's own row is younger than the time that was asked for.
            let own = record.read.is_some() && row["index"].as_u64() >= record.read && is_export(row);
            own || row["at_ms"].as_u64().is_some_and(|at| (from_ms..to_ms).contains(&at))
        };
        found.extend(rows.iter().filter(in_time).filter_map(|row| of(row, record)));
        before = rows.last().and_then(|row| row["index"].as_u64());
        let over = rows.last().and_then(|row| row["at_ms"].as_u64()).is_none_or(|at| at < from_ms);
        if over || page["more"] != true {
            break;
        }
    }
    found.reverse();
    Ok(found)
}

/// Whether a read was of the record as a whole, which only exports ask for.
fn is_export(row: &Value) -> bool {
    row["text"].as_str().is_some_and(|text| text.starts_with("read record "))
}

/// A row as FHIR has words for it; nothing for grants, settings and reviews.
fn of(row: &Value, record: &Record) -> Option<AuditRecord> {
    let entry = row["index"].as_u64()?;
    let access = match row["kind"].as_str()? {
        "read" if Some(entry) == record.read || is_export(row) => Access::Exported,
        "read" => Access::Read,
        "refusal" => Access::Refused,
        "override-start" => Access::OverrideStarted,
        "override-end" => Access::OverrideStopped,
        _ => return None,
    };
    let purpose = match row["purpose"].as_str()? {
        "break-glass" => Purpose::BreakTheGlass,
        "emergency-treatment" => Purpose::Emergency,
        "treatment" => Purpose::Treatment,
        // What a patient or a reviewer reads is for neither.
        _ => return None,
    };
    Some(AuditRecord {
        house: record.house.clone(),
        entry,
        at_ms: row["at_ms"].as_u64()?,
        access,
        who: row["who"].as_str()?.to_owned(),
        purpose,
        reason: row["text"].as_str().filter(|text| !text.is_empty()).map(str::to_owned),
        subject: record.recording.subject.clone(),
        simulated: record.recording.simulated(),
    })
}
