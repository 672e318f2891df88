//! A house with an issuer, people, two beds, a ledger and a gate, and requests as a browser signs them.

mod people;

pub(crate) use people::*;

use bodywire_clinic::archive::Archive;
use bodywire_clinic::asks::SensorAsk;
use bodywire_clinic::board::{Board, Source};
use bodywire_clinic::gate::directory::Directory;
use bodywire_clinic::gate::journal::Journal;
use bodywire_clinic::gate::{Gate, LedgerPlace, Parts};
use bodywire_ledger::{Origin, VerifierKey};
use bodywire_proto::access::IssuerKey;
use bodywire_proto::access::certificate::{Certificate, Role};
use bodywire_store::{DatabaseKey, Location, Store};
use ed25519_dalek::SigningKey;
use std::sync::Arc;
use tempfile::TempDir;
use tokio::sync::{Mutex, mpsc};

/// Name of the house's ledger.
pub(crate) const ORIGIN: &str = "house.example/log";

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
        house.gate.set_directory(people());
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
        self.gate.set_directory(people());
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

    #[expect(clippy::unused_self, reason = "the people are those of this house")]
    pub(crate) fn people(&self) -> Directory {
        people::people()
    }

    /// A revocation list with these serials, made now.
    pub(crate) fn publish(&mut self, serials: &[u64], now_ms: u64) {
        self.list += 1;
        let bytes = revocations(&self.issuer, self.list, serials, now_ms);
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
        somebody_of(&self.issuer, number, role, now_ms, change)
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
