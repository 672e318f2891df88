//! What the hub must not forget: reports that the clinic has not acknowledged, and the keys of its sensors.
//!
//! A report is on durable storage before the first fragment of it leaves, and goes away only when the clinic has it
//! stored and in the ledger.

use crate::error::Error;
use bodywire_proto::handshake::HubRecord;
use redb::{Database, Durability, ReadableDatabase, ReadableTable, ReadableTableMetadata, TableDefinition};
use std::path::Path;

/// Report number to the report's bytes.
const OUTBOX: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("outbox");
/// Numbers of the reports in the outbox that go before the others.
const URGENT: TableDefinition<'_, u64, ()> = TableDefinition::new("urgent");
/// Sensor number to its [`HubRecord`].
const SENSORS: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("sensors");
/// Named counters.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
/// The next report number; numbers are never used twice, also after the outbox has run empty.
const NEXT_NUMBER: &str = "next report number";

/// Bytes of unacknowledged reports at most: a full bed makes about 3 KiB a second, so this is four days.
pub const SPOOL_BYTES_MAX: u64 = 1 << 30;
/// Beyond that there is room for alarms only: a hundred thousand of them.
pub const SPOOL_URGENT_BYTES: u64 = 16 << 20;
/// Memory for the file's pages. The default of a gibibyte is meant for servers.
const CACHE_BYTES: usize = 8 << 20;

/// A report on its way into the spool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Its bytes.
    pub report: Vec<u8>,
    /// It goes before the others.
    pub urgent: bool,
}

/// The hub's durable state.
pub struct Spool {
    database: Database,
    limit: u64,
    next_number: u64,
    pending: u64,
    bytes: u64,
}

impl Spool {
    /// Opens or creates the spool's file.
    pub fn open(file: &Path) -> Result<Self, Error> {
        let database =
            Database::builder().set_cache_size(CACHE_BYTES).create(file).map_err(|error| match error {
                redb::DatabaseError::DatabaseAlreadyOpen => Error::SpoolTaken(file.display().to_string()),
                other => Error::Spool(other.into()),
            })?;
        Self::on(database)
    }

    /// A spool on something that is no file, such as a disk in memory that may lose power.
    pub fn on_backend(backend: impl redb::StorageBackend) -> Result<Self, Error> {
        let database = Database::builder().set_cache_size(CACHE_BYTES).create_with_backend(backend);
        Self::on(database.map_err(|error| Error::Spool(error.into()))?)
    }

    fn on(database: Database) -> Result<Self, Error> {
        let transaction = database.begin_write()?;
        let (next_number, pending, bytes);
        {
            let outbox = transaction.open_table(OUTBOX)?;
            transaction.open_table(SENSORS)?;
            transaction.open_table(URGENT)?;
            let counters = transaction.open_table(COUNTERS)?;
            next_number = counters.get(NEXT_NUMBER)?.map_or(0, |value| value.value());
            pending = outbox.len()?;
            let mut total = 0;
            for row in outbox.iter()? {
                total += row?.1.value().len() as u64;
            }
            bytes = total;
        }
        transaction.commit()?;
        Ok(Self { database, limit: SPOOL_BYTES_MAX, next_number, pending, bytes })
    }

    /// Holds at most so many bytes of reports, and [`SPOOL_URGENT_BYTES`] more of alarms.
    #[must_use]
    pub fn with_limit(self, bytes: u64) -> Self {
        Self { limit: bytes, ..self }
    }

    /// Bytes of the reports that wait.
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number that the next report will get.
    pub const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Reports that wait for the clinic.
    pub const fn pending(&self) -> u64 {
        self.pending
    }

    /// Appends reports that were made with the numbers from [`Self::next_number`] on. Durable when it returns. When there is
    /// no room for all of them, none is taken.
    pub fn push(&mut self, reports: &[Outgoing]) -> Result<(), Error> {
        let added: u64 = reports.iter().map(|outgoing| outgoing.report.len() as u64).sum();
        let reserve = if reports.iter().all(|outgoing| outgoing.urgent) { SPOOL_URGENT_BYTES } else { 0 };
        if self.bytes + added > self.limit + reserve {
            return Err(Error::SpoolFull { bytes: self.limit });
        }
        let transaction = self.database.begin_write()?;
        let next = self.next_number + reports.len() as u64;
        {
            let mut outbox = transaction.open_table(OUTBOX)?;
            let mut urgent = transaction.open_table(URGENT)?;
            for (number, outgoing) in (self.next_number..).zip(reports) {
                outbox.insert(number, outgoing.report.as_slice())?;
                if outgoing.urgent {
                    urgent.insert(number, ())?;
                }
            }
            transaction.open_table(COUNTERS)?.insert(NEXT_NUMBER, next)?;
        }
        transaction.commit()?;
        self.next_number = next;
        self.pending += reports.len() as u64;
        self.bytes += added;
        Ok(())
    }

    /// Up to `limit` waiting reports that are not urgent, with numbers from `from` on, oldest first.
    pub fn waiting(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let transaction = self.database.begin_read()?;
        let outbox = transaction.open_table(OUTBOX)?;
        let urgent = transaction.open_table(URGENT)?;
        let mut found = Vec::new();
        for row in outbox.range(from..)? {
            let (number, report) = row?;
            if found.len() >= limit {
                break;
            }
            if urgent.get(number.value())?.is_none() {
                found.push((number.value(), report.value().to_vec()));
            }
        }
        Ok(found)
    }

    /// Up to `limit` waiting urgent reports with numbers from `from` on, oldest first.
    pub fn urgent(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let transaction = self.database.begin_read()?;
        let outbox = transaction.open_table(OUTBOX)?;
        let mut found = Vec::new();
        for row in transaction.open_table(URGENT)?.range(from..)?.take(limit) {
            let number = row?.0.value();
            found.extend(outbox.get(number)?.map(|report| (number, report.value().to_vec())));
        }
        Ok(found)
    }

    /// Drops acknowledged reports; returns how many were there. Not synced: after a crash they are sent once more,
    /// and the clinic knows them.
    pub fn acknowledge(&mut self, numbers: &[u64]) -> Result<usize, Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        let mut removed = Vec::new();
        {
            let mut outbox = transaction.open_table(OUTBOX)?;
            let mut urgent = transaction.open_table(URGENT)?;
            for number in numbers {
                urgent.remove(number)?;
                removed.extend(outbox.remove(number)?.map(|report| report.value().len() as u64));
            }
        }
        transaction.commit()?;
        self.pending -= removed.len() as u64;
        self.bytes -= removed.iter().sum::<u64>();
        Ok(removed.len())
    }

    /// Puts the state of a sensor's link on durable storage.
    pub fn save_sensor(&self, record: &HubRecord) -> Result<(), Error> {
        let transaction = self.database.begin_write()?;
        transaction.open_table(SENSORS)?.insert(record.sensor.0, record.to_bytes()?.as_bytes())?;
        transaction.commit()?;
        Ok(())
    }

    /// The state of all sensors' links.
    pub fn sensors(&self) -> Result<Vec<HubRecord>, Error> {
        let transaction = self.database.begin_read()?;
        let table = transaction.open_table(SENSORS)?;
        table.iter()?.map(|row| Ok(HubRecord::from_bytes(row?.1.value())?)).collect()
    }
}

#[cfg(test)]
mod tests;
