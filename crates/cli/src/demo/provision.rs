//! The five sensors of the demo, enrolled when it is started for the first time.

use super::people;
use crate::exit::Failure;
use crate::house::{self, HUB, House, PAIRS_COMPARED};
use crate::now_ms;
use crate::state::State;
use bodywire_hub::bedside::SensorProfile;
use bodywire_hub::enrolment::{challenges, enroll};
use bodywire_hub::spool::Spool;
use bodywire_proto::RiskClass;
use bodywire_proto::handshake::{Profile, enrolled};
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::wire::{SensorId, Suite};
use bodywire_store::{SensorRow, Store};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Pairs enrolled for each sensor: each start of the demo uses one for each.
const PAIRS_PER_SENSOR: u32 = 256;
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

/// A house with its five sensors.
pub(super) struct Provisioned {
    pub(super) house: House,
    pub(super) spool: Spool,
    /// Open the consents of the class III sensors; in a real house only the sensor and the clinic have them.
    pub(super) sensors: Vec<SensorRow>,
}

/// Opens what has been provisioned, and provisions first when it has not.
pub(super) async fn open(state: &State, quiet: bool) -> Result<Provisioned, Failure> {
    let fresh = !state.is_provisioned();
    if fresh {
        state.clear()?;
    }
    let house = House::open(state).await?;
    let spool = Spool::open(&state.spool())?;
    let store = &house.store;
    if fresh {
        enroll_sensors(state, store, &spool, quiet).await?;
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
    people::settle(store).await?;
    let sensors = store.sensors().await?;
    if fresh {
        state.set_provisioned()?;
    }
    Ok(Provisioned { house, spool, sensors })
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
        let mut puf = house::chip(state, profile.sensor)?;
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
            wrapping_key: (profile.class == RiskClass::III).then(|| Key::new(house::draw())),
            enrolled_ms: now_ms().cast_signed(),
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
