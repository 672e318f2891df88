//! Replicas of the clinic's ledger: the real copies, mirrors and witnesses, on disks that lose power. What goes between is simulated:
//! a second after something was published each replica that runs has asked for it.

use super::chance::{Chance, bytes};
use super::ledger::Vault;
use super::trace::{Actor, Trace};
use crate::agenda::Time;
use bodywire_ledger::{Checkpoint, VerifierKey, witness};
use bodywire_replica::{LogCopy, MemDisks, Refused};
use ed25519_dalek::SigningKey;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes of frames that are sent at once.
const UPLOAD_BYTES: usize = 1 << 20;

struct One {
    disks: Arc<MemDisks>,
    /// Nothing: its power is off.
    copy: Option<LogCopy<Arc<MemDisks>>>,
    down: u32,
    chance: Chance,
    /// Entries that its mirror and its witness have cosigned.
    mirrored: u64,
    witnessed: u64,
    /// The same when its power went.
    vouched: (u64, u64),
    /// It was shown another history of the log.
    deceived: bool,
}

impl One {
    fn look(&mut self, key: &VerifierKey) {
        let copy = self.copy.as_ref();
        self.mirrored = copy.and_then(LogCopy::mirrored).and_then(|signed| size_of(signed, key)).unwrap_or(0);
        self.witnessed =
            copy.and_then(LogCopy::witnessed).and_then(|signed| size_of(signed, key)).unwrap_or(0);
    }
}

impl One {
    fn show_another_history(
        &mut self,
        now_s: u64,
        older: &BTreeMap<String, Vec<u8>>,
        vault: &Vault,
        key: &VerifierKey,
    ) -> Result<(), String> {
        let Self { copy: Some(copy), chance, deceived, witnessed, .. } = self else { return Ok(()) };
        let text = |error: &bodywire_ledger::Error| error.to_string();
        // A copy that has nothing yet, or is damaged, has no history to compare with.
        let Ok(has) = copy.size() else { return Ok(()) };
        let mut another = |size| vault.another_history(older, size, chance);
        if let Some(log) = another(has).map_err(|error| text(&error))? {
            let (frame, before) = (log.frame(has).map_err(|error| text(&error))?, pieces(copy));
            *deceived = true;
            match copy.add_frames(has, &frame, now_s) {
                Err(Refused::Inconsistent) if pieces(copy) > before => {}
                said => return Err(format!("the mirror was shown another history and said {said:?}")),
            }
        }
        if let Some(log) = another(*witnessed).map_err(|error| text(&error))? {
            let body = witness::request_of(log.disk(), key, *witnessed).map_err(|error| text(&error))?;
            let before = pieces(copy);
            *deceived = true;
            match copy.add_checkpoint(body.as_bytes(), now_s) {
                Err(Refused::Inconsistent) if pieces(copy) > before => {}
                said => return Err(format!("the witness was shown another history and said {said:?}")),
            }
        }
        Ok(())
    }
}

/// Pieces of evidence that a copy has against its log.
fn pieces<S: bodywire_replica::Disks>(copy: &LogCopy<S>) -> usize {
    copy.evidence().as_array().map_or(0, Vec::len)
}

/// All replicas.
pub(super) struct Replicas {
    all: Vec<One>,
    seed: u64,
    key: VerifierKey,
}

impl Replicas {
    pub(super) fn new(seed: u64, count: u8, key: VerifierKey) -> Result<Self, String> {
        let mut replicas = Self { all: Vec::new(), seed, key };
        for number in 0..usize::from(count) {
            let chance = Chance::new(seed, &format!("replica {number}"));
            let disks = Arc::new(MemDisks::default());
            let mut one = One {
                disks,
                copy: None,
                down: 0,
                chance,
                mirrored: 0,
                witnessed: 0,
                vouched: (0, 0),
                deceived: false,
            };
            one.copy = Some(replicas.open(number, &one.disks)?);
            replicas.all.push(one);
        }
        Ok(replicas)
    }

    fn open(&self, number: usize, disks: &Arc<MemDisks>) -> Result<LogCopy<Arc<MemDisks>>, String> {
        let key = |of: &str| SigningKey::from_bytes(&bytes(self.seed, &format!("{of} {number}")));
        let name = format!("replica-{number}.example");
        LogCopy::open(&name, key("witness"), key("mirror"), self.key.clone(), Arc::clone(disks))
            .map_err(|error| error.to_string())
    }

    /// The power of one goes.
    pub(super) fn crash(&mut self, number: usize) {
        if let Some(one) = self.all.get_mut(number) {
            one.down += 1;
            if one.copy.take().is_some() {
                one.vouched = (one.mirrored, one.witnessed);
            }
            (one.mirrored, one.witnessed) = (0, 0);
            let seed = one.chance.below(u64::MAX);
            one.disks = Arc::new(one.disks.power_cut(seed));
        }
    }

    /// It comes back.
    pub(super) fn boot(&mut self, number: usize) -> Result<(), String> {
        let Some(one) = self.all.get_mut(number) else { return Ok(()) };
        one.down = one.down.saturating_sub(1);
        if one.down > 0 || one.copy.is_some() {
            return Ok(());
        }
        let (disks, vouched) = (Arc::clone(&one.disks), one.vouched);
        let copy = self.open(number, &disks)?;
        if let Some(why) = copy.retired() {
            return Err(format!("replica {number} has lost what it cosigned: {why}"));
        }
        let size = |signed: Option<&str>| signed.and_then(|signed| size_of(signed, &self.key)).unwrap_or(0);
        let knows = (size(copy.mirrored()), size(copy.witnessed()));
        if knows.0 < vouched.0 || knows.1 < vouched.1 {
            return Err(format!(
                "replica {number} has vouched for {vouched:?} entries (mirrored, cosigned), and knows of {knows:?}"
            ));
        }
        if let Some(one) = self.all.get_mut(number) {
            one.copy = Some(copy);
            one.look(&self.key);
        }
        Ok(())
    }

    /// Each takes what it does not have. The ledger is open and published.
    pub(super) fn replicate(&mut self, at: Time, vault: &Vault, trace: &mut Trace) -> Result<(), String> {
        let Some(ledger) = &vault.open else { return Ok(()) };
        let now_s = super::unix_ms(at) / 1_000;
        for (number, one) in self.all.iter_mut().enumerate() {
            let Some(copy) = &mut one.copy else { continue };
            let refused = |what: &str, error: &Refused| format!("replica {number} refuses {what}: {error}");
            let empty = ledger.log.empty_checkpoint().map_err(|error| error.to_string())?;
            copy.begin(&empty).map_err(|error| refused("the beginning", &error))?;
            let from = copy.size().map_err(|error| refused("to say its size", &error))?;
            let (mut at_entry, mut frames) = (from, Vec::new());
            while at_entry < ledger.log.published() && frames.len() < UPLOAD_BYTES {
                let frame = ledger.log.frame(at_entry).map_err(|error| error.to_string())?;
                let parsed =
                    bodywire_ledger::segment::Frame::parse(&frame).map_err(|error| error.to_string())?;
                at_entry += parsed.items.len() as u64;
                frames.extend(frame);
            }
            if at_entry > from {
                copy.add_frames(from, &frames, now_s).map_err(|error| refused("frames", &error))?;
                trace.note(at, Actor::Replica(number), "has entries", &[at_entry], &[]);
            }
            if one.witnessed < ledger.log.published() {
                let body = witness::request_of(ledger.log.disk(), &self.key, one.witnessed)
                    .map_err(|error| error.to_string())?;
                copy.add_checkpoint(body.as_bytes(), now_s)
                    .map_err(|error| refused("the checkpoint", &error))?;
                one.look(&self.key);
            }
        }
        Ok(())
    }

    /// Shows each another history than that which it has, first to the mirror and then to the witness. What is wrong with what they
    /// said, in words.
    pub(super) fn show_another_history(
        &mut self,
        at: Time,
        older: &BTreeMap<String, Vec<u8>>,
        vault: &Vault,
    ) -> Vec<String> {
        let mut wrong = Vec::new();
        for (number, one) in self.all.iter_mut().enumerate() {
            let shown = one.show_another_history(super::unix_ms(at) / 1_000, older, vault, &self.key);
            wrong.extend(shown.err().map(|text| format!("replica {number}: {text}")));
        }
        wrong
    }

    /// Entries that a majority has durably, and that a majority has cosigned.
    pub(super) fn vouched(&self) -> (u64, u64) {
        let sizes = |of: fn(&One) -> u64| {
            let mut sizes: Vec<u64> = self.all.iter().map(of).collect();
            sizes.sort_unstable();
            sizes.get((sizes.len().saturating_sub(1)) / 2).copied().unwrap_or(0)
        };
        (sizes(|one| one.mirrored), sizes(|one| one.witnessed))
    }

    /// The furthest checkpoint that a replica has seen.
    pub(super) fn witnessed(&self) -> Option<Checkpoint> {
        self.all
            .iter()
            .filter_map(|one| one.copy.as_ref()?.witnessed())
            .filter_map(|signed| Checkpoint::open(signed.as_bytes(), &self.key).ok())
            .max_by_key(|checkpoint| checkpoint.size)
    }

    /// Whether every replica has everything.
    pub(super) fn have_all(&self, vault: &Vault) -> bool {
        let Some(ledger) = &vault.open else { return false };
        let size = ledger.log.size();
        self.all.iter().all(|one| one.copy.is_some() && one.mirrored == size)
    }

    /// What is wrong in the end, in words.
    pub(super) fn damage(&self) -> Vec<String> {
        let mut damage = Vec::new();
        for (number, one) in self.all.iter().enumerate() {
            let Some(copy) = &one.copy else { continue };
            damage.extend(copy.damage().into_iter().map(|text| format!("replica {number}: {text}")));
            if !one.deceived && pieces(copy) > 0 {
                damage.push(format!("replica {number} has evidence against an honest log"));
            }
        }
        damage
    }
}

fn size_of(signed: &str, key: &VerifierKey) -> Option<u64> {
    Checkpoint::open(signed.as_bytes(), key).ok().map(|checkpoint| checkpoint.size)
}
