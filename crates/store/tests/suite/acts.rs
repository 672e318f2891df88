//! The index of records of access.

use super::{HUB, Place, SENSOR, open};
use bodywire_store::{ActFilter, ActRow, AlarmRow};

const LOG: &str = "ward.example/log";

fn row(ledger_index: u64, bed: u16, person: u8, patient: Option<u64>) -> ActRow {
    let purpose = if person == 1 { "treatment" } else { "break-glass" };
    ActRow {
        ledger_index,
        kind: 4,
        at_ms: 10 * ledger_index,
        bed,
        patient,
        person: [person; 16],
        purpose: purpose.to_owned(),
    }
}

pub(crate) async fn acts_are_indexed_once_and_found_by_what_is_asked(place: &impl Place) {
    let store = open(place).await;
    let rows = [row(3, 1, 1, Some(7)), row(5, 2, 2, Some(8)), row(9, 1, 2, None)];
    store.add_acts(LOG, &rows).await.unwrap();
    // Made anew from the ledger after a crash, they are there already.
    store.add_acts(LOG, &rows).await.unwrap();
    store.add_acts("another.example/log", &[row(3, 1, 1, Some(7))]).await.unwrap();
    let newest_first: Vec<ActRow> = rows.iter().rev().cloned().collect();
    assert_eq!(store.acts(LOG, &ActFilter::default(), 9).await.unwrap(), newest_first);
    let found = async |filter: ActFilter| {
        let rows = store.acts(LOG, &filter, 9).await.unwrap();
        rows.iter().map(|row| row.ledger_index).collect::<Vec<_>>()
    };
    assert_eq!(found(ActFilter { before: Some(9), ..ActFilter::default() }).await, [5, 3]);
    assert_eq!(found(ActFilter { bed: Some(1), ..ActFilter::default() }).await, [9, 3]);
    assert_eq!(found(ActFilter { person: Some([2; 16]), ..ActFilter::default() }).await, [9, 5]);
    assert_eq!(found(ActFilter { purpose: Some("treatment".into()), ..ActFilter::default() }).await, [3]);
    assert_eq!(found(ActFilter { kind: Some(3), ..ActFilter::default() }).await, [0u64; 0]);
    let about = Some((vec![7], [2; 16]));
    assert_eq!(found(ActFilter { about, ..ActFilter::default() }).await, [9, 5, 3]);
    let about = Some((vec![8], [3; 16]));
    assert_eq!(found(ActFilter { about, ..ActFilter::default() }).await, [5]);
    assert_eq!(store.acts(LOG, &ActFilter::default(), 1).await.unwrap().len(), 1);
}

pub(crate) async fn alarms_of_a_hub_come_newest_first(place: &impl Place) {
    let store = open(place).await;
    let alarm = |number: u64, raised_ms| AlarmRow {
        alarm: number,
        hub: HUB,
        sensor: SENSOR,
        condition: 1,
        raised_ms,
        ended_ms: None,
        acknowledged: None,
    };
    for (number, raised_ms) in [(1, 10), (2, 30), (3, 20)] {
        store.raise_alarm(&alarm(number, raised_ms)).await.unwrap();
    }
    let of = async |before| {
        let rows = store.alarms_of(HUB, before, 2).await.unwrap();
        rows.iter().map(|row| row.alarm).collect::<Vec<_>>()
    };
    assert_eq!(of(u64::MAX).await, [2, 3]);
    assert_eq!(of(20).await, [1]);
}
