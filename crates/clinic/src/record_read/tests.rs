use super::*;
use crate::archive::Item;
use crate::index::row_of;
use bodywire_ledger::Origin;
use bodywire_proto::consent::{DataKey, Sealer};
use bodywire_proto::handshake::Profile;
use bodywire_proto::observation::{BatchHeader, Scale, Signal};
use bodywire_proto::report::{Condition, ReportHeader, emit_header};
use bodywire_store::{DatabaseKey, HubRow, Location, PufQuality, SensorRow};
use ed25519_dalek::SigningKey;

const HUB: HubId = HubId(7);
const ECG: SensorId = SensorId(1);
const TEMPERATURE: SensorId = SensorId(4);
const PUMP: SensorId = SensorId(5);
const NOW: u64 = 1_000_000_000;
const SESSION: u32 = 3;

struct Ward {
    _directory: tempfile::TempDir,
    store: Store,
    archive: Mutex<Archive>,
    next: u64,
}

impl Ward {
    async fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::file(directory.path().join("test.db"));
        let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
        store.enroll_hub(&HubRow { hub: HUB, verify_key: [1; 32], rendezvous: [2; 32] }).await.unwrap();
        for (sensor, kind, class) in [
            (ECG, Signal::Ecg, RiskClass::II),
            (TEMPERATURE, Signal::Temperature, RiskClass::I),
            (PUMP, Signal::InsulinRate, RiskClass::III),
        ] {
            let row = SensorRow {
                hub: HUB,
                sensor,
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
        let origin = Origin::new("ward.example/log").unwrap();
        let key = SigningKey::from_bytes(&[1; 32]);
        let ledger = directory.path().join("ledger");
        let (archive, _) = Archive::open(&ledger, origin, key, store.clone(), None).await.unwrap();
        Self { _directory: directory, store, archive: Mutex::new(archive), next: 1 }
    }

    async fn report(&mut self, kind: Kind, sensor: SensorId, hub_time_ms: u64, body: &[u8]) {
        self.report_after(kind, sensor, (hub_time_ms, 0), body).await;
    }

    /// A report that arrived when its first sample was `offset_ms` old.
    async fn report_after(
        &mut self,
        kind: Kind,
        sensor: SensorId,
        (hub_time_ms, offset_ms): (u64, i64),
        body: &[u8],
    ) {
        let number = self.next;
        self.next += 1;
        let header = ReportHeader { kind, sensor, number, hub_time_ms, offset_ms, backlog: 0 };
        let report = [&emit_header(&header).unwrap()[..], body].concat();
        let item = Item {
            hub: HUB,
            number,
            sensor,
            hub_time_ms,
            late: false,
            class: bodywire_proto::risk::RiskClass::II,
            report,
        };
        let mut archive = self.archive.lock().await;
        let appended = archive.append(std::slice::from_ref(&item), NOW).await.unwrap();
        let row = row_of(appended.entries.start, &item).unwrap();
        let head = archive.head().unwrap();
        archive.register(&head, &[row], &appended.vectors).await.unwrap();
    }

    async fn observe(&mut self, sensor: SensorId, signal: Signal, at_ms: u64, samples: &[i16]) {
        // Ten milliseconds between two samples: it is sent with the last one, and arrives at once.
        let length_ms = 10 * (samples.len() as u64 - 1);
        let times = (at_ms + length_ms, length_ms.cast_signed());
        self.report_after(Kind::Observations, sensor, times, &part(&batch(signal, at_ms, samples))).await;
    }

    async fn read(&self, wanted: Wanted, counts: &Counts) -> Vec<Found> {
        let mut reading = Reading::begin(wanted, &self.archive, &self.store, NOW, counts).await.unwrap();
        let mut found = Vec::new();
        while let Some(page) = reading.next(&self.archive, &self.store).await.unwrap() {
            found.extend(page);
        }
        found
    }
}

fn batch(signal: Signal, at_ms: u64, samples: &[i16]) -> Vec<u8> {
    let header = BatchHeader {
        signal,
        simulated: true,
        rate_millihertz: 100_000,
        scale: Scale { gain_milli: 10_000, baseline: -200 },
        first_index: at_ms / 10,
        time_us: at_ms * 1_000,
    };
    let mut buffer = [0; 256];
    let (len, _) = observation::emit(&header, samples, &mut buffer).unwrap();
    buffer[..len].to_vec()
}

fn part(bytes: &[u8]) -> Vec<u8> {
    [&(bytes.len() as u16).to_be_bytes()[..], bytes].concat()
}

fn given(until_ms: u64) -> Vec<u8> {
    let key = DataKey::new([9; 16]);
    let occasion = consent::Occasion::Request([6; 16]);
    consent::grant(&Key::new([7; 32]), PUMP, SESSION, until_ms, occasion, &key).unwrap().to_vec()
}

fn sealed(at_ms: u64) -> Vec<u8> {
    let (plain, mut out) = (batch(Signal::InsulinRate, at_ms, &[40]), [0; 300]);
    let len = Sealer::new(DataKey::new([9; 16]), PUMP, SESSION).seal(&plain, &mut out).unwrap();
    part(&out[..len])
}

fn wanted(patient: Option<PatientId>, class: RiskClass) -> Wanted {
    Wanted { hub: HUB, patient, from_ms: NOW - 10_000, to_ms: NOW, class }
}

/// Sensor, start and number of samples of what holds some.
fn samples(found: &[Found]) -> Vec<(u16, u64, usize)> {
    let samples = found.iter().filter_map(|found| match found {
        Found::Samples(samples) => Some((samples.sensor, samples.start_ms, samples.samples.len())),
        _ => None,
    });
    samples.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_patients_time_and_classes_come_out() {
    let mut ward = Ward::new().await;
    ward.observe(TEMPERATURE, Signal::Temperature, NOW - 9_000, &[1]).await;
    let first = ward.store.admit_patient(b"", HUB, NOW - 8_500).await.unwrap();
    ward.observe(TEMPERATURE, Signal::Temperature, NOW - 20_000, &[1]).await;
    ward.observe(TEMPERATURE, Signal::Temperature, NOW - 8_000, &[2, 3]).await;
    ward.observe(ECG, Signal::Ecg, NOW - 7_000, &[1, 2, 3]).await;
    ward.observe(ECG, Signal::HeartRate, NOW - 7_000, &[72]).await;
    let condition = Condition::VentricularFibrillation;
    let alarm = Alarm {
        condition,
        present: true,
        onset_index: 0,
        decided_index: 9,
        correlation: None,
        threshold: 0.4,
    };
    ward.report(Kind::Alarm, ECG, NOW - 6_500, &alarm.to_bytes().unwrap()).await;
    ward.observe(TEMPERATURE, Signal::Temperature, NOW + 5_000, &[9]).await;
    ward.store.discharge(first, NOW - 6_000).await.unwrap();
    let second = ward.store.admit_patient(b"", HUB, NOW - 5_000).await.unwrap();
    ward.observe(ECG, Signal::Ecg, NOW - 4_000, &[8, 8]).await;

    let of = async |patient, class| ward.read(wanted(patient, class), &|_, _| true).await;
    let low = of(Some(first), RiskClass::I).await;
    assert_eq!(samples(&low), [(4, NOW - 8_000, 2)]);
    assert_eq!(low.len(), 1, "{low:?}");
    let high = of(Some(first), RiskClass::II).await;
    assert_eq!(samples(&high), [(4, NOW - 8_000, 2), (1, NOW - 7_000, 3), (1, NOW - 7_000, 1)]);
    let Some(Found::Alarm { alarm }) = high.last() else { panic!("{high:?}") };
    assert_eq!((alarm.at_ms, alarm.condition, alarm.present), (NOW - 6_500, 3, true));
    let Some(Found::Samples(one)) = high.first() else { panic!("{high:?}") };
    assert_eq!((one.signal, one.class.as_str(), one.unit, one.simulated), ("temperature", "I", "Cel", true));
    assert_eq!((one.period_us, one.gain_milli, one.baseline), (10_000, 10_000, -200));
    assert_eq!(samples(&of(Some(second), RiskClass::II).await), [(1, NOW - 4_000, 2)]);
    assert_eq!(samples(&of(None, RiskClass::II).await), [(4, NOW - 9_000, 1)], "what is nobody's");
    // Erased in between: nothing of it is left, and nothing fails.
    ward.store.erase_patient(first, NOW).await.unwrap();
    assert!(of(Some(first), RiskClass::II).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn class_three_opens_with_a_consent_that_counts_and_holds() {
    let mut ward = Ward::new().await;
    let patient = Some(ward.store.admit_patient(b"", HUB, 10).await.unwrap());
    // It was given before the time that is asked for.
    ward.report(Kind::Consent, PUMP, NOW - 60_000, &given(NOW + 1)).await;
    ward.report(Kind::Sealed, PUMP, NOW - 5_000, &sealed(NOW - 5_000)).await;
    let found = ward.read(wanted(patient, RiskClass::III), &|_, _| true).await;
    let consent = Consented { sensor: 5, session: SESSION, given_ms: NOW - 60_000, until_ms: NOW + 1 };
    assert_eq!((&found[0], samples(&found)), (&Found::Consent { consent }, vec![(5, NOW - 5_000, 1)]));
    assert!(ward.read(wanted(patient, RiskClass::II), &|_, _| true).await.is_empty());
    assert!(ward.read(wanted(patient, RiskClass::III), &|_, _| false).await.is_empty(), "of another asker");

    let mut ward = Ward::new().await;
    let patient = Some(ward.store.admit_patient(b"", HUB, 10).await.unwrap());
    ward.report(Kind::Consent, PUMP, NOW - 60_000, &given(NOW - 1)).await;
    ward.report(Kind::Sealed, PUMP, NOW - 5_000, &sealed(NOW - 5_000)).await;
    assert!(ward.read(wanted(patient, RiskClass::III), &|_, _| true).await.is_empty(), "it has ended");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_reports_come_in_pages_and_in_their_order() {
    let mut ward = Ward::new().await;
    for step in 0..300 {
        ward.observe(TEMPERATURE, Signal::Temperature, NOW - 9_000 + 10 * step, &[step as i16]).await;
    }
    let found = ward.read(wanted(None, RiskClass::I), &|_, _| true).await;
    let starts: Vec<u64> = samples(&found).iter().map(|(_, start, _)| *start).collect();
    assert!(starts.len() == 300 && starts.is_sorted());
}
