//! Hubs and sensors.

use super::*;
use bodywire_store::Error;

pub(crate) async fn what_a_card_says_is_admitted_and_brought_up_to_date(place: &impl Place) {
    let store = open(place).await;
    let second = SensorRow { sensor: SensorId(9), class: RiskClass::III, ..sensor() };
    let stranger = SensorRow { hub: HubId(2), ..sensor() };
    store.admit(&hub(), &[sensor(), stranger]).await.unwrap();
    let revoked = SensorRow { revoked_ms: Some(5), kind: Signal::SpO2, ..sensor() };
    store.admit(&HubRow { verify_key: [8; 32], ..hub() }, &[revoked, second]).await.unwrap();
    let hubs = store.hubs().await.unwrap();
    assert_eq!((hubs.len(), hubs[0].verify_key, hubs[0].rendezvous), (1, [8; 32], [4; 32]));
    let rows = store.sensors().await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row.sensor.0, row.kind, row.revoked_ms)).collect();
    assert_eq!(shown, [(2, Signal::SpO2, Some(5)), (9, Signal::Ecg, None)]);
    assert_eq!(store.pairs().pool(HUB, SENSOR).await.unwrap().left, 0);
}

pub(crate) async fn an_admitted_sensor_of_the_same_database_keeps_its_pairs(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 3).await;
    store.admit(&hub(), &[sensor()]).await.unwrap();
    let pool = store.pairs().pool(HUB, SENSOR).await.unwrap();
    assert_eq!((pool.enrolled, pool.left), (3, 3));
}

pub(crate) async fn enrolment_survives_a_restart_and_is_refused_twice(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 3).await;
    assert!(matches!(store.enroll_hub(&hub()).await, Err(Error::AlreadyEnrolled(_))));
    assert!(matches!(store.enroll_sensor(&sensor(), &[]).await, Err(Error::AlreadyEnrolled(_))));
    store.close().await;
    let store = open(place).await;
    let rows = store.sensors().await.unwrap();
    assert_eq!((rows.len(), rows[0].kind, rows[0].class), (1, Signal::Ecg, RiskClass::II));
    assert_eq!((rows[0].profile, rows[0].quality), (sensor().profile, sensor().quality));
    assert_eq!(rows[0].wrapping_key, Some(Key::new([5; 32])));
    let hubs = store.hubs().await.unwrap();
    assert_eq!((hubs[0].verify_key, hubs[0].rendezvous), ([3; 32], [4; 32]));
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 3);
}

pub(crate) async fn a_wrapping_key_can_be_missing_and_is_not_lost_by_that(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 3).await;
    let without = SensorRow { wrapping_key: None, ..sensor() };
    let other = SensorRow { sensor: SensorId(9), ..without.clone() };
    // A card that was written where the sensor's secret is no more.
    store.admit(&hub(), &[without, other]).await.unwrap();
    let keys = |rows: Vec<SensorRow>| rows.into_iter().map(|row| row.wrapping_key).collect::<Vec<_>>();
    assert_eq!(keys(store.sensors().await.unwrap()), [Some(Key::new([5; 32])), None]);
    let fresh = SensorRow { wrapping_key: Some(Key::new([6; 32])), ..sensor() };
    store.admit(&hub(), &[fresh]).await.unwrap();
    assert_eq!(keys(store.sensors().await.unwrap()), [Some(Key::new([6; 32])), None]);
    // A hub forgets what it must not know, and goes on.
    assert_eq!(store.forget_wrapping_keys(HubId(2)).await.unwrap(), 0);
    assert_eq!(store.forget_wrapping_keys(HUB).await.unwrap(), 1);
    assert_eq!(store.forget_wrapping_keys(HUB).await.unwrap(), 0);
    assert_eq!(keys(store.sensors().await.unwrap()), [None, None]);
    assert_eq!(store.pairs().left(HUB, SENSOR).await.unwrap(), 3);
}

pub(crate) async fn what_was_not_measured_stays_unknown(place: &impl Place) {
    let store = open(place).await;
    store.enroll_hub(&hub()).await.unwrap();
    // In this order: the first statement must not decide what later ones may say.
    for (id, uniqueness) in [(1, None), (2, Some(0.25)), (3, None), (4, Some(0.0))] {
        let quality = PufQuality { uniqueness, ..sensor().quality };
        store.enroll_sensor(&SensorRow { sensor: SensorId(id), quality, ..sensor() }, &[]).await.unwrap();
    }
    let unknown = PufQuality { uniqueness: None, ..sensor().quality };
    store.admit(&hub(), &[SensorRow { sensor: SensorId(4), quality: unknown, ..sensor() }]).await.unwrap();
    let found: Vec<_> = store.sensors().await.unwrap().iter().map(|row| row.quality.uniqueness).collect();
    assert_eq!(found, [None, Some(0.25), None, None]);
}

pub(crate) async fn a_revoked_sensor_has_no_pairs_and_says_so(place: &impl Place) {
    let store = enrolled(place, &[SENSOR], 3).await;
    assert!(store.pairs().revoked(HUB).await.unwrap().is_empty());
    assert!(store.revoke_sensor(HUB, SENSOR, 77).await.unwrap());
    assert!(!store.revoke_sensor(HUB, SENSOR, 78).await.unwrap(), "once");
    assert!(!store.revoke_sensor(HUB, SensorId(99), 77).await.unwrap());
    assert_eq!(store.pairs().revoked(HUB).await.unwrap(), [SENSOR]);
    assert_eq!(store.sensors().await.unwrap()[0].revoked_ms, Some(77));
    assert!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().is_none());
}
