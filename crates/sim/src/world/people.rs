//! People who ask for access in a world: some have a right, some have none, and some are not who they say. What each may be given
//! at most is written down here once more, in words of this table and not of the decision's.

use super::chance::bytes;
use bodywire_clinic::gate::Asked;
use bodywire_clinic::gate::credential::Credential;
use bodywire_clinic::gate::directory::{BedPlace, Directory, SensorPlace};
use bodywire_proto::RiskClass;
use bodywire_proto::access::certificate::{Certificate, LIFETIME_MAX_MS, Role};
use bodywire_proto::access::verify::{digest, name_of};
use bodywire_proto::access::{Bed, IssuerKey, PatientNumber, Person, Purpose, Relation, Request, revocation};
use bodywire_proto::wire::SensorId;
use ed25519_dalek::{Signer, SigningKey};
use std::collections::BTreeMap;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    /// A physician who treats the patients of all beds.
    Treating,
    /// A nurse who does.
    Nurse,
    /// A physician on call.
    OnCall,
    /// A physician of the house who has to do with nobody here.
    Stranger,
    /// The patient of the first bed.
    Patient,
    /// A treating physician whose certificate was revoked.
    Revoked,
    /// One whose certificate has ended.
    Expired,
    /// Somebody with a certificate of another house.
    Impostor,
    /// Somebody with the treating physician's certificate and without the key.
    Thief,
    /// Somebody who sends the treating physician's last request again.
    Replayer,
}

impl Who {
    pub(super) const ALL: [Self; 10] = [
        Self::Treating,
        Self::Nurse,
        Self::OnCall,
        Self::Stranger,
        Self::Patient,
        Self::Revoked,
        Self::Expired,
        Self::Impostor,
        Self::Thief,
        Self::Replayer,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Treating => "treating physician",
            Self::Nurse => "treating nurse",
            Self::OnCall => "physician on call",
            Self::Stranger => "stranger",
            Self::Patient => "patient of bed 1",
            Self::Revoked => "revoked",
            Self::Expired => "expired",
            Self::Impostor => "impostor",
            Self::Thief => "thief of a certificate",
            Self::Replayer => "replayer of a request",
        }
    }

    const fn role(self) -> Role {
        match self {
            Self::Nurse => Role::Nurse,
            Self::Patient => Role::Patient,
            _ => Role::Physician,
        }
    }

    const fn relation(self) -> Relation {
        match self {
            Self::Treating | Self::Nurse | Self::Revoked | Self::Expired | Self::Impostor => {
                Relation::Treating
            }
            Self::OnCall => Relation::OnCall,
            Self::Patient => Relation::Own,
            Self::Stranger | Self::Thief | Self::Replayer => Relation::None,
        }
    }
}

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) who: Who,
    pub(super) bed: u16,
    pub(super) class: RiskClass,
    pub(super) purpose: Purpose,
    /// It names the patient of another bed.
    pub(super) wrong_patient: bool,
}

/// What may come of a wish at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum May {
    /// Nothing.
    Nothing,
    /// At most this class.
    AtMost(RiskClass),
    /// This class: less would keep care away.
    Just(RiskClass),
}

impl Wish {
    /// What may come of it. `emergency`: the patient has been in one. Class III comes later, from the sensor.
    pub(super) fn may(&self, emergency: bool) -> May {
        use May::{AtMost, Just, Nothing};
        let open = self.class.min(RiskClass::II);
        if self.wrong_patient {
            return Nothing;
        }
        match (self.who, self.purpose) {
            (Who::Revoked | Who::Expired | Who::Impostor | Who::Thief | Who::Replayer, _) => Nothing,
            (Who::Patient, Purpose::OwnData) if self.bed == 1 => Just(open),
            (Who::Patient, _) | (_, Purpose::OwnData | Purpose::Review) => Nothing,
            (_, Purpose::BreakGlass) => Just(open),
            (Who::Stranger, _) => Nothing,
            (Who::Nurse | Who::OnCall, _) if self.class == RiskClass::III => Nothing,
            (_, Purpose::Treatment) => Just(open),
            (_, Purpose::EmergencyTreatment) => {
                if emergency {
                    AtMost(open)
                } else {
                    Nothing
                }
            }
        }
    }
}

/// The people and their house.
pub(super) struct People {
    issuer: SigningKey,
    keys: BTreeMap<Who, SigningKey>,
    credentials: BTreeMap<Who, Credential>,
    last: Option<Vec<u8>>,
}

/// Patient of a bed.
pub(super) fn patient_of(bed: u16) -> PatientNumber {
    PatientNumber(1_000 + u64::from(bed))
}

/// Why an emergency was called, in words.
const STATEMENT: &str = "cardiac arrest call";

impl People {
    pub(super) fn new(seed: u64, now_ms: u64) -> Result<Self, String> {
        let issuer = SigningKey::from_bytes(&bytes(seed, "issuer"));
        let other = SigningKey::from_bytes(&bytes(seed, "issuer of another house"));
        let (mut keys, mut credentials) = (BTreeMap::new(), BTreeMap::new());
        for (serial, who) in (1u64..).zip(Who::ALL) {
            let key = SigningKey::from_bytes(&bytes(seed, who.name()));
            let issued_by = if who == Who::Impostor { &other } else { &issuer };
            let (from, until) = match who {
                Who::Expired => (now_ms - LIFETIME_MAX_MS - 1, now_ms - 1),
                _ => (now_ms, now_ms + LIFETIME_MAX_MS),
            };
            let mut certificate = Certificate {
                serial,
                person: person(serial),
                role: who.role(),
                highest_class: RiskClass::III,
                key: key.verifying_key().to_bytes(),
                not_before_ms: from,
                not_after_ms: until,
                issuer: name_of(&issued_by.verifying_key().to_bytes()),
                signature: [0; 64],
            };
            let signed = certificate.signed_bytes().map_err(|error| error.to_string())?;
            certificate.signature = issued_by.sign(&signed).to_bytes();
            let bytes = certificate.to_bytes().map_err(|error| error.to_string())?;
            credentials.insert(who, Credential { certificate, bytes, code: None, wall: false });
            keys.insert(who, key);
        }
        for who in [Who::Thief, Who::Replayer] {
            if let Some(stolen) = credentials.get(&Who::Treating).cloned() {
                credentials.insert(who, stolen);
            }
        }
        Ok(Self { issuer, keys, credentials, last: None })
    }

    /// Whose certificates count.
    pub(super) fn issuer(&self) -> Result<IssuerKey, String> {
        IssuerKey::from_bytes(&self.issuer.verifying_key().to_bytes())
            .ok_or_else(|| "no key of an issuer".to_owned())
    }

    /// The list with the one who is revoked.
    pub(super) fn revocations(&self, now_ms: u64) -> Result<Vec<u8>, String> {
        let revoked = self.credentials.get(&Who::Revoked).map(|of| of.certificate.serial);
        let name = name_of(&self.issuer.verifying_key().to_bytes());
        let serials: Vec<u64> = revoked.into_iter().collect();
        let mut bytes = vec![0; 1_024];
        let length = revocation::emit_signed_bytes(name, 1, now_ms, &serials, &mut bytes)
            .map_err(|error| error.to_string())?;
        bytes.truncate(length);
        let signature = self.issuer.sign(&bytes).to_bytes();
        bytes.extend(signature);
        Ok(bytes)
    }

    /// Who has to do with whom, and what is in which bed.
    pub(super) fn directory(&self, beds: &BTreeMap<u16, BTreeMap<SensorId, RiskClass>>) -> Directory {
        let mut directory = Directory::default();
        for (bed, sensors) in beds {
            let patient = patient_of(*bed);
            for (who, credential) in &self.credentials {
                let of = credential.certificate.person;
                let relation = who.relation();
                let own = relation == Relation::Own;
                if relation != Relation::None && (!own || *bed == 1) {
                    directory.relations.insert((of, patient), relation);
                }
            }
            let sensors = sensors.iter().map(|(sensor, class)| {
                (*sensor, SensorPlace { class: *class, name: format!("sensor-{}", sensor.0) })
            });
            directory.beds.insert(
                Bed(*bed),
                BedPlace {
                    label: bed.to_string(),
                    patient_label: format!("Test patient {bed} (HTEST)"),
                    patient: Some(patient),
                    sensors: sensors.collect(),
                },
            );
        }
        directory
    }

    pub(super) fn credential(&self, who: Who) -> Option<&Credential> {
        self.credentials.get(&who)
    }

    /// The request as its sender signs it, or sends it.
    pub(super) fn request(
        &mut self,
        wish: &Wish,
        sensor: Option<SensorId>,
        challenge: [u8; 16],
        now_ms: u64,
    ) -> Result<Asked, String> {
        let statement = (wish.purpose == Purpose::BreakGlass).then(|| STATEMENT.to_owned());
        if let (Who::Replayer, Some(last)) = (wish.who, &self.last) {
            return Ok(Asked { request: last.clone(), statement: None, code: None });
        }
        let credential = self.credentials.get(&wish.who).ok_or("nobody")?;
        let key = self.keys.get(&wish.who).ok_or("nobody")?;
        let patient = patient_of(if wish.wrong_patient { wish.bed + 1 } else { wish.bed });
        let mut request = Request {
            challenge,
            serial: credential.certificate.serial,
            patient: Some(patient),
            bed: Bed(wish.bed),
            sensor: sensor.filter(|_| wish.class == RiskClass::III),
            class: wish.class,
            purpose: wish.purpose,
            time_ms: now_ms,
            statement: statement.as_ref().map(|statement| digest(&[statement.as_bytes()])),
            signature: [0; 64],
        };
        let signed = request.signed_bytes().map_err(|error| error.to_string())?;
        request.signature = key.sign(&signed).to_bytes();
        let bytes = request.to_bytes().map_err(|error| error.to_string())?.to_vec();
        if wish.who == Who::Treating && statement.is_none() {
            self.last = Some(bytes.clone());
        }
        Ok(Asked { request: bytes, statement, code: None })
    }
}

fn person(serial: u64) -> Person {
    let mut number = [0; 16];
    number.iter_mut().zip(serial.to_be_bytes()).for_each(|(slot, byte)| *slot = byte);
    Person(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_who_are_not_who_they_say_may_nothing() {
        for who in [Who::Revoked, Who::Expired, Who::Impostor, Who::Thief, Who::Replayer] {
            for purpose in Purpose::ALL {
                let wish = Wish { who, bed: 1, class: RiskClass::I, purpose, wrong_patient: false };
                assert_eq!(wish.may(true), May::Nothing);
            }
        }
        let glass = Wish {
            who: Who::Stranger,
            bed: 2,
            class: RiskClass::III,
            purpose: Purpose::BreakGlass,
            wrong_patient: false,
        };
        assert_eq!(glass.may(false), May::Just(RiskClass::II), "sealed data stay sealed");
    }
}
