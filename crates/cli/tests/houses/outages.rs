//! The same bad days over brokers of every make: nothing is lost, nothing is stored twice, order is kept.

use crate::engines::{Engines, Make};
use crate::process::json;
use crate::relay::Relay;
use crate::world::World;
use bodywire_ecg::SampleRate;
use bodywire_ecg::synthetic::{EcgModel, Rhythm};
use bodywire_ecg::wfdb::{Format, encode, encoded_len};
use bodywire_proto::report::Kind;
use serde_json::Value;
use std::time::{Duration, Instant};

fn sleep(seconds: f64) {
    std::thread::sleep(Duration::from_secs_f64(seconds));
}

/// A cheap generator: which path is cut next must differ, and need not be secret.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % bound
    }
}

/// A ward over three brokers behind wires, with two sensors for so long, and what the bad day does meanwhile.
async fn ward(make: Make, test: &str, seconds: u32, day: impl FnOnce(&World, &mut Engines, &[Relay])) {
    ward_of(make, test, seconds, |_| Vec::new(), day).await;
}

/// The same with an ECG of one's own: the sensor's arguments. What is left when all is over; nothing without the brokers.
async fn ward_of(
    make: Make,
    test: &str,
    seconds: u32,
    ecg: impl FnOnce(&World) -> Vec<String>,
    day: impl FnOnce(&World, &mut Engines, &[Relay]),
) -> Option<World> {
    let mut engines = Engines::start(make, test)?;
    let relays = engines.ports.map(Relay::to);
    let mut paths = String::new();
    for (index, relay) in relays.iter().enumerate() {
        paths.push_str(&format!(
            "[[path]]\nname = \"path-{index}\"\nhost = \"127.0.0.1\"\nport = {}\n{}",
            relay.port,
            engines.lines(index)
        ));
    }
    let world = World::over(&paths);
    world.enroll("1", &[]);
    world.enroll("2", &["--kind", "temperature", "--class", "I"]);
    world.admit();
    let mut clinic = world.clinic();
    let (hub, address) = world.hub();
    let duration = format!("{seconds}s");
    let (ecg, others) = (ecg(&world), Vec::new());
    let mut sensors = [
        world.sensor_with("1", &address, &duration, &ecg),
        world.sensor_with("2", &address, &duration, &others),
    ];
    world.keep(clinic);
    day(&world, &mut engines, &relays);
    for sensor in &mut sensors {
        sensor.finish();
    }
    clinic = world.kept();
    let done: Value = serde_json::from_str(&hub.stop()).unwrap();
    assert_eq!(done["pending"], 0, "{make:?}: {done}");
    let kept: Value = serde_json::from_str(&clinic.stop()).unwrap();
    let reports = done["reports"].as_u64().unwrap();
    let verified = json(&["ledger", "verify", &world.file("clinic/clinic/ledger")]);
    assert_eq!(verified["verified"], true);
    let stored = world.stored().await;
    eprintln!("{test}: {reports} reports; hub {done}; clinic {kept}");
    assert!(reports > u64::from(seconds), "{done}");
    assert_eq!(stored.keys().copied().collect::<Vec<_>>(), (0..reports).collect::<Vec<_>>(), "lost");
    assert!(stored.values().all(|times| *times == 1), "stored twice: {stored:?}");
    assert_eq!(world.unmarked().await, 0, "out of order and not marked late");
    Some(world)
}

/// Restarted and killed brokers, a slow path (so that fragments overtake each other), a path that takes nothing more.
fn bad_day(_: &World, engines: &mut Engines, relays: &[Relay]) {
    sleep(4.0);
    engines.kill(1);
    sleep(2.0);
    engines.restart(1);
    sleep(3.0);
    relays[2].delay(Duration::from_millis(700));
    sleep(5.0);
    relays[2].delay(Duration::ZERO);
    relays[0].stall(true);
    sleep(6.0);
    relays[0].stall(false);
    // Two of three at once: nothing goes, and everything waits.
    relays[1].refuse(true);
    relays[2].refuse(true);
    relays[1].cut();
    relays[2].cut();
    sleep(4.0);
    relays[1].refuse(false);
    relays[2].refuse(false);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_on_embedded_brokers() {
    ward(Make::Embedded, "a_bad_day_on_embedded_brokers", 34, bad_day).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_on_mosquitto_with_tls() {
    ward(Make::Mosquitto, "a_bad_day_on_mosquitto_with_tls", 34, bad_day).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_day_on_a_cluster_of_nats() {
    ward(Make::Nats, "a_bad_day_on_a_cluster_of_nats", 34, bad_day).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_cuts_on_mosquitto() {
    let cuts = |_: &World, _: &mut Engines, relays: &[Relay]| {
        let mut dice = Dice(7);
        sleep(3.0);
        for _ in 0..100 {
            let relay = &relays[dice.below(3) as usize];
            relay.refuse(dice.below(3) == 0);
            relay.cut();
            sleep(0.1 + dice.below(400) as f64 / 1_000.0);
            relay.refuse(false);
        }
    };
    ward(Make::Mosquitto, "a_hundred_cuts_on_mosquitto", 52, cuts).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_path_is_dead_from_the_beginning() {
    let dead = |_: &World, engines: &mut Engines, _: &[Relay]| engines.kill(1);
    ward(Make::Embedded, "one_path_is_dead_from_the_beginning", 15, dead).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clinic_is_killed_and_restarted_ten_times() {
    let kills = |world: &World, _: &mut Engines, _: &[Relay]| {
        let begun = Instant::now();
        for kill in 1..=10 {
            let due = Duration::from_secs_f64(3.5 * f64::from(kill));
            std::thread::sleep(due.saturating_sub(begun.elapsed()));
            world.kept().kill();
            world.keep(world.clinic());
        }
    };
    ward(Make::Embedded, "a_clinic_is_killed_and_restarted_ten_times", 45, kills).await;
}

/// Writes a recording whose heart begins to fibrillate; the arguments with which a sensor plays it.
fn fibrillating(world: &World, after_s: usize) -> Vec<String> {
    let rate = SampleRate::new(250.0).unwrap();
    let mut dice = Dice(11);
    let mut model = EcgModel::new(rate, 200.0, 0, 0.02, Rhythm::Sinus { bpm: 70.0 }).unwrap();
    let mut random = || dice.below(1 << 31) as u32 * 2;
    let mut samples: Vec<i16> = (0..after_s * 250).map(|_| model.next_sample(&mut random)).collect();
    model.switch(Rhythm::VentricularFibrillation).unwrap();
    samples.extend((0..120 * 250).map(|_| model.next_sample(&mut random)));
    let mut bytes = vec![0; encoded_len(Format::Pcm16, samples.len())];
    encode(Format::Pcm16, &samples, &mut bytes).unwrap();
    std::fs::write(world.path("heart.dat"), bytes).unwrap();
    let header = format!("heart 1 250 {}\nheart.dat 16 200(0)/mV 16 0 0 0 0 II\n", samples.len());
    std::fs::write(world.path("heart.hea"), header).unwrap();
    vec!["--recording".to_owned(), world.file("heart")]
}

/// A hub is cut off for long, and back on ways that carry 20 kbit/s when the heart fibrillates.
#[tokio::test(flavor = "multi_thread")]
async fn an_alarm_overtakes_what_was_kept_while_a_slow_hub_was_cut_off() {
    let test = "an_alarm_overtakes_what_was_kept_while_a_slow_hub_was_cut_off";
    let cut_off = |_: &World, _: &mut Engines, relays: &[Relay]| {
        sleep(4.0);
        for relay in relays {
            relay.refuse(true);
            relay.cut();
            relay.rate(2_500);
        }
        sleep(40.0);
        relays.iter().for_each(|relay| relay.refuse(false));
    };
    let ecg = |world: &World| fibrillating(world, 40);
    let Some(world) = ward_of(Make::Mosquitto, test, 62, ecg, cut_off).await else { return };
    let rows = world.rows().await;
    let alarm = rows.iter().filter(|row| row.kind == Kind::Alarm as u8).min_by_key(|row| row.ledger_index);
    let alarm = alarm.expect("an alarm is stored");
    let overtaken = rows
        .iter()
        .filter(|row| row.kind != Kind::Alarm as u8)
        .filter(|row| row.number < alarm.number && row.ledger_index > alarm.ledger_index);
    assert!(overtaken.count() > 10, "{alarm:?}");
}
