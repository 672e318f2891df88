//! Clinicians' requests on their way through the hub to its class III sensors: looked at, put before the sensor again and
//! again until it answers, and answered by the hub itself when it does not. Without input or output;
//! [`crate::service`] carries orders, records and reports.
//!
//! The hub gives nothing away here: it has no key of a class III payload. It looks at the credential so that nobody wears
//! out a sensor through it.

use bodywire_proto::access::IssuerKey;
use bodywire_proto::ask::{Ask, PATIENCE, Reason, Refused, TYPE_REFUSAL, examine};
use bodywire_proto::consent::{ASKED_BYTES, Claimed, Occasion, TYPE_CONSENT};
use bodywire_proto::wire::SensorId;
use bodywire_proto::{Error, RiskClass};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How often a sensor is asked until it answers: longer than a handshake in clean air, and fifteen chances within
/// [`PATIENCE`] in bad air.
pub const ASK_PAUSE: Duration = Duration::from_secs(1);
/// Names of requests that are remembered after their answer, because the clinic repeats its orders until it has heard it.
/// More than it has open at once for the sensors of one bed.
pub const ANSWERED_REMEMBERED: usize = 64;

/// What is to be done about an ask now.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Put it before the sensor.
    Tell(SensorId, Box<Ask>),
    /// Tell the clinic that the sensor does not answer.
    Report(SensorId, Refused),
}

struct Open {
    ask: Ask,
    asked: [u8; ASKED_BYTES],
    since: Duration,
    due: Duration,
}

/// The asks that are open at a hub, one for each sensor.
pub struct Asks {
    issuer: Option<IssuerKey>,
    open: BTreeMap<SensorId, Open>,
    answered: VecDeque<[u8; ASKED_BYTES]>,
}

impl Asks {
    /// None open. Without an issuer's key every ask is refused.
    pub const fn new(issuer: Option<IssuerKey>) -> Self {
        Self { issuer, open: BTreeMap::new(), answered: VecDeque::new() }
    }

    /// Takes an ask from the clinic for a sensor of this class, `None` for one that is not here. `now_ms` is the hub's clock.
    /// Gives what to tell the clinic at once.
    pub fn take(
        &mut self,
        (now, now_ms): (Duration, u64),
        sensor: SensorId,
        class: Option<RiskClass>,
        ask: Ask,
    ) -> Option<Refused> {
        let asked = ask.asked();
        if self.answered.contains(&asked) || self.open.get(&sensor).is_some_and(|open| open.asked == asked) {
            return None;
        }
        match self.look(now_ms, sensor, class, &ask) {
            Ok(()) => {
                self.open.insert(sensor, Open { ask, asked, since: now, due: now });
                None
            }
            Err(reason) => {
                // Whoever is refused for a moment may come again.
                if reason != Reason::HubBusy {
                    self.remember(asked);
                }
                Some(Refused { asked, reason })
            }
        }
    }

    fn look(&self, now_ms: u64, sensor: SensorId, class: Option<RiskClass>, ask: &Ask) -> Result<(), Reason> {
        if class != Some(RiskClass::III) {
            return Err(Reason::NotEnrolled);
        }
        let issuer = self.issuer.as_ref().ok_or(Reason::HubWithoutIssuerKey)?;
        let (_, request) = examine::credential(ask, issuer, now_ms).map_err(|reason| match reason {
            Reason::Request => Reason::HubRequest,
            _ => Reason::HubCertificate,
        })?;
        if request.sensor != Some(sensor) {
            return Err(Reason::HubRequest);
        }
        if self.open.contains_key(&sensor) { Err(Reason::HubBusy) } else { Ok(()) }
    }

    /// What is due at `now`.
    pub fn poll(&mut self, now: Duration) -> Vec<Step> {
        let mut steps = Vec::new();
        for (sensor, open) in &mut self.open {
            if now.saturating_sub(open.since) >= PATIENCE {
                steps.push(Step::Report(*sensor, Refused { asked: open.asked, reason: Reason::Silent }));
            } else if now >= open.due {
                open.due = now + ASK_PAUSE;
                steps.push(Step::Tell(*sensor, Box::new(open.ask)));
            }
        }
        for step in &steps {
            if let Step::Report(sensor, _) = step {
                self.close(*sensor);
            }
        }
        steps
    }

    /// When to call [`Self::poll`].
    pub fn next_timeout(&self) -> Option<Duration> {
        self.open.values().map(|open| open.due.min(open.since + PATIENCE)).min()
    }

    /// Looks at what a sensor has sealed in a record, which may be an answer. False for a refusal of what was not asked, or
    /// whose first copy has come already: it is not to be reported.
    ///
    /// # Errors
    /// [`Error::Malformed`] for what says that it is an answer and is none.
    pub fn hear(&mut self, sensor: SensorId, payload: &[u8]) -> Result<bool, Error> {
        let (asked, always) = match payload.first() {
            Some(&TYPE_CONSENT) => match Claimed::parse(payload)?.occasion {
                Occasion::Request(asked) => (asked, true),
                Occasion::Emergency => return Ok(true),
            },
            Some(&TYPE_REFUSAL) => (Refused::from_payload(payload)?.asked, false),
            _ => return Ok(true),
        };
        let is_open = self.open.get(&sensor).is_some_and(|open| open.asked == asked);
        if is_open {
            self.close(sensor);
        }
        Ok(is_open || always)
    }

    fn close(&mut self, sensor: SensorId) {
        if let Some(open) = self.open.remove(&sensor) {
            self.remember(open.asked);
        }
    }

    fn remember(&mut self, asked: [u8; ASKED_BYTES]) {
        self.answered.push_back(asked);
        while self.answered.len() > ANSWERED_REMEMBERED {
            self.answered.pop_front();
        }
    }
}

#[cfg(test)]
mod tests;
