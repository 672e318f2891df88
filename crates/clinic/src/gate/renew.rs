//! Renewing what the gate knows from the database. While that is away the gate goes on with what it knew.

use super::Gate;
use super::directory::{BedPlace, Directory, SensorPlace};
use crate::board::Priority;
use crate::limits::{Changed, LIMITED, Limit};
use bodywire_proto::access::{Bed, PatientNumber};
use bodywire_proto::observation::Signal as Measured;
use bodywire_proto::wire::HubId;
use bodywire_store::{LimitRow, Store};
use std::collections::BTreeMap;

/// What stands on doors, by hub; a hub without one has its number.
pub type Doors = BTreeMap<HubId, String>;

impl Gate {
    /// Reads people, relations, policies, beds and limits.
    ///
    /// # Errors
    /// When the database fails: then nothing has changed.
    pub async fn renew(&self, store: &Store, doors: &Doors) -> Result<(), bodywire_store::Error> {
        let now_ms = self.now_ms();
        let mut directory = Directory::default();
        for row in store.people().await? {
            directory.names.insert(row.person, row.name);
        }
        for row in store.relations(now_ms).await? {
            directory.relations.insert((row.person, PatientNumber(row.patient.0)), row.relation);
        }
        for (patient, policy) in store.access_policies().await? {
            directory.policies.insert(PatientNumber(patient.0), policy);
        }
        let attributes: BTreeMap<u64, String> = store
            .patients()
            .await?
            .into_iter()
            .filter_map(|row| Some((row.patient.0, label_of(&row.attributes?)?)))
            .collect();
        for hub in store.hubs().await? {
            let patient = store.patient_at(hub.hub).await?;
            let label = doors.get(&hub.hub).cloned().unwrap_or_else(|| hub.hub.0.to_string());
            let patient_label =
                patient.and_then(|patient| attributes.get(&patient.0).cloned()).unwrap_or_default();
            let patient = patient.map(|patient| PatientNumber(patient.0));
            let place = BedPlace { label, patient_label, patient, sensors: BTreeMap::new() };
            directory.beds.insert(Bed(hub.hub.0), place);
        }
        for row in store.sensors().await?.into_iter().filter(|row| row.revoked_ms.is_none()) {
            if let Some(place) = directory.beds.get_mut(&Bed(row.hub.0)) {
                let name = format!("{}-{}", row.kind.name(), row.sensor.0);
                place.sensors.insert(row.sensor, SensorPlace { class: row.class, name });
            }
        }
        for bed in directory.beds.keys() {
            self.take_limits(*bed, &store.limits(HubId(bed.0)).await?, &directory, now_ms);
        }
        self.set_directory(directory);
        Ok(())
    }

    fn take_limits(&self, bed: Bed, rows: &[LimitRow], directory: &Directory, now_ms: u64) {
        let board = self.inner.board.at(bed.0);
        for signal in LIMITED {
            let row = rows.iter().find(|row| shown_as(row.signal) == Some(signal));
            let set = row.and_then(|row| {
                let priority = priority_of(row.priority)?;
                let limit = Limit { signal, low: row.low, high: row.high, priority, enabled: row.enabled };
                let changed = Changed { who: directory.name(row.changed_by), at_ms: row.changed_ms };
                Some((limit.check().ok()?, Some(changed)))
            });
            if let Some((limit, changed)) = set.or_else(|| Some((Limit::default_of(signal)?, None))) {
                board.set_limit(limit, changed, now_ms);
            }
        }
    }

    /// Takes other limits of a bed's signal: into the database, and onto the board, which watches them.
    pub(crate) async fn set_limit(
        &self,
        bed: Bed,
        limit: Limit,
        by: bodywire_proto::access::Person,
    ) -> Result<(), String> {
        let away = || "the database is away: the limit stays as it was; try again".to_owned();
        let store = self.database().ok_or_else(away)?;
        let Some(signal) = measured_as(limit.signal) else { return Err("has no limits".to_owned()) };
        let changed_ms = self.now_ms();
        let row = LimitRow {
            hub: HubId(bed.0),
            signal,
            low: limit.low,
            high: limit.high,
            priority: limit.priority as u8,
            enabled: limit.enabled,
            changed_by: by,
            changed_ms,
        };
        store.put_limit(&row).await.map_err(|error| {
            tracing::error!(%error, "a limit could not be kept");
            away()
        })?;
        let changed = Changed { who: self.name(by), at_ms: changed_ms };
        self.inner.board.at(bed.0).set_limit(limit, Some(changed), changed_ms);
        Ok(())
    }
}

/// What the screen calls a patient, of the attributes that were given at the admission: the field `label` of a JSON object, or
/// the text itself.
fn label_of(attributes: &[u8]) -> Option<String> {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(attributes) {
        return value.get("label").and_then(serde_json::Value::as_str).map(str::to_owned);
    }
    std::str::from_utf8(attributes).ok().map(str::to_owned)
}

const fn priority_of(code: u8) -> Option<Priority> {
    match code {
        1 => Some(Priority::Low),
        2 => Some(Priority::Medium),
        3 => Some(Priority::High),
        _ => None,
    }
}

const fn measured_as(signal: crate::board::Signal) -> Option<Measured> {
    use crate::board::Signal;
    match signal {
        Signal::HeartRate => Some(Measured::HeartRate),
        Signal::Spo2 => Some(Measured::SpO2),
        Signal::Resp => Some(Measured::Respiration),
        Signal::Temp => Some(Measured::Temperature),
        Signal::Ecg | Signal::PumpRate | Signal::Pleth => None,
    }
}

fn shown_as(signal: Measured) -> Option<crate::board::Signal> {
    LIMITED.into_iter().find(|shown| measured_as(*shown) == Some(signal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn priorities_keep_their_codes_in_the_database() {
        for priority in [Priority::Low, Priority::Medium, Priority::High] {
            assert_eq!(priority_of(priority as u8), Some(priority));
        }
        assert_eq!(priority_of(Priority::Technical as u8), None);
    }
}
