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
/// Sensor number to its [`HubRecord`].
const SENSORS: TableDefinition<'_, u16, &[u8]> = TableDefinition::new("sensors");
/// Named counters.
const COUNTERS: TableDefinition<'_, &str, u64> = TableDefinition::new("counters");
/// The next report number; numbers are never used twice, also after the outbox has run empty.
const NEXT_NUMBER: &str = "next report number";

/// Bytes of unacknowledged reports at most: a full bed makes about 3 KiB a second, so this is four days.
pub const SPOOL_BYTES_MAX: u64 = 1 << 30;
/// Memory for the file's pages. The default of a gibibyte is meant for servers.
const CACHE_BYTES: usize = 8 << 20;

/// The hub's durable state.
pub struct Spool {
    database: Database,
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
        let transaction = database.begin_write()?;
        let (next_number, pending, bytes);
        {
            let outbox = transaction.open_table(OUTBOX)?;
            transaction.open_table(SENSORS)?;
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
        Ok(Self { database, next_number, pending, bytes })
    }

    /// The number that the next report will get.
    pub const fn next_number(&self) -> u64 {
        self.next_number
    }

    /// Reports that wait for the clinic.
    pub const fn pending(&self) -> u64 {
        self.pending
    }

    /// Appends reports that were made with the numbers from [`Self::next_number`] on. Durable when it returns.
    pub fn push(&mut self, reports: &[Vec<u8>]) -> Result<(), Error> {
        let added: u64 = reports.iter().map(|report| report.len() as u64).sum();
        if self.bytes + added > SPOOL_BYTES_MAX {
            return Err(Error::SpoolFull { bytes: SPOOL_BYTES_MAX });
        }
        let transaction = self.database.begin_write()?;
        let next = self.next_number + reports.len() as u64;
        {
            let mut outbox = transaction.open_table(OUTBOX)?;
            for (number, report) in (self.next_number..).zip(reports) {
                outbox.insert(number, report.as_slice())?;
            }
            transaction.open_table(COUNTERS)?.insert(NEXT_NUMBER, next)?;
        }
        transaction.commit()?;
        self.next_number = next;
        self.pending += reports.len() as u64;
        self.bytes += added;
        Ok(())
    }

    /// Up to `limit` waiting reports with numbers from `from` on, oldest first.
    pub fn waiting(&self, from: u64, limit: usize) -> Result<Vec<(u64, Vec<u8>)>, Error> {
        let transaction = self.database.begin_read()?;
        let outbox = transaction.open_table(OUTBOX)?;
        let rows = outbox.range(from..)?.take(limit);
        rows.map(|row| {
            row.map(|(number, report)| (number.value(), report.value().to_vec())).map_err(Error::from)
        })
        .collect()
    }

    /// Drops acknowledged reports; returns how many were there. Not synced: after a crash they are sent once more,
    /// and the clinic knows them.
    pub fn acknowledge(&mut self, numbers: &[u64]) -> Result<usize, Error> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::None)?;
        let mut removed = Vec::new();
        {
            let mut outbox = transaction.open_table(OUTBOX)?;
            for number in numbers {
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
mod tests {
    use super::*;
    use bodywire_proto::handshake::HubSecret;
    use bodywire_proto::handshake::hardened::HubChain;
    use bodywire_proto::prf::Key;
    use bodywire_proto::wire::{HubId, SensorId, Suite};

    #[test]
    fn reports_wait_until_they_are_acknowledged_and_numbers_never_repeat() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("spool.redb");
        let mut spool = Spool::open(&file).unwrap();
        spool.push(&[b"a".to_vec(), b"b".to_vec(), b"c".to_vec()]).unwrap();
        assert_eq!(spool.waiting(1, 9).unwrap(), [(1, b"b".to_vec()), (2, b"c".to_vec())]);
        assert_eq!(spool.acknowledge(&[1, 1, 7]).unwrap(), 1);
        drop(spool);
        let mut spool = Spool::open(&file).unwrap();
        assert_eq!((spool.pending(), spool.next_number()), (2, 3));
        spool.acknowledge(&[0, 2]).unwrap();
        drop(spool);
        let spool = Spool::open(&file).unwrap();
        assert_eq!((spool.pending(), spool.next_number()), (0, 3));
    }

    #[test]
    fn sensor_records_survive() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("spool.redb");
        let chain = HubChain::enrolled(Suite::Polar512, Key::new([3; 32]));
        let secret = HubSecret::Hardened(chain);
        let record = HubRecord { sensor: SensorId(4), hub: HubId(1), secret };
        Spool::open(&file).unwrap().save_sensor(&record).unwrap();
        let spool = Spool::open(&file).unwrap();
        assert_eq!(spool.sensors().unwrap(), [record]);
        assert!(matches!(Spool::open(&file), Err(Error::SpoolTaken(_))));
    }
}
