//! What is known about one log, behind one lock: a check and what follows from it are never apart.

use crate::answer::Refused;
use crate::disks::{Disks, Part};
use crate::evidence::Shelf;
use crate::holding::Holding;
use crate::records::{EMPTY, MIRRORED, Records, WITNESSED};
use bodywire_ledger::note::Note;
use bodywire_ledger::segment::Frame;
use bodywire_ledger::witness::{Charge, Evidence, Request, Seen};
use bodywire_ledger::{
    Checkpoint, CosignerKey, Disk as _, EntryKind, Error, Floor, KeyId, VerifierKey, audit, cosignature,
    prove,
};
use ed25519_dalek::SigningKey;

/// Name and key of a cosigner.
pub(crate) struct Cosigner {
    pub(crate) name: String,
    pub(crate) key: SigningKey,
}

impl Cosigner {
    /// Its key, for whoever trusts it.
    pub(crate) fn key(&self) -> Result<CosignerKey, Error> {
        CosignerKey::new(&self.name, self.key.verifying_key())
    }

    /// The signature line over a signed checkpoint, and the checkpoint with it.
    fn cosign(&self, signed: &str, now_s: u64) -> Result<(String, String), Error> {
        let note = Note::parse(signed.as_bytes())?;
        let line = cosignature::cosign(note.text(), now_s, &self.name, &self.key)?;
        let whole = cosignature::attach(signed, &line)?;
        Ok((line, whole))
    }
}

/// What the witness may say.
pub(crate) enum Standing {
    /// It remembers what it has cosigned.
    Seen(Seen),
    /// It does not, so that it must not cosign this log again with this key.
    Retired(&'static str),
}

const LOST: &str = "what was cosigned is not known any more; give this replica a new directory and new keys";
const RETIRED: &str = "this replica cosigns this log no longer: its records are lost or damaged";

/// One log.
pub(crate) struct Book<S: Disks> {
    pub(crate) key: VerifierKey,
    pub(crate) copy: Holding<S::Disk>,
    pub(crate) standing: Standing,
    pub(crate) shelf: Shelf,
    /// The checkpoint with the mirror's cosignature, and that with the witness's.
    pub(crate) mirrored: Option<String>,
    pub(crate) witnessed: Option<String>,
    records: Records<S::Disk>,
    /// Size of the witnessed checkpoint that the copy was last compared with.
    agreed: Option<u64>,
    /// Keys whose payloads must be gone before the next cosignature.
    erased: Vec<KeyId>,
    /// Which keys the log has erased is not known since the copy was opened.
    sweep: bool,
}

impl<S: Disks> Book<S> {
    /// Reads what is there.
    pub(crate) fn open(disks: &S, log: &str, key: VerifierKey) -> Result<Self, Error> {
        let records = Records(disks.writable(log, Part::Records)?);
        let [empty, witnessed, mirrored] = [EMPTY, WITNESSED, MIRRORED].map(|name| records.read(name));
        let (empty, witnessed, mirrored) = (empty?, witnessed?, mirrored?);
        let frames = disks.readable(log, Part::Copy).list(bodywire_ledger::segment::SEGMENT_FOLDER);
        let used = empty.is_some() || mirrored.is_some() || frames.is_ok_and(|files| !files.is_empty());
        let standing = match &witnessed {
            Some(signed) => Seen::open(signed, &key).map_or(Standing::Retired(LOST), Standing::Seen),
            None if used => Standing::Retired(LOST),
            None => Standing::Seen(Seen::default()),
        };
        let copy = match &empty {
            Some(empty) => Holding::open(disks, log, &key, empty, mirrored.as_deref()),
            None => Holding::NotBegun,
        };
        let shelf = Shelf::open(&records)?;
        Ok(Self {
            key,
            copy,
            standing,
            shelf,
            mirrored,
            witnessed,
            records,
            agreed: None,
            erased: Vec::new(),
            sweep: true,
        })
    }

    fn seen(&self) -> Result<&Seen, Refused> {
        match &self.standing {
            Standing::Seen(seen) => Ok(seen),
            Standing::Retired(_) => Err(Refused::Unfit(RETIRED.to_owned())),
        }
    }

    /// Begins the copy with the log's checkpoint of size 0; again does nothing.
    pub(crate) fn begin(&mut self, disks: &S, log: &str, empty: &str) -> Result<(), Refused> {
        if Checkpoint::open(empty.as_bytes(), &self.key)?.size != 0 {
            return Err(Refused::Malformed("the checkpoint is not of size 0".to_owned()));
        }
        if !matches!(self.copy, Holding::NotBegun) {
            return Ok(());
        }
        // The witness's first, so that from now on a missing one means that it was lost.
        if self.witnessed.is_none() && matches!(self.standing, Standing::Seen(_)) {
            self.records.write(WITNESSED, empty)?;
        }
        self.records.write(EMPTY, empty)?;
        self.copy = Holding::open(disks, log, &self.key, empty, self.mirrored.as_deref());
        self.copy.mirror().map(|_| ())
    }

    /// Opens the copy again, after a repair or a disk error.
    pub(crate) fn reopen(&mut self, disks: &S, log: &str) -> Result<(), Error> {
        let empty = self.records.read(EMPTY)?;
        self.sweep = true;
        // Closed first: a directory is open once.
        self.copy = Holding::InRepair;
        self.copy = match empty {
            Some(empty) => Holding::open(disks, log, &self.key, &empty, self.mirrored.as_deref()),
            None => Holding::NotBegun,
        };
        Ok(())
    }

    /// What the copy must hold at least: what the mirror has cosigned.
    pub(crate) fn floor(&self) -> Floor {
        let signed = self.mirrored.as_ref();
        let head = signed.and_then(|signed| Checkpoint::open(signed.as_bytes(), &self.key).ok());
        head.as_ref().map_or(Floor::NONE, Floor::from)
    }

    /// Entries that are stored.
    pub(crate) fn size(&mut self) -> Result<u64, Refused> {
        self.copy.mirror().map(|mirror| mirror.size())
    }

    /// Whether frames from `from` on may come.
    pub(crate) fn expects(&mut self, from: u64) -> Result<(), Refused> {
        self.seen()?;
        match self.size()? {
            size if size == from => Ok(()),
            size => Err(Refused::Size(size)),
        }
    }

    /// Verifies and stores the frame at the start of `bytes`; its length. The second of a refusal is evidence to keep.
    pub(crate) fn append(&mut self, bytes: &[u8], now_s: u64) -> Result<usize, Refused> {
        self.seen()?;
        let mirror = self.copy.mirror()?;
        let error = match mirror.append(bytes) {
            Ok(len) => {
                let items = Frame::parse(bytes)?.items;
                let keys = items.iter().map(|item| &item.header.entry);
                self.erased.extend(keys.filter(|e| e.kind == EntryKind::KeyErased).map(|e| e.key));
                return Ok(len);
            }
            Err(error) => error,
        };
        if let (Error::Forked { .. }, Some(held)) = (&error, mirror.signed_checkpoint()) {
            let frame = Frame::parse(bytes)?;
            let refused = String::from_utf8_lossy(frame.note).into_owned();
            let evidence = Evidence { charge: Charge::Fork, held: held.to_owned(), refused };
            self.keep(&evidence, now_s);
        }
        self.copy.failed(&error);
        Err(error.into())
    }

    /// Publishes what is stored, so that it can be read.
    pub(crate) fn publish(&mut self) -> Result<(), Refused> {
        let published = self.copy.mirror()?.publish();
        published.map_err(|error| {
            self.copy.failed(&error);
            error.into()
        })
    }

    /// Publishes, and cosigns as the mirror; the signature line. `size` is what the client believes to be here.
    pub(crate) fn mirror(&mut self, size: u64, by: &Cosigner, now_s: u64) -> Result<String, Refused> {
        self.expects(size)?;
        if self.copy.mirror()?.pending_erasures() > 0 {
            return Err(Refused::Pending(size));
        }
        self.publish()?;
        self.erase()?;
        self.agree(now_s)?;
        let signed = self.copy.mirror()?.signed_checkpoint().map(str::to_owned);
        let signed = signed.ok_or_else(|| Refused::Malformed("there is no frame yet".to_owned()))?;
        let (line, whole) = by.cosign(&signed, now_s)?;
        self.records.write(MIRRORED, &whole)?;
        self.mirrored = Some(whole);
        Ok(line)
    }

    /// Removes the payloads whose keys the log has erased: a cosignature also says that they are gone here.
    fn erase(&mut self) -> Result<(), Refused> {
        let mirror = self.copy.mirror()?;
        if self.sweep && mirror.size() > 0 {
            let is_erasure = |_, entry: &bodywire_ledger::Entry| entry.kind == EntryKind::KeyErased;
            let (entries, _) = audit::entries(mirror.disk(), &self.key, is_erasure)?;
            self.erased.extend(entries.into_iter().map(|(_, entry)| entry.key));
            self.sweep = false;
        }
        if self.erased.is_empty() {
            return Ok(());
        }
        let erased = mirror.erase(&self.erased);
        match erased {
            Ok(_) => {
                self.erased.clear();
                Ok(())
            }
            Err(error) => {
                self.copy.failed(&error);
                Err(error.into())
            }
        }
    }

    /// The copy must begin with the tree that the witness has cosigned last: or else the log has shown two histories,
    /// one to the mirror and one to the witness.
    fn agree(&mut self, now_s: u64) -> Result<(), Refused> {
        let seen = self.seen()?.clone();
        if self.agreed == Some(seen.size()) {
            return Ok(());
        }
        let signed = self.copy.mirror()?.signed_checkpoint().map(str::to_owned);
        if let (true, Some(held), Some(refused)) = (self.contradicts(&seen)?, seen.signed(), signed) {
            self.keep(&between(held, &refused, &self.key), now_s);
            return Err(Refused::Inconsistent);
        }
        self.agreed = Some(seen.size());
        Ok(())
    }

    /// Whether the published copy does not begin with this tree. A copy that is shorter says nothing.
    fn contradicts(&mut self, seen: &Seen) -> Result<bool, Refused> {
        let mirror = self.copy.mirror()?;
        match prove::consistency(mirror.disk(), &self.key, (seen.size(), &seen.root())) {
            Ok(_) | Err(Error::NoSuchEntry { .. } | Error::Unpublished) => Ok(false),
            // The tiles may be damaged: only such as lead to the signed root accuse the log.
            Err(Error::ProofRejected { .. }) => match prove::growth(mirror.disk(), &self.key, seen.size()) {
                Ok(_) => Ok(true),
                Err(_) => Err(Refused::Unfit("tiles are damaged here; see the status".to_owned())),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Cosigns as the witness; the signature line. It is durable before it is returned.
    pub(crate) fn witness(
        &mut self,
        request: &Request,
        by: &Cosigner,
        now_s: u64,
    ) -> Result<String, Refused> {
        let seen = self.seen()?;
        let next = match seen.advance(request, &self.key) {
            Ok(next) => next,
            Err(refusal) => {
                if let Some(evidence) = refusal.evidence() {
                    let evidence = evidence.clone();
                    self.keep(&evidence, now_s);
                }
                return Err(refused(&refusal));
            }
        };
        // What the mirror holds is another witness. Where it is not fit to say anything, it does not hinder this one.
        if self.contradicts(&next).unwrap_or(false) {
            let mirror = self.copy.mirror()?.signed_checkpoint().map(str::to_owned);
            if let (Some(held), Some(refused)) = (mirror, next.signed()) {
                self.keep(&between(&held, refused, &self.key), now_s);
            }
            return Err(Refused::Inconsistent);
        }
        let (line, whole) = by.cosign(next.signed().unwrap_or_default(), now_s)?;
        self.records.write(WITNESSED, &whole)?;
        (self.standing, self.witnessed) = (Standing::Seen(next), Some(whole));
        Ok(line)
    }

    fn keep(&mut self, evidence: &Evidence, now_s: u64) {
        if let Err(error) = self.shelf.keep(&mut self.records, evidence, now_s) {
            tracing::error!(%error, "evidence against a log could not be kept");
        }
    }
}

/// The evidence of two checkpoints that are known not to belong together.
fn between(held: &str, refused: &str, key: &VerifierKey) -> Evidence {
    let (charge, held, refused) = (Charge::Fork, held.to_owned(), refused.to_owned());
    let equivocation = Evidence::equivocation(&held, &refused, key).ok().flatten();
    equivocation.unwrap_or(Evidence { charge, held, refused })
}

fn refused(refusal: &bodywire_ledger::witness::Refusal) -> Refused {
    use bodywire_ledger::witness::Refusal;
    match refusal {
        Refusal::OldSize => Refused::Malformed("the old size is larger than the checkpoint's".to_owned()),
        Refusal::Unsigned => Refused::Unsigned,
        Refusal::Conflict { size, .. } => Refused::Size(*size),
        Refusal::Inconsistent { .. } => Refused::Inconsistent,
    }
}
