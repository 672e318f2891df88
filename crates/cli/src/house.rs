//! The secure room: the keys of a house, its database and the hub's row in it.

use crate::exit::Failure;
use crate::state::State;
use bodywire_channels::topic::Rendezvous;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_sim::puf::{NOISE_TYPICAL, SramPuf};
use bodywire_store::{DatabaseKey, HubRow, SensorRow, Store};
use ed25519_dalek::SigningKey;
use rand::Rng;

/// The one hub of a house.
pub(crate) const HUB: HubId = HubId(1);
/// Pairs of each other sensor that a new one is compared with.
pub(crate) const PAIRS_COMPARED: u32 = 16;

/// Everything that was decided in the secure room.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) hub_key: SigningKey,
    pub(crate) clinic_key: SigningKey,
    pub(crate) ledger_key: SigningKey,
    pub(crate) rendezvous: Rendezvous,
}

impl House {
    /// Opens the house of this directory. What is missing is made: keys, tables and the hub.
    pub(crate) async fn open(state: &State) -> Result<Self, Failure> {
        let hub_key = SigningKey::from_bytes(&state.secret("keys/hub")?);
        let rendezvous = state.secret("keys/rendezvous")?;
        let database_key = DatabaseKey::new(state.secret("keys/database")?);
        let store = Store::open(&state.database(), &database_key).await?;
        if store.hubs().await?.iter().all(|row| row.hub != HUB) {
            let row = HubRow { hub: HUB, verify_key: hub_key.verifying_key().to_bytes(), rendezvous };
            store.enroll_hub(&row).await?;
        }
        Ok(Self {
            store,
            hub_key,
            clinic_key: SigningKey::from_bytes(&state.secret("keys/clinic")?),
            ledger_key: SigningKey::from_bytes(&state.secret("keys/ledger")?),
            rendezvous: Rendezvous::new(rendezvous),
        })
    }

    /// The row of a sensor that was enrolled here.
    pub(crate) async fn sensor(&self, sensor: SensorId) -> Result<SensorRow, Failure> {
        let rows = self.store.sensors().await?;
        rows.into_iter().find(|row| row.hub == HUB && row.sensor == sensor).ok_or_else(|| {
            Failure::Configuration {
                what: format!("sensor {}", sensor.0),
                why: "it was never enrolled here".to_owned(),
                next: format!("enrol it: bodywire sensor enroll {}", sensor.0),
            }
        })
    }
}

/// The simulated chip of a sensor: the same silicon each time it is asked for, read with fresh noise.
pub(crate) fn chip(state: &State, sensor: SensorId) -> Result<SramPuf, Failure> {
    Ok(SramPuf::new(silicon(state, sensor)?, NOISE_TYPICAL, rand::rng().next_u64()))
}

/// What makes a sensor's simulated chip this one.
pub(crate) fn silicon(state: &State, sensor: SensorId) -> Result<[u8; 32], Failure> {
    state.secret(&format!("chips/{}", sensor.0))
}

/// Fresh secret bytes.
pub(crate) fn draw() -> [u8; 32] {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}
