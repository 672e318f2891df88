//! The people of a house, what is known of them, and what they sign.

use bodywire_clinic::gate::credential::Credential;
use bodywire_clinic::gate::directory::{BedPlace, Directory, SensorPlace};
use bodywire_proto::access::certificate::{Certificate, LIFETIME_MAX_MS, Role};
use bodywire_proto::access::verify::{digest, name_of};
use bodywire_proto::access::{Bed, PatientNumber, Person, Purpose, Relation, Request, revocation};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use ed25519_dalek::{Signer, SigningKey};
use std::collections::BTreeMap;

/// The bed of the patient that people have to do with.
pub(crate) const BED: u16 = 1;
/// A bed of somebody else.
pub(crate) const OTHER_BED: u16 = 2;
/// Who lies in [`BED`].
pub(crate) const PATIENT: PatientNumber = PatientNumber(4_711);
/// The class III sensor of [`BED`].
pub(crate) const PUMP: SensorId = SensorId(5);

/// A person of the house, with a certificate that is good unless a test says otherwise.
pub(crate) struct Somebody {
    pub(crate) key: SigningKey,
    pub(crate) credential: Credential,
}

/// What a request says.
#[derive(Clone, Copy)]
pub(crate) struct Wish {
    pub(crate) bed: u16,
    pub(crate) patient: Option<PatientNumber>,
    pub(crate) class: RiskClass,
    pub(crate) sensor: Option<SensorId>,
    pub(crate) purpose: Purpose,
    pub(crate) statement: Option<&'static str>,
}

impl Wish {
    pub(crate) const TREATMENT: Self = Self {
        bed: BED,
        patient: Some(PATIENT),
        class: RiskClass::II,
        sensor: None,
        purpose: Purpose::Treatment,
        statement: None,
    };
    pub(crate) const PUMP: Self = Self { class: RiskClass::III, sensor: Some(PUMP), ..Self::TREATMENT };
    pub(crate) const GLASS: Self = Self {
        patient: None,
        purpose: Purpose::BreakGlass,
        statement: Some("cardiac arrest call"),
        ..Self::TREATMENT
    };
}

/// Person 1 treats the patient of [`BED`], 2 is on call, 3 is the patient, 4 reviews, 5 has nothing to do with anybody.
pub(crate) fn people() -> Directory {
    let mut directory = Directory::default();
    for (number, name) in
        [(1, "Dr A. Meyer"), (2, "S. Ode"), (3, "The patient"), (4, "R. Viewer"), (5, "Dr B. Lima")]
    {
        directory.names.insert(Person([number; 16]), name.to_owned());
    }
    for (number, relation) in
        [(1, Relation::Treating), (2, Relation::OnCall), (3, Relation::Own), (4, Relation::Consulting)]
    {
        directory.relations.insert((Person([number; 16]), PATIENT), relation);
    }
    let sensor = |class, name: &str| SensorPlace { class, name: name.to_owned() };
    let sensors = BTreeMap::from([
        (SensorId(1), sensor(RiskClass::II, "ecg-1")),
        (SensorId(3), sensor(RiskClass::I, "temp-3")),
        (PUMP, sensor(RiskClass::III, "insulin-5")),
    ]);
    let place = |label: &str, patient: PatientNumber| BedPlace {
        label: label.to_owned(),
        patient_label: format!("patient {label}"),
        patient: Some(patient),
        sensors: sensors.clone(),
    };
    directory.beds.insert(Bed(BED), place("402", PATIENT));
    directory.beds.insert(Bed(OTHER_BED), place("403", PatientNumber(9)));
    directory
}

/// A revocation list with these serials, the house's `number`th.
pub(crate) fn revocations(issuer: &SigningKey, number: u64, serials: &[u64], now_ms: u64) -> Vec<u8> {
    let name = name_of(&issuer.verifying_key().to_bytes());
    let mut bytes = vec![0; 1_024];
    let length = revocation::emit_signed_bytes(name, number, now_ms, serials, &mut bytes).unwrap();
    bytes.truncate(length);
    let signature = issuer.sign(&bytes).to_bytes();
    bytes.extend(signature);
    bytes
}

/// Somebody with a certificate that is good, changed by `change` before it is signed.
pub(crate) fn somebody_of(
    issuer: &SigningKey,
    number: u8,
    role: Role,
    now_ms: u64,
    change: impl FnOnce(&mut Certificate),
) -> Somebody {
    let key = SigningKey::from_bytes(&rand::random());
    let mut certificate = Certificate {
        serial: rand::random(),
        person: Person([number; 16]),
        role,
        highest_class: RiskClass::III,
        key: key.verifying_key().to_bytes(),
        not_before_ms: now_ms,
        not_after_ms: now_ms + LIFETIME_MAX_MS,
        issuer: name_of(&issuer.verifying_key().to_bytes()),
        signature: [0; 64],
    };
    change(&mut certificate);
    certificate.signature = issuer.sign(&certificate.signed_bytes().unwrap()).to_bytes();
    let bytes = certificate.to_bytes().unwrap();
    Somebody { key, credential: Credential { certificate, bytes, code: None, wall: false } }
}

impl Somebody {
    /// A request as the page signs it.
    pub(crate) fn request(&self, wish: Wish, challenge: [u8; 16], now_ms: u64) -> Request {
        let mut request = Request {
            challenge,
            serial: self.credential.certificate.serial,
            patient: wish.patient,
            bed: Bed(wish.bed),
            sensor: wish.sensor,
            class: wish.class,
            purpose: wish.purpose,
            time_ms: now_ms,
            statement: wish.statement.map(|statement| digest(&[statement.as_bytes()])),
            signature: [0; 64],
        };
        request.signature = self.key.sign(&request.signed_bytes().unwrap()).to_bytes();
        request
    }
}
