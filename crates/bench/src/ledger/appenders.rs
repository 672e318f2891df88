//! Who appends: our log, plain writes into two kinds of space, and two databases. Each at its durable setting.

use crate::processor::processor;
use bodywire_ledger::segment::{ITEM_HEADER_BYTES, RESERVE_BYTES};
use bodywire_ledger::{Disk, FileDisk, Log};
use bodywire_sim::measure::appends::{Batch, RECORD_BYTES, new_log};
use redb::{Database, Durability, ReadableDatabase, ReadableTableMetadata, TableDefinition};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{Connection, SqliteConnection};
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::ops::AddAssign;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

/// Header and signed checkpoint of a frame, about; once for each batch.
const FRAME_EXTRA_BYTES: usize = 256;

/// Space that is written before it is measured, and then again and again. As large as a segment of the log.
const PREWRITTEN_BYTES: u64 = 64 << 20;

const RECORDS: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("record");

/// What appends took.
#[derive(Clone, Copy, Default)]
pub(crate) struct Spent {
    /// On the clock.
    pub(crate) clock: Duration,
    /// Of this thread on a processor, the system's part included.
    pub(crate) processor: Duration,
}

impl Spent {
    /// Measures a call.
    fn on(call: impl FnOnce()) -> Self {
        let (begun, before) = (Instant::now(), processor());
        call();
        Self { clock: begun.elapsed(), processor: processor().saturating_sub(before) }
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.clock += other.clock;
        self.processor += other.processor;
    }
}

/// One way to make batches durable.
pub(crate) trait Appender {
    /// What it is.
    fn name(&self) -> &'static str;
    /// Appends a batch. When this returns, it is durable. What makes the batch ready is not measured.
    fn append(&mut self, batch: &Batch) -> Spent;
    /// Records that it holds.
    fn held(&self) -> u64;
}

/// Our log.
pub(crate) struct Ours(Log<FileDisk>);

impl Ours {
    pub(crate) fn new(directory: &Path) -> Self {
        Self(new_log(directory).expect("a new log"))
    }
}

impl Appender for Ours {
    fn name(&self) -> &'static str {
        "bodywire-ledger"
    }

    fn append(&mut self, batch: &Batch) -> Spent {
        let drafts = batch.drafts();
        Spent::on(|| {
            self.0.append(drafts).expect("the log takes it");
        })
    }

    fn held(&self) -> u64 {
        self.0.size()
    }
}

/// As many bytes as the log writes.
fn same_bytes(batch: &Batch) -> Vec<u8> {
    let header = [0; ITEM_HEADER_BYTES];
    let mut bytes: Vec<u8> = Vec::with_capacity(batch.payloads.len() * (RECORD_BYTES + header.len()));
    for payload in &batch.payloads {
        bytes.extend(header);
        bytes.extend(payload);
    }
    bytes.resize(bytes.len() + FRAME_EXTRA_BYTES, 0);
    bytes
}

/// One write and one `fdatasync` into space that has been written before: neither length nor blocks of the file change.
pub(crate) struct Prewritten {
    file: File,
    at: u64,
    held: u64,
}

impl Prewritten {
    pub(crate) fn new(path: &Path) -> Self {
        let mut file = OpenOptions::new().create_new(true).write(true).open(path).expect("a new file");
        let zeros = vec![0; 1 << 20];
        for _ in 0..PREWRITTEN_BYTES >> 20 {
            file.write_all(&zeros).expect("room on the disk");
        }
        file.sync_all().expect("a disk that works");
        Self { file, at: 0, held: 0 }
    }
}

impl Appender for Prewritten {
    fn name(&self) -> &'static str {
        "pwrite + fdatasync, prewritten"
    }

    fn append(&mut self, batch: &Batch) -> Spent {
        let bytes = same_bytes(batch);
        if self.at + bytes.len() as u64 > PREWRITTEN_BYTES {
            self.at = 0;
        }
        let at = self.at;
        self.at += bytes.len() as u64;
        self.held += batch.payloads.len() as u64;
        Spent::on(|| {
            self.file.write_all_at(&bytes, at).expect("room on the disk");
            self.file.sync_data().expect("a disk that works");
        })
    }

    fn held(&self) -> u64 {
        self.held
    }
}

/// The same into space that is reserved in the log's steps and has never been written.
pub(crate) struct NewSpace {
    disk: FileDisk,
    at: u64,
    held: u64,
}

impl NewSpace {
    pub(crate) fn new(directory: &Path) -> Self {
        Self { disk: FileDisk::open(directory).expect("a new directory"), at: 0, held: 0 }
    }
}

impl Appender for NewSpace {
    fn name(&self) -> &'static str {
        "pwrite + fdatasync, fallocated"
    }

    fn append(&mut self, batch: &Batch) -> Spent {
        let bytes = same_bytes(batch);
        let (at, end) = (self.at, self.at + bytes.len() as u64);
        self.at = end;
        self.held += batch.payloads.len() as u64;
        Spent::on(|| {
            self.disk.reserve("file", end.next_multiple_of(RESERVE_BYTES)).expect("room on the disk");
            self.disk.write("file", at, &bytes).expect("room on the disk");
            self.disk.sync("file").expect("a disk that works");
        })
    }

    fn held(&self) -> u64 {
        self.held
    }
}

/// SQLite through sqlx: write-ahead log, a sync for each commit, one transaction for each batch, one statement for each
/// record. sqlx hands each statement to a thread of its own; that is part of what is measured.
pub(crate) struct Sqlite {
    runtime: Runtime,
    connection: RefCell<SqliteConnection>,
}

impl Sqlite {
    pub(crate) fn new(path: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let connection = runtime.block_on(async {
            let mut connection = SqliteConnection::connect_with(&options).await.expect("a new file");
            sqlx::raw_sql("CREATE TABLE record (sequence INTEGER PRIMARY KEY, payload BLOB NOT NULL)")
                .execute(&mut connection)
                .await
                .expect("a new table");
            connection
        });
        Self { runtime, connection: RefCell::new(connection) }
    }
}

impl Appender for Sqlite {
    fn name(&self) -> &'static str {
        "SQLite by sqlx, WAL, FULL"
    }

    fn append(&mut self, batch: &Batch) -> Spent {
        let connection = self.connection.get_mut();
        Spent::on(|| {
            self.runtime.block_on(async {
                let mut transaction = connection.begin().await.expect("a transaction");
                for (number, payload) in (batch.first..).zip(&batch.payloads) {
                    sqlx::query("INSERT INTO record (sequence, payload) VALUES ($1, $2)")
                        .bind(number.cast_signed())
                        .bind(payload.as_slice())
                        .execute(&mut *transaction)
                        .await
                        .expect("room on the disk");
                }
                transaction.commit().await.expect("a disk that works");
            });
        })
    }

    fn held(&self) -> u64 {
        let mut connection = self.connection.borrow_mut();
        let count = sqlx::query_scalar::<_, i64>("SELECT count(*) FROM record").fetch_one(&mut *connection);
        self.runtime.block_on(count).expect("the table").cast_unsigned()
    }
}

/// redb, one durable transaction for each batch.
pub(crate) struct Redb(Database);

impl Redb {
    pub(crate) fn new(path: &Path) -> Self {
        Self(Database::create(path).expect("a new file"))
    }
}

impl Appender for Redb {
    fn name(&self) -> &'static str {
        "redb, Durability::Immediate"
    }

    fn append(&mut self, batch: &Batch) -> Spent {
        Spent::on(|| {
            let mut transaction = self.0.begin_write().expect("a transaction");
            transaction.set_durability(Durability::Immediate).expect("no savepoints");
            let mut table = transaction.open_table(RECORDS).expect("a table");
            for (number, payload) in (batch.first..).zip(&batch.payloads) {
                table.insert(number, payload.as_slice()).expect("room on the disk");
            }
            drop(table);
            transaction.commit().expect("a disk that works");
        })
    }

    fn held(&self) -> u64 {
        let transaction = self.0.begin_read().expect("a transaction");
        transaction.open_table(RECORDS).expect("the table").len().expect("a disk that works")
    }
}
