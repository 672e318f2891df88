//! The air between a bed's sensors and its hub.

use super::attacks::Overheard;
use super::trace::Actor;
use super::{Event, World, unix_ms};
use crate::agenda::Time;
use crate::radio::medium::{Event as RadioEvent, Medium};
use crate::sensor::Output;
use crate::world::checks::Rule;
use bodywire_hub::machine::{Heard, RadioAddress};
use std::time::Duration;

/// Addresses from here on are attackers'.
pub(super) const STRANGERS: u64 = 1_000;

impl World {
    /// A sensor looks at its clock.
    pub(super) fn sensor_tick(&mut self, at: Time, bed: usize, sensor: usize, life: usize) {
        let tick = Duration::from_millis(self.scenario.sensor_tick_ms);
        let Some(of) = self.beds.get_mut(bed) else { return };
        let is_silent = of.is_silent;
        let Some(device) = of.devices.get_mut(sensor) else { return };
        if device.lives.len() != life || is_silent {
            return;
        }
        let first = device.sensor.sessions() == 0 && !device.begun;
        let ticked = if first {
            device.begun = true;
            device.sensor.start(Duration::from(at), &mut device.chance.rng)
        } else {
            device.sensor.tick(Duration::from(at), unix_ms(at), &mut device.chance.rng)
        };
        if let Err(error) = ticked {
            let text = format!("sensor {}.{} stopped: {error}", bed + 1, sensor + 1);
            self.checks.violate(at, Rule::NothingStops, text);
        }
        self.drain_sensor(at, bed, sensor);
        self.agenda.schedule(at + tick, Event::SensorTick { bed, sensor, life });
    }

    fn drain_sensor(&mut self, at: Time, bed: usize, sensor: usize) {
        loop {
            let device = self.beds.get_mut(bed).and_then(|of| of.devices.get_mut(sensor));
            let Some((device, output)) = device.and_then(|device| {
                let output = device.sensor.poll()?;
                Some((device, output))
            }) else {
                return;
            };
            match output {
                Output::Save(record) => device.save(record),
                Output::Remember(answers) => device.remember(answers),
                Output::Send(frame) => {
                    let from = RadioAddress(sensor as u64 + 1);
                    let bytes = frame.as_bytes().to_vec();
                    self.trace.note(at, Actor::Sensor(bed, sensor), "sends", &[], &bytes);
                    self.signals.count("frames of sensors", 1);
                    self.overhear(Overheard { bed, sensor, to_hub: true, bytes: bytes.clone() });
                    self.send_to_hub(at, bed, from, bytes);
                }
            }
        }
    }

    /// Puts a frame on the air to the hub.
    fn send_to_hub(&mut self, at: Time, bed: usize, from: RadioAddress, bytes: Vec<u8>) {
        if self.on_radio(at, bed, (usize::try_from(from.0).unwrap_or(0), 0), &bytes) {
            return;
        }
        for (delay, bytes) in self.through_air(bed, false, bytes) {
            self.agenda.schedule(at + delay, Event::AtHub { bed, from, bytes });
        }
    }

    /// The hub puts a frame on the air.
    pub(super) fn send_to_sensor(&mut self, at: Time, bed: usize, to: RadioAddress, bytes: &[u8]) {
        self.trace.note(at, Actor::Hub(bed), "answers to address", &[to.0], bytes);
        self.signals.count("frames of hubs", 1);
        let sensor = usize::try_from(to.0.saturating_sub(1)).unwrap_or(usize::MAX);
        self.overhear(Overheard { bed, sensor, to_hub: false, bytes: bytes.to_vec() });
        if to.0 == 0 || to.0 >= STRANGERS {
            return;
        }
        if self.on_radio(at, bed, (0, sensor + 1), bytes) {
            return;
        }
        for (delay, bytes) in self.through_air(bed, true, bytes.to_vec()) {
            self.agenda.schedule(at + delay, Event::AtSensor { bed, sensor, bytes });
        }
    }

    /// Gives a message to the bed's radio; false when it has none. Nodes count from the hub, 0.
    fn on_radio(&mut self, at: Time, bed: usize, (from, to): (usize, usize), bytes: &[u8]) -> bool {
        let Some(medium) = self.beds.get_mut(bed).and_then(|of| of.medium.as_mut()) else { return false };
        // Longer than a message is nothing that sensors and hubs send.
        if let Err(error) = medium.send(at, from, to, bytes.to_vec(), 0) {
            self.checks.violate(at, Rule::NothingStops, format!("a radio stopped: {error}"));
        }
        self.drain_radio(at, bed);
        true
    }

    /// Lets a bed's radio go on.
    pub(super) fn radio(&mut self, at: Time, bed: usize) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        if of.radio_at != Some(at) {
            return;
        }
        of.radio_at = None;
        if let Some(medium) = &mut of.medium {
            medium.handle(at);
        }
        self.drain_radio(at, bed);
    }

    fn drain_radio(&mut self, at: Time, bed: usize) {
        while let Some(event) =
            self.beds.get_mut(bed).and_then(|of| of.medium.as_mut()).and_then(Medium::poll)
        {
            match event {
                RadioEvent::Delivered { to, from, bytes, sent_at } => {
                    self.signals.note("message through the air, ms", at.since(sent_at) as f64 / 1e6);
                    // What disturbs the air besides its own users.
                    for (_, bytes) in self.through_air(bed, from == 0, bytes) {
                        let event = if to == 0 {
                            Event::AtHub { bed, from: RadioAddress(from as u64), bytes }
                        } else {
                            Event::AtSensor { bed, sensor: to - 1, bytes }
                        };
                        self.agenda.schedule(at, event);
                    }
                }
                RadioEvent::Lost { reason, .. } => self.signals.count(reason.name(), 1),
                RadioEvent::Done { .. } => {}
            }
        }
        let Some(of) = self.beds.get_mut(bed) else { return };
        let next = of.medium.as_ref().and_then(Medium::next_timeout);
        if let Some(next) = next
            && of.radio_at.is_none_or(|planned| next < planned)
        {
            of.radio_at = Some(next);
            self.agenda.schedule(next, Event::Radio { bed });
        }
    }

    /// What becomes of a frame: nothing, or it arrives once or twice.
    fn through_air(&mut self, bed: usize, of_hub: bool, bytes: Vec<u8>) -> Vec<(Duration, Vec<u8>)> {
        let air = self.scenario.air;
        let Some(of) = self.beds.get_mut(bed) else { return Vec::new() };
        let chance = &mut of.chance;
        if of.jammed > 0 || (of_hub && of.unheard > 0) || chance.happens(air.loss) {
            self.signals.count("frames lost", 1);
            return Vec::new();
        }
        let copies = 1 + usize::from(chance.happens(air.duplicate));
        let mut arriving = Vec::with_capacity(copies);
        for _ in 0..copies {
            let mut bytes = bytes.clone();
            if chance.happens(air.lie) {
                chance.change(&mut bytes);
            }
            let delay =
                Duration::from_millis(air.delay_ms) + chance.within(Duration::from_millis(air.jitter_ms));
            arriving.push((delay, bytes));
        }
        arriving
    }

    pub(super) fn at_hub(&mut self, at: Time, bed: usize, from: RadioAddress, bytes: Vec<u8>) {
        let heard = Heard { from, bytes };
        self.with_hub(at, bed, |machine, moment, rng| machine.frame(moment, &heard, rng));
        self.turn_soon(at, bed);
    }

    pub(super) fn at_sensor(&mut self, at: Time, bed: usize, sensor: usize, bytes: &[u8]) {
        let Some(of) = self.beds.get_mut(bed) else { return };
        let is_silent = of.is_silent;
        let Some(device) = of.devices.get_mut(sensor).filter(|device| device.begun && !is_silent) else {
            return;
        };
        // What a sensor refuses it met with silence; that is no fault of the world.
        let refused =
            device.sensor.frame(Duration::from(at), unix_ms(at), bytes, &mut device.chance.rng).is_err();
        if refused {
            self.signals.count("frames refused by sensors", 1);
        }
        self.drain_sensor(at, bed, sensor);
    }
}
