//! The database's key, and whether everything opens under it.

use super::*;
use bodywire_store::Error;

async fn filled(place: &impl Place, each: u64) -> Store {
    let store = enrolled(place, &[SensorId(1), SENSOR], each).await;
    super::erasure::two_patients(&store).await;
    store
}

pub(crate) async fn a_new_key_opens_everything_and_the_old_one_nothing(place: &impl Place) {
    let mut store = filled(place, 600).await;
    let old = store.clone();
    let new = DatabaseKey::new([9; 32]);
    let mut steps = Vec::new();
    store.rotate_key(&new, |done| steps.push(done)).await.unwrap();
    let values = 1 + 2 + 2 * 600 + 2 + 4;
    assert!(steps.is_sorted() && steps.last() == Some(&values), "{steps:?}");
    for store in [store, Store::open(&place.location(), &new).await.unwrap()] {
        store.check_integrity().await.unwrap();
        assert_eq!(store.hubs().await.unwrap()[0].rendezvous, [4; 32]);
        assert_eq!(store.data_key([1; 16]).await.unwrap(), Some([0x11; 32]));
        assert!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().is_some());
    }
    for store in [old, open(place).await] {
        assert!(matches!(store.check_integrity().await, Err(Error::Undecryptable { .. })));
        assert!(
            store.hubs().await.is_err() && store.sensors().await.is_err() && store.patients().await.is_err()
        );
        assert!(store.data_key([1; 16]).await.is_err() && store.peek_pairs(1).await.is_err());
    }
}

pub(crate) async fn a_rotation_that_fails_changes_nothing(place: &impl Place) {
    filled(place, 3).await.close().await;
    // One value is under another key: the last table of all that are sealed again.
    let stranger = Store::open(&place.location(), &DatabaseKey::new([8; 32])).await.unwrap();
    stranger.add_data_key([0xff; 16], &[1; 32], None, None, 1).await.unwrap();
    stranger.close().await;
    let mut store = open(place).await;
    let failed = store.rotate_key(&DatabaseKey::new([9; 32]), |_| {}).await;
    assert!(matches!(failed, Err(Error::Undecryptable { column: "data_key.secret" })), "{failed:?}");
    assert_eq!(store.hubs().await.unwrap()[0].rendezvous, [4; 32]);
    assert_eq!(store.data_key([1; 16]).await.unwrap(), Some([0x11; 32]));
    assert!(store.pairs().claim(HUB, SENSOR, None).await.unwrap().is_some());
}

pub(crate) async fn an_integrity_check_counts_and_opens_everything(place: &impl Place) {
    let store = filled(place, 5).await;
    let counts = store.check_integrity().await.unwrap();
    let rows = |table: &str| counts.iter().find(|count| count.table == table).map(|count| count.rows);
    for (table, expected) in
        [("hub", 1), ("sensor", 2), ("pair", 10), ("patient", 2), ("stay", 2), ("report", 4)]
    {
        assert_eq!(rows(table), Some(expected), "{table}");
    }
    for (table, expected) in [("alarm", 2), ("data_key", 4), ("stream", 3), ("erasure", 0), ("log_head", 0)] {
        assert_eq!(rows(table), Some(expected), "{table}");
    }
    store.close().await;
    let other = Store::open(&place.location(), &DatabaseKey::new([8; 32])).await.unwrap();
    assert!(matches!(other.check_integrity().await, Err(Error::Undecryptable { .. })));
}
