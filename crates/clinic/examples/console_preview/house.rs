//! A made-up house around the made-up patients: an issuer, people with links, a ledger in a temporary directory, and pumps that
//! consent after half a second.

use bodywire_clinic::archive::Archive;
use bodywire_clinic::board::Board;
use bodywire_clinic::gate::credential::Credential;
use bodywire_clinic::gate::directory::{BedPlace, Directory, SensorPlace};
use bodywire_clinic::gate::journal::Journal;
use bodywire_clinic::gate::{Gate, LedgerPlace, Parts};
use bodywire_clinic::web::{Console, OneTimeLink};
use bodywire_ledger::{Origin, VerifierKey};
use bodywire_proto::access::certificate::{Certificate, LIFETIME_MAX_MS, Role};
use bodywire_proto::access::verify::name_of;
use bodywire_proto::access::{Bed, IssuerKey, PatientNumber, Person, Relation, revocation};
use bodywire_proto::ask;
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use bodywire_store::{DatabaseKey, Location, Store};
use ed25519_dalek::{Signer, SigningKey};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

use crate::{now_ms, secret};

const ORIGIN: &str = "preview.example/log";
const PUMP: SensorId = SensorId(5);
/// The code of everybody here; it is printed.
const CODE: &str = "123456";
/// How long a made-up pump takes to consent.
const CONSENT_AFTER: Duration = Duration::from_millis(500);

/// Who lives in the preview: name, role, relation to the patient of each bed.
const PEOPLE: [(&str, Role, Option<Relation>); 6] = [
    ("Dr A. Meyer", Role::Physician, Some(Relation::Treating)),
    ("Dr B. Lima", Role::Physician, None),
    ("R. Viewer", Role::Reviewer, Some(Relation::Consulting)),
    ("Test patient", Role::Patient, Some(Relation::Own)),
    ("Wall", Role::Program, Some(Relation::Treating)),
    ("S. Ode", Role::Nurse, Some(Relation::Treating)),
];

/// The house.
pub(crate) struct House {
    pub(crate) gate: Gate,
    archive: Arc<Mutex<Archive>>,
    issuer: SigningKey,
}

impl House {
    pub(crate) async fn new(
        directory: &Path,
        board: &Board,
        beds: u16,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let location = Location::file(directory.join("preview.db"));
        let store = Store::open(&location, &DatabaseKey::new(secret())).await?;
        let issuer = SigningKey::from_bytes(&secret());
        let ledger_key = SigningKey::from_bytes(&secret());
        let issuers = IssuerKey::from_bytes(&issuer.verifying_key().to_bytes()).into_iter().collect();
        let journal = Journal::open(&directory.join("journal"), SigningKey::from_bytes(&secret()))?;
        let gate = Gate::new(Parts { board: board.clone(), issuers, journal, clock: now_ms, random: secret });
        let key = VerifierKey::new(ORIGIN, ledger_key.verifying_key())?;
        let path = directory.join("ledger");
        let (archive, _) =
            Archive::open(&path, Origin::new(ORIGIN)?, ledger_key, store.clone(), None).await?;
        let archive = Arc::new(Mutex::new(archive));
        let place = LedgerPlace {
            archive: Arc::downgrade(&archive),
            origin: ORIGIN.to_owned(),
            directory: path,
            key,
        };
        gate.set_ledger(place, &store);
        gate.set_directory(directory_of(beds));
        let house = Self { gate, archive, issuer };
        house.publish_list()?;
        Ok(house)
    }

    /// A link for each person; the first is Dr Meyer's.
    pub(crate) fn invite(
        &self,
        console: &Console,
    ) -> Result<Vec<(&'static str, String)>, Box<dyn std::error::Error>> {
        let mut links = Vec::new();
        for (number, (name, role, _)) in (1u8..).zip(PEOPLE) {
            let seed = secret();
            let now = now_ms();
            let mut certificate = Certificate {
                serial: u64::from_be_bytes(*secret().first_chunk().ok_or("32 bytes hold eight")?),
                person: Person([number; 16]),
                role,
                highest_class: if role == Role::Program { RiskClass::II } else { RiskClass::III },
                key: SigningKey::from_bytes(&seed).verifying_key().to_bytes(),
                not_before_ms: now - 1_000,
                not_after_ms: now - 1_000 + LIFETIME_MAX_MS,
                issuer: name_of(&self.issuer.verifying_key().to_bytes()),
                signature: [0; 64],
            };
            certificate.signature = self.issuer.sign(&certificate.signed_bytes()?).to_bytes();
            let credential = Credential {
                certificate,
                bytes: certificate.to_bytes()?,
                code: Some(Arc::new(|given| given == CODE)),
                wall: role == Role::Program,
            };
            let link = OneTimeLink::new(secret()).with_credential(credential);
            links.push((name, format!("{}#k={}", link.path(), data_encoding::HEXLOWER.encode(&seed))));
            console.admit(link);
        }
        Ok(links)
    }

    fn publish_list(&self) -> Result<(), Box<dyn std::error::Error>> {
        let name = name_of(&self.issuer.verifying_key().to_bytes());
        let mut bytes = vec![0; 256];
        let length = revocation::emit_signed_bytes(name, now_ms(), now_ms(), &[], &mut bytes)?;
        bytes.truncate(length);
        let signature = self.issuer.sign(&bytes).to_bytes();
        bytes.extend(signature);
        Ok(self.gate.set_revocations(&bytes)?)
    }

    /// Looks at the clock, publishes the ledger, renews the list, and lets pumps consent. Never ends.
    pub(crate) async fn live(self) {
        let mut questions = self.gate.questions();
        let mut tick = tokio::time::interval(Duration::from_millis(250));
        let mut ticks = 0u32;
        loop {
            tokio::select! {
                Some(question) = questions.recv() => {
                    let gate = self.gate.clone();
                    tokio::spawn(async move {
                        tokio::time::sleep(CONSENT_AFTER).await;
                        let asked = ask::name_of(&question.request);
                        gate.sensor_released(question.hub.0, PUMP, Some(asked), question.until_ms).await;
                    });
                }
                _ = tick.tick() => {
                    ticks += 1;
                    self.gate.tick().await;
                    self.archive.lock().await.publish().expect("the temporary directory takes a ledger");
                    if ticks.is_multiple_of(2_400) {
                        self.publish_list().expect("a list of nobody is a list");
                    }
                }
            }
        }
    }
}

fn directory_of(beds: u16) -> Directory {
    let mut directory = Directory::default();
    let sensor = |class, name: &str| SensorPlace { class, name: name.to_owned() };
    for bed in 1..=beds {
        let patient = PatientNumber(1_000 + u64::from(bed));
        let sensors = [
            (SensorId(1), sensor(RiskClass::II, "ecg-1")),
            (SensorId(2), sensor(RiskClass::II, "spo2-2")),
            (SensorId(3), sensor(RiskClass::I, "resp-3")),
            (SensorId(4), sensor(RiskClass::I, "temp-4")),
            (PUMP, sensor(RiskClass::III, "insulin-rate-5")),
        ];
        let place = BedPlace {
            label: (401 + bed).to_string(),
            patient_label: format!("Test patient L-{:02}", 16 + bed),
            patient: Some(patient),
            sensors: sensors.into_iter().collect(),
        };
        directory.beds.insert(Bed(bed), place);
        for (number, (name, _, relation)) in (1u8..).zip(PEOPLE) {
            directory.names.insert(Person([number; 16]), name.to_owned());
            // The patient is that of the first bed.
            let relation = relation.filter(|relation| *relation != Relation::Own || bed == 1);
            if let Some(relation) = relation {
                directory.relations.insert((Person([number; 16]), patient), relation);
            }
        }
    }
    directory
}
