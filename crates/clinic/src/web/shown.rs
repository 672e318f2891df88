//! What of a bed a session is shown. Everything that leaves the board for a screen goes through here.

use serde_json::{Value, json};

use crate::board::{AlarmView, BoardView, Event, RiskClass, SensorView, WARD};
use crate::gate::{AccessView, Rights};
use bodywire_proto::risk;

/// What else the page needs of a bed.
pub(super) struct Around {
    /// What the session's person is to the patient.
    pub(super) relation: &'static str,
    /// Number of the patient in decimal digits, for a request; only where there is a relation.
    pub(super) patient_number: Option<String>,
    /// The session's grants for this bed.
    pub(super) grants: Vec<AccessView>,
    /// What stands on the door.
    pub(super) label: String,
}

/// A bed as the session may see it.
pub(super) fn bed(view: BoardView, rights: &Rights, around: Around) -> Value {
    let number = view.bed;
    let open = number == WARD || rights.beds.contains_key(&number);
    let reach = |class, sensor| number == WARD || rights.reach(number, class_of(class), sensor);
    let detailed = number == WARD || rights.reach(number, risk::RiskClass::II, 0);
    let alarms: Vec<Value> = view.alarms.iter().filter_map(|alarm| alarm_of(number, alarm, rights)).collect();
    let numerics: Vec<_> =
        view.numerics.iter().filter(|numeric| reach(numeric.class, numeric.sensor)).collect();
    let sealed = |sensor: &&SensorView| sensor.class == RiskClass::III && !reach(sensor.class, sensor.sensor);
    let sealed: Vec<_> = view.sensors.iter().filter(sealed).filter_map(|sensor| sensor.signal).collect();
    let patient = if open { view.patient.label.as_str() } else { "" };
    json!({
        "bed": number,
        "label": around.label,
        "relation": around.relation,
        "patient_number": around.patient_number,
        "access": strongest(&around.grants),
        "grants": around.grants,
        "patient": { "bed": around.label, "label": patient },
        "numerics": numerics,
        "alarms": alarms,
        "paths": view.paths,
        "sensors": if open { json!(view.sensors) } else { json!([]) },
        "ledger": view.ledger,
        "buffer": if open { view.buffer } else { 0 },
        "correlations": if detailed { json!(view.correlations) } else { json!([]) },
        "log": if detailed { json!(view.log) } else { json!([]) },
        "late_numerics": if open { view.late_numerics } else { 0 },
        "limits": if open { json!(view.limits) } else { json!([]) },
        "pause": if open { json!(view.pause) } else { Value::Null },
        "alarm_load": if open { json!(view.alarm_load) } else { Value::Null },
        "condition": if detailed { json!(view.condition) } else { Value::Null },
        "sealed": sealed,
    })
}

/// The grant that a screen shows when there are several: the highest class, then the one that lasts longest.
pub(super) fn strongest(grants: &[AccessView]) -> Option<&AccessView> {
    grants.iter().max_by_key(|grant| (grant.class, grant.until_ms))
}

fn alarm_of(bed: u16, alarm: &AlarmView, rights: &Rights) -> Option<Value> {
    if bed == WARD || rights.reach(bed, alarm_class(alarm), 0) {
        return Some(json!(alarm));
    }
    // That there is an alarm is what calls a clinician to the bed; what it is of is data.
    rights
        .clinician
        .then(|| redacted(alarm.id.0, json!(alarm.priority), json!(alarm.state), alarm.raised_at_ms))
}

fn alarm_class(alarm: &AlarmView) -> risk::RiskClass {
    class_of(alarm.class)
}

fn redacted(id: u64, priority: Value, state: Value, raised_at_ms: u64) -> Value {
    json!({
        "id": id, "priority": priority, "state": state, "raised_at_ms": raised_at_ms, "redacted": true,
        "text": "", "condition": "", "ended_at_ms": null, "acknowledged": null, "evidence": null, "strip": false,
    })
}

/// The data of an event as the session may see it, or nothing.
pub(super) fn event(event: &Event, rights: &Rights) -> Option<String> {
    if let Some(grant) = event.only {
        return rights.grants.contains(&grant).then(|| wrapped(event.bed, &event.data));
    }
    let Some(class) = event.class else { return Some(wrapped(event.bed, &event.data)) };
    if rights.reach(event.bed, class_of(class), event.sensor) {
        return Some(wrapped(event.bed, &event.data));
    }
    if event.kind == "alarm" && rights.clinician {
        let alarm: Value = serde_json::from_str(&event.data).ok()?;
        let (id, raised) = (alarm.get("id")?.as_u64()?, alarm.get("raised_at_ms")?.as_u64()?);
        let value =
            redacted(id, alarm.get("priority")?.clone(), alarm.get("state")?.clone(), raised).to_string();
        return Some(wrapped(event.bed, &value));
    }
    None
}

fn wrapped(bed: u16, value: &str) -> String {
    format!("{{\"bed\":{bed},\"value\":{value}}}")
}

pub(super) const fn class_of(class: RiskClass) -> risk::RiskClass {
    match class {
        RiskClass::I => risk::RiskClass::I,
        RiskClass::II => risk::RiskClass::II,
        RiskClass::III => risk::RiskClass::III,
    }
}
