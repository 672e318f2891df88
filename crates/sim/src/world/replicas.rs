//! Replicas of the clinic's ledger: the real copies, mirrors and witnesses, on disks that lose power. What goes between is simulated:
//! a second after something was published each replica that runs has asked for it.

use super::chance::{Chance, bytes};
use super::ledger::Vault;
use super::trace::{Actor, Trace};
use crate::agenda::Time;
use bodywire_ledger::{Checkpoint, VerifierKey, witness};
use bodywire_replica::{LogCopy, MemDisks, Refused};
use ed25519_dalek::SigningKey;
use std::sync::Arc;

/// Bytes of frames that are sent at once.
const UPLOAD_BYTES: usize = 1 << 20;

struct One {
    disks: Arc<MemDisks>,
    /// Nothing: its power is off.
    copy: Option<LogCopy<Arc<MemDisks>>>,
    down: u32,
    chance: Chance,
    /// What it had vouched for when its power went: entries mirrored, and entries cosigned.
    vouched: (u64, u64),
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
            let mut one =
                One { disks: Arc::new(MemDisks::default()), copy: None, down: 0, chance, vouched: (0, 0) };
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
            if let Some(copy) = one.copy.take() {
                one.vouched = vouched_by(&copy, &self.key);
            }
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
        let knows = vouched_by(&copy, &self.key);
        if knows.0 < vouched.0 || knows.1 < vouched.1 {
            return Err(format!(
                "replica {number} has vouched for {vouched:?} entries (mirrored, cosigned), and knows of {knows:?}"
            ));
        }
        if let Some(one) = self.all.get_mut(number) {
            one.copy = Some(copy);
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
            let old = copy.witnessed().and_then(|signed| size_of(signed, &self.key)).unwrap_or(0);
            if old < ledger.log.published() {
                let body = witness::request_of(ledger.log.disk(), &self.key, old)
                    .map_err(|error| error.to_string())?;
                copy.add_checkpoint(body.as_bytes(), now_s)
                    .map_err(|error| refused("the checkpoint", &error))?;
            }
        }
        Ok(())
    }

    /// Entries that a majority has durably, and that a majority has cosigned.
    pub(super) fn vouched(&self) -> (u64, u64) {
        let sizes = |of: fn(&LogCopy<Arc<MemDisks>>) -> Option<&str>| {
            let mut sizes: Vec<u64> = self
                .all
                .iter()
                .map(|one| {
                    one.copy.as_ref().and_then(of).and_then(|signed| size_of(signed, &self.key)).unwrap_or(0)
                })
                .collect();
            sizes.sort_unstable();
            sizes.get((sizes.len().saturating_sub(1)) / 2).copied().unwrap_or(0)
        };
        (sizes(LogCopy::mirrored), sizes(LogCopy::witnessed))
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
        self.all.iter().all(|one| {
            let mirrored = one.copy.as_ref().and_then(LogCopy::mirrored);
            mirrored.and_then(|signed| size_of(signed, &self.key)) == Some(size)
        })
    }

    /// What is wrong in the end, in words.
    pub(super) fn damage(&self) -> Vec<String> {
        let mut damage = Vec::new();
        for (number, one) in self.all.iter().enumerate() {
            let Some(copy) = &one.copy else { continue };
            damage.extend(copy.damage().into_iter().map(|text| format!("replica {number}: {text}")));
            if copy.evidence().as_array().is_some_and(|evidence| !evidence.is_empty()) {
                damage.push(format!("replica {number} has evidence against an honest log"));
            }
        }
        damage
    }
}

/// Entries that one says that it has, and entries that it has cosigned.
fn vouched_by(copy: &LogCopy<Arc<MemDisks>>, key: &VerifierKey) -> (u64, u64) {
    let size = |signed: Option<&str>| signed.and_then(|signed| size_of(signed, key)).unwrap_or(0);
    (size(copy.mirrored()), size(copy.witnessed()))
}

fn size_of(signed: &str, key: &VerifierKey) -> Option<u64> {
    Checkpoint::open(signed.as_bytes(), key).ok().map(|checkpoint| checkpoint.size)
}
