//! Events and messages a second of processor time of the simulated star, beside ns-3 with the same star.

use crate::figure::Figure;
use crate::processor::spent;
use bodywire_sim::radio::path_loss::PathLoss;
use bodywire_sim::radio::standard::IEEE_802_15_4;
use bodywire_sim::radio::star::{Star, Traffic};
use serde::Deserialize;
use std::path::Path;
use std::process::Command;

/// Sensors around the hub: paper B's three, and a full ward round.
const SENSORS: [usize; 4] = [5, 10, 15, 50];
/// Messages a second in the whole star: quiet, and near what the channel carries.
const LOADS: [(&str, u32); 2] = [("light", 25), ("near saturation", 200)];
const PACKET_BYTES: usize = 50;
/// Simulated seconds of a run.
const SECONDS: f64 = 60.0;
const QUEUE: usize = 32;
/// Noise and threshold of ns-3 3.37, in decibels over a milliwatt, as in `crates/sim/examples/star.rs`.
const PEER_NOISE_DBM: f64 = -106.9866;
const PEER_THRESHOLD_DBM: f64 = -96.58;

/// A line of `crates/bench/peers/ns3-star.cc`, as far as it is of use here.
#[derive(Deserialize)]
struct PeerRun {
    sent: u64,
    events: u64,
    cpu_s: f64,
}

/// Events, messages, and seconds on a processor.
#[derive(Default)]
struct Rate {
    events: u64,
    sent: u64,
    cpu_s: f64,
}

impl Rate {
    fn events_per_s(&self) -> f64 {
        if self.cpu_s > 0.0 { self.events as f64 / self.cpu_s } else { 0.0 }
    }

    fn messages_per_s(&self) -> f64 {
        if self.cpu_s > 0.0 { self.sent as f64 / self.cpu_s } else { 0.0 }
    }
}

fn interval_ms(sensors: usize, rate: u32) -> f64 {
    1_000.0 * sensors as f64 / f64::from(rate)
}

/// Ours, for at least so many seconds on a processor.
fn ours(sensors: usize, rate: u32, seconds: f64) -> Rate {
    let traffic = Traffic::Exponential(interval_ms(sensors, rate));
    let star = Star {
        path_loss: PathLoss::NS3,
        radius_m: 1.0,
        noise_dbm: Some(PEER_NOISE_DBM),
        threshold_dbm: PEER_THRESHOLD_DBM,
        queue_messages: QUEUE,
        ..Star::new(IEEE_802_15_4, sensors, PACKET_BYTES, traffic, SECONDS)
    };
    let (mut all, mut seed) = (Rate::default(), 1);
    while all.cpu_s < seconds {
        let (run, cpu_s) = spent(|| star.run(seed).expect("a star of this size can be made"));
        all.cpu_s += cpu_s;
        all.events += run.events;
        all.sent += run.sent;
        seed += 1;
    }
    all
}

/// The peer's, one run.
fn peer(program: &Path, sensors: usize, rate: u32) -> Result<Rate, String> {
    let arguments = [
        sensors.to_string(),
        PACKET_BYTES.to_string(),
        interval_ms(sensors, rate).to_string(),
        SECONDS.to_string(),
        "1".to_owned(),
        "1".to_owned(),
        "1".to_owned(),
        QUEUE.to_string(),
    ];
    let name = program.display();
    let build = "build it with scripts/cross-check-ns3";
    let done = Command::new(program)
        .args(arguments)
        .output()
        .map_err(|error| format!("{name} cannot be run: {error}; {build}"))?;
    if !done.status.success() {
        return Err(format!("{name} ended with {}: {}", done.status, String::from_utf8_lossy(&done.stderr)));
    }
    let mut all = Rate::default();
    for line in String::from_utf8_lossy(&done.stdout).lines() {
        let run: PeerRun = serde_json::from_str(line)
            .map_err(|error| format!("{name} printed something else: {error}; {build}"))?;
        all.events += run.events;
        all.sent += run.sent;
        all.cpu_s += run.cpu_s;
    }
    if all.events == 0 {
        return Err(format!("{name} printed no run; {build}"));
    }
    Ok(all)
}

/// All of them; without a peer program only ours.
pub(crate) fn figures(peers: Option<&Path>, seconds: f64) -> Result<Vec<Figure>, String> {
    let mut figures = Vec::new();
    for (load, rate) in LOADS {
        for sensors in SENSORS {
            let ours = ours(sensors, rate, seconds);
            let (theirs, peer_name) = match peers {
                Some(program) => (peer(program, sensors, rate)?, "ns-3 3.37, lr-wpan"),
                None => (Rate::default(), "none given, see --peers"),
            };
            let name = format!("simulated star, {sensors} sensors, {load}");
            let mut push = |unit, ours, theirs| {
                figures.push(Figure::new(name.clone(), unit, ours, peer_name.to_owned(), theirs));
            };
            push("events/s", ours.events_per_s(), theirs.events_per_s());
            push("messages/s", ours.messages_per_s(), theirs.messages_per_s());
        }
    }
    Ok(figures)
}
