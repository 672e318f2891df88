//! What a replica has said about a log, in files of their own: each is replaced as a whole and durable on return.

use bodywire_ledger::{Disk, Error};
use std::io;

/// The log's checkpoint of size 0, with which the copy was begun.
pub(crate) const EMPTY: &str = "empty";
/// The checkpoint that the witness has cosigned last; at first the one of size 0.
pub(crate) const WITNESSED: &str = "witnessed";
/// The checkpoint that the mirror has cosigned last.
pub(crate) const MIRRORED: &str = "mirrored";
/// Folder of the evidence.
pub(crate) const EVIDENCE: &str = "evidence";

/// The files.
pub(crate) struct Records<D>(pub(crate) D);

impl<D: Disk> Records<D> {
    /// A file's text, if there is one. A file that is no text is read as one that fits nothing.
    pub(crate) fn read(&self, name: &str) -> Result<Option<String>, Error> {
        match self.0.read_all(name) {
            Ok(bytes) => Ok(Some(String::from_utf8(bytes).unwrap_or_default())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Disk { action: "read", file: name.to_owned(), source }),
        }
    }

    /// Replaces a file; durable on return.
    pub(crate) fn write(&mut self, name: &str, text: &str) -> Result<(), Error> {
        let failed = |source| Error::Disk { action: "replace", file: name.to_owned(), source };
        self.0.replace(name, text.as_bytes()).map_err(failed)
    }

    /// The names in a folder.
    pub(crate) fn list(&self, folder: &str) -> Result<Vec<String>, Error> {
        let failed = |source| Error::Disk { action: "list", file: folder.to_owned(), source };
        self.0.list(folder).map_err(failed)
    }
}
