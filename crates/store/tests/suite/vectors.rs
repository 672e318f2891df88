//! The index of encrypted vectors.

use super::*;
use bodywire_store::{Error, LogHead, PatientId, ReportRow, VectorRow};

const ORIGIN: &str = "ward.example/ledger";
const HOUR_MS: u32 = 3_600_000;
const EVERYTHING: (u64, u64) = (0, u64::MAX);

fn vector(number: u64, patient: Option<PatientId>, hour: u64) -> VectorRow {
    VectorRow {
        hub: HUB,
        number,
        ledger_index: number + 100,
        stream: [number as u8; 16],
        patient,
        start_ms: hour * u64::from(HOUR_MS),
        length_ms: HOUR_MS,
        simulated: number.is_multiple_of(2),
    }
}

fn report(row: &VectorRow) -> ReportRow {
    let (hub, number, ledger_index) = (row.hub, row.number, row.ledger_index);
    ReportRow { hub, number, ledger_index, sensor: SensorId(0), kind: 6, hub_time_ms: row.start_ms }
}

async fn index(store: &Store, rows: &[VectorRow]) -> Result<(), Error> {
    let reports: Vec<ReportRow> = rows.iter().map(report).collect();
    store.index_reports(&reports, rows, None).await
}

async fn numbers(store: &Store, hubs: &[HubId], (from_ms, to_ms): (u64, u64)) -> Vec<u64> {
    store.vectors(hubs, from_ms, to_ms).await.unwrap().iter().map(|row| row.number).collect()
}

pub(crate) async fn vectors_are_found_by_hub_and_window(place: &impl Place) {
    let store = open(place).await;
    let other = HubId(7);
    let late = VectorRow { ledger_index: 300, ..vector(1, None, 5) };
    let rows = [
        late,
        vector(2, None, 6),
        vector(3, None, 7),
        VectorRow { hub: other, stream: [0xff; 16], length_ms: u32::MAX, ..vector(4, None, 6) },
        // What no honest hub says: the columns cannot hold its end, and one not even its beginning.
        VectorRow { start_ms: u64::MAX / 2 - 1, ..vector(5, None, 0) },
        VectorRow { start_ms: u64::MAX - 2 * u64::from(HOUR_MS), ..vector(6, None, 0) },
    ];
    index(&store, &rows).await.unwrap();
    let hour = |hour: u64| hour * u64::from(HOUR_MS);
    let within = (hour(5), hour(8));
    assert_eq!(store.vectors(&[HUB], within.0, within.1).await.unwrap(), [rows[1], rows[2], late]);
    assert_eq!(numbers(&store, &[HUB], (hour(5), hour(8) - 1)).await, [2, 1], "the end is in the window");
    assert_eq!(numbers(&store, &[HUB], (hour(5) + 1, hour(8))).await, [2, 3], "and so is the beginning");
    assert_eq!(numbers(&store, &[HUB], (hour(6), hour(6))).await, [0; 0]);
    assert_eq!(numbers(&store, &[], within).await, [0; 0]);
    assert_eq!(numbers(&store, &[other], within).await, [0; 0], "it is far longer");
    assert_eq!(numbers(&store, &[other, HUB], EVERYTHING).await, [2, 3, 4, 1]);
    assert_eq!(store.vectors(&[other], 0, u64::MAX).await.unwrap(), [rows[3]]);
    store.check_integrity().await.unwrap();
}

pub(crate) async fn vectors_stand_or_fall_with_their_reports(place: &impl Place) {
    let store = open(place).await;
    let head = |size: u64| LogHead { size, root: [size as u8; 32], note: String::new() };
    let (first, second) = (vector(1, None, 5), vector(2, None, 6));
    let rows = ([report(&first)], [first]);
    let fenced = store.index_reports(&rows.0, &rows.1, Some((ORIGIN, 3, &head(9)))).await;
    assert!(matches!(fenced, Err(Error::Fenced { .. })), "{fenced:?}");
    assert_eq!(numbers(&store, &[HUB], EVERYTHING).await, [0; 0]);
    store.index_reports(&rows.0, &rows.1, Some((ORIGIN, 0, &head(9)))).await.unwrap();
    // One that is there already takes the others with it, the reports and the head, too.
    let again = store.index_reports(&[report(&second)], &[second, first], Some((ORIGIN, 9, &head(10)))).await;
    assert!(again.is_err());
    assert_eq!(numbers(&store, &[HUB], EVERYTHING).await, [1]);
    assert!(store.stored(&[(HUB, 2)]).await.unwrap().is_empty());
    assert_eq!(store.head(ORIGIN).await.unwrap(), Some(head(9)));
}

pub(crate) async fn an_erased_patient_has_no_vectors(place: &impl Place) {
    let store = open(place).await;
    let first = store.admit_patient(b"first", HUB, 10).await.unwrap();
    let second = store.admit_patient(b"second", HubId(2), 10).await.unwrap();
    let rows = [vector(1, Some(first), 5), vector(2, Some(second), 5), vector(3, None, 5)];
    index(&store, &rows).await.unwrap();
    let list = {
        store.erase_patient(first, 50).await.unwrap();
        store.erasures().await.unwrap()
    };
    assert_eq!(store.vectors(&[HUB], 0, u64::MAX).await.unwrap(), [rows[1], rows[2]]);
    // A batch that was on its way when that happened is indexed without them.
    index(&store, &[vector(4, Some(first), 6), vector(5, Some(second), 6)]).await.unwrap();
    assert_eq!(numbers(&store, &[HUB], EVERYTHING).await, [2, 3, 5]);
    assert_eq!(store.stored(&[(HUB, 4), (HUB, 5)]).await.unwrap().len(), 2, "both reports are stored");
    store.reapply_erasures(&list).await.unwrap();
    assert_eq!(numbers(&store, &[HUB], EVERYTHING).await, [2, 3, 5]);
}
