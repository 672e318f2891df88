//! The journal for the time in which the ledger is away: care is not refused, and nothing of it goes unrecorded.
//!
//! A file of lines, each signed over its number, its kind, its text and the hash of the line before, synced before the data
//! is given. When the ledger is back the lines go there in their order, and the file is emptied. A line that does not verify is
//! kept and said so.

use bodywire_ledger::EntryKind;
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::{Signature, Signer, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Lines in the journal at most: a night without a ledger. Beyond it accesses are still given, and said to be lost to the record.
pub const JOURNAL_LINES_MAX: usize = 10_000;
/// Bytes of the file that are read at most: lines of 4 KiB.
const JOURNAL_BYTES_MAX: u64 = JOURNAL_LINES_MAX as u64 * 4_096;

const CONTEXT: &[u8] = b"bodywire access journal";

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Line {
    n: u64,
    kind: u8,
    text: String,
    before: String,
    signature: String,
}

/// The journal of one clinic.
pub struct Journal {
    /// Nothing: it is in memory only.
    path: Option<PathBuf>,
    key: SigningKey,
    lines: Vec<Line>,
    damaged: usize,
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Journal").field("path", &self.path).field("lines", &self.lines.len()).finish()
    }
}

fn signed(line: &Line) -> Vec<u8> {
    [
        CONTEXT,
        &line.n.to_be_bytes(),
        &[line.kind],
        &Sha256::digest(line.text.as_bytes())[..],
        line.before.as_bytes(),
    ]
    .concat()
}

fn hash_of(line: Option<&Line>) -> String {
    line.map_or_else(String::new, |line| HEX.encode(&Sha256::digest(line.signature.as_bytes())))
}

impl Journal {
    /// A journal without a file, for drills and simulations: it is forgotten with the process.
    #[must_use]
    pub const fn in_memory(key: SigningKey) -> Self {
        Self { path: None, key, lines: Vec::new(), damaged: 0 }
    }

    /// Opens the journal at `path`; what a crash has left in it waits for the ledger.
    ///
    /// # Errors
    /// When the file is there and cannot be read.
    pub fn open(path: &Path, key: SigningKey) -> std::io::Result<Self> {
        let mut journal = Self { path: Some(path.to_owned()), ..Self::in_memory(key) };
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(journal),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(JOURNAL_BYTES_MAX).read_to_end(&mut text)?;
        for bytes in text.split(|byte| *byte == b'\n').filter(|bytes| !bytes.is_empty()) {
            match serde_json::from_slice::<Line>(bytes).ok().filter(|line| journal.verifies(line)) {
                Some(line) => journal.lines.push(line),
                // A torn last line was never acknowledged; anything else was changed.
                None => journal.damaged += 1,
            }
        }
        Ok(journal)
    }

    fn verifies(&self, line: &Line) -> bool {
        let bytes = HEX.decode(line.signature.as_bytes()).ok();
        let signature = bytes.and_then(|bytes| Signature::from_slice(&bytes).ok());
        line.before == hash_of(self.lines.last())
            && signature.is_some_and(|signature| {
                self.key.verifying_key().verify_strict(&signed(line), &signature).is_ok()
            })
    }

    /// Lines that wait for the ledger.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.lines.len()
    }

    /// True when nothing waits.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Lines that did not verify when the journal was opened.
    #[must_use]
    pub const fn damaged(&self) -> usize {
        self.damaged
    }

    /// Writes a line, durably where there is a file.
    ///
    /// # Errors
    /// When the disk refuses, or [`JOURNAL_LINES_MAX`] lines wait.
    pub fn write(&mut self, kind: EntryKind, text: &[u8]) -> std::io::Result<()> {
        if self.lines.len() >= JOURNAL_LINES_MAX {
            return Err(std::io::Error::other("the journal is full"));
        }
        let mut line = Line {
            n: self.lines.len() as u64,
            kind: kind.code(),
            text: String::from_utf8_lossy(text).into_owned(),
            before: hash_of(self.lines.last()),
            signature: String::new(),
        };
        line.signature = HEX.encode(&self.key.sign(&signed(&line)).to_bytes());
        if let Some(path) = &self.path {
            let mut bytes = serde_json::to_vec(&line)?;
            bytes.push(b'\n');
            let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
            file.write_all(&bytes)?;
            file.sync_data()?;
        }
        self.lines.push(line);
        Ok(())
    }

    /// What waits, in its order.
    #[must_use]
    pub fn waiting(&self) -> Vec<(EntryKind, Vec<u8>)> {
        let of = |line: &Line| Some((EntryKind::from_code(line.kind)?, line.text.clone().into_bytes()));
        self.lines.iter().filter_map(of).collect()
    }

    /// All of it is in the ledger: the file is emptied.
    ///
    /// # Errors
    /// When the disk refuses; the lines then go to the ledger once more, which is harmless.
    pub fn clear(&mut self) -> std::io::Result<()> {
        match &self.path {
            None => {}
            // What does not verify is evidence.
            Some(path) if self.damaged > 0 => {
                std::fs::rename(path, path.with_extension("damaged"))?;
                self.damaged = 0;
            }
            Some(path) => std::fs::write(path, b"")?,
        }
        self.lines.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(path: &Path) -> Journal {
        Journal::open(path, SigningKey::from_bytes(&[5; 32])).unwrap()
    }

    #[test]
    fn lines_survive_a_crash_in_their_order_and_go_when_they_are_in_the_ledger() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = open(&path);
        journal.write(EntryKind::OverrideStart, b"one").unwrap();
        journal.write(EntryKind::OverrideEnd, b"two").unwrap();
        drop(journal);
        std::fs::OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"n\":2,\"ki").unwrap();
        let mut journal = open(&path);
        let waiting = journal.waiting();
        assert_eq!(waiting[0], (EntryKind::OverrideStart, b"one".to_vec()));
        assert_eq!((waiting.len(), journal.damaged()), (2, 1));
        journal.clear().unwrap();
        assert!(open(&path).is_empty());
    }

    #[test]
    fn a_changed_a_removed_and_an_inserted_line_are_found() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal");
        let mut journal = open(&path);
        for text in ["one", "two", "three"] {
            journal.write(EntryKind::Read, text.as_bytes()).unwrap();
        }
        let whole = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = whole.lines().collect();
        for changed in [
            whole.replace("two", "six"),
            [lines[0], lines[2]].join("\n"),
            [lines[0], lines[0], lines[1], lines[2]].join("\n"),
            whole.replace("\"n\":1", "\"n\":7"),
        ] {
            std::fs::write(&path, changed).unwrap();
            assert!(open(&path).damaged() > 0);
        }
    }
}
