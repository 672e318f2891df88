//! What a broker sees: everything published on its path, and nothing of it readable.

use crate::world::{headless, open, run, three_free_ports};
use bodywire_proto::report::Kind;
use bodywire_proto::wire::HubId;
use rumqttc::v5::mqttbytes::QoS;
use rumqttc::v5::mqttbytes::v5::Packet;
use rumqttc::v5::{AsyncClient, Event, MqttOptions};
use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What one broker has seen: topics and payloads.
type Capture = Vec<(String, Vec<u8>)>;

/// Listens to everything on a broker from its first moment until `stop`.
async fn listen(port: u16, stop: Arc<AtomicBool>) -> Capture {
    let mut options = MqttOptions::new(format!("eavesdropper-{port}"), "127.0.0.1", port);
    options.set_keep_alive(Duration::from_secs(5)).set_max_packet_size(Some(1 << 20));
    let (client, mut events) = AsyncClient::new(options, 64);
    let mut seen = Capture::new();
    while !stop.load(Ordering::Relaxed) {
        match tokio::time::timeout(Duration::from_millis(100), events.poll()).await {
            Ok(Ok(Event::Incoming(Packet::ConnAck(_)))) => {
                client.try_subscribe("#", QoS::AtLeastOnce).unwrap()
            }
            Ok(Ok(Event::Incoming(Packet::Publish(message)))) => {
                seen.push((String::from_utf8(message.topic.to_vec()).unwrap(), message.payload.to_vec()));
            }
            Ok(Err(_)) => tokio::time::sleep(Duration::from_millis(20)).await,
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    seen
}

/// Runs the demo with a listener on each broker.
fn tapped_run(state: &Path) -> Vec<Capture> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = three_free_ports();
    let stop = Arc::new(AtomicBool::new(false));
    let taps: Vec<_> = (0..3).map(|i| runtime.spawn(listen(first + i, Arc::clone(&stop)))).collect();
    let port = first.to_string();
    let result = run(&mut headless(state, &["--duration", "6s", "--mqtt-port", &port]));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    stop.store(true, Ordering::Relaxed);
    taps.into_iter().map(|tap| runtime.block_on(tap).unwrap()).collect()
}

/// Every plaintext report that the clinic has stored.
fn stored_reports(state: &Path) -> Vec<Vec<u8>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (store, mut archive) = open(state).await;
        let mut reports = Vec::new();
        for row in store.reports(HubId(1)).await.unwrap() {
            // A vector of vital signs lies there as it was sent; a broker must not have it whole either.
            reports.push(match row.kind == Kind::Vector as u8 {
                true => archive.vector(row.ledger_index).await.unwrap().vector,
                false => archive.read(row.ledger_index).await.unwrap().3,
            });
        }
        reports
    })
}

#[test]
fn no_broker_sees_plaintext_names_or_a_whole_message() {
    let directory = tempfile::tempdir().unwrap();
    let captures = tapped_run(directory.path());
    let reports = stored_reports(directory.path());
    assert!(reports.len() >= 15);
    // Eight bytes of a report: long enough not to occur by chance, shorter than any field group that would tell.
    let windows: HashSet<&[u8]> = reports
        .iter()
        .flat_map(|report| report.windows(8))
        .filter(|window| window.iter().collect::<HashSet<_>>().len() >= 6)
        .collect();
    let names = [
        "ecg", "spo2", "resp", "temp", "insulin", "pump", "heart", "demo", "patient", "402", "hub", "sensor",
    ];
    for (path, capture) in captures.iter().enumerate() {
        let fragments = capture.iter().filter(|(topic, _)| topic.ends_with("/f")).count();
        assert!(
            fragments >= reports.len(),
            "path {path} carried {fragments} fragments of {} reports",
            reports.len()
        );
        for (topic, payload) in capture {
            let levels: Vec<&str> = topic.split('/').collect();
            let [bw, version, shard, opaque, leaf] = levels[..] else { panic!("topic {topic}") };
            assert_eq!((bw, version, shard), ("bw", "1", "0"));
            assert!(opaque.len() == 24 && opaque.bytes().all(|b| b.is_ascii_hexdigit()), "topic {topic}");
            assert!(["f", "a", "i", "p", "s"].contains(&leaf), "topic {topic}");
            assert!(
                !payload.windows(8).any(|window| windows.contains(window)),
                "path {path} shows plaintext"
            );
            let text = String::from_utf8_lossy(payload).to_lowercase();
            assert!(
                !names.iter().any(|name| name.len() > 4 && text.contains(name)),
                "path {path} shows a name"
            );
        }
    }
    joins_nothing(&captures);
}

/// No two brokers have a topic or a run of bytes in common by which they could join what they saw.
fn joins_nothing(captures: &[Capture]) {
    for (i, a) in captures.iter().enumerate() {
        let topics: HashSet<&str> = a.iter().map(|(topic, _)| topic.as_str()).collect();
        let windows: HashSet<&[u8]> =
            a.iter().filter(|(t, _)| t.ends_with("/f")).flat_map(|(_, p)| p[1..].windows(8)).collect();
        for b in captures.iter().skip(i + 1) {
            assert!(
                b.iter().all(|(topic, _)| !topics.contains(topic.as_str())),
                "a topic is the same on two paths"
            );
            let fragments = b.iter().filter(|(topic, _)| topic.ends_with("/f"));
            let shared = fragments.flat_map(|(_, p)| p[1..].windows(8)).find(|w| windows.contains(w));
            assert_eq!(shared, None, "two paths carry equal bytes");
        }
    }
}

/// Logs are read by many: whatever is switched on, no patient, no key and nothing measured stands in them.
#[test]
fn logs_name_no_patient_and_show_no_key() {
    let directory = tempfile::tempdir().unwrap();
    let filter =
        "bodywire_hub=trace,bodywire_clinic=trace,bodywire_cli=trace,bodywire_store=trace,rumqttc=debug";
    let arguments = ["--duration", "7s", "--kill-path", "2", "--emergency-at", "1s"];
    let result = run(headless(directory.path(), &arguments).env("BODYWIRE_LOG", filter));
    assert_eq!(result.code, Some(0), "{}", result.stderr);
    assert!(result.stderr.contains("bodywire_hub"), "nothing was logged: {}", result.stderr);
    let log = result.stderr.to_lowercase();
    assert!(!["demo patient", "fibrillation", "insulin"].iter().any(|name| log.contains(name)), "{log}");
    // The bed's label as a word of its own: the microseconds of a time stamp hold the same digits now and then.
    let bed = |line: &str| line.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == "402");
    assert_eq!(log.lines().find(|line| bed(line)), None);
    for name in ["keys/hub", "keys/clinic", "keys/ledger", "keys/database", "keys/rendezvous", "chips/1"] {
        let secret = std::fs::read(directory.path().join(name)).unwrap();
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!log.contains(&hex[..16]), "{name} stands in the log");
    }
}
