//! The erasure list as a file: whom a restore must not bring back.

use crate::exit::Failure;
use bodywire_store::{Erasure, PatientId};
use data_encoding::HEXLOWER as HEX;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Longest list that is read: half a million lines, more than a ward erases in its life.
pub(super) const ERASURES_BYTES_MAX: u64 = 64 << 20;

/// One line, as in the file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    patient: u64,
    /// The name of a data key, 16 bytes in hexadecimal; nothing for the patient's own rows.
    key: Option<String>,
    asked_ms: u64,
}

/// The file's content.
pub(super) fn to_json(list: &[Erasure]) -> Result<String, Failure> {
    let line = |one: &Erasure| Line {
        patient: one.patient.0,
        key: one.key.map(|key| HEX.encode(&key)),
        asked_ms: one.asked_ms,
    };
    serde_json::to_string(&list.iter().map(line).collect::<Vec<_>>())
        .map_err(|error| Failure::Failed(error.to_string()))
}

/// Reads the file's content; the error says why it is none.
pub(super) fn parse(bytes: &[u8]) -> Result<Vec<Erasure>, String> {
    let lines: Vec<Line> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let erasure = |line: Line| {
        // The database counts in 63 bits.
        if line.patient > i64::MAX as u64 || line.asked_ms > i64::MAX as u64 {
            return Err("has a number that is too large".to_owned());
        }
        let key = match line.key {
            None => None,
            Some(text) => {
                let bytes = HEX.decode(text.as_bytes()).map_err(|error| error.to_string())?;
                Some(bytes.try_into().map_err(|_| "has a key's name that is not 16 bytes long".to_owned())?)
            }
        };
        Ok(Erasure { patient: PatientId(line.patient), key, asked_ms: line.asked_ms })
    };
    lines.into_iter().map(erasure).collect()
}

/// Reads a list that was named on the command line.
pub(super) fn read(path: &Path) -> Result<Vec<Erasure>, Failure> {
    let next = "name the erasures.json of a backup with --erasures";
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(ERASURES_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(|error| Failure::path(path, error, next))?;
    if bytes.len() as u64 > ERASURES_BYTES_MAX {
        return Err(Failure::path(path, "is far too long", next));
    }
    parse(&bytes).map_err(|why| Failure::path(path, why, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_and_nonsense_is_refused() {
        let list = [
            Erasure { patient: PatientId(7), key: None, asked_ms: 1 },
            Erasure { patient: PatientId(7), key: Some([0xab; 16]), asked_ms: 2 },
        ];
        assert_eq!(parse(to_json(&list).unwrap().as_bytes()).unwrap(), list);
        let bad = [
            "",
            "{}",
            r#"[{"patient":1,"key":"ab","asked_ms":1}]"#,
            r#"[{"patient":-1,"key":null,"asked_ms":1}]"#,
            r#"[{"patient":18446744073709551615,"key":null,"asked_ms":1}]"#,
        ];
        assert!(bad.iter().all(|text| parse(text.as_bytes()).is_err()));
    }
}
