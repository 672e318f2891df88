//! A log that is held: its book behind a lock, and what readers are shown without it.

use crate::answer::Refused;
use crate::book::{Book, Standing};
use crate::disks::{Disks, Part};
use crate::holding::Holding;
use crate::service::Error;
use crate::status::{LogState, PeerState, Status};
use bodywire_ledger::note::{Note, NoteSignature};
use bodywire_ledger::{Disk, Hash, VerifierKey, cosignature};
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

/// What readers are shown.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shown {
    /// With the mirror's cosignature, and the witness's where it has cosigned the same.
    pub(crate) checkpoint: Option<String>,
    /// With the witness's cosignature; before the first there is none.
    pub(crate) witnessed: Option<String>,
}

/// What the last look at all bytes has found.
#[derive(Debug, Clone, Default)]
pub(crate) struct Health {
    /// For people.
    pub(crate) damaged: Vec<String>,
    /// Files that are not served.
    pub(crate) files: HashSet<String>,
    pub(crate) looked_at: Option<u64>,
}

/// A log.
pub(crate) struct Held<S: Disks> {
    /// SHA-256 of its name, in hexadecimal.
    pub(crate) hash: String,
    pub(crate) key: VerifierKey,
    pub(crate) disks: Arc<S>,
    book: Mutex<Book<S>>,
    repairing: AtomicBool,
    shown: RwLock<Shown>,
    health: Mutex<Health>,
}

/// A lock that a panic has left is taken all the same: the mirror stops by itself when a disk call was interrupted.
fn lock<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<S: Disks> Held<S> {
    /// Reads what is there.
    pub(crate) fn open(disks: Arc<S>, hash: String, key: VerifierKey) -> Result<Self, Error> {
        let book = Book::open(&*disks, &hash, key.clone())?;
        let held = Self {
            hash,
            key,
            disks,
            shown: RwLock::new(shown(&book)),
            book: Mutex::new(book),
            repairing: AtomicBool::new(false),
            health: Mutex::default(),
        };
        Ok(held)
    }

    /// Does something with the book, on a thread that may wait for the disk.
    pub(crate) async fn with<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&mut Book<S>) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, Refused> {
        if self.repairing.load(Ordering::Acquire) {
            return Err(Refused::Unfit("the copy is being repaired; ask another replica".to_owned()));
        }
        let held = Arc::clone(self);
        let done = tokio::task::spawn_blocking(move || held.locked(work)).await;
        done.unwrap_or_else(|_| Err(Refused::Unfit("this replica has a defect".to_owned())))
    }

    /// Does something with the book on this thread.
    pub(crate) fn locked<T>(&self, work: impl FnOnce(&mut Book<S>) -> T) -> T {
        let mut book = lock(&self.book);
        let done = work(&mut book);
        let now = shown(&book);
        *self.shown.write().unwrap_or_else(PoisonError::into_inner) = now;
        done
    }

    /// The same, while requests are turned away instead of waiting.
    pub(crate) fn repairing<T>(&self, work: impl FnOnce(&mut Book<S>) -> T) -> T {
        self.repairing.store(true, Ordering::Release);
        let done = self.locked(work);
        self.repairing.store(false, Ordering::Release);
        done
    }

    /// What readers are shown.
    pub(crate) fn shown(&self) -> Shown {
        self.shown.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the last look has found.
    pub(crate) fn health(&self) -> Health {
        lock(&self.health).clone()
    }

    pub(crate) fn set_health(&self, health: Health) {
        *lock(&self.health) = health;
    }

    /// A published file, unless it is known to be damaged.
    pub(crate) async fn published(self: &Arc<Self>, path: String) -> Result<Vec<u8>, Refused> {
        if lock(&self.health).files.contains(&path) {
            return Err(Refused::Unfit("this file is damaged here; ask another replica".to_owned()));
        }
        let held = Arc::clone(self);
        let read =
            tokio::task::spawn_blocking(move || held.disks.readable(&held.hash, Part::Copy).read_all(&path));
        match read.await {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Err(Refused::Unknown),
            _ => Err(Refused::Unfit("this file cannot be read here; ask another replica".to_owned())),
        }
    }

    /// How the log is held.
    pub(crate) fn status(&self, book: &Book<S>, peers: Vec<PeerState>) -> Status {
        let health = self.health();
        let (state, why, size, root) = match &book.copy {
            Holding::NotBegun => (LogState::NotBegun, None, 0, Hash::empty_root()),
            Holding::Open(mirror) => (LogState::Serving, None, mirror.size(), mirror.root()),
            Holding::Damaged(why) => (LogState::Damaged, Some(why.clone()), 0, Hash::empty_root()),
            Holding::InRepair => (LogState::InRepair, None, 0, Hash::empty_root()),
        };
        let (witnessed, retired) = match &book.standing {
            Standing::Seen(seen) => (book.witnessed.as_ref().map(|_| seen.size()), None),
            Standing::Retired(why) => (None, Some((*why).to_owned())),
        };
        let size_of = |signed: &String| {
            bodywire_ledger::Checkpoint::open(signed.as_bytes(), &self.key).ok().map(|head| head.size)
        };
        Status {
            state,
            why,
            size,
            root: root.to_string(),
            mirrored: book.mirrored.as_ref().and_then(size_of),
            witnessed,
            retired,
            evidence: book.shelf.count(),
            damaged: health.damaged,
            looked_at: health.looked_at,
            peers,
        }
    }
}

/// Joins the two cosignatures where they are over the same text.
fn shown<S: Disks>(book: &Book<S>) -> Shown {
    let note = |signed: &Option<String>| signed.as_ref().and_then(|text| Note::parse(text.as_bytes()).ok());
    let (mirrored, witnessed) = (note(&book.mirrored), note(&book.witnessed));
    // Before its first cosignature the witness keeps the checkpoint of size 0 without one.
    let cosigned = |note: &Note| note.signatures().iter().any(|line| !book.key.is_of(line));
    let witnessed = witnessed.filter(cosigned);
    let checkpoint = match (&mirrored, &witnessed) {
        (Some(mirror), Some(witness)) if mirror.text() == witness.text() => {
            let others = witness.signatures().iter().filter(|line| !book.key.is_of(line));
            let lines: String = others.map(NoteSignature::to_string).collect();
            book.mirrored.as_ref().and_then(|signed| cosignature::attach(signed, &lines).ok())
        }
        _ => book.mirrored.clone(),
    };
    Shown { checkpoint, witnessed: witnessed.and(book.witnessed.clone()) }
}
