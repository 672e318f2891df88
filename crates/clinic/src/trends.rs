//! Trends of before the process began, made anew from the ledger: the newest hour first, page by page, while everything else
//! goes on.

use crate::archive::Archive;
use crate::board::{Board, Signal};
use crate::record_read::{Found, Reading, Samples, Wanted};
use bodywire_proto::observation;
use bodywire_proto::risk::RiskClass;
use bodywire_proto::wire::HubId;
use bodywire_store::Store;
use std::sync::Weak;
use std::time::Duration;
use tokio::sync::Mutex;

/// Hours that are looked back: as many as the screen shows.
const HOURS: u64 = 24;
const HOUR_MS: u64 = 60 * 60 * 1_000;
/// Pause between two pages: what arrives comes first.
const PAUSE: Duration = Duration::from_millis(5);

/// Reads what is on record of these hubs' patients into the trends of their boards. Ends early when the ledger is closed.
/// Class III is left out: it is sealed, and nobody has asked.
pub(crate) async fn restore(archive: Weak<Mutex<Archive>>, store: Store, ward: Board, hubs: Vec<HubId>) {
    if !ward.begin_trends() {
        return;
    }
    let began_ms = ward.started_at_ms();
    for hour in 0..HOURS {
        let to_ms = began_ms.saturating_sub(hour * HOUR_MS);
        for hub in &hubs {
            let read = one_hour(&archive, &store, &ward.at(hub.0), *hub, to_ms).await;
            match read {
                Ok(true) => {}
                Ok(false) => return,
                Err(error) => tracing::warn!(%error, "an hour of trends could not be read"),
            }
        }
    }
}

/// False when the ledger is closed.
async fn one_hour(
    archive: &Weak<Mutex<Archive>>,
    store: &Store,
    board: &Board,
    hub: HubId,
    to_ms: u64,
) -> Result<bool, crate::Error> {
    let patient = store.patient_at(hub).await?;
    let from_ms = to_ms.saturating_sub(HOUR_MS);
    let wanted = Wanted { hub, patient, from_ms, to_ms, class: RiskClass::II };
    let mut reading = match archive.upgrade() {
        Some(archive) => Reading::begin(wanted, &archive, store, to_ms, &|_, _| false).await?,
        None => return Ok(false),
    };
    loop {
        let page = match archive.upgrade() {
            Some(archive) => reading.next(&archive, store).await?,
            None => return Ok(false),
        };
        let Some(page) = page else { return Ok(true) };
        for found in page {
            if let Found::Samples(samples) = found {
                remember(board, &samples);
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn remember(board: &Board, samples: &Samples) {
    let measured = observation::Signal::ALL.into_iter().find(|signal| signal.name() == samples.signal);
    let signal = match measured.and_then(crate::chart::shown_as) {
        Some(signal) if signal != Signal::Ecg => signal,
        _ => return,
    };
    let class = if samples.class == "I" { crate::board::RiskClass::I } else { crate::board::RiskClass::II };
    let of = (signal, class, samples.sensor);
    for (n, sample) in (0u64..).zip(&samples.samples) {
        let steps = f64::from(*sample) - f64::from(samples.baseline);
        let value = steps * 1_000.0 / f64::from(samples.gain_milli.max(1));
        let at_ms = samples.start_ms + n * 1_000_000 / u64::from(samples.rate_millihertz.max(1));
        board.remember(of, samples.unit, value, at_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::Item;
    use crate::board::Source;
    use bodywire_proto::handshake::Profile;
    use bodywire_proto::observation::{BatchHeader, Scale};
    use bodywire_proto::report::{Kind, ReportHeader, emit_header};
    use bodywire_proto::wire::{SensorId, Suite};
    use bodywire_store::{DatabaseKey, HubRow, Location, PufQuality, ReportRow, SensorRow};
    use std::sync::Arc;

    const HUB: HubId = HubId(1);
    const TEMP: SensorId = SensorId(4);
    const BEGAN: u64 = 100 * HOUR_MS;

    fn report(at_ms: u64, number: u64, tenths: i16) -> Vec<u8> {
        let header = BatchHeader {
            signal: observation::Signal::Temperature,
            simulated: true,
            rate_millihertz: 1_000,
            scale: Scale { gain_milli: 10_000, baseline: 0 },
            first_index: 0,
            time_us: at_ms * 1_000,
        };
        let mut batch = [0; 64];
        let (length, _) = observation::emit(&header, &[tenths], &mut batch).unwrap();
        let header = ReportHeader {
            kind: Kind::Observations,
            sensor: TEMP,
            number,
            hub_time_ms: at_ms,
            offset_ms: 0,
            backlog: 0,
        };
        let part = [&(length as u16).to_be_bytes()[..], &batch[..length]].concat();
        [&emit_header(&header).unwrap()[..], &part].concat()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_last_day_of_this_patient_is_back_and_nobody_elses() {
        let directory = tempfile::tempdir().unwrap();
        let location = Location::file(directory.path().join("test.db"));
        let store = Store::open(&location, &DatabaseKey::new([7; 32])).await.unwrap();
        store.enroll_hub(&HubRow { hub: HUB, verify_key: [1; 32], rendezvous: [2; 32] }).await.unwrap();
        let quality = PufQuality { reliability: 1.0, uniformity: 0.5, uniqueness: None };
        let row = SensorRow {
            hub: HUB,
            sensor: TEMP,
            kind: observation::Signal::Temperature,
            class: RiskClass::I,
            profile: Profile::Hardened(Suite::Polar256),
            wrapping_key: None,
            enrolled_ms: 0,
            quality,
            revoked_ms: None,
        };
        store.enroll_sensor(&row, &[]).await.unwrap();
        let origin = bodywire_ledger::Origin::new("ward.example/log").unwrap();
        let key = ed25519_dalek::SigningKey::from_bytes(&[1; 32]);
        let path = directory.path().join("ledger");
        let (mut archive, _) = Archive::open(&path, origin, key, store.clone(), None).await.unwrap();
        let mut append = async |number: u64, hours_ago: u64, tenths: i16| {
            let at_ms = BEGAN - hours_ago * HOUR_MS - 60_000;
            let report = report(at_ms, number, tenths);
            let class = RiskClass::I;
            let item =
                Item { hub: HUB, number, sensor: TEMP, hub_time_ms: at_ms, late: false, class, report };
            let entries = archive.append(&[item], BEGAN).await.unwrap().entries;
            let row = ReportRow {
                hub: HUB,
                number,
                ledger_index: entries.start,
                sensor: TEMP,
                kind: Kind::Observations as u8,
                hub_time_ms: at_ms,
            };
            let head = archive.head().unwrap();
            archive.register(&head, &[row], &[]).await.unwrap();
        };
        append(1, 20, 400).await;
        store.admit_patient(b"somebody", HUB, 5).await.unwrap();
        for (number, hours_ago, tenths) in [(2, 30, 350), (3, 10, 366), (4, 0, 372)] {
            append(number, hours_ago, tenths).await;
        }
        let archive = Arc::new(Mutex::new(archive));
        let ward = Board::new(BEGAN, Source::Live);
        restore(Arc::downgrade(&archive), store.clone(), ward.clone(), vec![HUB]).await;
        let trends = ward.at(1).trends(0);
        let lows: Vec<f64> = trends[0].points.iter().map(|point| point.1).collect();
        assert_eq!(lows, [36.6, 37.2], "of this patient, and of one day");
        // A clinic that begins anew in the same process adds nothing twice.
        restore(Arc::downgrade(&archive), store, ward.clone(), vec![HUB]).await;
        assert_eq!(ward.at(1).trends(0), trends);
    }
}
