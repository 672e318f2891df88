//! Requests for access in a world, and whether what the gate does with them is what the table of [`super::people`] says.

use super::checks::Rule;
use super::people::{May, Who, Wish};
use super::trace::Actor;
use super::{Event, Phase, World, unix_ms};
use crate::agenda::Time;
use bodywire_clinic::gate::{Answer, NotAsked};
use bodywire_proto::RiskClass;
use bodywire_proto::access::{Decision, Purpose};
use bodywire_proto::wire::SensorId;
use std::time::Duration;

impl World {
    /// Somebody asks.
    pub(super) fn ask(&mut self, at: Time) {
        if self.phase != Phase::Running {
            return;
        }
        let mean = Duration::from_secs(60) / self.scenario.requests_per_minute.max(1);
        let pause = mean / 2 + self.chance.within(mean);
        self.agenda.schedule(at + pause, Event::Ask);
        let wish = self.wish();
        if let Err(text) = self.ask_for(at, &wish) {
            self.checks.violate(at, Rule::Access, text);
        }
    }

    fn wish(&mut self) -> Wish {
        let who = if self.chance.happens(0.3) {
            Who::Treating
        } else {
            self.chance.pick(&Who::ALL).copied().unwrap_or(Who::Treating)
        };
        let purposes: &[Purpose] = match who {
            Who::Patient => &[Purpose::OwnData, Purpose::OwnData, Purpose::Treatment],
            Who::Stranger => &[Purpose::Treatment, Purpose::BreakGlass, Purpose::EmergencyTreatment],
            Who::Thief => &[Purpose::Treatment, Purpose::BreakGlass],
            _ => &[Purpose::Treatment, Purpose::Treatment, Purpose::BreakGlass, Purpose::EmergencyTreatment],
        };
        let bed = u16::try_from(self.chance.below(self.beds.len() as u64)).unwrap_or(0) + 1;
        Wish {
            who,
            bed,
            class: self
                .chance
                .pick(&[RiskClass::I, RiskClass::II, RiskClass::III])
                .copied()
                .unwrap_or(RiskClass::I),
            purpose: self.chance.pick(purposes).copied().unwrap_or(Purpose::Treatment),
            wrong_patient: self.chance.happens(0.1),
        }
    }

    fn ask_for(&mut self, at: Time, wish: &Wish) -> Result<(), String> {
        let Some(gate) = self.clinic.as_ref().map(|clinic| clinic.gate.clone()) else { return Ok(()) };
        let bed = usize::from(wish.bed - 1);
        let pump = self.sensor_of(bed, RiskClass::III);
        if wish.class == RiskClass::III && pump.is_none() {
            return Ok(());
        }
        let credential = self.people.credential(wish.who).ok_or("nobody")?.clone();
        let challenge = gate.challenge(&credential);
        let asked = self.people.request(wish, pump, challenge, unix_ms(at))?;
        let answer = self.runtime.block_on(gate.ask(Some(&credential), &asked));
        let who = Actor::Person(wish.who.name());
        let told = self.beds.get(bed).is_some_and(|of| of.was_emergency);
        let may = wish.may(told);
        self.signals.count("requests for access", 1);
        let is_away = self.records_away > 0 || self.vault.lock().has_failed;
        match &answer {
            Ok(Answer { decision, recorded, .. }) => {
                let given = decision.terms().map(|terms| terms.highest);
                self.trace.note(
                    at,
                    who,
                    "asks for a bed, a class, and is given class",
                    &[u64::from(wish.bed), number(Some(wish.class)), number(given)],
                    &[],
                );
                self.signals.count(if given.is_some() { "requests granted" } else { "requests refused" }, 1);
                if let Some(entry) = recorded.entry {
                    let size = self.vault.lock().open.as_ref().map_or(0, |ledger| ledger.log.size());
                    if entry >= size {
                        return Err(format!(
                            "{wish:?} is said to be on record in entry {entry}, which is not there"
                        ));
                    }
                } else if !recorded.journalled || !is_away {
                    return Err(format!("{wish:?} was decided, and is on record nowhere"));
                }
                judge(wish, may, decision)
            }
            Err(NotAsked::Unrecorded(_)) if is_away => {
                self.trace.note(
                    at,
                    who,
                    "asks, and nothing can be put on record",
                    &[u64::from(wish.bed)],
                    &[],
                );
                if may == May::Nothing || wish.purpose != Purpose::BreakGlass {
                    Ok(())
                } else {
                    Err(format!("{wish:?} is an emergency and was not decided, since the ledger is away"))
                }
            }
            Err(error) => {
                self.trace.note(at, who, "asks, and nothing is decided", &[u64::from(wish.bed)], &[]);
                match may {
                    // What is no request is not decided at all.
                    May::Nothing | May::AtMost(_) => Ok(()),
                    May::Just(_) => Err(format!("{wish:?} was not decided: {error}")),
                }
            }
        }
    }

    fn sensor_of(&self, bed: usize, class: RiskClass) -> Option<SensorId> {
        let devices = &self.beds.get(bed)?.devices;
        devices.iter().find(|device| device.wearable.class() == class).map(|device| device.number)
    }

    /// Nobody holds class III but by a sensor's word.
    pub(super) fn look_at_grants(&mut self, at: Time) {
        if self.scenario.requests_per_minute == 0 {
            return;
        }
        let Some(gate) = self.clinic.as_ref().map(|clinic| clinic.gate.clone()) else { return };
        for who in Who::ALL {
            let Some(credential) = self.people.credential(who) else { continue };
            let rights = gate.rights(Some(credential));
            let holds = rights.beds.values().any(|bed| !bed.sensors.is_empty());
            let may = matches!(who, Who::Treating | Who::Patient | Who::Thief | Who::Replayer);
            if holds && (!may || self.consents.is_empty()) {
                let text = format!("{} holds class III, and no sensor has given it", who.name());
                self.checks.violate(at, Rule::Access, text);
            }
            if !rights.beds.is_empty() && matches!(who, Who::Revoked | Who::Expired | Who::Impostor) {
                let text = format!("{} holds a grant", who.name());
                self.checks.violate(at, Rule::Access, text);
            }
        }
    }
}

fn judge(wish: &Wish, may: May, decision: &Decision) -> Result<(), String> {
    let given = decision.terms().map(|terms| terms.highest);
    let is_right = match may {
        May::Nothing => given.is_none(),
        May::AtMost(class) => given <= Some(class),
        May::Just(class) => given == Some(class),
    };
    if is_right { Ok(()) } else { Err(format!("{wish:?} is given {given:?}, and the table says {may:?}")) }
}

const fn number(class: Option<RiskClass>) -> u64 {
    match class {
        None => 0,
        Some(RiskClass::I) => 1,
        Some(RiskClass::II) => 2,
        Some(RiskClass::III) => 3,
    }
}
