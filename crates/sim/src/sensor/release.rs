//! To whom a class III sensor gives its data key, and for how long (paper B, Algorithm 3, level III). Without input or
//! output: [`super::Sensor`] carries the records.

use super::answers::{Answer, Answers, Grant};
use bodywire_proto::Error;
use bodywire_proto::access::IssuerKey;
use bodywire_proto::ask::{Ask, Halves, PATIENCE, Reason, Refused, examine};
use bodywire_proto::consent::{self, CONSENT_BYTES, DataKey, Occasion, Sealer};
use bodywire_proto::prf::Key;
use bodywire_proto::wire::SensorId;
use rand_core::CryptoRng;
use std::time::Duration;

/// How long the key of a session is released for emergencies, in milliseconds: two sessions, so that what the last one left
/// in a spool can still be opened.
const EMERGENCY_MS: u64 = 24 * 60 * 60 * 1_000;
/// How often a consent is sent in a session, and the pause between: nobody acknowledges it, and at 30 % loss four times
/// fail in one of a hundred sessions. The hub reports it once.
const CONSENT_TIMES: u32 = 4;
const CONSENT_PAUSE: Duration = Duration::from_secs(2);

/// What the wearer of a sensor says to a request that is in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wearer {
    /// Gives the key.
    Agrees,
    /// Does not.
    Declines,
}

/// What a class III sensor was told when it was enrolled, and what its wearer wants.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// Whose certificates count. Without it every request is refused.
    pub issuer: Option<IssuerKey>,
    /// What the wearer says.
    pub wearer: Wearer,
    /// Whether the key is released for detected emergencies without being asked for.
    pub emergency_consent: bool,
}

impl Rule {
    /// A sensor that nobody can ask.
    pub const NOBODY: Self = Self { issuer: None, wearer: Wearer::Declines, emergency_consent: false };
}

/// What is to be done about a record with an ask.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing: it is half an ask, or its answer is on the way.
    Wait,
    /// Say why not.
    Refuse(Refused),
    /// Say again what was given in this session.
    Again([u8; CONSENT_BYTES]),
    /// Remember this, and authenticate anew; the consent follows in the new session.
    BeginAnew,
}

/// The data key of a class III sensor: seals with it, and gives it away.
pub struct Release {
    wrapping: Key,
    rule: Rule,
    halves: Halves,
    answers: Answers,
    running: Option<Running>,
}

/// One session.
struct Running {
    sealer: Sealer,
    key: DataKey,
    session: u32,
    /// The latest end of what was given in it for requests.
    released_until_ms: Option<u64>,
    consents: Vec<[u8; CONSENT_BYTES]>,
    times: u32,
    due: Duration,
}

impl Release {
    /// A sensor that shares `wrapping` with the clinic.
    pub fn new(wrapping: Key, rule: Rule) -> Self {
        Self { wrapping, rule, halves: Halves::default(), answers: Answers::default(), running: None }
    }

    /// With what it has remembered ([`super::Output::Remember`]).
    ///
    /// # Errors
    /// [`Error::Malformed`] for bytes that it has not written.
    pub fn with_memory(self, bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self { answers: Answers::from_bytes(bytes)?, ..self })
    }

    /// What it has to remember through a restart.
    pub(super) fn memory(&self) -> Vec<u8> {
        self.answers.to_bytes()
    }

    pub(super) const fn set_wearer(&mut self, wearer: Wearer) {
        self.rule.wearer = wearer;
    }

    /// Takes a record with an ask. `now_ms` is the sensor's clock.
    pub(super) fn ask(&mut self, sensor: SensorId, now_ms: u64, payload: &[u8]) -> Result<Verdict, Error> {
        let Some(ask) = self.halves.push(payload)? else { return Ok(Verdict::Wait) };
        let asked = ask.asked();
        if let Some(answer) = self.answers.to(&asked)
            && now_ms.abs_diff(answer.at_ms) <= PATIENCE.as_millis() as u64
        {
            return match answer.refused {
                Some(reason) => Ok(Verdict::Refuse(Refused { asked, reason })),
                None => self.again(sensor, now_ms, asked),
            };
        }
        match self.examine(sensor, now_ms, &ask) {
            Err(reason) => Ok(Verdict::Refuse(Refused { asked, reason })),
            Ok(grant) => {
                let agrees = self.rule.wearer == Wearer::Agrees;
                let refused = (!agrees).then_some(Reason::Wearer);
                self.answers.note(Answer { asked, at_ms: now_ms, refused });
                if agrees {
                    self.answers.open(grant);
                    // Nothing is sealed any more under the key of before.
                    self.running = None;
                    return Ok(Verdict::BeginAnew);
                }
                Ok(Verdict::Refuse(Refused { asked, reason: Reason::Wearer }))
            }
        }
    }

    /// All that has to hold before the wearer is asked.
    fn examine(&self, sensor: SensorId, now_ms: u64, ask: &Ask) -> Result<Grant, Reason> {
        let issuer = self.rule.issuer.as_ref().ok_or(Reason::NoIssuerKey)?;
        let (certificate, request) = examine::credential(ask, issuer, now_ms)?;
        examine::wanted(&certificate, &request, sensor, ask.until_ms, now_ms)?;
        let asked = ask.asked();
        if self.answers.to(&asked).is_some() {
            return Err(Reason::Replayed);
        }
        if self.answers.is_too_soon(now_ms) {
            return Err(Reason::TooOften);
        }
        Ok(Grant { asked, person: certificate.person, until_ms: ask.until_ms })
    }

    /// The consent that was given to this request, when it was lost on the air.
    fn again(&mut self, sensor: SensorId, now_ms: u64, asked: [u8; 16]) -> Result<Verdict, Error> {
        let (Some(running), Some(grant)) =
            (&self.running, self.answers.grants(now_ms).iter().find(|grant| grant.asked == asked))
        else {
            return Ok(Verdict::Wait);
        };
        let occasion = Occasion::Request(asked);
        let Running { session, key, .. } = running;
        Ok(Verdict::Again(consent::grant(&self.wrapping, sensor, *session, grant.until_ms, occasion, key)?))
    }

    /// A session has begun: draws its key, and prepares what consents are open.
    pub(super) fn begin(
        &mut self,
        (sensor, session): (SensorId, u32),
        (now, now_ms): (Duration, u64),
        rng: &mut impl CryptoRng,
    ) -> Result<(), Error> {
        let mut bytes = [0u8; 16];
        rng.fill_bytes(&mut bytes);
        let key = DataKey::new(bytes);
        let grants = self.answers.grants(now_ms);
        let mut occasions: Vec<(Occasion, u64)> =
            grants.iter().map(|grant| (Occasion::Request(grant.asked), grant.until_ms)).collect();
        let released_until_ms = occasions.iter().map(|(_, until)| *until).max();
        if self.rule.emergency_consent {
            occasions.push((Occasion::Emergency, now_ms.saturating_add(EMERGENCY_MS)));
        }
        let consent =
            |(occasion, until)| consent::grant(&self.wrapping, sensor, session, until, occasion, &key);
        let consents = occasions.into_iter().map(consent).collect::<Result<_, _>>()?;
        let sealer = Sealer::new(key.clone(), sensor, session);
        let times = 0;
        self.running = Some(Running { sealer, key, session, released_until_ms, consents, times, due: now });
        Ok(())
    }

    /// Consents to be sent now.
    pub(super) fn due(&mut self, now: Duration) -> Vec<[u8; CONSENT_BYTES]> {
        match &mut self.running {
            Some(running) if running.times < CONSENT_TIMES && now >= running.due => {
                running.times += 1;
                running.due = now + CONSENT_PAUSE;
                running.consents.clone()
            }
            _ => Vec::new(),
        }
    }

    /// True when all that was given in this session for requests has ended: who has its key must not read on.
    pub(super) fn is_over(&self, now_ms: u64) -> bool {
        let until = self.running.as_ref().and_then(|running| running.released_until_ms);
        until.is_some_and(|until| until <= now_ms)
    }

    /// Seals a payload into `out`; gives its length.
    pub(super) fn seal(&mut self, plain: &[u8], out: &mut [u8]) -> Result<usize, Error> {
        let running = self.running.as_mut().ok_or(Error::Misuse("a payload without a session"))?;
        running.sealer.seal(plain, out)
    }
}
