//! The secure room: keys are drawn, sensors are read and enrolled, hub and clinic are told of each other.

use super::state::State;
use crate::exit::Failure;
use bodywire_channels::topic::Rendezvous;
use bodywire_hub::bedside::SensorProfile;
use bodywire_hub::enrolment::{challenges, enroll};
use bodywire_hub::spool::Spool;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::{Profile, enrolled};
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::wire::{HubId, SensorId, Suite};
use bodywire_sim::puf::{NOISE_TYPICAL, SramPuf};
use bodywire_store::{DatabaseKey, HubRow, SensorRow, Store};
use ed25519_dalek::SigningKey;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use rand::Rng;

/// The one hub of the demo.
pub(super) const HUB: HubId = HubId(1);
/// Pairs enrolled for each sensor: each start of the demo uses one for each.
const PAIRS_PER_SENSOR: u32 = 256;
/// Pairs of each other sensor that a new one is compared with.
const PAIRS_COMPARED: u32 = 16;
/// What the demo's sensors speak.
const PROFILE: Profile = Profile::Hardened(Suite::Polar256);
/// A start needs one pair for each sensor, and a few when the air is bad.
const PAIRS_NEEDED: u64 = 4;

/// The five sensors of the demo's patient.
pub(super) const SENSORS: [SensorProfile; 5] = [
    SensorProfile { sensor: SensorId(1), kind: Signal::Ecg, class: RiskClass::II },
    SensorProfile { sensor: SensorId(2), kind: Signal::SpO2, class: RiskClass::II },
    SensorProfile { sensor: SensorId(3), kind: Signal::Respiration, class: RiskClass::I },
    SensorProfile { sensor: SensorId(4), kind: Signal::Temperature, class: RiskClass::I },
    SensorProfile { sensor: SensorId(5), kind: Signal::InsulinRate, class: RiskClass::III },
];

/// Everything that was decided in the secure room.
pub(super) struct Provisioned {
    pub(super) store: Store,
    pub(super) spool: Spool,
    pub(super) hub_key: SigningKey,
    pub(super) clinic_key: SigningKey,
    pub(super) ledger_key: SigningKey,
    pub(super) rendezvous: Rendezvous,
    /// Open the consents of the class III sensors; in a real house only the sensor and the clinic have them.
    pub(super) sensors: Vec<SensorRow>,
}

/// Opens what has been provisioned, and provisions first when it has not.
pub(super) async fn open(state: &State, quiet: bool) -> Result<Provisioned, Failure> {
    let fresh = !state.is_provisioned();
    if fresh {
        state.clear()?;
    }
    let hub_key = SigningKey::from_bytes(&state.secret("keys/hub")?);
    let rendezvous = state.secret("keys/rendezvous")?;
    let database_key = DatabaseKey::new(state.secret("keys/database")?);
    let store = Store::open(&state.database(), &database_key).await?;
    let spool = Spool::open(&state.spool())?;
    if fresh {
        let row = HubRow { hub: HUB, verify_key: hub_key.verifying_key().to_bytes(), rendezvous };
        store.enroll_hub(&row).await?;
        enroll_sensors(state, &store, &spool, quiet).await?;
    }
    for profile in SENSORS {
        if store.pairs().left(HUB, profile.sensor).await? < PAIRS_NEEDED {
            return Err(Failure::Configuration {
                what: format!("sensor {}", profile.sensor.0),
                why: "its challenge-response pairs are used up".to_owned(),
                next: "delete the state directory, and the sensors are enrolled anew".to_owned(),
            });
        }
    }
    let provisioned = Provisioned {
        sensors: store.sensors().await?,
        store,
        spool,
        hub_key,
        clinic_key: SigningKey::from_bytes(&state.secret("keys/clinic")?),
        ledger_key: SigningKey::from_bytes(&state.secret("keys/ledger")?),
        rendezvous: Rendezvous::new(rendezvous),
    };
    if fresh {
        state.set_provisioned()?;
    }
    Ok(provisioned)
}

/// The simulated chip of a sensor: the same silicon each time it is asked for, read with fresh noise.
pub(super) fn chip(state: &State, sensor: SensorId) -> Result<SramPuf, Failure> {
    let silicon = state.secret(&format!("chips/{}", sensor.0))?;
    Ok(SramPuf::new(silicon, NOISE_TYPICAL, rand::rng().next_u64()))
}

async fn enroll_sensors(state: &State, store: &Store, spool: &Spool, quiet: bool) -> Result<(), Failure> {
    let total = u64::from(PAIRS_PER_SENSOR) * SENSORS.len() as u64;
    let target = if quiet { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(Some(total), target);
    if let Ok(style) = ProgressStyle::with_template("  reading challenge-response pairs {bar:24} {pos}/{len}")
    {
        bar.set_style(style);
    }
    for profile in SENSORS {
        let mut puf = chip(state, profile.sensor)?;
        let (at_sensor, at_hub) = enrolled(PROFILE, profile.sensor, HUB, &mut rand::rng())?;
        let (challenges, others) =
            (challenges(&at_sensor, PAIRS_PER_SENSOR)?, store.peek_pairs(PAIRS_COMPARED).await?);
        let read = enroll(&mut puf, PROFILE, challenges, &others, |_| bar.inc(1))?;
        let row = SensorRow {
            hub: HUB,
            sensor: profile.sensor,
            kind: profile.kind,
            class: profile.class,
            profile: PROFILE,
            wrapping_key: random_key(),
            enrolled_ms: super::ward::now_ms().cast_signed(),
            quality: read.quality,
            revoked_ms: None,
        };
        store.enroll_sensor(&row, &read.pairs).await?;
        spool.save_sensor(&at_hub)?;
        state.memory(profile.sensor)?.store(at_sensor)?;
    }
    bar.finish_and_clear();
    Ok(())
}

fn random_key() -> Key {
    let mut bytes = [0u8; 32];
    rand::rng().fill_bytes(&mut bytes);
    Key::new(bytes)
}
