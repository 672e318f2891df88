//! The record of alarms: raised and ended by reports, acknowledged by people at the board.

use crate::Error;
use crate::board::{AlarmState, AlarmView, Board, Event, Since};
use crate::chart::AlarmChange;
use bodywire_proto::report::Condition;
use bodywire_proto::wire::HubId;
use bodywire_store::{AlarmRow, ReportRow, Store};
use std::collections::BTreeMap;

/// An alarm that is on the board.
struct Open {
    /// The ledger entry that raised it, which is its number in the record.
    hub: HubId,
    entry: u64,
    condition: Condition,
    /// The condition is over, and nobody has looked.
    ended: bool,
}

/// What happens to alarms, for the record: raised and ended by reports, acknowledged by people at the board.
pub(crate) struct AlarmLog {
    read_to: u64,
    /// By number on the board.
    open: BTreeMap<u64, Open>,
}

impl AlarmLog {
    /// A log that begins with the next event of the board.
    pub(crate) fn new(board: &Board) -> Self {
        Self { read_to: board.snapshot().last_event_id, open: BTreeMap::new() }
    }

    /// Writes down what a report has changed; true when that is a new alarm. A condition that is said again is not.
    pub(crate) async fn note(
        &mut self,
        change: AlarmChange,
        row: &ReportRow,
        store: &Store,
    ) -> Result<bool, Error> {
        match change {
            AlarmChange::Raised(id, condition) => {
                if self.open.get(&id.0).is_some_and(|open| !open.ended) {
                    return Ok(false);
                }
                self.open
                    .insert(id.0, Open { hub: row.hub, entry: row.ledger_index, condition, ended: false });
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
                Ok(true)
            }
            AlarmChange::Ended(condition) => {
                for open in self.open.values_mut().filter(|open| open.condition == condition && !open.ended) {
                    open.ended = true;
                    store.end_alarm(open.hub, open.entry, row.hub_time_ms).await?;
                }
                Ok(false)
            }
        }
    }

    /// Writes down what people have acknowledged since the last call.
    pub(crate) async fn write(&mut self, board: &Board, store: &Store) -> Result<(), Error> {
        loop {
            let Since::Events(events) = board.events_since(self.read_to) else {
                self.read_to = board.snapshot().last_event_id;
                return Ok(());
            };
            if events.is_empty() {
                return Ok(());
            }
            self.take(events, store).await?;
        }
    }

    async fn take(&mut self, events: Vec<Event>, store: &Store) -> Result<(), Error> {
        for event in events {
            self.read_to = event.id;
            if event.kind != "alarm" {
                continue;
            }
            let Ok(alarm) = serde_json::from_str::<AlarmView>(&event.data) else { continue };
            let Some((hub, entry)) = self.open.get(&alarm.id.0).map(|open| (open.hub, open.entry)) else {
                continue;
            };
            if let Some(acknowledgement) = &alarm.acknowledged {
                store.acknowledge_alarm(hub, entry, acknowledgement.at_ms, &acknowledgement.who).await?;
            }
            if alarm.state == AlarmState::Off {
                self.open.remove(&alarm.id.0);
            }
        }
        Ok(())
    }
}
