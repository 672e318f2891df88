//! The database as its users see it, on a SQLite file.

use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId, Suite};
use bodywire_store::{
    AlarmRow, DatabaseKey, Error, HubRow, PufQuality, ReportRow, SensorRow, Store, StreamRow,
};
use std::collections::HashSet;
use std::path::Path;

const HUB: HubId = HubId(1);
const SENSOR: SensorId = SensorId(2);

async fn open(directory: &Path) -> Store {
    Store::open(&directory.join("test.db"), &DatabaseKey::new([7; 32])).await.expect("the database opens")
}

fn sensor() -> SensorRow {
    SensorRow {
        hub: HUB,
        sensor: SENSOR,
        kind: Signal::Ecg,
        class: RiskClass::II,
        wrapping_key: Key::new([5; 32]),
        enrolled_ms: 1_000,
        profile: Profile::Hardened(Suite::Polar256),
        quality: PufQuality { reliability: 0.96, uniformity: 0.5, uniqueness: Some(0.49) },
        revoked_ms: None,
    }
}

fn pairs(count: u64) -> Vec<(Challenge, Response)> {
    (0..count)
        .map(|i| (i.to_be_bytes().into(), Response::new(&[i as u8; 32]).expect("32 bytes fit")))
        .collect()
}

async fn enrolled(directory: &Path, count: u64) -> Store {
    let store = open(directory).await;
    let hub = HubRow { hub: HUB, verify_key: [3; 32], rendezvous: [4; 32] };
    store.enroll_hub(&hub).await.expect("the hub is new");
    store.enroll_sensor(&sensor(), &pairs(count)).await.expect("the sensor is new");
    store
}

#[tokio::test]
async fn what_a_card_says_is_admitted_and_brought_up_to_date() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let hub = HubRow { hub: HUB, verify_key: [3; 32], rendezvous: [4; 32] };
    let second = SensorRow { sensor: SensorId(9), class: RiskClass::III, ..sensor() };
    let stranger = SensorRow { hub: HubId(2), ..sensor() };
    store.admit(&hub, &[sensor(), stranger]).await.unwrap();
    let revoked = SensorRow { revoked_ms: Some(5), kind: Signal::SpO2, ..sensor() };
    store.admit(&HubRow { verify_key: [8; 32], ..hub }, &[revoked, second]).await.unwrap();
    let hubs = store.hubs().await.unwrap();
    assert_eq!((hubs.len(), hubs[0].verify_key, hubs[0].rendezvous), (1, [8; 32], [4; 32]));
    let rows = store.sensors().await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row.sensor.0, row.kind, row.revoked_ms)).collect();
    assert_eq!(shown, [(2, Signal::SpO2, Some(5)), (9, Signal::Ecg, None)]);
    assert_eq!(store.pairs().pool(HUB, SENSOR).await.unwrap().left, 0);
}

#[tokio::test]
async fn an_admitted_sensor_of_the_same_database_keeps_its_pairs() {
    let directory = tempfile::tempdir().unwrap();
    let store = enrolled(directory.path(), 3).await;
    let hub = HubRow { hub: HUB, verify_key: [3; 32], rendezvous: [4; 32] };
    store.admit(&hub, &[sensor()]).await.unwrap();
    let pool = store.pairs().pool(HUB, SENSOR).await.unwrap();
    assert_eq!((pool.enrolled, pool.left), (3, 3));
}

#[tokio::test]
async fn enrolment_survives_a_restart_and_is_refused_twice() {
    let directory = tempfile::tempdir().unwrap();
    let store = enrolled(directory.path(), 3).await;
    assert!(matches!(store.enroll_sensor(&sensor(), &[]).await, Err(Error::AlreadyEnrolled(_))));
    store.close().await;
    let store = open(directory.path()).await;
    let rows = store.sensors().await.unwrap();
    assert_eq!((rows.len(), rows[0].kind, rows[0].class), (1, Signal::Ecg, RiskClass::II));
    assert_eq!(rows[0].wrapping_key, Key::new([5; 32]));
    let hubs = store.hubs().await.unwrap();
    assert_eq!((hubs[0].verify_key, hubs[0].rendezvous), ([3; 32], [4; 32]));
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn racing_claims_serve_no_pair_twice_and_starve_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let store = enrolled(directory.path(), 640).await;
    let tasks: Vec<_> = (0..64)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move {
                let mut claimed = Vec::new();
                for _ in 0..10 {
                    claimed.push(
                        store.pairs().claim(HUB, SENSOR, None).await.unwrap().expect("there is one for each"),
                    );
                }
                claimed
            })
        })
        .collect();
    let mut seen = HashSet::new();
    for task in tasks {
        for (challenge, response) in task.await.unwrap() {
            assert_eq!(response.as_bytes()[0], challenge.as_bytes()[7]);
            assert!(seen.insert(challenge), "{challenge:?} was served twice");
        }
    }
    assert_eq!(seen.len(), 640);
    assert!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().is_none());
    assert!(store.pairs().claim(HUB, SensorId(99), None).await.unwrap().is_none());
}

#[tokio::test]
async fn a_wanted_pair_is_served_once_and_no_other_in_its_place() {
    let directory = tempfile::tempdir().unwrap();
    let store = enrolled(directory.path(), 3).await;
    let wanted = Challenge::from(2u64.to_be_bytes());
    let claimed = store.pairs().claim(HUB, SENSOR, Some(&wanted)).await.unwrap().unwrap();
    assert_eq!((claimed.0, claimed.1.as_bytes()[0]), (wanted, 2));
    assert!(store.pairs().claim(HUB, SENSOR, Some(&wanted)).await.unwrap().is_none());
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 2);
    assert_eq!(store.pairs().lowest_challenge(HUB, SENSOR).await.unwrap(), Some(0));
    let peeked = store.peek_pairs(1).await.unwrap();
    assert_eq!((peeked.len(), peeked[0].0), (1, 0u64.to_be_bytes().into()));
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 2);
}

#[tokio::test]
async fn a_revoked_sensor_has_no_pairs_and_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let store = enrolled(directory.path(), 3).await;
    assert!(store.pairs().revoked(HUB).await.unwrap().is_empty());
    assert!(store.revoke_sensor(HUB, SENSOR, 77).await.unwrap());
    assert!(!store.revoke_sensor(HUB, SENSOR, 78).await.unwrap(), "once");
    assert!(!store.revoke_sensor(HUB, SensorId(99), 77).await.unwrap());
    assert_eq!(store.pairs().revoked(HUB).await.unwrap(), [SENSOR]);
    assert_eq!(store.sensors().await.unwrap()[0].revoked_ms, Some(77));
    assert!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().is_none());
}

#[tokio::test]
async fn secrets_do_not_stand_in_the_file_and_need_the_key() {
    let directory = tempfile::tempdir().unwrap();
    enrolled(directory.path(), 3).await.close().await;
    let file = directory.path().join("test.db");
    let bytes = std::fs::read(&file).unwrap();
    for secret in [[4u8; 32], [5; 32], [1; 32], [2; 32]] {
        assert!(!bytes.windows(32).any(|window| window == secret), "a secret is readable in the file");
    }
    let store = Store::open(&file, &DatabaseKey::new([8; 32])).await.unwrap();
    assert!(matches!(store.sensors().await, Err(Error::Undecryptable { .. })));
}

#[tokio::test]
async fn a_report_is_indexed_once() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let row = ReportRow { hub: HUB, number: 5, ledger_index: 9, sensor: SENSOR, kind: 1, hub_time_ms: 1_000 };
    assert_eq!(store.last_indexed().await.unwrap(), None);
    store.index_reports(&[row]).await.unwrap();
    assert!(store.has_report(HUB, 5).await.unwrap() && !store.has_report(HUB, 6).await.unwrap());
    let other = ReportRow { number: 6, ledger_index: 10, ..row };
    assert!(store.index_reports(&[other, row]).await.is_err());
    assert!(!store.has_report(HUB, 6).await.unwrap(), "a failed batch leaves nothing behind");
    assert_eq!(store.last_indexed().await.unwrap(), Some(9));
    assert_eq!(store.reports(HUB).await.unwrap(), [row]);
    let newer = ReportRow { number: 7, ledger_index: 11, ..row };
    store.index_reports(&[newer]).await.unwrap();
    assert_eq!(store.last_report(HUB, SENSOR, 1).await.unwrap(), Some(newer));
    assert_eq!(store.last_report(HUB, SENSOR, 2).await.unwrap(), None);
    let alarm = ReportRow { number: 9, ledger_index: 12, kind: 4, ..row };
    store.index_reports(&[alarm]).await.unwrap();
    assert_eq!(store.newest_reports(4).await.unwrap(), [(HUB, SENSOR, 7)]);
}

#[tokio::test]
async fn the_first_acknowledgement_counts() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    let row = AlarmRow {
        alarm: 1,
        hub: HUB,
        sensor: SENSOR,
        condition: 3,
        raised_ms: 10,
        ended_ms: None,
        acknowledged: None,
    };
    store.raise_alarm(&row).await.unwrap();
    store.acknowledge_alarm(1, 20, "S. Ode").await.unwrap();
    store.acknowledge_alarm(1, 30, "later").await.unwrap();
    store.end_alarm(1, 40).await.unwrap();
    let expected = AlarmRow { ended_ms: Some(40), acknowledged: Some((20, "S. Ode".into())), ..row };
    assert_eq!(store.alarms().await.unwrap(), [expected]);
}

#[tokio::test]
async fn names_in_the_ledger_keep_their_meaning() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path()).await;
    store.add_data_key([1; 16], &[2; 32], 5).await.unwrap();
    assert_eq!(store.data_key([1; 16]).await.unwrap(), Some([2; 32]));
    assert_eq!(store.data_key([3; 16]).await.unwrap(), None);
    let row = StreamRow { stream: [4; 16], hub: HUB, sensor: SENSOR };
    store.add_stream(row).await.unwrap();
    assert!(store.add_stream(StreamRow { stream: [5; 16], ..row }).await.is_err(), "a sensor has one stream");
    assert_eq!(store.streams().await.unwrap(), [row]);
}
