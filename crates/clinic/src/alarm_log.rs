//! The record of alarms: raised and ended by reports, acknowledged by people at the board.

use crate::Error;
use crate::board::{AlarmState, AlarmView, Board, Since};
use crate::chart::AlarmChange;
use bodywire_proto::report::Condition;
use bodywire_store::{AlarmRow, ReportRow, Store};
use std::collections::BTreeMap;

/// What happens to alarms, for the record: raised and ended by reports, acknowledged by people at the board.
pub(crate) struct AlarmLog {
    read_to: u64,
    /// Number on the board to (entry that raised it, condition).
    open: BTreeMap<u64, (u64, Condition)>,
}

impl AlarmLog {
    /// A log that begins with the next event of the board.
    pub(crate) fn new(board: &Board) -> Self {
        Self { read_to: board.snapshot().last_event_id, open: BTreeMap::new() }
    }

    /// Writes down what a report has changed.
    pub(crate) async fn note(
        &mut self,
        change: AlarmChange,
        row: &ReportRow,
        store: &Store,
    ) -> Result<(), Error> {
        match change {
            AlarmChange::Raised(id, condition) => {
                self.open.insert(id.0, (row.ledger_index, condition));
                let alarm = AlarmRow {
                    alarm: row.ledger_index,
                    hub: row.hub,
                    sensor: row.sensor,
                    condition: condition as u8,
                    raised_ms: row.hub_time_ms,
                    ended_ms: None,
                    acknowledged: None,
                };
                store.raise_alarm(&alarm).await?;
            }
            AlarmChange::Ended(condition) => {
                for (entry, _) in self.open.values().filter(|(_, other)| *other == condition) {
                    store.end_alarm(*entry, row.hub_time_ms).await?;
                }
            }
        }
        Ok(())
    }

    /// Writes down what people have acknowledged since the last call.
    pub(crate) async fn write(&mut self, board: &Board, store: &Store) -> Result<(), Error> {
        let Since::Events(events) = board.events_since(self.read_to) else {
            self.read_to = board.snapshot().last_event_id;
            return Ok(());
        };
        for event in events {
            self.read_to = event.id;
            if event.kind != "alarm" {
                continue;
            }
            let Ok(alarm) = serde_json::from_str::<AlarmView>(&event.data) else { continue };
            let Some((entry, _)) = self.open.get(&alarm.id.0).copied() else { continue };
            if let Some(acknowledgement) = &alarm.acknowledged {
                store.acknowledge_alarm(entry, acknowledgement.at_ms, &acknowledgement.who).await?;
            }
            if alarm.state == AlarmState::Off {
                self.open.remove(&alarm.id.0);
            }
        }
        Ok(())
    }
}
