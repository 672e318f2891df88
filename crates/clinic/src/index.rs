//! What the index is to say of the ledger's entries: made when they are appended, and made anew from the ledger after a crash.

use crate::Error;
use crate::archive::{Archive, FLAG_LATE, Item};
use crate::gate::act::{ACT_KINDS, Act};
use crate::gate::place::row_of as row_of_act;
use crate::settle::Batch;
use bodywire_proto::report::{Kind, OF_THE_BED, Report};
use bodywire_proto::risk::RiskClass;
use bodywire_store::{ActRow, ReportRow};

/// The row of a report that lies at `ledger_index`.
pub(crate) fn row_of(ledger_index: u64, item: &Item) -> Option<ReportRow> {
    let report = Report::parse(&item.report).ok()?;
    Some(ReportRow {
        hub: item.hub,
        number: item.number,
        ledger_index,
        sensor: item.sensor,
        kind: report.header.kind as u8,
        hub_time_ms: item.hub_time_ms,
    })
}

/// What a crash left in the ledger only: the head, and the rows to index. What has been erased since is left out.
pub(crate) async fn unregistered(archive: &mut Archive) -> Result<(Batch, Vec<ActRow>), Error> {
    let mut acts = Vec::new();
    let mut batch = Batch::of_head(archive.head()?);
    for index in archive.registered()..archive.size() {
        match archive.read(index).await {
            Ok((hub, sensor, entry, report)) => {
                let late = entry.flags & FLAG_LATE != 0;
                let number = entry.stream_seq;
                let class = RiskClass::III;
                let item = Item { hub, number, sensor, hub_time_ms: entry.time_ms, late, class, report };
                batch.rows.extend(row_of(index, &item));
            }
            Err(Error::NoReport { .. }) => {
                unregistered_vector(archive, index, &mut batch).await?;
                acts.extend(unregistered_act(archive, index).await?);
            }
            Err(Error::Erased { .. }) => {}
            // An older database was restored: whose data it is stood in the lost one only. That must not keep the ward dark.
            Err(Error::UnknownStream { .. }) => {
                tracing::warn!(index, "a report stays out of the index: nobody knows whose it is");
            }
            Err(error) => return Err(error),
        }
    }
    Ok((batch, acts))
}

/// The row of an entry that is a record of access.
async fn unregistered_act(archive: &mut Archive, index: u64) -> Result<Option<ActRow>, Error> {
    let kind = archive.kind(index)?;
    if !ACT_KINDS.contains(&kind) {
        return Ok(None);
    }
    match archive.noted(index).await {
        Ok((_, text)) => Ok(Act::parse(&text).map(|act| row_of_act(kind, index, &act))),
        Err(Error::Erased { .. } | Error::Unreadable { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The same of one entry that is no sealed report: a vector, or a record of the ledger's own.
async fn unregistered_vector(archive: &Archive, index: u64, batch: &mut Batch) -> Result<(), Error> {
    match archive.vector(index).await {
        Ok(stored) => {
            let vector = stored.row(index);
            batch.rows.push(ReportRow {
                hub: vector.hub,
                number: vector.number,
                ledger_index: index,
                sensor: OF_THE_BED,
                kind: Kind::Vector as u8,
                hub_time_ms: stored.entry.time_ms,
            });
            batch.vectors.push(vector);
            Ok(())
        }
        Err(Error::Erased { .. } | Error::NoVector { .. }) => Ok(()),
        Err(Error::UnknownStream { .. }) => {
            tracing::warn!(index, "a vector stays out of the index: nobody knows whose it is");
            Ok(())
        }
        Err(error) => Err(error),
    }
}
