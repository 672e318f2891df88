//! What holds on both engines. Each engine's test file runs all of it.

pub(crate) mod acts;
pub(crate) mod enrolment;
pub(crate) mod erasure;
pub(crate) mod keys;
pub(crate) mod leases;
pub(crate) mod ledger;
pub(crate) mod pairs;
pub(crate) mod patients;
pub(crate) mod people;
pub(crate) mod reviews;
pub(crate) mod vectors;

use bodywire_proto::RiskClass;
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::Signal;
use bodywire_proto::prf::Key;
use bodywire_proto::puf::{Challenge, Response};
use bodywire_proto::wire::{HubId, SensorId, Suite};
use bodywire_store::{DatabaseKey, HubRow, Location, PufQuality, SensorRow, Store};

pub(crate) const HUB: HubId = HubId(1);
pub(crate) const SENSOR: SensorId = SensorId(2);

/// An empty database of a test's own.
pub(crate) trait Place {
    fn location(&self) -> Location;
}

/// All tests on one engine. `$place` makes the database, or says that the engine is not there.
#[macro_export]
macro_rules! on_this_engine {
    ($place:path) => {
        $crate::on_this_engine!($place:
            acts { acts_are_indexed_once_and_found_by_what_is_asked
                alarms_of_a_hub_come_newest_first }
            enrolment { what_a_card_says_is_admitted_and_brought_up_to_date
                an_admitted_sensor_of_the_same_database_keeps_its_pairs
                enrolment_survives_a_restart_and_is_refused_twice
                what_was_not_measured_stays_unknown
                a_wrapping_key_can_be_missing_and_is_not_lost_by_that
                a_revoked_sensor_has_no_pairs_and_says_so }
            pairs { racing_claims_serve_no_pair_twice_and_starve_nobody
                one_hot_device_serves_everybody
                callers_that_go_away_burn_their_pair_at_worst
                a_wanted_pair_is_served_once_and_no_other_in_its_place
                what_a_ledger_says_is_spent_is_not_served_again
                a_damaged_response_is_burnt_and_stops_nobody }
            patients { a_patient_is_admitted_moved_and_discharged
                two_patients_are_not_at_one_hub
                what_a_patient_said_needs_the_key }
            people { somebody_is_added_related_and_leaves
                relations_hold_in_their_time
                a_policy_is_the_patients_own
                a_link_signs_in_once
                revoked_certificates_open_nothing
                an_older_copy_takes_who_is_who }
            reviews { an_override_is_closed_and_judged_by_somebody_else
                limits_go_with_the_patient
                an_erased_patient_has_no_relations_policy_limits_or_words }
            erasure { everything_of_an_erased_patient_is_gone_and_listed
                a_list_is_applied_again_after_a_restore
                nothing_is_added_behind_an_erasure }
            ledger { a_report_is_indexed_once
                the_index_and_the_head_advance_together_or_not_at_all
                one_of_two_writers_wins_each_size
                the_first_acknowledgement_counts
                names_in_the_ledger_keep_their_meaning }
            vectors { vectors_are_found_by_hub_and_window
                vectors_stand_or_fall_with_their_reports
                an_erased_patient_has_no_vectors }
            leases { a_lease_is_given_again_after_it_ran_out_or_was_given_back
                of_many_who_ask_one_gets_the_lease }
            keys { a_new_key_opens_everything_and_the_old_one_nothing
                a_rotation_that_fails_changes_nothing
                an_integrity_check_counts_and_opens_everything }
        );
    };
    ($place:path: $($module:ident { $($name:ident)* })*) => {
        $($(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                if let Some(place) = $place(stringify!($name)) {
                    suite::$module::$name(&place).await;
                }
            }
        )*)*
    };
}

pub(crate) fn key() -> DatabaseKey {
    DatabaseKey::new([7; 32])
}

pub(crate) async fn open(place: &impl Place) -> Store {
    Store::open(&place.location(), &key()).await.expect("the database opens")
}

pub(crate) fn hub() -> HubRow {
    HubRow { hub: HUB, verify_key: [3; 32], rendezvous: [4; 32] }
}

pub(crate) fn sensor() -> SensorRow {
    SensorRow {
        hub: HUB,
        sensor: SENSOR,
        kind: Signal::Ecg,
        class: RiskClass::II,
        wrapping_key: Some(Key::new([5; 32])),
        enrolled_ms: 1_000,
        profile: Profile::Hardened(Suite::Polar256),
        quality: PufQuality { reliability: 0.96, uniformity: 0.5, uniqueness: Some(0.49) },
        revoked_ms: None,
    }
}

pub(crate) fn pairs(count: u64) -> Vec<(Challenge, Response)> {
    (0..count)
        .map(|i| (i.to_be_bytes().into(), Response::new(&[i as u8; 32]).expect("32 bytes fit")))
        .collect()
}

/// A hub with sensors, each with as many pairs.
pub(crate) async fn enrolled(place: &impl Place, sensors: &[SensorId], count: u64) -> Store {
    let store = open(place).await;
    store.enroll_hub(&hub()).await.expect("the hub is new");
    for id in sensors {
        let row = SensorRow { sensor: *id, ..sensor() };
        store.enroll_sensor(&row, &pairs(count)).await.expect("the sensor is new");
    }
    store
}
