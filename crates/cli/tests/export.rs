//! Exports from a clinic that runs: a real record behind a stand-in for the gate, which looks at every signature.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use bodywire_clinic::archive::{Archive, Item};
use bodywire_clinic::record_read::Wanted;
use bodywire_clinic::web::{Opened, record_answer};
use bodywire_ledger::Origin;
use bodywire_proto::RiskClass;
use bodywire_proto::access::verify::{IssuerKey, name_of, signed_by};
use bodywire_proto::access::{Certificate, Person, Purpose, Request, Role, SIGNATURE_BYTES};
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::{BatchHeader, Scale, Signal, emit};
use bodywire_proto::prf::Key;
use bodywire_proto::report::{Alarm, Condition, Kind, ReportHeader, emit_header};
use bodywire_proto::wire::{HubId, SensorId};
use bodywire_store::{DatabaseKey, HubRow, Location, PatientId, PufQuality, ReportRow, SensorRow, Store};
use data_encoding::HEXLOWER as HEX;
use ed25519_dalek::{Signer, SigningKey};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::sync::Mutex;

const HUB: HubId = HubId(7);
const COOKIE: &str = "bodywire_session=cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd";
const CSRF: &str = "efefefefefefefefefefefefefefefefefefefefefefefefefefefefefefefef";
const TOKEN: &str = "abababababababababababababababababababababababababababababababab";
const CHALLENGE: [u8; 16] = [9; 16];
/// Entry of the read that the stand-in says it has written.
const READ: u64 = 901;

/// What the stand-in knows.
struct Gate {
    store: Store,
    archive: Arc<Mutex<Archive>>,
    patient: PatientId,
    issuer: IssuerKey,
    certificate: Certificate,
    refuses: bool,
    closed: AtomicU32,
    signed_in: AtomicU32,
    now_ms: u64,
}

struct World {
    directory: tempfile::TempDir,
    gate: Arc<Gate>,
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

impl World {
    /// A ward with a minute of ECG and temperature of a patient, and a console on a port of its own.
    async fn new(refuses: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::file(directory.path().join("test.db"));
        let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
        store.enroll_hub(&HubRow { hub: HUB, verify_key: [1; 32], rendezvous: [2; 32] }).await.unwrap();
        for (sensor, kind, class) in [(1, Signal::Ecg, RiskClass::II), (4, Signal::Temperature, RiskClass::I)]
        {
            let row = SensorRow {
                hub: HUB,
                sensor: SensorId(sensor),
                kind,
                class,
                wrapping_key: Some(Key::new([7; 32])),
                enrolled_ms: 1,
                profile: Profile::ALL[0],
                quality: PufQuality { reliability: 0.9, uniformity: 0.5, uniqueness: None },
                revoked_ms: None,
            };
            store.enroll_sensor(&row, &[]).await.unwrap();
        }
        let now_ms = now_ms();
        let patient = store.admit_patient(b"", HUB, now_ms - 200_000).await.unwrap();
        let origin = Origin::new("ward.example/log").unwrap();
        let ledger = directory.path().join("ledger");
        let key = SigningKey::from_bytes(&[1; 32]);
        let (mut archive, _) = Archive::open(&ledger, origin, key, store.clone(), None).await.unwrap();
        fill(&mut archive, now_ms).await;

        let (issuer, holder) = (SigningKey::from_bytes(&[3; 32]), SigningKey::from_bytes(&[4; 32]));
        let mut certificate = Certificate {
            serial: 5,
            person: Person([6; 16]),
            role: Role::Program,
            highest_class: RiskClass::II,
            key: holder.verifying_key().to_bytes(),
            not_before_ms: now_ms - 1_000,
            not_after_ms: now_ms + 3_600_000,
            issuer: name_of(issuer.verifying_key().as_bytes()),
            signature: [0; SIGNATURE_BYTES],
        };
        certificate.signature = issuer.sign(&certificate.signed_bytes().unwrap()).to_bytes();
        let gate = Arc::new(Gate {
            store,
            archive: Arc::new(Mutex::new(archive)),
            patient,
            issuer: IssuerKey::from_bytes(issuer.verifying_key().as_bytes()).unwrap(),
            certificate,
            refuses,
            closed: AtomicU32::new(0),
            signed_in: AtomicU32::new(0),
            now_ms,
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let certificate = HEX.encode(&certificate.to_bytes().unwrap());
        let credential = format!("http://{address}\nonce {TOKEN}\n{certificate}\n{}\n", HEX.encode(&[4; 32]));
        std::fs::create_dir(directory.path().join("clinic")).unwrap();
        std::fs::write(directory.path().join("clinic/export-credential"), credential).unwrap();
        let routes = Router::new()
            .route("/", get(sign_in))
            .route("/api/v1/session", get(session))
            .route("/api/v1/ward", get(ward))
            .route("/api/v1/access/challenge", post(challenge))
            .route("/api/v1/access", post(ask))
            .route("/api/v1/access/{id}/close", post(close))
            .route("/api/v1/beds/{bed}/record", get(record))
            .route("/api/v1/audit", get(audit))
            .with_state(Arc::clone(&gate));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { directory, gate }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    async fn export(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bodywire"));
        command
            .arg("export")
            .args(arguments)
            .args(["--output", "json", "--state"])
            .arg(self.directory.path());
        command.stdin(Stdio::null()).env_remove("BODYWIRE_LOG");
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn json(&self, format: &str, out: &str) -> Value {
        let out = self.path(out).display().to_string();
        let output = self.export(&[format, "--bed", "7", "--last", "5m", "--out", &out]).await;
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{format}: {stderr}");
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

/// A minute of ECG at 250 Hz in seconds, a temperature every ten, and an alarm.
async fn fill(archive: &mut Archive, now_ms: u64) {
    let begin = now_ms - 100_000;
    let mut items = Vec::new();
    let mut push = |kind: Kind, sensor: u16, made_ms: u64, offset_ms: i64, body: Vec<u8>| {
        let (number, sensor) = (items.len() as u64 + 1, SensorId(sensor));
        let header = ReportHeader { kind, sensor, number, hub_time_ms: made_ms, offset_ms, backlog: 0 };
        let report = [&emit_header(&header).unwrap()[..], &body].concat();
        let class = if sensor == SensorId(4) { RiskClass::I } else { RiskClass::II };
        items.push((
            kind,
            Item { hub: HUB, number, sensor, class, hub_time_ms: made_ms, late: false, report },
        ));
    };
    for second in 0..60u64 {
        let at = begin + second * 1_000;
        let samples: Vec<i16> = (0..250).map(|step| (second * 250 + step) as i16).collect();
        push(Kind::Observations, 1, at + 996, 996, part(Signal::Ecg, 250_000, second * 250, at, &samples));
        if second % 10 == 0 {
            let body = part(Signal::Temperature, 100, second / 10, at, &[172]);
            push(Kind::Observations, 4, at, 0, body);
        }
    }
    let condition = Condition::Tachycardia;
    let alarm = Alarm {
        condition,
        present: true,
        onset_index: 0,
        decided_index: 1,
        correlation: None,
        threshold: 0.4,
    };
    push(Kind::Alarm, 1, begin + 30_000, 0, alarm.to_bytes().unwrap().to_vec());
    let all: Vec<Item> = items.iter().map(|(_, item)| item.clone()).collect();
    let appended = archive.append(&all, now_ms).await.unwrap();
    let rows: Vec<ReportRow> = items
        .iter()
        .zip(appended.entries)
        .map(|((kind, item), ledger_index)| ReportRow {
            hub: HUB,
            number: item.number,
            ledger_index,
            sensor: item.sensor,
            kind: *kind as u8,
            hub_time_ms: item.hub_time_ms,
        })
        .collect();
    let head = archive.head().unwrap();
    archive.register(&head, &rows, &[]).await.unwrap();
}

fn part(signal: Signal, rate_millihertz: u32, first_index: u64, at_ms: u64, samples: &[i16]) -> Vec<u8> {
    let scale = Scale { gain_milli: 10_000, baseline: -200 };
    let time_us = at_ms * 1_000;
    let header = BatchHeader { signal, simulated: true, rate_millihertz, scale, first_index, time_us };
    let mut buffer = [0; 1_024];
    let (len, taken) = emit(&header, samples, &mut buffer).unwrap();
    assert_eq!(taken, samples.len());
    [&(len as u16).to_be_bytes()[..], &buffer[..len]].concat()
}

fn knows(headers: &HeaderMap) -> bool {
    headers.get("cookie").is_some_and(|value| value == COOKIE)
}

/// A token opens one session.
async fn sign_in(State(gate): State<Arc<Gate>>, Query(query): Query<HashMap<String, String>>) -> Response {
    assert_eq!(query["once"], TOKEN);
    if gate.signed_in.fetch_add(1, Ordering::Relaxed) > 0 {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let cookie = format!("{COOKIE}; HttpOnly; SameSite=Strict; Path=/; Max-Age=43200");
    (StatusCode::SEE_OTHER, [("set-cookie", cookie), ("location", "/".to_owned())]).into_response()
}

async fn session(headers: HeaderMap) -> Response {
    if !knows(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "no session" }))).into_response();
    }
    Json(json!({ "csrf": CSRF })).into_response()
}

async fn ward(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Response {
    if !knows(&headers) {
        return (StatusCode::UNAUTHORIZED, Json(json!({ "error": "no session" }))).into_response();
    }
    let number = gate.patient.0.to_string();
    let empty = json!({ "bed": 8, "label": "403", "patient_number": null });
    Json(json!({ "beds": [{ "bed": 7, "label": "402", "patient_number": number }, empty] })).into_response()
}

async fn challenge(headers: HeaderMap) -> Json<Value> {
    assert!(knows(&headers) && headers["x-bodywire-csrf"] == CSRF);
    Json(json!({ "challenge": HEX.encode(&CHALLENGE) }))
}

async fn ask(State(gate): State<Arc<Gate>>, Json(body): Json<Value>) -> Response {
    let bytes = HEX.decode(body["request"].as_str().unwrap().as_bytes()).unwrap();
    let request = Request::parse(&bytes).unwrap();
    let verified = gate.issuer.shown(&gate.certificate);
    assert!(matches!(verified, bodywire_proto::access::facts::Shown::Verified(_)));
    assert!(signed_by(&request, &gate.certificate) && request.challenge == CHALLENGE);
    assert_eq!((request.patient.unwrap().0, request.bed.0), (gate.patient.0, HUB.0));
    assert_eq!((request.purpose, request.class, request.sensor), (Purpose::Treatment, RiskClass::II, None));
    if gate.refuses {
        let refusal = json!({ "decision": "refused", "error": "class not allowed" });
        return (StatusCode::FORBIDDEN, Json(refusal)).into_response();
    }
    Json(json!({ "decision": "granted", "access": { "id": 11, "class": "II" } })).into_response()
}

async fn close(State(gate): State<Arc<Gate>>, Path(id): Path<u64>) -> Json<Value> {
    assert_eq!(id, 11);
    gate.closed.fetch_add(1, Ordering::Relaxed);
    Json(json!({ "closed": {} }))
}

async fn record(
    State(gate): State<Arc<Gate>>,
    Path(bed): Path<u16>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let number = |name: &str| query[name].parse::<u64>().unwrap();
    assert_eq!(query["class"], "II");
    let wanted = Wanted {
        hub: HubId(bed),
        patient: Some(gate.patient),
        from_ms: number("from_ms"),
        to_ms: number("to_ms"),
        class: RiskClass::II,
    };
    let opened = Opened {
        wanted,
        label: "402".to_owned(),
        house: "ward.example/log".to_owned(),
        read: Some(READ),
        counts: Box::new(|_, _| false),
        stands: Box::new(|| true),
    };
    record_answer(opened, Arc::clone(&gate.archive), gate.store.clone(), gate.now_ms, ())
}

async fn audit(State(gate): State<Arc<Gate>>, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    assert_eq!(query["bed"], "7");
    let row = |index: u64, kind: &str, ago_ms: u64, purpose: &str| {
        json!({
            "index": index, "at_ms": gate.now_ms - ago_ms, "kind": kind, "who": "Dr A. Meyer", "role": "physician",
            "bed": 7, "purpose": purpose, "class": "II", "text": if index == READ { "read record 1 to 2" } else { "read live" }, "proof": true,
        })
    };
    let rows = match query.get("before").map(String::as_str) {
        None => json!([row(READ, "read", 0, "treatment"), row(800, "override-start", 50_000, "break-glass")]),
        Some("800") => json!([
            row(700, "setting", 60_000, ""),
            row(600, "refusal", 70_000, "treatment"),
            row(500, "read", 250_000, "treatment"),
        ]),
        Some(other) => panic!("{other}"),
    };
    Json(json!({ "rows": rows, "more": !query.contains_key("before") }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bed_is_exported_in_every_format() {
    let world = World::new(false).await;
    let said = world.json("csv", "bed.csv").await;
    assert_eq!((said["samples"].as_u64(), said["alarms"].as_u64()), (Some(15_006), Some(1)));
    assert_eq!((said["read"].as_u64(), said["class"].as_str()), (Some(READ), Some("II")));
    assert!(said["data"].as_str().unwrap().contains("HTEST"));
    let table = std::fs::read_to_string(world.path("bed.csv")).unwrap();
    let (head, rows) = table.split_once("\r\n").unwrap();
    assert_eq!(head, "time,ecg sensor 1 [mV],temperature sensor 4 [Cel],simulated");
    assert!(rows.lines().count() >= 15_000 && rows.lines().all(|row| row.contains("SIMULATED")));
    let first: Vec<&str> = rows.lines().next().unwrap().split(',').collect();
    assert_eq!(first[1..3], ["20", "37.2"]);

    for (format, ending) in [("wfdb", "hea"), ("edf", "edf")] {
        let said = world.json(format, format).await;
        let files = said["files"].as_array().unwrap();
        assert!(files.iter().any(|file| file["file"].as_str().unwrap().ends_with(ending)), "{said}");
        for file in files {
            let bytes = std::fs::metadata(file["file"].as_str().unwrap()).unwrap().len();
            assert_eq!(file["bytes"].as_u64(), Some(bytes));
        }
    }
    world.json("fhir", "bundle.json").await;
    let bundle: Value = serde_json::from_slice(&std::fs::read(world.path("bundle.json")).unwrap()).unwrap();
    let of = |kind: &str| -> Vec<Value> {
        let entries = bundle["entry"].as_array().unwrap().iter().map(|entry| entry["resource"].clone());
        entries.filter(|resource| resource["resourceType"] == kind).collect()
    };
    assert!(of("Observation").len() >= 7 && of("Device").len() == 3);
    // Another patient's time, and what is no access, is left out; this export is in.
    let codes: Vec<Value> = of("AuditEvent").iter().map(|event| event["type"]["code"].clone()).collect();
    assert_eq!(codes, ["110110", "110113", "110106"]);
    assert!(
        bundle.to_string().contains("HTEST")
            && bundle.to_string().contains(&world.gate.patient.0.to_string())
    );
    assert_eq!(world.gate.closed.load(Ordering::Relaxed), 4, "each access was given back");
    assert_eq!(world.gate.signed_in.load(Ordering::Relaxed), 1, "the session is kept");
    let file = world.path("clinic/export-credential");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("session cd", "session 00")).unwrap();
    let out = world.path("late.csv").display().to_string();
    let output = world.export(&["csv", "--bed", "7", "--last", "5m", "--out", &out]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("bodywire access invite PERSON --export") && output.status.code() == Some(4),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stands_against_an_export_is_said() {
    let world = World::new(false).await;
    let out = world.path("out.csv").display().to_string();
    let place = world.path("clinic/export-credential").display().to_string();
    let cases: [(&[&str], i32, &str); 7] = [
        (&["csv", "--bed", "9", "--last", "5m", "--out", &out], 6, "its beds are 7, 8"),
        (&["csv", "--bed", "8", "--last", "5m", "--out", &out], 4, "bodywire access relate"),
        (&["csv", "--bed", "7", "--last", "5m", "--out", &place], 6, "--out"),
        (&["csv", "--bed", "7", "--from", "2020-01-01", "--to", "2019-01-01", "--out", &out], 6, "--from"),
        (&["csv", "--bed", "7", "--from", "2020-01-01", "--to", "2020-01-02", "--out", &out], 1, "no sample"),
        (&["csv", "--bed", "7", "--last", "5m", "--class", "III", "--out", &out], 2, "--sensor"),
        (
            &["csv", "--bed", "7", "--last", "5m", "--out", &out, "--console", "http://127.0.0.1:1"],
            5,
            "--console",
        ),
    ];
    for (arguments, code, words) in cases {
        let output = world.export(arguments).await;
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {said}");
        assert!(said.contains(words), "{arguments:?}: {said}");
    }
    assert!(!world.path("out.csv").exists());
    let refusing = World::new(true).await;
    let output = refusing.export(&["csv", "--bed", "7", "--last", "5m", "--out", &out]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("class not allowed") && output.status.code() == Some(4), "{said}");
    std::fs::remove_file(world.path("clinic/export-credential")).unwrap();
    let output = world.export(&["csv", "--bed", "7", "--last", "5m", "--out", &out]).await;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("bodywire access invite PERSON --export") && output.status.code() == Some(6),
        "{said}"
    );
}

#[test]
fn the_capability_statement_needs_no_clinic() {
    let output =
        Command::new(env!("CARGO_BIN_EXE_bodywire")).args(["export", "capability"]).output().unwrap();
    let statement: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&statement["resourceType"], &statement["kind"]),
        (&"CapabilityStatement".into(), &"capability".into())
    );
}
