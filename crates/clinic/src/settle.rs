//! What is stored here and not yet settled: it waits for a quorum of replicas, then it is indexed, the head register goes on, and
//! the hub may forget it.

use crate::ingest::Receipt;
use bodywire_proto::wire::HubId;
use bodywire_store::{LogHead, ReportRow, VectorRow};
use std::collections::{HashSet, VecDeque};

/// Reports that wait for replicas at most; what arrives then waits in memory, and the hubs' windows, which nobody
/// acknowledges, end it. A day of a sensor's reports once a second: no window is as large.
pub const UNSETTLED_MAX: usize = 1 << 16;

/// When a report is acknowledged to its hub.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Acknowledge {
    /// When it is durable in this clinic's ledger.
    #[default]
    Local,
    /// When a quorum of replicas has it durably, too. Alarms do not wait.
    Mirrored,
    /// When a quorum of witnesses has cosigned a published checkpoint with it, too: some seconds. Alarms do not wait.
    Witnessed,
}

/// Reports of one commit.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch {
    /// The log's head behind them.
    pub head: LogHead,
    /// What the index is to say of them.
    pub rows: Vec<ReportRow>,
    /// What it is to say of the vectors among them.
    pub vectors: Vec<VectorRow>,
    /// Whom to acknowledge when they are settled.
    pub receipts: Vec<Receipt>,
}

impl Batch {
    /// No reports, but the log has gone on.
    #[must_use]
    pub const fn of_head(head: LogHead) -> Self {
        Self { head, rows: Vec::new(), vectors: Vec::new(), receipts: Vec::new() }
    }
}

/// Batches in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Unsettled {
    batches: VecDeque<Batch>,
    numbers: HashSet<(HubId, u64)>,
}

impl Unsettled {
    pub(crate) fn push(&mut self, batch: Batch) {
        self.numbers.extend(batch.rows.iter().map(|row| (row.hub, row.number)));
        self.batches.push_back(batch);
    }

    /// Whether a report is stored and waits.
    pub(crate) fn has(&self, hub: HubId, number: u64) -> bool {
        self.numbers.contains(&(hub, number))
    }

    /// What came again and waits is acknowledged with what waits longest.
    pub(crate) fn wait(&mut self, receipt: Receipt) {
        if let Some(last) = self.batches.back_mut() {
            last.receipts.push(receipt);
        }
    }

    /// Whether no more should be stored now.
    pub(crate) fn is_full(&self) -> bool {
        self.len() >= UNSETTLED_MAX
    }

    /// Reports that wait.
    pub(crate) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The batches that a log of `size` vouched entries settles.
    pub(crate) fn settled(&mut self, size: u64) -> Vec<Batch> {
        let count = self.batches.iter().take_while(|batch| batch.head.size <= size).count();
        let batches: Vec<Batch> = self.batches.drain(..count).collect();
        for row in batches.iter().flat_map(|batch| &batch.rows) {
            self.numbers.remove(&(row.hub, row.number));
        }
        batches
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bodywire_proto::wire::SensorId;

    #[test]
    fn batches_settle_in_order_and_are_known_while_they_wait() {
        let batch = |size: u64| Batch {
            head: LogHead { size, root: [0; 32], note: String::new() },
            rows: vec![ReportRow {
                hub: HubId(1),
                number: size,
                ledger_index: size - 1,
                sensor: SensorId(1),
                kind: 0,
                hub_time_ms: 0,
            }],
            vectors: Vec::new(),
            receipts: Vec::new(),
        };
        let mut unsettled = Unsettled::default();
        [2, 5, 9].into_iter().for_each(|size| unsettled.push(batch(size)));
        assert!(unsettled.has(HubId(1), 5) && !unsettled.has(HubId(2), 5));
        assert!(unsettled.settled(1).is_empty());
        let sizes: Vec<u64> = unsettled.settled(8).iter().map(|batch| batch.head.size).collect();
        assert_eq!(sizes, [2, 5]);
        assert!(!unsettled.has(HubId(1), 5) && unsettled.has(HubId(1), 9));
        assert_eq!((unsettled.len(), unsettled.is_full()), (1, false));
    }
}
