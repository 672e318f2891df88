//! Persons, relations, policies and links that sign in once.

use super::*;
use bodywire_proto::access::certificate::CERTIFICATE_BYTES;
use bodywire_proto::access::{Person, Policy, Relation, Role};
use bodywire_store::{CodeHash, Error, InvitationKind, InvitationRow, PatientId, RelationRow};

pub(crate) async fn physician(store: &Store) -> Person {
    store.add_person("Dr A. Meyer", Role::Physician, RiskClass::III, 10).await.unwrap()
}

pub(crate) fn treats(person: Person, patient: PatientId) -> RelationRow {
    RelationRow { person, patient, relation: Relation::Treating, from_ms: 20, until_ms: Some(60) }
}

pub(crate) fn invitation(person: Person, number: u8) -> InvitationRow {
    InvitationRow {
        token_hash: [number; 32],
        person,
        kind: InvitationKind::Console,
        serial: u64::MAX - u64::from(number),
        certificate: [number; CERTIFICATE_BYTES],
        code: CodeHash { salt: [1; 16], hash: [2; 32] },
        made_ms: 30,
        until_ms: 90,
        used_ms: None,
        revoked_ms: None,
    }
}

pub(crate) async fn somebody_is_added_related_and_leaves(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    let nurse = store.add_person("N. Kaya", Role::Nurse, RiskClass::II, 11).await.unwrap();
    assert_ne!(person, nurse);
    let rows = store.people().await.unwrap();
    let shown: Vec<_> = rows.iter().map(|row| (row.name.as_str(), row.role, row.highest)).collect();
    assert_eq!(
        shown,
        [("Dr A. Meyer", Role::Physician, RiskClass::III), ("N. Kaya", Role::Nurse, RiskClass::II)]
    );
    assert!(!format!("{rows:?}").contains("Meyer"));
    assert_eq!(store.person(person).await.unwrap().as_ref(), rows.first());
    assert_eq!(store.person(Person([0; 16])).await.unwrap(), None);

    let patient = store.admit_patient(b"J. Doe", HUB, 10).await.unwrap();
    store.relate(&treats(person, patient)).await.unwrap();
    store.add_invitation(&invitation(person, 1)).await.unwrap();
    assert!(store.leave(person, 40).await.unwrap() && !store.leave(person, 41).await.unwrap());
    assert_eq!(store.person(person).await.unwrap().unwrap().left_ms, Some(40));
    assert!(store.relations(40).await.unwrap().is_empty());
    assert_eq!(store.certificates(40).await.unwrap()[0].revoked_ms, Some(40));
    let related = store.relate(&treats(person, patient)).await;
    assert!(matches!(related, Err(Error::NoSuchPerson)), "{related:?}");
    assert!(matches!(store.add_invitation(&invitation(person, 2)).await, Err(Error::NoSuchPerson)));
    store.close().await;
    let store = Store::open(&place.location(), &DatabaseKey::new([8; 32])).await.unwrap();
    assert!(matches!(store.people().await, Err(Error::Undecryptable { column: "person.name" })));
}

pub(crate) async fn relations_hold_in_their_time(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    let patient = store.admit_patient(b"", HUB, 10).await.unwrap();
    let treating = treats(person, patient);
    store.relate(&treating).await.unwrap();
    for (now_ms, there) in [(19, false), (20, true), (59, true), (60, false)] {
        assert_eq!(!store.relations(now_ms).await.unwrap().is_empty(), there, "{now_ms}");
    }
    // One relation to each patient: the last word counts.
    let own = RelationRow { relation: Relation::Own, until_ms: None, ..treating };
    store.relate(&own).await.unwrap();
    assert_eq!(store.relations(1_000).await.unwrap(), [own]);
    assert!(store.unrelate(person, patient).await.unwrap());
    assert!(!store.unrelate(person, patient).await.unwrap());
    let none = RelationRow { relation: Relation::None, ..treating };
    store.relate(&treating).await.unwrap();
    store.relate(&none).await.unwrap();
    assert!(store.relations(30).await.unwrap().is_empty());
    let unknown = store.relate(&treats(person, PatientId(7))).await;
    assert!(matches!(unknown, Err(Error::NoSuchPatient)), "{unknown:?}");
}

pub(crate) async fn a_policy_is_the_patients_own(place: &impl Place) {
    let store = open(place).await;
    let patient = store.admit_patient(b"", HUB, 10).await.unwrap();
    assert!(store.access_policies().await.unwrap().is_empty());
    for policy in [Policy::PAPER, Policy::LEAST] {
        store.put_policy(patient, &policy).await.unwrap();
        assert_eq!(store.access_policies().await.unwrap(), [(patient, policy)]);
    }
    let unknown = store.put_policy(PatientId(7), &Policy::LEAST).await;
    assert!(matches!(unknown, Err(Error::NoSuchPatient)), "{unknown:?}");
}

pub(crate) async fn a_link_signs_in_once(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    let [first, second] = [invitation(person, 1), invitation(person, 2)];
    for row in [&first, &second] {
        store.add_invitation(row).await.unwrap();
    }
    assert_eq!(store.invitations_unused(89).await.unwrap(), [first.clone(), second.clone()]);
    assert!(store.invitations_unused(90).await.unwrap().is_empty());
    let tries: Vec<_> = (0..16)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.use_invitation([1; 32], 40).await.unwrap() })
        })
        .collect();
    let mut used = 0;
    for one in tries {
        used += u32::from(one.await.unwrap());
    }
    assert_eq!(used, 1, "of many who come with one link, one is let in");
    assert!(!store.use_invitation([2; 32], 90).await.unwrap(), "too late");
    assert!(!store.use_invitation([3; 32], 40).await.unwrap(), "never made");
    assert_eq!(store.invitation([1; 32]).await.unwrap(), Some(InvitationRow { used_ms: Some(40), ..first }));
    assert_eq!(store.invitations_unused(40).await.unwrap(), [second]);
    // A day after their end nobody asks for them any more.
    let later = InvitationRow { made_ms: 86_400_091, until_ms: 86_400_100, ..invitation(person, 4) };
    store.add_invitation(&later).await.unwrap();
    assert_eq!(store.invitation([1; 32]).await.unwrap(), None);
}

pub(crate) async fn revoked_certificates_open_nothing(place: &impl Place) {
    let store = open(place).await;
    let person = physician(&store).await;
    for number in 1..=3 {
        store.add_invitation(&invitation(person, number)).await.unwrap();
    }
    assert!(store.revoke_serial(u64::MAX - 2, 50).await.unwrap());
    assert!(!store.revoke_serial(u64::MAX - 2, 51).await.unwrap(), "once");
    assert!(!store.revoke_serial(5, 50).await.unwrap(), "unknown");
    assert!(!store.use_invitation([2; 32], 52).await.unwrap());
    assert_eq!(store.invitations_unused(52).await.unwrap().len(), 2);
    assert_eq!(store.revoke_person(person, 60).await.unwrap(), 2);
    let rows = store.certificates(60).await.unwrap();
    let revoked: Vec<_> = rows.iter().map(|row| (row.token_hash[0], row.revoked_ms)).collect();
    assert_eq!(revoked, [(1, Some(60)), (2, Some(50)), (3, Some(60))]);
    assert!(store.certificates(90).await.unwrap().is_empty(), "ended by themselves");
}

/// A copy is restored, and takes what the one that it replaces knows.
pub(crate) async fn an_older_copy_takes_who_is_who(place: &impl Place) {
    let newer = open(place).await;
    let person = physician(&newer).await;
    let patient = newer.admit_patient(b"", HUB, 10).await.unwrap();
    newer.relate(&treats(person, patient)).await.unwrap();
    newer.put_policy(patient, &Policy::PAPER).await.unwrap();
    newer.add_invitation(&invitation(person, 1)).await.unwrap();
    newer.revoke_serial(u64::MAX - 1, 50).await.unwrap();
    newer.put_limit(&super::reviews::limit(person, 20)).await.unwrap();
    super::reviews::opened(&newer, patient, person).await;
    let directory = tempfile::tempdir().unwrap();
    let older = Store::open(&directory.path().join("older.db"), &key()).await.unwrap();
    let stranger = physician(&older).await;
    older.carry_over(&newer).await.unwrap();
    assert_eq!(older.people().await.unwrap(), newer.people().await.unwrap());
    assert_eq!(older.person(stranger).await.unwrap(), None);
    assert_eq!(older.relations(30).await.unwrap(), [treats(person, patient)]);
    assert_eq!(older.access_policies().await.unwrap(), [(patient, Policy::PAPER)]);
    assert_eq!(older.certificates(30).await.unwrap(), newer.certificates(30).await.unwrap());
    assert_eq!(older.limits(HUB).await.unwrap(), newer.limits(HUB).await.unwrap());
    assert_eq!(older.reviews(9).await.unwrap(), newer.reviews(9).await.unwrap());
    older.check_integrity().await.unwrap();
}
