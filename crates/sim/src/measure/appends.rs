//! Durable appends of records of 1 KiB to the ledger.

use super::failed;
use crate::Error;
use bodywire_ledger::{Draft, EntryKind, FileDisk, Floor, KeyId, Log, Origin, StreamId, VerifierKey};
use ed25519_dalek::SigningKey;
use std::path::Path;

/// A sealed record of one second of ECG is about this long.
pub const RECORD_BYTES: usize = 1024;
/// Streams in turn: sensors of a ward.
const STREAMS: u64 = 50;
const ORIGIN: &str = "example.org/bench";
const WHAT: &str = "the ledger";

/// Records that become durable together.
pub struct Batch {
    /// Number of the first record.
    pub first: u64,
    /// The records.
    pub payloads: Vec<Vec<u8>>,
}

impl Batch {
    /// Bytes that do not compress, different for each record.
    pub fn of(first: u64, count: u64) -> Self {
        let payload = |number: u64| {
            let mut word = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let words = (0..RECORD_BYTES / 8).flat_map(|_| {
                word = word.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                word.to_le_bytes()
            });
            words.collect()
        };
        Self { first, payloads: (first..first + count).map(payload).collect() }
    }

    /// As entries of the log.
    pub fn drafts(&self) -> Vec<Draft> {
        let draft = |(number, payload): (u64, &Vec<u8>)| Draft {
            kind: EntryKind::Telemetry,
            flags: 0,
            time_ms: 1_700_000_000_000 + number,
            stream: StreamId([(number % STREAMS) as u8; 16]),
            stream_seq: number / STREAMS,
            key: KeyId([1; 16]),
            payload: payload.clone(),
        };
        (self.first..).zip(&self.payloads).map(draft).collect()
    }
}

/// A new log in a directory. Its key is only for measuring; that of a real log comes from a file or a credential.
///
/// # Errors
/// [`Error::Measured`] when the directory cannot be written to.
pub fn new_log(directory: &Path) -> Result<Log<FileDisk>, Error> {
    let disk = FileDisk::open(directory).map_err(failed(WHAT))?;
    let origin = Origin::new(ORIGIN).map_err(failed(WHAT))?;
    let opened = Log::open(disk, origin, SigningKey::from_bytes(&[7; 32]), Floor::NONE);
    Ok(opened.map_err(failed(WHAT))?.0)
}

/// The key that checks what [`new_log`] signs.
///
/// # Errors
/// [`Error::Measured`] when it does not fit the log's name, which it does.
pub fn verifier(log: &Log<FileDisk>) -> Result<VerifierKey, Error> {
    VerifierKey::new(ORIGIN, log.verifying_key()).map_err(failed(WHAT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_their_length_and_differ() {
        let batch = Batch::of(7, 2);
        assert!(batch.payloads.iter().all(|payload| payload.len() == RECORD_BYTES));
        assert_ne!(batch.payloads[0], batch.payloads[1]);
        assert_eq!(batch.payloads[1], Batch::of(8, 1).payloads[0]);
    }

    #[test]
    fn a_record_is_appended_and_proved() {
        let directory = tempfile::tempdir().unwrap();
        let mut log = new_log(directory.path()).unwrap();
        log.append(Batch::of(0, 3).drafts()).unwrap();
        log.publish().unwrap();
        let key = verifier(&log).unwrap();
        let proof = bodywire_ledger::prove::inclusion(log.disk(), &key, 1).unwrap();
        assert_eq!(proof.verify(&key).unwrap().0.payload_len as usize, RECORD_BYTES);
    }
}
