//! Asking for access, as a browser does: granted, asked of the sensor, refused with an offer, broken glass, and its end.

use crate::asking::{self, Asking, START_MS, body_of, now_ms};
use crate::house::{BED, House, OTHER_BED, PATIENT, PUMP, Wish, open_ledger};
use axum::http::StatusCode;
use bodywire_clinic::board::{
    AlarmInput, Board, Evidence, NumericView, Priority, RiskClass, SensorView, Signal,
};
use bodywire_ledger::EntryKind;
use bodywire_proto::access::{Purpose, Relation, Role};
use bodywire_proto::ask::name_of;
use bodywire_proto::report::Condition as Found;
use bodywire_proto::risk;
use serde_json::Value;
use std::time::Duration;

async fn json(answer: axum::http::Response<axum::body::Body>) -> (StatusCode, Value) {
    let status = answer.status();
    (status, serde_json::from_str(&asking::text(answer).await).unwrap())
}

pub(crate) fn number(board: &Board, signal: Signal, class: RiskClass, sensor: u16, value: f64) {
    board.numeric(NumericView {
        signal,
        class,
        sensor,
        value: Some(value),
        unit: "x".into(),
        sensor_time_ms: now_ms(),
        period_ms: 1_000,
        late: false,
        note: None,
    });
}

pub(crate) fn fill(board: &Board) {
    let pump = SensorView {
        sensor: PUMP.0,
        signal: Some(Signal::PumpRate),
        name: "insulin-5".into(),
        kind: "insulin".into(),
        class: RiskClass::III,
        authenticated_at_ms: None,
        bits: 0,
    };
    board.sensor_state(pump).unwrap();
    number(board, Signal::Temp, RiskClass::I, 3, 36.9);
    number(board, Signal::HeartRate, RiskClass::II, 1, 72.0);
    number(board, Signal::PumpRate, RiskClass::III, PUMP.0, 4.5);
}

pub(crate) fn emergency(board: &Board) {
    board.found(Found::PatternLost, true, now_ms());
    let evidence = Evidence { rho: 0.31, threshold: 0.8, reason: "pattern lost".into() };
    let input = AlarmInput {
        condition: "ecg.1".into(),
        priority: Priority::High,
        text: "ECG PATTERN LOST".into(),
        at_ms: now_ms(),
        evidence: Some(evidence),
        strip: None,
    };
    board.raise_alarm(input).unwrap();
}

fn signals(bed: &Value) -> Vec<&str> {
    bed["numerics"].as_array().unwrap().iter().map(|n| n["signal"].as_str().unwrap()).collect()
}

async fn bed(asking: &Asking, number: u16) -> Value {
    let ward = asking.json("/api/v1/ward").await;
    let beds = ward["beds"].as_array().unwrap();
    beds.iter().find(|bed| bed["bed"] == number).cloned().unwrap()
}

async fn acts(house: &House) -> Vec<(String, Value)> {
    let mut archive = house.archive.lock().await;
    let mut acts = Vec::new();
    for index in 0..archive.size() {
        let (kind, text) = archive.act(index).await.unwrap();
        acts.push((kind.name().to_owned(), serde_json::from_slice(&text).unwrap()));
    }
    acts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn class_two_is_granted_to_who_treats_and_is_on_record_before_the_first_byte() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    let closed = bed(&asking, BED).await;
    assert_eq!((closed["relation"].as_str(), &closed["access"]), (Some("treating"), &Value::Null));
    assert_eq!(closed["patient_number"], PATIENT.0.to_string());
    assert!(signals(&closed).is_empty() && closed["patient"]["label"] == "");

    let (status, answer) = json(asking.ask(Wish::TREATMENT).await).await;
    assert_eq!((status, answer["decision"].as_str()), (StatusCode::OK, Some("granted")));
    assert_eq!(answer["access"]["class"], "II");
    let states: Vec<_> = answer["steps"].as_array().unwrap().iter().map(|s| s["state"].clone()).collect();
    assert_eq!(states, ["done", "done", "done", "done", "done", "skipped", "done"]);

    let open = bed(&asking, BED).await;
    assert_eq!(signals(&open), ["heart-rate", "temp"]);
    assert_eq!(open["sealed"], serde_json::json!(["pump-rate"]));
    assert!(signals(&bed(&asking, OTHER_BED).await).is_empty(), "a grant is for one bed");
    asking.json("/api/v1/ward").await;
    let acts = acts(&asking.house).await;
    let kinds: Vec<&str> = acts.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["grant", "read"], "a read is noted once for a grant");
    assert_eq!(acts[1].1["who"], "Dr A. Meyer");
    assert_eq!(acts[1].1["grant"], 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn class_one_does_not_open_class_two() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    asking.ask(Wish { class: risk::RiskClass::I, ..Wish::TREATMENT }).await;
    assert_eq!(signals(&bed(&asking, BED).await), ["temp"]);
    let trends = asking.json(&format!("/api/v1/beds/{BED}/trends")).await;
    let named: Vec<_> = trends["signals"].as_array().unwrap().iter().map(|s| s["signal"].clone()).collect();
    assert_eq!(named, ["temp"]);
    let events = asking.get(&format!("/api/v1/beds/{BED}/alarms")).await;
    assert_eq!(events.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn class_three_waits_for_the_sensor_and_opens_with_its_consent_only() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    let (status, answer) = json(asking.ask(Wish::PUMP).await).await;
    assert_eq!((status, answer["decision"].as_str()), (StatusCode::OK, Some("asking")));
    assert_eq!(
        (answer["access"]["class"].as_str(), &answer["access"]["waiting"]),
        (Some("II"), &true.into())
    );
    assert_eq!(answer["steps"][5]["state"], "waiting");
    let asked = asking.house.asks.try_recv().unwrap();
    assert_eq!((asked.hub.0, asked.sensor), (BED, PUMP));
    assert_eq!(signals(&bed(&asking, BED).await), ["heart-rate", "temp"], "class II meanwhile");

    // The consent to another question opens nothing.
    let until = START_MS + 60_000;
    let gate = asking.house.gate.clone();
    gate.sensor_released(BED, PUMP, Some([9; 16]), until).await;
    assert_eq!(signals(&bed(&asking, BED).await), ["heart-rate", "temp"]);
    gate.sensor_released(BED, PUMP, Some(name_of(&asked.request)), until).await;
    let open = bed(&asking, BED).await;
    assert_eq!(signals(&open), ["heart-rate", "temp", "pump-rate"]);
    assert_eq!(
        (open["access"]["class"].as_str(), open["access"]["until_ms"].as_u64()),
        (Some("III"), Some(until))
    );
    // It ends with the consent, and nothing of the grant is left.
    asking.set_clock(until);
    gate.tick().await;
    assert!(signals(&bed(&asking, BED).await).is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_consent_to_one_person_opens_nothing_to_another() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    asking.ask(Wish::PUMP).await;
    let asked = asking.house.asks.try_recv().unwrap();
    asking.house.gate.sensor_released(BED, PUMP, Some(name_of(&asked.request)), START_MS + 60_000).await;
    let meyer_too = asking.house.somebody(1, Role::Physician, START_MS, |_| {});
    asking.log_in_as(meyer_too).await;
    asking.ask(Wish::TREATMENT).await;
    assert_eq!(signals(&bed(&asking, BED).await), ["heart-rate", "temp"]);
}

/// What a house arranges at the enrolment of an implant: its key is with the clinic, for emergencies.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn class_three_opens_to_broken_glass_only_in_an_emergency_and_if_the_sensor_released_it_beforehand() {
    let wish = Wish { class: risk::RiskClass::III, sensor: Some(PUMP), ..Wish::GLASS };
    for (is_emergency, is_released, opens) in [(true, true, true), (true, false, false), (false, true, false)]
    {
        let mut asking = Asking::new().await;
        fill(&asking.board);
        if is_emergency {
            emergency(&asking.board);
        }
        if is_released {
            asking.house.gate.sensor_released(BED, PUMP, None, START_MS + 3_600_000).await;
        }
        let lima = asking.house.somebody(5, Role::Physician, START_MS, |_| {});
        asking.log_in_as(lima).await;
        let (status, answer) = json(asking.ask(wish).await).await;
        assert_eq!((status, answer["decision"].as_str()), (StatusCode::OK, Some("override")));
        assert_eq!(answer["access"]["withheld"].is_null(), opens, "{answer}");
        let seen = bed(&asking, BED).await;
        assert_eq!(signals(&seen).contains(&"pump-rate"), opens);
        assert!(signals(&seen).contains(&"heart-rate"), "class II is there in any case");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_sensor_that_declines_leaves_class_two() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in().await;
    asking.ask(Wish::PUMP).await;
    let asked = asking.house.asks.try_recv().unwrap();
    asking.house.gate.sensor_declined(BED, PUMP, name_of(&asked.request), "the wearer declines");
    let open = bed(&asking, BED).await;
    assert_eq!((open["access"]["class"].as_str(), &open["access"]["waiting"]), (Some("II"), &false.into()));
    assert_eq!(signals(&open), ["heart-rate", "temp"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn without_a_relation_it_is_refused_and_the_offer_is_made() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    let lima = asking.house.somebody(5, Role::Physician, START_MS, |_| {});
    asking.log_in_as(lima).await;
    let (status, answer) = json(asking.ask(Wish::TREATMENT).await).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    assert_eq!((answer["break_glass"].as_bool(), answer["decision"].as_str()), (Some(true), Some("refused")));
    let issue = &answer["outcome"]["issue"][0];
    assert_eq!(
        (issue["code"].as_str(), issue["details"]["coding"][0]["code"].as_str()),
        (Some("suppressed"), Some("ETREAT"))
    );
    let steps = answer["steps"].as_array().unwrap();
    assert_eq!((steps[2]["state"].as_str(), steps[3]["text"].as_str()), (Some("failed"), Some("")));
    assert_eq!(acts(&asking.house).await[0].0, "refusal");
    // A program is refused, and nothing is offered.
    let program = asking.house.somebody(5, Role::Program, START_MS, |_| {});
    asking.log_in_as(program).await;
    let (_, answer) = json(asking.ask(Wish::TREATMENT).await).await;
    assert_eq!(answer["break_glass"], false);
    assert_eq!(answer["outcome"]["issue"][0]["code"], "forbidden");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn broken_glass_is_given_recorded_announced_closed_and_reviewed() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    emergency(&asking.board);
    let lima = asking.house.somebody(5, Role::Physician, START_MS, |_| {});
    asking.log_in_as(lima).await;
    let before = bed(&asking, BED).await;
    let alarm = &before["alarms"][0];
    assert_eq!((alarm["redacted"].as_bool(), alarm["text"].as_str()), (Some(true), Some("")));
    let evidence = asking.json(&format!("/api/v1/beds/{BED}/evidence")).await;
    assert_eq!(evidence["rho"], 0.31);
    let none = asking.get(&format!("/api/v1/beds/{OTHER_BED}/evidence")).await;
    assert_eq!(none.status(), StatusCode::NOT_FOUND, "no emergency there");

    let (status, answer) = json(asking.ask(Wish::GLASS).await).await;
    assert_eq!((status, answer["decision"].as_str()), (StatusCode::OK, Some("override")));
    assert_eq!(answer["access"]["until_ms"].as_u64(), Some(START_MS + 15 * 60_000));
    let open = bed(&asking, BED).await;
    assert_eq!(signals(&open), ["heart-rate", "temp"]);
    assert_eq!(open["alarms"][0]["text"], "ECG PATTERN LOST");
    let ward = asking.json("/api/v1/ward").await;
    assert_eq!(ward["break_glass"]["open"][0]["mine"], true);

    asking.set_clock(START_MS + 312_000);
    let id = answer["access"]["id"].as_u64().unwrap();
    let (status, closed) = json(asking.post(&format!("/api/v1/access/{id}/close"), "k", "").await).await;
    assert_eq!((status, closed["closed"]["seconds"].as_u64()), (StatusCode::OK, Some(312)));
    assert!(signals(&bed(&asking, BED).await).is_empty());
    assert_eq!(asking.json("/api/v1/ward").await["break_glass"]["open"], serde_json::json!([]));
    let kinds: Vec<String> = acts(&asking.house).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["override-start", "read", "override-end"]);

    // Who broke it cannot review it; a reviewer can, once.
    asking.house.gate.tick().await;
    let own = &asking.json("/api/v1/reviews").await["reviews"][0];
    assert_eq!((own["state"].as_str(), own["own"].as_bool()), (Some("waiting"), Some(true)));
    assert_eq!((own["statement"].as_str(), own["seconds"].as_u64()), (Wish::GLASS.statement, Some(312)));
    let review = format!("/api/v1/reviews/{}", own["id"]);
    let body = r#"{"verdict":"accepted","note":"arrest call confirmed"}"#;
    assert_eq!(asking.post(&review, "k", body).await.status(), StatusCode::FORBIDDEN);
    let reviewer = asking.house.somebody(4, Role::Reviewer, START_MS, |_| {});
    asking.log_in_as(reviewer).await;
    assert_eq!(asking.post(&review, "k", body).await.status(), StatusCode::OK);
    assert_eq!(asking.post(&review, "k2", body).await.status(), StatusCode::FORBIDDEN);
    let reviewed = &asking.json("/api/v1/reviews").await["reviews"][0];
    assert_eq!(
        (reviewed["state"].as_str(), reviewed["review"]["note"].as_str()),
        (Some("accepted"), Some("arrest call confirmed"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn glass_that_was_broken_when_the_process_ended_is_closed_on_record_by_the_next() {
    let mut asking = Asking::new().await;
    emergency(&asking.board);
    asking.log_in().await;
    asking.ask(Wish::GLASS).await;
    asking.house.gate.tick().await;
    // Another process with the same database and ledger.
    asking.house.another_process(now_ms);
    asking.house.gate.tick().await;
    let kinds: Vec<String> = acts(&asking.house).await.into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["override-start", "override-end"]);
    let reviews = asking.house.store.reviews(9).await.unwrap();
    assert_eq!(reviews[0].state, bodywire_store::ReviewState::Waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn broken_glass_ends_by_itself_after_fifteen_minutes() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    emergency(&asking.board);
    let lima = asking.house.somebody(5, Role::Nurse, START_MS, |_| {});
    asking.log_in_as(lima).await;
    asking.ask(Wish::GLASS).await;
    asking.set_clock(START_MS + 15 * 60_000 - 1);
    asking.house.gate.tick().await;
    assert_eq!(signals(&bed(&asking, BED).await).len(), 2);
    asking.set_clock(START_MS + 15 * 60_000);
    assert!(signals(&bed(&asking, BED).await).is_empty(), "before anybody has looked at the clock");
    asking.house.gate.tick().await;
    assert_eq!(acts(&asking.house).await.last().unwrap().0, "override-end");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_code_is_asked_for_and_five_wrong_ones_lock() {
    let mut asking = Asking::new().await;
    let mut lima = asking.house.somebody(5, Role::Physician, START_MS, |_| {});
    lima.credential.code = Some(std::sync::Arc::new(|given| given == "482913"));
    asking.log_in_as(lima).await;
    assert_eq!(asking.ask(Wish::GLASS).await.status(), StatusCode::FORBIDDEN, "none");
    assert_eq!(asking.ask_with(Wish::GLASS, Some("482913")).await.status(), StatusCode::OK);
    for _ in 0..5 {
        assert_eq!(asking.ask_with(Wish::GLASS, Some("000000")).await.status(), StatusCode::FORBIDDEN);
    }
    let locked = asking.ask_with(Wish::GLASS, Some("482913")).await;
    assert_eq!(locked.status(), StatusCode::TOO_MANY_REQUESTS);
    asking.set_clock(START_MS + 61_000);
    assert_eq!(asking.ask_with(Wish::GLASS, Some("482913")).await.status(), StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn care_goes_on_without_a_ledger_and_the_journal_brings_the_record_later() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    emergency(&asking.board);
    // The clinic is gone, and its ledger with it.
    let directory = tempfile::TempDir::new().unwrap();
    let other = open_ledger(&directory, &asking.house.store).await;
    let archive = std::mem::replace(&mut asking.house.archive, other);
    drop(archive);
    asking.log_in().await;
    let refused = asking.ask(Wish::TREATMENT).await;
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE, "no record, no data");
    assert!(signals(&bed(&asking, BED).await).is_empty());

    let started = std::time::Instant::now();
    let (status, answer) = json(asking.ask(Wish::GLASS).await).await;
    assert_eq!((status, answer["journalled"].as_bool()), (StatusCode::OK, Some(true)));
    assert_eq!(signals(&bed(&asking, BED).await), ["heart-rate", "temp"]);
    assert!(started.elapsed() < Duration::from_secs(60));
    let ward = asking.json("/api/v1/ward").await;
    let alarms = ward["ward"]["alarms"].as_array().unwrap();
    assert!(alarms.iter().any(|alarm| alarm["condition"] == "access.journal"), "{alarms:?}");

    // The ledger is back: what was in the journal is in it, in its order.
    asking.house.archive = open_ledger(&asking.house.directory, &asking.house.store).await;
    asking.house.ledger_is_there();
    asking.house.gate.tick().await;
    let acts = acts(&asking.house).await;
    let kinds: Vec<&str> = acts.iter().map(|(kind, _)| kind.as_str()).collect();
    assert_eq!(kinds, ["override-start", "read"]);
    assert!(acts.iter().all(|(_, act)| act["journalled"] == true));
    assert!(asking.json("/api/v1/ward").await["ward"]["alarms"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_grant_ends_with_the_relation_the_stay_and_the_certificate() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in_with_access().await;
    let gate = asking.house.gate.clone();
    let mut people = asking.house.people();
    people.relations.insert((asking.person.credential.certificate.person, PATIENT), Relation::OnCall);
    gate.set_directory(people.clone());
    gate.tick().await;
    assert_eq!(signals(&bed(&asking, BED).await).len(), 2, "on call reaches class II, too");
    people.relations.remove(&(asking.person.credential.certificate.person, PATIENT));
    gate.set_directory(people);
    gate.tick().await;
    assert!(signals(&bed(&asking, BED).await).is_empty(), "the relation ended");

    gate.set_directory(asking.house.people());
    asking.ask(Wish::TREATMENT).await;
    let mut moved = asking.house.people();
    moved.beds.get_mut(&bodywire_proto::access::Bed(BED)).unwrap().patient = None;
    gate.set_directory(moved);
    gate.tick().await;
    assert!(signals(&bed(&asking, BED).await).is_empty(), "the patient left the bed");
    let left = asking.board.snapshot();
    assert!(left.numerics.is_empty() && left.log.is_empty(), "and left nothing on it");
    assert!(asking.board.trends(0).is_empty());

    gate.set_directory(asking.house.people());
    fill(&asking.board);
    asking.ask(Wish::TREATMENT).await;
    assert_eq!(signals(&bed(&asking, BED).await).len(), 2);
    let serial = asking.person.credential.certificate.serial;
    asking.house.publish(&[serial], START_MS);
    gate.tick().await;
    assert!(signals(&bed(&asking, BED).await).is_empty(), "the certificate was revoked");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn requests_that_are_no_requests_are_refused_and_change_nothing() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let request = asking.person.request(Wish::TREATMENT, [0; 16], START_MS);
    let glass = asking.person.request(Wish::GLASS, [0; 16], START_MS);
    for (body, status) in [
        ("", StatusCode::BAD_REQUEST),
        ("{}", StatusCode::BAD_REQUEST),
        (r#"{"request":"zz"}"#, StatusCode::BAD_REQUEST),
        (r#"{"request":"00"}"#, StatusCode::BAD_REQUEST),
        (&body_of(&request, Some("another reason"), None), StatusCode::BAD_REQUEST),
        (&body_of(&glass, None, None), StatusCode::BAD_REQUEST),
        (&body_of(&request, None, None), StatusCode::FORBIDDEN),
    ] {
        assert_eq!(asking.post("/api/v1/access", "k", body).await.status(), status, "{body}");
    }
    assert_eq!(asking.json("/api/v1/access").await["grants"], serde_json::json!([]));
    let own_purpose = asking.ask(Wish { purpose: Purpose::OwnData, ..Wish::TREATMENT }).await;
    assert_eq!(own_purpose.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_page_in_a_loop_does_not_fill_the_ledger_and_an_emergency_is_decided_all_the_same() {
    let mut asking = Asking::new().await;
    emergency(&asking.board);
    let lima = asking.house.somebody(5, Role::Physician, START_MS, |_| {});
    asking.log_in_as(lima).await;
    let mut last = StatusCode::OK;
    for _ in 0..=bodywire_clinic::gate::REFUSALS_PER_MINUTE {
        last = asking.ask(Wish::TREATMENT).await.status();
    }
    assert_eq!(last, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(acts(&asking.house).await.len(), bodywire_clinic::gate::REFUSALS_PER_MINUTE);
    assert_eq!(asking.ask(Wish::GLASS).await.status(), StatusCode::OK);
    asking.set_clock(START_MS + 61_000);
    assert_eq!(asking.ask(Wish::TREATMENT).await.status(), StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn the_patient_sees_who_looked_and_can_prove_it() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    asking.log_in_with_access().await;
    asking.json("/api/v1/ward").await;
    asking.house.archive.lock().await.publish().unwrap();
    let patient = asking.house.somebody(3, Role::Patient, START_MS, |_| {});
    asking.log_in_as(patient).await;
    // The index is written behind the answer.
    let mut rows = Vec::new();
    for _ in 0..100 {
        let list = asking.json("/api/v1/audit").await;
        rows = list["rows"].as_array().unwrap().clone();
        if rows.len() == 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let seen: Vec<_> = rows.iter().map(|row| (row["kind"].as_str(), row["who"].as_str())).collect();
    assert_eq!(seen, [(Some("read"), Some("Dr A. Meyer")), (Some("grant"), Some("Dr A. Meyer"))]);
    let proof = asking.get(&format!("/api/v1/audit/{}/proof", rows[0]["index"])).await;
    assert_eq!(proof.status(), StatusCode::OK);
    let proof = bodywire_ledger::prove::Proof::parse(&asking::text(proof).await).unwrap();
    let key = ed25519_dalek::SigningKey::from_bytes(&[4; 32]).verifying_key();
    let key = bodywire_ledger::VerifierKey::new(crate::house::ORIGIN, key).unwrap();
    assert_eq!(proof.verify(&key).unwrap().0.kind, EntryKind::Read);
    // Somebody who has nothing to do with it sees neither.
    let lima = asking.house.somebody(5, Role::Physician, START_MS, |_| {});
    asking.log_in_as(lima).await;
    assert_eq!(asking.json("/api/v1/audit").await["rows"], serde_json::json!([]));
    let refused = asking.get(&format!("/api/v1/audit/{}/proof", rows[0]["index"])).await;
    assert_eq!(refused.status(), StatusCode::NOT_FOUND);
}

/// An alarm that a patient has silenced is one that nobody comes for.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn patients_and_reviewers_see_alarms_and_do_not_acknowledge_them() {
    let mut asking = Asking::new().await;
    fill(&asking.board);
    emergency(&asking.board);
    for (number, role, purpose) in
        [(3, Role::Patient, Purpose::OwnData), (4, Role::Reviewer, Purpose::Review)]
    {
        let somebody = asking.house.somebody(number, role, START_MS, |_| {});
        asking.log_in_as(somebody).await;
        let given = asking.ask(Wish { purpose, ..Wish::TREATMENT }).await;
        assert_eq!(given.status(), StatusCode::OK);
        let alarm = bed(&asking, BED).await["alarms"][0].clone();
        assert_eq!((alarm["text"].as_str(), alarm["state"].as_str()), (Some("ECG PATTERN LOST"), Some("on")));
        let path = format!("/api/v1/alarms/{}/acknowledge", alarm["id"]);
        assert_eq!(asking.post(&path, &format!("key-{number}"), "").await.status(), StatusCode::FORBIDDEN);
        let path = format!("/api/v1/beds/{BED}/pause");
        let paused = asking.post(&path, &format!("pause-{number}"), r#"{"seconds": 60}"#).await;
        assert_eq!(paused.status(), StatusCode::FORBIDDEN);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_bed_that_is_not_there_opens_to_nobody_and_does_not_come_onto_the_board() {
    let mut asking = Asking::new().await;
    asking.log_in().await;
    let beds = asking.board.beds();
    for bed in [0, 9, u16::MAX] {
        for wish in [Wish { bed, ..Wish::TREATMENT }, Wish { bed, ..Wish::GLASS }] {
            assert_eq!(asking.ask(wish).await.status(), StatusCode::FORBIDDEN, "bed {bed}");
        }
    }
    assert_eq!(asking.board.beds(), beds);
}
