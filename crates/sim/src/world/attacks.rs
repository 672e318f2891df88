//! Attackers of a world: in the air, and on a broker that they own. They know what they hear, and no key.

use super::air::STRANGERS;
use super::scenario::Attacker;
use super::trace::Actor;
use super::{Event, Phase, World};
use crate::agenda::Time;
use bodywire_hub::machine::RadioAddress;
use bodywire_paths::{Delivery, Publication};
use std::time::Duration;

/// Frames that an attacker remembers: some handshakes and a minute of records.
const OVERHEARD_KEPT: usize = 512;
/// Publications that are remembered: some seconds of a bed, and the starts of sessions among them now and then.
pub(super) const CARRIED_KEPT: usize = 256;
/// How often an attacker does something, at least and at most.
const PAUSE: (u64, u64) = (40, 700);
/// The path whose broker an attacker owns. One of them, since with more there is no threshold.
const OWNED_PATH: usize = 0;

/// A frame that was heard in the air.
#[derive(Debug, Clone)]
pub(super) struct Overheard {
    pub(super) bed: usize,
    pub(super) sensor: usize,
    pub(super) to_hub: bool,
    pub(super) bytes: Vec<u8>,
}

impl World {
    pub(super) fn overhear(&mut self, frame: Overheard) {
        if self.scenario.attackers.is_empty() {
            return;
        }
        if self.overheard.len() >= OVERHEARD_KEPT {
            self.overheard.pop_front();
        }
        self.overheard.push_back(frame);
    }

    pub(super) fn attack(&mut self, at: Time, number: usize) {
        let Some(attacker) = self.scenario.attackers.get(number).copied() else { return };
        if self.phase != Phase::Running {
            return;
        }
        let pause = Duration::from_millis(self.chance.between(PAUSE.0, PAUSE.1));
        self.agenda.schedule(at + pause, Event::Attack(number));
        self.signals.count("attacks", 1);
        match attacker {
            Attacker::AirReplayer => self.replay_air(at),
            Attacker::AirForger => self.forge_air(at),
            Attacker::AirReflector => self.reflect(at),
            Attacker::PathReplayer => self.attack_path(at, false),
            Attacker::PathForger => self.attack_path(at, true),
        }
    }

    fn heard_one(&mut self) -> Option<Overheard> {
        let index = usize::try_from(self.chance.below(self.overheard.len() as u64)).ok()?;
        self.overheard.get(index).cloned()
    }

    /// A frame of before, to where it went or to another sensor, from its own place or from another.
    fn replay_air(&mut self, at: Time) {
        let Some(Overheard { bed, sensor, to_hub, bytes }) = self.heard_one() else { return };
        self.send(at, "replayer", (bed, sensor), to_hub, bytes);
    }

    /// A changed frame, or an invented one of a kind that there is.
    fn forge_air(&mut self, at: Time) {
        let Some(Overheard { bed, sensor, to_hub, mut bytes }) = self.heard_one() else { return };
        if self.chance.happens(0.5) {
            self.chance.change(&mut bytes);
        } else {
            let kind = bytes.first().copied();
            let noise = self.chance.bytes();
            let length = usize::try_from(self.chance.between(1, 120)).unwrap_or(1);
            bytes = kind.into_iter().chain(noise.into_iter().cycle().take(length)).collect();
        }
        self.send(at, "forger", (bed, sensor), to_hub, bytes);
    }

    /// What a sensor or a hub has said comes back to it.
    fn reflect(&mut self, at: Time) {
        let Some(Overheard { bed, sensor, to_hub, bytes }) = self.heard_one() else { return };
        self.send(at, "reflector", (bed, sensor), !to_hub, bytes);
    }

    fn send(
        &mut self,
        at: Time,
        who: &'static str,
        (bed, sensor): (usize, usize),
        to_hub: bool,
        bytes: Vec<u8>,
    ) {
        self.trace.note(at, Actor::Attacker(who), "sends in the air of bed", &[bed as u64 + 1], &bytes);
        if to_hub {
            let own = self.chance.happens(0.5);
            let from = if own { STRANGERS + self.chance.below(4) } else { sensor as u64 + 1 };
            self.agenda.schedule(at, Event::AtHub { bed, from: RadioAddress(from), bytes });
        } else {
            self.agenda.schedule(at, Event::AtSensor { bed, sensor, bytes });
        }
    }

    /// The owner of a broker says something that was said before, changed or not, to everybody who listens.
    fn attack_path(&mut self, at: Time, forges: bool) {
        let own: Vec<usize> = (0..self.carried.len())
            .filter(|index| self.carried.get(*index).is_some_and(|(path, ..)| *path == OWNED_PATH))
            .collect();
        let Some(index) = self.chance.pick(&own).copied() else { return };
        let Some((path, topic, mut payload)) = self.carried.get(index).cloned() else { return };
        if forges {
            self.chance.change(&mut payload);
        }
        self.trace.note(
            at,
            Actor::Attacker("owner of a broker"),
            "says on its path",
            &[path as u64],
            &payload,
        );
        let retain = topic.ends_with("/p");
        let publication = Publication { topic, payload, delivery: Delivery::AtLeastOnce, retain };
        let Some(broker) = self.brokers.get_mut(path) else { return };
        // It speaks in nobody's name: MQTT has no sender.
        let parcels = broker.publish(publication, at);
        self.deliver(path, parcels);
    }
}
