//! The record of alarms: raised and ended by reports, acknowledged by people at the board.

use crate::Error;
use crate::board::{AlarmState, AlarmView, Board, Event, Since, WARD};
use crate::chart::AlarmChange;
use crate::limits::record_code;
use bodywire_proto::report::{Condition, OF_THE_BED};
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
    /// Limits that are violated: bed and number in the record, by number on the board.
    limits: BTreeMap<u64, (HubId, u64)>,
}

impl AlarmLog {
    /// A log that begins with the next event of the board.
    pub(crate) fn new(board: &Board) -> Self {
        Self { read_to: board.snapshot().last_event_id, open: BTreeMap::new(), limits: BTreeMap::new() }
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
            self.take_limit(event.bed, &alarm, store).await?;
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

    /// Alarms of limits are raised by the board, and no entry of the ledger stands behind them: their numbers are made of the time,
    /// which is far above that of any entry.
    async fn take_limit(&mut self, bed: u16, alarm: &AlarmView, store: &Store) -> Result<(), Error> {
        let Some(condition) = record_code(&alarm.condition).filter(|_| bed != WARD) else { return Ok(()) };
        let (hub, ended) = (HubId(bed), matches!(alarm.state, AlarmState::Latched | AlarmState::Off));
        let known = self.limits.get(&alarm.id.0).copied();
        let number = match known {
            Some((_, number)) => number,
            None if ended => return Ok(()),
            None => {
                let number = alarm.raised_at_ms.saturating_mul(8) + u64::from(condition % 8);
                let row = AlarmRow {
                    alarm: number,
                    hub,
                    sensor: OF_THE_BED,
                    condition,
                    raised_ms: alarm.raised_at_ms,
                    ended_ms: None,
                    acknowledged: None,
                };
                store.raise_alarm(&row).await?;
                self.limits.insert(alarm.id.0, (hub, number));
                number
            }
        };
        if let Some(acknowledgement) = &alarm.acknowledged {
            store.acknowledge_alarm(hub, number, acknowledgement.at_ms, &acknowledgement.who).await?;
        }
        if ended {
            store.end_alarm(hub, number, alarm.ended_at_ms.unwrap_or(alarm.raised_at_ms)).await?;
        }
        if alarm.state == AlarmState::Off {
            self.limits.remove(&alarm.id.0);
        }
        Ok(())
    }
}
