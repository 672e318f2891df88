//! Attacks on what a patient's sensors say in an emergency to those beside them: paper B's open broadcast, and the sealed
//! answer to a responder that takes its place.

use super::air::{Air, VICTIM};
use super::link;
use super::transcript::Transcript;
use super::{Attack, Scheme, Stage, Verdict};
use crate::Error;
use crate::broadcast::{Broadcast, Detector, Receiver};
use crate::patient::{self, Source};
use crate::responder::{Nearby, Responder, Showing};
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_proto::access::{Bed, Certificate, Condition, Issuer, IssuerKey, Person, Role, SIGNATURE_BYTES};
use bodywire_proto::handshake::Profile;
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use ed25519_dalek::{Signer, SigningKey};
use rand_chacha::ChaCha20Rng;
use rand_core::{Rng, SeedableRng};

/// What a sensor says in the emergency.
const DATA: &[u8] = b"HR=172 SpO2=71 ";
/// Whoever stands beside the patient.
const BESIDE: Receiver = Receiver { distance_m: 1.5, gain_db: 0.0 };
/// A little further than the paper's distance.
const BEYOND: Receiver = Receiver { distance_m: 2.5, gain_db: 0.0 };
/// Across the corridor, with an ordinary antenna and with one of 15 dB: a Yagi for 2.4 GHz as long as a forearm.
const ACROSS: [Receiver; 2] =
    [Receiver { distance_m: 10.0, gain_db: 0.0 }, Receiver { distance_m: 10.0, gain_db: 15.0 }];
/// How long the patient is well, and then not, in seconds. The detector learns the former and needs ten seconds of the latter.
const COURSE_S: (usize, usize) = (20, 20);
/// How much stronger than an ordinary fibrillation the false signal at the electrodes is.
const OVERLAY_GAIN: i32 = 4;
/// The time of the conversation, milliseconds since 1970: 14 November 2023.
const NOW_MS: u64 = 1_700_000_000_000;
const HOUR_MS: u64 = 60 * 60 * 1_000;

/// Carries out the attack; nothing for the schemes that say nothing of emergencies.
pub(super) fn attack(stage: &mut Stage, attack: Attack) -> Result<Option<Verdict>, Error> {
    let receiver = if attack == Attack::StrangerAntenna { ACROSS[1] } else { BESIDE };
    let detector = detector(stage, attack == Attack::FalseEmergency)?;
    Ok(match stage.scheme {
        Scheme::Paper => Some(overhear(stage, attack, detector, &receiver)?),
        Scheme::Hardened => Some(ask(stage, attack, &detector, &receiver)?),
        _ => None,
    })
}

/// A detector that sees the patient's emergency, or a healthy heart with a stronger false signal on it.
fn detector(stage: &mut Stage, is_false: bool) -> Result<Detector, Error> {
    let condition = patient::Condition::new();
    let mut ecg = Source::synthetic_ecg(stage.seed, condition.clone())?;
    let mut detector = Detector::new(&ecg)?;
    let rate = SampleRate::new(f64::from(ecg.rate_millihertz) / 1_000.0)?;
    let gain = f64::from(ecg.scale.gain_milli) / 1_000.0;
    let mut overlay = EcgModel::new(rate, gain, 0, 0.0, Rhythm::VentricularFibrillation)?;
    let mut dice = ChaCha20Rng::seed_from_u64(stage.seed);
    for second in 0..COURSE_S.0 + COURSE_S.1 {
        let is_worse = second >= COURSE_S.0;
        condition.set_emergency(is_worse && !is_false);
        for _ in 0..ecg.rate_millihertz / 1_000 {
            let Some(heart) = ecg.next_sample() else { break };
            let added = OVERLAY_GAIN * i32::from(overlay.next_sample(&mut || dice.next_u32()));
            let felt = if is_worse && is_false { i32::from(heart) + added } else { i32::from(heart) };
            detector.push(felt.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as i16);
        }
        if detector.condition() == Condition::Emergency {
            if is_false {
                stage.log.note("attacker", "lays a false signal on the electrodes of a healthy patient");
            }
            stage
                .log
                .note("hub", format!("sees an emergency after {} s", second + 1 - COURSE_S.0.min(second)));
            return Ok(detector);
        }
    }
    // Without one there is nothing to attack, and a failure would say nothing.
    Err(Error::Misuse("the detector sees the emergency in time"))
}

/// The paper's profile: the sensor sends to whoever hears it.
fn overhear(
    stage: &mut Stage,
    attack: Attack,
    detector: Detector,
    receiver: &Receiver,
) -> Result<Verdict, Error> {
    let broadcast = Broadcast::new(Profile::Paper, detector)?;
    stage.log.bytes("sensor", "broadcasts if there is an emergency", DATA);
    for other in [BEYOND, ACROSS[0]] {
        let heard = broadcast.heard_by(&other, DATA).is_some();
        let hears = if heard { "hears it" } else { "hears nothing" };
        stage.log.note("attacker", format!("at {} m, without an antenna, {hears}", other.distance_m));
    }
    let Some(heard) = broadcast.heard_by(receiver, DATA) else {
        return Ok(Verdict::holds("nothing is broadcast that the attacker hears"));
    };
    let Receiver { distance_m, gain_db } = receiver;
    stage.log.bytes("attacker", format!("at {distance_m} m with {gain_db} dB has read"), heard);
    Ok(Verdict::falls(match attack {
        Attack::StrangerAntenna => {
            "two metres are those of an ordinary receiver: one of 15 dB reads the broadcast at ten"
        }
        Attack::FalseEmergency => {
            "a false signal at the electrodes starts the broadcast, and whoever is near reads it"
        }
        _ => "whoever stands within two metres reads the broadcast: it asks for no credential",
    }))
}

/// The hardened profile: the sensor answers who proves to be a clinician of the house, sealed.
fn ask(
    stage: &mut Stage,
    attack: Attack,
    detector: &Detector,
    receiver: &Receiver,
) -> Result<Verdict, Error> {
    let condition = detector.condition();
    let mut heard = vec![record_on_the_air(stage)?];
    let house = House::new(stage);
    let responder = house.responder(&mut stage.rng)?;
    let mut sensor = house.sensor()?;
    // Somebody of the house is answered first: were nobody, the attacker's failure would say nothing.
    let nonce = sensor.offer(NOW_MS, &mut stage.rng);
    let theirs = house.show(&responder, &nonce)?;
    stage.log.bytes("responder", "shows a certificate of the house and a signed request", &theirs.request);
    let answer = sensor.answer(&theirs, (condition, 1.0), DATA, NOW_MS, &mut stage.rng)?;
    let Some(sealed) = answer.sealed else {
        return Err(Error::Misuse("a responder of the house is answered in an emergency"));
    };
    if responder.open(&theirs, &sealed).as_deref() != Some(DATA) {
        return Err(Error::Misuse("a responder of the house reads the answer to it"));
    }
    stage.log.bytes("sensor", "answers, sealed to the responder", &sealed.to_bytes());
    heard.push(sealed.to_bytes());

    let stranger = house.stranger(&mut stage.rng, Claim::OwnIssuer)?;
    let mut read = heard.iter().any(|bytes| bytes.windows(DATA.len()).any(|part| part == DATA));
    read |= stranger.open(&theirs, &sealed).is_some();
    let seems_m = receiver.apparent_distance_m();
    stage.log.note(
        "attacker",
        format!("listens at {} m, from where it seems to be {seems_m:.1} m away", receiver.distance_m),
    );
    let mut tried = 0;
    for claim in Claim::ALL {
        let stranger = house.stranger(&mut stage.rng, claim)?;
        let nonce = sensor.offer(NOW_MS, &mut stage.rng);
        let own = house.show(&stranger, &nonce)?;
        let showings =
            [own, theirs, Showing { key: own.key, ..theirs }, Showing { request: own.request, ..theirs }];
        for showing in showings {
            tried += 1;
            stage.log.bytes("attacker", format!("shows {}", claim.name()), &showing.request);
            let at = (condition, seems_m);
            let answer = sensor.answer(&showing, at, DATA, NOW_MS, &mut stage.rng)?;
            let opened = answer.sealed.and_then(|sealed| stranger.open(&showing, &sealed));
            read |= opened.is_some();
            stage.log.note("sensor", format!("{:?}", answer.record.decision));
        }
    }
    if read {
        return Ok(Verdict::falls("a stranger reads what was for a responder"));
    }
    let refused =
        format!("{tried} showings without a credential of the house are refused, and answers are sealed");
    Ok(Verdict::holds(match attack {
        Attack::StrangerAntenna => format!("{refused}; that the attacker seems near goes on record only"),
        Attack::FalseEmergency => {
            format!("{refused}; the detector is deceived, and opens nothing to who has no credential")
        }
        _ => refused,
    }))
}

/// A frame of the running session, as who stands near hears it.
fn record_on_the_air(stage: &mut Stage) -> Result<Vec<u8>, Error> {
    let mut air = Air::new(Box::new(link::hardened(stage.seed)?));
    air.honest(VICTIM, &mut Transcript::muted())?;
    let frame = air.target.seal(VICTIM, DATA).unwrap_or_default();
    stage.log.bytes("sensor", "sends its data to the hub, protected", &frame);
    Ok(frame)
}

/// What a stranger claims.
#[derive(Clone, Copy)]
enum Claim {
    /// A certificate by an issuer of its own.
    OwnIssuer,
    /// One in the name of the house's issuer, with its own signature.
    ForgedCertificate,
    /// The certificate of the responder, whose key it has not.
    StolenCertificate,
}

impl Claim {
    const ALL: [Self; 3] = [Self::OwnIssuer, Self::ForgedCertificate, Self::StolenCertificate];

    const fn name(self) -> &'static str {
        match self {
            Self::OwnIssuer => "a certificate of its own issuer",
            Self::ForgedCertificate => "a forged certificate",
            Self::StolenCertificate => "the responder's certificate without the key",
        }
    }
}

/// A house with its issuer, one responder and one sensor.
struct House {
    issuer: SigningKey,
    holder: SigningKey,
    attacker: SigningKey,
    bed: Bed,
    sensor: SensorId,
}

impl House {
    fn new(stage: &mut Stage) -> Self {
        let mut key = || {
            let mut bytes = [0; 32];
            stage.rng.fill_bytes(&mut bytes);
            SigningKey::from_bytes(&bytes)
        };
        Self { issuer: key(), holder: key(), attacker: key(), bed: Bed(1), sensor: SensorId(1) }
    }

    fn issuer_key(&self) -> Result<IssuerKey, Error> {
        let bytes = self.issuer.verifying_key().to_bytes();
        IssuerKey::from_bytes(&bytes).ok_or(Error::Misuse("a random key is no weak one"))
    }

    fn sensor(&self) -> Result<Nearby, Error> {
        Ok(Nearby::new(self.issuer_key()?, self.bed, self.sensor, RiskClass::II))
    }

    fn certificate(
        &self,
        issuer: Issuer,
        by: &SigningKey,
        holder: &SigningKey,
    ) -> Result<Certificate, Error> {
        let mut certificate = Certificate {
            serial: 1,
            person: Person([1; 16]),
            role: Role::EmergencyResponder,
            highest_class: RiskClass::II,
            key: holder.verifying_key().to_bytes(),
            not_before_ms: NOW_MS - HOUR_MS,
            not_after_ms: NOW_MS + HOUR_MS,
            issuer,
            signature: [0; SIGNATURE_BYTES],
        };
        certificate.signature = by.sign(&certificate.signed_bytes()?).to_bytes();
        Ok(certificate)
    }

    fn responder(&self, rng: &mut ChaCha20Rng) -> Result<Responder, Error> {
        let certificate = self.certificate(self.issuer_key()?.issuer(), &self.issuer, &self.holder)?;
        Ok(Responder::new(certificate, self.holder.clone(), rng))
    }

    fn stranger(&self, rng: &mut ChaCha20Rng, claim: Claim) -> Result<Responder, Error> {
        let own = &self.attacker;
        let certificate = match claim {
            Claim::OwnIssuer => self.certificate(Issuer([9; 16]), own, own)?,
            Claim::ForgedCertificate => self.certificate(self.issuer_key()?.issuer(), own, own)?,
            Claim::StolenCertificate => {
                self.certificate(self.issuer_key()?.issuer(), &self.issuer, &self.holder)?
            }
        };
        Ok(Responder::new(certificate, own.clone(), rng))
    }

    fn show(&self, who: &Responder, nonce: &[u8; 16]) -> Result<Showing, Error> {
        who.show(nonce, (self.bed, self.sensor, RiskClass::II), [7; 32], NOW_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were the emergency not seen, the attacks would be of no emergency.
    #[test]
    fn both_emergencies_are_seen_whatever_the_seed() {
        for seed in 0..40 {
            for is_false in [false, true] {
                let rng = ChaCha20Rng::seed_from_u64(seed);
                let log = Transcript::muted();
                let mut stage = Stage { scheme: Scheme::Hardened, seed, rng, log };
                assert!(detector(&mut stage, is_false).is_ok(), "seed {seed}, false: {is_false}");
            }
        }
    }
}
