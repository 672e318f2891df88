//! Erasure in the ledger: the database says which keys are gone; here their payloads go, too, and the log says so.
//!
//! For each key: a `key erased` entry; the payloads leave the segments; an `erasure done` entry of this copy; and one of each replica,
//! when that has cosigned the log with the `key erased` entry in it, which a replica does only after its own payloads are gone.
//! What a crash interrupts is done again, since the database keeps the key on its list until all have reported.

use crate::Error;
use crate::archive::Archive;
use crate::mirrors::MirrorView;
use bodywire_ledger::{Draft, EntryKind, KeyId, StreamId};
use bodywire_store::Store;
use std::collections::HashMap;

/// How far an erasure has got.
struct Progress {
    /// A replica that has cosigned so many entries has erased, too.
    from_size: u64,
    /// Which replicas have.
    reported: Vec<bool>,
}

/// The erasures that are under way.
#[derive(Default)]
pub(crate) struct Erasures {
    /// Entries of this clinic about its own work have a stream of their own.
    stream: Option<StreamId>,
    under_way: HashMap<KeyId, Progress>,
}

impl Erasures {
    /// Does what is to do. Returns whether entries were appended.
    pub(crate) async fn go_on(
        &mut self,
        archive: &mut Archive,
        store: &Store,
        replicas: &[MirrorView],
        now_ms: u64,
    ) -> Result<bool, Error> {
        let keys = store.erasures_to_do().await?.into_iter().map(KeyId);
        let new: Vec<KeyId> = keys.filter(|key| !self.under_way.contains_key(key)).collect();
        let stream = *self.stream.get_or_insert_with(|| StreamId(rand::random()));
        let draft = |kind, key, flags| Draft {
            kind,
            flags,
            time_ms: now_ms,
            stream,
            stream_seq: 0,
            key,
            payload: Vec::new(),
        };
        let before = archive.size();
        if !new.is_empty() {
            archive.forget(&new);
            let unsaid =
                new.iter().filter(|key| !archive.log().says_erased(key)).copied().collect::<Vec<_>>();
            archive.record(unsaid.into_iter().map(|key| draft(EntryKind::KeyErased, key, 0)).collect())?;
            let from_size = archive.size();
            let erased = tokio::task::block_in_place(|| archive.log().erase(&new))?;
            tracing::info!(
                keys = new.len(),
                payloads = erased.payloads,
                "payloads under erased keys are gone"
            );
            archive.record(new.iter().map(|key| draft(EntryKind::ErasureDone, *key, 0)).collect())?;
            for key in new {
                let reported = vec![false; replicas.len()];
                self.under_way.insert(key, Progress { from_size, reported });
            }
        }
        let mut done = Vec::new();
        let mut reports = Vec::new();
        for (key, progress) in &mut self.under_way {
            let each = progress.reported.iter_mut().zip(replicas);
            for (number, (reported, replica)) in (1u16..).zip(each) {
                if !*reported && replica.mirrored >= progress.from_size {
                    *reported = true;
                    reports.push(draft(EntryKind::ErasureDone, *key, number));
                }
            }
            if progress.reported.iter().all(|reported| *reported) {
                done.push(*key);
            }
        }
        archive.record(reports)?;
        for key in done {
            store.erasure_done(key.0, now_ms).await?;
            self.under_way.remove(&key);
        }
        Ok(archive.size() > before)
    }
}
