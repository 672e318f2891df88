//! Orders of the clinic: asks to class III sensors, and what becomes of them.

use super::{Machine, Moment, is_refused};
use crate::asks::Step;
use crate::error::Error;
use bodywire_proto::RiskClass;
use bodywire_proto::ask::Ask;
use bodywire_proto::wire::SensorId;

impl Machine {
    /// Carries out what the clinic has ordered. What is no order of today's is counted as refused: the clinic may be newer.
    pub(super) fn ordered(&mut self, at: Moment, content: &[u8]) -> Result<(), Error> {
        match Ask::from_order(content) {
            Ok((sensor, ask)) => {
                let now = (at.now, at.unix_ms);
                if let Some(refused) = self.asks.take(now, sensor, self.class_of(sensor), ask) {
                    tracing::info!(reason = refused.reason.text(), "an ask was not put before its sensor");
                    self.bedside.refused(sensor, &refused)?;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "the clinic ordered what this hub does not know");
                self.refused_if(true);
            }
        }
        Ok(())
    }

    /// Puts asks that are due before their sensors.
    pub(super) fn ask_sensors(&mut self, at: Moment) -> Result<(), Error> {
        for step in self.asks.poll(at.now) {
            match step {
                Step::Tell(sensor, ask) => self.tell(at, sensor, &ask)?,
                Step::Report(sensor, refused) => {
                    tracing::info!("a sensor does not answer what it is asked");
                    self.bedside.refused(sensor, &refused)?;
                }
            }
        }
        Ok(())
    }

    fn tell(&mut self, at: Moment, sensor: SensorId, ask: &Ask) -> Result<(), Error> {
        let (first, second) = ask.to_halves()?;
        let Some(link) = self.links.get_mut(&sensor) else { return Ok(()) };
        // Without a session there is nobody to ask yet; a sensor looks for its hub again and again.
        let told = link.tell(&first).and_then(|()| link.tell(&second));
        self.refused_if(is_refused(told));
        self.drain_link(at, sensor)
    }

    /// The class under which a sensor was enrolled here; `None` when it was not, or was revoked.
    fn class_of(&self, sensor: SensorId) -> Option<RiskClass> {
        let profile = self.config.sensors.iter().find(|profile| profile.sensor == sensor)?;
        self.links.contains_key(&sensor).then_some(profile.class)
    }
}
