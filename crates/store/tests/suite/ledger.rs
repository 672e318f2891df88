//! What the ledger needs: its index, its head, and what its names mean.

use super::*;
use bodywire_store::{AlarmRow, Error, LogHead, ReportRow, StreamRow};
use std::collections::HashSet;

const ORIGIN: &str = "ward.example/ledger";

fn row() -> ReportRow {
    ReportRow { hub: HUB, number: 5, ledger_index: 9, sensor: SENSOR, kind: 1, hub_time_ms: 1_000 }
}

fn head(size: u64) -> LogHead {
    LogHead { size, root: [size as u8; 32], note: format!("{ORIGIN}\n{size}\n") }
}

pub(crate) async fn a_report_is_indexed_once(place: &impl Place) {
    let store = open(place).await;
    let row = row();
    assert_eq!(store.last_indexed().await.unwrap(), None);
    store.index_reports(&[row], &[], None).await.unwrap();
    let asked = [(HUB, 1_000), (HUB, 5), (HubId(2), 5), (HUB, 6)];
    assert_eq!(store.stored(&asked).await.unwrap(), HashSet::from([(HUB, 5)]));
    let other = ReportRow { number: 6, ledger_index: 10, ..row };
    assert!(store.index_reports(&[other, row], &[], None).await.is_err());
    assert!(store.stored(&[(HUB, 6)]).await.unwrap().is_empty(), "a failed batch leaves nothing behind");
    assert_eq!(store.last_indexed().await.unwrap(), Some(9));
    assert_eq!(store.reports(HUB).await.unwrap(), [row]);
    let newer = ReportRow { number: 7, ledger_index: 11, ..row };
    store.index_reports(&[newer], &[], None).await.unwrap();
    assert_eq!(store.last_report(HUB, SENSOR, 1).await.unwrap(), Some(newer));
    assert_eq!(store.last_report(HUB, SENSOR, 2).await.unwrap(), None);
    let alarm = ReportRow { number: 9, ledger_index: 12, kind: 4, hub_time_ms: 2_000, ..row };
    store.index_reports(&[alarm], &[], None).await.unwrap();
    assert_eq!(store.newest_reports(4).await.unwrap(), [(HUB, SENSOR, 7)]);
    let between = async |times, after, limit| store.reports_between(HUB, times, after, limit).await.unwrap();
    assert_eq!(between((1_000, 2_000), None, 9).await, [row, newer]);
    assert_eq!(between((1_000, u64::MAX), Some(5), 1).await, [newer]);
    assert_eq!(between((1_001, 9_000), None, 9).await, [alarm]);
    let since = async |kind, from_ms| store.reports_since((HUB, SENSOR), kind, from_ms, 9).await.unwrap();
    assert_eq!((since(1, 1_000).await, since(4, 2_001).await), (vec![newer, row], vec![]));
}

pub(crate) async fn the_index_and_the_head_advance_together_or_not_at_all(place: &impl Place) {
    let store = open(place).await;
    assert_eq!(store.head(ORIGIN).await.unwrap(), None);
    let fenced = store.index_reports(&[row()], &[], Some((ORIGIN, 3, &head(4)))).await;
    assert!(matches!(fenced, Err(Error::Fenced { size: 0, .. })), "{fenced:?}");
    store.index_reports(&[row()], &[], Some((ORIGIN, 0, &head(10)))).await.unwrap();
    assert_eq!(store.head(ORIGIN).await.unwrap(), Some(head(10)));
    let next = ReportRow { number: 6, ledger_index: 10, ..row() };
    let fenced = store.index_reports(&[next], &[], Some((ORIGIN, 9, &head(11)))).await;
    assert!(matches!(fenced, Err(Error::Fenced { ref origin, size: 10 }) if origin == ORIGIN), "{fenced:?}");
    assert!(store.stored(&[(HUB, 6)]).await.unwrap().is_empty(), "a fenced writer indexes nothing");
    // A row that is there already: then the head stays, too.
    assert!(store.index_reports(&[next, row()], &[], Some((ORIGIN, 10, &head(11)))).await.is_err());
    assert_eq!(store.head(ORIGIN).await.unwrap(), Some(head(10)));
    store.index_reports(&[next], &[], Some((ORIGIN, 10, &head(11)))).await.unwrap();
    assert!(!store.advance_head(ORIGIN, 0, &head(12)).await.unwrap(), "it is not new");
    assert!(matches!(store.advance_head(ORIGIN, 11, &head(9)).await, Err(Error::HeadGoesBack { .. })));
    assert_eq!(store.head(ORIGIN).await.unwrap(), Some(head(11)));
    assert_eq!(store.head("other").await.unwrap(), None);
}

pub(crate) async fn one_of_two_writers_wins_each_size(place: &impl Place) {
    const SIZES: u64 = 60;
    // Two processes, each with connections of its own.
    let writers = [open(place).await, open(place).await];
    let tasks = writers.map(|store| {
        tokio::spawn(async move {
            let mut won = Vec::new();
            loop {
                let size = store.head(ORIGIN).await.unwrap().map_or(0, |head| head.size);
                if size >= SIZES {
                    return won;
                }
                let row = ReportRow { number: size, ledger_index: size, ..row() };
                match store.index_reports(&[row], &[], Some((ORIGIN, size, &head(size + 1)))).await {
                    Ok(()) => won.push(size),
                    Err(Error::Fenced { size: now, .. }) => assert!(now > size),
                    Err(other) => panic!("{other}"),
                }
            }
        })
    });
    let mut won = Vec::new();
    for task in tasks {
        won.extend(task.await.unwrap());
    }
    won.sort_unstable();
    assert_eq!(won, (0..SIZES).collect::<Vec<_>>(), "each size has one winner");
    assert_eq!(open(place).await.reports(HUB).await.unwrap().len() as u64, SIZES);
}

pub(crate) async fn the_first_acknowledgement_counts(place: &impl Place) {
    let store = open(place).await;
    let (ended_ms, acknowledged) = (None, None);
    let row =
        AlarmRow { alarm: 1, hub: HUB, sensor: SENSOR, condition: 3, raised_ms: 10, ended_ms, acknowledged };
    store.raise_alarm(&row).await.unwrap();
    store.acknowledge_alarm(HUB, 1, 20, "S. Ode").await.unwrap();
    store.acknowledge_alarm(HUB, 1, 30, "later").await.unwrap();
    store.end_alarm(HUB, 1, 40).await.unwrap();
    let expected = AlarmRow { ended_ms: Some(40), acknowledged: Some((20, "S. Ode".into())), ..row };
    assert_eq!(store.alarms().await.unwrap(), [expected]);
}

pub(crate) async fn names_in_the_ledger_keep_their_meaning(place: &impl Place) {
    let store = open(place).await;
    let patient = store.admit_patient(b"", HUB, 5).await.unwrap();
    store.add_data_key([1; 16], &[2; 32], None, None, 5).await.unwrap();
    assert_eq!(store.data_key([1; 16]).await.unwrap(), Some([2; 32]));
    assert_eq!(store.data_key([3; 16]).await.unwrap(), None);
    let row = StreamRow { stream: [4; 16], hub: HUB, sensor: SENSOR, patient: None };
    store.add_stream(row).await.unwrap();
    assert!(store.add_stream(StreamRow { stream: [5; 16], ..row }).await.is_err(), "a sensor has one stream");
    let theirs = StreamRow { stream: [6; 16], patient: Some(patient), ..row };
    store.add_stream(theirs).await.unwrap();
    assert!(store.add_stream(StreamRow { stream: [7; 16], ..theirs }).await.is_err(), "for each patient");
    assert!(
        store.add_stream(StreamRow { sensor: SensorId(9), ..row }).await.is_err(),
        "a name has one meaning"
    );
    assert_eq!(store.streams().await.unwrap(), [row, theirs]);
}
