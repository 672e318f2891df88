//! Everything BodyWire keeps in SQL; no other crate speaks it.
//!
//! SQLite in one file (write-ahead log, synchronous FULL) or PostgreSQL from 15, chosen by [`Location`]; the same tables,
//! the same statements and the same tests for both. Challenge-response pairs are deleted before they are served, so that
//! none is ever served twice, whatever runs at once or crashes in between. Secret columns are encrypted under a key that is
//! not in the database ([`DatabaseKey`]).

mod act;
mod alarm;
mod backup;
mod carry;
mod code;
mod columns;
mod data_key;
mod engine;
mod enrolment;
mod erasure;
mod error;
mod group;
mod head;
mod invitation;
mod lease;
mod limit;
mod location;
mod pair;
mod patient;
mod person;
mod policy;
mod relation;
mod report;
mod review;
mod rotation;
mod sealed;
mod stream;
mod vault;
mod vector;

pub use act::{ActFilter, ActRow};
pub use alarm::AlarmRow;
pub use backup::TableCount;
pub use code::{CODE_DIGITS, CodeHash};
pub use enrolment::{HubRow, PufQuality, SensorRow};
pub use erasure::{ErasedPatient, Erasure};
pub use error::Error;
pub use head::LogHead;
pub use invitation::{InvitationKind, InvitationRow};
pub use lease::Lease;
pub use limit::LimitRow;
pub use location::Location;
pub use pair::{Claimed, PairPool, Pool};
pub use patient::{PatientId, PatientRow, StayRow};
pub use person::PersonRow;
pub use relation::RelationRow;
pub use report::ReportRow;
pub use review::{ReviewRow, ReviewState};
pub use stream::StreamRow;
pub use vault::DatabaseKey;
pub use vector::VectorRow;

use engine::Pools;
use vault::Vault;

/// The database.
#[derive(Clone)]
pub struct Store {
    pools: Pools,
    vault: Vault,
    pairs: PairPool,
}

impl Store {
    /// Opens the database, makes the file when there is none, and brings its tables up to date. A path is a location, too.
    pub async fn open(location: impl Into<Location>, key: &DatabaseKey) -> Result<Self, Error> {
        let pools = Pools::open(&location.into()).await?;
        let pairs = PairPool::new(pools.clone(), Vault::new(key, sealed::PAIRS)?);
        Ok(Self { pools, vault: Vault::new(key, sealed::CLINIC)?, pairs })
    }

    /// The pool of challenge-response pairs, for a hub.
    pub fn pairs(&self) -> PairPool {
        self.pairs.clone()
    }

    /// Writes SQLite's log back into the file, and closes all connections.
    pub async fn close(self) {
        self.pools.close().await;
    }
}
