//! The gate of a clinic that runs: made from what its directory says, and kept up to date with the database.

use super::revocation::LIST;
use crate::exit::Failure;
use crate::state::State;
use crate::{house, now_ms};
use bodywire_clinic::board::Board;
use bodywire_clinic::gate::journal::Journal;
use bodywire_clinic::gate::{Doors, Gate, Parts};
use bodywire_store::Store;
use ed25519_dalek::SigningKey;
use std::path::Path;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How often a gate looks what the database and the revocation list say: a relation that was taken back must not open a bed
/// for long.
const RENEWED_EVERY: Duration = Duration::from_secs(2);

/// The gate of the clinic in this directory. Without an issuer nobody has a certificate, and every bed stays closed.
pub(crate) fn open(state: &State, board: &Board, clinic_key: &SigningKey) -> Result<Gate, Failure> {
    let issuers = state.issuer()?.into_iter().collect();
    let path = state.access_journal();
    let journal = Journal::open(&path, clinic_key.clone()).map_err(Failure::state(&path))?;
    let parts = Parts { board: board.clone(), issuers, journal, clock: now_ms, random: house::draw };
    Ok(Gate::new(parts))
}

/// Keeps a gate up to date until `stop` turns true.
pub(crate) async fn keep(
    gate: &Gate,
    state: &State,
    store: Store,
    doors: Doors,
    stop: watch::Receiver<bool>,
) -> Result<[JoinHandle<()>; 2], Failure> {
    gate.renew(&store, &doors).await?;
    let list = state.root().join(LIST);
    take_list(gate, &list);
    let ticking = tokio::spawn(gate.clone().run(stop.clone()));
    let gate = gate.clone();
    let mut stop = stop;
    let renewing = tokio::spawn(async move {
        let mut said = false;
        while !*stop.borrow() {
            tokio::select! {
                () = tokio::time::sleep(RENEWED_EVERY) => {}
                _ = stop.changed() => continue,
            }
            match gate.renew(&store, &doors).await {
                Ok(()) => said = false,
                Err(error) => {
                    if !said {
                        tracing::warn!(%error, "the gate goes on with the lists that it knew");
                    }
                    said = true;
                }
            }
            take_list(&gate, &list);
        }
    });
    Ok([ticking, renewing])
}

/// Takes the revocation list, when there is one.
fn take_list(gate: &Gate, path: &Path) {
    let Ok(bytes) = std::fs::read(path) else { return };
    if let Err(why) = gate.set_revocations(&bytes) {
        tracing::warn!(%why, "the revocation list is not taken");
    }
}
