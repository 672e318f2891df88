//! A house with an issuer, people, two beds, a ledger and a gate, and requests as a browser signs them.

use bodywire_clinic::archive::Archive;
use bodywire_clinic::asks::SensorAsk;
use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::gate::credential::Credential;
use bodywire_clinic::gate::directory::{BedPlace, Directory, SensorPlace};
use bodywire_clinic::gate::journal::Journal;
use bodywire_clinic::gate::{Gate, LedgerPlace, Parts};
use bodywire_ledger::{Origin, VerifierKey};
use bodywire_proto::access::certificate::{Certificate, LIFETIME_MAX_MS, Role};
use bodywire_proto::access::verify::{digest, name_of};
use bodywire_proto::access::{Bed, IssuerKey, PatientNumber, Person, Purpose, Relation, Request, revocation};
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::SensorId;
use bodywire_store::{DatabaseKey, Location, Store};
use ed25519_dalek::{Signer, SigningKey};
use std::collections::BTreeMap;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

/// Name of the house's ledger.
pub(crate) const ORIGIN: &str = "house.example/log";
/// The bed of the patient that people have to do with.
pub(crate) const BED: u16 = 1;
/// A bed of somebody else.
pub(crate) const OTHER_BED: u16 = 2;
/// Who lies in [`BED`].
pub(crate) const PATIENT: PatientNumber = PatientNumber(4_711);
/// The class III sensor of [`BED`].
pub(crate) const PUMP: SensorId = SensorId(5);

pub(crate) struct House {
    pub(crate) board: Board,
    pub(crate) gate: Gate,
    pub(crate) store: Store,
    pub(crate) archive: Arc<Mutex<Archive>>,
    pub(crate) asks: mpsc::Receiver<SensorAsk>,
    pub(crate) directory: TempDir,
    issuer: SigningKey,
    list: u64,
}

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

impl House {
    pub(crate) async fn new(clock: fn() -> u64) -> Self {
        let directory = TempDir::new().unwrap();
        let location = Location::file(directory.path().join("bodywire.db"));
        let store = Store::open(&location, &DatabaseKey::new([1; 32])).await.unwrap();
        let board = Board::new(clock(), Source::Simulated);
        let issuer = SigningKey::from_bytes(&[2; 32]);
        let issuers = vec![IssuerKey::from_bytes(&issuer.verifying_key().to_bytes()).unwrap()];
        let journal =
            Journal::open(&directory.path().join("journal"), SigningKey::from_bytes(&[3; 32])).unwrap();
        let random = || rand::random();
        let gate = Gate::new(Parts { board: board.clone(), issuers, journal, clock, random });
        let asks = gate.questions();
        let archive = open_ledger(&directory, &store).await;
        let mut house = Self { board, gate, store, archive, asks, directory, issuer, list: 0 };
        house.ledger_is_there();
        house.gate.set_directory(house.people());
        house.publish(&[], clock());
        house
    }

    /// The process ends, and another one begins with the same database and ledger.
    pub(crate) fn another_process(&mut self, clock: fn() -> u64) {
        let board = Board::new(clock(), Source::Simulated);
        let journal = self.directory.path().join("journal");
        let journal = Journal::open(&journal, SigningKey::from_bytes(&[3; 32])).unwrap();
        let issuers = vec![IssuerKey::from_bytes(&self.issuer.verifying_key().to_bytes()).unwrap()];
        let random = || rand::random();
        self.gate = Gate::new(Parts { board: board.clone(), issuers, journal, clock, random });
        self.board = board;
        self.ledger_is_there();
        self.gate.set_directory(self.people());
    }

    pub(crate) fn ledger_is_there(&self) {
        let key = SigningKey::from_bytes(&[4; 32]).verifying_key();
        let place = LedgerPlace {
            archive: Arc::downgrade(&self.archive),
            origin: ORIGIN.to_owned(),
            directory: self.directory.path().join("ledger"),
            key: VerifierKey::new(ORIGIN, key).unwrap(),
        };
        self.gate.set_ledger(place, &self.store);
    }

    /// Person 1 treats the patient of [`BED`], 2 is on call, 3 is the patient, 4 reviews, 5 has nothing to do with anybody.
    pub(crate) fn people(&self) -> Directory {
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

    /// A revocation list with these serials, made now.
    pub(crate) fn publish(&mut self, serials: &[u64], now_ms: u64) {
        self.list += 1;
        let name = name_of(&self.issuer.verifying_key().to_bytes());
        let mut bytes = vec![0; 1_024];
        let length = revocation::emit_signed_bytes(name, self.list, now_ms, serials, &mut bytes).unwrap();
        bytes.truncate(length);
        let signature = self.issuer.sign(&bytes).to_bytes();
        bytes.extend(signature);
        self.gate.set_revocations(&bytes).unwrap();
    }

    /// Somebody with a good certificate, changed by `change` before it is signed.
    pub(crate) fn somebody(
        &self,
        number: u8,
        role: Role,
        now_ms: u64,
        change: impl FnOnce(&mut Certificate),
    ) -> Somebody {
        self.somebody_of(&self.issuer.clone(), number, role, now_ms, change)
    }

    pub(crate) fn somebody_of(
        &self,
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

/// The house's ledger; opened again, as a clinic does that begins anew.
pub(crate) async fn open_ledger(directory: &TempDir, store: &Store) -> Arc<Mutex<Archive>> {
    let path = directory.path().join("ledger");
    let origin = Origin::new(ORIGIN).unwrap();
    let key = SigningKey::from_bytes(&[4; 32]);
    let (archive, _) = Archive::open(&path, origin, key, store.clone(), None).await.unwrap();
    Arc::new(Mutex::new(archive))
}
