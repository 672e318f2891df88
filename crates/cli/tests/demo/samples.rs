//! What the clinic has stored is what the recording holds, bit for bit.

use crate::world::{headless, open, recordings, run};
use bodywire_ecg::wfdb::{Header, Recording};
use bodywire_proto::observation::{Batch, Signal};
use bodywire_proto::report::{Kind, Report};
use bodywire_proto::wire::{HubId, SensorId};
use std::path::Path;

/// Plays a recording through the whole system and compares.
fn played_and_stored_agree(test: &str, record: &str, speed: &str) {
    let Some(data) = recordings(test) else { return };
    let path = data.join(record);
    let directory = tempfile::tempdir().unwrap();
    let arguments = ["--speed", speed, "--recording", path.to_str().unwrap()];
    let result = run(&mut headless(directory.path(), &arguments));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert_eq!(result.summary()["lost"], 0);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let stored = runtime.block_on(stored_ecg(directory.path()));
    let recorded = recorded(&path);
    assert_eq!(stored.len(), recorded.len(), "{record}");
    assert!(stored == recorded, "{record}: a sample differs");
}

async fn stored_ecg(state: &Path) -> Vec<i16> {
    let (store, mut archive) = open(state).await;
    let mut samples = Vec::new();
    for row in store.reports(HubId(1)).await.unwrap() {
        if row.sensor != SensorId(1) || row.kind != Kind::Observations as u8 {
            continue;
        }
        let (_, _, _, bytes) = archive.read(row.ledger_index).await.unwrap();
        for part in Report::parse(&bytes).unwrap().parts() {
            let batch = Batch::parse(part.unwrap()).unwrap();
            if batch.header.signal == Signal::Ecg {
                assert_eq!(batch.header.first_index, samples.len() as u64, "a gap or a repetition");
                assert!(!batch.header.simulated);
                samples.extend(batch.samples());
            }
        }
    }
    samples
}

fn recorded(path: &Path) -> Vec<i16> {
    let text = std::fs::read_to_string(path.with_extension("hea")).unwrap();
    let header = Header::parse(&text).unwrap();
    let data = std::fs::read(path.with_file_name(header.signals()[0].file_name)).unwrap();
    Recording::new(&header, &data).unwrap().signal(0).collect()
}

#[test]
fn half_an_hour_of_format_212_arrives_bit_for_bit() {
    played_and_stored_agree("half_an_hour_of_format_212_arrives_bit_for_bit", "mitdb/100", "150");
}

#[test]
fn a_recording_in_format_16_arrives_bit_for_bit() {
    let test = "a_recording_in_format_16_arrives_bit_for_bit";
    let Some(data) = recordings(test) else { return };
    let person =
        std::fs::read_dir(data.join("ecgiddb")).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    let record = person.strip_prefix(&data).unwrap().join("rec_1");
    played_and_stored_agree(test, record.to_str().unwrap(), "10");
}
