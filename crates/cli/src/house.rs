//! The secure room: who knows what. A hub's side and a clinic's side have nothing in common but what a hub's card says;
//! a demo is both on one database.

use crate::args::StateOption;
use crate::config::files::Loaded;
use crate::exit::Failure;
use crate::issuer_key;
use crate::state::{Holder, State};
use bodywire_aggregate::{Owner, PublicKey, SecretKey};
use bodywire_channels::topic::Rendezvous;
use bodywire_clinic::aggregates::WardKeys;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_sim::puf::{NOISE_TYPICAL, SramPuf};
use bodywire_store::{DatabaseKey, HubRow, Location, SensorRow, Store};
use ed25519_dalek::SigningKey;
use rand::Rng;
use std::sync::Arc;

/// The one hub of a demo, and of a house whose configuration says no other.
pub(crate) const HUB: HubId = HubId(1);
/// Pairs of each other sensor that a new one is compared with.
pub(crate) const PAIRS_COMPARED: u32 = 16;

/// Everything that was decided in the secure room of a demo.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) hub_key: SigningKey,
    pub(crate) clinic_key: SigningKey,
    pub(crate) ledger_key: SigningKey,
    pub(crate) rendezvous: Rendezvous,
    pub(crate) ward: Arc<WardKeys>,
}

impl House {
    /// Opens the house of this directory. What is missing is made: keys, tables and the hub.
    pub(crate) async fn open(state: &State) -> Result<Self, Failure> {
        let clinic = ClinicSide::open(state, None).await?;
        let hub_key = SigningKey::from_bytes(&state.secret("keys/hub")?);
        let rendezvous = state.secret("keys/rendezvous")?;
        only_hub(&clinic.store, HUB, &hub_key, rendezvous).await?;
        Ok(Self {
            store: clinic.store,
            hub_key,
            clinic_key: clinic.key,
            ledger_key: clinic.ledger_key,
            rendezvous: Rendezvous::new(rendezvous),
            ward: clinic.ward,
        })
    }
}

/// What a hub's side knows: its own key, the secret behind its topic names, its sensors and their pairs.
pub(crate) struct HubSide {
    pub(crate) hub: HubId,
    pub(crate) store: Store,
    pub(crate) key: SigningKey,
    pub(crate) rendezvous: Rendezvous,
    /// Whose certificates count at its class III sensors.
    pub(crate) issuer: Option<IssuerKey>,
}

impl HubSide {
    /// Opens the hub's side of the house that options name, and its directory.
    pub(crate) async fn of(options: &StateOption) -> Result<(State, Self), Failure> {
        let Some(file) = &options.config else {
            let state = State::open(&options.state, Holder::Hub)?;
            let side = Self::open(&state, None, None, None).await?;
            return Ok((state, side));
        };
        let loaded = Loaded::read(file)?;
        let hub = loaded.config.hub.as_ref().ok_or_else(|| loaded.missing("hub", "hub"))?;
        let state = State::open(&loaded.state(), Holder::Hub)?;
        let side = Self::open(&state, Some(hub.number), loaded.hub_database()?, Some(&loaded)).await?;
        Ok((state, side))
    }

    /// Opens the hub's side of this directory, which becomes that of hub `wanted` when it is nobody's yet. Its database is
    /// in the directory, or on a server.
    pub(crate) async fn open(
        state: &State,
        wanted: Option<HubId>,
        server: Option<Location>,
        loaded: Option<&Loaded>,
    ) -> Result<Self, Failure> {
        state.set_of_roles()?;
        // A demo has one database for both sides.
        let (file, key) = if state.is_provisioned() {
            (state.clinic_database(), "keys/database")
        } else {
            (state.hub_database(), "keys/pairs")
        };
        let location = server.unwrap_or_else(|| Location::file(file));
        let store = Store::open(&location, &DatabaseKey::new(state.secret(key)?)).await?;
        let key = SigningKey::from_bytes(&state.secret("keys/hub")?);
        let rendezvous = state.secret("keys/rendezvous")?;
        let hub = only_hub(&store, wanted.unwrap_or(HUB), &key, rendezvous).await?;
        if let Some(wanted) = wanted
            && wanted != hub
        {
            return Err(Failure::Configuration {
                what: format!("hub.number {}", wanted.0),
                why: format!("the directory {} belongs to hub {}", state.root().display(), hub.0),
                next: "name another directory in state.dir, or keep the number".to_owned(),
            });
        }
        // A hub must not open consents. Databases from before still have the keys; a demo's is the clinic's, too.
        if !state.is_provisioned() {
            store.forget_wrapping_keys(hub).await?;
        }
        let issuer = issuer_key::of_hub(state, loaded)?;
        Ok(Self { hub, store, key, rendezvous: Rendezvous::new(rendezvous), issuer })
    }

    /// Its row, with which a clinic knows it.
    pub(crate) async fn row(&self) -> Result<HubRow, Failure> {
        let rows = self.store.hubs().await?;
        let row = rows.into_iter().find(|row| row.hub == self.hub);
        row.ok_or_else(|| Failure::Failed("the hub's row has gone; report this as a defect".to_owned()))
    }

    /// Its sensors, those that were revoked, too.
    pub(crate) async fn sensors(&self) -> Result<Vec<SensorRow>, Failure> {
        let mut rows = self.store.sensors().await?;
        rows.retain(|row| row.hub == self.hub);
        Ok(rows)
    }

    /// The row of a sensor that was enrolled here.
    pub(crate) async fn sensor(&self, sensor: SensorId) -> Result<SensorRow, Failure> {
        self.sensors().await?.into_iter().find(|row| row.sensor == sensor).ok_or_else(|| {
            Failure::Configuration {
                what: format!("sensor {}", sensor.0),
                why: "it was never enrolled here".to_owned(),
                next: format!("enrol it: bodywire sensor enroll {}", sensor.0),
            }
        })
    }
}

/// The hub of a hub's database; `wanted` when it has none yet.
async fn only_hub(
    store: &Store,
    wanted: HubId,
    key: &SigningKey,
    rendezvous: [u8; 32],
) -> Result<HubId, Failure> {
    let verify_key = key.verifying_key().to_bytes();
    if let Some(row) = store.hubs().await?.into_iter().find(|row| row.verify_key == verify_key) {
        return Ok(row.hub);
    }
    store.enroll_hub(&HubRow { hub: wanted, verify_key, rendezvous }).await?;
    Ok(wanted)
}

/// The secret of the ward's aggregates.
pub(crate) const AGGREGATE_SECRET: &str = "keys/aggregate";
const AGGREGATE_PUBLIC: &str = "keys/aggregate.pub";

/// The ward's keys for sums over encrypted vital signs; made when they are not there.
pub(crate) fn ward(state: &State) -> Result<Arc<WardKeys>, Failure> {
    let fault = |error: bodywire_aggregate::Error| Failure::Failed(error.to_string());
    let owner = Owner::from_bytes(state.secret(AGGREGATE_SECRET)?);
    let public = state.kept(AGGREGATE_PUBLIC, || {
        let secret = SecretKey::from_owner(&owner).map_err(fault)?;
        Ok(PublicKey::generate(&secret, &mut rand::rng()).map_err(fault)?.to_bytes().to_vec())
    })?;
    let public = PublicKey::parse(&public).map_err(|error| Failure::Configuration {
        what: AGGREGATE_PUBLIC.to_owned(),
        why: error.to_string(),
        next: "restore it: what hubs have encrypted is under it".to_owned(),
    })?;
    Ok(Arc::new(WardKeys::new(&owner, public).map_err(fault)?))
}

/// What a clinic's side knows: its keys, and what hubs' cards have told it.
pub(crate) struct ClinicSide {
    pub(crate) store: Store,
    pub(crate) key: SigningKey,
    pub(crate) ledger_key: SigningKey,
    /// For sums over encrypted vital signs.
    pub(crate) ward: Arc<WardKeys>,
}

impl ClinicSide {
    /// Opens the clinic's side of this directory; its database may be on a server. What is missing is made.
    pub(crate) async fn open(state: &State, server: Option<Location>) -> Result<Self, Failure> {
        let database_key = DatabaseKey::new(state.secret("keys/database")?);
        let location = server.unwrap_or_else(|| Location::file(state.clinic_database()));
        Ok(Self {
            store: Store::open(&location, &database_key).await?,
            key: SigningKey::from_bytes(&state.secret("keys/clinic")?),
            ledger_key: SigningKey::from_bytes(&state.secret("keys/ledger")?),
            ward: ward(state)?,
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
