//! What people do about alarms through the console: limits, audio pause, acknowledging. Three things, three routes.

use crate::access::number;
use crate::asking::{Asking, START_MS, now_ms};
use crate::house::{BED, OTHER_BED};
use axum::http::StatusCode;
use bodywire_clinic::board::{AlarmState, Priority, RiskClass, Signal};
use bodywire_ledger::EntryKind;
use bodywire_proto::access::Role;

const LIMITS: &str = "/api/v1/beds/1/limits";

fn limit(low: u32, high: u32, enabled: bool) -> String {
    format!(r#"{{"signal":"heart-rate","low":{low},"high":{high},"priority":"high","enabled":{enabled}}}"#)
}

/// A heart rate of `value` for `seconds`.
fn heart(asking: &Asking, value: f64, seconds: u64) {
    for _ in 0..=seconds {
        number(&asking.board, Signal::HeartRate, RiskClass::II, 1, value);
        asking.set_clock(now_ms() + 1_000);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_changed_limit_is_on_record_kept_and_watched() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    heart(&asking, 110.0, 5);
    assert!(asking.board.snapshot().alarms.is_empty(), "within the limits as they come");
    let answer = asking.put(LIMITS, &limit(40, 100, true)).await;
    assert_eq!(answer.status(), StatusCode::OK);
    heart(&asking, 110.0, 3);
    let alarm = &asking.board.snapshot().alarms[0];
    assert_eq!((alarm.text.as_str(), alarm.priority), ("HR 110 > 100", Priority::High));
    assert_eq!(alarm.class, RiskClass::II);
    heart(&asking, 98.0, 1);
    assert_eq!(asking.board.snapshot().alarms[0].state, AlarmState::Latched, "high alarms wait for a look");
    let kept = asking.house.store.limits(bodywire_proto::wire::HubId(BED)).await.unwrap();
    assert_eq!((kept[0].low, kept[0].high), (Some(40.0), Some(100.0)));
    let (kind, text) = {
        let mut archive = asking.house.archive.lock().await;
        let last = archive.size() - 1;
        archive.act(last).await.unwrap()
    };
    assert_eq!(kind, EntryKind::Setting);
    assert!(String::from_utf8(text).unwrap().contains("limits of heart-rate: low 40, high 100, alarm on"));

    // Alarm off ends what is there, and nothing is raised any more; the screen says by whom.
    asking.put(LIMITS, &limit(40, 100, false)).await;
    heart(&asking, 180.0, 20);
    let view = asking.board.snapshot();
    assert!(view.alarms.iter().all(|alarm| alarm.state == AlarmState::Latched), "{:?}", view.alarms);
    let heart_rate = view.limits.iter().find(|limit| limit.signal == Signal::HeartRate).unwrap();
    assert_eq!(
        (heart_rate.enabled, heart_rate.changed.as_ref().unwrap().who.as_str()),
        (false, "Dr A. Meyer")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn limits_are_for_those_who_treat_and_must_make_sense() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    for bad in [
        String::new(),
        limit(500, 600, true),
        limit(100, 101, true),
        limit(100, 60, true),
        limit(40, 100, true).replace("heart-rate", "pump-rate"),
        limit(40, 100, true).replace("high\"", "urgent\""),
    ] {
        assert_eq!(asking.put(LIMITS, &bad).await.status(), StatusCode::BAD_REQUEST, "{bad}");
    }
    let other = LIMITS.replace("/1/", &format!("/{OTHER_BED}/"));
    assert_eq!(asking.put(&other, &limit(40, 100, true)).await.status(), StatusCode::FORBIDDEN);
    let on_call = asking.house.somebody(2, Role::Nurse, START_MS, |_| {});
    asking.log_in_as(on_call).await;
    assert_eq!(asking.ask(crate::house::Wish::TREATMENT).await.status(), StatusCode::OK);
    assert_eq!(asking.put(LIMITS, &limit(40, 100, true)).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_sound_is_paused_for_two_minutes_at_most_and_no_alarm_changes() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    crate::access::emergency(&asking.board);
    let before = asking.board.snapshot().alarms;
    let pause = format!("/api/v1/beds/{BED}/pause");
    assert_eq!(asking.post(&pause, "k", r#"{"seconds":121}"#).await.status(), StatusCode::BAD_REQUEST);
    assert_eq!(asking.post(&pause, "k", r#"{"seconds":120}"#).await.status(), StatusCode::OK);
    let paused = asking.board.view_at(now_ms());
    assert_eq!(paused.alarms, before);
    let by = paused.pause.unwrap();
    assert_eq!((by.until_ms, by.who.as_str()), (now_ms() + 120_000, "Dr A. Meyer"));
    assert_eq!(asking.board.view_at(now_ms() + 120_000).pause, None, "it ends by itself");
    asking.post(&pause, "k", r#"{"seconds":0}"#).await;
    assert_eq!(asking.board.view_at(now_ms()).pause, None);
    let elsewhere = format!("/api/v1/beds/{OTHER_BED}/pause");
    assert_eq!(asking.post(&elsewhere, "k", r#"{"seconds":60}"#).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_alarm_load_counts_what_the_patient_raises() {
    let mut asking = Asking::new().await;
    asking.log_in_with_access().await;
    for _ in 0..3 {
        heart(&asking, 160.0, 4);
        heart(&asking, 80.0, 1);
    }
    let ward = asking.json("/api/v1/ward").await;
    let load = &ward["beds"][0]["alarm_load"];
    assert_eq!((load["alarms"].as_u64(), load["per_hour"].as_f64()), (Some(3), Some(18.0)));
}
