//! The copy of a log, as far as it is fit for use.

use crate::answer::Refused;
use crate::disks::{Disks, Part};
use bodywire_ledger::{Checkpoint, Error, Floor, Mirror, VerifierKey};

/// A copy of a log.
pub(crate) enum Holding<D> {
    /// Nobody has sent the log's checkpoint of size 0.
    NotBegun,
    /// Verified and open.
    Open(Box<Mirror<D>>),
    /// It does not open, or a disk has failed.
    Damaged(String),
    /// Closed for the time of a repair.
    InRepair,
}

impl<D: bodywire_ledger::Disk> Holding<D> {
    /// Opens the copy that was begun with `empty` and must hold at least what `mirrored` says.
    pub(crate) fn open<S: Disks<Disk = D>>(
        disks: &S,
        log: &str,
        key: &VerifierKey,
        empty: &str,
        mirrored: Option<&str>,
    ) -> Self {
        let open = || -> Result<Mirror<D>, Error> {
            let floor = match mirrored {
                Some(signed) => Floor::from(&Checkpoint::open(signed.as_bytes(), key)?),
                None => Floor::NONE,
            };
            Ok(Mirror::open(disks.writable(log, Part::Copy)?, key.clone(), empty, floor)?.0)
        };
        open().map_or_else(|error| Self::Damaged(error.to_string()), |mirror| Self::Open(Box::new(mirror)))
    }

    /// The mirror, if it is fit.
    pub(crate) fn mirror(&mut self) -> Result<&mut Mirror<D>, Refused> {
        match self {
            Self::Open(mirror) => Ok(mirror),
            Self::NotBegun => Err(Refused::NotBegun),
            Self::Damaged(_) => Err(Refused::Unfit(
                "the copy is damaged here; see its status, and ask another replica".to_owned(),
            )),
            Self::InRepair => {
                Err(Refused::Unfit("the copy is being repaired; ask another replica".to_owned()))
            }
        }
    }

    /// A disk error leaves the mirror stopped: it must be opened again, which reads what is really there.
    pub(crate) fn failed(&mut self, error: &Error) {
        if matches!(error, Error::Disk { .. } | Error::Stopped) {
            *self = Self::Damaged(error.to_string());
        }
    }
}
