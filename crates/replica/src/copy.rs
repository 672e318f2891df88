//! One log at one replica, without HTTP, a clock or a thread: what [`crate::router`] does with requests, done by calls. Times are
//! arguments, and files are reached through [`Disks`], so that the same calls give the same bytes.

use crate::answer::Refused;
use crate::book::{Book, Cosigner, Standing};
use crate::disks::{Disks, Part};
use crate::frames;
use crate::holding::Holding;
use crate::scrub::check;
use crate::service::{Error, cosigners, log_hash};
use bodywire_ledger::repair::{self, Repaired};
use bodywire_ledger::witness::Request;
use bodywire_ledger::{CosignerKey, VerifierKey};
use ed25519_dalek::SigningKey;
use serde_json::Value;

/// A log at a replica.
pub struct LogCopy<S: Disks> {
    book: Book<S>,
    disks: S,
    hash: String,
    witness: Cosigner,
    mirror: Cosigner,
}

impl<S: Disks> LogCopy<S> {
    /// Opens what is there of a log. A copy that is damaged is opened all the same, and refuses until it is repaired.
    /// The cosigners are called `<name>/witness` and `<name>/mirror`.
    ///
    /// # Errors
    /// As [`crate::Replica::open`].
    pub fn open(
        name: &str,
        witness: SigningKey,
        mirror: SigningKey,
        log: VerifierKey,
        disks: S,
    ) -> Result<Self, Error> {
        let (witness, mirror) = cosigners(name, witness, mirror)?;
        let hash = log_hash(log.name());
        let book = Book::open(&disks, &hash, log)?;
        Ok(Self { book, disks, hash, witness, mirror })
    }

    /// The witness's key, for whoever trusts it.
    ///
    /// # Errors
    /// None: the name was checked when it was opened.
    pub fn witness_key(&self) -> Result<CosignerKey, bodywire_ledger::Error> {
        self.witness.key()
    }

    /// The mirror's key, for whoever trusts it.
    ///
    /// # Errors
    /// None: the name was checked when it was opened.
    pub fn mirror_key(&self) -> Result<CosignerKey, bodywire_ledger::Error> {
        self.mirror.key()
    }

    /// `begin`: with the log's signed checkpoint of size 0; again does nothing.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn begin(&mut self, empty: &str) -> Result<(), Refused> {
        self.book.begin(&self.disks, &self.hash, empty)
    }

    /// `add-frames`: verifies and stores whole frames, one behind the other, that must begin at entry `from`; publishes, and
    /// returns the mirror's signature line. Without frames it asks for that only. What came before a refused frame is kept.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Size`] names the entry from which on frames are wanted, [`Refused::Inconsistent`] says that
    /// there is evidence against the log now.
    pub fn add_frames(&mut self, from: u64, bytes: &[u8], now_s: u64) -> Result<String, Refused> {
        self.book.expects(from)?;
        let taken = frames::take(&mut self.book, bytes, from, now_s);
        let cut_off = taken.used < bytes.len();
        let refused = match taken.refused {
            None if cut_off => Some(Refused::Malformed("the last frame is cut off".to_owned())),
            refused => refused,
        };
        if let Some(refused) = refused {
            // What was stored before is shown all the same. A failure of that is in the damage.
            if taken.at != from {
                let _ = self.book.publish();
            }
            return Err(refused);
        }
        self.book.mirror(taken.at, &self.mirror, now_s)
    }

    /// `add-checkpoint` (C2SP tlog-witness): the witness's signature line over a checkpoint that continues what it has cosigned.
    ///
    /// # Errors
    /// [`Refused`]; [`Refused::Size`] names the size that the witness has cosigned last, [`Refused::Inconsistent`] says that
    /// there is evidence against the log now.
    pub fn add_checkpoint(&mut self, body: &[u8], now_s: u64) -> Result<String, Refused> {
        let request = Request::parse(body).map_err(|error| Refused::Malformed(error.to_string()))?;
        if log_hash(request.origin()) != self.hash {
            return Err(Refused::Unknown);
        }
        self.book.witness(&request, &self.witness, now_s)
    }

    /// Entries that are stored.
    ///
    /// # Errors
    /// [`Refused::NotBegun`] and [`Refused::Unfit`].
    pub fn size(&mut self) -> Result<u64, Refused> {
        self.book.size()
    }

    /// The frame that begins at entry `first`, for a copy elsewhere that is repaired.
    ///
    /// # Errors
    /// [`Refused`]: it is damaged, or there is none.
    pub fn frame(&mut self, first: u64) -> Result<Vec<u8>, Refused> {
        Ok(self.book.copy.mirror()?.frame(first)?)
    }

    /// The checkpoint that the mirror has cosigned last, with its cosignature.
    #[must_use]
    pub fn mirrored(&self) -> Option<&str> {
        self.book.mirrored.as_deref()
    }

    /// The checkpoint that the witness has cosigned last, with its cosignature; before the first, the one of size 0 without.
    #[must_use]
    pub fn witnessed(&self) -> Option<&str> {
        self.book.witnessed.as_deref()
    }

    /// Why this copy cosigns no more, for ever: what it has cosigned was lost.
    #[must_use]
    pub const fn retired(&self) -> Option<&'static str> {
        match &self.book.standing {
            Standing::Seen(_) => None,
            Standing::Retired(why) => Some(why),
        }
    }

    /// The evidence against the log, as `GET /<log>/evidence` shows it: an array.
    #[must_use]
    pub fn evidence(&self) -> Value {
        self.book.shelf.all()
    }

    /// Reads every byte; what is damaged, in words. A copy that was not begun has no damage.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        if matches!(self.book.copy, Holding::NotBegun) {
            return Vec::new();
        }
        let disk = self.disks.readable(&self.hash, Part::Copy);
        let mut damage = check(&disk, &self.book.key).damaged;
        if let Holding::Damaged(why) = &self.book.copy {
            damage.push(why.clone());
        }
        damage
    }

    /// Repairs the copy with frames from elsewhere, and opens it again. `fetch` gives the frame that begins at an entry, if
    /// somebody has it; nothing of it is believed.
    ///
    /// # Errors
    /// As [`repair::repair`]; what does not open afterwards is [`Self::damage`].
    pub fn repair(
        &mut self,
        fetch: impl FnMut(u64) -> Result<Option<Vec<u8>>, bodywire_ledger::Error>,
    ) -> Result<Repaired, bodywire_ledger::Error> {
        // Closed, since a directory is open once.
        self.book.copy = Holding::InRepair;
        let floor = self.book.floor();
        let repaired = self
            .disks
            .writable(&self.hash, Part::Copy)
            .and_then(|mut disk| repair::repair(&mut disk, &self.book.key, floor, fetch));
        self.book.reopen(&self.disks, &self.hash)?;
        repaired
    }
}
